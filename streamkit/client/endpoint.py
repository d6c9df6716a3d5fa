"""A profile, its environment variables and the caller's options -> a request's URL, headers and key.

Rules: later sources override earlier ones: profile, environment, client, call. The key is read again for
every attempt. A missing key or address raises `UsageError` before anything is sent.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import define, field

from .._checks import TEXT, check, got
from .._version import __version__
from ..errors import StreamkitError, UsageError
from ..http.messages import Call
from ..http.secrets import (
    Secret,
    is_credential,
    is_secret,
    login_secrets,
    proxy_secrets,
    redact_url,
    secrets_in,
)
from ..profiles.profile import Profile
from ..wires import WIRES, find_wire
from ..wires.prepare import PreparedRequest
from .address import check_base_url, join, root_of, with_local_path

if TYPE_CHECKING:
    import requests


_STANDARD = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # Compressed events wait in the compressor's buffer, and in some proxies until the end of the body.
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "User-Agent": f"streamkit/{__version__} python/{sys.version.split()[0]}",
}
_VERSIONED = re.compile(r"(://[^/]*|/v\d+\w*)/*$")  # a bare host, or a root that needs no further look


@define
class Endpoint:
    """One gateway as a client reaches it. `given_url` is the caller's base URL, None for the profile's."""

    profile: Profile
    given_url: str | None = None
    api_key: str | Callable[[], str] | None = field(default=None, repr=False)
    headers: Mapping[str, str | None] = field(factory=dict, repr=False)
    query: Mapping[str, str] = field(factory=dict, repr=False)
    session: requests.Session | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        """The address of the API's root. Raises `UsageError` if there is none, or if it has no scheme."""
        variable = self.profile.base_url_env or ""
        from_environment = os.environ.get(variable, "").strip()  # a blank variable is one that isn't set
        url = self.given_url or from_environment or self.profile.base_url
        if not url:
            hint = f"set {variable}, or pass base_url=" if variable else "pass base_url="
            raise UsageError(f"base_url: the profile {self.profile.name!r} has none; {hint}")
        url = check_base_url(url, "base_url" if self.given_url or not from_environment else variable)
        return with_local_path(url, self.profile.base_url)

    @property
    def shown_url(self) -> str | None:
        """The caller's base URL without user, password and query."""
        return redact_url(self.given_url) if self.given_url else None

    def address(self, request: PreparedRequest) -> tuple[str, dict[str, str]]:
        """Return the URL to post to, without its query, and the query as a dict."""
        own_path = self.profile.paths.get(request.wire)
        base = self.base_url
        if not _VERSIONED.search(base):
            self._check_root(base, request.wire)
        others = [path for wire, path in self.profile.paths.items() if wire != request.wire]
        url, query = join(base, request.path, own_path, request.request.model, others)
        for name, variable in self.profile.env_query.items():
            value = os.environ.get(variable, "").strip()
            if value and name in query and name not in urlsplit(base).query:
                query[name] = value
        return url, query

    def _check_root(self, base: str, wire: str) -> None:
        """Raise `UsageError` if the base URL is the whole address of another API."""
        path = urlsplit(base).path
        other = next((name for name in WIRES if name != wire and find_wire(name).answers_at(path)), None)
        if other is not None:
            raise UsageError(
                f"base_url: expected the root of the {wire} API, got the address of the {other} API; "
                f"remove {find_wire(other).path} from its end, or pass wire={other!r}"
            )

    def headers_for(
        self,
        extra: Mapping[str, str | None],
        *,
        idempotency_key: str = "",
        features: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, str], dict[str, Secret]]:
        """Return the headers of an attempt: the plain ones, and those that hold a secret.

        The words of *features* join those of a header of the same name. A header of None removes one. Raises
        `UsageError` if a key is required and there is none, and for a header that HTTP can't carry.
        """
        from_environment = {
            name: value
            for name, variable in self.profile.env_headers.items()
            if (value := os.environ.get(variable, "").strip())
        }
        merged: dict[str, tuple[str, str | None]] = {}
        layers: tuple[Mapping[str, str | None], ...] = (
            {**_STANDARD, **({"Idempotency-Key": idempotency_key} if idempotency_key else {})},
            self.profile.headers,
            from_environment,
            self.headers,
            extra,
        )
        for layer in layers:
            merged |= {name.lower(): (name, value) for name, value in layer.items()}
        for name, words in (features or {}).items():
            own_name, own = merged.get(name, (name, ""))
            if own is not None:
                both = [word.strip() for word in ",".join((str(own), words)).split(",")]
                merged[name] = (own_name, ",".join(filter(None, dict.fromkeys(both))))
        given = {name: _header(name, value) for name, value in merged.values() if value is not None}
        credentials = {name: value for name, value in given.items() if is_secret(name)}
        plain = {name: str(value) for name, value in given.items() if name not in credentials}
        header = self.profile.key_header
        if header.lower() not in merged and (
            key := self._key(has_credentials=any(map(is_credential, given)))
        ):
            if self.profile.token_as_bearer and key.startswith("eyJ") and key.count(".") == 2:
                header, key = "Authorization", f"Bearer {key}"
            else:
                key = self.profile.key_prefix + key
            credentials[header] = Secret(key)
        return plain, credentials

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str | None] | None = None,
        features: Mapping[str, str] | None = None,
    ) -> Call:
        """Return a call to another path of the gateway, such as `/files`; *path* has its own query.

        Raises `UsageError` if the key or the address is missing.
        """
        known = find_wire(self.profile.wire)
        base = root_of(self.base_url, (known.path, known.plain_path or known.path))
        url, query = join(base, path, None, "")
        kind = {} if body else {"Content-Type": None}
        plain, credentials = self.headers_for({**kind, **(headers or {})}, features=features)
        secrets = self.session_secrets(is_signed=bool(credentials))
        own = {**self.profile.query, **self.query, **query}
        return Call(url, body, plain, credentials, own, secrets, method)

    def _key(self, *, has_credentials: bool) -> str | None:
        """Return the key for this attempt, or None if the profile needs none."""
        variable = self.profile.key_env
        key = self.api_key
        if callable(key):
            try:
                key = key()
            except StreamkitError:
                raise
            except Exception as exc:
                raise UsageError(
                    f"api_key: expected a key, but the function raised {type(exc).__name__}"
                ) from exc
            check("api_key()", key, TEXT)
        key = (key or "").strip() or os.environ.get(variable or "", "").strip()
        if key[:7].lower() == "bearer " == self.profile.key_prefix.lower():  # the header's value was copied
            key = key[7:].strip()
        if key:
            if not (key.isascii() and key.isprintable()):
                raise UsageError("api_key: contains characters that a header can't carry; copy the whole key")
            return key
        if variable and self.profile.key_required and not has_credentials and not self._session_signs():
            raise UsageError(
                f"api_key: the profile {self.profile.name!r} needs a key; set {variable}, or pass api_key="
            )
        return None

    def _session_signs(self) -> bool:
        return self.session is not None and self.session.auth is not None

    def session_secrets(self, *, is_signed: bool = True) -> tuple[Secret, ...]:
        """Return the secrets that the session adds, and netrc, if the request isn't signed."""
        session = self.session
        if session is None:
            return (*proxy_secrets(os.environ), *(() if is_signed else self._netrc_secrets()))
        headers = {str(name): str(value) for name, value in session.headers.items()}
        query = dict(session.params) if isinstance(session.params, Mapping) else {}
        auth = session.auth if isinstance(session.auth, tuple) else vars(session.auth or object).values()
        texts: list[str] = [*secrets_in("", headers, {str(k): str(v) for k, v in query.items()})]
        if session.auth:
            words = [text for text in auth if isinstance(text, str)]
            texts += [*words, *(login_secrets(*words) if len(words) == 2 else ())]
        texts += proxy_secrets(os.environ) if session.trust_env else ()
        texts += [s for proxy in session.proxies.values() for s in secrets_in(str(proxy), {}, {})]
        texts += session.cookies.get_dict().values()
        netrc = () if is_signed or session.auth or not session.trust_env else self._netrc_secrets()
        return (*map(Secret, texts), *netrc)

    def _netrc_secrets(self) -> tuple[Secret, ...]:
        from requests.utils import get_netrc_auth

        found = get_netrc_auth(self.base_url)
        if found is None:
            return ()
        return tuple(login_secrets(*map(str, found)))


def _header(name: str, value: str) -> Secret:
    """Return the value as HTTP carries it. Raises `UsageError`, which never contains the value."""
    value = Secret(value.strip())  # a key from a file ends with a newline
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise UsageError(
            f"headers: expected names of letters, digits and hyphens, got {got(name, 60)}; rename it"
        )
    is_latin = all(ord(c) < 256 for c in value)
    if not is_latin or any(c < " " and c != "\t" for c in value) or "\x7f" in value:
        kind = "line breaks or control characters" if is_latin else "characters beyond Latin-1"
        raise UsageError(
            f"headers: the value of {got(name, 60)} has {kind}, which HTTP can't carry; remove them"
        )
    return value

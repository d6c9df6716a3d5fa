"""A profile, its environment variables and the caller's options -> a request's URL, headers and key.

Rules: later sources override earlier ones: profile, environment, client, call. The key is read again for
every attempt. A missing key or address raises `UsageError` before anything is sent.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, evolve, field

from .._checks import TEXT, check, got
from .._lazy import lazy
from .._version import __version__
from ..errors import NotFoundError, StreamkitError, UsageError
from ..http.messages import Call
from ..http.secrets import (
    Secret,
    hidden,
    is_credential,
    is_secret,
    login_secrets,
    proxy_secrets,
    redact_url,
    secrets_in,
    settings_secrets,
)
from ..profiles.profile import Profile
from ..request.params import TOKEN_LIMITS
from ..wires import WIRES, find_wire
from ..wires.prepare import PreparedRequest
from .address import check_base_url, join, root_of, with_local_path
from .pace import BYTES_PER_TOKEN, Need

if TYPE_CHECKING:
    import requests

    from .resume import Position

new_position = lazy("client.resume:new_position")
without_refused_state = lazy("wires.refused_state:without_refused_state")

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


class Outgoing:
    """One request on its way to an endpoint: makes the call of each attempt, and adapts to a refusal."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: PreparedRequest,
        *,
        headers: Mapping[str, str | None],
        query: Mapping[str, str],
        idempotency_key: str | None = None,
    ) -> None:
        self._endpoint = endpoint
        self.request = request
        self.url, path_query = endpoint.address(request)
        self._query = {**path_query, **endpoint.profile.query, **endpoint.query, **query}
        self._extra_headers = hidden(headers)
        self._idempotency_key = idempotency_key or _new_id()
        self._encoded = _encode(request.body)
        self._in_body = tuple(settings_secrets(request.body))
        self.new_position: Callable[[], Position] | None = None

    def use_resume(self) -> None:
        """Let the answer be continued if its connection breaks. Raises `UsageError` if it can't be."""
        profile, wire = self._endpoint.profile, self.request.wire
        template = profile.resume_paths.get(wire) or find_wire(wire).resume_path
        conversation = _new_id()
        is_kept = self.request.body.get("background") is True
        self.new_position = partial(new_position, template, conversation, is_kept=is_kept)
        self.new_position()  # raises here if the server can't continue an answer
        if profile.conversation_header:
            self._extra_headers = {**self._extra_headers, profile.conversation_header: conversation}

    def continue_at(self, path: str) -> Call:
        """Return the call that continues a broken answer at *path*, which has its query."""
        call = self._endpoint.call("GET", path, headers=self._extra_headers)
        return evolve(call, query={**self._query, **call.query})

    @property
    def need(self) -> Need:
        """The tokens that the request will use, as far as they can be estimated."""
        asked = self.request.request
        output = next((n for name in TOKEN_LIMITS if (n := asked.params.get(name)) is not None), None)
        return Need(asked.model, len(self._encoded) // BYTES_PER_TOKEN, output)

    def check(self) -> None:
        """Raise `UsageError` if a key is missing. A function for the key isn't called before the attempt."""
        if not callable(self._endpoint.api_key):
            self._headers()

    def call(self) -> Call:
        """Return the call of an attempt, with the current key. Raises `UsageError` without a key."""
        plain, credentials = self._headers()
        hidden = self._endpoint.session_secrets(is_signed=bool(credentials))
        return Call(self.url, self._encoded, plain, credentials, self._query, (*self._in_body, *hidden))

    def _headers(self) -> tuple[dict[str, str], dict[str, Secret]]:
        # The same idempotency key for every attempt: a server that knows the header bills once.
        profile = self._endpoint.profile
        is_picture = bool(profile.picture_headers) and has_picture(self.request.body)
        pictures = profile.picture_headers if is_picture else {}
        return self._endpoint.headers_for(
            {**pictures, **self._extra_headers},
            idempotency_key=self._idempotency_key,
            features=find_wire(self.request.wire).headers(self.request.body) if profile.sends_betas else None,
        )

    def locate(self, error: StreamkitError) -> None:
        """Set the error's `where`: the request, the profile and the model. A 404 gets a hint."""
        model, url = self.request.request.model, redact_url(self.url)
        error.where = f"POST {url} (profile {self._endpoint.profile.name}, model {model})"
        has_version = any(re.fullmatch(r"v\d+\w*", segment) for segment in urlsplit(self.url).path.split("/"))
        is_own = self._endpoint.base_url != self._endpoint.profile.base_url
        if isinstance(error, NotFoundError) and is_own and not has_version:
            error.hint = f"does base_url need a version, such as {url.removesuffix(self.request.path)}/v1?"

    def adapt(self, error: StreamkitError) -> PreparedRequest | None:
        """Return the request as the server of *error* accepts it; None if it is unchanged."""
        profile = self._endpoint.profile
        names = find_wire(self.request.wire).retry_with(error, self.request)
        if names:
            self.request = self.request.renamed(names, f"{profile.name} refuses it")
        elif adapted := without_refused_state(error, self.request, profile):
            self.request = adapted
        else:
            return None
        self._encoded = _encode(self.request.body)
        self._idempotency_key = _new_id()  # another body is another request
        return self.request


def has_picture(value: Any) -> bool:
    """Return True if there is a picture in the messages or items of a body, whichever API it is for."""
    if isinstance(value, Mapping):
        is_part = value.get("type") in ("image_url", "input_image", "image")
        return is_part or any(map(has_picture, value.values()))
    return isinstance(value, list | tuple) and any(map(has_picture, value))


def _new_id() -> str:
    """Return an id that no other request has. It is as random as a UUID, whose module takes 1.5 ms."""
    return f"streamkit-{os.urandom(16).hex()}"


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(
            f"{_culprit(body) or 'request'}: expected values that JSON can express: {exc}"
        ) from exc


def _culprit(body: Mapping[str, Any]) -> str | None:
    """Return the key of the body whose value isn't JSON."""
    for name, value in body.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return str(name)
    return None

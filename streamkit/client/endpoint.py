"""A profile, its environment variables and the caller's options -> a request's URL, headers and key.

Rules: later sources override earlier ones: profile, environment, client, call. The key is read again for
every attempt. A missing key or address raises `UsageError` before anything is sent.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from attrs import define, field

from .._checks import TEXT, check
from .._version import __version__
from ..errors import StreamkitError, UsageError
from ..http.messages import Call
from ..http.secrets import Secret, is_secret, redact_url
from ..profiles.profile import Profile
from ..wires import find_wire
from ..wires.prepare import PreparedRequest

if TYPE_CHECKING:
    import requests

_STANDARD = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # Compressed events wait in the compressor's buffer, and in some proxies until the end of the body.
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "User-Agent": f"streamkit/{__version__} python/{platform.python_version()}",
}


@define
class Endpoint:
    """One gateway as a client reaches it. `given_url` is the caller's base URL, None for the profile's."""

    profile: Profile
    given_url: str | None = None
    api_key: str | Callable[[], str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    query: Mapping[str, str] = field(factory=dict, repr=False)
    session: requests.Session | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        """The address of the API's root. Raises `UsageError` if there is none, or if it has no scheme."""
        variable = self.profile.base_url_env
        url = self.given_url or (os.environ.get(variable) if variable else None) or self.profile.base_url
        if not url:
            hint = f"set {variable}, or pass base_url=" if variable else "pass base_url="
            raise UsageError(f"base_url: the profile {self.profile.name!r} has none; {hint}")
        url = url.strip()
        if "://" not in url:
            name = "base_url" if self.given_url or url == self.profile.base_url else variable
            raise UsageError(
                f"{name}: expected a URL such as http://127.0.0.1:8080/v1, got {redact_url(url)!r:.60}; "
                "add http:// or https://"
            )
        return url

    @property
    def shown_url(self) -> str | None:
        """The caller's base URL without user, password and query."""
        return redact_url(self.given_url) if self.given_url else None

    def address(self, request: PreparedRequest) -> tuple[str, dict[str, str]]:
        """Return the URL to post to, without its query, and the query as a dict.

        The profile's own path counts only if the base URL is a bare host.
        """
        base, path = self.base_url.rstrip("/"), request.path
        if not urlsplit(base).path:
            path = self.profile.paths.get(request.wire, path)
        path, _, query = path.partition("?")
        path = path.lstrip("/").replace("{model}", quote(request.request.model, safe=""))
        return f"{base}/{path}", dict(parse_qsl(query))

    def headers_for(self, extra: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, Secret]]:
        """Return the headers of an attempt: the plain ones, and those that hold a credential.

        A header of None removes one. Raises `UsageError` if a key is required and there is none.
        """
        from_environment = {
            name: value
            for name, variable in self.profile.env_headers.items()
            if (value := os.environ.get(variable, "").strip())
        }
        merged: dict[str, tuple[str, str | None]] = {}
        layers: tuple[Mapping[str, str | None], ...] = (
            _STANDARD,
            self.profile.headers,
            from_environment,
            self.headers,
            extra,
        )
        for layer in layers:
            merged |= {name.lower(): (name, value) for name, value in layer.items()}
        given = {name: value for name, value in merged.values() if value is not None}
        credentials = {name: Secret(value) for name, value in given.items() if is_secret(name)}
        plain = {name: value for name, value in given.items() if name not in credentials}
        header = self.profile.key_header
        if header.lower() not in merged and (key := self._key(has_credentials=bool(credentials))):
            credentials[header] = Secret(self.profile.key_prefix + key)
        return plain, credentials

    def _key(self, *, has_credentials: bool) -> str | None:
        """Return the key for this attempt, or None if the profile needs none."""
        variable = self.profile.key_env
        key = self.api_key
        if callable(key):
            key = key()
            check("api_key()", key, TEXT)
        key = (key or os.environ.get(variable or "", "")).strip()
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


class Outgoing:
    """One request on its way to an endpoint: makes the call of each attempt, and adapts to a refusal."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: PreparedRequest,
        *,
        headers: Mapping[str, str | None],
        query: Mapping[str, str],
    ) -> None:
        self._endpoint = endpoint
        self.request = request
        self.url, path_query = endpoint.address(request)
        self._query = {**path_query, **endpoint.profile.query, **endpoint.query, **query}
        self._extra_headers = headers
        self._idempotency_key = f"streamkit-{uuid.uuid4()}"
        self._encoded = _encode(request.body)

    def check(self) -> None:
        """Raise `UsageError` if a key is missing. A function for the key isn't called before the attempt."""
        if not callable(self._endpoint.api_key):
            self.call()

    def call(self) -> Call:
        """Return the call of an attempt, with the current key. Raises `UsageError` without a key."""
        # The same key for every attempt: a server that knows the header bills once.
        headers = {"Idempotency-Key": self._idempotency_key, **self._extra_headers}
        plain, credentials = self._endpoint.headers_for(headers)
        return Call(self.url, self._encoded, plain, credentials, self._query)

    def adapt(self, error: StreamkitError) -> PreparedRequest | None:
        """Return the request without the fields that *error* refuses, for the next attempts; None if none."""
        refused = find_wire(self.request.wire).retry_without(error, self.request)
        if not refused:
            return None
        self.request = self.request.without(refused, f"{self._endpoint.profile.name} refuses it")
        self._encoded = _encode(self.request.body)
        self._idempotency_key = f"streamkit-{uuid.uuid4()}"  # another body is another request
        return self.request


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"request: the body isn't JSON: {exc}") from exc

"""Keys: a string type that hides its value, and functions that mask secrets in headers, URLs and text.

Rule: a key is a `Secret` from the moment it's known until http.client writes it to the socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"
_SECRET_WORDS = ("authorization", "api-key", "apikey", "cookie", "token", "secret")
_NOT_SECRET = ("ratelimit", "tokens")  # x-ratelimit-remaining-tokens


class Secret(str):
    """A string with the repr `'***'`, so that tracebacks with locals and logs don't show its value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __format__(self, spec: str) -> str:
        return HIDDEN


def is_secret(header: str) -> bool:
    """Return True if this header or query parameter holds a credential."""
    name = header.lower()
    return any(word in name for word in _SECRET_WORDS) and not any(word in name for word in _NOT_SECRET)


def redact(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* with the values of secret ones masked."""
    return {name: HIDDEN if is_secret(name) else value for name, value in headers.items()}


def redact_url(url: str) -> str:
    """Return *url* without user, password and query, so that it can appear in a message."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """Return *value*, decoded JSON or text, with every secret in it masked: some servers quote the key."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {scrub(key, secrets): scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item, secrets) for item in value]
    return value

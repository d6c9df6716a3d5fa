"""Keys: a string type that hides its value, and functions that mask secrets in headers, URLs and text.

Rule: a key is a `Secret` from the moment it's known until http.client writes it to the socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"
_CREDENTIALS = ("authorization", "api-key", "apikey", "cookie", "token", "secret")
# Words of names such as x-goog-api-key, ocp-apim-subscription-key, sig or X-Auth.
_SECRET_WORDS = frozenset(
    ("key", "auth", "sig", "signature", "jwt", "password", "passwd", "pwd", "pat", "sid", "credential")
)
_NOT_SECRET = ("ratelimit", "tokens", "idempotency")  # x-ratelimit-remaining-tokens
# Headers and query parameters whose values may look like a key, but never are one.
_PUBLIC = (
    "accept",
    "anthropic-",
    "api-version",
    "cache-control",
    "connection",
    "content-",
    "helicone-property-",
    "http-referer",
    "idempotency-key",
    "openai-",
    "origin",
    "referer",
    "user-agent",
    "x-openrouter-",
    "x-request-id",
    "x-stainless-",
    "x-title",
)
_LONG = 16  # characters of a run of letters and digits that is taken for a key
_UUID = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Secret(str):
    """A string with the repr `'***'`, so that tracebacks with locals and logs don't show its value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __format__(self, spec: str) -> str:
        return HIDDEN


def hidden(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return *headers* with values that tracebacks with locals don't show."""
    return {name: None if value is None else Secret(value) for name, value in headers.items()}


def is_credential(header: str) -> bool:
    """Return True if a request with this header needs no other key."""
    name = header.lower()
    return any(word in name for word in _CREDENTIALS) and not any(word in name for word in _NOT_SECRET)


def is_secret(name: str) -> bool:
    """Return True if this header or query parameter holds a secret, which no message may contain."""
    words = re.split(r"[-_.]", name.lower())
    is_named = not _SECRET_WORDS.isdisjoint(words) and not any(word in name.lower() for word in _NOT_SECRET)
    return is_named or is_credential(name)


def secrets_in(url: str, headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[Secret]:
    """Yield the secrets of a request: secret headers and parameters, those that look like a key, the URL's.

    Rule: the name of a header can't prove that its value is harmless, so a long value of letters and digits
    is a secret, except under the names that APIs use for their own settings.
    """
    for name, value in (*headers.items(), *query.items()):
        if is_secret(name):
            yield Secret(value)
            yield from map(Secret, re.split(r"[;=\s]+", str(value))[1:])
        elif _may_be_secret(name, value):
            yield Secret(value)
    parts = urlsplit(url)
    if "@" in parts.netloc:
        yield from (Secret(unquote(part)) for part in parts.netloc.rpartition("@")[0].split(":"))
    yield from map(Secret, filter(_looks_secret, parts.path.split("/")))


def redact_sent(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the headers or the query of a request with every value masked that may be a secret."""
    return {
        name: HIDDEN if is_secret(name) or _may_be_secret(name, value) else value
        for name, value in fields.items()
    }


def _may_be_secret(name: str, value: str) -> bool:
    return not name.lower().startswith(_PUBLIC) and _looks_secret(str(value))


def _looks_secret(value: str) -> bool:
    """Return True for a long run of letters and digits, or a UUID; not for words, dates and versions."""
    if re.search(r"\s", value):
        return False
    runs = re.split(r"[^A-Za-z0-9]+", value)
    return _UUID.search(value) is not None or any(
        len(run) >= _LONG and not run.isalpha() and not run.isdigit() for run in runs
    )


def redact(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* with the values of secret ones masked."""
    return {name: HIDDEN if is_secret(name) else value for name, value in headers.items()}


def redact_url(url: str) -> str:
    """Return *url* without user, password, query and any key in its path, so that a message can show it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    host = parts.netloc.rpartition("@")[2]
    path = "/".join(HIDDEN if _looks_secret(segment) else segment for segment in parts.path.split("/"))
    return urlunsplit((parts.scheme, host, path, "", ""))


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

"""Keys: a string type that hides its value, and functions that find and mask secrets in requests.

Rule: a key is a `Secret` from the moment it's known until http.client writes it to the socket.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from .scrubbing import HIDDEN

_CREDENTIALS = ("authorization", "api-key", "apikey", "cookie", "token", "secret")
# Words of names such as x-goog-api-key, ocp-apim-subscription-key, sig or X-Auth.
_SECRET_WORDS = frozenset(
    ("key", "auth", "sig", "signature", "jwt", "password", "passwd", "pwd", "pat", "sid", "credential")
)
_NOT_SECRET = ("ratelimit", "tokens", "idempotency", "cache-key", "cache_key")  # x-ratelimit-remaining-tokens
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
_CONVERSATION = frozenset(("role", "call_id", "arguments", "parts"))  # fields of its entries
_SHORT = 12  # characters of a value with the prefix of a key
_LONG = 16  # characters of a run of letters and digits that is taken for a key
# The beginnings of keys and tokens: what follows is a secret, also if it looks like words.
_KEY = re.compile(
    r"(sk|pk|rk|gsk|xai|hf|r8|nvapi|ghp|gho|ghs|github_pat|glpat|xox[abprs]|key|pat|tok|token|secret)[-_]"
    r"|AIza|AKIA|ya29\.|eyJ|(?i:bearer|basic|token) "
)
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
        yield from login_secrets(*parts.netloc.rpartition("@")[0].partition(":")[::2])
    yield from map(Secret, filter(_looks_secret, map(unquote, parts.path.split("/"))))


def login_secrets(user: str, password: str) -> Iterator[Secret]:
    """Yield the secrets of a login, which may be percent-encoded: the parts, and both as Basic sends them."""
    user, password = unquote(user), unquote(password)
    yield Secret(password or user)  # many keys are the user of a URL without a password
    if password and _looks_secret(user):
        yield Secret(user)
    yield Secret(base64.b64encode(f"{user}:{password}".encode()).decode())


def proxy_secrets(environment: Mapping[str, str]) -> Iterator[Secret]:
    """Yield the logins of the proxies in *environment*."""
    names = [name for name in environment if name[-6:].lower() == "_proxy"]  # values cost as much to decode
    for value in map(environment.__getitem__, names):
        if "@" in value:
            yield from secrets_in(value, {}, {})


def settings_secrets(body: Mapping[str, Any]) -> Iterator[Secret]:
    """Yield the credentials in a request's body, such as those of MCP tools; not from the conversation.

    They are under names like `authorization`, in addresses, and in the headers of a tool.
    """
    for name, value in body.items():
        entries = value if isinstance(value, list) else ()
        if not any(isinstance(each, Mapping) and not _CONVERSATION.isdisjoint(each) for each in entries):
            yield from _credentials(str(name), value)


def _credentials(name: str, value: Any) -> Iterator[Secret]:
    if isinstance(value, str):
        if is_secret(name):
            yield from map(Secret, {value, *value.split()[-1:]})
        elif name.lower().endswith("url"):
            yield from secrets_in(value, {}, dict(parse_qsl(urlsplit(value).query)))
    elif isinstance(value, Mapping):
        is_headers = name.lower() == "headers"
        for key, inner in value.items():
            if is_headers and isinstance(inner, str):
                yield Secret(inner)
            else:
                yield from _credentials(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _credentials(name, inner)


def redact_sent(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the headers or the query of a request with every value masked that may be a secret."""
    return {
        name: HIDDEN if is_secret(name) or _may_be_secret(name, value) else value
        for name, value in fields.items()
    }


def _may_be_secret(name: str, value: str) -> bool:
    return not name.lower().startswith(_PUBLIC) and _looks_secret(str(value))


def _looks_secret(value: str) -> bool:
    """Return True for a long run of letters and digits, or a UUID; not for words, dates and versions.

    The prefix of a key is enough, too, in a value of at least 12 characters.
    """
    if len(value) >= _SHORT and _KEY.match(value):
        return True
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

"""Classify the errors of servers: an error body or an error payload in, the narrowest `APIError` out.

    takes    decoded JSON or text of any known shape, with status and headers if there were any
    returns  an `APIError`; it isn't raised

| file | contents |
|---|---|
| `error_facts.py` | the names of the facts in one object |
| `error_signs.py` | whether a payload states a failure |
| `error_shapes.py` | the objects inside of each other |
| `error_words.py` | the words, numbers and statuses that select the class |
| `error_waits.py` | the wait that a server asks for |

The innermost object that has a fact (message, code, type, status, wait) decides that fact.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._lazy import lazy
from .error_facts import as_status, code_of, first, message_of, status_of, string, type_of, wording_of
from .error_signs import has_error, has_failed, is_error, is_refusal
from .errors import APIError
from .surrogates import encodable

if TYPE_CHECKING:
    from .error_shapes import decode_body, levels_of
    from .error_waits import wait_in, wait_of
    from .error_words import class_of
else:  # for the first error
    decode_body = lazy("error_shapes:decode_body")
    levels_of = lazy("error_shapes:levels_of")
    wait_in = lazy("error_waits:wait_in")
    wait_of = lazy("error_waits:wait_of")
    class_of = lazy("error_words:class_of")

__all__ = ["api_error", "decode_body", "has_error", "has_failed", "is_error", "is_refusal"]

_MESSAGE_LIMIT = 500


def api_error(
    body: Any,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> APIError:
    """Return the error for *body*, decoded JSON or text. *status* is None for an error in a stream."""
    body = encodable(body)
    levels = levels_of(body)
    inside_out = levels[::-1]
    wordings = map(wording_of, inside_out)
    message = first(map(message_of, inside_out)) or first(wordings) or _fallback(body, status)
    code = first(map(code_of, inside_out))
    if status is None:
        status = first(map(status_of, inside_out)) or _status_in(message)
    cls, retryable = class_of(status, levels)
    if retry_after is None:
        retry_after = first(map(wait_of, inside_out))
    if retry_after is None:
        retry_after = wait_in(message)
    error: APIError = cls(
        _shorten(_with_cause(message, inside_out)),
        status=status,
        code=code,
        type=first(map(type_of, inside_out)),
        body=body,
        headers=headers,
        retry_after=retry_after,
        retryable=retryable,
        request_id=request_id or first(string(level.get("request_id")) for level in levels),
    )
    return error


def _status_in(message: str) -> int | None:
    """Return the status that a proxy writes into the message, as clients word their errors.

    "Error code: 400 - {...}" and "429 Too Many Requests" (the openai packages), "status code 429" (axios,
    new-api), "Client error '429 Too Many Requests'" (httpx), "HTTP Error 404: Not Found" (urllib).
    """
    found = re.match(_LEADING_STATUS, message) or re.match(_NAMED_STATUS, message)
    return as_status(found[1]) if found else None


_LEADING_STATUS = r"""[\[('"]?([45]\d\d)(?:[\])]|:|\W*\Z| (?=\W?[A-Z{"'<[]|- |status ))"""
_NAMED_STATUS = (
    r"(?i).{0,60}?\b(?:status(?:[ _]?code)?|http(?:/[\d.]{1,3})?|error(?:[ _]code)?)\b\W{0,3}([45]\d\d)\b"
)


def _with_cause(message: str, inside_out: list[dict[str, Any]]) -> str:
    """Return OpenRouter's message with the provider's own, which is in `metadata`."""
    if message != "Provider returned error":
        return message
    raw = first(each["metadata"].get("raw") for each in inside_out if isinstance(each.get("metadata"), dict))
    cause = first(map(message_of, levels_of(raw)[::-1])) if isinstance(raw, str | dict) else None
    return f"{message}: {cause}" if cause else message


def _fallback(body: Any, status: int | None) -> str:
    shown = f": {(body if isinstance(body, str) else reprlib.repr(body))[:200]}" if body else ""
    where = f"status {status}" if status is not None else "an error in the stream"
    return f"the server answered with {where} and no message{shown}"


def _shorten(message: str) -> str:
    """Truncate in the middle, so that `str(error)` is readable; `.body` has the whole."""
    if len(message) <= _MESSAGE_LIMIT:
        return message
    half = _MESSAGE_LIMIT // 2
    return f"{message[:half]} [...] {message[-half:]}"

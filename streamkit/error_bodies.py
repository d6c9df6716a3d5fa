"""Classify the errors of servers: an error body or an error payload in, the narrowest `APIError` out.

    takes    decoded JSON or text of any known shape, with status and headers if there were any
    returns  an `APIError`; it isn't raised

| shape | from |
|---|---|
| `{"error": {message, type, code, param}}` | OpenAI |
| the same with an integer code and `metadata` | OpenRouter |
| `{type: "error", code, message}`, `response.failed` | the Responses API |
| `{"detail": ...}` | FastAPI |
| a list of error objects | Google |
| a string, plain text, HTML | proxies |
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Any

from .errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)

_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}
RETRYABLE_STATUSES = frozenset({408, 409, 429, *range(500, 600)})

# The codes and types that gateways use, in the order of the search (substring, lower case).
_BY_WORD: tuple[tuple[str, type[APIError], bool], ...] = (
    ("insufficient_quota", RateLimitError, False),  # waiting doesn't help
    ("usage_limit_reached", RateLimitError, False),  # chatgpt backend
    ("usage_not_included", PermissionDeniedError, False),
    ("billing", PermissionDeniedError, False),
    ("rate_limit", RateLimitError, True),
    ("too_many_requests", RateLimitError, True),
    ("context_length", BadRequestError, False),
    ("exceed_context", BadRequestError, False),  # llama.cpp
    ("invalid_api_key", AuthenticationError, False),
    ("authentication", AuthenticationError, False),
    ("unauthorized", AuthenticationError, False),
    ("permission", PermissionDeniedError, False),
    ("forbidden", PermissionDeniedError, False),
    ("model_not_found", NotFoundError, False),
    ("not_found", NotFoundError, False),
    ("overloaded", OverloadedError, True),
    ("slow_down", OverloadedError, True),
    ("unavailable", OverloadedError, True),
    ("invalid", BadRequestError, False),
    ("bad_request", BadRequestError, False),
    ("content_policy", BadRequestError, False),
    ("tool_use_failed", BadRequestError, False),  # Groq, in the middle of a stream
    ("server_error", ServerError, True),
    ("internal", ServerError, True),
    ("timeout", ServerError, True),
)
_MESSAGE_LIMIT = 500


def is_error(value: Any) -> bool:
    """Return True if the value of a field `error` is an error: a non-empty object or string.

    Some gateways send `null`, `""` or `{}` in every good chunk.
    """
    return isinstance(value, dict | str) and bool(value)


def api_error(
    body: Any,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> APIError:
    """Return the error for *body*, decoded JSON or text. *status* is None for an error in a stream."""
    facts = _facts(body)
    message = facts["message"] or _fallback(body, status)
    code, kind = facts["code"], facts["type"]
    if status is None:
        status = _as_status(code) or _as_status(facts["status"])
    cls, retryable = _class_of(status, code, kind)
    if retry_after is None:
        retry_after = _delay_in(message)
    return cls(
        _shorten(message),
        status=status,
        code=code,
        type=kind,
        body=body,
        headers=headers,
        retry_after=retry_after,
        retryable=retryable,
        request_id=request_id,
    )


def _facts(body: Any) -> dict[str, Any]:
    """Return message, code, type and status from any shape; a fact that it lacks is None."""
    none: dict[str, Any] = {"message": None, "code": None, "type": None, "status": None}
    if isinstance(body, list) and body:  # Google wraps its error objects in a list
        body = body[0]
    if isinstance(body, str):
        return none | {"message": _text_of(body)}
    if not isinstance(body, dict):
        return none
    response = body.get("response")
    if isinstance(response, dict) and is_error(response.get("error")):
        return _facts({"error": response["error"]})
    error = body.get("error")
    if isinstance(error, str) and error:
        return {
            "message": _string(body.get("message")) or error,
            "code": body.get("code"),
            "type": _string(body.get("type")),
            "status": body.get("status"),
        }
    inner = error if isinstance(error, dict) and error else body
    message = _string(inner.get("message")) or _detail(inner.get("detail")) or _detail(inner.get("error"))
    metadata = inner.get("metadata")
    if message == "Provider returned error" and isinstance(metadata, dict):
        raw = _string(metadata.get("raw"))  # OpenRouter: the provider's own message
        message = f"{message}: {raw}" if raw else message
    code = inner.get("code")
    kind = _string(inner.get("type"))
    return {
        "message": message,
        "code": code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        "type": None if kind == "error" else kind,  # in the Responses API that is the name of the event
        "status": inner.get("status") or inner.get("status_code"),
    }


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _detail(value: Any) -> str | None:
    """Return the text of FastAPI's `detail`: a string, a list of {loc, msg}, or an error object."""
    if isinstance(value, list):
        problems = []
        for problem in value:
            if isinstance(problem, dict):
                loc = problem.get("loc")
                where = ".".join(map(str, loc)) + ": " if isinstance(loc, list) else ""
                problems.append(f"{where}{problem.get('msg')}")
        return "; ".join(problems) or None
    if isinstance(value, dict):
        return _string(value.get("message")) or _string(value.get("error"))
    return _string(value)


def _text_of(body: str) -> str | None:
    """Return the words of a plain text or HTML body."""
    if "<html" in body[:1000].lower() or body.lstrip()[:9].lower() == "<!doctype":
        if "cloudflare" in body.lower() and "blocked" in body.lower():
            return "blocked by Cloudflare; try another network or ask the gateway's operator"
        title = re.search(r"<title[^>]*>(.*?)</title>", body, re.I | re.S)
        words = title.group(1) if title else re.sub(r"<[^>]+>", " ", body)
        return " ".join(words.split()) or None
    return body.strip() or None


def _fallback(body: Any, status: int | None) -> str:
    shown = f": {(body if isinstance(body, str) else reprlib.repr(body))[:200]}" if body else ""
    where = f"status {status}" if status is not None else "an error in the stream"
    return f"the server answered with {where} and no message{shown}"


def _as_status(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 400 <= number < 600 else None


def _class_of(status: int | None, code: Any, kind: str | None) -> tuple[type[APIError], bool]:
    words = f"{code if isinstance(code, str) else ''} {kind or ''}".lower()
    by_word = next(((cls, retry) for word, cls, retry in _BY_WORD if word in words), None)
    if status is None:
        return by_word or (APIError, False)
    # Waiting doesn't restore a quota or credit; after any other 429 a retry may succeed.
    spent = by_word is not None and by_word[0] in (RateLimitError, PermissionDeniedError) and not by_word[1]
    retryable = status in RETRYABLE_STATUSES and not (status == 429 and spent)
    if status in _BY_STATUS:
        return _BY_STATUS[status], retryable
    if status < 400:
        return APIError, False
    return (ServerError if status >= 500 else BadRequestError), retryable


def _delay_in(message: str) -> float | None:
    """Return the seconds in "Please try again in 1.898s", "28ms", "35 seconds", "1m20s" (OpenAI, Azure)."""
    minutes = r"(?:(\d{1,6})m(?!s))?"
    seconds = r"(?:(\d{1,9}(?:\.\d+)?)\s*(ms|s(?:ec(?:ond)?s?)?)\b)?"
    found = re.search(rf"(?:try again|retry) (?:in|after) {minutes}\s*{seconds}", message, re.I)
    if not found or not (found[1] or found[2]):
        return None
    rest = float(found[2] or 0) / (1000 if (found[3] or "").lower() == "ms" else 1)
    return 60 * int(found[1] or 0) + rest


def _shorten(message: str) -> str:
    """Truncate in the middle, so that `str(error)` is readable; `.body` has the whole."""
    if len(message) <= _MESSAGE_LIMIT:
        return message
    half = _MESSAGE_LIMIT // 2
    return f"{message[:half]} [...] {message[-half:]}"

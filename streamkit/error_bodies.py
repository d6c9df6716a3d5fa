"""What a server said when it said no -> the narrowest error. One classifier for statuses and streams.

In comes a decoded error body or an in-band error payload of any known shape, with the status and
headers where there were any; out goes an `APIError`, not raised. Shapes: OpenAI's
`{"error": {message, type, code, param}}`, OpenRouter's with an integer code and `metadata`, a bare
string, FastAPI's `{"detail": ...}`, Responses' top-level `{type: "error", code, message}` and
`response.failed`, plain text, HTML.
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

# The codes and types that gateways use, in the order they are looked for (substring, lower case).
_BY_WORD: tuple[tuple[str, type[APIError], bool], ...] = (
    ("insufficient_quota", RateLimitError, False),  # more of the same will not help
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
    ("tool_use_failed", BadRequestError, False),  # groq, in mid-stream
    ("server_error", ServerError, True),
    ("internal", ServerError, True),
    ("timeout", ServerError, True),
)
_MESSAGE_LIMIT = 500


def is_error(value: Any) -> bool:
    """Whether an `error` field says that something failed: an object or a non-empty string does.

    `null`, `""` and `{}` are what some gateways send on every good chunk.
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
    """The error that *body* (decoded JSON, or text) means; *status* None for an error in a stream."""
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
    """message, code, type and status from any shape; None where it does not say."""
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
        said = _string(metadata.get("raw"))  # OpenRouter: the provider's own words
        message = f"{message}: {said}" if said else message
    code = inner.get("code")
    kind = _string(inner.get("type"))
    return {
        "message": message,
        "code": code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        "type": None if kind == "error" else kind,  # Responses' event name is no kind of error
        "status": inner.get("status") or inner.get("status_code"),
    }


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _detail(value: Any) -> str | None:
    """FastAPI's `detail`: a string, a list of {loc, msg}, or an error object of its own."""
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
    """The words of a plain text or HTML body."""
    if "<html" in body[:1000].lower() or body.lstrip()[:9].lower() == "<!doctype":
        if "cloudflare" in body.lower() and "blocked" in body.lower():
            return "blocked by Cloudflare; try another network or ask the gateway's operator"
        title = re.search(r"<title[^>]*>(.*?)</title>", body, re.I | re.S)
        words = title.group(1) if title else re.sub(r"<[^>]+>", " ", body)
        return " ".join(words.split()) or None
    return body.strip() or None


def _fallback(body: Any, status: int | None) -> str:
    said = f": {(body if isinstance(body, str) else reprlib.repr(body))[:200]}" if body else ""
    where = f"status {status}" if status is not None else "an error in the stream"
    return f"the server answered with {where} and no message{said}"


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
    # Out of credit is no matter of time; any other 429 is, whatever else it is called.
    spent = by_word is not None and by_word[0] in (RateLimitError, PermissionDeniedError) and not by_word[1]
    retryable = status in RETRYABLE_STATUSES and not (status == 429 and spent)
    if status in _BY_STATUS:
        return _BY_STATUS[status], retryable
    if status < 400:
        return APIError, False
    return (ServerError if status >= 500 else BadRequestError), retryable


def _delay_in(message: str) -> float | None:
    """Seconds from "Please try again in 1.898s", "28ms", "35 seconds", "1m20s" (OpenAI, Azure)."""
    minutes = r"(?:(\d{1,6})m(?!s))?"
    seconds = r"(?:(\d{1,9}(?:\.\d+)?)\s*(ms|s(?:ec(?:ond)?s?)?)\b)?"
    found = re.search(rf"(?:try again|retry) (?:in|after) {minutes}\s*{seconds}", message, re.I)
    if not found or not (found[1] or found[2]):
        return None
    rest = float(found[2] or 0) / (1000 if (found[3] or "").lower() == "ms" else 1)
    return 60 * int(found[1] or 0) + rest


def _shorten(message: str) -> str:
    """Keep `str(error)` readable; the whole is in `.body`."""
    if len(message) <= _MESSAGE_LIMIT:
        return message
    half = _MESSAGE_LIMIT // 2
    return f"{message[:half]} [...] {message[-half:]}"

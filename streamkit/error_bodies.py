"""Classify the errors of servers: an error body or an error payload in, the narrowest `APIError` out.

    takes    decoded JSON or text of any known shape, with status and headers if there were any
    returns  an `APIError`; it isn't raised

| shape | from |
|---|---|
| `{"error": {message, type, code, param}}`, also `error` inside `error` | OpenAI, proxies |
| the same with an integer code and `metadata` | OpenRouter |
| the same with `status` and `details: [{retryDelay}]`, alone or in a list | Google |
| `{type: "error", code, message}`, `response.failed` | the Responses API |
| `{"error": {"value": {error_code, error_message}}}`, the message being JSON text | Databricks |
| `{"error": text, error_type}`, `{"error": text, estimated_time}` | TGI, Hugging Face |
| `{success: false, errors: [{code, message}]}` | Cloudflare |
| `{"base_resp": {status_code, status_msg}}`, with a code that isn't 0 | MiniMax |
| `{"detail": ...}` | FastAPI |
| an event stream that contains one of these | LiteLLM |
| a string, plain text, HTML | proxies |

Strategy. An error body is objects inside of objects. `_levels` lists them from the outside in, and the
innermost one that has a fact (message, code, type, status, wait) decides that fact. The tables below hold
every name and word; a new shape is a row, unless it needs a new way inside.

Rule: the time is linear in the body, and text is searched for words in its first `PAGE` characters only.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, TypeAlias

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
from .json_text import NotJSONError, loads, scan_first
from .surrogates import encodable

PAGE = 8 << 10  # characters of a text that are searched; error pages are up to 1 MB long
_MESSAGE_LIMIT = 500
_DEPTH = 8  # objects inside of each other; a proxy in front of a proxy makes four
_BLOCKS = 1000  # events of an error body that are searched
_PROBLEMS = 20  # entries of a list of errors in the message

_Verdict: TypeAlias = "tuple[type[APIError], bool]"  # the class, and whether the error is retryable

_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    498: OverloadedError,  # Groq: no capacity for the flex tier
    503: OverloadedError,
    529: OverloadedError,
}
RETRYABLE_STATUSES = frozenset({408, 409, 429, 498, *range(500, 600)})

# The codes, types, status words and reasons that servers use, in the order of the search: a part of the
# word, in lower case and without separators, so that one row fits `rate_limit_exceeded` and `RateLimitError`.
_BY_WORD: tuple[tuple[str, type[APIError], bool], ...] = (
    ("insufficientquota", RateLimitError, False),  # waiting doesn't help
    ("usagelimitreached", RateLimitError, False),  # chatgpt backend
    ("usagenotincluded", PermissionDeniedError, False),
    ("billing", PermissionDeniedError, False),
    ("insufficientbalance", PermissionDeniedError, False),
    ("insufficientcredit", PermissionDeniedError, False),
    ("arrearage", PermissionDeniedError, False),  # DashScope
    ("ratelimit", RateLimitError, True),
    ("toomanyrequests", RateLimitError, True),
    ("throttl", RateLimitError, True),  # Bedrock, DashScope
    ("resourceexhausted", RateLimitError, True),  # gRPC's name of 429, as the next ones of their statuses
    ("unauthenticated", AuthenticationError, False),
    ("deadlineexceeded", ServerError, True),
    ("failedprecondition", BadRequestError, False),
    ("outofrange", BadRequestError, False),
    ("aborted", BadRequestError, True),
    ("conflict", BadRequestError, True),
    ("quota", RateLimitError, True),
    ("contextlength", BadRequestError, False),
    ("exceedcontext", BadRequestError, False),  # llama.cpp
    ("apikey", AuthenticationError, False),
    ("authentication", AuthenticationError, False),
    ("unauthorized", AuthenticationError, False),
    ("permission", PermissionDeniedError, False),
    ("forbidden", PermissionDeniedError, False),
    ("accessdenied", PermissionDeniedError, False),
    ("notfound", NotFoundError, False),
    ("overloaded", OverloadedError, True),
    ("slowdown", OverloadedError, True),
    ("unavailable", OverloadedError, True),
    ("capacity", OverloadedError, True),  # Groq, Together
    ("notready", OverloadedError, True),  # Bedrock
    ("invalid", BadRequestError, False),
    ("badrequest", BadRequestError, False),
    ("validation", BadRequestError, False),  # TGI, Bedrock
    ("templateerror", BadRequestError, False),  # TGI
    ("contentpolicy", BadRequestError, False),
    ("contentfilter", BadRequestError, False),
    ("datainspection", BadRequestError, False),  # DashScope
    ("moderation", BadRequestError, False),
    ("tooluse", BadRequestError, False),  # Groq, in the middle of a stream
    ("incompletegeneration", ServerError, True),  # TGI
    ("servererror", ServerError, True),
    ("internal", ServerError, True),
    ("timeout", ServerError, True),
    ("timedout", ServerError, True),
    ("badgateway", ServerError, True),
)

# MiniMax sends these with status 200 (its reference, "Error codes").
_BY_BASE_RESP: dict[int, _Verdict] = {
    **dict.fromkeys((1000, 1001, 1013, 1024, 1033), (ServerError, True)),
    **dict.fromkeys((1002, 1039, 1041, 2045), (RateLimitError, True)),  # four kinds of rates
    2056: (RateLimitError, False),  # the plan's quota of five hours
    **dict.fromkeys((1004, 2049), (AuthenticationError, False)),
    1008: (PermissionDeniedError, False),  # no balance
    **dict.fromkeys((1026, 1027, 1042, 2013), (BadRequestError, False)),
}

# Cloudflare Workers AI: the codes of timeout, abort, capacity and daily limit, by the status that they have.
_BY_CLOUDFLARE: dict[int, _Verdict] = {
    **dict.fromkeys((3007, 3008), (BadRequestError, True)),
    3040: (RateLimitError, True),
    3036: (RateLimitError, False),  # until the next day
    **dict.fromkeys((9109, 10000), (AuthenticationError, False)),
}

# The names of each fact, in the order of the search.
_MESSAGES = (
    *("message", "error_message", "errorMessage", "error_msg", "errorMsg"),
    *("msg", "status_msg", "Message"),
)
_CODES = ("code", "error_code", "errorCode")
_TYPES = ("type", "error_type", "errorType", "__type")
_STATUSES = ("status", "status_code", "statusCode", "http_status", "httpStatus")
_WORDS = (*_CODES, *_TYPES, *_STATUSES, "reason")
_WAITS = {  # without separators, in lower case -> seconds of one unit
    **dict.fromkeys(("retryafter", "retryafterseconds", "retrydelay", "estimatedtime"), 1.0),
    "retryafterms": 0.001,
}
# Below these, an error is inside of an object that has no message of its own.
_INSIDE = ("errors", "detail", "value", "data", "body")
_NO_FAILURE = (
    *(None, "", 0, 200, "0", "200", "ok", "success"),
    *("succeeded", "completed", "pending", "processing"),
)


# -- is it an error? ----------------------------------------------------------------------


def is_error(value: Any) -> bool:
    """Return True if the value of a field `error` is an error: a non-empty object or string.

    Some gateways send `null`, `""` or `{}` in every good chunk.
    """
    return isinstance(value, dict | str) and bool(value)


def has_failed(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* states that the request failed, whatever else it contains (`base_resp`)."""
    base = payload.get("base_resp")
    return isinstance(base, dict) and base.get("status_code") not in _NO_FAILURE


def has_error(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* has a field that contains an error."""
    return is_error(payload.get("error")) or has_failed(payload)


def is_refusal(payload: Mapping[str, Any]) -> bool:
    """Return True if all of *payload* is about an error, in a field `error` or in another known shape."""
    if has_error(payload):
        return True
    if payload.get("choices") or "id" in payload:
        return False
    errors, message = payload.get("errors"), _message_of(payload)
    if payload.get("success") is False or "detail" in payload or (isinstance(errors, list) and errors):
        return True
    if message is None:
        return False
    if type(payload.get("error")) in (bool, int) and payload["error"]:
        return True
    codes = [payload[name] for name in (*_CODES, *_STATUSES) if name in payload]
    return any(_lower(code) not in _NO_FAILURE for code in codes)


def _lower(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    return value if isinstance(value, int | float | None) else repr(value)


# -- the error ----------------------------------------------------------------------------


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
    levels = _levels(body)
    inside_out = levels[::-1]
    titles = (_string(level.get("title")) for level in inside_out)
    message = _first(map(_message_of, inside_out)) or _first(titles) or _fallback(body, status)
    code = _first(map(_code_of, inside_out))
    if status is None:
        status = _first(map(_status_of, inside_out)) or _status_in(message)
    cls, retryable = _class_of(status, levels)
    if retry_after is None:
        retry_after = _first(map(_wait_of, inside_out))
    if retry_after is None:
        retry_after = _wait_in(message)
    return cls(
        _shorten(_with_cause(message, inside_out)),
        status=status,
        code=code,
        type=_first(map(_type_of, inside_out)),
        body=body,
        headers=headers,
        retry_after=retry_after,
        retryable=retryable,
        request_id=request_id,
    )


def decode_body(text: str) -> Any:
    """Return the JSON value that *text* is or begins with, or that is in its events; else *text*.

    LiteLLM answers a request for a stream with an event stream under every status.
    """
    start = text[:PAGE].lstrip("\ufeff \t\r\n")
    if start[:1] in ("{", "["):
        try:
            return loads(text.removeprefix("\ufeff"))
        except NotJSONError:
            found = scan_first(text, text.index(start[0]))
            return text if found is None else found[0]
    if start.startswith(("data:", "event:", "error:", ":")):
        return _decode_events(text)
    return text


def _decode_events(text: str) -> Any:
    """Return the first error in the events of *text*, else their first object, else their text."""
    objects: list[Any] = []
    words: list[str] = []
    for block in re.split(r"\r\n\r\n|\n\n|\r\r", text, maxsplit=_BLOCKS)[:_BLOCKS]:
        fields = [line.partition(":")[::2] for line in block.replace("\r", "\n").split("\n")]
        data = "\n".join(value for name, value in fields if name in ("data", "error")).strip()
        if data in ("", "null", "[DONE]"):
            continue
        try:
            value = loads(data)
        except NotJSONError:
            value = None
        if isinstance(value, dict) and is_refusal(value):
            return value
        if isinstance(value, dict):
            objects.append(value)
        else:
            words.append(data)
    return objects[0] if objects else "\n".join(words) or text


# -- levels: the objects of an error body -------------------------------------------------


def _levels(body: Any) -> list[dict[str, Any]]:
    """Return the objects around the error in *body*, from the outside in; text becomes an object too."""
    levels: list[dict[str, Any]] = []
    value = body
    while value and len(levels) < _DEPTH:
        if isinstance(value, str):
            value = decode_body(value)
        if isinstance(value, list):
            value = _joined(value)
        if isinstance(value, str):
            text = _text_of(value)
            return [*levels, {"message": text}] if text else levels
        if not isinstance(value, dict):
            return levels
        levels.append(value)
        value = _inside(value)
    return levels


def _inside(level: dict[str, Any]) -> Any:
    """Return the value in *level* that the error is in; None if it is *level* itself."""
    error, message = level.get("error"), _message_of(level)
    if isinstance(error, dict) or (isinstance(error, str) and message is None):
        return error
    if has_failed(level):
        base = level["base_resp"]
        return {"message": base.get("status_msg"), "code": base["status_code"]}
    response = level.get("response")
    if isinstance(response, dict) and is_error(response.get("error")):
        return response
    if message is None:
        return _first(level[name] for name in _INSIDE if isinstance(level.get(name), dict | list | str))
    return decode_body(message) if message.lstrip()[:1] == "{" else None


def _joined(errors: list[Any]) -> Any:
    """Return a list of errors as one: the first object, with all messages (Cloudflare); or their text."""
    first = next((error for error in errors if isinstance(error, dict)), None)
    problems = [text for error in errors[:_PROBLEMS] if (text := _problem(error))]
    text = "; ".join(problems)
    if first is None or (text and _string(first.get("message")) is None):
        return text
    return first | {"message": text} if text else first  # without a text it is Google's: [{"error": ...}]


def _problem(error: Any) -> str | None:
    """Return the text of an entry in a list of errors: a string, or an object (FastAPI: `{loc, msg}`)."""
    if not isinstance(error, dict):
        return _string(error)
    message, place = _message_of(error), error.get("loc")
    if message is None or not isinstance(place, list):
        return message
    return f"{'.'.join(map(str, place))}: {message}"


# -- facts of one level -------------------------------------------------------------------


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _message_of(level: Mapping[str, Any]) -> str | None:
    return next((text for name in _MESSAGES if (text := _string(level.get(name)))), None)


def _code_of(level: Mapping[str, Any]) -> str | int | None:
    """Return the code; the word in `error` is one if there is a message next to it."""
    word = level.get("error") if _message_of(level) is not None else None
    for value in (*(level.get(name) for name in _CODES), word):
        if isinstance(value, str | int) and value and not isinstance(value, bool):
            return value
    return None


def _type_of(level: Mapping[str, Any]) -> str | None:
    """Return the type, unless it is the name of an event of the Responses API."""
    kind: str | None = _first(_string(level.get(name)) for name in _TYPES)
    return None if kind == "error" or (kind or "").startswith("response.") else kind


def _status_of(level: Mapping[str, Any]) -> int | None:
    return next((status for name in (*_CODES, *_STATUSES) if (status := _as_status(level.get(name)))), None)


def _as_status(value: Any) -> int | None:
    number = _as_int(value)
    return number if 400 <= number < 600 else None


def _status_in(message: str) -> int | None:
    """Return the status in "Error code: 400 - {...}", as the openai package words its errors."""
    found = re.match(r"Error code: (\d{3}) - ", message)
    return _as_status(found[1]) if found else None


def _with_cause(message: str, inside_out: list[dict[str, Any]]) -> str:
    """Return OpenRouter's message with the provider's own, which is in `metadata`."""
    if message != "Provider returned error":
        return message
    raw = _first(each["metadata"].get("raw") for each in inside_out if isinstance(each.get("metadata"), dict))
    cause = _first(map(_message_of, _levels(raw)[::-1])) if isinstance(raw, str | dict) else None
    return f"{message}: {cause}" if cause else message


# -- the class ----------------------------------------------------------------------------


def _class_of(status: int | None, levels: list[dict[str, Any]]) -> _Verdict:
    words = "|".join(_words(levels))
    verdict = _first(map(_by_code, levels))
    if verdict is None:
        verdict = next(((cls, retry) for word, cls, retry in _BY_WORD if word in words), None)
    if status is None:
        return verdict or (APIError, False)
    # Waiting doesn't restore a quota or credit; after any other 429 a retry may succeed.
    spent = verdict is not None and verdict[0] in (RateLimitError, PermissionDeniedError) and not verdict[1]
    retryable = status in RETRYABLE_STATUSES and not (status == 429 and spent)
    if status in _BY_STATUS:
        return _BY_STATUS[status], retryable
    if status < 400:
        return APIError, False
    return (ServerError if status >= 500 else BadRequestError), retryable


def _words(levels: list[dict[str, Any]]) -> Iterator[str]:
    for level in levels:
        for value in (*(level.get(name) for name in _WORDS), _code_of(level)):
            if isinstance(value, str):
                yield re.sub(r"[^a-z]+", "", value[:200].lower())


def _by_code(level: Mapping[str, Any]) -> _Verdict | None:
    """Return the verdict on the number in an envelope with a table of its own."""
    if has_failed(level):
        return _BY_BASE_RESP.get(_as_int(level["base_resp"]["status_code"]))
    errors = level.get("errors")
    if level.get("success") is False and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return _BY_CLOUDFLARE.get(_as_int(errors[0].get("code")))
    return None


def _as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


# -- the wait -----------------------------------------------------------------------------

_STEP = re.compile(
    r"\s*(?:and\s+)?(\d{1,9}(?:\.\d{1,9})?)\s?"
    r"(?:(ms|milliseconds?)|(s(?:ec(?:ond)?s?)?)|(m(?:in(?:ute)?s?)?)|(h(?:(?:ou)?rs?)?)|(d(?:ays?)?))(?![a-z])",
    re.I,
)
_UNITS = (0.001, 1.0, 60.0, 3600.0, 86400.0)  # of the groups of _STEP
_ASKED = re.compile(r"(?:try again|retry) (?:in|after)(?: about)? ", re.I)


def _wait_of(level: Mapping[str, Any]) -> float | None:
    """Return the seconds that a field asks for, here or in `details` (Google) or `metadata` (OpenRouter)."""
    places = [level]
    details, metadata = level.get("details"), level.get("metadata")
    places += [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    if isinstance(metadata, dict):
        headers = metadata.get("headers")
        places += [metadata, *([headers] if isinstance(headers, dict) else [])]
    for place in places:
        for name, value in place.items():
            unit = _WAITS.get(re.sub(r"[-_]", "", str(name)[:30].lower()))
            seconds = None if unit is None else _seconds(value)
            if unit is not None and seconds is not None:
                return seconds * unit
    return None


def _seconds(value: Any) -> float | None:
    """Return 3.5 for 3.5, "3.5", "3.5s" or `{"seconds": 3, "nanos": 500000000}`."""
    if isinstance(value, dict):
        whole, nanos = _seconds(value.get("seconds", 0)), _seconds(value.get("nanos", 0))
        return None if whole is None or nanos is None else whole + nanos / 1e9
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return _duration(value, 0) if isinstance(value, str) else None
    return number if isfinite(number) and number >= 0 else None


def _duration(text: str, at: int) -> float | None:
    """Return the seconds in "1.898s", "28ms", "35 seconds", "1m20s" or "1h2m3s" at index *at* of *text*."""
    total = None
    while step := _STEP.match(text, at):
        unit = next(unit for unit, name in zip(_UNITS, step.groups()[1:], strict=True) if name)
        total = (total or 0.0) + float(step[1]) * unit
        at = step.end()
    return total


def _wait_in(message: str) -> float | None:
    """Return the seconds in "Please try again in 1.898s" (OpenAI), "retry after 35 seconds" (Azure)."""
    page = message[:PAGE]
    waits = (_duration(page, found.end()) for found in _ASKED.finditer(page))
    return next((wait for wait in waits if wait is not None), None)


# -- text ---------------------------------------------------------------------------------


def _text_of(body: str) -> str | None:
    """Return the words of a plain text or HTML body."""
    page = body[:PAGE]
    lower = page.lower()
    if "<html" not in lower[:1000] and not lower.lstrip().startswith("<!doctype"):
        return body.strip() or None
    if "cloudflare" in lower and "blocked" in lower:
        return "blocked by Cloudflare; try another network or ask the gateway's operator"
    opens = lower.find("<title")
    begins = page.find(">", opens) + 1
    ends = lower.find("</title", begins)
    words = page[begins:ends] if 0 <= opens < begins <= ends else re.sub(r"<[^<>]*>", " ", page)
    return " ".join(words.split()) or None


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

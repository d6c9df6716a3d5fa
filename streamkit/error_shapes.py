"""The shapes of error bodies: is it an error, the objects inside of it, and the facts in each of them.

| shape | from |
|---|---|
| `{"error": {message, type, code, param}}`, also `error` inside `error` | OpenAI, proxies |
| the same with an integer code and `metadata` | OpenRouter |
| the same with `status` and `details: [{retryDelay}]`, alone or in a list | Google |
| `{type: "error", code, message}`, `response.failed` | the Responses API |
| `{"error": {"value": {error_code, error_message}}}`, the message being JSON text | Databricks |
| `{"error": text, error_type}`, `{"error": text, estimated_time}` | TGI, Hugging Face |
| `{__type, message}`, `{"throttlingException": {message}}` | Bedrock |
| `{success: false, errors: [{code, message}]}` | Cloudflare |
| `{error_code, error_msg}` | Baidu |
| `{"base_resp": {status_code, status_msg}}`, with a code that isn't 0 | MiniMax |
| `{"x_groq": {"error": text}}`, in any chunk | Groq |
| `{"fault": {faultstring, detail}}` | Apigee |
| `{"detail": ...}` | FastAPI |
| an event stream that contains one of these | LiteLLM |
| a string, plain text, HTML | proxies |

Strategy. An error body is objects inside of objects. `levels_of` lists them from the outside in. The tables
below hold every name; a new shape is a row, unless it needs a new way inside.

Rule: the time is linear in the body, and text is searched for words in its first `PAGE` characters only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .json_text import NotJSONError, loads, scan_first

PAGE = 8 << 10  # characters of a text that are searched; error pages are up to 1 MB long
_DEPTH = 8  # objects inside of each other; a proxy in front of a proxy makes four
_BLOCKS = 1000  # events of an error body that are searched
_PROBLEMS = 20  # entries of a list of errors in the message

# The names of each fact, in the order of the search.
_ERROR_MESSAGES = ("error_message", "errorMessage", "error_msg", "errorMsg")
_MESSAGES = ("message", *_ERROR_MESSAGES, "msg", "status_msg", "Message", "faultstring")
_ERROR_CODES = ("error_code", "errorCode", "ErrorCode")
_CODES = ("code", *_ERROR_CODES, "Code")
_ONLY_ERRORS = ("error_type", "errorType", "__type")  # names that no other payload has
_TYPES = ("type", *_ONLY_ERRORS)
_STATUSES = ("status", "status_code", "statusCode", "http_status", "httpStatus")
WORDS = (*_CODES, *_TYPES, *_STATUSES, "reason")
# Below these, an error is inside of an object that has no message of its own.
_INSIDE = ("errors", "detail", "value", "data", "body", "fault", "Error")
_NO_FAILURE = (
    *(None, "", 0, 200, "0", "200", "ok", "success"),
    *("succeeded", "completed", "pending", "processing"),
)


# -- is it an error? ----------------------------------------------------------------------


def is_error(value: Any) -> bool:
    """Return True if the value of a field `error` is an error: an object, a string or a list of them.

    Some gateways send `null`, `""`, `{}` or an object of such values in every good chunk.
    """
    return any(value.values()) if isinstance(value, dict) else isinstance(value, str | list) and bool(value)


def has_failed(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* states that the request failed, whatever else it contains."""
    return failure_in(payload) is not None


def failure_in(payload: Mapping[str, Any]) -> Any:
    """Return the failure in `base_resp` (MiniMax) or `x_groq` (Groq: a stream that was stopped early)."""
    base, notes = payload.get("base_resp"), payload.get("x_groq")
    if isinstance(base, dict) and base.get("status_code") not in _NO_FAILURE:
        return {"message": base.get("status_msg"), "code": base["status_code"]}
    return notes["error"] if isinstance(notes, dict) and is_error(notes.get("error")) else None


def has_error(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* has a field that contains an error."""
    return is_error(payload.get("error")) or has_failed(payload)


def is_refusal(payload: Mapping[str, Any]) -> bool:
    """Return True if all of *payload* is about an error, in a field `error` or in another known shape."""
    if has_error(payload):
        return True
    message = message_of(payload)
    if payload.get("choices"):
        return False
    if _names_failure(payload):
        return True
    if "id" in payload:  # it may be any object of an API; DashScope's errors have the id of the answer
        return message is not None and _is_failure_word(payload.get("code"))
    errors = payload.get("errors")
    if payload.get("success") is False or (isinstance(errors, list) and errors):
        return True
    if "detail" in payload or isinstance(payload.get("fault"), dict):
        return True
    if message is None:
        return _exception_in(payload) is not None
    if type(payload.get("error")) in (bool, int) and payload["error"]:
        return True
    codes = [payload[name] for name in (*_CODES, *_ONLY_ERRORS, *_STATUSES) if name in payload]
    return any(_lower(code) not in _NO_FAILURE for code in codes)


def _names_failure(payload: Mapping[str, Any]) -> bool:
    """Return True for a code or a message whose name tells that it is an error's (Baidu: `error_code`)."""
    codes = [payload[name] for name in _ERROR_CODES if name in payload]
    if codes:
        return any(_lower(code) not in _NO_FAILURE for code in codes)
    return any(string(payload.get(name)) for name in _ERROR_MESSAGES)


def _is_failure_word(code: Any) -> bool:
    """Return True for a word that isn't one of success, such as DataInspectionFailed."""
    return (
        isinstance(code, str)
        and re.fullmatch(r"[A-Za-z._-]+", code) is not None
        and _lower(code) not in _NO_FAILURE
    )


def _exception_in(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return Bedrock's error, an object under the name of its exception, with that as its type."""
    for name, value in payload.items():
        if name.lower().endswith("exception") and isinstance(value, dict):
            return {"type": name, **value}
    return None


def _lower(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    return value if isinstance(value, int | float | None) else repr(value)


# -- the JSON of a body, which may be in text or in events --------------------------------


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


def levels_of(body: Any) -> list[dict[str, Any]]:
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
    error, message = level.get("error"), message_of(level)
    if isinstance(error, dict | list) or (isinstance(error, str) and message is None):
        return error
    failure = failure_in(level)
    if failure is not None:
        return failure
    response = level.get("response")
    if isinstance(response, dict) and is_error(response.get("error")):
        return response
    if message is None:
        inside = first(level[name] for name in _INSIDE if isinstance(level.get(name), dict | list | str))
        return _exception_in(level) if inside is None else inside
    return decode_body(message) if message.lstrip()[:1] == "{" else None


def _joined(errors: list[Any]) -> Any:
    """Return a list of errors as one: the first object, with all messages (Cloudflare); or their text."""
    first = next((error for error in errors if isinstance(error, dict)), None)
    problems = [text for error in errors[:_PROBLEMS] if (text := _problem(error))]
    text = "; ".join(problems)
    if first is None or (text and string(first.get("message")) is None):
        return text
    return first | {"message": text} if text else first  # without a text it is Google's: [{"error": ...}]


def _problem(error: Any) -> str | None:
    """Return the text of an entry in a list of errors: a string, or an object (FastAPI: `{loc, msg}`)."""
    if not isinstance(error, dict):
        return string(error)
    message, place = message_of(error), error.get("loc")
    if message is None or not isinstance(place, list):
        return message
    return f"{'.'.join(map(str, place))}: {message}"


# -- facts of one level -------------------------------------------------------------------


def first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def message_of(level: Mapping[str, Any]) -> str | None:
    return next((text for name in _MESSAGES if (text := string(level.get(name)))), None)


def code_of(level: Mapping[str, Any]) -> str | int | None:
    """Return the code; the word in `error` is one if there is a message next to it."""
    word = level.get("error") if message_of(level) is not None else None
    for value in (*(level.get(name) for name in _CODES), word):
        if isinstance(value, str | int) and value and not isinstance(value, bool):
            return value
    return None


def type_of(level: Mapping[str, Any]) -> str | None:
    """Return the type, unless it is the name of an event of the Responses API."""
    kind: str | None = first(string(level.get(name)) for name in _TYPES)
    return None if kind == "error" or (kind or "").startswith("response.") else kind


def status_of(level: Mapping[str, Any]) -> int | None:
    return next((status for name in (*_CODES, *_STATUSES) if (status := as_status(level.get(name)))), None)


def as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def as_status(value: Any) -> int | None:
    number = as_int(value)
    return number if 400 <= number < 600 else None


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

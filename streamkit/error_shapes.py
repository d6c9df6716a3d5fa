"""The shapes of error bodies: the objects inside of them, from the outside in, and the words of a page.

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
| `{"object": "error", "message": {"detail": ...}}` | Mistral |
| `{"header": {code, message}}`, `{"ResponseMetadata": {"Error": ...}}` | iFlytek, Volcengine |
| `{"error": word, error_description}` | OAuth |
| an event stream that contains one of these | LiteLLM |
| a string, plain text, HTML | proxies |

Strategy. An error body is objects inside of objects. `levels_of` lists them from the outside in. A new shape
is a name in error_facts.py or a sign in error_signs.py, unless it needs a new way inside.

Rule: the time is linear in the body, and text is searched for words in its first `PAGE` characters only.
"""

from __future__ import annotations

import re
from typing import Any

from .error_facts import PAGE, first, message_of, string, values
from .error_signs import ERRORS, around, exception_in, failure_in, is_error, is_refusal
from .json_text import NotJSONError, loads, scan_first

_DEPTH = 8  # objects inside of each other; a proxy in front of a proxy makes four
_BLOCKS = 1000  # events of an error body that are searched
_PROBLEMS = 20  # entries of a list of errors in the message
# Below these, an error is inside of an object that has no message of its own.
_INSIDE = ("errors", "detail", "value", "data", "body", "fault", "exception")
_INNER = ("innererror", "cause", "lasterror", "statusdetails")  # if it is an object


def decode_body(text: str) -> Any:
    """Return the JSON value that *text* is or begins with, or that is in its events; else *text*.

    LiteLLM answers a request for a stream with an event stream under every status.
    """
    start = text[:PAGE].lstrip("\ufeff \t\r\n")
    if start[:1] in ("{", "["):
        try:
            value = loads(text.removeprefix("\ufeff"))
        except NotJSONError:
            found = scan_first(text, text.index(start[0]))
            value = found[0] if found is not None and start[0] == "{" else None
        return text if value is None or not _is_body(value) else value  # "[400] Bad Request" is a text
    if start.startswith(("data:", "event:", "error:", ":")):
        return _decode_events(text)
    return text


def _is_body(value: Any) -> bool:
    return isinstance(value, dict) or any(isinstance(each, dict | str) for each in value)


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


# -- levels: the objects around an error ------------------------------------------------


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
    message = message_of(level)
    for error in values(level, ERRORS):
        if error and isinstance(error, dict | list if message is not None else dict | list | str):
            return error
    failure = failure_in(level)
    if failure is not None:
        return failure
    objects = [value for value in values(level, ("message",)) if isinstance(value, dict | list)]
    objects += [each for each in around(level) if is_error(each.get("error"))]
    if objects:
        return objects[0]
    if message is not None:
        return decode_body(message) if message.lstrip()[:1] == "{" else None
    inside = first(value for value in values(level, _INSIDE) if isinstance(value, dict | list | str))
    if inside is not None:
        return inside
    inner = [value for value in values(level, _INNER) if isinstance(value, dict)]
    return first((*inner, exception_in(level), *around(level)))


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

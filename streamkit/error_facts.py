"""The facts in one object of an error body (message, code, type, status), under the names of any server.

    takes    one object
    returns  the fact; None if the object lacks it

Rule: names are compared without case and separators, so that one row fits `error_msg` and `ErrorMsg`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PAGE = 8 << 10  # characters of a text that are searched; error pages are up to 1 MB long
# The names of each fact, in the order of the search.
ERROR_MESSAGES = ("errormessage", "errormsg", "errmsg", "errordescription")
_MESSAGES = ("message", *ERROR_MESSAGES, "msg", "statusmsg", "faultstring")
_WORDINGS = ("detail", "details", "reason", "description", "title")  # without any message
ERROR_CODES = ("errorcode", "errcode")
CODES = ("code", *ERROR_CODES)
ONLY_ERRORS = ("errortype", "__type")  # names that no other payload has
_TYPES = ("type", *ONLY_ERRORS)
STATUSES = ("status", "statuscode", "httpstatus")
_WORDS = (*CODES, *_TYPES, *STATUSES, "reason")


def plain(name: Any) -> str:
    """Return a field's name without case and separators."""
    return str(name)[:40].lower().replace("-", "").replace("_", "") if name != "__type" else "__type"


def values(level: Mapping[str, Any], names: Iterable[str]) -> Iterator[Any]:
    """Yield the values of *level* under *names*, which are plain, in the order of *names*."""
    by_name: dict[str, list[Any]] = {}
    for name, value in level.items():
        by_name.setdefault(plain(name), []).append(value)
    for name in names:
        yield from by_name.get(name, ())


def first(candidates: Iterable[Any]) -> Any:
    return next((value for value in candidates if value is not None and value != ""), None)


def string(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def message_of(level: Mapping[str, Any]) -> str | None:
    return next(filter(None, map(string, values(level, _MESSAGES))), None)


def wording_of(level: Mapping[str, Any]) -> str | None:
    """Return a text that explains an error without a message, such as RFC 9457's `title`."""
    return next(filter(None, map(string, values(level, _WORDINGS))), None)


def code_of(level: Mapping[str, Any]) -> str | int | None:
    """Return the code; the word in `error` is one if there is a message next to it."""
    word = level.get("error") if message_of(level) is not None else None
    for value in (*values(level, CODES), word):
        if isinstance(value, str | int) and value and not isinstance(value, bool):
            return value
    return None


def type_of(level: Mapping[str, Any]) -> str | None:
    """Return the type, unless it is the name of an event of the Responses API."""
    kind: str | None = first(map(string, values(level, _TYPES)))
    return None if kind == "error" or (kind or "").startswith("response.") else kind


def status_of(level: Mapping[str, Any]) -> int | None:
    return next(filter(None, map(as_status, values(level, (*CODES, *STATUSES)))), None)


def words_of(level: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the values that may name the class of the error."""
    return values(level, _WORDS)


def as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def as_status(value: Any) -> int | None:
    number = as_int(value)
    return number if 400 <= number < 600 else None

"""Check the types of arguments: takes a name and a value, raises `UsageError` if the value doesn't fit.

    check("headers", headers, HEADERS)

Rule: an error contains the type of the value only, because a value can be a key, a header or a URL. Where a
number is expected, a wrong number is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from .errors import UsageError


@frozen
class Kind:
    """The values that an argument accepts: in words that complete "expected ...", as a test, and a remedy."""

    accepts: str
    fits: Callable[[Any], bool]
    remedy: str
    is_number: bool = False


def check(name: str, value: Any, kind: Kind) -> None:
    """Raise `UsageError` unless *value* is of this *kind*. *name* is the argument as the caller wrote it."""
    if not kind.fits(value):
        is_shown = kind.is_number and isinstance(value, int | float)
        shown = got(value, 40) if is_shown else kind_of(value)
        raise UsageError(f"{name}: expected {kind.accepts.rstrip(',')}, got {shown}; {kind.remedy}")


def got(value: Any, most: int = 80) -> str:
    """Return the beginning of the `repr` of *value*, or only its type if that can't be made."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a `__repr__` of the caller's class can raise anything
        text = type(value).__name__
    return text if len(text) <= most else f"{text[: most - 3]}..."


def kind_of(value: Any) -> str:
    """Return the type of *value*; for a mapping or a list, also the type of the first wrong thing in it."""
    name = type(value).__name__
    inside = value.items() if isinstance(value, Mapping) else ()
    wrong = next((member for pair in inside for member in pair if not isinstance(member, str | None)), None)
    return name if wrong is None else f"{name} that contains {type(wrong).__name__}"


def _is_headers(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(k, str) and isinstance(v, str | None) for k, v in value.items())


def _is_query(value: Any) -> bool:
    if not _is_object(value):
        return False
    return all(isinstance(each, str | int | float | list | tuple | None) for each in value.values())


def _is_path(value: Any) -> bool:
    """Return True for a path that the operating system can be asked about."""
    try:
        path = value if isinstance(value, str) else value.__fspath__()
        if isinstance(path, str):
            path = path.encode("utf-8", "surrogateescape")
        return isinstance(path, bytes) and b"\0" not in path
    except Exception:  # noqa: BLE001 - a lone surrogate, or the caller's own `__fspath__`
        return False


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def optional(kind: Kind) -> Kind:
    """Return the kind that also accepts None."""
    return evolve(
        kind, accepts=f"{kind.accepts} or None", fits=lambda value: value is None or kind.fits(value)
    )


HEADERS = optional(Kind("a mapping of strings to strings", _is_headers, 'pass {"X-Name": "value"}'))
QUERY = optional(Kind("a mapping with strings as keys", _is_query, 'pass {"name": "value"}'))
TEXT = optional(Kind("a string", lambda value: isinstance(value, str), "pass a string"))
KEY = optional(
    Kind(
        "a string, a function that returns one,",
        lambda value: isinstance(value, str) or callable(value),
        "pass the key itself",
    )
)
PATH = Kind("the path of a file", _is_path, "pass a string or a Path")
OBJECT = Kind("a mapping with strings as keys", _is_object, "pass the JSON object of the answer")
SIZE = Kind(
    "a number of bytes above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "pass a whole number",
    is_number=True,
)
TIMES = Kind(
    "a whole number, 0 or more,",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "pass the number",
    is_number=True,
)
FLAG = Kind("True or False", lambda value: isinstance(value, bool), "pass one of them")
FUNCTION = Kind("a function", callable, "pass the function itself")
EVENTS = Kind(
    "an iterable of events",
    lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type),
    "pass client.stream(...)",
)
BODY = Kind("bytes", lambda value: isinstance(value, bytes | bytearray), "pass the body itself")
NUMBER = Kind(
    "a number",
    lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "pass seconds",
    is_number=True,
)
SECONDS = Kind(
    "a number of seconds above 0",
    lambda value: NUMBER.fits(value) and 0 < value < 1e9,  # a lock waits no longer than that
    "pass seconds",
    is_number=True,
)
INDEX = Kind(
    "a whole number",
    lambda value: isinstance(value, int) and not isinstance(value, bool),
    "pass an int",
    is_number=True,
)

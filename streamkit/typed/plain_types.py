"""The types whose values JSON writes as one string or number: each with its schema and its reader.

Rule: one row per type, for both directions. A reader takes a value that fits the schema, and raises an
exception for text that isn't one, such as a 30th of February.
"""

from __future__ import annotations

import base64
import re
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID


class PlainType(NamedTuple):
    """The JSON schema of a type, and the function that makes its object; None if JSON's value is it."""

    schema: Mapping[str, Any]
    read: Callable[[Any], Any] | None = None


def _without_z(value: str) -> str:
    return value.replace("Z", "+00:00")  # which Python 3.10 doesn't read


_DURATION = re.compile(
    r"(?P<sign>[-+])?P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def read_duration(text: str) -> timedelta:
    """Return a duration in ISO form, such as `P1DT2H`, `PT0.5S` or `-PT5M`. Raises `ValueError`.

    Years and months are refused: they have no fixed length.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        raise ValueError(f"expected an ISO duration such as PT1H30M, got {text!r:.80}")
    parts = match.groupdict()
    sign = -1 if parts.pop("sign") == "-" else 1
    return sign * timedelta(**{unit: float(number) for unit, number in parts.items() if number})


def write_duration(value: timedelta) -> str:
    """Return *value* in ISO form, in days and seconds."""
    if value < timedelta(0):
        return f"-{write_duration(-value)}"
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    seconds = f"T{value.seconds}{fraction}S" if value.seconds or fraction or not value.days else ""
    return f"P{f'{value.days}D' if value.days else ''}{seconds}"


def _read_bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


_BASE64_PATTERN = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
# Strict servers know `pattern`, and not `contentEncoding`.
_BASE64 = {"type": "string", "pattern": _BASE64_PATTERN, "description": "base64"}

PLAIN: Mapping[Any, PlainType] = {
    str: PlainType({"type": "string"}),
    int: PlainType({"type": "integer"}, int),  # 5.0 is an integer in JSON
    float: PlainType({"type": "number"}, float),
    bool: PlainType({"type": "boolean"}),
    None: PlainType({"type": "null"}),
    types.NoneType: PlainType({"type": "null"}),
    Any: PlainType({}),
    object: PlainType({}),
    datetime: PlainType(
        {"type": "string", "format": "date-time"}, lambda value: datetime.fromisoformat(_without_z(value))
    ),
    date: PlainType({"type": "string", "format": "date"}, date.fromisoformat),
    time: PlainType(
        {"type": "string", "format": "time"}, lambda value: time.fromisoformat(_without_z(value))
    ),
    timedelta: PlainType({"type": "string", "format": "duration"}, read_duration),
    UUID: PlainType({"type": "string", "format": "uuid"}, UUID),
    Decimal: PlainType({"type": "string"}, lambda value: Decimal(str(value))),
    bytes: PlainType(_BASE64, _read_bytes),
    bytearray: PlainType(_BASE64, lambda value: bytearray(_read_bytes(value))),
}


def plain_type(hint: Any) -> PlainType | None:
    """Return the row of *hint*, or None. A class with `__fspath__`, such as a Path, is made from its text."""
    try:
        found = PLAIN.get(hint)
    except TypeError:  # a hint such as `Annotated[int, []]` is unhashable
        return None
    if found is None and isinstance(hint, type) and hasattr(hint, "__fspath__"):
        return PlainType({"type": "string"}, hint)
    return found

"""Any Python value -> JSON text: objects as their fields, dates in ISO form. Nothing becomes a `repr`."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence, Set
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs

from .plain_types import write_duration


def to_json(value: Any) -> str:
    """Return any Python value as JSON text: objects of classes as objects, dates in ISO form.

    Raises `TypeError` for a value without a JSON form.
    """
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return json.dumps(
            _with_names(value), ensure_ascii=False, default=lambda each: _with_names(_as_json(each))
        )


def _with_names(value: Any) -> Any:
    """Return *value* with the keys of dicts as names: those of an enum, a date and so on as their text."""
    if isinstance(value, dict):
        return {_name(key): _with_names(each) for key, each in value.items()}
    return [_with_names(each) for each in value] if isinstance(value, list | tuple) else value


def _name(key: Any) -> Any:
    if key is None or (isinstance(key, str | int | float) and not isinstance(key, enum.Enum)):
        return key
    form = _as_json(key)
    return form if isinstance(form, str | int | float) else key  # which json refuses


def _as_json(value: Any) -> Any:
    """Return the JSON form of one value that json doesn't know. Raises `TypeError` if it has none."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, set | frozenset | Mapping | Set):
        return dict(value) if isinstance(value, Mapping) else list(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, Decimal | UUID) or hasattr(value, "__fspath__"):
        return str(value)
    fields = _field_values(value)
    if fields is not None:
        return fields
    for method in ("tolist", "item"):  # NumPy's arrays and numbers
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    if getattr(type(value), "__str__", None) is object.__str__ or isinstance(
        value, bytes | bytearray | memoryview | type
    ):
        raise TypeError(f"a {type(value).__name__} has no JSON form")
    return str(value)


def _field_values(value: Any) -> Mapping[str, Any] | None:
    """Return the fields of an object, also of pydantic's and msgspec's classes; None if it has none."""
    if isinstance(value, type):
        return None
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        found: Mapping[str, Any] = dump(mode="json")
        return found
    cls: Any = type(value)
    if attrs.has(cls):
        names: Any = [a.name for a in attrs.fields(cls)]
    elif dataclasses.is_dataclass(cls):
        names = [f.name for f in dataclasses.fields(cls)]
    else:
        names = getattr(cls, "__struct_fields__", None)
    return None if names is None else {name: getattr(value, name) for name in names}

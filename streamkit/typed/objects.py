"""A JSON value that fits a type's schema -> an object of that type.

Rules: a value of a union becomes the first member that it fits whole; if several fit, the one with the fewest
fields left over. pydantic and msgspec check and make their own classes. Raises `UsageError` with the place.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs

from ..errors import UsageError
from .check import problems_of
from .schema import Field, bare, fields_of, is_typed_dict, maker_of, schema_of, takes_none

_LISTS = (list, Sequence, Iterable)
_SETS = (set, frozenset, AbstractSet)
_PLAIN: Mapping[Any, Callable[[Any], Any]] = {
    int: int,  # 5.0 is an integer in JSON
    float: float,
    UUID: UUID,
    Decimal: lambda value: Decimal(str(value)),
    datetime: lambda value: datetime.fromisoformat(_without_z(value)),
    date: date.fromisoformat,
    time: lambda value: time.fromisoformat(_without_z(value)),
}


def _without_z(value: str) -> str:
    return value.replace("Z", "+00:00")  # which Python 3.10 doesn't read


def make(value: Any, hint: Any, where: str) -> Any:
    """Return *value*, which is at *where*, as an object of type *hint*."""
    hint = bare(hint)
    if get_origin(hint) is typing.Annotated:
        return make(value, get_args(hint)[0], where)
    if isinstance(hint, TypeVar):
        return make(value, hint.__bound__ or Any, where)
    origin, args = get_origin(hint) or hint, get_args(hint)
    try:
        if origin in (Union, types.UnionType):
            return _of_union(value, args, where)
        if origin is Literal:
            return next(each for each in args if _plain(each) == value and type(_plain(each)) is type(value))
        if isinstance(origin, type) and issubclass(origin, enum.Enum):
            return origin(value)
        if maker := maker_of(origin):
            schema = schema_of(origin)
            return maker(_without_nulls(value, schema, schema))
        fields = fields_of(origin)
        if fields is not None:
            return _of_class(value, origin, fields, where)
        if origin in _LISTS or origin in _SETS or origin is tuple:
            return _of_list(value, origin, args, where)
        if origin in (dict, Mapping):
            key, each = args if len(args) == 2 else (Any, Any)
            return {_key(name, key): make(inner, each, f"{where}.{name}") for name, inner in value.items()}
        return _PLAIN[origin](value) if origin in _PLAIN else value
    except UsageError:
        raise
    except Exception as exc:  # of the caller's own class, or of a library's
        raise UsageError(f"{where}: {exc or type(exc).__name__}") from exc


def _without_nulls(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """Return *value* without null for optional fields that don't take it, which strict servers demand."""
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], True)
    if not isinstance(schema, Mapping):
        return value

    def fits(each: Any, inner: Any) -> bool:
        return not isinstance(inner, Mapping) or not problems_of(
            each, {"$defs": root.get("$defs", {}), **inner}, ""
        )

    for option in schema.get("anyOf", ()):
        if fits(value, option):
            return _without_nulls(value, option, root)
    if isinstance(value, list):
        return [_without_nulls(each, schema.get("items"), root) for each in value]
    if not isinstance(value, dict):
        return value
    known, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: _without_nulls(each, known.get(name), root)
        for name, each in value.items()
        if each is not None or name in required or fits(None, known.get(name))
    }


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _key(name: str, hint: Any) -> Any:
    return name if bare(hint) in (Any, str, object) else make(int(name) if hint is int else name, hint, name)


def _of_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    same_type = [
        option for option in options if option is type(value) or (value is None and takes_none(option))
    ]
    if same_type:
        return value
    errors: list[UsageError] = []
    fitting = [each for each in options if not problems_of(value, schema_of(each), where)]
    for option in sorted(fitting, key=lambda each: _left_over(value, each)):
        try:
            return make(value, option, where)
        except UsageError as exc:
            errors.append(exc)
    raise errors[0] if errors else UsageError(f"{where}: expected a value of the union, got {value!r:.80}")


def _left_over(value: Any, option: Any) -> int:
    """Return how many fields of *value* a class doesn't have."""
    fields = fields_of(get_origin(option) or option)
    return len(value.keys() - {each.name for each in fields}) if fields and isinstance(value, dict) else 0


def _of_list(value: Any, origin: Any, args: tuple[Any, ...], where: str) -> Any:
    if origin is tuple and args and args[-1] is not Ellipsis:
        return tuple(
            make(each, hint, f"{where}[{n}]") for n, (each, hint) in enumerate(zip(value, args, strict=True))
        )
    hint = args[0] if args else Any
    made = [make(each, hint, f"{where}[{n}]") for n, each in enumerate(value)]
    if origin in _SETS:
        return set(made) if origin is set else frozenset(made)
    return tuple(made) if origin is tuple else made


def _of_class(value: Mapping[str, Any], cls: Any, fields: list[Field], where: str) -> Any:
    values = {
        each.name: make(value[each.name], each.type, f"{where}.{each.name}")
        for each in fields
        if each.name in value and (value[each.name] is not None or each.required or takes_none(each.type))
    }
    if is_typed_dict(cls):
        return values
    if attrs.has(cls):
        aliases = {a.name: a.alias for a in attrs.fields(cls)}
        values = {aliases[name]: each for name, each in values.items()}
    return cls(**values)

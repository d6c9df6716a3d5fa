"""A JSON value that fits a type's schema -> an object of that type.

Rules: a value of a union becomes the first member that it fits whole; if several fit, the one with the fewest
fields left over. pydantic and msgspec check and make their own classes. Raises `UsageError` with the place.
"""

from __future__ import annotations

import enum
import json
from collections import OrderedDict, defaultdict, deque
from collections.abc import Mapping, MutableSet
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

import attrs

from .._checks import got
from ..errors import UsageError
from .check import Validator
from .fields import Field, fields_of, is_typed_dict
from .foreign import maker_of
from .hints import bare, is_enum, is_union, takes_none
from .plain_types import plain_type
from .schema import LISTS, MAPPINGS, SETS, schema_of


def make(value: Any, hint: Any, where: str) -> Any:
    """Return *value*, which is at *where*, as an object of type *hint*."""
    hint = bare(hint)
    origin, args = get_origin(hint) or hint, get_args(hint)
    try:
        if is_union(hint):
            return _of_union(value, args, where)
        if origin is Literal:
            return next(each for each in args if _plain(each) == value and type(_plain(each)) is type(value))
        if is_enum(origin):
            return origin(value)
        if maker := maker_of(hint):
            validator = validator_of(hint)
            return maker(_without_nulls(value, validator.schema, validator))
        fields = fields_of(hint)
        if fields is not None:
            return _of_class(value, origin, fields, where)
        if _is_one_of(origin, (*LISTS, *SETS, tuple)):
            return _of_list(value, origin, args, where)
        if _is_one_of(origin, MAPPINGS):
            return _of_mapping(value, origin, args, where)
        plain = plain_type(origin)
        return plain.read(value) if plain is not None and plain.read is not None else value
    except UsageError:
        raise
    except Exception as exc:  # of the caller's own class, or of a library's
        raise UsageError(f"{where}: {exc or type(exc).__name__}") from exc


def validator_of(hint: Any) -> Validator:
    """Return the validator of a type's schema."""
    try:
        return _validator(hint)
    except TypeError:  # an unhashable hint
        return Validator(schema_of(hint))


@lru_cache(maxsize=128)
def _validator(hint: Any) -> Validator:
    return Validator(schema_of(hint))


def _is_one_of(origin: Any, classes: tuple[Any, ...]) -> bool:
    return any(origin is each for each in classes)


def _without_nulls(value: Any, schema: Any, validator: Validator) -> Any:
    """Return *value* without null for optional fields that don't take it, which strict servers demand."""
    if not isinstance(schema, Mapping):
        return value
    for target in (*validator.targets(schema), *schema.get("allOf", ())):
        value = _without_nulls(value, target, validator)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if validator.fits(value, option):
            return _without_nulls(value, option, validator)
    if isinstance(value, list):
        first = schema.get("prefixItems", ())
        return [
            _without_nulls(each, first[n] if n < len(first) else schema.get("items"), validator)
            for n, each in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    known, required = schema.get("properties", {}), schema.get("required", ())
    others = schema.get("additionalProperties")
    return {
        name: _without_nulls(each, known.get(name, others), validator)
        for name, each in value.items()
        if each is not None or name in required or validator.fits(None, known.get(name, True))
    }


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _of_mapping(value: Mapping[str, Any], origin: Any, args: tuple[Any, ...], where: str) -> Any:
    key, each = args if len(args) == 2 else (Any, Any)
    made = {_key(name, key, where): make(inner, each, f"{where}.{name}") for name, inner in value.items()}
    if origin is defaultdict:
        return defaultdict(None, made)
    return OrderedDict(made) if origin is OrderedDict else made


def _key(name: str, hint: Any, where: str) -> Any:
    """Return the name of a property as a key: JSON writes a number, and a member of an enum, as its text."""
    hint = bare(hint)
    if hint is Any or hint is str or hint is object:
        return name
    if not validator_of(hint).problems(name, where):
        return make(name, hint, f"{where}.{name}")
    return make(json.loads(name), hint, f"{where}.{name}")


def _of_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    same_type = [
        option for option in options if option is type(value) or (value is None and takes_none(option))
    ]
    if same_type:
        return value
    errors: list[UsageError] = []
    fitting = [each for each in options if not validator_of(each).problems(value, where)]
    for option in sorted(fitting, key=lambda each: _left_over(value, each)):
        try:
            return make(value, option, where)
        except UsageError as exc:
            errors.append(exc)
    raise errors[0] if errors else UsageError(f"{where}: expected a value of the union, got {got(value, 80)}")


def _left_over(value: Any, option: Any) -> int:
    """Return how many fields of *value* a class doesn't have."""
    fields = fields_of(bare(option))
    return len(value.keys() - {each.name for each in fields}) if fields and isinstance(value, dict) else 0


def _of_list(value: Any, origin: Any, args: tuple[Any, ...], where: str) -> Any:
    if origin is tuple and args and args[-1] is not Ellipsis:
        return tuple(
            make(each, hint, f"{where}[{n}]") for n, (each, hint) in enumerate(zip(value, args, strict=True))
        )
    hint = args[0] if args else Any
    made = [make(each, hint, f"{where}[{n}]") for n, each in enumerate(value)]
    if _is_one_of(origin, SETS):
        return set(made) if origin in (set, MutableSet) else frozenset(made)
    if origin is deque:
        return deque(made)
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

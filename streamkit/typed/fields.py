"""The fields of a class that JSON fills: of dataclasses, attrs classes, TypedDicts and NamedTuples."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, get_origin, get_type_hints

import attrs

from ..errors import UsageError
from .foreign import own_schema
from .hints import markers, substituted, values_by_class


class Field(NamedTuple):
    """A field of a class or a parameter of a function, as a property of a JSON object."""

    name: str
    type: Any
    required: bool = True
    default: Any = None  # ignored if the field is required
    description: str = ""


def fields_of(hint: Any) -> list[Field] | None:
    """Return the fields that JSON fills, or None if *hint* isn't a class with fields.

    The type variables of a generic class such as `Box[int]` are replaced. Raises `UsageError` if an
    annotation can't be resolved.
    """
    cls = get_origin(hint) or hint
    if not has_fields(cls):
        return None
    try:
        hints = _hints_of(cls)
    except Exception as exc:  # an annotation in quotes is code, which may raise anything
        raise UsageError(f"{cls.__name__}: {exc}; annotations must be names in its module") from exc
    typed = _typed_by(hint, cls, hints)
    if is_typed_dict(cls):
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        return [Field(name, typed(name), _is_required(hints[name], name in required)) for name in hints]
    if issubclass(cls, tuple):
        defaults = cls._field_defaults
        return [Field(n, typed(n), n not in defaults, defaults.get(n)) for n in cls._fields]
    if attrs.has(cls):
        return [
            Field(a.name, typed(a.name), a.default is attrs.NOTHING, a.default)
            for a in attrs.fields(cls)
            if a.init
        ]
    return [
        Field(name, typed(name), _has_no_default(f), f.default)
        for name, f in cls.__dataclass_fields__.items()
        if f.init and get_origin(hints[name]) is not ClassVar and hints[name] is not ClassVar
    ]


def _hints_of(cls: type) -> dict[str, Any]:
    """Return the resolved annotations of *cls* and its bases."""
    try:
        return get_type_hints(cls, include_extras=True)
    except TypeError:  # Python 3.10 takes only an object that can be called for a type; an InitVar can't be
        bases = reversed(cls.__mro__)
        return {n: hint for base in bases for n, hint in inspect.get_annotations(base, eval_str=True).items()}


def _typed_by(hint: Any, cls: type, hints: dict[str, Any]) -> Callable[[str], Any]:
    """Return the function that names a field's type, with the type variables of its own class replaced."""
    values = values_by_class(hint)
    owners = {name: base for base in reversed(cls.__mro__) for name in inspect.get_annotations(base)}

    def typed(name: str) -> Any:
        owner = owners.get(name, cls)
        found = hints.get(name, Any)
        found = found.type if isinstance(found, dataclasses.InitVar) else found  # it is passed like a field
        return substituted(found, values.get(owner, {}))

    return typed


def has_fields(cls: Any) -> bool:
    """Return True for a class with fields that JSON fills, other than pydantic's and msgspec's."""
    if not isinstance(cls, type) or own_schema(cls) is not None:
        return False
    is_named_tuple = issubclass(cls, tuple) and hasattr(cls, "_field_defaults")
    return is_named_tuple or is_typed_dict(cls) or attrs.has(cls) or dataclasses.is_dataclass(cls)


def is_typed_dict(cls: Any) -> bool:
    """Return True for a TypedDict of typing or typing_extensions, which differ in Python 3.10."""
    return isinstance(cls, type) and issubclass(cls, dict) and hasattr(cls, "__total__")


def _has_no_default(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _is_required(hint: Any, total: bool) -> bool:
    """Read Required and NotRequired, which `__required_keys__` misses if annotations are strings."""
    found = [word for word in markers(hint) if word in ("Required", "NotRequired")]
    return found[0] == "Required" if found else total

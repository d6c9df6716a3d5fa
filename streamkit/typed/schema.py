"""Build the JSON schema of a Python type; objects.py makes an object of the type from the answer.

Types are dataclasses, attrs classes, TypedDicts and NamedTuples, also generic ones, those of pydantic and
msgspec, enums, Literal, unions, lists, tuples, sets, dicts, and the types in plain_types.py.

    takes    a type, or the fields of an object
    returns  its schema; nested classes are written in place, unless they contain themselves (definitions.py)
    raises   `UsageError` with the place of a type that has no JSON form
"""

from __future__ import annotations

import enum
import inspect
import json
import types
import typing
from collections import OrderedDict, defaultdict, deque
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

from .._checks import got
from ..errors import UsageError
from .definitions import Definitions
from .fields import Field, fields_of, has_fields
from .foreign import own_schema
from .hints import alias_of, bound_of, is_enum, marker
from .plain_types import plain_type
from .schema_rules import check_schema
from .strict import with_items

LISTS = (list, Sequence, MutableSequence, Iterable, Collection, deque)
SETS = (set, frozenset, AbstractSet, MutableSet)
MAPPINGS = (dict, Mapping, MutableMapping, OrderedDict, defaultdict)

# The names of properties that stand for keys of another type than str.
_NAMES: Mapping[str, Mapping[str, Any]] = {
    "integer": {"pattern": "^-?[0-9]+$"},
    "number": {"pattern": "^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$"},
    "boolean": {"enum": ["true", "false"]},
}

# An attribute of the objects that annotated_types, pydantic and msgspec put in `Annotated` -> its keyword.
_CONSTRAINTS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}


def schema_of(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of a type; a field with a default isn't required.

    The docstring of a class becomes its description, and so does the text of an `Annotated[X, "text"]` field.
    Raises `UsageError` with the place of a type that has no JSON form.
    """
    return _finished(lambda writer, where: writer.write(hint, where), lambda: _title(hint))


def object_schema(fields: Iterable[Field], where: str) -> dict[str, Any]:
    """Return the JSON schema of an object with these fields, such as the parameters of a function."""
    return _finished(lambda writer, where: writer.write_object(fields, where), lambda: where)


def _title(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)


def _finished(write: Callable[[_Writer, str], dict[str, Any]], title: Callable[[], str]) -> dict[str, Any]:
    writer, where = _Writer(), "type"
    try:
        where = title()
        return writer.definitions.finish(write(writer, where))
    except RecursionError as exc:
        raise UsageError(f"{where}: expected a type whose schema ends, got one that grows forever") from exc
    except UsageError:
        raise
    except Exception as exc:  # of the caller's own class, such as its `__getattr__`
        raise UsageError(f"{where}: {type(exc).__name__} while its schema was built: {exc}") from exc


class _Writer:
    """Writes one schema.

    `write` selects a method from the tables below the class: by the hint's origin (`list` of `list[int]`),
    else by its kind. Each method takes the hint, and its place for errors.
    """

    def __init__(self) -> None:
        self.definitions = Definitions()
        self._adopted: list[tuple[Any, dict[str, Any]]] = []

    def write(self, hint: Any, where: str) -> dict[str, Any]:
        """Return the schema of *hint*, at the place *where*."""
        plain = plain_type(hint)
        if plain is not None:
            return dict(plain.schema)
        method = _look_up(_BY_ORIGIN, get_origin(hint) or hint)
        if method is None:
            method = next((method for is_kind, method in _BY_KIND if is_kind(hint)), _Writer.refuse)
        return method(self, hint, where)

    def write_annotated(self, hint: Any, where: str) -> dict[str, Any]:
        schema = self.write(get_args(hint)[0], where)
        for each in hint.__metadata__:
            schema |= _notes(each, schema.get("type"))
        return schema

    def write_marked(self, hint: Any, where: str) -> dict[str, Any]:
        return self.write(get_args(hint)[0], where)

    def write_alias(self, hint: Any, where: str) -> dict[str, Any]:
        return self.definitions.share(hint, lambda: self.write(alias_of(hint), where))

    def write_literal(self, hint: Any, where: str) -> dict[str, Any]:
        return self._values(get_args(hint), hint, where)

    def write_enum(self, hint: Any, where: str) -> dict[str, Any]:
        return self._values([member.value for member in hint], hint, where)

    def write_union(self, hint: Any, where: str) -> dict[str, Any]:
        """More servers understand one `type` with a list than `anyOf`, so that is used if it's enough."""
        schemas = [self.write(arg, where) for arg in get_args(hint)]
        if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
            kinds = list(dict.fromkeys(schema["type"] for schema in schemas))
            return {"type": kinds if len(kinds) > 1 else kinds[0]}
        return {"anyOf": schemas}

    def write_tuple(self, hint: Any, where: str) -> dict[str, Any]:
        args = get_args(hint)
        if not args or (len(args) == 2 and args[1] is Ellipsis):
            return self.write_array(hint, where)
        items = [self.write(arg, f"{where}[{n}]") for n, arg in enumerate(args)]
        schema = {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        return with_items(schema)

    def write_array(self, hint: Any, where: str) -> dict[str, Any]:
        args = get_args(hint)
        return {"type": "array", "items": self.write(args[0] if args else Any, f"{where}[]")}

    def write_mapping(self, hint: Any, where: str) -> dict[str, Any]:
        args = get_args(hint)
        values = self.write(args[1] if len(args) > 1 else Any, f"{where}.*")
        names = self.names_of(args[0], f"{where} keys") if args else {}
        return {"type": "object", "additionalProperties": values or True, **names}

    def names_of(self, key: Any, where: str) -> dict[str, Any]:
        """Return `propertyNames` for the keys of a dict, which JSON writes as text; {} for any text."""
        schema = self.write(key, where)
        if "enum" in schema:
            texts = [each if isinstance(each, str) else json.dumps(each) for each in schema["enum"]]
            return {"propertyNames": {"enum": texts}}
        if schema.get("type") in ("object", "array", "null"):
            return self.refuse(key, where)
        if schema.get("type") in _NAMES:
            return {"propertyNames": dict(_NAMES[schema["type"]])}
        return {} if schema in ({}, {"type": "string"}) or "type" not in schema else {"propertyNames": schema}

    def write_type_variable(self, hint: Any, where: str) -> dict[str, Any]:
        return self.write(bound_of(hint), where)

    def write_class(self, hint: Any, where: str) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            note = _docstring(get_origin(hint) or hint)
            schema = self.write_object(fields_of(hint) or (), where)
            return schema | ({"description": note} if note else {})

        return self.definitions.share(hint, make)

    def write_own(self, hint: Any, where: str) -> dict[str, Any]:
        for known, schema in self._adopted:
            if known is hint:
                return dict(schema)
        make = own_schema(hint)
        assert make is not None
        try:
            schema = make()
        except Exception as exc:  # of the library, for a field without a schema
            raise UsageError(f"{where}: {type(exc).__name__} in the schema of {_title(hint)}: {exc}") from exc
        check_schema(schema, f"{where}: the schema of {_title(hint)}")
        schema = self.definitions.adopt(schema)
        self._adopted.append((hint, schema))
        return dict(schema)

    def write_object(self, fields: Iterable[Field], where: str) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        for each in fields:
            schema = self.write(each.type, f"{where}.{each.name}")
            if each.description:
                schema["description"] = each.description
            if each.required:
                required.append(each.name)
            else:
                default = each.default.value if isinstance(each.default, enum.Enum) else each.default
                is_number = isinstance(default, int | float) and isfinite(default)
                if isinstance(default, str) or is_number:  # a default of None is the same as no default
                    schema["default"] = default
            properties[each.name] = schema
        schema = {"type": "object", "properties": properties}
        return schema | ({"required": required} if required else {})

    def _values(self, values: Iterable[Any], hint: Any, where: str) -> dict[str, Any]:
        plain = [each.value if isinstance(each, enum.Enum) else each for each in values]
        if not all(isinstance(each, str | int | float | None) for each in plain):
            return self.refuse(hint, where)
        kinds = {type(each) for each in plain}
        kind = plain_type(kinds.pop()) if len(kinds) == 1 else None
        return {**(kind.schema if kind else {}), "enum": plain}

    def refuse(self, hint: Any, where: str) -> dict[str, Any]:
        raise UsageError(
            f"{where}: expected a class with fields, a list, a dict or a plain type, "
            f"got {got(hint, 100)}, which has no JSON schema"
        )


_Method: TypeAlias = Callable[[_Writer, Any, str], dict[str, Any]]
_BY_ORIGIN: Mapping[Any, _Method] = {
    typing.Annotated: _Writer.write_annotated,
    Literal: _Writer.write_literal,
    Union: _Writer.write_union,
    types.UnionType: _Writer.write_union,
    tuple: _Writer.write_tuple,
    **dict.fromkeys((*LISTS, *SETS), _Writer.write_array),
    **dict.fromkeys(MAPPINGS, _Writer.write_mapping),
}
_BY_KIND: Sequence[tuple[Callable[[Any], bool], _Method]] = (
    (lambda hint: marker(hint) is not None, _Writer.write_marked),
    (lambda hint: alias_of(hint) is not None, _Writer.write_alias),
    (lambda hint: is_enum(hint), _Writer.write_enum),
    (lambda hint: own_schema(hint) is not None, _Writer.write_own),
    (lambda hint: has_fields(get_origin(hint) or hint), _Writer.write_class),
    (lambda hint: isinstance(hint, TypeVar), _Writer.write_type_variable),
)
V = TypeVar("V")


def _look_up(table: Mapping[Any, V], hint: Any) -> V | None:
    """Return the entry for *hint*, or None; a hint such as `Annotated[int, []]` is unhashable."""
    try:
        return table.get(hint)
    except TypeError:
        return None


def _docstring(cls: type) -> str:
    """Return the class's docstring, unless dataclass or TypedDict generated it."""
    text = cls.__dict__.get("__doc__")
    if not isinstance(text, str):  # none, or from Python 3.15 on one that dataclass generates when it is read
        return ""
    generated = text.startswith((f"{cls.__name__}(", "dict() -> "))
    return "" if generated else inspect.cleandoc(text)


def _notes(note: Any, kind: Any) -> dict[str, Any]:
    """Return the keywords that an object in `Annotated` stands for: a text, or a constraint of a library."""
    if isinstance(note, str):
        return {"description": note}
    found: dict[str, Any] = {}
    for each in getattr(note, "metadata", None) or ():  # the constraints of a pydantic Field
        found |= _notes(each, kind)
    text = getattr(note, "description", None) or getattr(note, "documentation", None)
    if isinstance(text, str):
        found["description"] = text
    for name, keyword in _CONSTRAINTS.items():
        value = getattr(note, name, None)
        if isinstance(value, str if name == "pattern" else int | float):
            found[keyword] = value
    unit = {"string": "Length", "array": "Items", "object": "Properties"}.get(str(kind))
    for least in ("min", "max") if unit else ():
        value = getattr(note, f"{least}_length", None)
        if isinstance(value, int):
            found[f"{least}{unit}"] = value
    return found

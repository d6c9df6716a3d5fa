"""A Python type -> the JSON schema that asks for it. `structure.py` is the way back.

Types are attrs classes, dataclasses, TypedDicts, enums, Literal, Optional and other unions, lists, tuples,
sets, dicts, str, int, float, bool, dates and times, UUID, Decimal, and Any.

Rule: nested classes are written in place, since many servers follow no `$ref`; only a class that
contains itself gets an entry in `$defs`.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
from attrs import field, frozen, validators

from ..errors import UsageError

_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    types.NoneType: {"type": "null"},
    Any: {},
    object: {},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": "string"},
}
_ARRAYS = (list, Sequence, Iterable, set, frozenset, AbstractSet)
_OBJECTS = (dict, Mapping)


@frozen
class ResponseFormat:
    """The shape that an answer is asked to have.

    `kind` is the API's: "json_schema", "json_object" or "text". `type` is the Python type that
    `Completion.parsed` makes of the answer; None: plain JSON values.
    """

    kind: str = field(default="json_schema", validator=validators.in_(("json_schema", "json_object", "text")))
    name: str = "response"
    schema: Mapping[str, Any] = field(factory=dict, hash=False)
    strict: bool = True
    type: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without a `type` that pickle could not find again, one made inside a function."""
        found = None if "<locals>" in getattr(self.type, "__qualname__", "") else self.type
        return ResponseFormat, (self.kind, self.name, self.schema, self.strict, found)

    @classmethod
    def of(cls, value: Any) -> ResponseFormat:
        """From a type, a JSON schema, "json_object", or the object that either API takes.

        Raises `UsageError` for anything else, and for a type whose JSON is no object.
        """
        if isinstance(value, ResponseFormat):
            return value
        if isinstance(value, str) and value in ("json_object", "text"):
            return cls(kind=value)
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if not isinstance(value, type) and get_origin(value) is None:
            raise UsageError(f"response_format takes a class, a JSON schema or 'json_object', got {value!r}")
        schema = schema_of(value)
        if schema.get("type") != "object":
            raise UsageError(f"an answer is a JSON object; make {value!r} a field of a class")
        strict = not any(_is_loose(node) for node in _nodes(schema))
        return cls(
            name=_name_of(value),
            schema=strict_schema(schema) if strict else schema,
            strict=strict,
            type=value,
        )

    @classmethod
    def _of_mapping(cls, value: Mapping[str, Any]) -> ResponseFormat:
        kind = value.get("type")
        if isinstance(kind, str) and kind in ("json_object", "text"):
            return cls(kind=kind)
        if kind != "json_schema":
            # What is in the strict form already is meant so; anything else would be refused.
            is_strict = strict_schema(value) == value and not any(_is_loose(node) for node in _nodes(value))
            return cls(name=_plain_name(value.get("title")), schema=dict(value), strict=is_strict)
        inner = value.get("json_schema", value)  # nested on chat, flat on Responses
        if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
            raise UsageError(f"response_format of type json_schema has no schema: {dict(value)!r}")
        strict = inner.get("strict")
        return cls(
            name=_plain_name(inner.get("name")),
            schema=dict(inner["schema"]),
            strict=True if strict is None else bool(strict),
        )


def as_response_format(value: Any) -> ResponseFormat:
    """Return `ResponseFormat.of(value)`."""
    return ResponseFormat.of(value)


def _is_loose(node: Mapping[str, Any]) -> bool:
    """Whether strict mode refuses it: keys of the model's own choice, tuples, and what may be anything."""
    untyped = not node.keys() & {"type", "enum", "anyOf", "$ref"}
    return untyped or node.get("additionalProperties", False) is not False or "prefixItems" in node


def _name_of(cls: Any) -> str:
    return _plain_name(getattr(cls, "__name__", None))


def _plain_name(name: Any) -> str:
    """A name as both APIs take it: letters, digits, `_` and `-`, at most 64."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64] if isinstance(name, str) else ""
    return plain or "response"


# -- the fields of a class ----------------------------------------------------------------


class Field(NamedTuple):
    """A field of a class, or a parameter of a function, as JSON sees it."""

    name: str
    type: Any
    required: bool = True
    default: Any = None  # of meaning only where it is not required
    description: str = ""


def fields_of(cls: Any) -> list[Field] | None:
    """The fields that JSON fills, None where *cls* is no class with fields.

    Raises `UsageError` where an annotation cannot be resolved.
    """
    if not isinstance(cls, type):
        return None
    if not (is_typed_dict(cls) or attrs.has(cls) or dataclasses.is_dataclass(cls)):
        return None
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as exc:
        raise UsageError(f"{cls.__name__}: {exc}; annotations must be names of its module") from exc
    if is_typed_dict(cls):
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        return [Field(name, hint, _is_required(hint, name in required)) for name, hint in hints.items()]
    if attrs.has(cls):
        return [
            Field(a.name, hints.get(a.name, Any), a.default is attrs.NOTHING, a.default)
            for a in attrs.fields(cls)
            if a.init
        ]
    return [
        Field(f.name, hints[f.name], _has_no_default(f), f.default) for f in dataclasses.fields(cls) if f.init
    ]


def is_typed_dict(cls: Any) -> bool:
    """Whether *cls* is a TypedDict, of typing or (which Python 3.10 tells apart) of typing_extensions."""
    return isinstance(cls, type) and issubclass(cls, dict) and hasattr(cls, "__total__")


def _has_no_default(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _is_required(hint: Any, total: bool) -> bool:
    """What Required and NotRequired say; they hide from `__required_keys__` in string annotations."""
    word = _marker(hint)
    return total if word is None else word == "Required"


def _marker(hint: Any) -> str | None:
    """ "Required" or "NotRequired", of typing or of typing_extensions; None for any other hint."""
    name = getattr(get_origin(hint), "_name", None)
    return name if name in ("Required", "NotRequired") else None


def bare(hint: Any) -> Any:
    """*hint* without Required or NotRequired around it."""
    return get_args(hint)[0] if _marker(hint) else hint


def takes_none(hint: Any) -> bool:
    """Whether None is a value of the type."""
    hint = bare(hint)
    if hint in (None, Any, object, types.NoneType):
        return True
    return _is_union(hint) and any(takes_none(arg) for arg in get_args(hint))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


# -- type -> schema -----------------------------------------------------------------------


def schema_of(cls: Any) -> dict[str, Any]:
    """The JSON schema of a type; what has a default is not required.

    A class's docstring becomes its description, and so does the text of an `Annotated[X, "text"]` field.
    Raises `UsageError` naming the place that has no JSON form.
    """
    writer = _Writer()
    return writer.finish(writer.write(cls, getattr(cls, "__name__", str(cls))))


def object_schema(fields: Iterable[Field], where: str) -> dict[str, Any]:
    """The JSON schema of an object with these fields: the parameters of a function, say."""
    writer = _Writer()
    return writer.finish(writer.object(fields, where))


class _Writer:
    """Writes one schema; knows the classes it is inside of, for those that contain themselves."""

    def __init__(self) -> None:
        self._defs: dict[str, Any] = {}
        self._inside: list[type] = []
        self._recursive: set[type] = set()

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:  # the root contains itself
            schema = dict(self._defs[schema["$ref"].rsplit("/", 1)[1]])
        return schema | {"$defs": self._defs} if self._defs else schema

    def write(self, hint: Any, where: str) -> dict[str, Any]:
        """The schema of *hint*; *where* names the place in errors."""
        try:
            if hint in _PLAIN:
                return dict(_PLAIN[hint])
        except TypeError:  # an unhashable argument, as in Annotated[int, []]
            pass
        origin, args = get_origin(hint), get_args(hint)
        if origin is typing.Annotated:
            note = next((a for a in hint.__metadata__ if isinstance(a, str)), None)
            return self.write(args[0], where) | ({"description": note} if note else {})
        if _marker(hint):
            return self.write(bare(hint), where)
        if origin is Literal:
            return _values(args)
        if _is_union(hint):
            return _union([self.write(arg, where) for arg in args])
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return _values([member.value for member in hint])
        if (origin or hint) is tuple:
            return self._tuple(args, where)
        if (origin or hint) in _ARRAYS:
            return {"type": "array", "items": self.write(args[0] if args else Any, f"{where}[]")}
        if (origin or hint) in _OBJECTS:
            values = self.write(args[1] if args else Any, f"{where}.*")
            return {"type": "object", "additionalProperties": values or True}
        if isinstance(hint, type):
            fields = fields_of(hint)
            if fields is not None:
                return self._class(hint, fields, where)
        if isinstance(hint, typing.TypeVar):
            return self.write(hint.__bound__ or Any, where)
        raise UsageError(f"{where}: {hint!r} has no JSON schema; use a class, a list, a dict or a plain type")

    def _tuple(self, args: tuple[Any, ...], where: str) -> dict[str, Any]:
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": self.write(args[0], f"{where}[]")}
        if not args:
            return {"type": "array", "items": {}}
        items = [self.write(arg, f"{where}[{n}]") for n, arg in enumerate(args)]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _class(self, cls: type, fields: list[Field], where: str) -> dict[str, Any]:
        name = _name_of(cls)
        if cls in self._inside:
            self._recursive.add(cls)
            return {"$ref": f"#/$defs/{name}"}
        self._inside.append(cls)
        schema = self.object(fields, where)
        self._inside.pop()
        note = _docstring(cls)
        if note:
            schema["description"] = note
        if cls not in self._recursive:
            return schema
        self._defs[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def object(self, fields: Iterable[Field], where: str) -> dict[str, Any]:
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
                if isinstance(default, str | int | float):  # None is what leaving it out says
                    schema["default"] = default
            properties[each.name] = schema
        schema = {"type": "object", "properties": properties}
        return schema | ({"required": required} if required else {})


def _docstring(cls: type) -> str:
    """What the author wrote; dataclass and TypedDict put one of their own there."""
    text = cls.__dict__.get("__doc__") or ""
    generated = text.startswith((f"{cls.__name__}(", "dict() -> "))
    return "" if generated else inspect.cleandoc(text)


def _values(values: Iterable[Any]) -> dict[str, Any]:
    values = [v.value if isinstance(v, enum.Enum) else v for v in values]
    kinds = {type(v) for v in values}
    kind = _PLAIN.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """One `type` with a list where that says it all, which more servers understand than `anyOf`."""
    if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


# -- the strict form ----------------------------------------------------------------------

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_SINGLE = ("items", "not", "additionalProperties")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of *schema* as strict mode wants it (RQ-19).

    Objects are closed; every property is required, and may be null where it was not; `oneOf` is
    `anyOf`; a `$ref` stands alone; `default` goes.
    """
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    strict = {key: value for key, value in schema.items() if key not in ("default", "oneOf")}
    if "oneOf" in schema:
        strict["anyOf"] = [*schema.get("anyOf", ()), *schema["oneOf"]]
    strict = map_children(strict, _strict)
    if schema.get("type") == "object" or "properties" in schema:
        properties = strict.get("properties", {})
        was_required = schema.get("required", ())
        strict["properties"] = {
            name: each if name in was_required else _or_null(each) for name, each in properties.items()
        }
        strict["required"] = list(properties)
        strict.setdefault("additionalProperties", False)
    return strict


def map_children(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy of *schema* with what *change* makes of each schema that stands right inside it."""

    def changed(key: str, value: Any) -> Any:
        if isinstance(value, list) and key in (*_LISTS, *_SINGLE):
            return [change(each) for each in value]
        if isinstance(value, Mapping) and key in _NAMED:
            return {name: change(each) for name, each in value.items()}
        return change(value) if key in _SINGLE else value

    return {key: changed(key, value) for key, value in schema.items()}


def _strict(node: Any) -> Any:
    return strict_schema(node) if isinstance(node, Mapping) else node


def _or_null(schema: Any) -> Any:
    """*schema*, or null."""
    if not isinstance(schema, Mapping) or not schema:
        return schema
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else kind
    if kinds and "null" in kinds:
        return schema
    if kinds and "anyOf" not in schema:
        values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, "type": [*kinds, "null"], **values}
    options = schema.get("anyOf") if schema.keys() <= {"anyOf", "description"} else None
    if options is None:
        return {"anyOf": [schema, {"type": "null"}]}
    if {"type": "null"} in options:
        return schema
    return {**schema, "anyOf": [*options, {"type": "null"}]}


def _nodes(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every schema inside *schema*, itself included."""
    nodes: list[Mapping[str, Any]] = []

    def visit(node: Any) -> Any:
        if isinstance(node, Mapping):
            nodes.append(node)
            map_children(node, visit)
        return node

    visit(schema)
    return nodes

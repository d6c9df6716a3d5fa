"""Build the JSON schema of a Python type; parse.py makes an object of the type from the answer.

Types are attrs classes, dataclasses, TypedDicts, enums, Literal, unions, lists, tuples, sets and dicts. Plain
types are str, int, float, bool, dates and times, UUID, Decimal and Any.

Rule: nested classes are written in place, because many servers don't follow `$ref`. Only a class that
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
from math import isfinite
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints
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


@frozen
class ResponseFormat:
    """The requested shape of an answer.

    `kind` is the API's: "json_schema", "json_object" or "text". `type` is the Python type of
    `Completion.parsed()`; if it's None, the result is plain JSON values.
    """

    kind: str = field(default="json_schema", validator=validators.in_(("json_schema", "json_object", "text")))
    name: str = "response"
    schema: Mapping[str, Any] = field(factory=dict, hash=False)
    strict: bool = True
    type: Any = None
    is_wrapped: bool = False  # the schema is that of an object with the value in the field `WRAPPER`

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without a `type` that was made inside a function, which unpickling can't find."""
        found = None if "<locals>" in getattr(self.type, "__qualname__", "") else self.type
        return ResponseFormat, (self.kind, self.name, self.schema, self.strict, found, self.is_wrapped)

    @classmethod
    def of(cls, value: Any) -> ResponseFormat:
        """Return the format for a type, a JSON schema, "json_object", or the object that either API takes.

        Raises `UsageError` for anything else, and for a type that isn't a JSON object.
        """
        if isinstance(value, ResponseFormat):
            return value
        if isinstance(value, str) and value in ("json_object", "text"):
            return cls(kind=value)
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if value in (Any, object) or (not isinstance(value, type) and get_origin(value) is None):
            raise UsageError(
                f"response_format: expected a type, a JSON schema or 'json_object', got {value!r:.100}"
            )
        schema = schema_of(value)
        is_wrapped = schema.get("type") != "object"
        if is_wrapped:
            schema = _wrapped(schema)
        strict = not is_loose(schema)
        return cls(
            name=_name_of(value),
            schema=strict_schema(schema) if strict else schema,
            strict=strict,
            type=value,
            is_wrapped=is_wrapped,
        )

    @classmethod
    def _of_mapping(cls, value: Mapping[str, Any]) -> ResponseFormat:
        kind = value.get("type")
        if isinstance(kind, str) and kind in ("json_object", "text"):
            return cls(kind=kind)
        if kind != "json_schema":
            # A schema that is already in the strict form is sent as strict; the API refuses any other.
            is_strict = strict_schema(value) == value and not is_loose(value)
            return cls(name=_plain_name(value.get("title")), schema=dict(value), strict=is_strict)
        inner = value.get("json_schema", value)  # nested in Chat Completions, flat in Responses
        if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
            raise UsageError(
                f"response_format: expected a schema for type json_schema, got {dict(value)!r:.100}"
            )
        strict = inner.get("strict")
        return cls(
            name=_plain_name(inner.get("name")),
            schema=dict(inner["schema"]),
            strict=True if strict is None else bool(strict),
        )


WRAPPER = "value"  # servers accept only objects at the top


def _wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: value for name, value in schema.items() if name != "$defs"}
    defs = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {"type": "object", "properties": {WRAPPER: inner}, "required": [WRAPPER], **defs}


def as_response_format(value: Any) -> ResponseFormat:
    """Return `ResponseFormat.of(value)`."""
    return ResponseFormat.of(value)


def is_loose(schema: Mapping[str, Any]) -> bool:
    """Return True if strict mode refuses a part of *schema*."""
    return any(_is_loose(node) for node in _nodes(schema))


def _is_loose(node: Mapping[str, Any]) -> bool:
    """Return True if strict mode refuses the node: free keys, tuples, and nodes without a type."""
    untyped = not node.keys() & {"type", "enum", "anyOf", "$ref"}
    return untyped or node.get("additionalProperties", False) is not False or "prefixItems" in node


def _name_of(cls: Any) -> str:
    return _plain_name(getattr(cls, "__name__", None))


def _plain_name(name: Any) -> str:
    """Return a name that both APIs accept: letters, digits, `_` and `-`, at most 64."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64] if isinstance(name, str) else ""
    return plain or "response"


# -- the fields of a class ----------------------------------------------------------------


class Field(NamedTuple):
    """A field of a class or a parameter of a function, as a property of a JSON object."""

    name: str
    type: Any
    required: bool = True
    default: Any = None  # ignored if the field is required
    description: str = ""


def fields_of(cls: Any) -> list[Field] | None:
    """Return the fields that JSON fills, or None if *cls* isn't a class with fields.

    Raises `UsageError` if an annotation can't be resolved.
    """
    if not _has_fields(cls):
        return None
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as exc:
        raise UsageError(f"{cls.__name__}: {exc}; annotations must be names in its module") from exc
    if is_typed_dict(cls):
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        return [Field(name, hint, _is_required(hint, name in required)) for name, hint in hints.items()]
    if issubclass(cls, tuple):
        defaults = cls._field_defaults
        names = cls._fields
        return [Field(n, hints.get(n, Any), n not in defaults, defaults.get(n)) for n in names]
    if attrs.has(cls):
        return [
            Field(a.name, hints.get(a.name, Any), a.default is attrs.NOTHING, a.default)
            for a in attrs.fields(cls)
            if a.init
        ]
    return [
        Field(f.name, hints[f.name], _has_no_default(f), f.default) for f in dataclasses.fields(cls) if f.init
    ]


def _has_fields(cls: Any) -> bool:
    if not isinstance(cls, type) or _own_schema(cls) is not None:
        return False
    is_named_tuple = issubclass(cls, tuple) and hasattr(cls, "_field_defaults")
    return is_named_tuple or is_typed_dict(cls) or attrs.has(cls) or dataclasses.is_dataclass(cls)


# -- classes with a schema of their own: pydantic's and msgspec's, known by their methods ------------------


def _own_schema(cls: Any) -> Callable[[], dict[str, Any]] | None:
    """Return the function that makes the schema of a pydantic or msgspec class; None for other classes."""
    if not isinstance(cls, type):
        return None
    of_pydantic = getattr(cls, "model_json_schema", None)
    if callable(of_pydantic) and callable(getattr(cls, "model_validate", None)):
        return lambda: dict(of_pydantic())
    if hasattr(cls, "__struct_fields__"):
        import msgspec

        return lambda: dict(msgspec.json.schema(cls))
    if hasattr(cls, "__pydantic_core_schema__"):  # a dataclass of pydantic's
        from pydantic import TypeAdapter

        return lambda: dict(TypeAdapter(cls).json_schema())
    return None


def maker_of(cls: Any) -> Callable[[Any], Any] | None:
    """Return the function that checks a JSON value and makes an object of such a class; None for others."""
    if not isinstance(cls, type) or _own_schema(cls) is None:
        return None
    if hasattr(cls, "model_validate"):
        validate: Callable[[Any], Any] = cls.model_validate
        return validate
    if hasattr(cls, "__struct_fields__"):
        import msgspec

        return lambda value: msgspec.convert(value, cls, strict=True, str_keys=True)
    from pydantic import TypeAdapter

    return lambda value: TypeAdapter(cls).validate_python(value)


def is_typed_dict(cls: Any) -> bool:
    """Return True for a TypedDict of typing or typing_extensions, which differ in Python 3.10."""
    return isinstance(cls, type) and issubclass(cls, dict) and hasattr(cls, "__total__")


def _has_no_default(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _is_required(hint: Any, total: bool) -> bool:
    """Read Required and NotRequired, which `__required_keys__` misses if annotations are strings."""
    word = _marker(hint)
    return total if word is None else word == "Required"


def _marker(hint: Any) -> str | None:
    """Return "Required" or "NotRequired" (of typing or typing_extensions), or None for other hints."""
    name = getattr(get_origin(hint), "_name", None)
    return name if name in ("Required", "NotRequired") else None


def bare(hint: Any) -> Any:
    """Return *hint* without Required or NotRequired around it."""
    return get_args(hint)[0] if _marker(hint) else hint


def takes_none(hint: Any) -> bool:
    """Return True if None is a value of the type."""
    hint = bare(hint)
    if hint in (None, Any, object, types.NoneType):
        return True
    return _is_union(hint) and any(takes_none(arg) for arg in get_args(hint))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


# -- type -> schema -----------------------------------------------------------------------


def schema_of(cls: Any) -> dict[str, Any]:
    """Return the JSON schema of a type; a field with a default isn't required.

    The docstring of a class becomes its description, and so does the text of an `Annotated[X, "text"]` field.
    Raises `UsageError` with the place of a type that has no JSON form.
    """
    writer = _Writer()
    return writer.finish(writer.write(cls, getattr(cls, "__name__", str(cls))))


def object_schema(fields: Iterable[Field], where: str) -> dict[str, Any]:
    """Return the JSON schema of an object with these fields, such as the parameters of a function."""
    writer = _Writer()
    return writer.finish(writer.write_object(fields, where))


class _Writer:
    """Writes one schema, and finds the classes that contain themselves.

    `write` selects a method from the tables below the class: by the hint's origin (`list` of `list[int]`),
    else by its kind. Each method takes the hint, and its place for errors.
    """

    def __init__(self) -> None:
        self._defs: dict[str, Any] = {}
        self._inside: list[type] = []
        self._recursive: set[type] = set()

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:  # the root contains itself
            schema = dict(self._defs[schema["$ref"].rsplit("/", 1)[1]])
        return schema | {"$defs": self._defs} if self._defs else schema

    def write(self, hint: Any, where: str) -> dict[str, Any]:
        """Return the schema of *hint*, at the place *where*."""
        plain = _look_up(_PLAIN, hint)
        if plain is not None:
            return dict(plain)
        method = _look_up(_BY_ORIGIN, get_origin(hint) or hint)
        if method is None:
            method = next((method for is_kind, method in _BY_KIND if is_kind(hint)), _Writer.refuse)
        return method(self, hint, where)

    def write_annotated(self, hint: Any, where: str) -> dict[str, Any]:
        note = next((a for a in hint.__metadata__ if isinstance(a, str)), None)
        return self.write(get_args(hint)[0], where) | ({"description": note} if note else {})

    def write_marked(self, hint: Any, where: str) -> dict[str, Any]:
        return self.write(bare(hint), where)

    def write_literal(self, hint: Any, where: str) -> dict[str, Any]:
        return _values(get_args(hint))

    def write_enum(self, hint: Any, where: str) -> dict[str, Any]:
        return _values([member.value for member in hint])

    def write_union(self, hint: Any, where: str) -> dict[str, Any]:
        """More servers understand one `type` with a list than `anyOf`, so that is used if it's enough."""
        schemas = [self.write(arg, where) for arg in get_args(hint)]
        if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
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
        return {"type": "object", "additionalProperties": values or True}

    def write_type_variable(self, hint: Any, where: str) -> dict[str, Any]:
        return self.write(hint.__bound__ or Any, where)

    def write_class(self, hint: Any, where: str) -> dict[str, Any]:
        name = _name_of(hint)
        if hint in self._inside:
            self._recursive.add(hint)
            return {"$ref": f"#/$defs/{name}"}
        self._inside.append(hint)
        schema = self.write_object(fields_of(hint) or (), where)
        self._inside.pop()
        note = _docstring(hint)
        if note:
            schema["description"] = note
        if hint not in self._recursive:
            return schema
        self._defs[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def write_own(self, hint: Any, where: str) -> dict[str, Any]:
        make = _own_schema(hint)
        assert make is not None
        try:
            schema = make()
        except Exception as exc:  # of the library, for a field without a schema
            raise UsageError(
                f"{where}: {type(exc).__name__} in the schema of {hint.__name__}: {exc}"
            ) from exc
        self._defs.update(schema.pop("$defs", {}))
        return schema

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

    def refuse(self, hint: Any, where: str) -> dict[str, Any]:
        raise UsageError(
            f"{where}: expected a class with fields, a list, a dict or a plain type, "
            f"got {hint!r:.100}, which has no JSON schema"
        )


def with_items(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array with `items`, which OpenAI requires next to `prefixItems`, too."""
    if "items" in schema:
        return schema
    kinds: list[Any] = []
    for each in schema.get("prefixItems", ()):
        if each not in kinds:
            kinds.append(each)
    return {**schema, "items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}}


_Method: TypeAlias = Callable[[_Writer, Any, str], dict[str, Any]]
_BY_ORIGIN: Mapping[Any, _Method] = {
    typing.Annotated: _Writer.write_annotated,
    Literal: _Writer.write_literal,
    Union: _Writer.write_union,
    types.UnionType: _Writer.write_union,
    tuple: _Writer.write_tuple,
    **dict.fromkeys((list, Sequence, Iterable, set, frozenset, AbstractSet), _Writer.write_array),
    **dict.fromkeys((dict, Mapping), _Writer.write_mapping),
}
_BY_KIND: Sequence[tuple[Callable[[Any], bool], _Method]] = (
    (lambda hint: _marker(hint) is not None, _Writer.write_marked),
    (lambda hint: isinstance(hint, type) and issubclass(hint, enum.Enum), _Writer.write_enum),
    (lambda hint: _own_schema(hint) is not None, _Writer.write_own),
    (_has_fields, _Writer.write_class),
    (lambda hint: isinstance(hint, typing.TypeVar), _Writer.write_type_variable),
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
    text = cls.__dict__.get("__doc__") or ""
    generated = text.startswith((f"{cls.__name__}(", "dict() -> "))
    return "" if generated else inspect.cleandoc(text)


def _values(values: Iterable[Any]) -> dict[str, Any]:
    values = [v.value if isinstance(v, enum.Enum) else v for v in values]
    kinds = {type(v) for v in values}
    kind = _PLAIN.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": values}


# -- the strict form ----------------------------------------------------------------------

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_SINGLE = ("items", "not", "additionalProperties")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of *schema* in the form that strict mode accepts.

    Objects are closed. Every property is required; it may be null if it was optional. `oneOf` becomes
    `anyOf`, a `$ref` loses its siblings, and `default` is removed.
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
    """Return a copy of *schema* with *change* applied to each schema directly inside it."""

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
    """Return a schema for *schema* or null."""
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
    """Return *schema* and every schema inside it."""
    nodes: list[Mapping[str, Any]] = []

    def visit(node: Any) -> Any:
        if isinstance(node, Mapping):
            nodes.append(node)
            map_children(node, visit)
        return node

    visit(schema)
    return nodes

"""Make an object of the requested type from a model's JSON, or list every reason why it isn't one.

First the JSON is compared with the schema; each problem names its place and the expected value. Then cattrs
makes the objects. (cattrs alone would turn "ab" into a list of two strings.)

Rule: null for an optional value is the same as leaving it out, because the strict form of a schema makes
models write it.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Union
from uuid import UUID

import attrs

from ..errors import AnswerError, UsageError
from ..json_text import NotJSONError, loads_strict
from .schema import (
    ResponseFormat,
    bare,
    fields_of,
    is_typed_dict,
    schema_of,
    takes_none,
)

if TYPE_CHECKING:
    from cattrs import Converter

    from ..completion import Completion


def parse_answer(completion: Completion, as_class: Any = None) -> Any:
    """Parse the answer's text into *as_class*; if that is None, into the type that the request asked for.

    A response format without a type returns plain JSON values. Raises `AnswerError` for a refusal, for text
    that isn't JSON, and for JSON that doesn't fit; `IncompleteResponseError` if the answer was truncated;
    `UsageError` if neither the caller nor the request names a type.
    """
    wanted = completion.response_format if as_class is None else ResponseFormat.of(as_class)
    if wanted is None:
        raise UsageError("as_type: expected a class, because the request had no response_format; got None")
    if completion.refusal:
        raise AnswerError(
            f"the model refused: {completion.refusal}", refusal=completion.refusal, partial=completion
        )
    completion.raise_for_incomplete()
    text = completion.text
    try:
        value = loads_strict(text)
    except NotJSONError as exc:
        raise AnswerError(f"the answer isn't JSON ({exc}): {text[:200]!r}", partial=completion) from exc
    schema = schema_of(wanted.type) if wanted.type is not None else wanted.schema
    try:
        return as_type(value, wanted.type, schema, "the answer")
    except UsageError as exc:
        raise AnswerError(f"the answer isn't the requested {wanted.name}: {exc}", partial=completion) from exc


def as_type(value: Any, hint: Any, schema: Mapping[str, Any], where: str) -> Any:
    """Return *value* as an object of type *hint*, or unchanged if *hint* is None.

    Raises `UsageError` with every place of *value* that doesn't fit *schema*.
    """
    problems = problems_of(value, schema, where)
    if problems:
        raise UsageError("; ".join(problems))
    if hint is None:
        return value
    try:
        return _converter().structure(value, hint)
    except Exception as exc:
        from cattrs import transform_error

        raise UsageError("; ".join(transform_error(exc, path=where))) from exc


def to_json(value: Any) -> str:
    """Return any Python value as JSON text: dataclasses and attrs objects as objects, dates in ISO form."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    """Return the JSON form of one value that json doesn't know. Raises `TypeError` if it has none."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, set | frozenset | Mapping | Set):
        return dict(value) if isinstance(value, Mapping) else list(value)
    if isinstance(value, date | time):
        return value.isoformat()
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


# -- a value against a schema -------------------------------------------------------------

_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: (
        (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer())
    ),
}


def problems_of(value: Any, schema: Any, where: str) -> list[str]:
    """Return one sentence for each part of *value* that doesn't fit *schema*.

    Reads type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems,
    maxItems, anyOf, oneOf, allOf and local `$ref`; checking other keywords is left to the server.
    """
    try:
        return _Comparison(schema).problems(value, schema, where)
    except RecursionError:
        return [f"{where}: expected a value that is nested less deeply"]


class _Comparison:
    """Compares one value with one schema, part by part. `$ref` points into the schema's root.

    A part of the value is compared only once with the same part of the schema. Otherwise a union of classes
    that contain each other takes time exponential in the depth of the value, and a `$ref` to itself never
    ends.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._found: dict[tuple[int, int, str], list[str]] = {}

    def problems(self, value: Any, schema: Any, where: str) -> list[str]:
        """Return the problems of *value*, which is at *where*; none while the same comparison is running."""
        schema = self._resolve(schema)
        key = (id(value), id(schema), where)
        if key not in self._found:
            self._found[key] = []
            self._found[key] = self._compare(value, schema, where)
        return self._found[key]

    def _compare(self, value: Any, schema: Any, where: str) -> list[str]:
        if not isinstance(schema, Mapping):
            return [f"{where} isn't expected"] if schema is False else []
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_KINDS[kind](value) for kind in kinds if kind in _KINDS):
            return [f"{where}: expected {' or '.join(kinds)}, got {_shown(value)}"]
        found: list[str] = []
        allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if allowed is not None and value not in allowed:
            found.append(f"{where}: expected one of {json.dumps(allowed)}, got {_shown(value)}")
        if isinstance(value, dict):
            found += self._object_problems(value, schema, where)
        elif isinstance(value, list):
            found += self._array_problems(value, schema, where)
        for part in schema.get("allOf", ()):
            found += self.problems(value, part, where)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            tried = [self.problems(value, option, where) for option in options]
            closest = min(tried, key=len)
            found += closest
        return found

    def _object_problems(self, value: dict[str, Any], schema: Mapping[str, Any], where: str) -> list[str]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        others = schema.get("additionalProperties", True)
        found = [f"{where}.{name} is missing" for name in required if name not in value]
        for name, each in value.items():
            if name not in properties:
                found += self.problems(each, others, f"{where}.{name}")
            elif each is not None or name in required:
                found += self.problems(each, properties[name], f"{where}.{name}")
        return found

    def _array_problems(self, value: list[Any], schema: Mapping[str, Any], where: str) -> list[str]:
        first = schema.get("prefixItems", ())
        rest = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
        found = []
        if not least <= len(value) <= most:
            limit = f" and at most {most}" if "maxItems" in schema else ""
            found.append(f"{where}: expected at least {least}{limit} entries, got {len(value)}")
        for n, each in enumerate(value):
            found += self.problems(each, first[n] if n < len(first) else rest, f"{where}[{n}]")
        return found

    def _resolve(self, schema: Any) -> Any:
        """Return the schema that a local `$ref` points to; one that allows anything if it points nowhere."""
        followed: set[str] = set()
        while isinstance(schema, Mapping) and "$ref" in schema:
            ref = schema["$ref"]
            if ref in followed:
                return True
            followed.add(ref)
            schema = self._root
            for step in ref.removeprefix("#").strip("/").split("/"):
                schema = schema.get(step, True) if isinstance(schema, Mapping) and step else schema
        return schema


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


# -- cattrs -------------------------------------------------------------------------------


@cache
def _converter() -> Converter:
    """Return the converter. Importing cattrs takes longer than importing streamkit, so it's built late."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn
    from cattrs.strategies import configure_union_passthrough

    converter = Converter()
    configure_union_passthrough(Union[str, int, float, bool, None], converter)  # noqa: UP007 - an expression, not an annotation
    for cls in (datetime, date, time):
        converter.register_structure_hook(cls, _from_iso)
    converter.register_structure_hook(UUID, lambda value, _: UUID(value))
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    converter.register_structure_hook_factory(
        lambda cls: attrs.has(cls) or (isinstance(cls, type) and dataclasses.is_dataclass(cls)),
        lambda cls: _without_nulls(cls, make_dict_structure_fn(cls, converter)),
    )
    converter.register_structure_hook_factory(
        is_typed_dict, lambda cls: _without_nulls(cls, _typed_dict_reader(cls, converter))
    )
    return converter


def _from_iso(value: str, cls: Any) -> Any:
    return cls.fromisoformat(value.replace("Z", "+00:00"))  # Python 3.10 doesn't read Z


def _typed_dict_reader(cls: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Read a TypedDict: cattrs' own hook takes the wrong required keys if annotations are strings."""
    hints = {f.name: bare(f.type) for f in fields_of(cls) or ()}
    return lambda value, _: {k: converter.structure(v, hints[k]) for k, v in value.items() if k in hints}


def _without_nulls(cls: Any, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Wrap *structure* to leave out null for each optional field that doesn't take None."""
    optional = {f.name for f in fields_of(cls) or () if not f.required and not takes_none(f.type)}

    def read(value: Mapping[str, Any], _: Any) -> Any:
        kept = {k: v for k, v in value.items() if v is not None or k not in optional}
        return structure(kept, cls)

    return read

"""JSON that a model wrote -> an object of the type that was asked for, or every reason why not.

First the JSON is held against the schema, by rules written out here, which tell the place and what was
expected there; then cattrs makes the objects. Alone it would turn "ab" into a list of two strings.

Rule: null where a value was optional is the same as leaving it out, since the strict form of a schema
makes models say it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Union
from uuid import UUID

import attrs

from ..errors import AnswerError, UsageError
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
    """Return the answer's text as an object of *as_class*, else of the type that the request asked for.

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
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise AnswerError(f"the answer is not JSON ({exc}): {text[:200]!r}", partial=completion) from exc
    schema = schema_of(wanted.type) if wanted.type is not None else wanted.schema
    try:
        return as_type(value, wanted.type, schema, "the answer")
    except UsageError as exc:
        raise AnswerError(
            f"the answer is not the {wanted.name} asked for: {exc}", partial=completion
        ) from exc


def as_type(value: Any, hint: Any, schema: Mapping[str, Any], where: str) -> Any:
    """*value* as an object of type *hint*; as it is where *hint* is None.

    Raises `UsageError` with every place at which *value* does not fit *schema*.
    """
    problems = list(problems_of(value, schema, where))
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
    """Any Python value as JSON text: dataclasses and attrs objects as objects, dates in ISO form."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        plain = _converter().unstructure(value)
        return json.dumps(plain, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return list(value)
    return value.isoformat() if isinstance(value, date | time) else str(value)


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


def problems_of(value: Any, schema: Any, where: str, root: Mapping[str, Any] | None = None) -> Iterator[str]:
    """One sentence for every place of *value* that does not fit *schema*.

    Knows type, enum, const, properties, required, additionalProperties, items, prefixItems, anyOf, oneOf,
    allOf and local `$ref`; other keywords are the server's to keep.
    """
    if not isinstance(schema, Mapping):
        if schema is False:
            yield f"{where} is not expected"
        return
    root = schema if root is None else root
    if "$ref" in schema:
        yield from problems_of(value, _target(schema["$ref"], root), where, root)
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_KINDS[kind](value) for kind in kinds if kind in _KINDS):
        yield f"{where}: {' or '.join(kinds)} expected, got {_shown(value)}"
        return
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is not None and value not in allowed:
        yield f"{where}: one of {json.dumps(allowed)} expected, got {_shown(value)}"
    if isinstance(value, dict):
        yield from _object_problems(value, schema, where, root)
    elif isinstance(value, list):
        yield from _array_problems(value, schema, where, root)
    for part in schema.get("allOf", ()):
        yield from problems_of(value, part, where, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        tried = [list(problems_of(value, option, where, root)) for option in options]
        if all(tried):
            yield from min(tried, key=len)


def _object_problems(
    value: dict[str, Any], schema: Mapping[str, Any], where: str, root: Mapping[str, Any]
) -> Iterator[str]:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    for name in required:
        if name not in value:
            yield f"{where}.{name} is missing"
    others = schema.get("additionalProperties", True)
    for name, each in value.items():
        if name not in properties:
            yield from problems_of(each, others, f"{where}.{name}", root)
        elif each is not None or name in required:
            yield from problems_of(each, properties[name], f"{where}.{name}", root)


def _array_problems(
    value: list[Any], schema: Mapping[str, Any], where: str, root: Mapping[str, Any]
) -> Iterator[str]:
    first = schema.get("prefixItems", ())
    rest = schema.get("items", True)
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{where} has {len(value)} entries, expected {schema.get('minItems', 0)} or more" + (
            f" but at most {schema['maxItems']}" if "maxItems" in schema else ""
        )
    for n, each in enumerate(value):
        yield from problems_of(each, first[n] if n < len(first) else rest, f"{where}[{n}]", root)


def _target(ref: str, root: Mapping[str, Any]) -> Any:
    """What a local `$ref` points at; anything at all where it points nowhere."""
    node: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        node = node.get(step, {}) if isinstance(node, Mapping) and step else node
    return node


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


# -- cattrs -------------------------------------------------------------------------------


@cache
def _converter() -> Converter:
    """Built when first asked for: importing cattrs takes longer than importing streamkit."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn
    from cattrs.strategies import configure_union_passthrough

    converter = Converter()
    configure_union_passthrough(Union[str, int, float, bool, None], converter)  # noqa: UP007 - a value
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
    return cls.fromisoformat(value.replace("Z", "+00:00"))  # Python 3.10 knows no Z


def _typed_dict_reader(cls: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """cattrs' own asks the class which keys are required, and where annotations are strings it errs."""
    hints = {f.name: bare(f.type) for f in fields_of(cls) or ()}
    return lambda value, _: {k: converter.structure(v, hints[k]) for k, v in value.items() if k in hints}


def _without_nulls(cls: Any, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """*structure*, with null left out where the field may be missing and takes no None."""
    optional = {f.name for f in fields_of(cls) or () if not f.required and not takes_none(f.type)}

    def read(value: Mapping[str, Any], _: Any) -> Any:
        kept = {k: v for k, v in value.items() if v is not None or k not in optional}
        return structure(kept, cls)

    return read

"""A JSON schema -> one that is an object at its top, for the parameters of a tool.

Servers refuse a choice of schemas there: "input_schema does not support oneOf, allOf, or anyOf at the top
level". Rule: every value that fits the schema fits the result, too. It may fit more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any, TypeAlias

from .references import References

_ANY, _ALL = ("anyOf", "oneOf"), "allOf"
_DEPTH = 8  # of choices inside of choices
_MOST = 500  # schemas that are read; one that refers to itself has no end
_Object: TypeAlias = dict[str, Any]


def one_object(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return *schema* without a choice of schemas at its top; None if it has none, or one of other values.

    The result has the properties of all of them, and requires those that each value has.
    """
    if not any(_listed(schema, word) for word in (*_ANY, _ALL)):
        return None
    merged = _merged(schema, References(schema), iter(range(_MOST)), _DEPTH)
    return merged and {k: v for k, v in merged.items() if k != "required" or v}


def _merged(schema: Any, references: References, budget: Iterator[int], depth: int) -> _Object | None:
    """Return the one object for *schema* and those that it refers to; None if one isn't about objects."""
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        return None
    if depth == 0 or next(budget, None) is None:
        return None
    own = {k: v for k, v in schema.items() if k not in (*_ANY, _ALL, "$ref")}
    parts: list[_Object | None] = [{**own, "type": "object"}]
    inside = [*(target for _, target in references.targets(schema)), *_listed(schema, _ALL)]
    parts += [_merged(each, references, budget, depth - 1) for each in inside]
    for word in _ANY:
        branches = [_merged(each, references, budget, depth - 1) for each in _listed(schema, word)]
        parts += [_joined(branches, _either)] if branches else []
    return _joined(parts, _both)


def _listed(schema: Mapping[str, Any], word: str) -> list[Any]:
    value = schema.get(word)
    return value if isinstance(value, list) else []


def _joined(parts: list[_Object | None], join: Callable[[_Object, _Object], _Object]) -> _Object | None:
    """Return one object for several; None if one of them isn't about objects."""
    objects = [part for part in parts if part is not None]
    return reduce(join, objects) if len(objects) == len(parts) else None


def _both(first: _Object, second: _Object) -> _Object:
    """Return the object for values that fit both; of a keyword that both have, the first one counts."""
    properties = _properties(first, second, "allOf")
    required = dict.fromkeys([*_required(first), *_required(second)])
    open_second = {k: v for k, v in second.items() if k != "additionalProperties"}
    return {**open_second, **first, "properties": properties, "required": list(required)}


def _either(first: _Object, second: _Object) -> _Object:
    """Return the object for values that fit one of them."""
    required = [name for name in _required(first) if name in _required(second)]
    is_closed = first.get("additionalProperties") is second.get("additionalProperties") is False
    return {
        "type": "object",
        "properties": _properties(first, second, "anyOf"),
        "required": required,
        **({"additionalProperties": False} if is_closed else {}),
    }


def _required(schema: _Object) -> list[str]:
    value = schema.get("required")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _properties(first: _Object, second: _Object, word: str) -> _Object:
    """Return the properties of both; two schemas of one name become a choice, or both at once."""
    merged = dict(_named(first))
    for name, each in _named(second).items():
        known = merged.setdefault(name, each)
        merged[name] = known if known == each else {word: [known, each]}
    return merged


def _named(schema: _Object) -> Mapping[str, Any]:
    value = schema.get("properties")
    return value if isinstance(value, Mapping) else {}

"""The properties and entries that a schema has looked at, for `unevaluatedProperties` and `unevaluatedItems`.

A part counts if the schema itself, or a schema inside that applies to the same value and fits it, has a
keyword about the part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from .value_rules import matches


class Comparison(Protocol):
    """The comparison of one value with one schema, in check.py."""

    def problems(self, value: Any, schema: Any, where: str) -> list[str]: ...
    def targets(self, schema: Mapping[str, Any]) -> list[Any]: ...


def unevaluated(compare: Comparison, value: Any, schema: Mapping[str, Any], where: str) -> list[Any]:
    """Return the names of *value*, or the positions if it's a list, that *schema* hasn't looked at."""
    seen = _seen(compare, value, schema, where, frozenset())
    return [each for each in (value if isinstance(value, dict) else range(len(value))) if each not in seen]


def _seen(
    compare: Comparison, value: Any, schema: Any, where: str, inside: frozenset[int], is_root: bool = True
) -> set[Any]:
    if not isinstance(schema, Mapping) or id(schema) in inside:
        return set()
    inside |= {id(schema)}
    seen = _own_names(value, schema, is_root) if isinstance(value, dict) else set()
    if isinstance(value, list):
        seen = _own_positions(compare, value, schema, where, is_root)
    for each in _applied(compare, value, schema, where):
        seen |= _seen(compare, value, each, where, inside, False)
    return seen


def _own_names(value: dict[str, Any], schema: Mapping[str, Any], is_root: bool) -> set[Any]:
    if "additionalProperties" in schema or ("unevaluatedProperties" in schema and not is_root):
        return set(value)
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    return {name for name in value if name in known or any(matches(p, name) for p in patterns)}


def _own_positions(
    compare: Comparison, value: list[Any], schema: Mapping[str, Any], where: str, is_root: bool
) -> set[Any]:
    items = schema.get("items", [])
    if (
        not isinstance(items, list)
        or ("additionalItems" in schema and "items" in schema)
        or ("unevaluatedItems" in schema and not is_root)
    ):
        return set(range(len(value)))
    seen = set(range(max(len(items), len(schema.get("prefixItems", ())))))
    if "contains" in schema:
        wanted = schema["contains"]
        seen |= {n for n, each in enumerate(value) if not compare.problems(each, wanted, f"{where}[{n}]")}
    return seen


def _applied(compare: Comparison, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[Any]:
    """Yield the schemas inside *schema* that apply to the same value and fit it."""
    yield from compare.targets(schema)
    yield from schema.get("allOf", ())
    for keyword in ("anyOf", "oneOf"):
        for option in schema.get(keyword, ()):
            if not compare.problems(value, option, where):
                yield option
    if "if" in schema:
        fits = not compare.problems(value, schema["if"], where)
        yield from [schema["if"], schema.get("then")] if fits else [schema.get("else")]
    if isinstance(value, dict):
        for name, dependent in schema.get("dependentSchemas", {}).items():
            if name in value:
                yield dependent

"""A JSON schema -> the schemas inside it, with their places as JSON pointers.

Rule: only keywords whose values are schemas are followed, so data in `default`, `enum` or `const` that looks
like a schema stays as it is. Values of a wrong type are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
SINGLE = (
    *("items", "additionalItems", "contains", "unevaluatedItems"),
    *("additionalProperties", "propertyNames", "unevaluatedProperties", "not", "if", "then", "else"),
)
MAX_DEPTH = 200  # steps of a pointer; Python's own recursion fails above


def children(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the place of each schema directly inside *schema*, as the end of a pointer, and the schema."""
    for key, value in schema.items():
        if isinstance(value, list) and key in (*LISTS, "items"):
            yield from ((f"/{key}/{n}", each) for n, each in enumerate(value))
        elif isinstance(value, Mapping) and key in NAMED:
            for name, each in value.items():
                if key != "dependencies" or not isinstance(each, list):
                    yield f"/{key}/{escaped(name)}", each
        elif key in SINGLE:
            yield f"/{key}", value


def nodes_of(schema: Any) -> list[tuple[str, Any]]:
    """Return *schema* and every schema inside it, with their places. Stops at `MAX_DEPTH` levels."""
    found = level = [("", schema)]
    for _ in range(MAX_DEPTH):
        level = [
            (place + step, child)
            for place, node in level
            if isinstance(node, Mapping)
            for step, child in children(node)
        ]
        if not level:
            break
        found = found + level
    return found


def map_children(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a copy of *schema* with *change* applied to each schema directly inside it."""

    def changed(key: str, value: Any) -> Any:
        if isinstance(value, list) and key in (*LISTS, "items"):
            return [change(each) for each in value]
        if isinstance(value, Mapping) and key in NAMED:
            return {name: each if isinstance(each, list) else change(each) for name, each in value.items()}
        return change(value) if key in SINGLE else value

    return {key: changed(key, value) for key, value in schema.items()}


def escaped(name: Any) -> str:
    """Return *name* as a step of a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")

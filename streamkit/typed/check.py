"""Compare a value with a JSON schema: one sentence for each part that doesn't fit, with its place.

Rule: the sentences are for a model that tries again, and for the person who reads the error.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

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

    Reads the keywords of JSON Schema (2020-12) that assert something about a value, and local `$ref`. The
    formats of strings aren't checked. A pattern that Python can't read is left to the server.
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
        if allowed is not None and not any(_equals(value, each) for each in allowed):
            found.append(f"{where}: expected one of {json.dumps(allowed)}, got {_shown(value)}")
        if isinstance(value, dict):
            found += self._object_problems(value, schema, where)
        elif isinstance(value, list):
            found += self._array_problems(value, schema, where)
        elif isinstance(value, str):
            found += _text_problems(value, schema, where)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found += _number_problems(value, schema, where)
        return found + self._combined_problems(value, schema, where)

    def _combined_problems(self, value: Any, schema: Mapping[str, Any], where: str) -> list[str]:
        found: list[str] = []
        for part in schema.get("allOf", ()):
            found += self.problems(value, part, where)
        for keyword in ("anyOf", "oneOf"):
            if tried := [self.problems(value, option, where) for option in schema.get(keyword, ())]:
                found += sorted(tried, key=len)[0]
                if keyword == "oneOf" and tried.count([]) > 1:
                    found.append(
                        f"{where}: expected a value of one kind, got {_shown(value)}, which fits several"
                    )
        if "not" in schema and not self.problems(value, schema["not"], where):
            found.append(f"{where}: {_shown(value)} isn't allowed")
        if "if" in schema:
            branch = "else" if self.problems(value, schema["if"], where) else "then"
            found += self.problems(value, schema.get(branch, True), where)
        return found

    def _object_problems(self, value: dict[str, Any], schema: Mapping[str, Any], where: str) -> list[str]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        others = schema.get("additionalProperties", True)
        found = [f"{where}.{name} is missing" for name in required if name not in value]
        for name, needed in schema.get("dependentRequired", {}).items():
            if name in value:
                found += [f"{where}.{each} is missing next to {name}" for each in needed if each not in value]
        for name, dependent in schema.get("dependentSchemas", {}).items():
            found += self.problems(value, dependent, where) if name in value else []
        patterns = schema.get("patternProperties", {})
        for name, each in value.items():
            place = f"{where}.{name}"
            matching = [patterns[pattern] for pattern in patterns if _matches(pattern, name)]
            for pattern in matching:
                found += self.problems(each, pattern, place)
            if name not in properties:
                found += [] if matching else self.problems(each, others, place)
            elif each is not None or name in required:
                found += self.problems(each, properties[name], place)
            if "propertyNames" in schema:
                found += self.problems(name, schema["propertyNames"], f"{place} (its name)")
        return found + _size_problems(len(value), schema, "Properties", where)

    def _array_problems(self, value: list[Any], schema: Mapping[str, Any], where: str) -> list[str]:
        first = schema.get("prefixItems", ())
        rest = schema.get("items", True)
        found = _size_problems(len(value), schema, "Items", where)
        if schema.get("uniqueItems") and any(each in value[:n] for n, each in enumerate(value)):
            found.append(f"{where}: expected different entries, got some twice")
        if "contains" in schema:
            fitting = sum(not self.problems(each, schema["contains"], where) for each in value)
            least, most = schema.get("minContains", 1), schema.get("maxContains", len(value))
            if not least <= fitting <= most:
                found.append(f"{where}: expected at least {least} entries of the wanted kind, got {fitting}")
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


def _equals(one: Any, other: Any) -> bool:
    """Compare as JSON: true isn't 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


_UNITS = {"Items": "entries", "Properties": "fields", "Length": "characters"}


def _size_problems(size: int, schema: Mapping[str, Any], keyword: str, where: str) -> list[str]:
    least, most = schema.get(f"min{keyword}", 0), schema.get(f"max{keyword}", size)
    if least <= size <= most:
        return []
    limit = f" and at most {most}" if f"max{keyword}" in schema else ""
    return [f"{where}: expected at least {least}{limit} {_UNITS[keyword]}, got {size}"]


def _text_problems(value: str, schema: Mapping[str, Any], where: str) -> list[str]:
    found = _size_problems(len(value), schema, "Length", where)
    if "pattern" in schema and not _matches(schema["pattern"], value):
        found.append(f"{where}: expected text that matches {schema['pattern']!r:.80}, got {_shown(value)}")
    return found


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except (re.error, TypeError):  # JavaScript's patterns have forms that Python's don't
        return True


# keyword -> the words of the error, and the test
_BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}


def _number_problems(value: float, schema: Mapping[str, Any], where: str) -> list[str]:
    found = []
    for keyword, (words, fits) in _BOUNDS.items():
        bound = schema.get(keyword)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and not fits(value, bound):
            found.append(f"{where}: expected {words} {bound}, got {_shown(value)}")
    step = schema.get("multipleOf")
    if step and Decimal(str(value)) % Decimal(str(step)) != 0:
        found.append(f"{where}: expected a multiple of {step}, got {_shown(value)}")
    return found

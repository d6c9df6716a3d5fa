"""Compare a value with a JSON schema: one sentence for each part that doesn't fit, with its place.

Reads the keywords of JSON Schema that assert something about a value: those of 2020-12, and the older forms
of draft 7. The formats of strings aren't checked, and references to other documents aren't followed.
Rule: the sentences are for a model that tries again, and for the person who reads the error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .evaluated import unevaluated
from .references import MISSING, References
from .schema_rules import check_schema
from .value_rules import identity, matches, number_problems, shown, size_problems, text_problems

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


class Validator:
    """Compares values with one schema. Raises `UsageError` if that isn't a JSON schema.

    If *null_is_absent*, null for an optional property is the same as leaving it out: the strict form of a
    schema makes models write it.
    """

    def __init__(self, schema: Any, *, null_is_absent: bool = True) -> None:
        check_schema(schema, "schema")
        self.schema = schema
        self._references = References(schema)
        self._null_is_absent = null_is_absent

    def problems(self, value: Any, where: str) -> list[str]:
        """Return one sentence for each part of *value*, which is at *where*, that doesn't fit."""
        return self._problems(value, self.schema, where)

    def fits(self, value: Any, part: Any) -> bool:
        """Return True if *value* fits *part*, a schema inside the schema."""
        return not self._problems(value, part, "")

    def targets(self, part: Mapping[str, Any]) -> list[Any]:
        """Return the schemas that the references of *part*, a schema inside the schema, point to."""
        return [target for _, target in self._references.targets(part)]

    def _problems(self, value: Any, part: Any, where: str) -> list[str]:
        try:
            return _Comparison(self._references, self._null_is_absent).problems(value, part, where)
        except RecursionError:
            return [f"{where}: expected a value that is nested less deeply"]


def problems_of(value: Any, schema: Any, where: str) -> list[str]:
    """Return one sentence for each part of *value* that doesn't fit *schema*; see `Validator`."""
    return Validator(schema).problems(value, where)


class _Comparison:
    """Compares one value with one schema, part by part.

    A part of the value is compared only once with the same part of the schema. Otherwise a union of classes
    that contain each other takes time exponential in the depth of the value, and a `$ref` to itself never
    ends.
    """

    def __init__(self, references: References, null_is_absent: bool) -> None:
        self._references = references
        self._null_is_absent = null_is_absent
        self._found: dict[tuple[int, int, str], list[str]] = {}

    def problems(self, value: Any, schema: Any, where: str) -> list[str]:
        """Return the problems of *value*, which is at *where*; none while the same comparison is running."""
        if not isinstance(schema, Mapping):
            return [f"{where} isn't expected"] if schema is False else []
        key = (id(value), id(schema), where)
        if key not in self._found:
            self._found[key] = []
            self._found[key] = self._compare(value, schema, where)
        return self._found[key]

    def targets(self, schema: Mapping[str, Any]) -> list[Any]:
        """Return the schemas that the references of *schema* point to."""
        return [target for _, target in self._references.targets(schema) if target is not MISSING]

    def _compare(self, value: Any, schema: Mapping[str, Any], where: str) -> list[str]:
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_KINDS[kind](value) for kind in kinds):
            return [f"{where}: expected {' or '.join(kinds)}, got {shown(value)}"]
        found: list[str] = []
        for target in self.targets(schema):
            found += self.problems(value, target, where)
        for allowed in _allowed(schema):
            if identity(value) not in map(identity, allowed):
                found.append(f"{where}: expected one of {json.dumps(allowed)}, got {shown(value)}")
        if isinstance(value, dict):
            found += self._object_problems(value, schema, where)
        elif isinstance(value, list):
            found += self._array_problems(value, schema, where)
        elif isinstance(value, str):
            found += text_problems(value, schema, where)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found += number_problems(value, schema, where)
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
                        f"{where}: expected a value of one kind, got {shown(value)}, which fits several"
                    )
        if "not" in schema and not self.problems(value, schema["not"], where):
            found.append(f"{where}: {shown(value)} isn't allowed")
        if "if" in schema:
            branch = "else" if self.problems(value, schema["if"], where) else "then"
            found += self.problems(value, schema.get(branch, True), where)
        return found

    def _object_problems(self, value: dict[str, Any], schema: Mapping[str, Any], where: str) -> list[str]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        others = schema.get("additionalProperties", True)
        found = [f"{where}.{name} is missing" for name in required if name not in value]
        for name, dependent in _dependents(schema):
            if name not in value:
                continue
            if isinstance(dependent, list):
                found += [
                    f"{where}.{each} is missing next to {name}" for each in dependent if each not in value
                ]
            else:
                found += self.problems(value, dependent, where)
        patterns = schema.get("patternProperties", {})
        for name, each in value.items():
            place = f"{where}.{name}"
            matching = [patterns[pattern] for pattern in patterns if matches(pattern, name)]
            for pattern in matching:
                found += self.problems(each, pattern, place)
            if name not in properties:
                found += [] if matching else self.problems(each, others, place)
            elif each is not None or name in required or not self._null_is_absent:
                found += self.problems(each, properties[name], place)
            if "propertyNames" in schema:
                found += self.problems(name, schema["propertyNames"], f"{place} (its name)")
        if "unevaluatedProperties" in schema:
            for name in unevaluated(self, value, schema, where):
                found += self.problems(value[name], schema["unevaluatedProperties"], f"{where}.{name}")
        return found + size_problems(len(value), schema, "Properties", where)

    def _array_problems(self, value: list[Any], schema: Mapping[str, Any], where: str) -> list[str]:
        first, rest = schema.get("prefixItems", ()), schema.get("items", True)
        if isinstance(rest, list):  # draft 7
            first, rest = rest, schema.get("additionalItems", True)
        found = size_problems(len(value), schema, "Items", where)
        if schema.get("uniqueItems") and len({identity(each) for each in value}) < len(value):
            found.append(f"{where}: expected different entries, got some twice")
        if "contains" in schema:
            wanted = schema["contains"]
            fitting = sum(not self.problems(each, wanted, f"{where}[{n}]") for n, each in enumerate(value))
            least, most = schema.get("minContains", 1), schema.get("maxContains", len(value))
            if not least <= fitting <= most:
                limit = f" and at most {most}" if "maxContains" in schema else ""
                found.append(
                    f"{where}: expected at least {least}{limit} entries of the wanted kind, got {fitting}"
                )
        for n, each in enumerate(value):
            found += self.problems(each, first[n] if n < len(first) else rest, f"{where}[{n}]")
        if "unevaluatedItems" in schema:
            for n in unevaluated(self, value, schema, where):
                found += self.problems(value[n], schema["unevaluatedItems"], f"{where}[{n}]")
        return found


def _allowed(schema: Mapping[str, Any]) -> list[list[Any]]:
    """Return the lists that the value must be in."""
    constants = [[schema["const"]]] if "const" in schema else []
    return [schema["enum"], *constants] if "enum" in schema else constants


def _dependents(schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return each property that demands more, with the names or the schema that it demands."""
    keywords = ("dependentRequired", "dependentSchemas", "dependencies")  # the last one is of draft 7
    return [each for keyword in keywords for each in schema.get(keyword, {}).items()]

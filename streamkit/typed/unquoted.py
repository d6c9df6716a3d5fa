"""Read JSON that a model wrote inside a string, wherever the schema proves that it did.

    {"days": "[1, 2]", "city": "[1, 2]"}  ->  {"days": [1, 2], "city": "[1, 2]"}

Rule: a string that fits the schema stays a string. One that doesn't is replaced only if the JSON inside it
fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..json_text import NotJSONError, loads_strict
from .check import Validator


def unquoted(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return *value* with the JSON in place of each string that contains it, if that makes it fit *schema*.

    If it doesn't, return *value* unchanged, so that the error describes it as it was sent.
    """
    validator = Validator(schema)
    if not validator.problems(value, ""):
        return value
    changed = _unquoted(value, schema, validator)
    return value if validator.problems(changed, "") else changed


def _unquoted(value: Any, schema: Any, validator: Validator) -> Any:
    if validator.fits(value, schema):
        return value
    if isinstance(value, str):
        try:
            inner = loads_strict(value)
        except (NotJSONError, RecursionError):
            return value
        changed = _unquoted(inner, schema, validator)  # models nest strings more than once
        return changed if validator.fits(changed, schema) else value
    for part in _parts(schema, validator):
        changed = value
        if isinstance(value, dict):
            known = part.get("properties", {})
            changed = {
                name: _unquoted(each, known[name], validator) if name in known else each
                for name, each in value.items()
            }
        elif isinstance(value, list) and isinstance(part.get("items"), Mapping):
            changed = [_unquoted(each, part["items"], validator) for each in value]
        if validator.fits(changed, schema):
            return changed
    return value


def _parts(schema: Any, validator: Validator) -> list[Mapping[str, Any]]:
    """Return the schemas that can describe the members of a value: this one, its targets and its choices."""
    found = [schema] if isinstance(schema, Mapping) else []
    for part in found:  # which grows
        choices = [each for word in ("anyOf", "oneOf", "allOf") for each in part.get(word, ())]
        inside = [each for each in (*validator.targets(part), *choices) if isinstance(each, Mapping)]
        found += [each for each in inside if not any(each is old for old in found)]
    return found

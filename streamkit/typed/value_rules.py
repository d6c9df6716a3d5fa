"""The keywords of JSON Schema about one string, number or size: a sentence for each that doesn't hold."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any


def shown(value: Any) -> str:
    """Return *value* as JSON for a sentence, at most 80 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def identity(value: Any) -> Any:
    """Return a hashable form of a JSON value: two values have the same if JSON says that they are equal.

    1 and 1.0 are equal, and so are objects in another order; true isn't 1.
    """
    if isinstance(value, list | tuple):
        return ("array", tuple(map(identity, value)))
    if isinstance(value, Mapping):
        return ("object", frozenset((name, identity(each)) for name, each in value.items()))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", value)
    return (type(value), value)


_UNITS = {"Items": "entries", "Properties": "fields", "Length": "characters"}


def size_problems(size: int, schema: Mapping[str, Any], keyword: str, where: str) -> list[str]:
    """Check minItems and maxItems if *keyword* is Items, and so on."""
    least, most = schema.get(f"min{keyword}", 0), schema.get(f"max{keyword}", size)
    if least <= size <= most:
        return []
    limit = f" and at most {most}" if f"max{keyword}" in schema else ""
    return [f"{where}: expected at least {least}{limit} {_UNITS[keyword]}, got {size}"]


def text_problems(value: str, schema: Mapping[str, Any], where: str) -> list[str]:
    """Check the length and the pattern of a string."""
    found = size_problems(len(value), schema, "Length", where)
    if "pattern" in schema and not matches(schema["pattern"], value):
        found.append(f"{where}: expected text that matches {schema['pattern']!r:.80}, got {shown(value)}")
    return found


def matches(pattern: str, text: str) -> bool:
    """Return True if *pattern* is in *text*, or if Python can't read it: JavaScript's have more forms."""
    try:
        return re.search(pattern, text) is not None
    except (re.error, TypeError, OverflowError, RecursionError):
        return True


# keyword -> the words of the error, and the test
_BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}


def number_problems(value: float, schema: Mapping[str, Any], where: str) -> list[str]:
    """Check the bounds and the step of a number. In draft 4, `exclusiveMinimum: true` is about `minimum`."""
    found = []
    for keyword, (words, fits) in _BOUNDS.items():
        bound = schema.get(keyword)
        if bound is True:
            bound = schema.get(keyword.replace("exclusiveM", "m"))
        if isinstance(bound, int | float) and not isinstance(bound, bool) and not fits(value, bound):
            found.append(f"{where}: expected {words} {bound}, got {shown(value)}")
    step = schema.get("multipleOf")
    if step and not _is_multiple(value, step):
        found.append(f"{where}: expected a multiple of {step}, got {shown(value)}")
    return found


def _is_multiple(value: float, step: float) -> bool:
    """Compare as decimal numbers, as JSON writes them: 0.3 is a multiple of 0.1."""
    return isfinite(value) and isfinite(step) and Fraction(str(value)) % Fraction(str(step)) == 0

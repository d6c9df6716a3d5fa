"""Check that a schema which the caller wrote is a JSON schema: an error names each place that isn't.

Rules: a keyword that isn't in the table is an annotation, and may have any value. A pattern that Python can't
read is left to the server. So is a reference to another document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import UsageError
from .references import MISSING, References
from .subschemas import LISTS, MAX_DEPTH, NAMED, nodes_of

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def check_schema(schema: Any, where: str) -> None:
    """Raise `UsageError` if *schema*, the value of the argument *where*, isn't a JSON schema."""
    faults = list(_faults(schema))
    if faults:
        more = f"; {len(faults) - 3} more" if len(faults) > 3 else ""
        raise UsageError(f"{where}: expected a JSON schema; {'; '.join(faults[:3])}{more}")


def _faults(root: Any) -> Iterator[str]:
    try:
        json.dumps(root)
    except (TypeError, ValueError, RecursionError) as exc:
        yield f"it isn't JSON data: {exc}"
        return
    references = References(root)
    for place, node in nodes_of(root):
        if place.count("/") >= MAX_DEPTH:
            yield f"at {place:.40}...: nested too deeply"
            return
        if not isinstance(node, Mapping):
            if not isinstance(node, bool):
                yield f"at {place or '/'}: expected an object or a boolean, got {node!r:.40}"
            continue
        for keyword, (words, fits) in _RULES.items():
            if keyword in node and not fits(node[keyword]):
                yield f"at {place}/{keyword}: expected {words}, got {node[keyword]!r:.40}"
        for reference, target in references.targets(node):
            if target is MISSING:
                yield f"at {place}: {reference!r:.60} points nowhere"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == value // 1


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_type(value: Any) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return all(isinstance(kind, str) and kind in TYPES for kind in kinds)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


_Rule = tuple[str, Callable[[Any], bool]]
_TEXT: _Rule = ("a string", lambda value: isinstance(value, str))
_LIST: _Rule = ("a list", lambda value: isinstance(value, list))
_COUNT: _Rule = ("a whole number of at least 0", _is_count)
_NUMBER: _Rule = ("a number", _is_number)
_OBJECT: _Rule = ("an object", _is_object)

_RULES: Mapping[str, _Rule] = {
    "type": (f"one of {', '.join(TYPES)}, or a list of them", _is_type),
    "enum": _LIST,
    **dict.fromkeys(LISTS, _LIST),
    **dict.fromkeys(NAMED, _OBJECT),
    "required": ("a list of strings", _are_names),
    "dependentRequired": (
        "an object of lists of strings",
        lambda value: _is_object(value) and all(map(_are_names, value.values())),
    ),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength"), _COUNT),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _COUNT),
    "uniqueItems": ("a boolean", lambda value: isinstance(value, bool)),
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    # booleans in draft 4
    **dict.fromkeys(
        ("exclusiveMinimum", "exclusiveMaximum"),
        ("a number", lambda value: _is_number(value) or isinstance(value, bool)),
    ),
    "multipleOf": ("a number above 0", lambda value: _is_number(value) and value > 0),
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"), _TEXT),
    **dict.fromkeys(("pattern", "title", "description", "format"), _TEXT),
}

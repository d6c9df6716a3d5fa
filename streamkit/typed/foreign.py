"""Types of pydantic and msgspec, known by their methods: their own schema, and their own maker of objects.

Rule: the libraries are imported only for a type of theirs, so that neither is a dependency.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, get_origin

from .subschemas import map_children


def own_schema(hint: Any) -> Callable[[], dict[str, Any]] | None:
    """Return the function that makes the schema of a pydantic or msgspec type; None for other types."""
    if is_adapter(hint):
        return lambda: dict(hint.json_schema())
    cls = get_origin(hint) or hint
    if not isinstance(cls, type):
        return None
    of_pydantic = getattr(cls, "model_json_schema", None)
    if callable(of_pydantic) and callable(getattr(cls, "model_validate", None)):
        return lambda: dict(of_pydantic())
    if hasattr(cls, "__struct_fields__"):
        import msgspec

        return lambda: _with_text_names(msgspec.json.schema(hint))
    if hasattr(cls, "__pydantic_core_schema__"):  # a dataclass of pydantic's
        from pydantic import TypeAdapter

        return lambda: dict(TypeAdapter(hint).json_schema())
    return None


def _with_text_names(schema: Any) -> Any:
    """Return *schema* without the types of names other than text: msgspec writes those of a dict's keys.

    A name is always text, so that no name fits `{"type": "integer"}`. msgspec itself reads the number in it.
    """
    if not isinstance(schema, Mapping):
        return schema
    copy = map_children(schema, _with_text_names)
    names = copy.get("propertyNames")
    if isinstance(names, Mapping) and names.get("type", "string") != "string":
        del copy["propertyNames"]
    return copy


def maker_of(hint: Any) -> Callable[[Any], Any] | None:
    """Return the function that checks a JSON value and makes an object of such a type; None for others.

    pydantic reads text: its strict models take a date from JSON, and not from a str of Python's.
    """
    if own_schema(hint) is None:
        return None
    cls = get_origin(hint) or hint
    if hasattr(cls, "__struct_fields__"):
        import msgspec

        return lambda value: msgspec.convert(value, hint, strict=True, str_keys=True)
    validate = getattr(hint, "validate_json", None) or getattr(cls, "model_validate_json", None)
    if validate is None and hasattr(cls, "model_validate"):
        made: Callable[[Any], Any] = cls.model_validate
        return made
    if validate is None:
        from pydantic import TypeAdapter

        validate = TypeAdapter(hint).validate_json
    return lambda value: validate(json.dumps(value))


def is_adapter(hint: Any) -> bool:
    """Return True for an object such as pydantic's TypeAdapter, which stands for a type."""
    methods = ("json_schema", "validate_python", "validate_json")
    return not isinstance(hint, type) and all(callable(getattr(hint, name, None)) for name in methods)

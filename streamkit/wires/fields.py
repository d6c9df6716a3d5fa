"""The fields of a server's objects, read leniently: no field's type is trusted. Every wire may use this."""

from __future__ import annotations

import json
from typing import Any

from ..state.deltas import Payload

# The names of a call's arguments: OpenAI, Cohere, Anthropic, LangChain; words of models, passed on.
ARGUMENTS = ("arguments", "parameters", "input", "args", "kwargs", "params")


def folded(name: str) -> str:
    """Return the name of a field or a type without case and separators."""
    return name.replace("_", "").replace("-", "").lower()


def string(value: Any) -> str | None:
    """Return *value* if it is a string with characters, else None."""
    return value if type(value) is str and value else None


def string_in(source: Payload, name: str) -> str | None:
    """Return the field *name* if it is a string with characters, else None."""
    value = source.get(name)
    return value if type(value) is str and value else None


def object_in(source: Payload, name: str) -> Payload:
    """Return the field *name* if it is an object, else an empty one."""
    value = source.get(name)
    return value if type(value) is dict else {}


def objects_in(source: Payload, name: str) -> list[Payload]:
    """Return the objects in the list *name*; an empty list if it isn't one."""
    value = source.get(name)
    return [v for v in value if type(v) is dict] if type(value) is list else []


def json_text(value: Any) -> str:
    """Return arguments as text; from servers that parse them, as JSON text. null is ""."""
    if type(value) is str:
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def has_content(value: Any) -> bool:
    """Return True if *value* says anything: an empty object and one with only a type don't."""
    if type(value) is dict:
        return any(has_content(v) for k, v in value.items() if k != "type")
    return value not in (None, "", [])

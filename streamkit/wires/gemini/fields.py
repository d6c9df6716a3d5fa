"""The fields of Gemini's objects: camelCase, or snake_case from proxies. No field's type is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def snake(name: str) -> str:
    """Return *name*, which is in camelCase, in snake_case."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


@cache
def camel(name: str) -> str:
    """Return *name*, which is in snake_case, in camelCase."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def get(source: Mapping[str, Any], name: str) -> Any:
    """Return the field *name* in either spelling; None if there is none."""
    value = source.get(name)
    return source.get(snake(name)) if value is None else value


def object_in(source: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the field *name* if it is an object, else an empty one."""
    value = get(source, name)
    return value if type(value) is dict else {}


def objects_in(source: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in the list *name*."""
    value = get(source, name)
    return [each for each in value if type(each) is dict] if type(value) is list else []


def string_in(source: Mapping[str, Any], name: str) -> str | None:
    """Return the field *name* if it is a string with characters, else None."""
    value = get(source, name)
    return value if type(value) is str and value else None

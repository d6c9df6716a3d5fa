"""The fields of Gemini's objects: camelCase, or snake_case from proxies. No field's type is trusted.

Proxies that dump Google's older packages write enums as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

SIGNATURE = "thoughtSignature"  # of a part: opaque state, which goes back with it


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
    """Return the objects in the list *name*, or the one object that some proxies have in its place."""
    value = get(source, name)
    if type(value) is dict:
        return [value]
    return [each for each in value if type(each) is dict] if type(value) is list else []


def string_in(source: Mapping[str, Any], name: str) -> str | None:
    """Return the field *name* if it is a string with characters, else None."""
    value = get(source, name)
    return value if type(value) is str and value else None


# The words that have the same number on the Gemini API and on Vertex AI.
_FINISHES = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
_BLOCKS = ("BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT")


def finish_word(candidate: Mapping[str, Any]) -> str | None:
    """Return the finish reason of a candidate, also one that is written as the number of its enum."""
    return _word(get(candidate, "finishReason"), _FINISHES)


def block_reason(feedback: Mapping[str, Any]) -> str | None:
    """Return the reason why a prompt was blocked, also one that is written as the number of its enum."""
    return _word(get(feedback, "blockReason"), _BLOCKS)


def _word(value: Any, words: tuple[str, ...]) -> str | None:
    if type(value) is int:
        return words[value] if 0 <= value < len(words) else str(value)
    return value if type(value) is str and value else None

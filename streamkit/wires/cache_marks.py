"""`cache_control`, the mark up to which a server caches a prompt, and the limit of marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = {"cache_control": {"type": "ephemeral"}}
MOST_MARKS = 4  # more are a 400: pydantic/pydantic-ai#4604


def count_marks(value: Any) -> int:
    """Return the number of cache marks anywhere in *value*."""
    if isinstance(value, Mapping):
        return ("cache_control" in value) + sum(map(count_marks, value.values()))
    return sum(map(count_marks, value)) if isinstance(value, list | tuple) else 0

"""Items and parts -> the same with valid UTF-8 in every string; see surrogates.py. Most stay unchanged."""

from __future__ import annotations

from typing import Any

import attrs

from ..items import Item
from ..surrogates import encodable


def encodable_item(item: Item) -> Item:
    """Return *item* with every string valid UTF-8."""
    fixed: Item = encodable_part(item)
    return fixed


def encodable_part(value: Any) -> Any:
    """Return *value*, an item, a part or decoded JSON, with every string valid UTF-8."""
    if not attrs.has(type(value)):
        if isinstance(value, tuple):
            parts = tuple(encodable_part(part) for part in value)
            return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
        return encodable(value)
    changes = {}
    for attribute in attrs.fields(type(value)):
        before = getattr(value, attribute.name)
        after = encodable_part(before)
        if after is not before:
            changes[attribute.name] = after
    return attrs.evolve(value, **changes) if changes else value

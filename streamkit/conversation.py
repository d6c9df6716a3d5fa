"""What the caller passes as a conversation -> a tuple of items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from .errors import UsageError
from .items import Item, Message

_ITEMS = get_args(Item)


def as_items(value: Any) -> tuple[Item, ...]:
    """Items from a string, an item, or a list of items, strings and chat-style dicts."""
    if isinstance(value, str):
        return (Message("user", value),)
    if isinstance(value, _ITEMS):
        return (value,)
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, Iterable):
        raise UsageError(f"input takes a string or a list of items, got {value!r}")
    items: list[Item] = []
    for entry in value:
        if isinstance(entry, _ITEMS):
            items.append(entry)
        elif isinstance(entry, str):
            items.append(Message("user", entry))
        else:
            items.append(Message(entry["role"], entry["content"]))
    return tuple(items)

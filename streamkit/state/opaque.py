"""Which items hold opaque state, and the stamp of its origin. `Origin` says where such state may go."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..items import (
    CustomToolCall,
    FunctionCall,
    Item,
    LocalShellCall,
    Message,
    Origin,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Reasoning,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
)


def with_origin(item: Item, origin: Origin | None) -> Item:
    """Return *item* with its origin, if it holds state that only the provider understands.

    That is: the server's id of an item or of audio, annotations, signatures, encrypted reasoning, fields
    without a place of their own, and items and parts of unknown kinds.
    """
    if origin is None:
        return item
    if isinstance(item, Message) and any(isinstance(part, UnknownPart) for part in item.content):
        item = evolve(item, content=[_stamped(part, origin) for part in item.content])
    return evolve(cast(Any, item), origin=origin) if _is_opaque(item) else item


def _stamped(part: Part, origin: Origin) -> Part:
    return evolve(part, origin=origin) if isinstance(part, UnknownPart) else part


def _has_state(part: Part) -> bool:
    if isinstance(part, OutputText):
        return bool(part.annotations or part.extra)
    if isinstance(part, OutputImage):
        return bool(part.extra)
    return isinstance(part, OutputAudio) and bool(part.id or part.extra)


def _is_opaque(item: Item) -> bool:
    if isinstance(item, UnknownItem | WebSearchCall | LocalShellCall):
        return True
    if isinstance(item, Message):
        return bool(item.id or item.extra) or any(map(_has_state, item.content))
    if isinstance(item, Reasoning):
        return bool(item.id or item.encrypted_content or item.details or item.extra)
    if isinstance(item, FunctionCall):
        return bool(item.id or item.signature or item.extra)
    return isinstance(item, CustomToolCall) and bool(item.id or item.extra)

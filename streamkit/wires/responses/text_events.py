"""Events about the texts of messages and of reasoning -> deltas: pieces, restatements, annotations.

Takes a payload and the slots of the response. A piece extends an open item; a restatement (`...done`) adds
the text that the pieces lack. A payload that no other delta carries becomes a `Leftover`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from ...state.deltas import (
    Attached,
    Delta,
    Leftover,
    Payload,
    Piece,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    TextPiece,
)
from ...state.open_items import OpenReasoning
from ...state.open_message import OpenMessage
from ..fields import object_in, string_in
from ..repeats import fresh_part
from .event_places import BOOKKEEPING, leftover, names_in, open_slot, part_in, place_in
from .item_slots import ItemSlot, ItemSlots
from .output_items import part_text

Restatable: TypeAlias = Literal["text", "refusal", "reasoning", "summary"]


# -- pieces -------------------------------------------------------------------------------


def read_text(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_text.delta."""
    text = _piece_in(payload)
    if not text:
        yield leftover(payload)
    elif slot := (yield from open_slot(payload, slots, "message")):
        part = _part_of(slot, slots, payload)
        piece = TextPiece(slot.key, 0, text, payload, logprobs_in(payload), part)
        yield from fresh_part(piece, slot.before("text", part), slots.state)


def read_refusal(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read refusal.delta."""
    text = part_text(payload.get("delta"))
    if not text:
        yield leftover(payload)
    elif slot := (yield from open_slot(payload, slots, "message")):
        yield RefusalPiece(slot.key, 0, text, payload)


def read_thought(payload: Payload, slots: ItemSlots, *, kind: Literal["text", "summary"]) -> Iterator[Delta]:
    """Read reasoning_text.delta and reasoning_summary_text.delta."""
    text = _piece_in(payload)
    if not text:
        yield leftover(payload)
    elif slot := (yield from open_slot(payload, slots, "reasoning")):
        field = "summary_index" if kind == "summary" else "content_index"
        part = _part_of(slot, slots, payload, field)
        piece = ReasoningPiece(slot.key, 0, text, payload, kind, part)
        yield from fresh_part(piece, slot.before(kind, part), slots.state)


def _piece_in(payload: Payload) -> str | None:
    """Return the text of a piece: in `delta`, which may be an object, or in the fields of one."""
    delta = payload.get("delta")
    source = delta if type(delta) is dict else payload if delta is None else {"text": delta}
    value = next((source[name] for name in ("text", "content") if source.get(name) not in (None, "")), None)
    return json.dumps(value) if type(value) in (int, float) else part_text(value)


# -- restatements -------------------------------------------------------------------------


def read_restated(payload: Payload, slots: ItemSlots, *, what: Restatable) -> Iterator[Delta]:
    """Read output_text.done, refusal.done, reasoning_text.done and reasoning_summary_text.done."""
    return _restate(payload, slots, what, payload)


def _restate(payload: Payload, slots: ItemSlots, what: Restatable, source: Payload) -> Iterator[Delta]:
    text = string_in(source, "refusal" if what == "refusal" else "text")
    if text is None:  # an empty restatement changes no text
        yield leftover(payload)
    elif (other := slots.find_other(_KIND[what], *names_in(payload))) and is_text_of(other, text, slots):
        yield Leftover(payload, news=True)
    elif slot := (yield from open_slot(payload, slots, _KIND[what], late=True)):
        field = "summary_index" if what == "summary" else "content_index"
        announced = field not in slot.strays and place_in(payload, field) in slots.parts
        piece = _piece(slot, what, text, payload, part_in(payload, field), logprobs_in(source))
        yield Restated(piece, announced)
        if payload.keys() - _RESTATEMENT:
            yield Leftover(payload, news=True)


def is_text_of(slot: ItemSlot, text: str, slots: ItemSlots) -> bool:
    """Return True if *text* is the text of the item so far: a restatement under another kind."""
    item = slots.state.items.get(slot.key)
    return isinstance(item, OpenMessage | OpenReasoning) and bool(text) and text == str(item.text)


def _piece(slot: ItemSlot, what: Restatable, text: str, payload: Payload, part: int, logprobs: Any) -> Piece:
    if what == "text":
        return TextPiece(slot.key, 0, text, payload, logprobs, part)
    if what == "refusal":
        return RefusalPiece(slot.key, 0, text, payload)
    return ReasoningPiece(slot.key, 0, text, payload, "summary" if what == "summary" else "text", part)


_RESTATEMENT = BOOKKEEPING | {"text", "refusal", "part", "logprobs"}

_KIND: dict[Restatable, str] = {
    "text": "message",
    "refusal": "message",
    "reasoning": "reasoning",
    "summary": "reasoning",
}
_RESTATED_BY_PART: dict[str, Restatable] = {
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "reasoning_text": "reasoning",
    "summary_text": "summary",
}


def read_part_done(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read content_part.done, reasoning_summary_part.done, and vLLM's own reasoning_part.done."""
    part = object_in(payload, "part")
    what = _RESTATED_BY_PART.get(str(part.get("type")))
    if what is None:
        yield leftover(payload)
        return
    yield from _restate(payload, slots, what, part)
    annotations = part.get("annotations")
    if what == "text" and type(annotations) is list and annotations:
        yield from _annotate(payload, slots, annotations, restated=True)


def read_annotation(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_text.annotation.added: attach it to its message, and emit it as news at once."""
    yield from _annotate(payload, slots, [payload.get("annotation")], restated=False)
    yield Leftover(payload, news=True)


def _annotate(
    payload: Payload, slots: ItemSlots, annotations: list[Any], *, restated: bool
) -> Iterator[Delta]:
    """Attach *annotations*; if they are *restated*, only those that no event added before."""
    names = names_in(payload)
    slot = slots.find("message", *names, late=True) or slots.open("message", *names)
    part = part_in(payload)
    seen = slot.annotations.get(part, 0)
    new = annotations[seen:] if restated else annotations
    if new and slot.is_open and slot.kind == "message":
        slot.annotations[part] = seen + len(new)
        yield Attached(slot.key, 0, "annotations", new, payload)


# -- parts --------------------------------------------------------------------------------


def read_part_added(payload: Payload, slots: ItemSlots, *, field: str = "content_index") -> Iterator[Delta]:
    """Read content_part.added, reasoning_summary_part.added, and vLLM's own reasoning_part.added."""
    slots.parts.add(place_in(payload, field))
    yield leftover(payload)


def _part_of(slot: ItemSlot, slots: ItemSlots, payload: Payload, field: str = "content_index") -> int:
    """Return the part that a piece belongs to. If it wasn't announced, part numbers can't be trusted."""
    if field not in slot.strays and place_in(payload, field) not in slots.parts:
        slot.strays |= {field}
    return part_in(payload, field)


def logprobs_in(payload: Payload) -> Any:
    """Return the list of token entries, or None."""
    logprobs = payload.get("logprobs")
    return logprobs if type(logprobs) is list and logprobs else None

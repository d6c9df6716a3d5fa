"""Events about output items -> deltas: announcements, pieces, restatements of a text, restatements of an
item.

Takes a payload and the slots of the response (item_slots.py finds the item of an event). A piece extends an
open item; a restatement (`...done`) adds the text that the pieces lack. A call is yielded as soon as its
arguments are complete, any other item when `output_item.done` restates it; later events about it are news at
most. A payload that no other delta carries becomes a `Leftover`.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator
from typing import Any, Literal, TypeAlias

from ...items import FunctionCall, Item
from ...json_text import is_json
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    ItemOpened,
    Leftover,
    Payload,
    Piece,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    TextPiece,
    WholeItem,
)
from ...state.open_items import OpenMessage, OpenReasoning
from ...state.restated import settled_arguments
from ..fields import has_content, json_text, object_in, string_in
from .item_slots import CALLS, ItemSlot, ItemSlots, Progress
from .output_items import (
    is_empty,
    item_from_payload,
    kind_of,
    part_text,
    text_of,
)

Restatable: TypeAlias = Literal["text", "refusal", "reasoning", "summary"]

# The fields of an event that only name it and its place. (LiteLLM adds model to every event.)
BOOKKEEPING = frozenset(
    {
        "type",
        "model",
        "sequence_number",
        "event_id",
        "response_id",
        "obfuscation",
        "item_id",
        "output_index",
        "content_index",
        "summary_index",
        "annotation_index",
    }
)


# -- whole items --------------------------------------------------------------------------


def read_added(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_item.added."""
    item = object_in(payload, "item")
    kind = kind_of(item)
    item_id, index = _names(payload, item)
    slot = slots.find_added(item, kind, item_id, index)
    if slot is not None and (slot.announced is not None or not slot.is_open):  # announced before
        yield Leftover(payload, news=item != slot.announced)
        return
    if slot is None:
        slot = slots.open(kind, item_id, index)
    else:
        yield Leftover(payload, news=True)  # its first piece opened it
    slot.announced = item
    slots.learn(slot, item)
    yield ItemOpened(slot.key, 0, kind, payload, item_id, slot.name)
    if kind in CALLS:
        # Without the arguments: gateways that announce them repeat them in later events.
        yield _call_part(slot, "", payload)


def read_done(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_item.done, which restates the item."""
    item = object_in(payload, "item")
    kind = kind_of(item)
    item_id, index = _names(payload, item)
    whole = item_from_payload(item)
    other = slots.find_other(kind, item_id, index)
    if other is not None and (is_empty(whole) or _is_text_of(other, text_of(whole), slots)):
        yield _close_as_announced(other, payload)
        return
    slot = slots.find_done(item, kind, item_id, index) or slots.open(kind, item_id, index)
    slots.learn(slot, item)
    if slot.is_open and _has_no_arguments(whole) and not slots.state.arguments(slot.key).strip():
        # The arguments may be lost: the call waits for the end of the response.
        slot.item = whole
        yield ItemOpened(slot.key, 0, kind, payload, item_id, slot.name)
        yield _call_part(slot, "", payload)
    elif not slots.is_settled(slot) and slot.progress is not Progress.YIELDED:
        yield close(slot, whole, payload)
    else:
        yield Leftover(payload, news=whole != slot.item or bool(payload.keys() - BOOKKEEPING - {"item"}))
        slot.progress = Progress.RESTATED


def read_late(
    item: Payload, slot: ItemSlot | None, payload: Payload, slots: ItemSlots, *, cut: bool
) -> Iterator[Delta]:
    """Read an item in the terminal event; it counts if it wasn't restated before.

    A call in a response that was *cut* may be cut too: unless its status is completed, only its arguments are
    restated, and accumulate decides if they are complete.
    """
    kind = kind_of(item)
    whole = item_from_payload(item)
    if slot is None:
        slot = slots.open(kind, string_in(item, "id"), None)
    elif not slot.is_open and (slots.is_settled(slot) or slot.progress is Progress.YIELDED):
        return
    is_whole = item.get("status") == "completed" and not _has_no_arguments(whole)
    if not cut or kind not in CALLS or is_whole:
        yield close(slot, whole, payload)
        return
    slots.learn(slot, item)
    yield ItemOpened(slot.key, 0, kind, payload, slot.item_id, slot.name)
    yield _call_part(slot, "", payload)
    arguments = json_text(item.get(ARGUMENTS[kind]))
    if arguments:
        yield _restated_call(slot, arguments, payload)


def close_announced(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Close the items that were announced and never restated, with the fields of the announcement.

    Their texts are those of the pieces, since `WholeItem` merges the two. Calls are left to accumulate, which
    yields them if they are complete.
    """
    for slot in slots:
        if slot.is_open and slot.item is not None:
            yield close(slot, slot.item, payload)
        if not slot.is_open or slot.announced is None:
            continue
        if slot.kind not in CALLS:
            yield _close_as_announced(slot, payload)
        elif not slot.has_content and (arguments := json_text(slot.announced.get(ARGUMENTS[slot.kind]))):
            yield _restated_call(slot, arguments, payload)


def _close_as_announced(slot: ItemSlot, payload: Payload) -> Delta:
    """Close an item that the server ends without restating it. A call waits for the end of the response."""
    if not slot.is_open or slot.kind in CALLS:
        return Leftover(payload, news=True)
    item = slot.announced or {"type": slot.kind, "id": slot.item_id}
    item = {k: v for k, v in item.items() if k != "status"}
    return close(slot, item_from_payload(item), payload)


def _has_no_arguments(item: Item) -> bool:
    return isinstance(item, FunctionCall) and item.arguments.strip() in ("", "null")


def close(slot: ItemSlot, item: Item, payload: Payload) -> WholeItem:
    """Return the delta that closes *slot* with *item*."""
    slot.progress = Progress.RESTATED
    slot.item = item
    return WholeItem(slot.key, 0, item, payload)


# -- pieces -------------------------------------------------------------------------------


def _slot(
    payload: Payload, slots: ItemSlots, kind: str, *, late: bool = False
) -> Generator[Delta, None, ItemSlot | None]:
    """Return the open item of a piece, opened if necessary; None, after news, if the item is closed.

    A text that goes on after its item was restated is another item, which begins where that one ended.
    """
    item_id, index = _names(payload)
    call_id = string_in(payload, "call_id") if kind in CALLS else None
    slot = slots.find(kind, item_id, index, late=late, call_id=call_id)
    if slot is None:
        slot = slots.open(kind, item_id, index)
        yield ItemOpened(slot.key, 0, kind, payload, item_id)
    elif slot.kind == kind and slots.is_settled(slot) and not late and kind not in CALLS:
        slots.reopen(slot)  # the server closed it too early
    elif not slot.is_open or slot.kind != kind:
        yield Leftover(payload, news=True)
        return None
    slot.has_content = True
    if kind in CALLS:
        slots.learn(slot, payload)
    return slot


def read_text(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_text.delta."""
    text = part_text(payload.get("delta"))
    if not text:
        yield leftover(payload)
    elif slot := (yield from _slot(payload, slots, "message")):
        yield TextPiece(slot.key, 0, text, payload, logprobs_in(payload), _part_of(slot, slots, payload))


def read_refusal(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read refusal.delta."""
    text = part_text(payload.get("delta"))
    if not text:
        yield leftover(payload)
    elif slot := (yield from _slot(payload, slots, "message")):
        yield RefusalPiece(slot.key, 0, text, payload)


def read_thought(payload: Payload, slots: ItemSlots, *, kind: Literal["text", "summary"]) -> Iterator[Delta]:
    """Read reasoning_text.delta and reasoning_summary_text.delta."""
    text = part_text(payload.get("delta"))
    if not text:
        yield leftover(payload)
    elif slot := (yield from _slot(payload, slots, "reasoning")):
        field = "summary_index" if kind == "summary" else "content_index"
        yield ReasoningPiece(slot.key, 0, text, payload, kind, _part_of(slot, slots, payload, field))


# -- restatements -------------------------------------------------------------------------


def read_restated(payload: Payload, slots: ItemSlots, *, what: Restatable) -> Iterator[Delta]:
    """Read output_text.done, refusal.done, reasoning_text.done and reasoning_summary_text.done."""
    return _restate(payload, slots, what, payload)


def _restate(payload: Payload, slots: ItemSlots, what: Restatable, source: Payload) -> Iterator[Delta]:
    text = string_in(source, "refusal" if what == "refusal" else "text")
    if text is None:  # an empty restatement takes nothing back
        yield leftover(payload)
    elif (other := slots.find_other(_KIND[what], *_names(payload))) and _is_text_of(other, text, slots):
        yield Leftover(payload, news=True)
    elif slot := (yield from _slot(payload, slots, _KIND[what], late=True)):
        field = "summary_index" if what == "summary" else "content_index"
        announced = field not in slot.strays and _place(payload, field) in slots.parts
        piece = _piece(slot, what, text, payload, _part(payload, field), logprobs_in(source))
        yield Restated(piece, announced)
        if payload.keys() - _RESTATEMENT:
            yield Leftover(payload, news=True)


def _is_text_of(slot: ItemSlot, text: str, slots: ItemSlots) -> bool:
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
    names = _names(payload)
    slot = slots.find("message", *names, late=True) or slots.open("message", *names)
    part = _part(payload)
    seen = slot.annotations.get(part, 0)
    new = annotations[seen:] if restated else annotations
    if new and slot.is_open and slot.kind == "message":
        slot.annotations[part] = seen + len(new)
        yield Attached(slot.key, 0, "annotations", new, payload)


# -- calls --------------------------------------------------------------------------------

ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input"}


def read_arguments(payload: Payload, slots: ItemSlots, *, kind: str) -> Iterator[Delta]:
    """Read function_call_arguments.delta and custom_tool_call_input.delta.

    A few gateways name the piece as the whole.
    """
    text = json_text(payload.get("delta")) or json_text(payload.get(ARGUMENTS[kind]))
    if not text:
        yield leftover(payload)
    elif slot := (yield from _slot(payload, slots, kind)):
        slot.length += len(text)
        yield _call_part(slot, text, payload)


def read_arguments_done(payload: Payload, slots: ItemSlots, *, kind: str) -> Iterator[Delta]:
    """Read function_call_arguments.done and custom_tool_call_input.done.

    The call closes at once if its name and call_id are known and its arguments are JSON; if not,
    `output_item.done` may add them.
    """
    text = json_text(payload.get(ARGUMENTS[kind]))
    if not text:  # an empty restatement takes nothing back
        yield leftover(payload)
        return
    slot = yield from _slot(payload, slots, kind, late=True)
    if slot is None:
        return
    if slot.is_stated and len(text) * 8 < slot.length:  # to read the pieces again and again isn't linear
        yield Leftover(payload, news=True)
        return
    slot.is_stated = True
    pieces = slots.state.arguments(slot.key)
    if settled_arguments(text, pieces, slot.kind) != text:
        yield Leftover(payload, news=True)
        text = pieces
    if not (slot.name and slot.call_id and (slot.kind != "function_call" or is_json(text))):
        yield _restated_call(slot, text, payload)
        return
    item = dict(slot.announced or {})
    if "status" in item:
        item["status"] = "completed"
    item |= {"type": slot.kind, "call_id": slot.call_id, "name": slot.name, ARGUMENTS[slot.kind]: text}
    yield close(slot, item_from_payload(item), payload)
    slot.progress = Progress.YIELDED


def _call_part(slot: ItemSlot, arguments: str, payload: Payload) -> CallPiece:
    kind: Any = slot.kind
    return CallPiece(slot.key, 0, arguments, payload, slot.call_id, slot.name, kind, slot.item_id)


def _restated_call(slot: ItemSlot, arguments: str, payload: Payload) -> Restated:
    kind: Any = slot.kind
    return Restated(CallPiece(slot.key, 0, arguments, payload, slot.call_id, slot.name, kind))


# -- parts of a payload ------------------------------------------------------------------


def read_part_added(payload: Payload, slots: ItemSlots, *, field: str = "content_index") -> Iterator[Delta]:
    """Read content_part.added, reasoning_summary_part.added, and vLLM's own reasoning_part.added."""
    slots.parts.add(_place(payload, field))
    yield leftover(payload)


def leftover(payload: Payload) -> Leftover:
    """Return *payload* as `Leftover`, with news if it contains anything but bookkeeping."""
    return Leftover(payload, news=any(has_content(v) for k, v in payload.items() if k not in BOOKKEEPING))


def logprobs_in(payload: Payload) -> Any:
    """Return the list of token entries, or None."""
    logprobs = payload.get("logprobs")
    return logprobs if type(logprobs) is list and logprobs else None


def _names(payload: Payload, item: Payload | None = None) -> tuple[str | None, int | None]:
    """Return the item's id and index in the payload; None for each that it lacks."""
    item_id = (string_in(item, "id") if item else None) or string_in(payload, "item_id")
    index = payload.get("output_index")
    return item_id, index if type(index) is int else None


def _place(payload: Payload, field: str) -> Hashable:
    """Return the names of an event's item and part, as the gateway sends them."""
    return (*_names(payload), field, _part(payload, field))


def _part_of(slot: ItemSlot, slots: ItemSlots, payload: Payload, field: str = "content_index") -> int:
    """Return the part that a piece belongs to. If it wasn't announced, part numbers can't be trusted."""
    if field not in slot.strays and _place(payload, field) not in slots.parts:
        slot.strays |= {field}
    return _part(payload, field)


def _part(payload: Payload, name: str = "content_index") -> int:
    index = payload.get(name)
    return index if type(index) is int else 0

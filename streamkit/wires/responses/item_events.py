"""Events about whole output items -> deltas: announcements, restatements, and items of the terminal event.

Takes a payload and the slots of the response. An item is yielded when `output_item.done` restates it, unless
it is a call that was yielded before (call_events.py); later events about it are news at most. A payload that
no other delta carries becomes a `Leftover`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from ...items import FunctionCall, Item, Message, OutputText
from ...state.answer import may_contain_arguments
from ...state.deltas import Attached, Delta, ItemOpened, Leftover, Payload
from ...state.open_message import OpenMessage
from ..fields import json_text, object_in, string_in
from .call_events import ARGUMENTS, call_piece, restated_call
from .event_places import BOOKKEEPING, close, names_in
from .item_slots import CALLS, ItemSlot, ItemSlots, Progress
from .output_items import is_empty, item_from_payload, kind_of, text_of
from .text_events import is_text_of
from .usual_items import usual_item


def read_added(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_item.added."""
    item = usual_item(object_in(payload, "item"))
    kind = kind_of(item)
    item_id, index = names_in(payload, item)
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
        yield call_piece(slot, "", payload)


def read_done(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read output_item.done, which restates the item."""
    item = usual_item(object_in(payload, "item"))
    kind = kind_of(item)
    item_id, index = names_in(payload, item)
    whole = item_from_payload(item)
    other = slots.find_other(kind, item_id, index)
    if other is not None and (is_empty(whole) or is_text_of(other, text_of(whole), slots)):
        yield _close_as_announced(other, payload, slots)
        return
    slot = slots.find_done(item, kind, item_id, index) or slots.open(kind, item_id, index)
    slots.learn(slot, item)
    if slot.is_open and _has_no_arguments(whole) and not slots.state.arguments(slot.key).strip():
        # The arguments may be lost: the call waits for the end of the response.
        yield ItemOpened(slot.key, 0, kind, payload, item_id, slot.name)
        yield call_piece(slot, "", payload)
        if unread := _unread(whole):
            yield Attached(slot.key, 0, "unread", unread, payload, kind)
        else:
            slot.item = whole
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
    unread = _unread(whole)
    is_whole = item.get("status") == "completed" and not _has_no_arguments(whole)
    if not (cut or unread) or kind not in CALLS or is_whole:
        yield close(slot, whole, payload)
        return
    slots.learn(slot, item)
    yield ItemOpened(slot.key, 0, kind, payload, slot.item_id, slot.name)
    yield call_piece(slot, "", payload)
    if unread:
        yield Attached(slot.key, 0, "unread", unread, payload, kind)
    arguments = json_text(item.get(ARGUMENTS[kind]))
    if arguments:
        yield restated_call(slot, arguments, payload)


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
            yield _close_as_announced(slot, payload, slots)
        elif not slot.has_content and (arguments := json_text(slot.announced.get(ARGUMENTS[slot.kind]))):
            yield restated_call(slot, arguments, payload)


def _close_as_announced(slot: ItemSlot, payload: Payload, slots: ItemSlots) -> Delta:
    """Close an item that the server ends without restating it. A call waits for the end of the response."""
    if not slot.is_open or slot.kind in CALLS:
        return Leftover(payload, news=True)
    item = slot.announced or {"type": slot.kind, "id": slot.item_id}
    item = {k: v for k, v in item.items() if k != "status"}
    return close(slot, _with_pieces(item_from_payload(item), slot, slots), payload)


def _with_pieces(item: Item, slot: ItemSlot, slots: ItemSlots) -> Item:
    """Return an announced item with the text of its pieces behind the text that it was announced with.

    Some gateways announce the first words, and some repeat them in the pieces.
    """
    begun, growing = text_of(item), slots.state.items.get(slot.key)
    if not begun or not isinstance(item, Message) or not isinstance(growing, OpenMessage):
        return item
    pieces = str(growing.text)
    if begun.startswith(pieces):
        return item
    whole = pieces if pieces.startswith(begun) else begun + pieces
    return evolve(item, content=[OutputText(whole)])


def _has_no_arguments(item: Item) -> bool:
    return isinstance(item, FunctionCall) and item.arguments.strip() in ("", "null")


def _unread(item: Item) -> dict[str, Any]:
    """Return the fields of a call that may be its arguments, under unknown names."""
    if isinstance(item, FunctionCall) and _has_no_arguments(item) and may_contain_arguments(dict(item.extra)):
        return dict(item.extra)
    return {}

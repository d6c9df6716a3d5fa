"""The item and the part that an event is about, and the fields that only name them.

Takes a payload and the slots of the response (item_slots.py finds the item of an event).
"""

from __future__ import annotations

from collections.abc import Generator, Hashable

from ...items import Item
from ...state.deltas import Delta, ItemOpened, Leftover, Payload, WholeItem
from ..fields import has_content, string_in
from .item_slots import CALLS, ItemSlot, ItemSlots, Progress

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


def open_slot(
    payload: Payload, slots: ItemSlots, kind: str, *, late: bool = False
) -> Generator[Delta, None, ItemSlot | None]:
    """Return the open item of a piece, opened if necessary; None, after news, if the item is closed.

    A text that goes on after its item was restated is another item, which begins where that one ended.
    """
    item_id, index = names_in(payload)
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


def close(slot: ItemSlot, item: Item, payload: Payload) -> WholeItem:
    """Return the delta that closes *slot* with *item*."""
    slot.progress = Progress.RESTATED
    slot.item = item
    return WholeItem(slot.key, 0, item, payload)


def leftover(payload: Payload) -> Leftover:
    """Return *payload* as `Leftover`, with news if it contains anything but bookkeeping."""
    return Leftover(payload, news=any(has_content(v) for k, v in payload.items() if k not in BOOKKEEPING))


def names_in(payload: Payload, item: Payload | None = None) -> tuple[str | None, int | None]:
    """Return the item's id and index in the payload; None for each that it lacks."""
    item_id = (string_in(item, "id") if item else None) or string_in(payload, "item_id")
    index = payload.get("output_index")
    return item_id, index if type(index) is int else None


def place_in(payload: Payload, field: str) -> Hashable:
    """Return the names of an event's item and part, as the gateway sends them."""
    return (*names_in(payload), field, part_in(payload, field))


def part_in(payload: Payload, name: str = "content_index") -> int:
    index = payload.get(name)
    return index if type(index) is int else 0

"""Events about the arguments of calls -> deltas: pieces, and restatements.

Takes a payload and the slots of the response. A call is yielded as soon as its arguments are complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...json_text import is_json
from ...state.deltas import CallPiece, Delta, Leftover, Payload, Restated
from ...state.restated import settled_arguments
from ..fields import json_text
from .event_places import close, leftover, open_slot
from .item_slots import ItemSlot, ItemSlots, Progress
from .output_items import item_from_payload

ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input"}
_PIECES = ("arguments", "partial_json", "input")  # names of a piece that is alone in an object


def read_arguments(payload: Payload, slots: ItemSlots, *, kind: str) -> Iterator[Delta]:
    """Read function_call_arguments.delta and custom_tool_call_input.delta.

    A few gateways name the piece as the whole.
    """
    delta = payload.get("delta")
    if type(delta) is dict and len(delta) == 1 and type(inner := next(iter(delta.values()))) is str:
        delta = inner if next(iter(delta)) in _PIECES else delta
    text = json_text(delta) or json_text(payload.get(ARGUMENTS[kind]))
    if not text:
        yield leftover(payload)
    elif slot := (yield from open_slot(payload, slots, kind)):
        slot.length += len(text)
        yield call_piece(slot, text, payload)


def read_arguments_done(payload: Payload, slots: ItemSlots, *, kind: str) -> Iterator[Delta]:
    """Read function_call_arguments.done and custom_tool_call_input.done.

    The call closes at once if its name and call_id are known and its arguments are JSON; if not,
    `output_item.done` may add them.
    """
    text = json_text(payload.get(ARGUMENTS[kind]))
    if not text:  # an empty restatement changes no text
        yield leftover(payload)
        return
    slot = yield from open_slot(payload, slots, kind, late=True)
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
        yield restated_call(slot, text, payload)
        return
    item = dict(slot.announced or {})
    if "status" in item:
        item["status"] = "completed"
    item |= {"type": slot.kind, "call_id": slot.call_id, "name": slot.name, ARGUMENTS[slot.kind]: text}
    yield close(slot, item_from_payload(item), payload)
    slot.progress = Progress.YIELDED


def call_piece(slot: ItemSlot, arguments: str, payload: Payload) -> CallPiece:
    kind: Any = slot.kind
    return CallPiece(slot.key, 0, arguments, payload, slot.call_id, slot.name, kind, slot.item_id)


def restated_call(slot: ItemSlot, arguments: str, payload: Payload) -> Restated:
    kind: Any = slot.kind
    return Restated(CallPiece(slot.key, 0, arguments, payload, slot.call_id, slot.name, kind))

"""A piece for an item that is open -> its event. The fast path of accumulate.py, and the lane's way there.

append(piece, state)       the event of the piece; None if the state has to be looked at first
growing_of(piece, state)   the text that more pieces like this one extend, for the lane
PIECES                     of each kind of piece, the class of its item and the function that appends it
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from ..state.answer import AnswerState
from ..state.deltas import CallPiece, Delta, Growing, Piece, ReasoningPiece, RefusalPiece, TextPiece
from ..state.open_call import OpenCall
from ..state.open_items import AnyOpenItem, OpenReasoning
from ..state.open_message import OpenMessage
from ..surrogates import encodable_text
from .fast_events import reasoning_delta, text_delta, tool_call_delta


def append(delta: Delta, state: AnswerState) -> Event | None:
    """Return the event of a piece for an item that is open; None for any other delta.

    The fast path; `_append_or_open` in accumulate.py is its slow twin.
    """
    found = PIECES.get(type(delta))
    if found is None:
        return None
    cls, event_of = found
    item = state.items.get(delta.key)  # type: ignore[union-attr]
    return event_of(delta, item) if type(item) is cls and item.is_plain else None


def growing_of(piece: Piece, state: AnswerState) -> Growing | None:
    """Return what more pieces like *piece*, which `append` has taken, extend.

    None if such a piece needs a look at the state.
    """
    item = state.items.get(piece.key)
    if item is None or type(item) is not PIECES[type(piece)][0] or not item.is_plain:
        return None
    found = item.buffer_for(piece)
    if found is None or not found[0].is_plain or found[0].part != found[1]:
        return None
    shared: dict[str, Any] = {"slot": item.slot, "choice": item.choice}
    if isinstance(piece, TextPiece):
        keep = item.add_logprobs if isinstance(item, OpenMessage) else None
        return Growing(TextDelta, *found, shared, keep)
    if isinstance(piece, ReasoningPiece):
        return Growing(ReasoningDelta, *found, {**shared, "kind": piece.kind})
    if isinstance(item, OpenCall):
        return Growing(ToolCallDelta, *found, {**shared, "call_id": item.call_id, "name": item.name})
    return None


def _text(piece: TextPiece, item: OpenMessage) -> Event:
    text, buffer, logprobs = piece.text, item.text, piece.logprobs
    if buffer.half or not text.isascii():
        text = buffer.encodable(text, piece.part)
    snapshot = buffer.add(text, piece.part)
    if logprobs:
        logprobs = item.add_logprobs(logprobs)
    return text_delta(text, logprobs, snapshot, item.slot, item.choice, piece.raw)


def _refusal(piece: RefusalPiece, item: OpenMessage) -> Event:
    text = item.refusal.encodable(piece.text, 0)
    snapshot: Any = item.refusal.add(text, 0)
    return RefusalDelta(text, snapshot, item.slot, item.choice, piece.raw)


def _reasoning(piece: ReasoningPiece, item: OpenReasoning) -> Event:
    text, buffer, part = piece.text, item.text, (piece.kind, piece.part)
    if buffer.half or not text.isascii():
        text = buffer.encodable(text, part)
    snapshot = buffer.add(text, part)
    return reasoning_delta(text, piece.kind, snapshot, item.slot, item.choice, piece.raw)


def _call(piece: CallPiece, item: OpenCall) -> Event:
    if piece.call_id and piece.call_id != item.call_id:
        item.call_id = encodable_text(piece.call_id)
    if piece.name and piece.name != item.name:
        item.name = encodable_text(piece.name)
    item.item_id = item.item_id or piece.item_id
    text, buffer = piece.text, item.arguments
    if buffer.half or not text.isascii():
        text = buffer.encodable(text, 0)
    snapshot = buffer.add(text, 0)
    return tool_call_delta(item.call_id, item.name, text, snapshot, item.slot, item.choice, piece.raw)


# Each kind of piece: the class of its open item, and the function that appends it.
PIECES: dict[type, tuple[type[AnyOpenItem], Callable[[Any, Any], Event]]] = {
    TextPiece: (OpenMessage, _text),
    RefusalPiece: (OpenMessage, _refusal),
    ReasoningPiece: (OpenReasoning, _reasoning),
    CallPiece: (OpenCall, _call),
}

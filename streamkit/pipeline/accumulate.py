"""Deltas -> public events: deltas of text, `ItemDone` as each item closes, `Completed` last.

Strategy. A delta that names an item finds it in the state by its key, or opens it, and `ItemStarted` is
yielded first. One table maps each kind of delta to the function that applies it. All state is in the *state*
argument, so that the caller can read it at any moment and after an error.

Rules:
1. An item closes when the server restates it (`WholeItem`), when the server closes it (`ItemClosed`), after
   its choice finished, or at the end; closing.py has the rules for the last two.
2. Every string outside of `raw` is valid UTF-8.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from ..errors import APIConnectionError, StreamkitError, TruncatedStreamError
from ..events import (
    BadFrame,
    Completed,
    Event,
    ItemStarted,
    KeepAlive,
    Started,
    Unknown,
)
from ..items import UnknownItem
from ..state.answer import AnswerState
from ..state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    ChoiceSeen,
    ChoicesFolded,
    Delta,
    Head,
    ItemClosed,
    ItemOpened,
    Leftover,
    Payload,
    Piece,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    WholeItem,
    Withdrawn,
)
from ..state.encodable import encodable_item, encodable_part
from ..state.open_call import OpenCall
from ..state.open_items import AnyOpenItem, OpenReasoning, open_item
from ..state.restated import whole_text, without_beginning
from ..surrogates import encodable, encodable_text, split_half
from .append import PIECES, append
from .closing import close, count_usage, done, finish_choice, report_usage, settle, warn_of_items

logger = logging.getLogger("streamkit")
_BAD_FRAME = "bad_frame: "  # the beginning of a warning

Eof = Literal["raise", "accept", "infer"]


def accumulate(
    deltas: Iterable[Delta], state: AnswerState, *, strict: bool = False, eof: Eof = "raise"
) -> Iterator[Event]:
    """Yield the events of one answer; `Completed` is always last.

    An error of the source passes through with its `.partial`, after the complete calls were yielded. Raises
    `TruncatedStreamError` if the deltas end without an ending (*eof*, see `Profile.eof`), and with *strict*
    `IncompleteResponseError` for a truncated answer. If the connection is lost after every choice finished,
    nothing is missing, and the answer completes.
    """
    try:
        for delta in deltas:
            event = append(delta, state)
            if event is not None:
                yield event
                continue
            apply = _APPLY.get(type(delta))
            if apply is not None:
                yield from apply(delta, state)
            else:  # KeepAlive and BadFrame are events already
                yield _noted(delta, state)
        if not _has_ending(state, eof):
            raise TruncatedStreamError(
                "the stream ended without a finish reason, [DONE] or terminal event; "
                f".partial contains the answer so far{_last_bad_frame(state)}"
            )
    except StreamkitError as error:
        if not (isinstance(error, APIConnectionError) and state.is_finished):
            yield from settle(state)
            yield from report_usage(state, is_end=False)
            calls = [item for item in state.in_order if isinstance(item, OpenCall)]
            yield from close(state, calls, state.last_raw or {}, torn=True)
            if error.partial is None:
                error.partial = state.completion()
            raise
        logger.warning("the connection was lost after the answer finished: %s", error)
        state.warnings.append(f"connection_lost: after the answer finished: {error}")
    yield from close(state, state.in_order, state.last_raw or {}, is_end=True)
    yield from report_usage(state, is_end=False)
    warn_of_items(state)
    completion = state.completion()
    if strict:
        completion.raise_for_incomplete()
    yield Completed(completion, state.last_raw)


def _has_ending(state: AnswerState, eof: Eof) -> bool:
    if state.has_ended or state.has_finishes:
        return True
    if eof == "infer":
        return bool(state.in_order) and all(item.is_done for item in state.in_order)
    return eof == "accept" and state.has_started


# -- pieces -------------------------------------------------------------------------------


def _append_or_open(piece: Piece, state: AnswerState) -> Iterator[Event]:
    """Append *piece* to its item, which opens if it isn't open.

    A piece that doesn't fit the open item at its key, such as text for a call, opens an item of its own.
    """
    key, item = piece.key, state.items.get(piece.key)
    if item is not None and not item.is_done and item.buffer_for(piece) is None:
        key = (piece.key, type(piece).__name__)
    if not isinstance(piece, CallPiece):
        kind = "reasoning" if isinstance(piece, ReasoningPiece) else "message"
        yield from _open(state, key, piece.choice, kind, piece.raw)
    else:
        started = list(_open(state, key, piece.choice, piece.kind, piece.raw, piece.item_id, piece.name))
        yield from started
        if started and not (piece.text or piece.name or piece.call_id):
            return  # the place of a call that is still empty
    _, event_of = PIECES[type(piece)]
    item = state.items[key]
    if piece.text and not item.is_plain:
        yield from report_usage(state, is_end=False)
        state.growth.count(item)
    yield event_of(piece, item)


def _restated(delta: Restated, state: AnswerState) -> Iterator[Event]:
    """Yield the text that the pieces lack as a delta."""
    text, half = split_half(delta.piece.text)  # a message so far may end in half a pair
    piece = replace(delta.piece, text=encodable_text(text))
    item = state.items.get(piece.key)
    if item is not None:
        if item.is_done:
            return
        piece = replace(piece, text=_without_closed(piece, item))
        if delta.withdraws:
            item.replace_text(piece)
            return
        if delta.is_copy and isinstance(item, OpenCall):
            item.keep_copy(piece.text)
            return
        piece = replace(piece, text=item.missing(piece, announced=delta.announced))
    if piece.text or half or (item is None and isinstance(piece, CallPiece)):
        yield from _append_or_open(replace(piece, text=piece.text + half), state)


def _without_closed(piece: Piece, item: AnyOpenItem) -> str:
    """Return a restated text without the text of the items before *item* that closed at its key.

    A gateway that goes on after a finish and usage may restate all of the text at the end.
    """
    closed = item.closed_text(piece, len(piece.text))
    return piece.text.removeprefix(closed) if closed else piece.text


# -- the answer as a whole ----------------------------------------------------------------


def _head(delta: Head, state: AnswerState) -> Iterator[Event]:
    delta = replace(
        delta, id=encodable(delta.id), model=encodable(delta.model), extras=encodable(delta.extras)
    )
    state.id = state.id or delta.id
    state.model = state.model or delta.model
    state.created = delta.created if state.created is None else state.created
    state.status = delta.status or state.status
    state.extras.update(delta.extras or {})
    if not state.has_started:
        state.has_started = True
        yield Started(delta.id, delta.model, delta.created, delta.raw)


def _choice_seen(delta: ChoiceSeen, state: AnswerState) -> Iterator[Event]:
    state.see(delta.choice)
    yield from ()


def _choices_folded(delta: ChoicesFolded, state: AnswerState) -> Iterator[Event]:
    state.fold_choices()
    yield from ()


def _stream_ended(delta: StreamEnded, state: AnswerState) -> Iterator[Event]:
    state.has_ended = True
    yield from settle(state)
    yield from report_usage(state, is_end=False)
    state.last_raw = delta.raw or state.last_raw  # Completed carries the payload when the deltas end


def _noted(note: Any, state: AnswerState) -> Event:
    """Return a keep-alive or a bad frame, which the state remembers."""
    if isinstance(note, BadFrame):
        state.growth.lost_frame()
        state.warnings.append(f"{_BAD_FRAME}{note.error}: {note.data!r:.120}")
        return replace(note, data=encodable_text(note.data), error=encodable_text(note.error))
    if isinstance(note, KeepAlive) and not note.comment.isascii():
        return replace(note, comment=encodable_text(note.comment))
    event: Event = note
    return event


def _last_bad_frame(state: AnswerState) -> str:
    """Return the end of a sentence about the last bad frame: a server may word its error there."""
    said = [warning for warning in state.warnings if warning.startswith(_BAD_FRAME)]
    return f"; {said[-1]}" if said else ""


def _leftover(delta: Leftover, state: AnswerState) -> Iterator[Event]:
    if delta.news:
        state.note_stray(delta.raw)
        yield Unknown(encodable(delta.raw), delta.raw)


# -- one item -----------------------------------------------------------------------------


def _open(
    state: AnswerState,
    key: Hashable,
    choice: int,
    kind: str,
    raw: Payload,
    item_id: str | None = None,
    name: str | None = None,
) -> Iterator[Event]:
    """Open an item of *kind* at *key*, unless one is open there. An item that is done stays unchanged."""
    known = state.items.get(key)
    if known is not None and not known.is_done:
        return
    yield from report_usage(state, is_end=False)
    choice = state.see(choice)
    item = open_item(kind, len(state.in_order), choice, encodable(item_id), raw)
    item.previous = known
    state.growth.count(item)
    state.items[key] = item
    state.in_order.append(item)
    yield ItemStarted(encodable_text(kind), item.item_id, encodable(name), item.slot, choice, raw)


def _item_opened(delta: ItemOpened, state: AnswerState) -> Iterator[Event]:
    yield from _open(state, delta.key, delta.choice, delta.kind, delta.raw, delta.item_id, delta.name)
    item = state.items[delta.key]
    if isinstance(item, OpenCall):
        item.name = item.name or encodable(delta.name)


def _attached(delta: Attached, state: AnswerState) -> Iterator[Event]:
    """Keep the value with its item. If its payload carries nothing else, the wire adds a `Leftover`.

    A value alone never opens another call: one that arrives after its call closed is in `raw` only.
    """
    item = state.items.get(delta.key)
    if isinstance(item, OpenCall) and item.is_done:
        return
    yield from _open(state, delta.key, delta.choice, delta.kind, delta.raw)
    item = state.items[delta.key]
    # Details are pieces of texts, too; `build` makes them encodable when it joins them.
    is_joined = delta.what == "details" and isinstance(item, OpenReasoning)
    item.attach(delta.what, delta.value if is_joined else encodable_part(delta.value), delta.part)


def _item_closed(delta: ItemClosed, state: AnswerState) -> Iterator[Event]:
    item = state.items.get(delta.key)
    if item is not None:
        yield from close(state, [item], delta.raw)


def _withdrawn(delta: Withdrawn, state: AnswerState) -> Iterator[Event]:
    item = state.items.get(delta.key)
    if isinstance(item, OpenCall):
        item.is_repeat = True
    yield from ()


def _whole_item(delta: WholeItem, state: AnswerState) -> Iterator[Event]:
    """Yield the texts that the pieces lack, then the item."""
    known = state.items.get(delta.key)
    if known is not None and known.is_done:
        return
    whole, raw = encodable_item(delta.item), delta.raw
    if known is not None and known.previous is not None:
        whole = without_beginning(whole, known.closed_before(len(whole_text(whole))))
    kind = str(whole.payload.get("type")) if isinstance(whole, UnknownItem) else whole.type
    item_id, name = getattr(whole, "id", None), getattr(whole, "name", None)
    yield from _open(state, delta.key, delta.choice, kind, raw, item_id, name)
    item = state.items[delta.key]
    for piece in item.lacking(whole, delta.key, raw):
        yield from _append_or_open(piece, state)
    merged = item.restate(whole)
    if item.is_complete(cut=True):  # a finish that means a cut may follow
        yield done(item, merged, raw, state)
    else:
        state.last_raw = raw


_APPLY: dict[type, Callable[[Any, AnswerState], Iterator[Event]]] = {
    Head: _head,
    ChoiceSeen: _choice_seen,
    UsageCounted: count_usage,
    ChoiceFinished: finish_choice,
    ChoicesFolded: _choices_folded,
    StreamEnded: _stream_ended,
    Leftover: _leftover,
    ItemOpened: _item_opened,
    TextPiece: _append_or_open,
    RefusalPiece: _append_or_open,
    ReasoningPiece: _append_or_open,
    CallPiece: _append_or_open,
    Restated: _restated,
    Attached: _attached,
    ItemClosed: _item_closed,
    Withdrawn: _withdrawn,
    WholeItem: _whole_item,
}

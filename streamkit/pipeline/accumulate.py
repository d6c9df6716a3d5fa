"""Deltas -> public events: deltas of text, `ItemDone` as each item closes, `Completed` last.

Strategy. A delta that names an item finds it in the state by its key, or opens it, and `ItemStarted` is
yielded first. One table maps each kind of delta to the function that applies it. All state is in the *state*
argument, so that the caller can read it at any moment and after an error.

Rules:
1. An item closes when the server restates it (`WholeItem`), when the server closes it (`ItemClosed`), after
   its choice finished, or at the end.
2. A call closes only if it is complete (`OpenCall.is_complete`). After an error or a cut, only calls that are
   certainly complete close. A call with empty arguments waits for the end (`AnswerState.trusts_empty`).
3. A finish is advisory: items close when usage or the end follows it. If output follows it, they stay open,
   and the next finish counts. Without output in between, only a worse finish counts (a cut after `stop`).
4. Every string outside of `raw` is valid UTF-8.
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
    ItemDone,
    ItemStarted,
    KeepAlive,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Unknown,
    UsageReport,
)
from ..items import Item, UnknownItem
from ..state.answer import AnswerState, Finish
from ..state.citations import lost_offsets
from ..state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    ChoiceSeen,
    ChoicesFolded,
    Delta,
    Growing,
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
from ..state.opaque import with_origin
from ..state.open_items import AnyOpenItem, OpenCall, OpenMessage, OpenReasoning, open_item
from ..state.restated import whole_text, without_beginning
from ..surrogates import encodable, encodable_text, split_half
from .fast_events import reasoning_delta, text_delta, tool_call_delta

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
            yield from _settle(state)
            yield from _report_usage(state, is_end=False)
            calls = [item for item in state.in_order if isinstance(item, OpenCall)]
            yield from _close(state, calls, state.last_raw or {}, torn=True)
            if error.partial is None:
                error.partial = state.completion()
            raise
        logger.warning("the connection was lost after the answer finished: %s", error)
        state.warnings.append(f"connection_lost: after the answer finished: {error}")
    yield from _close(state, state.in_order, state.last_raw or {}, is_end=True)
    yield from _report_usage(state, is_end=False)
    _warn_of_items(state)
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


def append(delta: Delta, state: AnswerState) -> Event | None:
    """Return the event of a piece for an item that is open; None for any other delta.

    The fast path; `_append_or_open` is its slow twin.
    """
    found = _PIECES.get(type(delta))
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
    if item is None or type(item) is not _PIECES[type(piece)][0] or not item.is_plain:
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
    _, event_of = _PIECES[type(piece)]
    item = state.items[key]
    if piece.text and not item.is_plain:
        yield from _report_usage(state, is_end=False)
        state.growth.count(item)
    yield event_of(piece, item)


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
_PIECES: dict[type, tuple[type[AnyOpenItem], Callable[[Any, Any], Event]]] = {
    TextPiece: (OpenMessage, _text),
    RefusalPiece: (OpenMessage, _refusal),
    ReasoningPiece: (OpenReasoning, _reasoning),
    CallPiece: (OpenCall, _call),
}


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


def _usage(delta: UsageCounted, state: AnswerState) -> Iterator[Event]:
    finishes = [state.finishes[choice] for choice in state.unsettled]
    is_passing = any(finish.with_output and finish.raw is delta.raw for finish in finishes)
    yield from _report_usage(state, is_end=not is_passing)
    state.counted, state.held_usage = delta.usage, delta
    if not is_passing:
        yield from _report_usage(state, is_end=True)


def _report_usage(state: AnswerState, *, is_end: bool) -> Iterator[Event]:
    """Yield the usage that waits, if any; before it, close the items if it *is_end*.

    Usage next to output and a finish waits, because some gateways put all three on every chunk.
    """
    held, state.held_usage = state.held_usage, None
    if held is not None:
        if is_end:
            yield from _settle(state)
        yield UsageReport(held.usage, held.raw)


def _choice_finished(delta: ChoiceFinished, state: AnswerState) -> Iterator[Event]:
    yield from _settle(state, but=delta.choice)
    choice = 0 if state.is_folded else delta.choice
    is_reopened = state.is_reopened(choice)
    is_first = choice not in state.finishes
    if is_first or is_reopened or delta.with_output or state.outweighs(delta.reason, choice):
        state.was_reopened = state.was_reopened or is_reopened
        raw_reason = encodable_text(delta.raw_reason)
        output = state.growth.steps(choice)
        state.finish(choice, Finish(delta.reason, raw_reason, output, delta.raw, delta.with_output))
        if delta.reason == "other":
            state.warnings.append(f"finish_reason: {raw_reason!r:.80} isn't a known word")
    state.last_raw = delta.raw


def _settle(state: AnswerState, but: int | None = None) -> Iterator[Event]:
    """Close the items of the choices that finished, if no output followed the finish."""
    for choice in [choice for choice in state.unsettled if choice != but]:
        finish = state.finishes[choice]
        del state.unsettled[choice]
        if state.is_reopened(choice):
            state.was_reopened = True
        elif state.finish_of(choice) != "error":  # items that an error cut off stay open
            closing = state.closing.pop(choice, {})
            yield from _close(state, [closing[slot] for slot in sorted(closing)], finish.raw)


def _choices_folded(delta: ChoicesFolded, state: AnswerState) -> Iterator[Event]:
    state.fold_choices()
    yield from ()


def _stream_ended(delta: StreamEnded, state: AnswerState) -> Iterator[Event]:
    state.has_ended = True
    yield from _settle(state)
    yield from _report_usage(state, is_end=False)
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


def _warn_of_items(state: AnswerState) -> None:
    """Note each call that isn't complete, each finish of tool_calls without any call, and lost offsets."""
    for item in state.in_order:
        if isinstance(item, OpenMessage) and (lost := item.lost_offsets):
            warning = lost_offsets(lost)
            if warning not in state.warnings:  # its whole item may have told
                state.warnings.append(warning)
        if isinstance(item, OpenCall) and not (item.is_done or item.is_phantom):
            name = item.name or getattr(item.whole, "name", None) or "without a name"
            arguments = str(item.arguments)
            state.warnings.append(f"incomplete_call: {name}: {item.fault()}: {arguments!r:.120}")
    with_calls = {
        item.choice
        for item in state.in_order
        if not (item.is_phantom or isinstance(item, OpenMessage | OpenReasoning))
    }
    for choice in sorted(state.finishes.keys() - with_calls):
        if state.finish_of(choice) == "tool_calls":
            state.warnings.append(f"no_call: choice {choice} finished with tool_calls, and has no call")


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
    yield from _report_usage(state, is_end=False)
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
        yield from _close(state, [item], delta.raw)


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
        yield _done(item, merged, raw, state)
    else:
        state.last_raw = raw


def _close(
    state: AnswerState,
    items: Iterable[AnyOpenItem],
    raw: Payload,
    *,
    torn: bool = False,
    is_end: bool = False,
) -> Iterator[Event]:
    """Yield the items that are complete, in slot order.

    *torn*: the stream broke off. *is_end*: it ended properly.
    """
    unsure = state.unsure_choices() if is_end else ()
    for item in items:
        if item.is_done or item.is_phantom:
            continue
        trusts_empty = (
            is_end and isinstance(item, OpenCall) and item.choice not in unsure and state.trusts_empty(item)
        )
        cut = torn or state.was_cut(item.choice)
        if item.is_complete(cut=cut, trusts_empty=trusts_empty):
            for half in item.lone_halves(None, raw):
                yield _PIECES[type(half)][1](half, item)
            yield _done(item, item.final(), raw, state)


def _done(item: AnyOpenItem, whole: Item, raw: Payload, state: AnswerState) -> Event:
    item.whole = with_origin(whole, state.origin)  # kept: the completion holds the item that was yielded
    state.close(item)
    return ItemDone(item.whole, item.slot, item.choice, raw)


_APPLY: dict[type, Callable[[Any, AnswerState], Iterator[Event]]] = {
    Head: _head,
    ChoiceSeen: _choice_seen,
    UsageCounted: _usage,
    ChoiceFinished: _choice_finished,
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

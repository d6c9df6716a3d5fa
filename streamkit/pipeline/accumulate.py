"""Fragments -> public events: deltas, `ItemDone` as each item closes, `Completed` last.

Strategy. Each fragment that names an item finds it in the turn by its key, or opens it (then
`ItemStarted` comes first); a table says which function makes events of which kind of fragment. All
state is in the *turn* that the caller hands in, so that it can be asked for at any moment, and after an
error. Items close when the server sums them up (`Whole`), when their choice finishes, or at the end;
calls close only when they are whole, and on an error or a cut the whole ones close first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from attrs import evolve

from ..errors import APIConnectionError, StreamkitError, TruncatedStreamError
from ..events import (
    Completed,
    Event,
    ItemDone,
    ItemStarted,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Unknown,
    UsageReport,
    quick,
)
from ..items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    Reasoning,
    UnknownItem,
)
from ..state.answer import AnswerState
from ..state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    ChoiceSeen,
    Delta,
    Head,
    ItemOpened,
    Leftover,
    Payload,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    WholeItem,
)
from ..state.open_items import (
    AnyOpenItem,
    OpenCall,
    OpenMessage,
    OpenReasoning,
    open_item,
)

logger = logging.getLogger("streamkit")

_new_text, _new_reasoning, _new_call = quick(TextDelta), quick(ReasoningDelta), quick(ToolCallDelta)


def accumulate(
    fragments: Iterable[Delta],
    turn: AnswerState,
    *,
    strict: bool = False,
    eof: Literal["raise", "accept", "infer"] = "raise",
) -> Iterator[Event]:
    """Yield the events of one turn; `Completed` is always last.

    An error of the source passes through, with `.partial`, after the calls that are whole were handed
    out. Raises `TruncatedStreamError` where the fragments end without an ending (what counts as one
    is *eof*, see `Profile.eof`), and with *strict* `IncompleteResponseError` for a cut answer. A
    connection lost after every choice finished loses nothing, and completes.
    """
    try:
        for fragment in fragments:
            piece = _PIECES.get(type(fragment))
            if piece is not None:  # the hot path: one more piece of an open item
                kind, delta = piece
                item = turn.items.get(fragment.key)  # type: ignore[union-attr]
                if type(item) is kind and not item.done:
                    yield delta(fragment, item)
                    continue
            make = _MAKERS.get(type(fragment))
            if make is None:
                yield fragment  # type: ignore[misc]  # a note of the stages before: already an event
            else:
                yield from make(fragment, turn)
        if not _is_ended(turn, eof):
            raise TruncatedStreamError(
                "the stream ended without a finish reason, [DONE] or terminal event; "
                ".partial holds what arrived"
            )
    except StreamkitError as error:
        if not (isinstance(error, APIConnectionError) and turn.finished):
            yield from _close_whole_calls(turn)
            if error.partial is None:
                error.partial = turn.completion()
            raise
        logger.warning("connection lost after the answer was finished: %s", error)
    yield from _close(turn, turn.order, turn.pending or {})
    completion = turn.completion()
    if strict:
        completion.raise_for_incomplete()
    yield Completed(completion, turn.pending)


def _is_ended(turn: AnswerState, eof: str) -> bool:
    if turn.ended or turn.finished:
        return True
    if eof == "infer":
        return bool(turn.order) and all(item.done for item in turn.order)
    return eof == "accept" and turn.started


# -- opening ------------------------------------------------------------------------------


def _open(
    turn: AnswerState,
    key: Any,
    choice: int,
    kind: str,
    raw: Payload,
    item_id: str | None = None,
    name: str | None = None,
) -> Iterator[Event]:
    """Make *key* stand for an open item of *kind*. One that was handed out stays as it was."""
    item = turn.items.get(key)
    if item is not None and not item.done:
        return
    item = open_item(kind, len(turn.order), choice, item_id, raw)
    turn.items[key] = item
    turn.order.append(item)
    turn.open.setdefault(choice, []).append(item)
    turn.choices.add(choice)
    yield ItemStarted(kind, item_id, name, item.slot, choice, raw)


def _identity(fragment: Head, turn: AnswerState) -> Iterator[Event]:
    turn.id = turn.id or fragment.id
    turn.model = turn.model or fragment.model
    turn.created = fragment.created if turn.created is None else turn.created
    turn.status = fragment.status or turn.status
    turn.extras.update(fragment.extras or {})
    if not turn.started:
        turn.started = True
        yield Started(fragment.id, fragment.model, fragment.created, fragment.raw)


def _choice_seen(fragment: ChoiceSeen, turn: AnswerState) -> Iterator[Event]:
    turn.choices.add(fragment.choice)
    yield from ()


def _opening(fragment: ItemOpened, turn: AnswerState) -> Iterator[Event]:
    yield from _open(
        turn, fragment.key, fragment.choice, fragment.kind, fragment.raw, fragment.item_id, fragment.name
    )
    item = turn.items[fragment.key]
    if isinstance(item, OpenCall):
        item.name = item.name or fragment.name


# -- growing ------------------------------------------------------------------------------


def _grow(
    fragment: TextPiece | RefusalPiece | ReasoningPiece | CallPiece, turn: AnswerState
) -> Iterator[Event]:
    """Add a piece to its item, which opens with it if need be."""
    if isinstance(fragment, CallPiece):
        yield from _open(
            turn, fragment.key, fragment.choice, fragment.kind, fragment.raw, fragment.item_id, fragment.name
        )
        if not (fragment.arguments or fragment.name or fragment.call_id):
            return  # a place for a call, and nothing in it yet
    else:
        name = "reasoning" if isinstance(fragment, ReasoningPiece) else "message"
        yield from _open(turn, fragment.key, fragment.choice, name, fragment.raw)
    kind, delta = _PIECES[type(fragment)]
    item = turn.items[fragment.key]
    if isinstance(item, kind):
        yield delta(fragment, item)


def _text(fragment: TextPiece, item: OpenMessage) -> Event:
    upto = item.text.add(fragment.text, fragment.part)
    logprobs = fragment.logprobs
    if logprobs:  # token entries are a list; older gateways send an object of parallel lists
        item.logprobs += logprobs if isinstance(logprobs, list) else [logprobs]
    return _new_text(fragment.text, logprobs, upto, item.slot, item.choice, fragment.raw)


def _refusal(fragment: RefusalPiece, item: OpenMessage) -> Event:
    upto = item.refusal.add(fragment.text, 0)
    return RefusalDelta(fragment.text, upto, item.slot, item.choice, fragment.raw)


def _thought(fragment: ReasoningPiece, item: OpenReasoning) -> Event:
    upto = item.text.add(fragment.text, (fragment.kind, fragment.part))
    return _new_reasoning(fragment.text, fragment.kind, upto, item.slot, item.choice, fragment.raw)


def _call(fragment: CallPiece, item: OpenCall) -> Event:
    item.call_id = fragment.call_id or item.call_id
    item.name = fragment.name or item.name
    item.item_id = item.item_id or fragment.item_id
    arguments = fragment.arguments
    upto = item.arguments.add(arguments, 0)
    return _new_call(item.call_id, item.name, arguments, upto, item.slot, item.choice, fragment.raw)


# What grows an item: the kind of item, and what makes a delta of the piece.
_PIECES: dict[type, tuple[type[AnyOpenItem], Callable[[Any, Any], Event]]] = {
    TextPiece: (OpenMessage, _text),
    RefusalPiece: (OpenMessage, _refusal),
    ReasoningPiece: (OpenReasoning, _thought),
    CallPiece: (OpenCall, _call),
}


def _restated(fragment: Restated, turn: AnswerState) -> Iterator[Event]:
    """Yield as a delta what the pieces left out; the rest was already said."""
    item = turn.items.get(fragment.key)
    if item is not None and item.done:
        return
    key, choice, text, raw, part = fragment.key, fragment.choice, fragment.text, fragment.raw, fragment.part
    match fragment.what, item:
        case "text", OpenMessage():
            text = item.text.missing(text, part)
        case "refusal", OpenMessage():
            text = item.refusal.missing(text, 0)
        case "reasoning", OpenReasoning():
            text = item.text.missing(text, ("text", part))
        case "summary", OpenReasoning():
            text = item.text.missing(text, ("summary", part))
        case "arguments", OpenCall():
            text = item.arguments.missing(text, 0) if text else ""
    if not text and (item is not None or fragment.what != "arguments"):
        return
    match fragment.what:
        case "text":
            yield from _grow(TextPiece(key, choice, text, raw, fragment.logprobs, part), turn)
        case "refusal":
            yield from _grow(RefusalPiece(key, choice, text, raw), turn)
        case "reasoning":
            yield from _grow(ReasoningPiece(key, choice, text, raw, "text", part), turn)
        case "summary":
            yield from _grow(ReasoningPiece(key, choice, text, raw, "summary", part), turn)
        case "arguments":
            call = CallPiece(key, choice, raw, text, fragment.call_id, fragment.name, fragment.kind)
            yield from _grow(call, turn)


def _attached(fragment: Attached, turn: AnswerState) -> Iterator[Event]:
    """Keep it with its item; where its payload says nothing else, the wire adds a `Silent`."""
    value = fragment.value
    yield from _open(turn, fragment.key, fragment.choice, fragment.kind, fragment.raw)
    item = turn.items[fragment.key]
    if fragment.what == "extra":
        item.extra.update(value)
    elif isinstance(item, OpenMessage):
        if fragment.what == "annotations":
            item.annotations += value
        elif fragment.what == "audio":
            item.audio.append(value)
        else:
            item.others.append(value)
    elif isinstance(item, OpenReasoning):
        if fragment.what == "details":
            item.details += value
            turn.keep_signatures(item.choice, value)
        else:
            item.encrypted = value
    elif isinstance(item, OpenCall):
        item.signature = value


# -- closing ------------------------------------------------------------------------------


def _whole(fragment: WholeItem, turn: AnswerState) -> Iterator[Event]:
    """The server sums an item up: say what the pieces left out, then hand the item out."""
    known = turn.items.get(fragment.key)
    if known is not None and known.done:
        return
    whole = fragment.item
    kind = str(whole.payload.get("type")) if isinstance(whole, UnknownItem) else whole.type
    name = getattr(whole, "name", None)
    item_id = getattr(whole, "id", None)
    yield from _open(turn, fragment.key, fragment.choice, kind, fragment.raw, item_id, name)
    item = turn.items[fragment.key]
    for missing in _left_out(fragment, item):
        yield from _MAKERS[type(missing)](missing, turn)
    item.whole = _with_pieces(whole, item)
    if isinstance(item, OpenCall) and not item.is_whole(cut=False):
        turn.pending = fragment.raw
        return
    item.done = True
    yield ItemDone(item.whole, item.slot, item.choice, fragment.raw)


def _left_out(fragment: WholeItem, item: AnyOpenItem) -> Iterator[Delta]:
    """What of the whole item's texts no piece has said, as fragments."""
    whole, key, choice, raw = fragment.item, fragment.key, fragment.choice, fragment.raw
    if isinstance(item, OpenMessage) and isinstance(whole, Message):
        if rest := _rest(whole.text, str(item.text)):
            yield TextPiece(key, choice, rest, raw)
        if rest := _rest(whole.refusal, str(item.refusal)):
            yield RefusalPiece(key, choice, rest, raw)
    elif isinstance(item, OpenReasoning) and isinstance(whole, Reasoning):
        if rest := _rest("".join(whole.content), "".join(item.of_kind("text"))):
            yield ReasoningPiece(key, choice, rest, raw)
        if rest := _rest("".join(whole.summary), "".join(item.of_kind("summary"))):
            yield ReasoningPiece(key, choice, rest, raw, "summary")
    elif isinstance(item, OpenCall) and isinstance(whole, FunctionCall | CustomToolCall):
        text = whole.arguments if isinstance(whole, FunctionCall) else whole.input
        rest = _rest(text, str(item.arguments))
        if rest or item.call_id != whole.call_id:
            yield CallPiece(key, choice, raw, rest, whole.call_id, whole.name or None)


def _rest(whole: str, pieces: str) -> str:
    return whole[len(pieces) :] if whole.startswith(pieces) else ""


def _with_pieces(whole: Item, item: AnyOpenItem) -> Item:
    """*whole*, with the pieces where it leaves out what they said (gateways that send empty sums)."""
    if isinstance(item, OpenMessage) and isinstance(whole, Message):
        built = item.build()
        if isinstance(built, Message) and built.content and not (whole.text or whole.refusal):
            return evolve(whole, content=built.content)
    elif isinstance(item, OpenReasoning) and isinstance(whole, Reasoning):
        content, summary = item.of_kind("text"), item.of_kind("summary")
        return evolve(whole, content=whole.content or content, summary=whole.summary or summary)
    elif isinstance(item, OpenCall) and isinstance(whole, FunctionCall | CustomToolCall):
        known: dict[str, Any] = {
            "name": whole.name or item.name or "",
            "call_id": whole.call_id or item.call_id,
        }
        if isinstance(whole, FunctionCall):
            return evolve(whole, arguments=whole.arguments or str(item.arguments), **known)
        return evolve(whole, input=whole.input or str(item.arguments), **known)
    return whole


def _finished(fragment: ChoiceFinished, turn: AnswerState) -> Iterator[Event]:
    """The first finish reason of a choice stands; gateways repeat it beside the usage."""
    turn.finishes.setdefault(fragment.choice, (fragment.reason, fragment.raw_reason))
    turn.pending = fragment.raw
    if fragment.reason != "error":  # what an error cut off is not handed out
        yield from _close(turn, turn.open.pop(fragment.choice, ()), fragment.raw)


def _close(
    turn: AnswerState, items: Iterable[AnyOpenItem], raw: Payload, *, torn: bool = False
) -> Iterator[Event]:
    """Hand out *items* in slot order; calls only if they are whole."""
    for item in items:
        if item.done:
            continue
        if isinstance(item, OpenCall):
            if item.is_phantom or not item.is_whole(cut=torn or turn.was_cut(item.choice)):
                continue
            turn.sign(item)
            item.whole = item.finished()
        else:
            item.whole = item.build()  # kept: the completion holds the item that was handed out
        item.done = True
        yield ItemDone(item.whole, item.slot, item.choice, raw)


def _close_whole_calls(turn: AnswerState) -> Iterator[Event]:
    calls = [item for item in turn.order if isinstance(item, OpenCall)]
    return _close(turn, calls, turn.pending or {}, torn=True)


def _counted(fragment: UsageCounted, turn: AnswerState) -> Iterator[Event]:
    turn.usage = fragment.usage
    yield UsageReport(fragment.usage, fragment.raw)


def _ended(fragment: StreamEnded, turn: AnswerState) -> Iterator[Event]:
    turn.ended = True
    turn.pending = fragment.raw or turn.pending
    yield from ()  # Completed, which carries the payload, comes when the fragments end


def _silent(fragment: Leftover, turn: AnswerState) -> Iterator[Event]:
    if fragment.news:
        yield Unknown(fragment.raw, fragment.raw)


_MAKERS: dict[type, Callable[[Any, AnswerState], Iterator[Event]]] = {
    Head: _identity,
    ChoiceSeen: _choice_seen,
    ItemOpened: _opening,
    TextPiece: _grow,
    RefusalPiece: _grow,
    ReasoningPiece: _grow,
    CallPiece: _grow,
    Restated: _restated,
    Attached: _attached,
    WholeItem: _whole,
    ChoiceFinished: _finished,
    UsageCounted: _counted,
    StreamEnded: _ended,
    Leftover: _silent,
}

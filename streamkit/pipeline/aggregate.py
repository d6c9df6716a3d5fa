"""Events -> finished messages only: each item once, in order of first appearance, then Completed.

Works on any iterable of events, of one turn or of several in a row. If deltas have no `ItemDone`, their item
is built from them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from .._checks import EVENTS, check, got
from ..completion import Completion
from ..errors import StreamkitError, TruncatedStreamError, UsageError
from ..events import (
    Completed,
    Event,
    ItemDone,
    ItemStarted,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from ..items import CustomToolCall, FunctionCall
from ..state.answer import AnswerState
from ..state.deltas import CallPiece, Piece, ReasoningPiece, RefusalPiece, TextPiece
from ..state.open_call import OpenCall
from ..state.open_items import open_item

Place = tuple[int, int]  # an item's slot and choice


def aggregate(events: Iterable[Event], mode: Literal["final", "streaming"] = "final") -> Iterator[Event]:
    """Yield `ItemDone` and `Completed` only; with mode "streaming" all other events too, as they arrive.

    An item waits until the items that began before it are yielded. An error of the source passes through with
    its `.partial`, after the items that are complete by then. Raises `TruncatedStreamError` if the events
    stop without `Completed`, and `UsageError` for another mode.
    """
    check("events", events, EVENTS)
    if not isinstance(mode, str) or mode not in ("final", "streaming"):
        raise UsageError(f"mode: expected 'final' or 'streaming', got {got(mode, 40)}")
    return _aggregate(events, streaming=mode == "streaming")


def _aggregate(events: Iterable[Event], *, streaming: bool) -> Iterator[Event]:
    queue = _Queue()
    is_complete = False
    try:
        for event in events:
            is_complete = False
            if isinstance(event, Completed):
                yield from queue.rest(event.completion)
                yield event
                queue = _Queue()
                is_complete = True
            elif isinstance(event, ItemDone):
                yield from queue.done(event)
            else:
                queue.note(event)
                if streaming:
                    yield event
    except StreamkitError:
        yield from queue.waiting()
        raise
    if not is_complete:
        raise TruncatedStreamError(
            "the events stopped without Completed; .partial contains the answer so far",
            partial=queue.state.completion(),
        )


# Each delta event as the piece that it was made from; an item's key is its place.
_PIECES: dict[type, Callable[[Any, Place], Piece]] = {
    TextDelta: lambda event, place: TextPiece(place, event.choice, event.text, {}),
    RefusalDelta: lambda event, place: RefusalPiece(place, event.choice, event.text, {}),
    ReasoningDelta: lambda event, place: ReasoningPiece(place, event.choice, event.text, {}, event.kind),
    ToolCallDelta: lambda event, place: CallPiece(
        place, event.choice, event.arguments, {}, event.call_id, event.name
    ),
}
_KINDS = {
    TextDelta: "message",
    RefusalDelta: "message",
    ReasoningDelta: "reasoning",
    ToolCallDelta: "function_call",
}


class _Queue:
    """The items of one turn: announced, complete, or yielded."""

    def __init__(self) -> None:
        self.state = AnswerState()  # the items as their deltas build them
        self._complete: dict[Place, ItemDone | None] = {}  # None: announced only
        self._waiting: deque[Place] = deque()  # the places not yielded yet, in order

    def note(self, event: Event) -> None:
        """Remember an item's place at its first sign, and the text of its deltas."""
        if isinstance(event, ItemStarted):
            self._announce((event.slot, event.choice), event.kind)
        elif make := _PIECES.get(type(event)):
            place = (event.slot, event.choice)  # type: ignore[union-attr]
            self._announce(place, _KINDS[type(event)])
            self._append(make(event, place))

    def _append(self, piece: Piece) -> None:
        item = self.state.items[piece.key]
        found = item.buffer_for(piece)
        if found is None:
            return
        buffer, part = found
        buffer.add(piece.text, part)
        if isinstance(piece, CallPiece) and isinstance(item, OpenCall):
            item.call_id, item.name = piece.call_id or item.call_id, piece.name or item.name

    def _announce(self, place: Place, kind: str) -> None:
        if place not in self._complete:
            self._complete[place] = None
            self._waiting.append(place)
            item = open_item(kind, *place, None, {})
            self.state.items[place] = item
            self.state.in_order.append(item)

    def done(self, event: ItemDone) -> Iterator[ItemDone]:
        """Take a complete item; yield the items that waited for it, and itself if it waits for none."""
        place = (event.slot, event.choice)
        if place not in self._complete:  # a block that was numbered as a choice
            place = next((known for known in self._waiting if known[0] == event.slot), place)
        if self._complete.get(place):
            return
        self._announce(place, event.item.type)
        self.state.items[place].whole = event.item
        self._complete[place] = event
        while self._waiting and (ready := self._complete[self._waiting[0]]) is not None:
            self._waiting.popleft()
            yield ready

    def waiting(self) -> Iterator[ItemDone]:
        """Yield the complete items that wait for others."""
        events = (self._complete[place] for place in self._waiting)
        return (event for event in events if event is not None)

    def rest(self, completion: Completion) -> Iterator[ItemDone]:
        """Yield the items that still wait at the end of the turn.

        Without `ItemDone`, a message or reasoning is built from its deltas. A call is yielded only if the
        completion has it as complete: the stream withholds all others. A completion without items, which
        another program made, shows nothing about them: there the arguments must be a complete object.
        """
        events = filter(None, self._complete.values())
        yielded = {_facts(event.item) for event in events if isinstance(event.item, _CALLS)}
        left: dict[tuple[Any, ...], deque[FunctionCall | CustomToolCall]] = {}
        for choice in completion.choices:
            for call in choice.tool_calls:
                if _facts(call) not in yielded:
                    left.setdefault((choice.index, call.call_id, call.name), deque()).append(call)
        is_foreign = not any(choice.items for choice in completion.choices)
        for place in self._waiting:
            item = self.state.items[place]
            if ready := self._complete[place]:
                yield ready
            elif not isinstance(item, OpenCall) or (is_foreign and item.is_complete(cut=True)):
                yield ItemDone(item.build(), item.slot, item.choice)
            elif found := left.get((item.choice, item.call_id, item.name or "")):
                yield ItemDone(found.popleft(), item.slot, item.choice)


_CALLS = (FunctionCall, CustomToolCall)


def _facts(call: FunctionCall | CustomToolCall) -> tuple[Any, ...]:
    """Return all that tells one call from another."""
    text = call.arguments if isinstance(call, FunctionCall) else call.input
    return type(call), call.call_id, call.name, text

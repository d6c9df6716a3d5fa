"""Events -> final messages only: each item once and whole, in order of first appearance, then Completed.

Works on any iterable of events, of one turn or of several in a row, from wherever they come: where
deltas have no `ItemDone`, the item is put together from them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

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
from ..state.answer import AnswerState
from ..state.open_items import OpenCall, OpenMessage, OpenReasoning, open_item

_KINDS: dict[type, str] = {
    TextDelta: "message",
    RefusalDelta: "message",
    ReasoningDelta: "reasoning",
    ToolCallDelta: "function_call",
}


def aggregate(events: Iterable[Event], mode: Literal["final", "streaming"] = "final") -> Iterator[Event]:
    """Yield `ItemDone` and `Completed` only; with mode "streaming" everything else too, as it comes.

    An item is held until those that began before it are out. An error of the source passes through,
    with its `.partial`, after the items that are whole by then. Raises `TruncatedStreamError` where the
    events stop without `Completed`.
    """
    if mode not in ("final", "streaming"):
        raise UsageError(f"mode is 'final' or 'streaming', got {mode!r}")
    return _aggregate(events, streaming=mode == "streaming")


def _aggregate(events: Iterable[Event], *, streaming: bool) -> Iterator[Event]:
    queue = _Queue()
    complete = False
    try:
        for event in events:
            complete = False
            if isinstance(event, Completed):
                yield from queue.rest()
                yield event
                queue = _Queue()
                complete = True
            elif isinstance(event, ItemDone):
                yield from queue.done(event)
            else:
                queue.note(event)
                if streaming:
                    yield event
    except StreamkitError:
        yield from queue.whole()
        raise
    if not complete:
        raise TruncatedStreamError(
            "the events stopped without Completed; .partial holds what arrived",
            partial=queue.turn.completion(),
        )


class _Queue:
    """The items of one turn: which were announced, which are whole, which are out."""

    def __init__(self) -> None:
        self.turn = AnswerState()  # what the deltas of items without ItemDone come to
        self._whole: dict[tuple[int, int], ItemDone | None] = {}  # by slot; None: announced only
        self._waiting: deque[tuple[int, int]] = deque()  # those that are not out, in order

    def note(self, event: Event) -> None:
        """Remember an item's place at the first sign of it, and what its deltas say."""
        if isinstance(event, ItemStarted):
            self._announce((event.slot, event.choice), event.kind)
            return
        kind = _KINDS.get(type(event))
        if kind is None:
            return
        assert isinstance(event, TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta)
        place = (event.slot, event.choice)
        self._announce(place, kind)
        item = self.turn.items[place]
        if isinstance(event, TextDelta) and isinstance(item, OpenMessage):
            item.text.add(event.text, 0)
        elif isinstance(event, RefusalDelta) and isinstance(item, OpenMessage):
            item.refusal.add(event.text, 0)
        elif isinstance(event, ReasoningDelta) and isinstance(item, OpenReasoning):
            item.text.add(event.text, (event.kind, 0))
        elif isinstance(event, ToolCallDelta) and isinstance(item, OpenCall):
            item.arguments.add(event.arguments, 0)
            item.call_id, item.name = event.call_id or item.call_id, event.name or item.name

    def _announce(self, place: tuple[int, int], kind: str) -> None:
        if place not in self._whole:
            self._whole[place] = None
            self._waiting.append(place)
            slot, choice = place
            item = open_item(kind, slot, choice, None, {})
            self.turn.items[place] = item
            self.turn.order.append(item)

    def done(self, event: ItemDone) -> Iterator[ItemDone]:
        """Take a whole item in; yield those whose turn it is now."""
        place = (event.slot, event.choice)
        if self._whole.get(place):
            return
        self._announce(place, event.item.type)
        self.turn.items[place].whole = event.item
        self._whole[place] = event
        while self._waiting and (ready := self._whole[self._waiting[0]]) is not None:
            self._waiting.popleft()
            yield ready

    def whole(self) -> Iterator[ItemDone]:
        """The items that are whole and wait for others."""
        waiting = (self._whole[place] for place in self._waiting)
        return (event for event in waiting if event is not None)

    def rest(self) -> Iterator[ItemDone]:
        """At the end of the turn: what still waits; an item without its ItemDone from its deltas."""
        for place in self._waiting:
            ready = self._whole[place]
            item = self.turn.items[place]
            if ready is not None:
                yield ready
            elif not isinstance(item, OpenCall) or item.is_whole(cut=True):
                yield ItemDone(item.build(), item.slot, item.choice)  # never a call that was cut off

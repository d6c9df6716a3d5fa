"""Draw events in a Jupyter notebook: one display for each item, updated in place as the item grows.

A finished item isn't drawn again, so it doesn't flicker, and a section that the reader unfolded stays open.
It uses no event loop, thread or widget. Therefore only an event can cause an update, ten times a second at
most; if the stream pauses, events of the last tenth of a second appear with the next event.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from ..events import (
    Completed,
    Event,
    ItemDone,
    ItemStarted,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
)
from ..items import FunctionCall, Item, Message, OutputText, Reasoning, Refusal
from .render import as_item, footer_html, item_html, item_text

INTERVAL = 0.1  # seconds between two updates of the view, at least
_WAIT = 9  # times the duration of the last update; so drawing takes a tenth of the time at most


_last_drawn: tuple[object, int] | None = None  # the answer that `show` drew last, and the number of its cell


def remember_drawn(completion: object) -> None:
    """Keep *completion*, which `show` has drawn in this cell: the end of the cell needn't repeat it."""
    global _last_drawn
    _last_drawn = (completion, _cell())


def is_drawn(completion: object) -> bool:
    """Return True once if `show` has drawn *completion* in this cell: then it is the cell's last line."""
    global _last_drawn
    drawn, _last_drawn = _last_drawn, None
    return drawn is not None and drawn[0] is completion and drawn[1] == _cell() != -1


def _cell() -> int:
    """Return the number of the running cell, or -1 outside of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return int(getattr(shell, "execution_count", -1))


class NotebookView:
    """A view with one display for each item. *display* is IPython's function of that name."""

    def __init__(self, display: Callable[..., Any], now: Callable[[], float] = time.monotonic) -> None:
        self._display = display
        self._now = now
        self._next = now()
        self._rows = _Rows()

    def take(self, event: Event) -> None:
        self._rows.take(event)
        if self._now() >= self._next:
            self._draw()

    def end(self, line: str) -> None:
        for row in self._rows.all:
            row.changed = row.changed or row.growing
            row.growing = False
        self._draw()
        self._display(_bundle(footer_html(line), line), raw=True)

    def _draw(self) -> None:
        began = self._now()
        for row in self._rows.all:
            item = row.item() if row.changed else None
            if item is None:
                continue
            row.changed = False
            bundle = _bundle(item_html(item, growing=row.growing), item_text(item))
            if row.handle is None:
                row.handle = self._display(bundle, raw=True, display_id=True)
            elif bundle != row.shown:
                row.handle.update(bundle, raw=True)
            row.shown = bundle
        ended = self._now()
        self._next = ended + max(INTERVAL, _WAIT * (ended - began))


def _bundle(html: str, text: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": text}


class _Row:
    """One item as it grows, and its display."""

    def __init__(self, item: Item | None = None, *, name: str = "") -> None:
        self._item = item
        self._name = name
        self._last: dict[
            str, Any
        ] = {}  # the last delta of each kind of text; its snapshot has the text so far
        self.growing = item is None
        self.changed = True
        self.handle: Any = None  # of its display
        self.shown: dict[str, str] = {}  # the content of its display

    def take(self, event: Event) -> None:
        self.changed = True
        match event:
            case ItemDone(item=item):
                self._item, self.growing = item, False
            case TextDelta():
                self._last["text"] = event
            case RefusalDelta():
                self._last["refusal"] = event
            case ReasoningDelta(kind=kind):
                self._last[kind + " of reasoning"] = event
            case ToolCallDelta(name=name):
                self._last["arguments"] = event
                self._name = name or self._name

    def fold(self) -> None:
        """Fold reasoning, because another item has begun and the reader looks at that one."""
        if isinstance(self.item(), Reasoning):
            self.changed = self.changed or self.growing
            self.growing = False

    def item(self) -> Item | None:
        """Return the item so far, or None if it has no content yet."""
        if self._item is not None:
            return self._item
        seen = {kind: event.snapshot for kind, event in self._last.items()}
        if "text" in seen or "refusal" in seen:
            parts = [OutputText(seen.get("text", "")), Refusal(seen.get("refusal", ""))]
            return Message("assistant", parts)
        if "text of reasoning" in seen or "summary of reasoning" in seen:
            return Reasoning(
                content=[seen.get("text of reasoning", "")], summary=[seen.get("summary of reasoning", "")]
            )
        if "arguments" in seen or self._name:
            return FunctionCall(name=self._name, arguments=seen.get("arguments", ""))
        return None


class _Rows:
    """The rows of all turns, in order of appearance."""

    def __init__(self) -> None:
        self.all: list[_Row] = []
        self._open: dict[int, _Row] = {}  # of the current turn, by slot

    def take(self, event: Event) -> None:
        match event:
            case ItemStarted(slot=slot, name=name):
                self._row(slot, name or "")
            case (
                TextDelta(slot=slot)
                | RefusalDelta(slot=slot)
                | ReasoningDelta(slot=slot)
                | ToolCallDelta(slot=slot)
                | ItemDone(slot=slot)
            ):
                self._row(slot).take(event)
            case ToolFinished() | Retrying():
                self.all.append(_Row(as_item(event)))
            case Completed():
                self._open.clear()

    def _row(self, slot: int, name: str = "") -> _Row:
        if slot not in self._open:
            for row in self._open.values():
                row.fold()  # chat closes every item at the end, long after the reasoning is complete
            self._open[slot] = _Row(name=name)
            self.all.append(self._open[slot])
        return self._open[slot]

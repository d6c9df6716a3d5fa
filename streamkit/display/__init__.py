"""Draw events live in a notebook or on a terminal: `show(events)` returns the whole Completion.

If the events raise, the partial answer stays visible and the error reaches the caller. A view takes every
event, and at the end one line with the ending; `NotebookView` and `TerminalView` are views.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from .._checks import EVENTS, FUNCTION, Kind, check, optional
from ..completion import Completion, Usage
from ..errors import UsageError
from ..events import (
    Completed,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from .notebook import NotebookView, remember_drawn
from .render import (
    completion_html,
    completion_markdown,
    item_html,
    item_markdown,
    item_text,
    printable,
    usage_line,
)
from .terminal import RichView, TerminalView

__all__ = [
    "NotebookView",
    "RichView",
    "TerminalView",
    "View",
    "completion_html",
    "completion_markdown",
    "find_view",
    "item_html",
    "item_markdown",
    "item_text",
    "printable",
    "show",
    "usage_line",
]

_DUMB = ("dumb", "unknown")  # terminals that can't move the cursor: rich shows them only whole blocks
_MEASURABLE = 0.1  # seconds; if a turn takes less, it is a recording, and a speed means little


class View(Protocol):
    """A place that `show` draws on."""

    def take(self, event: Event, /) -> None:
        """Draw *event*."""

    def end(self, line: str, /) -> None:
        """Draw *line*, which describes the ending, after the last event."""


_VIEW = optional(
    Kind(
        "a View",
        lambda value: callable(getattr(value, "take", None)) and callable(getattr(value, "end", None)),
        "pass an object with take(event) and end(line)",
    )
)


def show(
    events: Iterable[Event], *, view: View | None = None, now: Callable[[], float] = time.monotonic
) -> Completion:
    """Draw a stream, or any events, as they arrive; return the last turn's Completion.

    *view* is by default the notebook or the terminal that the program runs in; *now* is a clock in seconds.
    If the events raise, Ctrl-C included, the partial answer stays visible, the events are closed and the
    error is raised. Raises `UsageError` if the events end without a `Completed`.
    """
    check("events", events, EVENTS)
    check("view", view, _VIEW)
    check("now", now, FUNCTION)
    view = view or find_view(now)
    totals = _Totals(now)
    completion = None
    try:
        for event in events:
            totals.take(event)
            view.take(event)
            if isinstance(event, Completed):
                completion = event.completion
    except BaseException as error:
        view.end(": ".join(filter(None, (type(error).__name__, str(error)))))
        close = getattr(events, "close", None)
        if close is not None:
            close()
        if isinstance(error, KeyboardInterrupt):
            raise error.with_traceback(None)  # noqa: B904 - its frames would fill a screen, all inside reads
        raise
    if completion is None:
        view.end("incomplete: the events ended without Completed")
        raise UsageError("events: expected a whole stream, got no Completed; pass every event to show()")
    view.end(totals.line(completion))
    if isinstance(view, NotebookView):
        remember_drawn(completion)
    return completion


def find_view(now: Callable[[], float] = time.monotonic) -> View:
    """Return the view for this program: a notebook, a terminal with rich, or plain text."""
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    shell = ipython.get_ipython() if ipython else None
    if hasattr(shell, "kernel"):
        from IPython.display import display

        return NotebookView(display, now)
    if not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in _DUMB:
        return TerminalView(sys.stdout)
    try:
        return RichView(now=now)
    except ImportError:
        return TerminalView(sys.stdout, colour=not os.environ.get("NO_COLOR"))


class _Totals:
    """Times and tokens, for the line at the end."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._first_text: float | None = None
        self._first: float | None = None  # time of the first output of any kind
        self._last = 0.0
        self._usage: Usage | None = None  # of all turns

    def take(self, event: Event) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta | RefusalDelta):
            self._last = self._now()
            if self._first is None:
                self._first = self._last
            if self._first_text is None and isinstance(event, TextDelta):
                self._first_text = self._last
        elif isinstance(event, Completed) and event.completion.usage is not None:
            usage = event.completion.usage
            self._usage = usage if self._usage is None else self._usage + usage

    def line(self, completion: Completion) -> str:
        """Return `stop · 12 + 34 tokens · 1.2 s, first text after 0.3 s · 38 tokens/s`, if all is known."""
        times = f"{self._now() - self._began:.1f} s"
        if self._first_text is not None:
            times += f", first text after {self._first_text - self._began:.1f} s"
        facts = [completion.finish_reason or "no finish reason", usage_line(self._usage), times]
        tokens = self._usage.output_tokens if self._usage else None
        seconds = self._last - self._first if self._first is not None else 0.0
        if tokens and seconds >= _MEASURABLE:
            facts.append(f"{tokens / seconds:.0f} tokens/s")
        return " · ".join(filter(None, facts))

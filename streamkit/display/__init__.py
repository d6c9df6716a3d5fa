"""Events -> a live view: `show(events)` in a notebook or on a terminal; the whole Completion comes back.

What had arrived stays visible whatever happens, and errors go on to the caller. A view is told every
event, and in the end one line about how it went; `NotebookView` and `TerminalView` are two of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol

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
from .notebook import NotebookView
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

_MEASURABLE = 0.1  # seconds; a speed over less is that of a recording read at once


class View(Protocol):
    """What `show` draws on."""

    def take(self, event: Event, /) -> None:
        """Something arrived."""

    def end(self, line: str, /) -> None:
        """Nothing more comes; *line* says how it ended."""


def show(
    events: Iterable[Event], *, view: View | None = None, now: Callable[[], float] = time.monotonic
) -> Completion:
    """Show a stream, or any events, as they arrive; return the last turn's Completion.

    Draws on *view*, or on the notebook or terminal that it finds itself in; *now* is a clock in seconds.
    Raises what the events raise, Ctrl-C too, with all that had arrived left on view, and closes them.
    Raises `UsageError` where they end without a `Completed`.
    """
    view = view or find_view(now)
    tally = _Tally(now)
    completion = None
    try:
        for event in events:
            tally.take(event)
            view.take(event)
            if isinstance(event, Completed):
                completion = event.completion
    except BaseException as error:
        view.end(": ".join(filter(None, (type(error).__name__, str(error)))))
        close = getattr(events, "close", None)
        if close is not None:
            close()
        if isinstance(error, KeyboardInterrupt):
            raise error.with_traceback(None)  # noqa: B904 - a screenful of frames, all of them waiting
        raise
    if completion is None:
        view.end("no end: this is not a whole turn")
        raise UsageError("the events ended without Completed; show() takes all events of a stream")
    view.end(tally.line(completion))
    return completion


def find_view(now: Callable[[], float] = time.monotonic) -> View:
    """The view for where the program runs: a notebook, a terminal with rich, or plain text."""
    ipython = sys.modules.get("IPython")  # a notebook has it imported already
    shell = ipython.get_ipython() if ipython else None
    if hasattr(shell, "kernel"):
        from IPython.display import display

        return NotebookView(display, now)
    if not sys.stdout.isatty():
        return TerminalView(sys.stdout)
    try:
        return RichView(now=now)
    except ImportError:
        return TerminalView(sys.stdout, colour=True)


class _Tally:
    """Times and tokens, for the line at the end."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._first_text: float | None = None
        self._first: float | None = None  # output of any kind
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
        """`stop · 12 + 34 tokens · 1.2 s, first text after 0.3 s · 38 tokens/s`, without what is unknown."""
        times = f"{self._now() - self._began:.1f} s"
        if self._first_text is not None:
            times += f", first text after {self._first_text - self._began:.1f} s"
        said = [completion.finish_reason or "no finish reason", usage_line(self._usage), times]
        tokens = self._usage.output_tokens if self._usage else None
        seconds = self._last - self._first if self._first is not None else 0.0
        if tokens and seconds >= _MEASURABLE:
            said.append(f"{tokens / seconds:.0f} tokens/s")
        return " · ".join(filter(None, said))

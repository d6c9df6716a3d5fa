"""Events -> an answer that a person reads while it is written."""

from __future__ import annotations

from ..events import (
    BadFrame,
    Completed,
    Event,
    ItemDone,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    TextDelta,
    ToolFinished,
)
from ..items import CustomToolCall, FunctionCall
from .describe import describe_item
from .terminal import Terminal, pictured


class LiveView:
    """Shows the first choice of an answer: its text on *answer*, everything else on *aside*.

    Pieces of one kind go on where the last one ended; another kind begins a new paragraph.
    """

    def __init__(self, answer: Terminal, aside: Terminal) -> None:
        self._answer = answer
        self._aside = aside
        self._kind: str | None = None  # of the last paragraph
        self._open: Terminal | None = None  # where its line has not been ended yet

    def show(self, event: Event) -> None:
        """Write what *event* adds, at once. Most kinds of events add nothing that a reader wants."""
        if getattr(event, "choice", 0):
            return
        match event:
            case TextDelta(text=text) if text:
                self._piece(self._answer, "text", text)
            case RefusalDelta(text=text) if text:
                self._piece(self._answer, "refusal", text)
            case ReasoningDelta(text=text) if text:
                self._piece(self._aside, "reasoning", text, "dim")
            case ItemDone(item=FunctionCall() | CustomToolCall() as call):
                # Calls may arrive interleaved, so each is shown once it is whole.
                self._remark("call", describe_item(call), "cyan")
            case ToolFinished():
                self._remark("call", f"{event.call.name} gave {event.error or event.output!r}", "cyan")
            case Retrying():
                self._remark("fault", f"{event.error}; trying again in {event.delay:.1f} s", "yellow")
            case BadFrame():
                self._remark("fault", f"a frame that could not be read: {event.error}", "yellow")
            case Completed():
                self.end()

    def end(self) -> None:
        """End the answer, or what there is of it."""
        self._end_line()
        self._kind = None

    def _piece(self, terminal: Terminal, kind: str, text: str, style: str | None = None) -> None:
        if kind != self._kind:
            self._begin(kind)
            if kind != "text":
                terminal.write(f"[{kind}] ", style)
            self._open = terminal
        terminal.write(text, style)

    def _remark(self, kind: str, text: str, style: str) -> None:
        if kind != self._kind:
            self._begin(kind)
        self._aside.write(f"{pictured(text)}\n", style)

    def _begin(self, kind: str) -> None:
        """Begin a paragraph, a blank line below the last one."""
        self._end_line()
        if self._kind is not None:
            self._aside.write("\n")
        self._kind = kind

    def _end_line(self) -> None:
        if self._open is not None:
            self._open.write("\n")
            self._open = None

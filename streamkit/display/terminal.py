"""Write events as text to a terminal or a file as they arrive; with rich, as Markdown, block by block.

Deltas of the first choice's text and reasoning are written at once. Calls and the items of other choices,
whose deltas would mix with those, are written when the item is finished.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import IO, Any

from ..events import (
    Completed,
    Event,
    ItemDone,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    TextDelta,
    ToolFinished,
)
from ..items import Reasoning
from .render import as_item, item_text, printable

INTERVAL = 0.1  # seconds between two updates of the unfinished block, at least
_FENCE = re.compile(r"`{3,}|~{3,}")
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class TerminalView:
    """A view that writes plain text to *out*; *colour* dims reasoning, notes and the last line."""

    def __init__(self, out: IO[str], *, colour: bool = False) -> None:
        self._out = out
        self._dim, self._plain = (_DIM, _PLAIN) if colour else ("", "")
        self._slot: int | None = None  # of the item whose deltas are being written
        self._written: set[int] = set()  # slots of items whose deltas were written
        self._at_start = True  # of a line

    def take(self, event: Event) -> None:
        match event:
            case TextDelta(choice=0, slot=slot) | RefusalDelta(choice=0, slot=slot):
                self._piece(slot, event.text)
            case ReasoningDelta(choice=0, slot=slot):
                self._piece(slot, event.text, dim=True)
            case ItemDone(slot=slot) if slot not in self._written:
                self._whole(event)
            case ToolFinished() | Retrying():
                self._line(item_text(as_item(event)), dim=True)
            case Completed():
                self._written.clear()  # slots of an agent's next turn start at 0 again

    def end(self, line: str) -> None:
        self._line(printable(line), dim=True)

    def _piece(self, slot: int, text: str, *, dim: bool = False) -> None:
        if self._begin(slot) and dim and not self._dim:
            self._write("[reasoning] ", dim)
        self._write(printable(text), dim)

    def _begin(self, slot: int) -> bool:
        """Start a new line if *slot* is another item than before; return True if it is."""
        if slot == self._slot:
            return False
        self._break()
        self._slot = slot
        self._written.add(slot)
        return True

    def _whole(self, event: ItemDone) -> None:
        label = f"[choice {event.choice}] " if event.choice else ""
        self._line(label + item_text(event.item), dim=isinstance(event.item, Reasoning))

    def _line(self, text: str, *, dim: bool = False) -> None:
        self._break()
        self._write(text, dim)
        self._break()

    def _break(self) -> None:
        """Start a new line, unless the cursor is at the start of one."""
        if not self._at_start:
            self._write("\n")
        self._slot = None

    def _write(self, text: str, dim: bool = False) -> None:
        if not text:
            return
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)  # the encoding may lack a character
        self._out.write(f"{self._dim}{text}{self._plain}" if dim else text)
        self._out.flush()
        self._at_start = text.endswith("\n")


class RichView(TerminalView):
    """A view that prints each finished block as rich's Markdown, and the unfinished block below as text.

    Only the unfinished block is redrawn, ten times a second at most, so finished text doesn't flicker.
    *console* is a `rich.console.Console`. Raises `ImportError` if rich isn't installed.
    """

    def __init__(self, console: Any = None, now: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = console or Console()
        super().__init__(self._console.file, colour=not self._console.no_color)
        self._now = now
        self._next = now()
        self._tail = ""  # the unfinished block
        self._live: Any = None

    def _piece(self, slot: int, text: str, *, dim: bool = False) -> None:
        if dim:
            super()._piece(slot, text, dim=True)
            return
        self._begin(slot)
        self._tail += printable(text)
        finished, self._tail = split_blocks(self._tail) if "\n" in text else ("", self._tail)
        if finished:
            self._print(finished)
        if self._now() >= self._next:
            self._next = self._now() + INTERVAL
            self._draw()

    def _draw(self) -> None:
        """Draw the end of the unfinished block, half a screen at most."""
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        room = self._console.width * max(self._console.height // 2, 1)
        lines = self._tail[-room:].splitlines()[-(self._console.height // 2) :]
        self._live.update(Text("\n".join(lines)), refresh=True)

    def _print(self, markdown: str) -> None:
        from rich.markdown import Markdown

        if self._live is not None:
            self._live.stop()
            self._live = None
        self._console.print(Markdown(markdown, hyperlinks=False))  # so that addresses are visible
        self._at_start = True

    def _break(self) -> None:
        tail, self._tail = self._tail, ""
        if tail.strip() or self._live is not None:
            self._print(tail)
        super()._break()


def split_blocks(markdown: str) -> tuple[str, str]:
    """Return the finished blocks, up to the last blank line outside a code fence, and the rest."""
    at = boundary = 0
    fence = ""
    for line in markdown.splitlines(keepends=True):
        at += len(line)
        bare = line.strip()
        if fence:
            if bare and not bare.strip(fence[0]) and len(bare) >= len(fence):
                fence = ""
        elif opening := _FENCE.match(bare):
            fence = opening[0]
        elif not bare and line.endswith("\n"):
            boundary = at
    return markdown[:boundary], markdown[boundary:]

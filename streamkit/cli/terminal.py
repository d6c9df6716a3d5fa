"""Text -> a terminal or a pipe: colours where somebody looks, and nothing that takes the terminal over.

Rule: a model's words reach a terminal through `Terminal.safe` only, since they may hold escape sequences.
"""

from __future__ import annotations

import os
import shutil
from typing import TextIO

_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

# Control characters as their pictures; newline and tab stay. C1 controls (0x9b begins a sequence) have none.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_PICTURES |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")


class Terminal:
    """Where output goes; None is nowhere. To a pipe everything goes verbatim and without colour."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self.is_terminal = out is not None and out.isatty()
        self._has_colours = (
            self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    @property
    def width(self) -> int | None:
        """Columns; None in a pipe, where lines are never cut."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    def style(self, text: str, style: str) -> str:
        """*text* in that style, where there are colours."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._has_colours and text else text

    def safe(self, text: str) -> str:
        """*text* without control characters, where a terminal would obey them."""
        return text.translate(_PICTURES) if self.is_terminal else text

    def write(self, text: str, style: str | None = None) -> None:
        """Write *text*, at once."""
        if self._out is not None:
            text = self.safe(text)
            self._out.write(self.style(text, style) if style else text)
            self._out.flush()

    def line(self, text: str = "", style: str | None = None) -> None:
        """Write a line; on a terminal it is cut to the width."""
        width = self.width
        if width and len(text) > width:
            text = text[: width - 1] + "…"
        self.write(text, style)
        self.write("\n")


def pictured(text: str) -> str:
    """*text* on one line: every control character, line ends too, as its picture."""
    return text.translate(_PICTURES | {0x0A: "\u240a", 0x09: "\u2409"})


def tolerate_any_text(*streams: TextIO) -> None:
    """Let a terminal that cannot show a character show its escape, rather than end the program."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

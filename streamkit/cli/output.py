"""Lines -> standard output or a terminal's window: one line each, whatever they quote."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO


def one_line(text: str) -> str:
    """*text* without line ends, tabs and anything that steers a terminal."""
    from ..display import printable

    return printable(text).replace("\n", "␊").replace("\t", " ")


def print_line(text: str, *, file: TextIO | None = None) -> None:
    """Print *text* on one line, at once. A terminal gets what fits its width, a pipe gets all."""
    file = file or sys.stdout
    text = one_line(text)
    if file.isatty():
        width = shutil.get_terminal_size().columns
        text = text if len(text) <= width else text[: width - 1] + "…"
    print(text, file=file, flush=True)


def tolerate_any_text(*streams: TextIO) -> None:
    """Let a terminal that cannot show a character show its escape, rather than end the program."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

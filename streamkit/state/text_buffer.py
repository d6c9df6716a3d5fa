"""A text that grows by pieces, possibly in several parts. Rule: appending a piece never copies the text."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from io import StringIO
from typing import Any

from .surrogates import HIGH, REPLACEMENT, encodable_text

_NO_PART = object()  # equal to no part
# StringIO keeps its pieces apart up to Python 3.11, at some 60 bytes each; from 3.12 on it joins them itself.
_LOOSE_PIECES = 64 if sys.version_info < (3, 12) else sys.maxsize


def new_buffer() -> StringIO:
    """Return an empty buffer. StringIO appends in C and reads whole without a copy per piece."""
    return StringIO(newline="\n")  # "\n": store line ends unchanged


class TextBuffer:
    """Text in parts. A part that the server restates is never added twice."""

    __slots__ = ("_buffer", "_corrected", "_end", "_loose", "_loose_limit", "_part", "_starts", "half")

    def __init__(self) -> None:
        self._buffer = new_buffer()
        self._end = 0
        self._loose = 0  # pieces since the buffer was last joined
        self._loose_limit = _LOOSE_PIECES
        self._part: Hashable = _NO_PART
        self._starts: list[tuple[Hashable, int]] = []  # each run of one part, and the offset of its start
        self._corrected: dict[Hashable, str] = {}  # parts whose pieces the server contradicted
        self.half = ""  # half a surrogate pair, which waits for the other half

    def add(self, piece: str, part: Hashable) -> tuple[StringIO, int]:
        """Append *piece* to *part*; return the buffer and its length, for a delta's `snapshot`."""
        if part != self._part:
            self._part = part
            self._starts.append((part, self._end))
        if self._corrected and part in self._corrected:
            self._corrected[part] += piece
        self._end += self._buffer.write(piece)
        self._loose += 1
        if self._loose > self._loose_limit:
            self._join()
        return self._buffer, self._end

    def encodable(self, piece: str, part: Hashable) -> str:
        """Return *piece* as valid UTF-8, with the half that waited; half a pair at its end waits now."""
        if self.half:
            held, self.half = self.half, ""
            piece = (held if part == self._part else REPLACEMENT) + piece
        if piece and HIGH[0] <= piece[-1] <= HIGH[1]:
            piece, self.half = piece[:-1], piece[-1]
        return encodable_text(piece)

    def take_half(self) -> bool:
        """Return True if half a pair waited; it doesn't any more."""
        waited, self.half = bool(self.half), ""
        return waited

    @property
    def part(self) -> Any:
        """The part of the last piece."""
        return self._part

    def _join(self) -> None:
        """Make the buffer one string.

        It happens each time the text has grown by a fixed share, so all copies together are linear. Measured
        on 200,000 pieces: memory of 2.3 times the text instead of 8.6, for 0.03 us a piece.
        """
        self._buffer.getvalue()
        self._loose, self._loose_limit = 0, max(_LOOSE_PIECES, self._end >> 7)

    def missing(self, whole: str, part: Hashable) -> str:
        """Return the end of *whole* that *part* lacks, when the server restates the part; "" if it lacks
        none.

        If the pieces contradict the restatement, it replaces them in `parts`; later pieces extend it.
        """
        self.half = ""  # the restatement contains it whole
        have = self._corrected.get(part, self._text_of(part))
        if have is None or (whole.startswith(have) and part == self._part):
            return whole[len(have or "") :]
        if have != whole:
            self._corrected[part] = whole
        return ""

    def _text_of(self, part: Hashable) -> str | None:
        texts = [text for name, text in self._runs() if name == part]
        return "".join(texts) if texts else None

    def _runs(self) -> list[tuple[Hashable, str]]:
        text = self._buffer.getvalue()
        ends = [start for _, start in self._starts[1:]] + [self._end]
        return [(part, text[start:end]) for (part, start), end in zip(self._starts, ends)]  # noqa: B905

    def parts(self) -> dict[Hashable, str]:
        """Return each part's text, in order of first appearance."""
        if len(self._starts) == 1 and not self._corrected:
            return {self._part: self._buffer.getvalue()}
        texts: dict[Hashable, list[str]] = {}
        for part, text in self._runs():
            texts.setdefault(part, []).append(text)
        return {part: self._corrected.get(part, "".join(runs)) for part, runs in texts.items()}

    def __len__(self) -> int:
        return self._end

    def __str__(self) -> str:
        return "".join(self.parts().values())


def lacking(whole: str, pieces: Any) -> str:
    """Return the end of *whole* that *pieces* lack; "" if they aren't its beginning."""
    have = str(pieces)
    return whole[len(have) :] if whole.startswith(have) else ""

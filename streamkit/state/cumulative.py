"""Pieces of a text that each repeat all of the text before them -> how much of each is a repeat.

    takes    the pieces of one text, in order
    returns  the number of characters at the beginning of a piece that arrived before (`CumulativeText`);
             the text of all pieces (`joined`)

Some gateways put all of the text so far into each delta (DashScope; proxies in front of APIs that do so).

Rules:
- Three pieces show it, from the first one on: each begins with all of the one before it, and goes on with
  something else than its beginning. Two short pieces don't: "1" and "10" are a number.
- The first pieces were yielded by then, so the text of the item is corrected, once; snapshots add up deltas.
- No text is held: a length and a checksum stand for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

ENOUGH = 16  # characters that no model writes twice in a row, the second time in one piece
_UNDECIDED = 8  # pieces; after that many, all are pieces like any other. An equal one counts as
_EQUAL = 3
_STEPS = 2
_DISTINCT = 4  # characters in the text before; rows of a few characters grow by themselves


class CumulativeText:
    """The pieces of one text. `is_plain`: they repeat no text. `is_cumulative`: each repeats the text."""

    __slots__ = ("_checksum", "_count", "_length", "_steps", "is_cumulative", "is_plain")

    def __init__(self) -> None:
        self.is_plain = False
        self.is_cumulative = False
        self._length = 0
        self._checksum = 0
        self._count = 0
        self._steps = 0

    def repeated(self, text: str) -> int | None:
        """Return how many characters of the next piece repeat; None if it is another text, which replaces
        the text before it.
        """
        if self.is_plain:
            return 0
        length = self._length
        if len(text) < length or _checksum(text[:length]) != self._checksum:
            if self.is_cumulative and len(text) * 2 >= length:
                self._keep(text)
                return None
            self.is_plain = True
            return 0
        if length and len(text) > length and not text.startswith(text[: min(length, _DISTINCT)], length):
            self._steps += 1
        self._keep(text)
        if self.is_cumulative:
            return length
        self._count += 1 if len(text) > length else _EQUAL
        if self._steps and len(set(text[:length])) >= self._least(length):
            self.is_cumulative = True
            return length
        self.is_plain = self._count >= _UNDECIDED
        return 0

    def _least(self, length: int) -> int:
        """Return how many different characters so many must have to show it, after the steps so far."""
        if self._steps >= _STEPS:
            return _DISTINCT
        return 2 * _DISTINCT if length >= ENOUGH else length + 1

    def _keep(self, text: str) -> None:
        self._length, self._checksum = len(text), _checksum(text)


def joined(pieces: Iterable[str]) -> str:
    """Return the text of *pieces*: the last one, if each repeats those before it."""
    before, texts = CumulativeText(), []
    for piece in pieces:
        before.repeated(piece)
        texts.append(piece)
    return texts[-1] if before.is_cumulative else "".join(texts)


def _checksum(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))

"""Pieces of a text -> the text, held once.

    takes    str, appended in C by `write`
    returns  all of it, or a part of it, at any moment and in any thread

Strategy. `StringIO` alone keeps pieces apart (up to Python 3.11, at some 60 bytes each), or in a buffer that
is a quarter too large, and reading it makes a second text. Here only the last pieces are in it, the loose
ones. `store` makes one string of them. One emoji makes each character of a string take four bytes, so such a
string is held in UTF-8. `join` makes one string of the whole text and keeps it in the place of all others:
whoever reads the text from then on gets that same object.

Rule: only the thread that writes calls `store` and `join`. Another thread may read meanwhile: it gets at
least the text that was there when it began. It cuts off what follows, because it knows the length it wants.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import StringIO
from typing import TypeAlias

_loose = StringIO.getvalue
_Stored: TypeAlias = tuple[tuple[int, str | bytes], ...]  # characters, and the text or its UTF-8


def new_pieces(text: str = "") -> Pieces:
    """Return a text that begins with *text*."""
    pieces = Pieces(newline="\n")  # "\n": store line ends unchanged
    if text:
        pieces._stored = ((len(text), text),)
    return pieces


class Pieces(StringIO):
    """A text that grows by pieces."""

    _stored: _Stored = ()  # the text before the loose pieces
    _shown: tuple[_Stored, str] | None = None  # that text as one string, once a snapshot was read

    def store(self) -> None:
        """Make one string of the loose pieces."""
        if loose := _loose(self):
            self._shown = None
            self._stored = (*self._stored, (len(loose), _compact(loose)))
            StringIO.__init__(self, newline="\n")  # empty again; a bound `write` stays valid

    def join(self, start: int = 0, end: int = sys.maxsize) -> str:
        """Make the text from *start* to *end* one string, and return it."""
        self.store()
        before, inside, after = _cut(self._stored, start, end)
        if not inside:
            return ""
        size, text = inside[0]
        is_whole = len(self._stored) == len(before) + len(inside) + len(after)  # none was cut
        if len(inside) == 1 and is_whole and isinstance(text, str):
            return text
        self._shown = None
        size, text = sum(size for size, _ in inside), _joined(inside)
        # Assigned in between, so that the strings aren't held while their text is made of their UTF-8.
        self._stored = (*before, (size, text), *after)
        del inside
        if isinstance(text, bytes):
            text = _decoded(text)
            self._stored = (*before, (size, text), *after)
        return text

    def getvalue(self) -> str:
        """Return the whole text: the string that `join` has made, unless more has arrived."""
        stored, loose = self._stored, _loose(self)
        if stored is not self._stored:
            stored, loose = self._read()
        if not stored:
            return loose
        shown = self._shown
        if shown is None or shown[0] is not stored:
            text = _joined(stored)
            shown = stored, _decoded(text) if isinstance(text, bytes) else text
            if shown[1] is not stored[0][1]:  # whoever reads one snapshot reads more of them
                self._shown = shown
        return shown[1] + loose if loose else shown[1]

    def between(self, start: int, end: int) -> str:
        """Return the characters from *start* to *end*."""
        return "".join(self._between(start, end))

    def _between(self, start: int, end: int) -> Iterator[str]:
        stored, loose = self._read()
        at = 0
        for size, text in (*stored, (len(loose), loose)):
            if at >= end:
                return
            if size and at + size > start:
                text = _decoded(text) if isinstance(text, bytes) else text
                yield text[max(start - at, 0) : end - at]
            at += size

    def _read(self) -> tuple[_Stored, str]:
        while True:
            stored = self._stored
            loose = _loose(self)
            if stored is self._stored:  # else `store` ran in between
                return stored, loose

    @property
    def has_stored(self) -> bool:
        """True if the text is so long that `store` was called."""
        return bool(self._stored)

    @property
    def length(self) -> int:
        """The number of characters, for the thread that writes."""
        return sum(size for size, _ in self._stored) + self.tell()


def _cut(stored: _Stored, start: int, end: int) -> tuple[_Stored, _Stored, _Stored]:
    """Return the strings before *start*, from there to *end*, and after it."""
    parts: tuple[list[tuple[int, str | bytes]], ...] = ([], [], [])
    at = 0
    for size, text in stored:
        for part, low, high in zip(parts, (0, start, end), (start, end, sys.maxsize), strict=True):
            left, right = max(low - at, 0), min(high - at, size)
            if 0 < right - left == size:
                part.append((size, text))
            elif right > left:
                whole = _decoded(text) if isinstance(text, bytes) else text
                part.append((right - left, _compact(whole[left:right])))
        at += size
    before, inside, after = map(tuple, parts)
    return before, inside, after


def _compact(text: str) -> str | bytes:
    if text.isascii():
        return text
    data = text.encode("utf-8", "surrogatepass")
    return data if 2 * len(data) < sys.getsizeof(text) else text


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _joined(stored: _Stored) -> str | bytes:
    """Return the texts as one; if one of them is in UTF-8, so is it, and the others aren't decoded apart."""
    texts = [text for _, text in stored]
    if not any(isinstance(text, bytes) for text in texts):
        return "".join(texts)  # type: ignore[arg-type]  # of one string, it is that string
    return b"".join(
        text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts
    )

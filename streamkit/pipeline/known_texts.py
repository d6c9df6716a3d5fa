"""Decode a long line that restates texts of the answer, without a second copy of these texts.

    takes    a line with one JSON object, and the state of the answer
    returns  `Shortened`, which makes the payload; None if the line restates nothing, or if that is unsure

At its end, a stream of the Responses API sends the whole text four times. Each time the line, its characters
and its value would be as large as the text. Here the strings of the line are read in windows. A string that
is equal to a text of the answer, character by character, is left out of the JSON, and the answer's own string
takes its place in the payload.

Rules:
1. The payload equals the one that decoding the whole line gives; tests/test_known_texts.py compares the two.
2. `shorten` makes no string as long as a text, but `Shortened.payload` may join the pieces of one. So the
   caller can drop the line in between.
3. The work is linear: a string is compared with few texts, and only with those that begin like it.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed leaves it out
from typing import NamedTuple, TypeAlias

from ..json_text import HOLE, scan_holes
from ..state.answer import AnswerState
from ..state.deltas import Payload
from ..state.pieces import Pieces
from .frames import LONG
from .lines import Line

# Bytes of the first window of a string. Each one is twice as large as the one before, up to this size, or to
# this share of the line, 1/64, as a shift.
_FIRST, _WINDOW, _SHARE = 256, 1 << 14, 6
_BEGINNING = 16  # characters of a text by which it is looked up
_TRIES = 4  # texts with the same beginning
_PER_ITEM = 9  # bytes of the line for each item that is looked at, as a shift

# Many short strings, up to the beginning of the next string.
_SHORT = rb'"[^"\\]{0,200}(?:\\.[^"\\]{0,200}){0,8}"'
_NEXT = re.compile(rb'(?:[^"]*' + _SHORT + rb'){0,200}[^"]*"', re.DOTALL)
# The rest of a string, up to its end or many escapes.
_REST = re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,200}', re.DOTALL)
# The last place that cuts no character, escape or surrogate pair: behind six bytes without a backslash, or
# before an escape that isn't the second half of a pair. Only a run of backslashes has no such place.
_ESCAPE = rb"(?<!\\)\\(?:[^u]|u[^dD]|u[dD][0-9abAB])"
_CUT = re.compile(rb".*(?:(?<=[^\\]{6})(?=[^\x80-\xbf])|(?=" + _ESCAPE + rb"))", re.DOTALL)

Known: TypeAlias = tuple[Pieces, int, int]  # a text of the answer: where it is, its start and its end


class Shortened(NamedTuple):
    """A line without the texts that it restates."""

    json: str  # with a hole in the place of each text
    texts: list[Known]

    def outline(self) -> Payload | None:
        """Return the payload with short texts in the place of the long ones; None if it isn't an object."""
        return scan_holes(self.json, ["text"] * len(self.texts))

    def payload(self) -> Payload | None:
        """Return the payload with the answer's own texts. A text that isn't one string becomes one."""
        return scan_holes(self.json, [pieces.join(start, end) for pieces, start, end in self.texts])


def shorten(line: Line, start: int, state: AnswerState, *, least: int = LONG) -> Shortened | None:
    """Return *line* from index *start* on without the texts of *state* that have *least* characters."""
    known = _known_texts(state, len(line), least)
    found: list[Known] = []
    parts: list[str] = []
    begin = at = start
    try:
        while known and (string := _NEXT.match(line, at)) is not None:
            text, end = _read_string(line, string.end(), known)
            if text is not None:
                parts.append(line[begin : string.end() - 1].decode())
                found.append(text)
                begin = end
            at = end
        if not found:
            return None
        parts.append(line[begin:].decode())
    except ValueError:  # the line isn't JSON or UTF-8
        return None
    return None if any(HOLE in part for part in parts) else Shortened(HOLE.join(parts), found)


def _known_texts(state: AnswerState, size: int, least: int) -> dict[str, list[Known]]:
    """Return the long texts of the answer by their beginnings; none if too many items would be looked at."""
    known: dict[str, list[Known]] = {}
    if size >= least and len(state.in_order) <= max(size >> _PER_ITEM, 1):
        for item in state.in_order:
            for buffer in item.texts:
                for pieces, start, end in buffer.long_parts(least):
                    beginning = pieces.between(start, start + _BEGINNING)
                    known.setdefault(beginning, []).append((pieces, start, end))
    return known


def _read_string(line: Line, at: int, known: dict[str, list[Known]]) -> tuple[Known | None, int]:
    """Return the text that the string at *at* is equal to, or None, and the index after the string.

    Raises ValueError if that is unsure.
    """
    first, end, is_all = _read_window(line, at, _FIRST)
    if is_all:
        return None, end
    for text in known.get(first[:_BEGINNING], [])[:_TRIES]:
        after = _end_of_equal(line, at, text)
        if after is not None:
            return text, after
    while line[end : end + 1] != b'"':
        rest = _REST.match(line, end)
        if rest is None or rest.end() == end:
            raise ValueError("the string doesn't end")
        end = rest.end()
    return None, end + 1


def _end_of_equal(line: Line, at: int, text: Known) -> int | None:
    """Return the index after the string at *at* if it is equal to *text*, else None."""
    pieces, start, end = text
    size, is_all = _FIRST, False
    while not is_all:
        piece, at, is_all = _read_window(line, at, size)
        stop = start + len(piece)
        if stop > end or pieces.between(start, stop) != piece:
            return None
        start, size = stop, min(2 * size, max(_WINDOW, len(line) >> _SHARE))
    return at if start == end else None


def _read_window(line: Line, at: int, size: int) -> tuple[str, int, bool]:
    """Return about *size* bytes of the string at *at*, decoded, where they end, and True if the string ends.

    Raises ValueError if these bytes aren't part of a JSON string, or can't be cut.
    """
    stop = at + size
    if stop < len(line):
        cut = _CUT.match(line, at, stop)
        stop = cut.end() if cut is not None else at
    text = line[at:stop].decode() + '"'
    if len(text) == 1:
        raise ValueError("no window")
    piece, end = scanstring(text, 0, False)
    if end == len(text):
        return piece, stop, False
    return piece, at + (end if text.isascii() else len(text[:end].encode())), True

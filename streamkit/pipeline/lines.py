"""Turn chunks into lines.

    takes    bytes in any cutting
    yields   whole lines without their ends
    raises   BadFrameError for a line that is too long

A line ends at LF, CRLF or CR, in any mixture; U+2028, U+0085, VT and FF are text. One byte order mark at
the start is dropped. Source: WHATWG HTML, 9.2.5 "Parsing an event stream".

Rule: this file knows the ends of lines, but not their content. `bytes.splitlines` splits at exactly
these three ends (`str.splitlines` at eleven), so a line costs no step of Python here. Lines are split before
they are decoded, so a chunk boundary can't cut a character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from ..errors import BadFrameError

Line: TypeAlias = bytes | bytearray  # a bytearray belongs to whoever gets it

DEFAULT_MAX_LINE = 16 << 20  # one base64 image in one event fits; a runaway body doesn't

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"
_LONG = 1 << 16  # bytes of a line from which on a copy of it costs more than its own buffer


@dataclass(slots=True)
class Unfinished:
    """The beginning of a line whose end hasn't arrived."""

    data: bytearray = field(default_factory=bytearray)

    def finish(self) -> Line:
        """Return the line, and begin another one. A long line isn't copied: its buffer is the line."""
        line = self.data
        if len(line) >= _LONG:
            self.data = bytearray()
            return line
        short = bytes(line)
        line.clear()
        return short


def read_lines(
    chunks: Iterable[bytes],
    *,
    rest: Unfinished | None = None,
    max_line: int = DEFAULT_MAX_LINE,
) -> Iterator[Line]:
    """Yield each line as soon as its end arrives. No line is kept while the next one is read.

    Pass *rest* to see the last, unfinished line of a truncated body. A line longer than *max_line* bytes
    raises `BadFrameError` before all of it is buffered; the lines before it were yielded.
    """
    # One growing buffer: appending is amortised O(1) and takes little more memory than the line. A list of
    # fragments takes 40 bytes and more for each.
    rest = Unfinished() if rest is None else rest
    after_cr = False
    for chunk in _without_bom(chunks):
        # A \r at the end of a chunk may be half of \r\n: its line was yielded, so the \n is dropped.
        if after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
        after_cr = False
        if not chunk:
            continue
        lines = chunk.splitlines()
        last = chunk[-1]
        after_cr = last == _CR
        begun = b"" if after_cr or last == _LF else lines.pop()
        is_short = len(chunk) <= max_line
        chunk = b""  # a line may be long: nothing else is kept while it's read
        is_first = bool(rest.data and lines)
        if is_first:
            _check(len(rest.data) + len(lines[0]), max_line, rest.data)
            rest.data += lines[0]
            lines[0] = b""
            yield rest.finish()
        if is_short:
            yield from islice(lines, 1, None) if is_first else lines
        else:
            for line in islice(lines, is_first, None):
                _check(len(line), max_line, line)
                yield line
        if begun:
            _check(len(rest.data) + len(begun), max_line, rest.data or begun)
            rest.data += begun


def _without_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks* without empty ones, and without a byte order mark at the start, even if it is cut."""
    chunks = iter(chunks)
    head = b""
    for chunk in chunks:
        head += chunk
        if not _BOM.startswith(head):  # the head is a whole byte order mark, or isn't one
            break
    head = head.removeprefix(_BOM)
    if head:
        yield head
    head = chunk = b""
    yield from filter(None, chunks)


def _check(size: int, max_line: int, line: bytes | bytearray) -> None:
    if size > max_line:
        raise BadFrameError(
            f"a line of the stream is longer than {max_line} bytes; if that is intended, raise max_line",
            data=line[:200].decode("utf-8", "replace"),
        )

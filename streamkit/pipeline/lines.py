"""Chunks -> lines: bytes as they were received in, whole lines without their ends out.

A line ends at LF, CRLF or CR, in any mixture and wherever the chunks were cut; U+2028, U+0085, VT and
FF are text. One byte order mark at the start is dropped. Source: WHATWG HTML, 9.2.5 "Parsing an event
stream".

Rule: this file knows where a line ends and nothing of what it says. `bytes.splitlines` splits at
exactly these three ends (`str.splitlines` at eleven), so no line costs a step of Python here, and all
lines are cut before anything is decoded: no chunk can cut a character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import BadFrameError

DEFAULT_MAX_LINE = 16 << 20  # one base64 image in one event fits; a runaway body does not

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"


def read_lines(
    chunks: Iterable[bytes],
    *,
    rest: bytearray | None = None,
    max_line: int = DEFAULT_MAX_LINE,
) -> Iterator[bytes]:
    """Yield each line as soon as its end has come.

    *rest* is the reader's buffer for a line whose end has not come. Hand one in to know, after the
    last line, what a body that broke off had begun to say. A line longer than *max_line* bytes raises
    `BadFrameError` before it is held whole; the lines before it were yielded.
    """
    # One growing buffer: appending is amortised O(1) and holds little more than the line, where a list
    # of fragments costs 40 bytes and more for each.
    rest = bytearray() if rest is None else rest
    after_cr = False
    for chunk in _without_bom(chunks):
        # A \r at the end of a chunk may be half of \r\n: its line was handed on, the \n is swallowed.
        if after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
        after_cr = False
        if not chunk:
            continue
        lines = chunk.splitlines()
        last = chunk[-1]
        after_cr = last == _CR
        begun = b"" if after_cr or last == _LF else lines.pop()
        if rest and lines:
            _check(len(rest) + len(lines[0]), max_line, rest)
            rest += lines[0]
            lines[0] = bytes(rest)
            rest.clear()
        if len(chunk) > max_line:
            for line in lines:
                _check(len(line), max_line, line)
                yield line
        else:
            yield from lines
        if begun:
            _check(len(rest) + len(begun), max_line, rest or begun)
            rest += begun


def _without_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks* on without empty ones and without a byte order mark at the start, even a cut one."""
    chunks = iter(chunks)
    head = b""
    for chunk in chunks:
        head += chunk
        if not _BOM.startswith(head):  # there is a byte that ends the question
            break
    head = head.removeprefix(_BOM)
    if head:
        yield head
    yield from filter(None, chunks)


def _check(size: int, max_line: int, line: bytes | bytearray) -> None:
    if size > max_line:
        raise BadFrameError(
            f"a line of the stream is longer than {max_line} bytes; if the server means it, raise max_line",
            data=line[:200].decode("utf-8", "replace"),
        )

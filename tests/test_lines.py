"""read_lines: every line end in every cutting, one byte order mark, limits, linear work, bounded memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest

from streamkit.errors import BadFrameError
from streamkit.pipeline.lines import DEFAULT_MAX_LINE, Unfinished, read_lines

BOM = b"\xef\xbb\xbf"

BODIES = [
    pytest.param(b"", [], b"", id="empty"),
    pytest.param(b"a\nb\n", [b"a", b"b"], b"", id="lf"),
    pytest.param(b"a\r\nb\r\n", [b"a", b"b"], b"", id="crlf"),
    pytest.param(b"a\rb\r", [b"a", b"b"], b"", id="cr"),
    pytest.param(b"a\n\rb\r\n\r\n\rc\r\r\n", [b"a", b"", b"b", b"", b"", b"c", b""], b"", id="mixed"),
    pytest.param(b"\n\n\r\r\r\n", [b"", b"", b"", b"", b""], b"", id="only-ends"),
    pytest.param(b"a\nb", [b"a"], b"b", id="unended"),
    pytest.param(b"ab", [], b"ab", id="unended-only"),
    pytest.param(b"a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\xe2\x80\xa8h\n",
                 [b"a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\xe2\x80\xa8h"], b"", id="ends-of-str-splitlines"),
    pytest.param(BOM + b"a\n" + BOM + b"b\n", [b"a", BOM + b"b"], b"", id="bom-once"),
    pytest.param(BOM + BOM + b"a\n", [BOM + b"a"], b"", id="two-boms"),
    pytest.param(BOM, [], b"", id="bom-only"),
    pytest.param(BOM + b"a", [], b"a", id="bom-unended"),
    pytest.param(b"\xef\xbb\n", [b"\xef\xbb"], b"", id="half-a-bom"),
    pytest.param(b"\xef\xbb", [], b"\xef\xbb", id="half-a-bom-at-the-end"),
]  # fmt: skip


def cuttings(body: bytes) -> Iterator[list[bytes]]:
    """Yield *body* whole, bytewise, bytewise with empty chunks in between, and in every two pieces."""
    single = [body[i : i + 1] for i in range(len(body))]
    yield [body]
    yield single
    yield [piece for byte in single for piece in (b"", byte, b"")]
    for i in range(1, len(body)):
        yield [body[:i], body[i:]]


@pytest.mark.parametrize(("body", "lines", "rest"), BODIES)
def test_lines_do_not_depend_on_the_cutting(body: bytes, lines: list[bytes], rest: bytes) -> None:
    """LF, CRLF and CR end a line in every cutting; a line without an end is the rest."""
    for chunks in cuttings(body):
        unended = Unfinished()
        assert list(read_lines(chunks, rest=unended)) == lines, chunks
        assert unended.data == rest, chunks


def test_a_line_is_yielded_as_soon_as_its_end_arrives() -> None:
    """A lone CR ends its line at once, without waiting for the byte that may follow."""
    read = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"a\r", b"\nb\n", b"c\r", b"d"):
            read.append(chunk)
            yield chunk

    lines = read_lines(chunks())
    assert read == []
    assert (next(lines), len(read)) == (b"a", 1)
    assert (next(lines), len(read)) == (b"b", 2)
    assert (next(lines), len(read)) == (b"c", 3)


def test_rest_holds_the_line_that_an_error_cut_off() -> None:
    """An error of the source passes through, and the unfinished line is in the buffer."""

    def chunks() -> Iterator[bytes]:
        yield b"a\nb"
        yield b"c"
        raise ConnectionResetError

    rest = Unfinished()
    lines = read_lines(chunks(), rest=rest)
    assert next(lines) == b"a"
    with pytest.raises(ConnectionResetError):
        next(lines)
    assert rest.data == b"bc"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_a_line_may_be_as_long_as_the_limit(end: bytes) -> None:
    """max_line counts the bytes of a line without its end; a line of that length is allowed."""
    for chunks in cuttings(b"x" * 8 + end + b"y" * 8 + end):
        assert list(read_lines(chunks, max_line=8)) == [b"x" * 8, b"y" * 8]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\nc\n"], ids=["unended", "ended", "followed"])
def test_a_longer_line_raises_after_the_lines_before_it(tail: bytes) -> None:
    """In every cutting the lines before it are yielded; the error names the limit and the parameter."""
    for chunks in cuttings(b"a\nb\n" + b"x" * 9 + tail):
        lines = read_lines(chunks, max_line=8)
        assert [next(lines), next(lines)] == [b"a", b"b"]
        with pytest.raises(BadFrameError, match=r"longer than 8 bytes.*max_line") as caught:
            next(lines)
        assert caught.value.data.startswith("x")


def test_many_short_lines_in_one_chunk_pass_the_limit() -> None:
    """The limit applies to a line, not to the bytes of one read."""
    assert list(read_lines([b"abc\n" * 100], max_line=3)) == [b"abc"] * 100


def test_the_default_limit_is_16_mib() -> None:
    """One base64 image in a line fits."""
    assert DEFAULT_MAX_LINE == 16 * 1024 * 1024


def test_a_line_without_end_is_not_read_beyond_the_limit() -> None:
    """A body without line ends raises at the limit."""
    read = 0

    def long_body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"x" * 10

    with pytest.raises(BadFrameError):
        next(read_lines(long_body(), max_line=1000))
    assert read == 101


class CountingChunk(bytes):
    """A chunk that counts the bytes searched for line ends."""

    searched = 0

    def splitlines(self, keepends: bool = False) -> list[bytes]:
        CountingChunk.searched += len(self)
        return super().splitlines(keepends)


class CountingBuffer(bytearray):
    """A rest that counts the bytes copied into it and out of it."""

    copied = 0

    def __iadd__(self, other: bytes) -> CountingBuffer:  # type: ignore[override]
        self.copied += len(other)
        return super().__iadd__(other)  # type: ignore[return-value]

    def __bytes__(self) -> bytes:
        self.copied += len(self)
        return bytes(memoryview(self))


def small_chunks(body: bytes, size: int) -> Iterable[bytes]:
    return (CountingChunk(body[i : i + size]) for i in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 7, 128])
def test_a_long_line_in_small_chunks_is_linear(size: int) -> None:
    """Each byte is searched once, and copied once into the buffer and once out of it."""
    body = b"x" * 50_000 + b"\n"
    CountingChunk.searched = 0
    buffer = CountingBuffer()
    assert list(read_lines(small_chunks(body, size), rest=Unfinished(buffer))) == [b"x" * 50_000]
    assert CountingChunk.searched <= len(body)
    assert buffer.copied <= 2 * len(body)


def test_the_buffer_of_a_long_line_is_the_line() -> None:
    """It isn't copied, and another buffer takes the next line."""
    buffer = CountingBuffer()
    rest = Unfinished(buffer)
    lines = read_lines(small_chunks(b"x" * 100_000 + b"\ny\nz", 7), rest=rest)
    line = next(lines)
    assert line is buffer
    assert buffer.copied == len(buffer) == 100_000
    assert list(lines) == [b"y"]
    assert (line, rest.data) == (b"x" * 100_000, b"z")


def test_nothing_is_kept_while_a_line_is_read() -> None:
    """A long line can be dropped before its text is joined: only its taker holds it, and no chunk of it."""
    chunks = [b"x" * size + end for size, end in ((100_000, b""), (50_000, b""), (9, b"\ny\n"))]
    others = [bytes(size) for size in (2, 3, 4)]
    lines = read_lines(chunks)
    line, other = next(lines), bytearray(2)
    assert sys.getrefcount(line) == sys.getrefcount(other)
    assert [sys.getrefcount(each) for each in chunks] == [sys.getrefcount(each) for each in others]


def test_memory_while_a_line_grows_is_the_line_and_little_more() -> None:
    """Fragments cost no objects: only the buffer, its growth and the line itself take memory."""
    size = 2 << 20
    tracemalloc.start()
    try:
        (line,) = read_lines([*[b"x" * 64] * (size // 64), b"\n"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(line) == size
    assert peak < 2 * size

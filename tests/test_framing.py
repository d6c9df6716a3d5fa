"""HTTP's framing and compression undone: generators over bytes, no socket."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest

from streamkit.errors import APIConnectionError
from streamkit.http.framing import MAX_INFLATED, MAX_LINE, MAX_TRAILERS, dechunk, gunzip, take


def every_cut(data: bytes) -> Iterator[list[bytes]]:
    """*data* whole, in two pieces at every place, and byte by byte."""
    yield [data]
    yield from ([data[:i], data[i:]] for i in range(1, len(data)))
    yield [bytes([b]) for b in data]


def test_dechunk_undoes_every_chunking_however_it_is_cut() -> None:
    """RFC 9112, 7.1: sizes in hex of any case, extensions, trailers; cuts anywhere."""
    wire = b'3\r\nabc\r\n00A;name="v"\r\n0123456789\r\n1\r\n\n\r\n0\r\nX-Sum: 1\r\n\r\n'
    for reads in every_cut(wire):
        assert b"".join(dechunk(reads)) == b"abc0123456789\n"


def test_dechunk_reads_no_further_than_the_end() -> None:
    """The bytes after the last chunk belong to the next reply: they are not asked for."""
    reads = iter([b"3\r\nabc\r\n0\r\n\r\n", b"HTTP/1.1 200 OK"])
    assert list(dechunk(reads)) == [b"abc"]
    assert next(reads) == b"HTTP/1.1 200 OK"


def test_dechunk_hands_on_what_it_has_before_a_chunk_is_whole() -> None:
    """P11: one chunk may be the whole body, and trickle."""
    assert next(dechunk([b"ffff\r\nabc", b"never read"])) == b"abc"
    assert next(dechunk([b"ffff\r\n", b"abc", b"never read"])) == b"abc"


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"3\r\nabc\r\n", id="no last chunk"),
        pytest.param(b"9\r\nabc", id="inside a chunk"),
        pytest.param(b"3\r\nabc\r\n0\r\n", id="inside the trailers"),
        pytest.param(b"3\r\nabc\r\nxyz\r\n", id="no number"),
        pytest.param(b"3\r\nabc\r\n-1\r\n", id="negative"),
        pytest.param(b"3\r\nabc\r\n" + b"0" * (MAX_LINE + 1), id="endless size"),
        pytest.param(b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * 101, id="endless trailers"),
    ],
)
def test_a_broken_chunked_body_raises_after_what_was_good(wire: bytes) -> None:
    """P1, P26: nothing is lost, and the cut is no silent end."""
    chunks = dechunk([wire])
    assert next(chunks) == b"abc"
    with pytest.raises(APIConnectionError, match="chunked body"):
        next(chunks)


def test_trailers_are_limited() -> None:
    """Fewer than MAX_TRAILERS lines and their end are read; a server that sends more is refused."""

    def body(trailers: int) -> bytes:
        return b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * trailers + b"\r\n"

    assert b"".join(dechunk([body(MAX_TRAILERS - 1)])) == b"abc"
    with pytest.raises(APIConnectionError, match="trailers"):
        list(dechunk([body(MAX_TRAILERS + 1)]))


def test_take_ends_at_the_length_and_raises_where_less_came() -> None:
    """A Content-Length is a promise: fewer bytes are a lost connection."""
    assert list(take([b"ab", b"cdX"], 4)) == [b"ab", b"cd"]
    assert list(take([], 0)) == []
    chunks = take([b"ab"], 4)
    assert next(chunks) == b"ab"
    with pytest.raises(APIConnectionError, match="after 2 of 4 bytes"):
        next(chunks)


def test_gunzip_hands_on_each_flush_and_joins_members() -> None:
    """P11: an event that was flushed is readable at once; RFC 1952 allows several members."""
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    flushed = z.compress(b"data: 1\n\n") + z.flush(zlib.Z_SYNC_FLUSH)
    assert next(gunzip([flushed, b"never read"])) == b"data: 1\n\n"
    for chunks in every_cut(gzip.compress(b"ab") + b"\0\0" + gzip.compress(b"cd")):
        assert b"".join(gunzip(chunks)) == b"abcd"
    assert b"".join(gunzip([zlib.compress(b"ab")])) == b"ab"


def test_gunzip_unfolds_a_bomb_piece_by_piece() -> None:
    """Memory is bounded by the piece, whatever is inside; nothing of it is lost."""
    pieces = [len(piece) for piece in gunzip([gzip.compress(bytes(10 * MAX_INFLATED + 5))])]
    assert max(pieces) == MAX_INFLATED
    assert sum(pieces) == 10 * MAX_INFLATED + 5


@pytest.mark.parametrize("body", [b"data: plain", gzip.compress(b"hello")[:-9]], ids=["no gzip", "cut"])
def test_gunzip_raises_on_what_is_no_whole_gzip(body: bytes) -> None:
    """zlib's own error stays inside."""
    with pytest.raises(APIConnectionError, match="gzip"):
        list(gunzip([body]))

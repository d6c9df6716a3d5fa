"""framing: chunked bodies, lengths and gzip, as generators over bytes without a socket."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest

from streamkit.errors import APIConnectionError
from streamkit.http.framing import MAX_INFLATED, MAX_LINE, MAX_TRAILERS, dechunk, inflate, plain_only, take


def every_cut(data: bytes) -> Iterator[list[bytes]]:
    """Yield *data* whole, in two pieces at every place, and byte by byte."""
    yield [data]
    yield from ([data[:i], data[i:]] for i in range(1, len(data)))
    yield [bytes([b]) for b in data]


def test_dechunk_undoes_every_chunking_however_it_is_cut() -> None:
    """Sizes in hex of any case, extensions and trailers (RFC 9112, section 7.1) are read in every cutting."""
    wire = b'3\r\nabc\r\n00A;name="v"\r\n0123456789\r\n1\r\n\n\r\n0\r\nX-Sum: 1\r\n\r\n'
    for reads in every_cut(wire):
        assert b"".join(dechunk(reads)) == b"abc0123456789\n"


def test_dechunk_reads_a_size_that_ends_with_lf_alone() -> None:
    """A CRLF in the chunk after it isn't the end of the size's line."""
    wire = b"3\r\nabc\r\n5;x\nhello\r\n5\na\r\ncd\r\n0\r\n\r\n"
    for reads in every_cut(wire):
        assert b"".join(dechunk(reads)) == b"abchelloa\r\ncd"


def test_dechunk_reads_no_further_than_the_end() -> None:
    """Bytes after the last chunk belong to the next reply, so they aren't pulled."""
    reads = iter([b"3\r\nabc\r\n0\r\n\r\n", b"HTTP/1.1 200 OK"])
    assert list(dechunk(reads)) == [b"abc"]
    assert next(reads) == b"HTTP/1.1 200 OK"


def test_dechunk_yields_bytes_before_their_chunk_is_whole() -> None:
    """Some servers send the whole body as one chunk, and its events one by one."""
    assert next(dechunk([b"ffff\r\nabc", b"never read"])) == b"abc"
    assert next(dechunk([b"ffff\r\n", b"abc", b"never read"])) == b"abc"


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"3\r\nabc\r\n", id="no last chunk"),
        pytest.param(b"9\r\nabc", id="inside a chunk"),
        pytest.param(b"3\r\nabc\r\n0\r\n", id="inside the trailers"),
        pytest.param(b"3\r\nabc\r\nxyz\r\n", id="a size that isn't a number"),
        pytest.param(b"3\r\nabc\r\n-1\r\n", id="a negative size"),
        pytest.param(b"3\r\nabc\r\n+5\r\nhello\r\n0\r\n\r\n", id="a size with a sign"),
        pytest.param(b"3\r\nabc\r\n5_0\r\n" + b"x" * 80 + b"\r\n0\r\n\r\n", id="a size with an underscore"),
        pytest.param(b"3\r\nabc\r\n0x5\r\nhello\r\n0\r\n\r\n", id="a size with a prefix"),
        pytest.param(b"3\r\nabc\r\n\r\n0\r\n\r\n", id="an empty size"),
        pytest.param(b"3\r\nabc\r\n;x\r\n0\r\n\r\n", id="an extension without a size"),
        pytest.param(b"3\r\nabcd\r\n0\r\n\r\n", id="a chunk longer than its size"),
        pytest.param(b"3\r\nabc0\r\n\r\n", id="no line end after a chunk"),
        pytest.param(b"3\r\nabc\r\n" + b"0" * (MAX_LINE + 1), id="a size without end"),
        pytest.param(b"3\r\nabc\r\n" + b"0" * (MAX_LINE + 1) + b"\r\n\r\n", id="a size that is too long"),
        pytest.param(
            b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * (MAX_TRAILERS + 1) + b"\r\n", id="too many trailers"
        ),
    ],
)
def test_a_broken_chunked_body_raises_after_its_good_bytes(wire: bytes) -> None:
    """In every cutting the good bytes arrive first, and the fault isn't taken for the end of the body."""
    for reads in every_cut(wire) if len(wire) < 100 else [[wire], [wire[:2000], wire[2000:]]]:
        got = b""
        with pytest.raises(APIConnectionError, match="chunked body"):
            for chunk in dechunk(reads):
                got += chunk
        assert got == b"abc", reads


def test_a_fault_before_a_long_line_is_named_however_it_is_cut() -> None:
    """Law 2: the first fault counts, also if a line that is too long arrived with it."""
    wire = b"zz\r\n" + b"x" * (MAX_LINE + 1)
    for reads in ([wire], [wire[:3], wire[3:]], [bytes([each]) for each in wire]):
        with pytest.raises(APIConnectionError, match="b'zz' isn't a chunk size"):
            list(dechunk(reads))


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"3  \r\nabc\r\n0 ;x\r\n\r\n", id="blanks after a size"),
        pytest.param(b"3\nabc\n0\n\n", id="LF alone"),
        pytest.param(
            b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * MAX_TRAILERS + b"\r\n", id="as many trailers as allowed"
        ),
    ],
)
def test_dechunk_reads_unusual_but_unambiguous_bodies(wire: bytes) -> None:
    """Some servers pad the size with blanks; line ends and trailers vary."""
    for reads in every_cut(wire) if len(wire) < 100 else [[wire]]:
        assert b"".join(dechunk(reads)) == b"abc"


def test_take_ends_at_the_length_and_raises_before_it() -> None:
    """Fewer bytes than the Content-Length mean a lost connection."""
    assert list(take([b"ab", b"cdX"], 4)) == [b"ab", b"cd"]
    assert list(take([], 0)) == []
    chunks = take([b"ab"], 4)
    assert next(chunks) == b"ab"
    with pytest.raises(APIConnectionError, match="after 2 of 4 bytes"):
        next(chunks)


def test_inflate_yields_each_flush_and_joins_members() -> None:
    """A flushed event is readable at once; RFC 1952 allows several members."""
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    flushed = z.compress(b"data: 1\n\n") + z.flush(zlib.Z_SYNC_FLUSH)
    assert next(inflate([flushed, b"never read"])) == b"data: 1\n\n"
    for chunks in every_cut(gzip.compress(b"ab") + b"\0\0" + gzip.compress(b"cd")):
        assert b"".join(inflate(chunks)) == b"abcd"
    assert b"".join(inflate([zlib.compress(b"ab")])) == b"ab"


def test_inflate_inflates_a_bomb_piece_by_piece() -> None:
    """The size of a piece bounds the memory, and every byte arrives."""
    pieces = [len(piece) for piece in inflate([gzip.compress(bytes(10 * MAX_INFLATED + 5))])]
    assert max(pieces) == MAX_INFLATED
    assert sum(pieces) == 10 * MAX_INFLATED + 5


@pytest.mark.parametrize("body", [b"data: plain\n\n", b'{"a":1}', b"\xef\xbb\xbfdata:", b"Hi", b""], ids=repr)
def test_inflate_passes_a_plain_body(body: bytes) -> None:
    """A proxy that decompresses a body may keep its header; the first bytes decide, however they are cut."""
    for chunks in every_cut(body):
        assert b"".join(inflate(chunks)) == body
    assert next(inflate([b"data: 1", b"never read"])) == b"data: 1"


def test_a_plain_body_with_another_coding_passes() -> None:
    """`Content-Encoding: utf-8` is a mistake, and so is any coding of a body that is text."""
    body = "data: é\n\ndata: [DONE]\n\n".encode()
    for chunks in every_cut(body):
        assert b"".join(plain_only(chunks, "utf-8")) == body
    assert b"".join(plain_only([b"short"], "br")) == b"short"


@pytest.mark.parametrize("body", [b"\x28\xb5\x2f\xfd\x04", b"\x1b\x0e\x00\xf8" * 5], ids=["zstd", "br"])
def test_a_coding_that_cannot_be_undone_is_named(body: bytes) -> None:
    """The error names the coding; a retry would get the same one."""
    for chunks in every_cut(body):
        with pytest.raises(
            APIConnectionError, match="Content-Encoding: zstd, which can't be decoded"
        ) as caught:
            list(plain_only(chunks, "zstd"))
        assert not caught.value.retryable


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"hello")[:11] + b"\xff" * 20, gzip.compress(b"hello")[:-9]],
    ids=["corrupt", "truncated"],
)
def test_inflate_raises_unless_the_body_is_whole_gzip(body: bytes) -> None:
    """The error is an `APIConnectionError`, not zlib's own."""
    with pytest.raises(APIConnectionError, match="gzip"):
        list(inflate([body]))


def test_a_deflate_body_may_have_no_header() -> None:
    """RFC 9110 means zlib; some servers send deflate alone, and some plain text under the name."""
    for body in (
        zlib.compress(b"data: 1"),
        zlib.compress(b"data: 1")[2:-4],
        b"data: 1",
        gzip.compress(b"data: 1"),
    ):
        for chunks in ([body], [bytes([byte]) for byte in body]):
            assert b"".join(inflate(chunks, raw=True)) == b"data: 1"


def test_a_deflate_bomb_is_inflated_piece_by_piece() -> None:
    """Also without a header."""
    bomb = zlib.compress(bytes(10 * MAX_INFLATED + 5))[2:-4]
    pieces = [len(piece) for piece in inflate([bomb], raw=True)]
    assert max(pieces) == MAX_INFLATED
    assert sum(pieces) == 10 * MAX_INFLATED + 5

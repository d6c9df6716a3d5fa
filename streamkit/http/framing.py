"""A reply's bytes as they arrive -> the body's bytes, without HTTP's framing and compression.

Why not requests' own readers: `iter_content(None)` holds an event back until its HTTP chunk is whole,
which is the whole body where a server announces one chunk and lets it trickle, and `raw.read1()`
costs one call and several small reads for every HTTP chunk. Here each `recv` is one chunk out.

Rules: every function is a generator over bytes, knows no socket, and hands on at once what it has. A
body that ends before its framing says so raises `APIConnectionError`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ..errors import APIConnectionError

READ = 64 * 1024  # bytes asked for at once; the kernel rarely has more
MAX_LINE = 4096  # bytes of a chunk's size line with its extensions, or of a trailer line
MAX_TRAILERS = 100  # as many as http.client allows headers
MAX_INFLATED = 1 << 20  # bytes handed on at once: a gzip bomb unfolds one such piece at a time


def dechunk(reads: Iterable[bytes]) -> Iterator[bytes]:
    """Undo `Transfer-Encoding: chunked` (RFC 9112, section 7.1); read no further than its end."""
    rest = b""  # of a line that is not whole yet
    left = 0  # bytes of the current chunk still to come
    skip = 0  # bytes at which the end of the next line is not looked for
    trailers: int | None = None  # lines after the last chunk, once it was seen
    for read in reads:
        data, at, pieces = rest + read, 0, []
        fault, ended = "", False
        while not fault and not ended:
            if left:
                piece = data[at : at + left]
                if piece:
                    pieces.append(piece)
                at += len(piece)
                left -= len(piece)
                if left:
                    break
                skip = 2  # the line end after a chunk's data and the next size line are one look
            end = data.find(b"\n", at + skip)
            if end < 0:
                break
            line, at, skip = data[at:end].strip(), end + 1, 0
            if trailers is not None:
                trailers += 1
                ended = not line
                fault = f"more than {MAX_TRAILERS} trailers" if trailers > MAX_TRAILERS else ""
            elif line:  # the line end after a chunk's data is empty
                left = _chunk_size(line)
                trailers = 0 if left == 0 else None
                fault = f"{line[:40]!r} is no chunk size" if left < 0 else ""
        rest = data[at:]
        if len(rest) > MAX_LINE:
            fault = f"a size line of more than {MAX_LINE} bytes"
        if pieces:
            yield b"".join(pieces)
        if fault:
            raise APIConnectionError(f"the chunked body is broken: {fault}")
        if ended:
            return
    raise APIConnectionError("the connection was closed in the middle of a chunked body")


def _chunk_size(line: bytes) -> int:
    """The size that opens a chunk; -1 where *line* holds none."""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return -1


def take(reads: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The *length* bytes that Content-Length promised, and no more."""
    left = length
    if not left:
        return
    for read in reads:
        yield read[:left]
        left -= len(read)
        if left <= 0:
            return
    raise APIConnectionError(f"the connection was closed after {length - left} of {length} bytes")


def gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Undo gzip (or zlib) as far as the bytes at hand allow; several members make one body."""
    inflate = None
    for chunk in chunks:
        if inflate is None:
            chunk = chunk.lstrip(b"\0")  # padding between members is allowed
        full = False  # whether the last piece was cut at the limit: then there may be more inside
        while chunk or full:
            inflate = inflate or zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib by their header
            try:
                piece = inflate.decompress(chunk, MAX_INFLATED)
            except zlib.error as exc:
                raise APIConnectionError(f"the body is not the gzip it was said to be: {exc}") from exc
            if piece:
                yield piece
            chunk, full = inflate.unconsumed_tail, len(piece) == MAX_INFLATED
            if inflate.eof:
                chunk, full = inflate.unused_data.lstrip(b"\0"), False
                inflate = None
    if inflate is not None:
        raise APIConnectionError("the connection was closed in the middle of a gzip body")

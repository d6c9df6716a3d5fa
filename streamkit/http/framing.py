"""Undo HTTP's framing and compression: the bytes of a reply in, the bytes of its body out.

    takes    the bytes of each `recv`
    yields   the body's bytes that they contain, at once: one chunk for each `recv`
    raises   APIConnectionError for a body that is broken, or ends before its framing says so

Why not requests' own readers: `iter_content(None)` holds an event back until its HTTP chunk is whole, and
some servers send the whole body as one chunk. `raw.read1()` costs one call and several small reads for
every HTTP chunk.

Rule: every function is a generator over bytes; sockets are the business of transport.py.
"""

from __future__ import annotations

import codecs
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from functools import lru_cache

from ..errors import APIConnectionError

READ = 64 * 1024  # bytes asked for at once; the kernel rarely has more
MAX_LINE = 4096  # bytes of a chunk's size line with its extensions, or of a trailer line
MAX_TRAILERS = 100  # http.client allows as many headers
DEFLATED = frozenset(("gzip", "x-gzip", "deflate"))  # the codings that `inflate` undoes
MAX_CODINGS = 5  # of one body; each holds one piece in memory
MAX_INFLATED = 1 << 20  # bytes yielded at once: a gzip bomb is inflated one such piece at a time

_SNIFFED = 16  # bytes that decide if a body is text; a body of `br`, without a magic number, isn't by then

_MOST_END = 24  # bytes of the end of a chunk and the size of the next one, without extensions
_HEXDIG = b"0123456789abcdefABCDEF"


class _State(Enum):
    """The next part of a chunked body."""

    SIZE = auto()  # the line that opens a chunk; a size of 0 opens the trailers
    DATA = auto()  # the bytes of the chunk
    DATA_END = auto()  # the line end after them
    TRAILER = auto()  # a line after the last chunk; an empty one ends the body
    END = auto()


# Names in the module: looking a member up in its class costs 40 ns, several times for each chunk.
_SIZE, _DATA, _DATA_END, _TRAILER, _END = _State


def dechunk(reads: Iterable[bytes]) -> Iterator[bytes]:
    """Undo `Transfer-Encoding: chunked` (RFC 9112, section 7.1); pull no read after its end."""
    state = _SIZE
    left = 0  # bytes of the chunk that haven't arrived
    trailers = 0
    rest = b""  # the beginning of a line
    for read in reads:
        data, at, pieces, fault = rest + read, 0, [], ""
        while state is not _END and not fault:
            if state is _DATA:
                piece = data[at : at + left]
                pieces.append(piece)
                at += len(piece)
                left -= len(piece)
                if left:
                    break
                state = _DATA_END
                if len(data) - at > 2:
                    at = _whole_chunks(data, at, pieces)
                if data[at : at + 2] == b"\r\n":  # it nearly always arrives with the data
                    at += 2
                    state = _SIZE
            end = data.find(b"\n", at)
            if end < 0 or end - at > MAX_LINE:
                break
            line = data[at:end]
            at = end + 1
            if state is _SIZE:
                left = _chunk_size(line)
                state = _DATA if left else _TRAILER
                fault = f"{line.strip()[:40]!r} isn't a chunk size" if left < 0 else ""
            elif state is _DATA_END:
                state = _SIZE
                fault = "a chunk is longer than its size" if line.strip() else ""
            elif line.strip():
                trailers += 1
                fault = f"more than {MAX_TRAILERS} trailers" if trailers > MAX_TRAILERS else ""
            else:
                state = _END
        rest = data[at:]
        if len(rest) > MAX_LINE and state is not _END and not fault:
            fault = f"a line of more than {MAX_LINE} bytes"
        body = b"".join(pieces)
        read = data = piece = b""  # a stream that waits holds its bytes once
        pieces.clear()
        if body:
            yield body
        if fault:
            raise APIConnectionError(f"the chunked body is broken: {fault}")
        if state is _END:
            return
    raise APIConnectionError("the connection was closed in the middle of a chunked body")


def _whole_chunks(data: bytes, at: int, pieces: list[bytes]) -> int:
    """Append to *pieces* the chunks that *data* has whole after the end of another one, at index *at*.

    Return where the last one ends. Nearly all chunks of a stream are read here, for half of the time.
    """
    while True:
        end = data.find(b"\r\n", at + 2)
        if not 0 < end - at <= _MOST_END:
            return at
        size = _size_after(data[at:end])
        begin = end + 2
        if size <= 0 or begin + size > len(data):
            return at
        at = begin + size
        pieces.append(data[begin:at])


@lru_cache(maxsize=1024)
def _size_after(text: bytes) -> int:
    """Return the size of a chunk from the end of the one before, CRLF, and its own size; -1 if unsure."""
    is_line = text.startswith(b"\r\n") and text.count(b"\n") == 1  # the size may end with LF alone
    return _chunk_size(text[2:]) if is_line else -1


@lru_cache(maxsize=1024)  # the chunks of a stream have a few hundred sizes: 60 ns instead of 330
def _chunk_size(line: bytes) -> int:
    """Return the size in the line that opens a chunk, or -1 if it has none.

    A size consists of HEXDIG alone (RFC 9112, section 7.1); `int` would take "+5", "5_0" and "0x5" too.
    Servers pad it with blanks.
    """
    digits = line.partition(b";")[0].strip()
    return int(digits, 16) if digits and not digits.strip(_HEXDIG) else -1


def take(reads: Iterable[bytes], length: int) -> Iterator[bytes]:
    """Yield the *length* bytes that Content-Length announced, and no more."""
    left = length
    if not left:
        return
    for read in reads:
        yield read[:left]
        left -= len(read)
        if left <= 0:
            return
    raise APIConnectionError(f"the connection was closed after {length - left} of {length} bytes")


def inflate(chunks: Iterable[bytes], *, raw: bool = False) -> Iterator[bytes]:
    """Undo gzip or zlib as far as the bytes allow; several gzip members form one body.

    A body that is neither passes unchanged: proxies decompress a body and keep its header. With *raw*, one
    that isn't text either is deflate without zlib's header, which some servers send (RFC 9110, 8.4.1.2).
    """
    head, rest = _split(chunks, _is_compressed)
    wbits = 47  # 32 + 15: gzip or zlib by their header
    if _is_compressed(head) is False:
        if raw:
            head, rest = _split(itertools.chain([head], rest), _is_text)
        if not raw or _is_text(head) is not False:
            yield from filter(None, itertools.chain([head], rest))
            return
        wbits = -15
    engine = None
    for chunk in itertools.chain([head], rest):
        if engine is None:
            chunk = chunk.lstrip(b"\0")  # padding between members is allowed
        is_full = False  # the last piece reached the limit: there may be more inside
        while chunk or is_full:
            engine = engine or zlib.decompressobj(wbits=wbits)
            try:
                piece = engine.decompress(chunk, MAX_INFLATED)
            except zlib.error as exc:
                raise APIConnectionError(f"the gzip body is broken: {exc}") from exc
            if piece:
                yield piece
            chunk, is_full = engine.unconsumed_tail, len(piece) == MAX_INFLATED
            if engine.eof:
                chunk, is_full = engine.unused_data.lstrip(b"\0"), False
                engine = None
    if engine is not None:
        raise APIConnectionError("the connection was closed in the middle of a gzip body")


def plain_only(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield a body that isn't encoded, contrary to its header (`Content-Encoding: utf-8`, `none`, `br`).

    Raises `APIConnectionError` if its first bytes aren't text: nothing here can undo *coding*.
    """
    head, rest = _split(chunks, _is_text)
    if _is_text(head) is False:
        raise APIConnectionError(
            f"the body has Content-Encoding: {coding[:40]}, which can't be decoded here; turn compression "
            "off at the server or the proxy",
            retryable=False,
        )
    yield from filter(None, itertools.chain([head], rest))


def _split(chunks: Iterable[bytes], decide: Callable[[bytes], bool | None]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, as many as *decide* needs to return a bool, and the chunks after them."""
    rest = iter(chunks)
    head = b""
    for chunk in rest:
        head += chunk
        if decide(head) is not None:
            break
    return head, rest


def _is_compressed(head: bytes) -> bool | None:
    """Return True if *head* begins a gzip or zlib body; None if more bytes are needed.

    gzip begins with 1f 8b (RFC 1952). zlib begins with two bytes whose method is 8, whose window is at most
    7, and that are together a multiple of 31 (RFC 1950).
    """
    if not head:
        return None
    is_gzip, is_zlib = head[0] == 0x1F, head[0] & 0x8F == 8
    if not (is_gzip or is_zlib) or len(head) > 1:
        return head[:2] == b"\x1f\x8b" if not is_zlib else int.from_bytes(head[:2], "big") % 31 == 0
    return None


def _is_text(head: bytes) -> bool | None:
    """Return True if *head* begins a text in UTF-8; None if more bytes are needed.

    Text has no control characters. A character may be cut at the end.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head[:_SNIFFED])
    except UnicodeDecodeError:
        return False
    if any(character < " " and character not in "\t\n\r" for character in text):
        return False
    return True if len(head) >= _SNIFFED else None

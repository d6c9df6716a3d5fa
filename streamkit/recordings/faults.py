"""A recording -> the same recording, as a worse network would have delivered it.

Places are bytes of the body, from 0. Rule: pure functions; what they are given stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from ..errors import UsageError
from .format import End, Ending, Recording, TimedChunk


def cut_at(recording: Recording, at: int, *, end: End = "eof") -> Recording:
    """Only the first *at* bytes arrive; then the body ends as *end* says."""
    before, _ = _divide(recording, at)
    last = before[-1].at if before else 0.0
    message = f"the body was cut at byte {at}" if end in ("reset", "timeout", "no reply") else ""
    return evolve(recording, chunks=before, ending=Ending(end, last, message))


def stall_at(recording: Recording, at: int, seconds: float) -> Recording:
    """From byte *at* on everything comes *seconds* later, the end too."""
    if seconds < 0:
        raise UsageError(f"a stall takes time, got {seconds} seconds")
    before, after = _divide(recording, at)
    late = (evolve(chunk, at=chunk.at + seconds) for chunk in after)
    ending = evolve(recording.ending, at=recording.ending.at + seconds)
    return evolve(recording, chunks=(*before, *late), ending=ending)


def split_every(recording: Recording, size: int) -> Recording:
    """The same bytes in chunks of *size*, whatever the chunks were; each comes when its last byte did."""
    if size < 1:
        raise UsageError(f"a chunk has at least one byte, got {size}")
    return evolve(recording, chunks=tuple(_pieces(recording, size)))


def drop_range(recording: Recording, start: int, stop: int) -> Recording:
    """Without the bytes from *start* up to *stop*; what comes after them comes when it did."""
    if stop < start:
        raise UsageError(f"a range ends after it begins, got {start} to {stop}")
    before, _ = _divide(recording, start)
    _, after = _divide(recording, stop)
    return evolve(recording, chunks=(*before, *after))


def corrupt_at(recording: Recording, at: int, byte: int = 0xFF) -> Recording:
    """With *byte* in place of the one at *at*; 0xFF occurs nowhere in UTF-8."""
    if not 0 <= at < len(recording.body) or not 0 <= byte <= 0xFF:
        raise UsageError(f"no byte {byte} can stand at {at} of {len(recording.body)} bytes")
    before, after = _divide(recording, at)
    hit, *rest = after
    return evolve(recording, chunks=(*before, evolve(hit, data=bytes([byte]) + hit.data[1:]), *rest))


def _divide(recording: Recording, at: int) -> tuple[tuple[TimedChunk, ...], tuple[TimedChunk, ...]]:
    """The chunks before byte *at* and those from it on; one that it falls into becomes two."""
    size = len(recording.body)
    if not 0 <= at <= size:
        raise UsageError(f"byte {at} is not in a body of {size} bytes")
    before: list[TimedChunk] = []
    after: list[TimedChunk] = []
    for chunk in recording.chunks:
        head, tail = chunk.data[:at], chunk.data[at:]
        if head:
            before.append(evolve(chunk, data=head))
        if tail:
            after.append(evolve(chunk, data=tail))
        at -= len(head)
    return tuple(before), tuple(after)


def _pieces(recording: Recording, size: int) -> Iterator[TimedChunk]:
    rest = b""
    last = 0.0
    for chunk in recording.chunks:
        data, last = rest + chunk.data, chunk.at
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            yield TimedChunk(last, data[start : start + size])
        rest = data[whole:]
    if rest:
        yield TimedChunk(last, rest)

"""Damage a recording as a bad network or server would: pure functions that return a new recording.

Positions are byte offsets in the body, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from attrs import evolve

from .._checks import INDEX, NUMBER, Kind, check, got
from ..errors import UsageError
from .format import End, Ending, Recording, TimedChunk

_RECORDING = Kind("a Recording", lambda value: isinstance(value, Recording), "pass load_recording(path)")


def cut_at(recording: Recording, at: int, *, end: End = "eof") -> Recording:
    """Keep only the first *at* bytes; then the body ends with *end*."""
    before, _ = _divide(recording, at)
    if not isinstance(end, str) or end not in get_args(End):
        raise UsageError(f"end: expected one of {', '.join(get_args(End))}, got {got(end)}")
    last = before[-1].at if before else 0.0
    message = f"the body was cut at byte {at}" if end in ("reset", "timeout", "no reply") else ""
    return evolve(recording, chunks=before, ending=Ending(end, last, message))


def stall_at(recording: Recording, at: int, seconds: float) -> Recording:
    """Delay everything from byte *at* on by *seconds*, including the end."""
    check("seconds", seconds, NUMBER)
    if not 0 <= seconds < 1e9:
        raise UsageError(f"seconds: expected 0 or more, got {seconds}")
    before, after = _divide(recording, at)
    late = (evolve(chunk, at=chunk.at + seconds) for chunk in after)
    ending = evolve(recording.ending, at=recording.ending.at + seconds)
    return evolve(recording, chunks=(*before, *late), ending=ending)


def split_every(recording: Recording, size: int) -> Recording:
    """Divide the bytes into chunks of *size*; the time of each chunk is that of its last byte."""
    check("recording", recording, _RECORDING)
    check("size", size, INDEX)
    if size < 1:
        raise UsageError(f"size: expected 1 or more bytes, got {size}")
    return evolve(recording, chunks=tuple(_pieces(recording, size)))


def drop_range(recording: Recording, start: int, stop: int) -> Recording:
    """Remove the bytes from *start* up to *stop*; the bytes after them keep their times."""
    check("start", start, INDEX)
    check("stop", stop, INDEX)
    if stop < start:
        raise UsageError(f"stop: expected {start} or more, got {stop}")
    before, _ = _divide(recording, start)
    _, after = _divide(recording, stop)
    return evolve(recording, chunks=(*before, *after))


def corrupt_at(recording: Recording, at: int, byte: int = 0xFF) -> Recording:
    """Replace the byte at *at* by *byte*; 0xFF never occurs in UTF-8."""
    check("recording", recording, _RECORDING)
    check("at", at, INDEX)
    check("byte", byte, INDEX)
    if not 0 <= at < len(recording.body):
        raise UsageError(f"at: expected an offset in a body of {len(recording.body)} bytes, got {at}")
    if not 0 <= byte <= 0xFF:
        raise UsageError(f"byte: expected 0 to 255, got {byte}")
    before, after = _divide(recording, at)
    hit, *rest = after
    return evolve(recording, chunks=(*before, evolve(hit, data=bytes([byte]) + hit.data[1:]), *rest))


def _divide(recording: Recording, at: int) -> tuple[tuple[TimedChunk, ...], tuple[TimedChunk, ...]]:
    """Return the chunks before byte *at* and those after it; a chunk that contains it is divided."""
    check("recording", recording, _RECORDING)
    check("at", at, INDEX)
    size = len(recording.body)
    if not 0 <= at <= size:
        raise UsageError(f"at: expected an offset in a body of {size} bytes, got {at}")
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

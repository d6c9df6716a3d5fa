"""The repeat lane: a short way through the chain for events that repeat the one before with another text.

    takes    the events of the plain chain, and the chunks that the chain reads
    yields   the same events; in place of those that it makes itself, the generator that makes them

Servers repeat a payload for each token. A lone piece (`AnswerState.lone`) is one that was all of its payload,
usage and logprobs apart. When the chain has read an event with such a piece, the lane learns a track for the
events like it. While the events that follow fit, the lane makes their deltas itself, for less than decoding
their JSON costs. Any other event goes through the chain, as if there were no lane. The lane changes nothing
but the time that a stream takes: tests/test_lane.py compares the events with those of the chain alone.

| word | meaning | file |
|---|---|---|
| template | the characters of an event, with a hole for each value that may differ | templates.py |
| track | a template, and the text of the answer that its pieces extend | tracks.py |
| way | the same as a tuple, which the loop unpacks | lane_loop.py |

How the lane knows that the chain is idle. The chain reads its chunks from `feed`, which passes on one event
at a time. The wire sets the lone piece just before the last event of its payload, and the payload was all
that the chain had been given. So when that event comes out, the chain would ask for more now.

Rules:
1. The chain alone changes the state, but for the text and logprobs of the open item, the usage, and what the
   wire remembers about each piece (`Repeat.again`).
2. All tracks are dropped when the chain reads an event without a lone piece, or with one that is the first
   in its place.
3. What isn't a whole event stays with the lane only while it can be the beginning of one that fits. So a
   comment is passed on as soon as the chain would read it.
4. An exception of the source, and its end, reach the chain.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Protocol

from ..events import Event, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from ..state.answer import AnswerState
from ..state.deltas import Piece
from .lane_loop import Deltas, Loop
from .tracks import Track, Tracks

_END = re.compile(rb"\n\r?\n")  # of an event
_MOST_EVENT = 1 << 16  # bytes of an event that becomes a template
# Bytes that are decoded at once. The window grows while events fit, so that leaving the lane wastes little.
_WINDOW, _MOST_WINDOW = 2048, 1 << 13
_LAST = frozenset((TextDelta, ReasoningDelta, ToolCallDelta, UsageReport))


class _Unfit(Exception):
    """What waits isn't for the lane: it isn't text, or not the beginning of an event that fits."""


class Tally(Protocol):
    """Where the lane counts the events that it makes."""

    events: int


class _OwnTally:
    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events = 0


def new_lane(state: AnswerState, most: int, tally: Tally | None = None) -> Lane | None:
    """Return the lane of a stream. Tests replace this function by one that returns None."""
    return Lane(state, most, tally)


class Lane:
    """The lane of one stream. Events and lines of more than *most* bytes are left to the chain."""

    def __init__(self, state: AnswerState, most: int, tally: Tally | None = None) -> None:
        self.state = state
        self.tally = tally or _OwnTally()
        self._most = most
        self.most_text = most // 4  # characters: a text of so many is within the limit in any case
        self._source: Iterator[bytes] = iter(())
        self._data = b""  # the last chunk that was read
        self._at = 0  # the offset in it of what the chain hasn't got
        self._event: list[bytes] = []  # the parts of the event that the chain reads
        self._size = 0  # their bytes
        self._tail = b""  # the last of them
        self._is_whole = False
        self._fed = 0  # how often the chain asked for more
        self._failure: Exception | None = None
        self._is_over = False  # the source
        self.tracks = Tracks(state)
        self.reported = ""  # the text of the last usage

    def feed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *chunks*, cut after each event; those that the lane reads itself are left out."""
        self._source = iter(chunks)
        try:
            while True:
                while self._at >= len(self._data):
                    if self._failure is not None:
                        raise self._failure
                    chunk = None if self._is_over else next(self._source, None)
                    if chunk is None:
                        return
                    self._data, self._at = chunk, 0
                    chunk = b""  # held once
                self._fed += 1
                self.state.lone, self.state.lone_is_first = None, False
                yield self._next_event()
        finally:
            self._source = iter(())  # so that the source closes when the chain is done with it

    def _next_event(self) -> bytes:
        """Return the bytes that wait, up to the end of the first event."""
        data, at = self._data, self._at
        if self._is_whole:
            self._event, self._size, self._tail, self._is_whole = [], 0, b"", False
        found = _END.search(data, at) if self.tracks.may_learn else None
        self._at = len(data) if found is None else found.end()
        piece = data[at : self._at]
        self._size += len(piece)
        if self._size <= _MOST_EVENT:
            self._event.append(piece)
        else:
            self._event.clear()
        self._tail = (self._tail + piece[-4:])[-4:]
        self._is_whole = self._tail.endswith((b"\n\n", b"\r\n\r\n"))
        return piece

    def run(self, events: Iterator[Event]) -> Generator[Event | Deltas, None, None]:
        """Yield *events*, those of the chain; in place of those that the lane makes, yield their generator.

        It must have been read when this one goes on.
        """
        state, tally = self.state, self.tally
        fed = 0  # when the last lone piece had been read
        for event in events:
            piece = state.lone
            if piece is None or not self._is_whole or type(event) not in _LAST or event.raw is not piece.raw:
                yield event
                continue
            if self._fed != fed + 1 or state.lone_is_first:
                self.tracks.clear()
            track = self._learn(piece)
            yield event
            idle: set[Loop] = set()  # the loops that took nothing from here on
            taken = before = tally.events
            while track is not None:
                yield track.loop(self, track)
                idle = {track.loop} if tally.events > taken else idle | {track.loop}
                taken = tally.events
                track = self.tracks.at(self._data, self._at, idle)
            self.tracks.earn(taken - before)
            fed = self._fed

    def _learn(self, piece: Piece) -> Track | None:
        """Return the track for events like the one that the chain has read, or None."""
        self.state.lone = None
        if not self.tracks.may_learn or self._size > min(self._most, _MOST_EVENT):
            self.tracks.clear()
            return None
        track = self.tracks.learn(piece, b"".join(self._event))
        self.reported = track.reported if track is not None else ""
        return track

    # -- for the loop ---------------------------------------------------------------------

    def texts(self) -> Iterator[str]:
        """Return an iterator of the texts to read: the events that wait, then each chunk.

        Whatever it raises goes to `fail`, its end to `end`. Whoever doesn't take all of a text calls `leave`.
        """
        # No generator of ours is between the source and the loop: it would cost 0.1 us for each chunk.
        return chain(self._waiting(), map(bytes.decode, self._source))

    def leave(self, text: str, at: int) -> Iterator[str] | None:
        """Leave the last text to the chain from index *at* on.

        If the lane may read the rest in another way, return the texts for it.
        """
        if self._data:
            self._at += at if text.isascii() else len(text[:at].encode())
            return None
        self._data, self._at = text[at:].encode(), 0
        return self.texts() if text[-1:] != "\n" or len(text) > self.most_text else None

    def end(self) -> None:
        """Leave the end of the source to the chain."""
        self._is_over = True

    def fail(self, exc: Exception) -> None:
        """Leave *exc* to the chain, which raises it, or what couldn't be decoded."""
        if isinstance(exc, UnicodeDecodeError):
            self._data, self._at = exc.object, 0
        elif not isinstance(exc, _Unfit):
            self._failure = exc

    def _waiting(self) -> Iterator[str]:
        """Yield the whole events that have arrived, at most a window at once, until a chunk ends with one.

        Raises `_Unfit` for what the lane can't read.
        """
        end = self.tracks.end
        window = _WINDOW
        while self._at < len(self._data):
            data, start = self._data, self._at
            stop = _end_in(data, start, window, end)
            if stop <= start:
                if not self.tracks.may_go_on(data[start:]) or not self._read_on():
                    raise _Unfit
                continue
            try:
                text = data[start:stop].decode()
            except UnicodeDecodeError:
                raise _Unfit from None
            yield text
            self._at = stop
            window = min(2 * window, _MOST_WINDOW)
        self._data, self._at = b"", 0

    def _read_on(self) -> bool:
        """Read the rest of the line that has begun, or at least as much again: less would be quadratic.

        Until its line ends, the chain would do nothing with it. False if no more follows.
        """
        held = [self._data[self._at :]]
        self._data, self._at = b"", 0
        left = len(held[0])
        while (chunk := self._next_chunk()) is not None:
            held.append(chunk)
            left -= len(chunk)
            if left <= 0 or b"\n" in chunk or b"\r" in chunk:
                break
        self._data = b"".join(held)
        return chunk is not None

    def _next_chunk(self) -> bytes | None:
        """Return the next chunk; None at the end, or if the source raises, which the chain will see."""
        try:
            chunk = next(self._source, None)
        except Exception as exc:  # noqa: BLE001 - the chain raises it
            self._failure, chunk = exc, None
        self._is_over = chunk is None
        return chunk


def _end_in(data: bytes, start: int, window: int, end: bytes) -> int:
    """Return where the last event ends that ends within *window* bytes, else the first one; 0 without any."""
    found = data.rfind(end, start, start + window)
    if found < 0:
        found = data.find(end, max(start, start + window - len(end)))
    return found + len(end) if found >= 0 else 0

"""The repeat lane: a short way through the chain for events that repeat the one before with another text.

    takes    the events of the plain chain, and the chunks that the chain reads
    yields   the same events

Servers repeat a payload for each token. When the chain has read an event that is one piece of text and
nothing else (`AnswerState.lone`), the lane makes a `Template` of it. While the events that follow fit, the
lane makes their deltas itself, for less than decoding their JSON costs. Any other event goes through the
chain, as if there were no lane. Without this file the library is slower, and nothing else changes:
tests/test_lane.py compares the two roads, and `read_events` can leave the lane out.

How the lane knows that the chain is idle. The chain reads its chunks from `feed`, which passes on one event
at a time. The wire sets the lone piece just before the last event of its payload, and the payload was all
that the chain had been given. So when that event comes out, the chain would ask for more now.

Rules:
1. The chain alone changes the state, but for the text and logprobs of the open item and the usage, which the
   lane adds with the chain's own functions, and what `Repeat.again` notes.
2. A template counts until the chain has read anything but lone pieces that repeat.
3. What isn't a whole event stays with the lane only while it can be the beginning of one that fits. So a
   comment is passed on as soon as the chain would read it.
4. An exception of the source, and its end, reach the chain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..events import Event, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from ..profiles.profile import Profile
from ..state.answer import AnswerState
from ..state.deltas import Path, Payload, Piece, Repeat
from .accumulate import further_of, further_report_of
from .templates import Template, template_of, varying

_END = re.compile(rb"\n\r?\n")  # of an event
_MOST_BEGUN = 4096  # bytes of an event that isn't whole, beyond its template
_MOST_EVENT = 1 << 16  # bytes of an event that becomes a template
# Bytes that are decoded at once. The window grows while events fit, so that leaving the lane wastes little.
_WINDOW, _MOST_WINDOW = 2048, 1 << 16
_MOST_TRACKS = 8
_LAST = frozenset((TextDelta, ReasoningDelta, ToolCallDelta, UsageReport))
# To begin costs as much as the lane saves on a few events. So there are no more templates after some that
# couldn't be made or fitted nearly nothing.
_CREDIT, _PRICE, _FAILED = 64, 3, 8


def new_lane(state: AnswerState, profile: Profile, most: int) -> Lane | None:
    """Return the lane of a stream; None if the chain has to see each text, because thoughts are in tags."""
    return Lane(state, most) if profile.thought_tags.mode == "off" else None


class _Track:
    """A template, and the open item that its pieces go to; `way` is all that the loop needs of it."""

    __slots__ = ("template", "way")

    def __init__(
        self,
        template: Template,
        append: Callable[[str, Any, Any], Event],
        again: Callable[[str], bool] | None,
        report: Callable[[Any, Any], Event | None] | None,
    ) -> None:
        self.template = template
        self.way = template.match, append, again, report, template.data, len(template.end)


class Lane:
    """The lane of one stream. Events and lines of more than *most* bytes are left to the chain."""

    def __init__(self, state: AnswerState, most: int) -> None:
        self._state = state
        self._most = most
        self._source: Iterator[bytes] = iter(())
        self._data = b""  # the last chunk that was read
        self._at = 0  # the offset in it of what the chain hasn't got
        self._event: list[bytes] = []  # the parts of the event that the chain reads
        self._size = 0  # their bytes
        self._tail = b""  # the last of them
        self._is_whole = False
        self._given = 0  # how often the chain asked for more
        self._failure: Exception | None = None
        self._is_over = False  # the source
        self._credit = _CREDIT
        self._proved: list[tuple[Template, type, Repeat]] = []
        self._varying: set[Path] = set()
        self._last: Payload = {}
        self._tracks: list[_Track] = []

    def feed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *chunks*, cut after each event; those that the lane reads itself are left out."""
        self._source = iter(chunks)
        while True:
            while self._at >= len(self._data):
                if self._failure is not None:
                    raise self._failure
                chunk = None if self._is_over else next(self._source, None)
                if chunk is None:
                    return
                self._data, self._at = bytes(chunk), 0
            self._given += 1
            self._state.lone, self._state.lone_is_first = None, False
            yield self._next_event()

    def _next_event(self) -> bytes:
        """Return the bytes that wait, up to the end of the first event."""
        data, at = self._data, self._at
        if self._is_whole:
            self._event, self._size, self._tail, self._is_whole = [], 0, b"", False
        found = _END.search(data, at) if self._credit >= 0 else None
        self._at = len(data) if found is None else found.end()
        piece = data[at : self._at]
        self._size += len(piece)
        if self._size <= _MOST_EVENT:
            self._event.append(piece)
        self._tail = (self._tail + piece[-4:])[-4:]
        self._is_whole = self._tail.endswith((b"\n\n", b"\r\n\r\n"))
        return piece

    def run(self, events: Iterator[Event]) -> Generator[Event, None, None]:
        """Yield *events*, those of the chain, and in their place those that the lane makes."""
        state = self._state
        given = 0  # when the last lone piece had been read
        for event in events:
            piece = state.lone
            if piece is None or type(event) not in _LAST or event.raw is not piece.raw:
                yield event
                continue
            if not self._is_whole:
                yield event
                continue
            if self._given != given + 1 or state.lone_is_first:
                self._tracks.clear()
            yield event
            if self._learn(piece):
                yield from self._repeat()
            else:
                self._tracks.clear()
            given = self._given

    def _learn(self, piece: Piece) -> bool:
        """Put a track for events like the one that the chain has read first; return False if there is none.

        A template of that event shows that it was one event, and so that the chain is idle.
        """
        state = self._state
        state.lone = None
        if self._credit < 0 or self._size > min(self._most, _MOST_EVENT):
            return False
        track = self._track(piece)
        if track is None:
            self._credit -= _FAILED
            return False
        self._credit -= _PRICE
        template = track.template
        self._tracks = [track for track in self._tracks if track.template is not template]
        self._tracks.insert(0, track)
        del self._tracks[_MOST_TRACKS:]
        return True

    def _track(self, piece: Piece) -> _Track | None:
        """Return the track for events like the one of *piece*; None if unsure."""
        state = self._state
        try:
            text = b"".join(self._event).decode()
        except UnicodeDecodeError:
            return None
        template, repeat = self._proved_for(piece, text)
        if repeat is None:
            repeat = state.repeat_of(piece) if state.repeat_of is not None else None
        if repeat is None:
            return None
        append, report = further_of(piece, state, repeat.next_to), None
        if repeat.next_to is not None and repeat.next_to.is_usage:
            report = further_report_of(state, repeat.next_to)
            if report is None:
                return None
        if template is None:
            template = self._template(piece, text, repeat)
        return None if template is None or append is None else _Track(template, append, repeat.again, report)

    def _proved_for(self, piece: Piece, text: str) -> tuple[Template | None, Repeat | None]:
        """Return the template that the event *text* of *piece* fits, and its `Repeat` if that still counts.

        What notes further texts (`again`) belongs to one moment; all else follows from the characters.
        """
        for template, kind, repeat in self._proved:
            found = template.match(text, 0) if kind is type(piece) else None
            if found is not None and found[:2] == (piece.text, len(text)):
                return template, repeat if repeat.again is None else None
        return None, None

    def _template(self, piece: Piece, text: str, repeat: Repeat) -> Template | None:
        """Return a new template of *text*, the event of *piece*.

        A value that doesn't matter is a hole once it has changed.
        """
        payload = piece.raw
        self._varying |= varying(payload, self._last or payload, repeat.vary)
        self._last = payload
        holes = replace(repeat, vary=tuple(path for path in repeat.vary if path in self._varying))
        made = template_of(text, payload, holes)
        if made is not None:
            self._proved.insert(0, (made, type(piece), repeat))
            del self._proved[_MOST_TRACKS:]
        return made

    def _repeat(self) -> Iterator[Event]:
        """Yield the deltas of all events that fit; what follows them waits for the chain."""
        tracks, most = self._tracks, self._most
        match, append, again, report, data_at, end_size = tracks[0].way
        end = tracks[0].template.end.encode()
        tail = len(end)
        ways = {track.template.first: track.way for track in reversed(tracks)}
        sizes = {len(first) for first in ways}
        data, start, window, count = self._data, self._at, _WINDOW, 0
        size = len(data)
        while True:
            if start == size:
                if (chunk := self._next_chunk()) is None:
                    break
                data, start, size = chunk, 0, len(chunk)
            if data[-tail:] == end and size - start <= window:
                stop = size
            elif (stop := _end_in(data, start, window, end)) <= start:
                begun = data[start:]
                if not self._may_go_on(begun) or (chunk := self._next_chunk()) is None:
                    break
                data, start = begun + chunk, 0
                size = len(data)
                continue
            try:
                text = data[start:stop].decode()
            except UnicodeDecodeError:
                break
            at, length = 0, len(text)
            while at < length <= most:
                found = match(text, at)
                if found is None:
                    for each in sizes:
                        way = ways.get(text[at : at + each])
                        if way is not None:
                            match, append, again, report, data_at, end_size = way
                            found = match(text, at)
                            break
                    if found is None:
                        break
                piece, stop, value = found
                if not piece or (again is not None and not again(piece)):
                    break
                count += 1
                raw = text[at + data_at : stop - end_size]
                at = stop
                yield append(piece, raw, value)
                if report is not None and (usage := report(value, raw)) is not None:
                    yield usage
            start += at if text.isascii() else len(text[:at].encode())
            if at != length:
                break
            window = min(2 * window, _MOST_WINDOW)
        self._data, self._at = data, start
        self._credit = min(self._credit + count, _CREDIT)

    def _next_chunk(self) -> bytes | None:
        """Return the next chunk; None at the end, or if the source raises, which the chain will see."""
        try:
            chunk = next(self._source, None)
        except Exception as exc:  # noqa: BLE001 - the chain raises it
            self._failure, chunk = exc, None
        self._is_over = chunk is None
        return chunk if type(chunk) is bytes or chunk is None else bytes(chunk)

    def _may_go_on(self, begun: bytes) -> bool:
        """Return True if *begun* can be the beginning of an event that fits."""
        return any(
            track.template.may_begin(begun) and len(begun) < len(track.template.head) + _MOST_BEGUN
            for track in self._tracks
        )


def _end_in(data: bytes, start: int, window: int, end: bytes) -> int:
    """Return where the last event ends that ends within *window* bytes, else the first one; 0 without any."""
    found = data.rfind(end, start, start + window)
    if found < 0:
        found = data.find(end, max(start, start + window - len(end)))
    return found + len(end) if found >= 0 else 0

"""The repeat lane: a short way through the chain for events that repeat the one before with another text.

    takes    the events of the plain chain, and the chunks that the chain reads
    yields   the same events

Servers repeat a payload for each token. A lone piece (`AnswerState.lone`) is one that was all of its payload,
usage and logprobs apart. When the chain has read an event with such a piece, the lane makes a `Template` of
it. While the events that follow fit, the lane makes their deltas itself, for less than decoding their JSON
costs. Any other event goes through the chain, as if there were no lane. Without this file the library is
slower, and nothing else changes: tests/test_lane.py compares the two roads, and `read_events` can leave the
lane out.

How the lane knows that the chain is idle. The chain reads its chunks from `feed`, which passes on one event
at a time. The wire sets the lone piece just before the last event of its payload, and the payload was all
that the chain had been given. So when that event comes out, the chain would ask for more now.

Rules:
1. The chain alone changes the state, but for the text and logprobs of the open item, the usage, and what the
   wire remembers about each piece (`Repeat.again`).
2. All templates are dropped when the chain reads an event without a lone piece, or with one that is the first
   in its place.
3. What isn't a whole event stays with the lane only while it can be the beginning of one that fits. So a
   comment is passed on as soon as the chain would read it.
4. An exception of the source, and its end, reach the chain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from ..completion import Usage
from ..events import Event, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from ..state.answer import AnswerState, LaterUsage
from ..state.deltas import Growing, NextTo, Path, Payload, Piece, Repeat, TextPiece
from .accumulate import growing_of
from .lane_loop import Form, Loop, loop_of, way_of
from .templates import Split, Template, split_event, template_of, value_at, varying

_END = re.compile(rb"\n\r?\n")  # of an event
_MOST_BEGUN = 4096  # bytes of an event that isn't whole, beyond its template
_MOST_EVENT = 1 << 16  # bytes of an event that becomes a template
# Bytes that are decoded at once. The window grows while events fit, so that leaving the lane wastes little.
_WINDOW, _MOST_WINDOW = 2048, 1 << 13
_MOST_TRACKS = 8
_LAST = frozenset((TextDelta, ReasoningDelta, ToolCallDelta, UsageReport))
# A template costs as much as the lane saves on a few deltas, one that can't be made too. So there are no more
# of them once they have cost more deltas than they brought: the credit at first, and both prices, in deltas.
_CREDIT, _PRICE, _FAILED = 64, 3, 8


def new_lane(state: AnswerState, most: int) -> Lane | None:
    """Return the lane of a stream. Tests replace this function by one that returns None."""
    return Lane(state, most)


class _Track:
    """A template, what its pieces extend, and the loop that reads them; `way` has all that the loop needs."""

    __slots__ = ("buffer", "loop", "news", "template", "way")

    def __init__(self, template: Template, growing: Growing, repeat: Repeat) -> None:
        next_to, keep = repeat.next_to, growing.keep_logprobs
        merge = next_to.read if next_to is not None else None
        if next_to is not None and keep is not None and not next_to.is_usage:
            merge = partial(_kept, next_to.read, keep)
        is_news = next_to is not None and next_to.only_news
        form = Form(template.holes, growing.event, repeat.again is not None, is_news)
        self.template = template
        self.news = template.counts if is_news else None  # reports are compared by their texts of this form
        self.buffer = growing.buffer
        self.loop = loop_of(form)
        self.way = way_of(template, growing, repeat.again, merge)


def _kept(read: Callable[[Any], Any], keep: Callable[[Any], Any], value: Any) -> Any:
    return keep(read(value))


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
        self._fed = 0  # how often the chain asked for more
        self._failure: Exception | None = None
        self._is_over = False  # the source
        self._credit = _CREDIT
        self._templates: list[tuple[Template, type, Repeat]] = []
        self._varying: set[Path] = set()
        self._last: Payload = {}
        self._tracks: list[_Track] = []
        self._by_head: dict[str, _Track] = {}  # the same by the characters that their events begin with
        self._sizes: set[int] = set()  # how many those are
        self.taken = 0  # the deltas that the lane made
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
                self._fed += 1
                self._state.lone, self._state.lone_is_first = None, False
                yield self._next_event()
        finally:
            self._source = iter(())  # so that the source closes when the chain is done with it

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
        fed = 0  # when the last lone piece had been read
        for event in events:
            piece = state.lone
            if piece is None or not self._is_whole or type(event) not in _LAST or event.raw is not piece.raw:
                yield event
                continue
            if self._fed != fed + 1 or state.lone_is_first:
                self._tracks.clear()
            track = self._learn(piece)
            yield event
            idle: set[Loop] = set()  # the loops that took nothing from here on
            taken = before = self.taken
            while track is not None:
                yield from track.loop(self, track)
                idle = {track.loop} if self.taken > taken else idle | {track.loop}
                taken = self.taken
                track = self._track_at(idle)
            self._credit = min(self._credit + taken - before, _CREDIT)
            fed = self._fed

    def _learn(self, piece: Piece) -> _Track | None:
        """Put a track for events like the one that the chain has read first; forget all if there is none.

        A template of that event shows that it was one event, and so that the chain is idle.
        """
        self._state.lone = None
        track = None
        passes = self._state.passes_of(piece) if self._state.passes_of is not None else None
        may_pass = passes is not None or self._state.passes_of is None
        if may_pass and self._credit >= 0 and self._size <= min(self._most, _MOST_EVENT):
            track = self._track(piece, passes)
            self._credit -= _FAILED if track is None else _PRICE
        if track is None:
            self._tracks = []
            return None
        others = [each for each in self._tracks if each.template is not track.template]
        others = [each for each in others if each.buffer is not track.buffer]  # else pieces of two parts
        others = [each for each in others if each.news == track.news]
        self._tracks = [track, *others[: _MOST_TRACKS - 1]]
        self._by_head = {each.template.head: each for each in reversed(self._tracks)}
        self._sizes = {len(head) for head in self._by_head}
        return track

    def _track(self, piece: Piece, passes: Callable[[str], bool] | None) -> _Track | None:
        """Return the track for events like the one of *piece* with texts that *passes* accepts, or None."""
        state = self._state
        try:
            event = split_event(b"".join(self._event).decode())
        except UnicodeDecodeError:
            return None
        if event is None or event.payload != piece.raw:  # in a wrapper, or the caller has changed it
            return None
        template, repeat = self._known_for(piece, event.text)
        if repeat is None:
            repeat = state.repeat_of(piece) if state.repeat_of is not None else None
        growing = growing_of(piece, state)
        if repeat is None or growing is None or (passes is not None and repeat.again is not None):
            return None
        usage = repeat.next_to if repeat.next_to is not None and repeat.next_to.is_usage else None
        if usage is not None and not self._can_report(piece, usage):
            return None
        if isinstance(piece, TextPiece) and piece.logprobs is not None and (usage or repeat.next_to is None):
            return None
        if template is None:
            template = self._template(piece, event, repeat)
        found = template and template.match(event.text, 0)
        if template is None or not found or found[0] != piece.text:
            return None
        self.reported = found[2]
        return _Track(template, growing, repeat if passes is None else replace(repeat, again=passes))

    def _can_report(self, piece: Piece, usage: NextTo) -> bool:
        """Return True if usage next to a piece is only reported.

        No finish waits, and the last one was the usage so far.
        """
        state = self._state
        if state.unsettled or state.held_usage or state.usage is None:
            return False
        value = value_at(piece.raw, usage.path)
        if type(value) is not dict or value != dict(state.usage.raw):
            return False
        # If only fractions make it news, other fractions may be none.
        return usage.read(_without_fractions(value)) is not state.usage

    def _known_for(self, piece: Piece, text: str) -> tuple[Template | None, Repeat | None]:
        """Return the template that the event *text* of *piece* fits, and its `Repeat` if that still counts.

        What notes further texts (`again`) belongs to one moment; all else follows from the characters.
        """
        for template, kind, repeat in self._templates:
            found = template.match(text, 0) if kind is type(piece) else None
            if found is not None and found[:2] == (piece.text, len(text)):
                return template, repeat if repeat.again is None else None
        return None, None

    def _template(self, piece: Piece, event: Split, repeat: Repeat) -> Template | None:
        """Return a new template of *event*, which has *piece*.

        A value that doesn't matter is a hole once it has changed.
        """
        payload = event.payload
        self._varying |= varying(payload, self._last or payload, repeat.vary)
        self._last = payload
        vary = tuple(path for path in repeat.vary if path in self._varying)
        made = template_of(event, Repeat(repeat.path, vary, None, repeat.echoes, repeat.next_to))
        if made is not None:
            self._templates.insert(0, (made, type(piece), repeat))
            del self._templates[_MOST_TRACKS:]
        return made

    def _track_at(self, idle: set[Loop]) -> _Track | None:
        """Return a track that may fit what waits, and whose loop isn't one of *idle*."""
        for track in self._tracks:
            if track.loop not in idle and self._data.startswith(track.template.head_bytes, self._at):
                return track
        return None

    # -- for the loop ---------------------------------------------------------------------

    def texts(self) -> Iterator[str]:
        """Yield what follows: whole events, decoded, at most a window at once.

        Whoever doesn't take all of a text calls `leave`, and asks for no other one.
        """
        end = self._tracks[0].template.end.encode()
        window = _WINDOW
        small = min(_WINDOW, self._most)
        while not self._is_over or self._at < len(self._data):
            if self._at == len(self._data):
                self._data, self._at = b"", 0
                try:
                    for data in self._source:
                        self._data = data
                        if not data.endswith(end) or len(data) > small:
                            break
                        try:
                            text = data.decode()
                        except UnicodeDecodeError:
                            return
                        yield text  # most chunks of a live stream are an event
                    else:
                        self._data, self._is_over = b"", True
                        return
                except Exception as exc:  # noqa: BLE001 - the chain raises it
                    self._data, self._failure = b"", exc
                    return
            data, start = self._data, self._at
            stop = _end_in(data, start, window, end)
            if stop <= start:
                begun = data[start:]
                if not self._may_go_on(begun) or (chunk := self._next_chunk()) is None:
                    return
                self._data, self._at = begun + chunk, 0
                continue
            if (decoded := self._decoded(data[start:stop])) is None:
                return
            yield decoded
            self._at = stop
            window = min(2 * window, _MOST_WINDOW)

    def leave(self, text: str, at: int) -> None:
        """Leave *text*, the last of `texts`, to the chain from index *at* on."""
        self._at += at if text.isascii() else len(text[:at].encode())

    def other(self, text: str, at: int, track: _Track) -> _Track | None:
        """Return the track with the loop of *track* whose events begin like the one at *at* of *text*."""
        for size in self._sizes:
            other = self._by_head.get(text[at : at + size])
            if other is not None:
                return other if other.loop is track.loop else None
        return None

    def use(self, merge: Callable[[Any], Usage], counts: str) -> LaterUsage:
        """Note the usage that *merge* reads from the text of its object, and return it."""
        later = self._state.usage = merge, counts
        return later

    def _decoded(self, data: bytes) -> str | None:
        try:
            return data.decode() if len(data) <= self._most else None
        except UnicodeDecodeError:
            return None

    def _next_chunk(self) -> bytes | None:
        """Return the next chunk; None at the end, or if the source raises, which the chain will see."""
        try:
            chunk = next(self._source, None)
        except Exception as exc:  # noqa: BLE001 - the chain raises it
            self._failure, chunk = exc, None
        self._is_over = chunk is None
        return chunk

    def _may_go_on(self, begun: bytes) -> bool:
        """Return True if *begun* can be the beginning of an event that fits."""
        return any(
            track.template.may_begin(begun) and len(begun) < len(track.template.head_bytes) + _MOST_BEGUN
            for track in self._tracks
        )


def _without_fractions(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_fractions(each) for name, each in value.items()}
    return 0 if isinstance(value, float) else value


def _end_in(data: bytes, start: int, window: int, end: bytes) -> int:
    """Return where the last event ends that ends within *window* bytes, else the first one; 0 without any."""
    found = data.rfind(end, start, start + window)
    if found < 0:
        found = data.find(end, max(start, start + window - len(end)))
    return found + len(end) if found >= 0 else 0

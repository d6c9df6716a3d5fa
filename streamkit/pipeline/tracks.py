"""What the lane has learned of a stream: the tracks for events that may follow.

    learn(piece, event)     the event of a lone piece -> the `Track` for events like it, or None
    at(data, offset, idle)  the track for the events that follow, or None
    other_way(text, at, track)  the same inside of the loop of *track*, as a way

A track is a template and the text that its pieces extend. All tracks are dropped when the chain reads an
event without a lone piece, or with one that is the first in its place. Their templates stay known: to prove
one again costs more than to compare it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..events import ToolCallDelta
from ..state.answer import AnswerState
from ..state.deltas import Growing, NextTo, Path, Payload, Piece, Repeat, TextPiece
from .append import growing_of
from .lane_loop import Form, Loop, loop_of, way_of
from .templates import Split, Template, split_event, template_of, value_at, varying

_MOST = 8  # tracks, and templates
_MOST_BEGUN = 4096  # bytes of an event that isn't whole, beyond its template
# A template costs as much as the lane saves on a few deltas, one that can't be made too. So there are no more
# of them once they have cost more deltas than they brought: the credit at first, and both prices, in deltas.
_CREDIT, _PRICE, _FAILED = 64, 3, 8


class Track:
    """A template, what its pieces extend, and the loop that reads them; `way` has all that the loop needs.

    `reported` is the text of the usage in the event that it was learned from.
    """

    __slots__ = ("buffer", "loop", "news", "reported", "template", "way")

    def __init__(
        self, template: Template, growing: Growing, repeat: Repeat, reported: str, *, is_ascii: bool
    ) -> None:
        next_to, keep = repeat.next_to, growing.keep_logprobs
        merge = next_to.read if next_to is not None else None
        if next_to is not None and keep is not None and not next_to.is_usage:
            merge = partial(_kept, next_to.read, keep)
        is_news = next_to is not None and next_to.only_news
        copies = not is_ascii or growing.event is ToolCallDelta  # the events of several calls alternate
        form = Form(template.holes, growing.event, repeat.again is not None, is_news, copies)
        self.template = template
        self.reported = reported
        self.news = template.counts if is_news else None  # reports are compared by their texts of this form
        self.buffer = growing.buffer
        self.loop = loop_of(form)
        self.way = way_of(template, growing, repeat.again, merge)


def _kept(read: Callable[[Any], Any], keep: Callable[[Any], Any], value: Any) -> Any:
    return keep(read(value))


class Tracks:
    """The tracks of one stream, the one that was learned last first."""

    def __init__(self, state: AnswerState) -> None:
        self._state = state
        self._tracks: list[Track] = []
        self._by_head: dict[str, Track] = {}  # the same by the characters that their events begin with
        self._sizes: set[int] = set()  # how many those are
        self._credit = _CREDIT
        self._templates: list[tuple[Template, type, Repeat]] = []  # that were proved
        self._varying: set[Path] = set()  # values that have changed
        self._last: Payload = {}

    @property
    def may_learn(self) -> bool:
        """False once the lane has cost more than it brought."""
        return self._credit >= 0

    def earn(self, deltas: int) -> None:
        """Note that the lane made so many deltas."""
        self._credit = min(self._credit + deltas, _CREDIT)

    def clear(self) -> None:
        """Drop all tracks."""
        self._tracks = []

    @property
    def end(self) -> bytes:
        """The blank line of the track that was learned last."""
        return self._tracks[0].template.end.encode()

    def ways(self, track: Track) -> tuple[dict[str, Any], int]:
        """Return the ways of *track* and of all others with its loop, and the length of what their heads have
        in common. The keys are the heads without that: short, because looking one up reads all of it.
        """
        found = {head: each.way for head, each in self._by_head.items() if each.loop is track.loop}
        found.setdefault(track.template.head, track.way)
        common = _common(min(found), max(found))
        return {head[common:]: way for head, way in found.items()}, common

    def other_way(self, text: str, at: int, track: Track) -> tuple[Any, ...] | None:
        """Return the way, of those `ways`, of the event at *at* of *text*."""
        for size in self._sizes:
            other = self._by_head.get(text[at : at + size])
            if other is not None:
                return other.way if other.loop is track.loop else None
        return None

    def at(self, data: bytes, at: int, idle: set[Loop]) -> Track | None:
        """Return a track that may fit what begins at *at* of *data*, and whose loop isn't one of *idle*."""
        for track in self._tracks:
            if track.loop not in idle and data.startswith(track.template.head_bytes, at):
                return track
        return None

    def may_go_on(self, begun: bytes) -> bool:
        """Return True if *begun* can be the beginning of an event that fits."""
        return any(
            track.template.may_begin(begun) and len(begun) < len(track.template.head_bytes) + _MOST_BEGUN
            for track in self._tracks
        )

    # -- learning -------------------------------------------------------------------------

    def learn(self, piece: Piece, event: bytes) -> Track | None:
        """Put a track for events like *event*, which the chain has read, first; drop all if there is none.

        A template of that event shows that it was one event, and so that the chain is idle.
        """
        state, track = self._state, None
        passes = state.passes_of(piece) if state.passes_of is not None else None
        if passes is not None or state.passes_of is None:
            track = self._track(piece, event, passes)
            self._credit -= _FAILED if track is None else _PRICE
        if track is None:
            self.clear()
            return None
        others = [each for each in self._tracks if each.template is not track.template]
        others = [each for each in others if each.buffer is not track.buffer]  # else pieces of two parts
        others = [each for each in others if each.news == track.news]
        self._tracks = [track, *others[: _MOST - 1]]
        self._by_head = {each.template.head: each for each in reversed(self._tracks)}
        self._sizes = {len(head) for head in self._by_head}
        return track

    def _track(self, piece: Piece, event: bytes, passes: Callable[[str], bool] | None) -> Track | None:
        """Return the track for events like the one of *piece* with texts that *passes* accepts, or None."""
        state = self._state
        try:
            split = split_event(event.decode())
        except UnicodeDecodeError:
            return None
        if split is None or split.payload != piece.raw:  # in a wrapper, or the caller has changed it
            return None
        template, repeat = self._known_for(piece, split.text)
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
        template = template or self._template(piece, split, repeat)
        found = template and template.match(split.text, 0)
        if template is None or not found or found[0] != piece.text:
            return None
        repeat = repeat if passes is None else replace(repeat, again=passes)
        return Track(template, growing, repeat, found[2], is_ascii=split.text.isascii())

    def _can_report(self, piece: Piece, usage: NextTo) -> bool:
        """Return True if usage next to a piece is only reported.

        No finish waits, and the last one was the usage so far.
        """
        state, before = self._state, self._state.usage
        if state.unsettled or state.held_usage or before is None:
            return False
        value = value_at(piece.raw, usage.path)
        if type(value) is not dict or value != dict(before.raw):
            return False
        # If only fractions make it news, other fractions may be none.
        whole = _without_fractions(value)
        return bool(dict(usage.read(whole).raw) == whole)

    def _known_for(self, piece: Piece, text: str) -> tuple[Template | None, Repeat | None]:
        """Return the template that the event *text* of *piece* fits, and its `Repeat` if that still counts.

        What notes further texts (`again`) belongs to one moment; all else follows from the characters.
        """
        for template, kind, repeat in self._templates:
            found = template.match(text, 0) if kind is type(piece) else None
            if found is not None and found[:2] == (piece.text, len(text)):
                return template, repeat if repeat.again is None else None
        return None, None

    def _template(self, piece: Piece, split: Split, repeat: Repeat) -> Template | None:
        """Return a new template of *split*, which has *piece*.

        A value that doesn't matter is a hole once it has changed.
        """
        payload = split.payload
        self._varying |= varying(payload, self._last or payload, repeat.vary)
        self._last = payload
        vary = tuple(path for path in repeat.vary if path in self._varying)
        made = template_of(split, Repeat(repeat.path, vary, None, repeat.echoes, repeat.next_to))
        if made is not None:
            self._templates.insert(0, (made, type(piece), repeat))
            del self._templates[_MOST:]
        return made


def _common(text: str, other: str) -> int:
    """Return how many characters both begin with."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((at for at, (one, another) in pairs if one != another), min(len(text), len(other)))


def _without_fractions(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_fractions(each) for name, each in value.items()}
    return 0 if isinstance(value, float) else value

"""One message whose text has tagged thoughts, on its way out: pieces of its text in, deltas out.

It holds the payloads that are in no delta yet, and, for annotations (state/citations.py), the ranges of the
text that were split off. think_tags.py decides when it is read and flushed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace

from ..state.citations import Cut
from ..state.deltas import Attached, Delta, Leftover, Payload, ReasoningPiece, Restated, TextPiece
from .repeated_thoughts import Repeats
from .tag_splitter import Grammar, Kind, Splitter


class TaggedMessage:
    """The text of one message on its way out. `last` is the piece that was read last."""

    def __init__(self, first: TextPiece, grammar: Grammar, repeats: Repeats, *, is_first: bool) -> None:
        self.last = first
        self.first_part = first.part
        self._grammar = grammar
        self._repeats = repeats
        self._begins_inside = is_first and grammar.begins_inside
        self.splitter = self.splitter_for_whole(is_first=True)
        self.is_cited = False  # it has annotations
        self._cuts = {first.part: self.splitter.cuts}  # by part
        self._told: dict[Hashable, int] = {}  # how many of them were yielded
        self._shown: TextPiece | ReasoningPiece | None = None  # the piece that was yielded last
        self._unshown: list[Payload] = []  # payloads that are in no delta yet

    def splitter_for_whole(self, *, is_first: bool) -> Splitter:
        """Return a splitter for the whole text of a part. *is_first*: it is the message's first part."""
        begins_inside = self._begins_inside and not self._repeats.has_field
        return Splitter(self._grammar, self._repeats, begins_inside=begins_inside, is_start=is_first)

    @property
    def is_waiting(self) -> bool:
        return bool(self._unshown) or self.splitter.is_holding

    def pass_on(self, piece: TextPiece) -> TextPiece | None:
        """Return *piece* if it is only text, else None. The fast path; `read` is its slow twin."""
        if self._unshown or piece.part != self.last.part or not self.splitter.passes(piece.text):
            return None
        self.last = self._shown = piece
        return piece

    def read(self, piece: TextPiece) -> Iterator[Delta]:
        """Yield the text of *piece* as far as it is decided."""
        if piece.part != self.last.part:  # a tag doesn't cross parts
            yield from self.flush()
            self.splitter.begin_part()
            self._cuts[piece.part] = self.splitter.cuts
        self.last = piece
        found = [delta for part in self.splitter.feed(piece.text) for delta in self._deltas(*part)]
        if self._repeats.shown is not piece.raw and not any(_is_piece(delta) for delta in found):
            self._unshown.append(piece.raw)
        logprobs = piece.logprobs
        for delta in found:
            if isinstance(delta, TextPiece):
                delta.logprobs, logprobs = logprobs, None
        yield from self._caught_up(found)
        yield from self._tell_cuts(piece.part)

    def flush(self) -> Iterator[Delta]:
        """Yield the held text, and the payloads without a delta, because no more text follows."""
        yield from self._caught_up([d for part in self.splitter.flush() for d in self._deltas(*part)])
        raws, self._unshown = self._unshown, []
        for raw in raws:
            yield Leftover(raw, news=True) if self._shown is None else _without_text(self._shown, raw)
        yield from self._tell_cuts(self.last.part)

    # -- annotations ----------------------------------------------------------------------

    def cite(self) -> Iterator[Delta]:
        """Yield the ranges that were split off, from now on as they appear: the message has annotations."""
        self.is_cited = True
        for part in self._cuts:
            yield from self._tell_cuts(part)

    def learn_cuts(self, part: Hashable, whole: Splitter) -> Iterator[Delta]:
        """Take the ranges of a part that the server restated, which *whole* has read."""
        if part == self.last.part:
            self.splitter.adopt(whole)
        self._cuts[part] = whole.cuts
        yield from self._forget_cuts(part)
        yield from self._tell_cuts(part)

    def _tell_cuts(self, part: Hashable) -> Iterator[Delta]:
        if self.is_cited:
            cuts, told = self._cuts[part], self._told.get(part, 0)
            self._told[part] = len(cuts)
            for cut in cuts[told:]:
                yield self._cut(cut, part)

    def _forget_cuts(self, part: Hashable) -> Iterator[Delta]:
        if self._told.pop(part, 0):
            yield self._cut(None, part)

    def _cut(self, cut: Cut | None, part: Hashable) -> Delta:
        return Attached(self.last.key, self.last.choice, "cut", cut, self.last.raw, part=part)

    # -- text -----------------------------------------------------------------------------

    def _deltas(self, kind: Kind, text: str) -> Iterator[Delta]:
        key, choice, raw = self.last.key, self.last.choice, self.last.raw
        if kind is Kind.TEXT:
            yield TextPiece(key, choice, text, raw, part=self.last.part)
            return
        if kind is Kind.MOVED:
            yield from self._forget_cuts(self.last.part)
            yield Restated(replace(self.last, text="", logprobs=None), withdraws=True)
        if fresh := self._repeats.from_tags(text):
            yield ReasoningPiece(our_key(key), choice, fresh, raw)

    def _caught_up(self, deltas: list[Delta]) -> Iterator[Delta]:
        """Yield *deltas*; before the first piece, a piece without text for each payload without a delta."""
        for delta in deltas:
            if isinstance(delta, TextPiece | ReasoningPiece):
                raws, self._unshown = self._unshown, []
                for raw in raws:
                    yield _without_text(delta, raw)
                self._shown = delta
            yield delta


def _is_piece(delta: Delta) -> bool:
    return isinstance(delta, TextPiece | ReasoningPiece)


def _without_text(piece: TextPiece | ReasoningPiece, raw: Payload) -> Delta:
    if isinstance(piece, TextPiece):
        return replace(piece, text="", raw=raw, logprobs=None)
    return replace(piece, text="", raw=raw)


# -- the key of a message's thoughts -------------------------------------------------------


def our_key(message: Hashable) -> Hashable:
    """Return the key of a message's thoughts; on chat it is the key of the choice's reasoning field, too."""
    return ("reasoning", message)


def is_ours(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == ("reasoning",)

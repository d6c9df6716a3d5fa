"""Fragments -> fragments: `<think>...</think>` in a message's text becomes reasoning.

For servers that leave the model's tags in the text (pains P17). Opt-in by `Profile.think_tags`: the
text may as well be about the tag. A tag may be cut anywhere; what may be the beginning of one is held
until the next piece decides, and comes out as text where none follows. `raw` keeps what the server
said.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from ..errors import StreamkitError
from ..state.deltas import ChoiceFinished, Delta, Payload, ReasoningPiece, Restated, StreamEnded, TextPiece

OPEN, CLOSE = "<think>", "</think>"


def split_thinking(fragments: Iterable[Delta], *, anywhere: bool) -> Iterator[Delta]:
    """Yield *fragments* with tagged text as `Thought`; only at a message's start unless *anywhere*."""
    splitters: dict[Hashable, _Splitter] = {}
    try:
        for fragment in fragments:
            if isinstance(fragment, TextPiece):
                splitter = splitters.setdefault(fragment.key, _Splitter(fragment, anywhere))
                yield from splitter.feed(fragment)
                continue
            if isinstance(fragment, Restated) and isinstance(fragment.piece, TextPiece):
                yield from _split_whole(fragment.piece, anywhere)
                continue
            if isinstance(fragment, ChoiceFinished | StreamEnded):
                for splitter in splitters.values():
                    if isinstance(fragment, StreamEnded) or splitter.choice == fragment.choice:
                        yield from splitter.flush()
            yield fragment
    except StreamkitError:  # what is held had arrived before the error
        for splitter in splitters.values():
            yield from splitter.flush()
        raise
    for splitter in splitters.values():  # a body that was cut off
        yield from splitter.flush()


def _split_whole(whole: TextPiece, anywhere: bool) -> Iterator[Delta]:
    """Yield the reasoning, then the text, of a message that the server restates."""
    key, choice, raw = whole.key, whole.choice, whole.raw
    splitter = _Splitter(whole, anywhere)
    pieces = [*splitter.feed(TextPiece(key, choice, whole.text, raw)), *splitter.flush()]
    reasoning = "".join(piece.text for piece in pieces if isinstance(piece, ReasoningPiece))
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
    if reasoning:
        yield Restated(ReasoningPiece(("reasoning", choice), choice, reasoning, raw))
    if text:
        yield Restated(replace(whole, text=text))


class _Splitter:
    """One message's text: outside or inside the tags, and what is held back."""

    def __init__(self, first: TextPiece, anywhere: bool) -> None:
        self.key, self.choice = first.key, first.choice
        self.anywhere = anywhere
        self.inside = False
        self.may_open = True
        self.after_tag = False  # white space that follows a tag belongs to the tag
        self.held = ""
        self.raw: Payload = first.raw

    def feed(self, piece: TextPiece) -> Iterator[Delta]:
        self.raw = piece.raw
        text, self.held = self.held + piece.text, ""
        logprobs = piece.logprobs
        while text:
            if self.after_tag:
                text = text.lstrip()
                self.after_tag = not text
                continue
            tag = CLOSE if self.inside else OPEN
            if not self.inside and not self._can_open(text):
                yield self._say(text, logprobs)
                return
            before, found, after = text.partition(tag)
            if found:
                if before:
                    yield self._say(before, logprobs)
                self.inside, self.after_tag = not self.inside, True
                self.may_open = self.anywhere or self.inside
                text = after
                continue
            keep = _overlap(text, tag)
            self.held = text[len(text) - keep :]
            if len(text) > keep and (self.inside or self.anywhere):
                yield self._say(text[: len(text) - keep], logprobs)
            elif len(text) > keep:
                self.held = text  # white space before a tag that may still come
            return

    def _can_open(self, text: str) -> bool:
        """Whether a tag may begin in *text*: at the start of the message only white space stands before."""
        if self.anywhere:
            return True
        start = text.lstrip()
        self.may_open = self.may_open and (start.startswith(OPEN) or OPEN.startswith(start))
        return self.may_open

    def flush(self) -> Iterator[Delta]:
        """What was held, now that no more comes."""
        if self.held:
            held, self.held = self.held, ""
            yield self._say(held, None)

    def _say(self, text: str, logprobs: object) -> Delta:
        if self.inside:
            return ReasoningPiece(("reasoning", self.choice), self.choice, text, self.raw)
        return TextPiece(self.key, self.choice, text, self.raw, logprobs)


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of *text* may be the beginning of *tag*."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)

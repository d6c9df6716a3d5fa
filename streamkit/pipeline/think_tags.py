"""Turn `<think>...</think>` in the text of a message into reasoning.

    takes    deltas
    yields   deltas, with tagged text as ReasoningPiece

For servers that leave the model's tags in the text. It's opt-in by `Profile.think_tags`, because a text may
be about the tag. A tag may be cut anywhere: text that may be the beginning of one is held until the next
piece decides, and is yielded as text if no tag follows. `raw` stays the server's payload.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from ..errors import StreamkitError
from ..state.deltas import ChoiceFinished, Delta, Payload, ReasoningPiece, Restated, StreamEnded, TextPiece

OPEN, CLOSE = "<think>", "</think>"


def split_thinking(deltas: Iterable[Delta], *, anywhere: bool) -> Iterator[Delta]:
    """Yield *deltas* with tagged text as reasoning; only at a message's start unless *anywhere*."""
    splitters: dict[Hashable, _Splitter] = {}
    try:
        for delta in deltas:
            if isinstance(delta, TextPiece):
                splitter = splitters.setdefault(delta.key, _Splitter(delta, anywhere))
                yield from splitter.feed(delta)
                continue
            if isinstance(delta, Restated) and isinstance(delta.piece, TextPiece):
                yield from _split_whole(delta.piece, anywhere)
                continue
            if isinstance(delta, ChoiceFinished | StreamEnded):
                for splitter in splitters.values():
                    if isinstance(delta, StreamEnded) or splitter.choice == delta.choice:
                        yield from splitter.flush()
            yield delta
    except StreamkitError:  # the held text had arrived before the error
        for splitter in splitters.values():
            yield from splitter.flush()
        raise
    for splitter in splitters.values():  # the body was truncated
        yield from splitter.flush()


def _split_whole(whole: TextPiece, anywhere: bool) -> Iterator[Delta]:
    """Yield a whole message as its reasoning, then its text."""
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
    """Splits the text of one message; `inside` is True between the tags."""

    def __init__(self, first: TextPiece, anywhere: bool) -> None:
        self.key, self.choice = first.key, first.choice
        self.anywhere = anywhere
        self.inside = False
        self.may_open = True
        self.after_tag = False  # white space after a tag belongs to the tag
        self.held = ""  # text that may be the beginning of a tag
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
                yield self._piece(text, logprobs)
                return
            before, found, after = text.partition(tag)
            if found:
                if before:
                    yield self._piece(before, logprobs)
                self.inside, self.after_tag = not self.inside, True
                self.may_open = self.anywhere or self.inside
                text = after
                continue
            keep = _overlap(text, tag)
            self.held = text[len(text) - keep :]
            if len(text) > keep and (self.inside or self.anywhere):
                yield self._piece(text[: len(text) - keep], logprobs)
            elif len(text) > keep:
                self.held = text  # white space, and maybe the beginning of a tag
            return

    def _can_open(self, text: str) -> bool:
        """Return True if a tag may begin in *text*: at the start of a message, after white space only."""
        if self.anywhere:
            return True
        start = text.lstrip()
        self.may_open = self.may_open and (start.startswith(OPEN) or OPEN.startswith(start))
        return self.may_open

    def flush(self) -> Iterator[Delta]:
        """Yield the held text, because no more text follows."""
        if self.held:
            held, self.held = self.held, ""
            yield self._piece(held, None)

    def _piece(self, text: str, logprobs: object) -> Delta:
        if self.inside:
            return ReasoningPiece(("reasoning", self.choice), self.choice, text, self.raw)
        return TextPiece(self.key, self.choice, text, self.raw, logprobs)


def _overlap(text: str, tag: str) -> int:
    """Return the number of characters at the end of *text* that may be the beginning of *tag*."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)

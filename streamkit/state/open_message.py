"""A message that is arriving: its text in parts, its refusal, annotations, logprobs, images and audio."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from attrs import evolve

from ..items import InputText, Item, Message, OutputText, Part, Refusal
from ..surrogates import REPLACEMENT, encodable
from .citations import Cut, moved_citations
from .deltas import Payload, Piece, RefusalPiece, TextPiece
from .join import join_audio
from .open_item import OpenItem
from .restated import lacking, takes_back, with_annotations, with_texts
from .text_buffer import TextBuffer


class OpenMessage(OpenItem):
    ATTACHMENTS = frozenset({"annotations", "part", "audio"})

    def __init__(self, kind: str, slot: int, choice: int, item_id: str | None = None) -> None:
        super().__init__(kind, slot, choice, item_id)
        self.text = TextBuffer()
        self.refusal = TextBuffer()
        self.logprobs: list[Any] = []
        self._annotations: dict[Hashable, list[Any]] = {}  # by part; None is the last one
        self._part_extra: dict[Hashable, dict[str, Any]] = {}
        self._cuts: dict[Hashable, list[Cut]] = {}  # by part: ranges that were split off

    @property
    def texts(self) -> tuple[TextBuffer, ...]:
        return self.text, self.refusal

    def attach(self, what: str, value: Any, part: Hashable = None) -> None:
        if what == "annotations":
            self._annotations.setdefault(part, []).extend(value)
        elif what == "part_extra":
            self._part_extra.setdefault(part, {}).update(value)
        elif what == "cut" and value is None:  # all of the part's text is new
            self._cuts.pop(part, None)
        elif what == "cut":
            self._cuts.setdefault(part, []).append(value)
        else:
            super().attach(what, value, part)

    def add_logprobs(self, logprobs: Any) -> Any:
        """Keep the logprobs of a piece; return them as valid UTF-8.

        They are a list of token entries; older gateways send an object of parallel lists.
        """
        logprobs = encodable(logprobs)
        if logprobs:
            self.logprobs += logprobs if isinstance(logprobs, list) else [logprobs]
        return logprobs

    def buffer_for(self, piece: Piece) -> tuple[TextBuffer, Hashable] | None:
        if isinstance(piece, TextPiece):
            return self.text, piece.part
        return (self.refusal, 0) if isinstance(piece, RefusalPiece) else None

    def lone_halves(self, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if self.text.take_half():
            yield TextPiece(key, self.choice, REPLACEMENT, raw, part=self.text.part)
        if self.refusal.take_half():
            yield RefusalPiece(key, self.choice, REPLACEMENT, raw)

    def lacking(self, whole: Item, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if isinstance(whole, Message):
            texts = [part.text for part in whole.content if isinstance(part, OutputText | InputText)]
            if rest := lacking(texts, [*self.text.parts().values()]):
                yield TextPiece(key, self.choice, rest, raw)
            if rest := lacking([whole.refusal], [str(self.refusal)]):
                yield RefusalPiece(key, self.choice, rest, raw)

    def merged(self, whole: Item) -> Item:
        if not isinstance(whole, Message):
            return whole
        if not whole.content:
            content = self._content()
            return evolve(whole, content=content) if content else whole
        content = with_texts(whole.content, [*self.text.parts().values()])
        if takes_back(whole.refusal, refusal := str(self.refusal)):
            content = [part for part in content if not isinstance(part, Refusal)] + [Refusal(refusal)]
        moved = self._moved(self.text.parts()).values()
        annotations = [each for of_part, _ in moved for each in of_part]
        content = with_annotations(content, annotations)
        return whole if content == [*whole.content] else evolve(whole, content=content)

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        return Message("assistant", self._content(), id=self.item_id, extra=self.extra)

    def _moved(self, texts: dict[Hashable, str]) -> dict[Hashable, tuple[list[Any], int]]:
        """Return the annotations by part, as they count in its text, and how many lost their offsets."""
        last = next(reversed(texts), None)
        found = {}
        for part, values in [*self._annotations.items()]:  # at once: another thread may attach more
            place = last if part is None else part
            text, cuts = texts.get(place, ""), self._cuts.get(place, ())
            found[part] = moved_citations(values, cuts, len(text))
        return found

    @property
    def lost_offsets(self) -> int:
        """The number of annotations whose offsets point into text that was split off."""
        return sum(lost for _, lost in self._moved(self.text.parts()).values()) if self._cuts else 0

    def _content(self) -> list[Part]:
        texts = self.text.parts()
        cited = (self._annotations.keys() | self._part_extra.keys()) - texts.keys() - {None}
        if cited:  # a part that arrived without text, among the others by its number
            texts = {part: texts.get(part, "") for part in sorted([*texts, *cited])}  # type: ignore[type-var]
        if not texts and (self._annotations or self.logprobs):
            texts = {None: ""}
        last = next(reversed(texts), None)
        moved = {part: found for part, (found, _) in self._moved(texts).items()}
        content: list[Part] = []
        for part, text in texts.items():
            annotations, extra = moved.get(part, []), self._part_extra.get(part, {})
            if part != last:
                content.append(OutputText(text, annotations, extra=extra))
                continue
            if part is not None:
                annotations += moved.get(None, [])
            content.append(OutputText(text, annotations, self.logprobs, extra))
        if refusal := str(self.refusal):
            content.append(Refusal(refusal))
        content += self.attached("part")
        if audio := self.attached("audio"):
            content.append(join_audio(audio))
        return content

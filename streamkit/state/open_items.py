"""Items that are still arriving: each takes pieces and attachments, and builds its item at any moment.

`accumulate` decides when an item opens and closes; an open item knows which text a piece belongs to, where an
attachment goes, and how a restatement of the whole item merges with the pieces.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias

from attrs import evolve

from ..items import (
    CustomToolCall,
    FunctionCall,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
)
from ..json_text import is_json, loads
from ..surrogates import REPLACEMENT, encodable
from .citations import Cut, moved_citations
from .deltas import CallPiece, Payload, Piece, ReasoningPiece, RefusalPiece, TextPiece
from .join import join_audio, join_details
from .restated import NO_MEMBERS, settled_arguments, whole_text, with_annotations, with_rest, with_texts
from .text_buffer import TextBuffer, lacking, takes_back


class OpenItem:
    """An item that is arriving. `is_done` once it was yielded, `whole` once the server restated it."""

    ATTACHMENTS: ClassVar[frozenset[str]] = frozenset()  # that have a place in the item

    def __init__(self, kind: str, slot: int, choice: int, item_id: str | None = None) -> None:
        self.kind = kind
        self.slot = slot
        self.choice = choice
        self.item_id = item_id
        self.is_done = False
        self.is_plain = True  # its next piece needs no look at the state; see growth.py
        self.whole: Item | None = None
        self.previous: AnyOpenItem | None = None  # the item that closed at the same key
        self._extra: dict[str, Any] = {}
        self._attached: dict[str, list[Any]] = {}

    @property
    def texts(self) -> tuple[TextBuffer, ...]:
        """The texts that grow by pieces."""
        return ()

    def settle(self) -> None:
        """Hold each text once, because the item is about to be built for good."""
        for text in self.texts:
            text.settle()

    def buffer_for(self, piece: Piece) -> tuple[TextBuffer, Hashable] | None:
        """Return the buffer, and the part in it, that *piece* extends; None if this item has no such text."""
        return None

    def closed_text(self, piece: Piece, limit: int) -> str:
        """Return the texts like *piece* of the items that closed at the key of this one; "" if they have more
        than *limit* characters.
        """
        texts: list[str] = []
        item = self.previous
        while item is not None and not isinstance(piece, CallPiece):
            found = item.buffer_for(piece)
            limit -= len(found[0]) if found is not None else 0
            if limit < 0:
                return ""
            texts += [str(found[0])] if found is not None else []
            item = item.previous
        return "".join(texts[::-1])

    def closed_before(self, limit: int) -> str:
        """Return the texts of the messages or the reasoning that closed at the key of this one; "" if they
        have more than *limit* characters.
        """
        texts: list[str] = []
        item = self.previous
        while item is not None:
            texts.append(whole_text(item.whole) if item.whole is not None else "")
            limit -= len(texts[-1])
            if limit < 0:
                return ""
            item = item.previous
        return "".join(texts[::-1])

    def missing(self, piece: Piece, *, announced: bool = False) -> str:
        """Return the end of a restated text that its pieces lack; if they differ, it corrects them."""
        found = self.buffer_for(piece)
        return "" if found is None else found[0].missing(piece.text, found[1], announced=announced)

    def replace_text(self, piece: Piece) -> None:
        """Let *piece* take the place of the text of its part."""
        found = self.buffer_for(piece)
        if found is not None:
            found[0].correct(found[1], piece.text)

    def lone_halves(self, key: Hashable, raw: Payload) -> Iterator[Piece]:
        """Yield U+FFFD for each half of a surrogate pair that still waits when the item closes."""
        yield from ()

    def attach(self, what: str, value: Any, part: Hashable = None) -> None:
        """Keep *value*, which belongs to *part*. A value without a place in the item goes to its `extra`."""
        if what == "extra":
            self._extra.update(value)
        else:
            self._attached.setdefault(what, []).append(value)

    def attached(self, what: str) -> list[Any]:
        """Return the values attached under that name, in order."""
        return self._attached.get(what, [])

    @property
    def extra(self) -> dict[str, Any]:
        """The item's `extra`, with the attachments that have no place in it."""
        attached = [*self._attached.items()]  # at once: a thread that reads may attach more meanwhile
        others = {name: values for name, values in attached if name not in self.ATTACHMENTS}
        return {**self._extra, **others}

    @property
    def is_phantom(self) -> bool:
        """An item that a gateway numbered and never filled; it is left out."""
        return False

    def is_complete(self, *, cut: bool, trusts_empty: bool = False) -> bool:
        """Return True if the item may close.

        *cut*: the server stopped before the model was done. *trusts_empty*: empty arguments count as none.
        """
        return True

    def lacking(self, whole: Item, key: Hashable, raw: Payload) -> Iterator[Piece]:
        """Yield the texts of *whole* that no piece contained, as pieces with that *key* and payload."""
        yield from ()

    def merged(self, whole: Item) -> Item:
        """Return *whole* with the pieces in the places that it leaves empty."""
        return whole

    def restate(self, whole: Item) -> Item:
        """Let *whole*, merged with the pieces, be the item; return it."""
        self.settle()
        self.whole = self.merged(whole)
        return self.whole

    def build(self) -> Item:
        """Return the item as far as it has arrived."""
        raise TypeError(f"{type(self).__name__} has no item of its own")

    def final(self) -> Item:
        """Return the item as it is yielded."""
        self.settle()
        return self.build()


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


class OpenReasoning(OpenItem):
    ATTACHMENTS = frozenset({"details", "encrypted", "field_name"})

    def __init__(self, kind: str, slot: int, choice: int, item_id: str | None = None) -> None:
        super().__init__(kind, slot, choice, item_id)
        self.text = TextBuffer(itemgetter(0))  # its parts are (kind, part)

    @property
    def texts(self) -> tuple[TextBuffer, ...]:
        return (self.text,)

    def buffer_for(self, piece: Piece) -> tuple[TextBuffer, Hashable] | None:
        return (self.text, (piece.kind, piece.part)) if isinstance(piece, ReasoningPiece) else None

    def lone_halves(self, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if self.text.take_half():
            kind, part = self.text.part
            yield ReasoningPiece(key, self.choice, REPLACEMENT, raw, kind, part)

    def lacking(self, whole: Item, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if isinstance(whole, Reasoning):
            if rest := lacking(whole.content, self._parts("text")):
                yield ReasoningPiece(key, self.choice, rest, raw)
            if rest := lacking(whole.summary, self._parts("summary")):
                yield ReasoningPiece(key, self.choice, rest, raw, "summary")

    def merged(self, whole: Item) -> Item:
        if not isinstance(whole, Reasoning):
            return whole
        content = with_rest(whole.content, self._parts("text"))
        return evolve(whole, content=content, summary=with_rest(whole.summary, self._parts("summary")))

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        details = [each for values in self.attached("details") for each in values]
        return Reasoning(
            id=self.item_id,
            summary=self._parts("summary"),
            content=self._parts("text"),
            encrypted_content=next(reversed(self.attached("encrypted")), None),
            details=encodable(join_details(details)),
            extra=self.extra,
            field_name=next(iter(self.attached("field_name")), None),
        )

    def _parts(self, kind: str) -> list[str]:
        parts = self.text.parts().items()
        return [text for part, text in parts if isinstance(part, tuple) and part[0] == kind]


class OpenCall(OpenItem):
    ATTACHMENTS = frozenset({"signature", "unread"})

    def __init__(self, kind: str, slot: int, choice: int, item_id: str | None = None) -> None:
        super().__init__(kind, slot, choice, item_id)
        self.call_id: str | None = None
        self.name: str | None = None
        self.arguments = TextBuffer()
        self.is_repeat = False  # of another call: it isn't part of the answer
        self.gaps: list[int] = []  # the offsets in the arguments at which a frame couldn't be read

    def fault(self) -> str:
        """Return the reason why the call isn't complete, for a warning."""
        if self.is_torn:
            return "a frame was lost in its arguments"
        unread = self.attached("unread")
        if unread and _is_blank(str(self.arguments)):
            return f"its arguments can't be read: {unread[0]!r:.120}"
        return "its arguments aren't complete"

    @property
    def is_nameless(self) -> bool:
        """True if there are arguments, and no call that they belong to."""
        return not (self.name or getattr(self.whole, "name", None)) and not _is_blank(str(self.arguments))

    @property
    def is_empty(self) -> bool:
        """True if no arguments have arrived, and the server hasn't restated the call."""
        return self.whole is None and not self.is_repeat and _is_blank(str(self.arguments))

    @property
    def is_unfit(self) -> bool:
        """True if there are arguments, and they aren't complete."""
        if self.is_done or self.is_repeat or _is_blank(str(self.arguments)):
            return False
        return not self.is_complete(cut=False)

    @property
    def texts(self) -> tuple[TextBuffer, ...]:
        return (self.arguments,)

    def buffer_for(self, piece: Piece) -> tuple[TextBuffer, Hashable] | None:
        return (self.arguments, 0) if isinstance(piece, CallPiece) else None

    def missing(self, piece: Piece, *, announced: bool = False) -> str:
        if not piece.text:
            return ""
        pieces = str(self.arguments)
        settled = settled_arguments(piece.text, pieces, self.kind)
        if settled == piece.text and not _is_blank(settled):
            self.gaps.clear()
        if settled == pieces:
            return ""
        if takes_back(settled, pieces):
            self.arguments.correct(0, settled)
            return ""
        return super().missing(piece)

    def keep_copy(self, text: str) -> None:
        """Keep only *text*, one of the copies in the arguments, and the gaps in it."""
        start = str(self.arguments).rfind(text)
        self.gaps = [gap - start for gap in self.gaps if start < gap < start + len(text)]
        self.arguments.correct(0, text)

    def lone_halves(self, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if self.arguments.take_half():
            yield CallPiece(key, self.choice, REPLACEMENT, raw)

    def lacking(self, whole: Item, key: Hashable, raw: Payload) -> Iterator[Piece]:
        if isinstance(whole, FunctionCall | CustomToolCall):
            rest = lacking([_arguments_of(self.merged(whole))], [str(self.arguments)])
            if rest or self.call_id != whole.call_id:
                yield CallPiece(key, self.choice, rest, raw, whole.call_id, whole.name or None)

    def merged(self, whole: Item) -> Item:
        if not isinstance(whole, FunctionCall | CustomToolCall):
            return whole
        name, call_id = whole.name or self.name or "", whole.call_id or self.call_id
        pieces = str(self.arguments)
        if isinstance(whole, CustomToolCall):
            text = settled_arguments(whole.input, pieces, self.kind)
            return evolve(whole, name=name, call_id=call_id, input=text)
        text = settled_arguments(whole.arguments, pieces)
        return evolve(whole, name=name, call_id=call_id, arguments=text)

    def restate(self, whole: Item) -> Item:
        merged = super().restate(whole)
        if not _is_blank(_arguments_of(whole)) and _arguments_of(merged) == _arguments_of(whole):
            self.gaps.clear()
        return merged

    def build(self) -> Item:
        status = None if self.is_done or self.is_complete(cut=True) else "incomplete"
        if isinstance(self.whole, FunctionCall | CustomToolCall):
            return self.whole if status is None else evolve(self.whole, status=status)
        return self._build(status)

    def final(self) -> Item:
        self.settle()
        return self.whole if self.whole is not None else self._build(None)

    def _build(self, status: str | None) -> Item:
        text = str(self.arguments)
        if self.kind == "custom_tool_call":
            return CustomToolCall(self.call_id, self.name or "", text, self.item_id, status, self.extra)
        signature = next(reversed(self.attached("signature")), None)
        return FunctionCall(self.call_id, self.name or "", text, self.item_id, signature, status, self.extra)

    def is_complete(self, *, cut: bool, trusts_empty: bool = False) -> bool:
        """Return True if the call has a name and its arguments are complete JSON, with no part lost.

        Empty arguments are complete if the server restated the call, or if *trusts_empty*. After a *cut* only
        an object counts: `12` may be the beginning of `123`, restated or not (vLLM). A custom call's text
        is complete only at an ending that isn't a cut.
        """
        whole = self.whole
        if getattr(whole, "status", None) == "incomplete" or self.is_torn:
            return False
        if not (self.name or getattr(whole, "name", None)):
            return False
        if self.kind == "custom_tool_call":
            is_unread = not str(self.arguments) and bool(self.attached("unread"))
            return whole is not None or not (cut or is_unread)
        text = (whole.arguments if isinstance(whole, FunctionCall) else str(self.arguments)).strip(_BLANKS)
        if _is_blank(text):
            return whole is not None or (trusts_empty and not cut and not self.attached("unread"))
        return (text.startswith("{") or not cut) and is_json(text)

    @property
    def is_torn(self) -> bool:
        """True if a frame that couldn't be read may have contained a part of the arguments.

        A frame between the first and the last character of an object may have; one before or after it
        can't. Where empty arguments, free text and other values end isn't known, so there any frame may have.
        """
        if not self.gaps:
            return False
        text = str(self.arguments)
        start, end = len(text) - len(text.lstrip(_BLANKS)), len(text.rstrip(_BLANKS))
        if self.kind == "custom_tool_call" or NO_MEMBERS.fullmatch(text):
            return True
        if not text.startswith("{", start):
            return self.gaps[-1] > start
        return any(start < gap < end for gap in self.gaps)

    @property
    def is_phantom(self) -> bool:
        if self.is_repeat:
            return not self.is_done
        has_facts = self.is_done or self.whole or self.name or self.call_id
        return not has_facts and _is_blank(str(self.arguments))


class OpenOther(OpenItem):
    """An item of a kind that only its announcement or restatement describes: hosted tools, new kinds."""

    def __init__(self, kind: str, slot: int, choice: int, item_id: str | None, opening: Payload) -> None:
        super().__init__(kind, slot, choice, item_id)
        self._opening = opening

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        item = self._opening.get("item")
        if not isinstance(item, dict):
            item = {"type": self.kind} if self.item_id is None else {"type": self.kind, "id": self.item_id}
        item = {**item, **self._extra}
        pieces = "".join(self.attached("input"))
        if pieces.strip(_BLANKS):
            item["input"] = loads(pieces) if is_json(pieces) else pieces
        return UnknownItem(encodable(item))


AnyOpenItem: TypeAlias = OpenMessage | OpenReasoning | OpenCall | OpenOther
_CLASSES: dict[str, type[OpenMessage | OpenReasoning | OpenCall]] = {
    "message": OpenMessage,
    "reasoning": OpenReasoning,
    "function_call": OpenCall,
    "custom_tool_call": OpenCall,
}


def open_item(kind: str, slot: int, choice: int, item_id: str | None, raw: Payload) -> AnyOpenItem:
    """Return an empty open item of *kind*, the item's `type`."""
    cls = _CLASSES.get(kind)
    return OpenOther(kind, slot, choice, item_id, raw) if cls is None else cls(kind, slot, choice, item_id)


def _arguments_of(call: Item) -> str:
    return call.input if isinstance(call, CustomToolCall) else getattr(call, "arguments", "")


_BLANKS = " \t\r\n"  # the white space of JSON


def _is_blank(arguments: str) -> bool:
    return arguments.strip(_BLANKS) in ("", "null")

"""The kinds of items that are still arriving, and the one for each `type`.

Each takes pieces and attachments, and builds its item at any moment; see open_item.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from operator import itemgetter
from typing import TypeAlias

from attrs import evolve

from ..items import Item, Reasoning, UnknownItem
from ..json_text import is_json, loads
from ..surrogates import REPLACEMENT, encodable
from .deltas import Payload, Piece, ReasoningPiece
from .join import join_details
from .open_call import BLANKS, OpenCall
from .open_item import OpenItem
from .open_message import OpenMessage
from .restated import lacking, with_rest
from .text_buffer import TextBuffer


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
        if pieces.strip(BLANKS):
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

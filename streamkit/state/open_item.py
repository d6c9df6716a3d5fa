"""`OpenItem`: an item that is arriving; open_items.py has the kinds.

`accumulate` decides when an item opens and closes; an open item knows which text a piece belongs to, where an
attachment goes, and how a restatement of the whole item merges with the pieces.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ..items import Item
from .deltas import CallPiece, Payload, Piece
from .restated import whole_text
from .text_buffer import TextBuffer

if TYPE_CHECKING:
    from .open_items import AnyOpenItem


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
        if isinstance(piece, CallPiece):
            return ""
        buffers = (item.buffer_for(piece) for item in self._closed())
        return _joined((found[0] for found in buffers if found is not None), limit)

    def closed_before(self, limit: int) -> str:
        """Return the texts of the messages or the reasoning that closed at the key of this one; "" if they
        have more than *limit* characters.
        """
        return _joined((whole_text(item.whole) for item in self._closed() if item.whole is not None), limit)

    def _closed(self) -> Iterator[AnyOpenItem]:
        """Yield the items that closed at the key of this one, the last one first."""
        item = self.previous
        while item is not None:
            yield item
            item = item.previous

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


def _joined(texts: Iterable[TextBuffer | str], limit: int) -> str:
    """Return *texts*, the last one of which is first; "" if they have more than *limit* characters."""
    found = []
    for text in texts:
        limit -= len(text)
        if limit < 0:
            return ""
        found.append(str(text))
    return "".join(found[::-1])

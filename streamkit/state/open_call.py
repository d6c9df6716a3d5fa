"""A call that is arriving: its arguments, and whether they are complete."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from attrs import evolve

from ..items import CustomToolCall, FunctionCall, Item
from ..json_text import is_json
from ..surrogates import REPLACEMENT
from .deltas import CallPiece, Payload, Piece
from .open_item import OpenItem
from .restated import NO_MEMBERS, lacking, settled_arguments, takes_back
from .text_buffer import TextBuffer

BLANKS = " \t\r\n"  # the white space of JSON


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
        text = (whole.arguments if isinstance(whole, FunctionCall) else str(self.arguments)).strip(BLANKS)
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
        start, end = len(text) - len(text.lstrip(BLANKS)), len(text.rstrip(BLANKS))
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


def _arguments_of(call: Item) -> str:
    return call.input if isinstance(call, CustomToolCall) else getattr(call, "arguments", "")


def _is_blank(arguments: str) -> bool:
    return arguments.strip(BLANKS) in ("", "null")

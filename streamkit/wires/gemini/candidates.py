"""The parts of one candidate of Gemini -> deltas of items, in the order of the parts.

| part | item |
|---|---|
| text | a part of a Message; a signed text is a part of its own |
| text with `thought` | Reasoning, as a summary |
| functionCall, whole or in pieces | FunctionCall |
| inlineData | OutputImage or OutputAudio in a Message of its own; a draft image is in `Reasoning.details` |
| any other: code, its result, server tools, new kinds | UnknownItem with the whole part |

Rule: a signature stays with the part that it arrived on. calls.py reads the calls.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ...items import OutputImage, UnknownItem, UnknownPart
from ...state.answer import AnswerState
from ...state.deltas import (
    Attached,
    Delta,
    ItemClosed,
    ItemOpened,
    Leftover,
    Payload,
    Piece,
    ReasoningPiece,
    TextPiece,
    WholeItem,
)
from .calls import Calls
from .fields import SIGNATURE, camel, get, object_in, objects_in, string_in

# The field with the data of a part, for the kinds that are known.
_VERBATIM = (
    *("executableCode", "codeExecutionResult", "toolCall", "toolResponse"),
    *("fileData", "functionResponse"),
)
DATA = ("text", "functionCall", "inlineData", *_VERBATIM)
_DATA = frozenset(DATA)
_MODIFIERS = frozenset(("thought", SIGNATURE))


class Candidate:
    """One candidate: the item that grows now, and the number of its parts."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self.choice = choice
        self._count = 0  # items so far
        self._kind: str | None = None  # of the item that grows
        self.key: Hashable = None
        self.part = 0  # of the message that grows
        self.calls = Calls(choice, state)

    def read_parts(self, content: Payload, payload: Payload) -> Iterator[Delta]:
        """Yield the deltas of the parts of *content*; the payload once, if a part is of a new kind."""
        parts = objects_in(content, "parts")
        for part in parts:
            yield from self._read_part(part, payload)
        if any(map(_is_news, parts)):
            yield Leftover(payload, news=True)

    def _read_part(self, part: Payload, payload: Payload) -> Iterator[Delta]:
        found = [name for name in DATA if get(part, name) is not None]
        if len(found) > 1:  # one of each kind, in order; what is next to them belongs to the last
            for name in found:
                others = {key for key in part if camel(key) in _DATA and camel(key) != name}
                around = others if name == found[-1] else {key for key in part if camel(key) != name}
                yield from self._read_part({k: v for k, v in part.items() if k not in around}, payload)
            return
        data = found[0] if found else None
        signature = string_in(part, SIGNATURE)
        if data == "text" and type(get(part, "text")) is str:
            read = self._read_thought if part.get("thought") is True else self._read_text
            yield from read(get(part, "text"), signature, part, payload)
        elif data == "functionCall":
            call = object_in(part, data)
            if not self.calls.continues(call):
                yield from self._end(payload)
            yield from self.calls.read(call, signature, payload)
        elif data == "inlineData":
            yield from self._read_inline(part, signature, payload)
        elif data is not None or part.keys() - _MODIFIERS:
            kind = data or next(name for name in part if name not in _MODIFIERS)
            yield from self._read_verbatim(kind, part, payload)
        elif signature:
            yield from self._read_state(part, payload)

    def piece(self, part: Payload, payload: Payload) -> Piece | None:
        """Return the delta of a part that only continues the item that grows; None for any other part."""
        text = part.get("text")
        if type(text) is not str or not text:
            return None
        if self._kind == "message" and len(part) == 1:
            return TextPiece(self.key, self.choice, text, payload, part=self.part)
        if self._kind == "thought" and len(part) == 2 and part.get("thought") is True:
            return ReasoningPiece(self.key, self.choice, text, payload, "summary")
        return None

    # -- the item that grows --------------------------------------------------------------

    def _grow(self, kind: str, payload: Payload) -> Iterator[Delta]:
        """Make the item that grows one of *kind*; the one before is over."""
        if self._kind == kind:
            return
        yield from self._end(payload)
        self._count += 1
        self._kind, self.key, self.part = kind, (kind, self.choice, self._count), 0

    def _end(self, payload: Payload) -> Iterator[Delta]:
        if self._kind is not None:
            yield ItemClosed(self.key, payload)
        self._kind = None

    def _next_key(self, kind: str) -> Hashable:
        self._count += 1
        return kind, self.choice, self._count

    # -- text and thoughts ----------------------------------------------------------------

    def _read_text(
        self, text: str, signature: str | None, part: Payload, payload: Payload
    ) -> Iterator[Delta]:
        if not text and signature is None:
            return
        if not text and self._kind != "message":
            yield from self._read_state({**part, "text": ""}, payload)
            return
        yield from self._grow("message", payload)
        if signature is None:
            yield TextPiece(self.key, self.choice, text, payload, part=self.part)
            return
        self.part += 1
        if text:
            yield TextPiece(self.key, self.choice, text, payload, part=self.part)
        signed = {SIGNATURE: signature}
        yield Attached(self.key, self.choice, "part_extra", signed, payload, part=self.part)
        self.part += 1

    def _read_state(self, part: Payload, payload: Payload) -> Iterator[Delta]:
        """Read a signature without content, and with no message that it could belong to."""
        yield from self._grow("state", payload)
        yield Attached(self.key, self.choice, "details", [part], payload, "reasoning")
        yield from self._end(payload)

    def _read_thought(
        self, text: str, signature: str | None, part: Payload, payload: Payload
    ) -> Iterator[Delta]:
        if not text and signature is None:
            return
        yield from self._grow("thought", payload)
        if text:
            yield ReasoningPiece(self.key, self.choice, text, payload, "summary")
        if signature is not None:
            signed = {"thought": True, SIGNATURE: signature}
            yield Attached(self.key, self.choice, "details", [signed], payload, "reasoning")
            yield from self._end(payload)

    # -- files and other parts ------------------------------------------------------------

    def _read_inline(self, part: Payload, signature: str | None, payload: Payload) -> Iterator[Delta]:
        inline = object_in(part, "inlineData")
        media_type, data = string_in(inline, "mimeType") or "", string_in(inline, "data") or ""
        if part.get("thought") is True:
            yield from self._grow("thought", payload)
            yield Attached(self.key, self.choice, "details", [part], payload, "reasoning")
            return
        signed = {SIGNATURE: signature} if signature else {}
        if media_type.startswith("audio/"):
            yield from self._grow("audio", payload)
            sound = {"data": data, "mimeType": media_type, **signed}
            yield Attached(self.key, self.choice, "audio", sound, payload)
            return
        yield from self._grow("media", payload)
        media: OutputImage | UnknownPart = UnknownPart(part)
        if media_type.startswith("image/"):
            media = OutputImage(f"data:{media_type};base64,{data}", extra=signed)
        yield Attached(self.key, self.choice, "part", media, payload)

    def _read_verbatim(self, kind: str, part: Payload, payload: Payload) -> Iterator[Delta]:
        yield from self._end(payload)
        key = self._next_key(kind)
        inner = object_in(part, kind)
        yield ItemOpened(key, self.choice, kind, payload, string_in(inner, "id"))
        yield WholeItem(key, self.choice, UnknownItem(part), payload)


def _is_news(part: Payload) -> bool:
    """Return True if *part* has data, but of no kind that is known, or of another type."""
    data = next((name for name in DATA if get(part, name) is not None), None)
    if data == "text":
        return type(get(part, "text")) is not str
    return data is None and bool(part.keys() - _MODIFIERS)

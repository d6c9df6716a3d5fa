"""The parts of one candidate of Gemini -> deltas of items, in the order of the parts.

| part | item |
|---|---|
| text | a part of a Message; a signed text is a part of its own |
| text with `thought` | Reasoning, as a summary |
| functionCall, whole or in pieces | FunctionCall |
| inlineData | OutputImage or OutputAudio in a Message of its own; a draft image is in `Reasoning.details` |
| any other: code, its result, server tools, new kinds | UnknownItem with the whole part |

Rules: a signature stays with the part that it arrived on. A call without an id gets one that begins with
`MINTED`; it never goes to the server. Nothing else is made up.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Any

from ...items import OutputImage, UnknownItem, UnknownPart
from ...json_text import is_json, json_hash, loads
from ...state.answer import AnswerState
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    ItemClosed,
    ItemOpened,
    Leftover,
    Payload,
    Piece,
    ReasoningPiece,
    Restated,
    TextPiece,
    WholeItem,
)
from ..fields import ARGUMENTS
from .fields import camel, get, object_in, objects_in, string_in
from .partial_args import PartialArgs, path_of, set_value, value_in

MINTED = "minted_"
SIGNATURE = "thoughtSignature"
# The field with the data of a part, for the kinds that are known.
_VERBATIM = (
    *("executableCode", "codeExecutionResult", "toolCall", "toolResponse"),
    *("fileData", "functionResponse"),
)
DATA = ("text", "functionCall", "inlineData", *_VERBATIM)
_DATA = frozenset(DATA)
_MODIFIERS = frozenset(("thought", SIGNATURE))
_CALL = frozenset(("name", "args", "id", "partialArgs", "willContinue", SIGNATURE))


class _OpenCall:
    """A call whose arguments arrive in pieces."""

    def __init__(self, key: Hashable, call_id: str, name: str | None) -> None:
        self.key = key
        self.call_id = call_id
        self.name = name
        self.text = PartialArgs()
        self.tree: dict[str, Any] | None = None  # the arguments, from the first one on that is out of order
        self.goes_on = False  # the last value isn't whole
        self.fields: Payload = {}  # without a place of their own


class Candidate:
    """One candidate: the item that grows now, and the number of its parts."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self.choice = choice
        self._state = state
        self._count = 0  # items so far
        self._kind: str | None = None  # of the item that grows
        self.key: Hashable = None
        self.part = 0  # of the message that grows
        self._call: _OpenCall | None = None
        self._calls = 0
        self._told: set[tuple[str | None, str | None, int]] = (
            set()
        )  # the id, name and arguments of whole calls

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
            yield from self._read_call(object_in(part, data), signature, part, payload)
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

    # -- calls ----------------------------------------------------------------------------

    def _read_call(
        self, call: Payload, signature: str | None, part: Payload, payload: Payload
    ) -> Iterator[Delta]:
        name, goes_on = string_in(call, "name"), get(call, "willContinue") is True
        pieces = objects_in(call, "partialArgs")
        is_next = self._call is not None or not call  # an empty one ends a call
        if (name is None and is_next) or self._continues(name, call):
            if self._call is not None:
                yield from self._facts(self._call.key, call, signature, payload, self._call.fields)
            yield from self._grow_call(call, pieces, goes_on, payload)
            return
        yield from self._end(payload)
        yield from self.close_call(payload, whole=True)
        key = self._next_key("call")
        self._calls += 1
        call_id = string_in(call, "id") or f"{MINTED}{self._state.id or 'call'}_{self.choice}_{self._calls}"
        if not (goes_on or pieces):
            yield from self._whole_call(key, call, call_id, name, signature, payload)
            return
        self._call = _OpenCall(key, call_id, name)
        yield CallPiece(key, self.choice, "", payload, call_id, name)
        yield from self._facts(key, call, signature, payload, self._call.fields)
        yield from self._grow_call(call, pieces, goes_on, payload)

    def _whole_call(
        self,
        key: Hashable,
        call: Payload,
        call_id: str,
        name: str | None,
        signature: str | None,
        payload: Payload,
    ) -> Iterator[Delta]:
        """Read a call with all of its arguments. One with the id of another repeats it, unless it differs."""
        arguments, source, unread = _arguments_in(call)
        facts = (string_in(call, "id"), name, json_hash(arguments))
        if facts[0] is not None and facts in self._told:
            yield Leftover(payload, news=True)
            return
        self._told.add(facts)
        yield CallPiece(key, self.choice, arguments, payload, call_id, name)
        if unread:
            yield Attached(key, self.choice, "unread", unread, payload, "function_call")
        rest = {k: v for k, v in call.items() if k != source}
        yield from self._facts(key, rest, signature, payload, {})
        yield ItemClosed(key, payload)

    def _continues(self, name: str | None, call: Payload) -> bool:
        """Return True if *call* is a piece of the open call, whose id and name a server may repeat."""
        opened = self._call
        return opened is not None and opened.name == name and string_in(call, "id") == opened.call_id

    def _facts(
        self, key: Hashable, call: Payload, signature: str | None, payload: Payload, fields: Payload
    ) -> Iterator[Delta]:
        """Attach the signature of a call, and *fields*, those without a place of their own, with new ones.

        They are in the call's `extra` under `functionCall`, as those that a caller writes.
        """
        signature = signature or string_in(call, SIGNATURE)
        if signature is not None:
            yield Attached(key, self.choice, "signature", signature, payload, "function_call")
        news = {name: value for name, value in call.items() if camel(name) not in _CALL and value is not None}
        if news:
            fields |= news
            yield Attached(key, self.choice, "extra", {"functionCall": {**fields}}, payload, "function_call")

    def _grow_call(
        self, call: Payload, pieces: list[Payload], goes_on: bool, payload: Payload
    ) -> Iterator[Delta]:
        """Add pieces to the open call; without `willContinue` they are its last ones."""
        opened = self._call
        if opened is None:
            yield Leftover(payload, news=bool(call))
            return
        args = get(call, "args")
        if type(args) is dict and args:  # the values whole, between or behind the pieces
            opened.tree, opened.goes_on = self._tree_of(opened), False
            opened.tree.update(args)
        for piece in pieces:
            opened.goes_on = get(piece, "willContinue") is True
            if text := self._text_of(piece, opened):
                yield CallPiece(opened.key, self.choice, text, payload, opened.call_id, opened.name)
        if not goes_on:
            yield from self.close_call(payload, whole=True)

    def _text_of(self, piece: Payload, call: _OpenCall) -> str:
        """Return the text that *piece* adds; "" if it is out of order: then the end states all arguments."""
        if call.tree is None:
            text = call.text.add(piece)
            if text is not None:
                return text
            call.tree = self._tree_of(call)
        path, (known, value) = path_of(str(get(piece, "jsonPath") or "")), value_in(piece)
        if path and known:
            set_value(call.tree, path, value)
        return ""

    def _tree_of(self, call: _OpenCall) -> dict[str, Any]:
        """Return the arguments so far of the open call."""
        if call.tree is not None:
            return call.tree
        so_far = self._state.arguments(call.key) + call.text.end()
        return loads(so_far) if is_json(so_far) else {}

    def finish_call(self, payload: Payload, *, good: bool) -> Iterator[Delta]:
        """Close the call that is open at the finish. After a *good* one it is whole, unless its last value
        was to go on.
        """
        whole = good and not (self._call is not None and self._call.goes_on)
        yield from self.close_call(payload, whole=whole)

    def close_call(self, payload: Payload, *, whole: bool) -> Iterator[Delta]:
        """Close the call whose arguments arrive in pieces; without *whole*, it was cut."""
        opened, self._call = self._call, None
        if opened is None:
            return
        facts = (opened.call_id, opened.name)
        if whole and not opened.call_id.startswith(MINTED):
            self._told.add((*facts, json_hash(json.dumps(self._tree_of(opened)))))
        if whole and opened.tree is not None:
            text = _arguments(opened.tree)
            yield Restated(CallPiece(opened.key, self.choice, text, payload, *facts), withdraws=True)
        elif whole:
            yield CallPiece(opened.key, self.choice, opened.text.end(), payload, *facts)
        yield ItemClosed(opened.key, payload)


def _is_news(part: Payload) -> bool:
    """Return True if *part* has data, but of no kind that is known, or of another type."""
    data = next((name for name in DATA if get(part, name) is not None), None)
    if data == "text":
        return type(get(part, "text")) is not str
    return data is None and bool(part.keys() - _MODIFIERS)


def _arguments_in(call: Payload) -> tuple[str, str | None, Payload]:
    """Return the arguments of a call, the name that a proxy has for `args`, and fields that may be arguments
    and aren't read.
    """
    args = get(call, "args")
    if args is not None:
        return _arguments(args), None, {}
    others = {name: value for name, value in call.items() if camel(name) not in _CALL and value}
    for name in ARGUMENTS:
        text = _arguments(others.get(name))
        if name in others and text.startswith("{"):
            return text, name, {}
    unread = {
        name: value for name, value in others.items() if type(value) in (dict, list) or name in ARGUMENTS
    }
    return "" if unread else "{}", None, unread


def _arguments(args: Any) -> str:
    """Return the arguments as JSON text, `{}` if there are none, as the API means it.

    The text of an object, from a proxy that didn't decode it, is the arguments already.
    """
    if type(args) is str and args[:1] == "{" and is_json(args):
        return args
    return json.dumps({} if args is None else args, ensure_ascii=False, separators=(",", ":"))

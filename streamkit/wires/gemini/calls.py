"""The calls of one candidate of Gemini, whole or in pieces -> deltas of their items.

    takes    the `functionCall` of a part, and its signature; the finish
    yields   CallPiece, Attached, Restated, ItemClosed; Leftover for a call that repeats another

Rules: a call without an id gets one that begins with `MINTED`; it never goes to the server. A whole call with
the id of another repeats it, unless it differs. Arguments that arrive out of order are stated whole at the
end.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Any

from ...json_text import is_json, json_hash, loads
from ...state.answer import AnswerState
from ...state.deltas import Attached, CallPiece, Delta, ItemClosed, Leftover, Payload, Restated
from ..fields import ARGUMENTS
from .fields import SIGNATURE, camel, get, objects_in, string_in
from .partial_args import PartialArgs, path_of, set_value, value_in

MINTED = "minted_"
_KNOWN = frozenset(("name", "args", "id", "partialArgs", "willContinue", SIGNATURE))


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


class Calls:
    """The calls of one candidate; one of them may be open."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self._choice = choice
        self._state = state
        self._open: _OpenCall | None = None
        self._count = 0
        # The id, name and arguments of whole calls.
        self._told: set[tuple[str | None, str | None, int]] = set()

    def continues(self, call: Payload) -> bool:
        """Return True if *call* is a piece of the open call: without a name, or with its name and id.

        An empty one ends a call.
        """
        name, opened = string_in(call, "name"), self._open
        if opened is None:
            return not call
        return name is None or (opened.name == name and string_in(call, "id") == opened.call_id)

    def read(self, call: Payload, signature: str | None, payload: Payload) -> Iterator[Delta]:
        """Read a call, or a piece of the open one."""
        name, goes_on = string_in(call, "name"), get(call, "willContinue") is True
        pieces = objects_in(call, "partialArgs")
        if self.continues(call):
            if self._open is not None:
                yield from self._facts(self._open.key, call, signature, payload, self._open.fields)
            yield from self._grow(call, pieces, goes_on, payload)
            return
        yield from self._close(payload, whole=True)
        self._count += 1
        key = ("functionCall", self._choice, self._count)
        call_id = string_in(call, "id") or f"{MINTED}{self._state.id or 'call'}_{self._choice}_{self._count}"
        if not (goes_on or pieces):
            yield from self._whole_call(key, call, call_id, name, signature, payload)
            return
        self._open = _OpenCall(key, call_id, name)
        yield CallPiece(key, self._choice, "", payload, call_id, name)
        yield from self._facts(key, call, signature, payload, self._open.fields)
        yield from self._grow(call, pieces, goes_on, payload)

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
        yield CallPiece(key, self._choice, arguments, payload, call_id, name)
        if unread:
            yield Attached(key, self._choice, "unread", unread, payload, "function_call")
        rest = {k: v for k, v in call.items() if k != source}
        yield from self._facts(key, rest, signature, payload, {})
        yield ItemClosed(key, payload)

    def _facts(
        self, key: Hashable, call: Payload, signature: str | None, payload: Payload, fields: Payload
    ) -> Iterator[Delta]:
        """Attach the signature of a call, and *fields*, those without a place of their own, with new ones.

        They are in the call's `extra` under `functionCall`, as those that a caller writes.
        """
        signature = signature or string_in(call, SIGNATURE)
        if signature is not None:
            yield Attached(key, self._choice, "signature", signature, payload, "function_call")
        news = {
            name: value for name, value in call.items() if camel(name) not in _KNOWN and value is not None
        }
        if news:
            fields |= news
            yield Attached(key, self._choice, "extra", {"functionCall": {**fields}}, payload, "function_call")

    def _grow(self, call: Payload, pieces: list[Payload], goes_on: bool, payload: Payload) -> Iterator[Delta]:
        """Add pieces to the open call; without `willContinue` they are its last ones."""
        opened = self._open
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
                yield CallPiece(opened.key, self._choice, text, payload, opened.call_id, opened.name)
        if not goes_on:
            yield from self._close(payload, whole=True)

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

    def finish(self, payload: Payload, *, good: bool) -> Iterator[Delta]:
        """Close the call that is open at the finish. After a *good* one it is whole, unless its last value
        was to go on.
        """
        whole = good and not (self._open is not None and self._open.goes_on)
        yield from self._close(payload, whole=whole)

    def _close(self, payload: Payload, *, whole: bool) -> Iterator[Delta]:
        """Close the call whose arguments arrive in pieces; without *whole*, it was cut."""
        opened, self._open = self._open, None
        if opened is None:
            return
        facts = (opened.call_id, opened.name)
        if whole and not opened.call_id.startswith(MINTED):
            self._told.add((*facts, json_hash(json.dumps(self._tree_of(opened)))))
        if whole and opened.tree is not None:
            text = _arguments(opened.tree)
            yield Restated(CallPiece(opened.key, self._choice, text, payload, *facts), withdraws=True)
        elif whole:
            yield CallPiece(opened.key, self._choice, opened.text.end(), payload, *facts)
        yield ItemClosed(opened.key, payload)


def _arguments_in(call: Payload) -> tuple[str, str | None, Payload]:
    """Return the arguments of a call, the name that a proxy has for `args`, and fields that may be arguments
    and aren't read.
    """
    args = get(call, "args")
    if args is not None:
        return _arguments(args), None, {}
    others = {name: value for name, value in call.items() if camel(name) not in _KNOWN and value}
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

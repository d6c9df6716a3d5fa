"""Entries of `tool_calls` -> the calls that they belong to.

Strategy. An entry belongs to the call at its index. Without an index, it belongs to the call with its id,
else to the last call. An index or id seen for the first time opens a call. At a place in use, an entry opens
another call only by one of these rules, each a function in `_OPENS_ANOTHER`:

1. `_announces_another`: another id with a name, if the name differs or the entry has no arguments. Gateways
   that number every call 0 announce the next call like this. Gateways that mint an id for each fragment
   don't: their names are empty or repeated, and arguments follow.
2. `_begins_another_object`: another id, or a name without an id, with arguments that begin an object, after
   the call's own arguments are a complete object. Two JSON objects in a row are never one. The name may have
   come in the entry before, without arguments.
3. `_has_another_name`: another name, without index and id.

The first id wins. A name may arrive late, repeated or in pieces, but not after the arguments began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from ...state.answer import AnswerState
from ...state.deltas import Payload

_KEYS = frozenset(("index", "id", "type", "function", "custom"))
_CONTINUED = _KEYS - {"custom"}


class CallEntry(NamedTuple):
    """The facts in one entry of `tool_calls`; None for each that it lacks."""

    place: int | str | None  # its index
    call_id: str | None
    name: str | None
    arguments: Any
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    extra: Payload | None = None


def list_calls(source: Payload) -> list[CallEntry]:
    """Return the entries of a delta or message, by index; the legacy `function_call` is one of them."""
    listed = source.get("tool_calls")
    entries = [_read_entry(e) for e in listed if type(e) is dict] if type(listed) is list else []
    if len(entries) > 1 and all(type(entry.place) is int for entry in entries):
        entries.sort(key=lambda entry: entry.place)  # type: ignore[arg-type, return-value]
    legacy = source.get("function_call")
    if type(legacy) is dict:
        entries.append(_read_entry({"index": "function_call", "function": legacy}))
    return entries


def _read_entry(entry: Payload) -> CallEntry:
    place = entry.get("index")
    if type(place) is not int:
        place = _place(place)
    call_id, function, custom = _text(entry.get("id")), entry.get("function"), entry.get("custom")
    extra = None
    if not entry.keys() <= _KEYS:
        extra = {key: value for key, value in entry.items() if key not in _KEYS and value is not None}
    if type(custom) is dict:
        name = _text(custom.get("name"))
        return CallEntry(place, call_id, name, custom.get("input"), "custom_tool_call", extra)
    if type(function) is dict:
        name = _text(function.get("name"))
        return CallEntry(place, call_id, name, function.get("arguments"), "function_call", extra)
    # A few gateways leave the nesting out.
    return CallEntry(place, call_id, _text(entry.get("name")), entry.get("arguments"))


def _place(value: Any) -> int | str | None:
    if type(value) is not str:
        return None
    return int(value) if value.lstrip("-").isdecimal() and len(value) < 20 else value


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None


class CallSlot:
    """One call of one choice, as far as it is known. Its arguments are in the state."""

    __slots__ = ("call_id", "has_arguments", "key", "last_piece", "name", "repeated_name")

    def __init__(self, choice: int, number: int) -> None:
        self.key = ("call", choice, number)  # of its deltas
        self.call_id: str | None = None
        self.name: str | None = None
        self.repeated_name: str | None = None  # in the last entry, if that had no arguments
        self.has_arguments = False
        self.last_piece = ""  # the last piece of the arguments that isn't blank

    def add_name(self, name: str) -> None:
        """Take the first name; before the arguments begin, another piece extends it or restates it longer."""
        if self.name is None or (not self.has_arguments and name.startswith(self.name)):
            self.name = name
        elif not self.has_arguments and not self.name.endswith(name):
            self.name += name


class CallSlots:
    """The calls of one choice."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self._choice = choice
        self._state = state
        self._by_index: dict[Any, CallSlot] = {}
        self._by_id: dict[str, CallSlot] = {}
        self._last: CallSlot | None = None
        self._all: list[CallSlot] = []
        self._signatures: dict[str, str] = {}  # encrypted reasoning by call id, until its call appears

    def take(self, index: Any, call_id: str | None, name: str | None, arguments: str) -> CallSlot:
        """Return the slot of an entry, which learns the entry's id and name."""
        slot = self._find(index, call_id, name)
        if slot is None or self._opens_another(slot, index, call_id, name, arguments):
            name = name or (slot.repeated_name if slot else None)
            slot = CallSlot(self._choice, len(self._all))
            self._all.append(slot)
        if index is not None:
            self._by_index[index] = slot
        if call_id:
            slot.call_id = slot.call_id or call_id
            self._by_id.setdefault(call_id, slot)
        slot.repeated_name = name if slot.has_arguments and not arguments else None
        if name:
            slot.add_name(name)
        self._last = slot
        return slot

    def _find(self, index: Any, call_id: str | None, name: str | None) -> CallSlot | None:
        if index is not None:
            return self._by_index.get(index)
        if not call_id:
            return self._last
        slot, last = self._by_id.get(call_id), self._last
        if slot is not None or last is None or name:
            return slot
        # An id without a name: the last call's first id, which arrives late, or one minted for each fragment.
        is_open = last.has_arguments and not self.is_whole(last)
        return last if last.call_id is None or is_open else None

    def _opens_another(
        self, slot: CallSlot, index: Any, call_id: str | None, name: str | None, arguments: str
    ) -> bool:
        entry = CallEntry(index, call_id, name, arguments)
        return any(rule(self, slot, entry) for rule in _OPENS_ANOTHER)

    def is_whole(self, slot: CallSlot) -> bool:
        """Return True if the slot's arguments are a complete object. The last brace alone proves nothing."""
        if slot.last_piece.rstrip()[-1:] != "}":
            return False
        try:
            return type(json.loads(self._state.arguments(slot.key), strict=False)) is dict
        except (ValueError, RecursionError):
            return False

    def fresh_part(self, slot: CallSlot, piece: str) -> str:
        """Return the part of *piece* that extends the slot's arguments.

        "null" in place of the first piece is a placeholder. A complete object that arrives once more, in one
        piece, is a repeat.
        """
        if not slot.has_arguments:
            text = piece.strip()
            if text == "null":
                return ""
            slot.has_arguments = text != ""
        elif piece[:1] == "{" and self.is_whole(slot) and piece == self._state.arguments(slot.key):
            return ""
        if piece and not piece.isspace():
            slot.last_piece = piece
        return piece

    def continued(self, entry: Any) -> tuple[CallSlot, str] | None:
        """Return the slot and the arguments of an entry that only continues a call; None if unsure.

        The fast path of `take` and `fresh_part`.
        """
        if type(entry) is not dict or not entry.keys() <= _CONTINUED:
            return None
        function, index = entry.get("function"), entry.get("index")
        if type(index) is not int or type(function) is not dict or entry.get("id") or function.get("name"):
            return None
        slot, arguments = self._by_index.get(index), function.get("arguments")
        if slot is None or slot.repeated_name or not arguments or type(arguments) is not str:
            return None
        self._last = slot
        return slot, self.fresh_part(slot, arguments)

    def whole(self, position: int, call_id: str | None, name: str | None) -> CallSlot:
        """Return the slot of a call in a `message`, which restates calls: by its id, else by its position."""
        slot = self._by_id.get(call_id) if call_id else None
        if slot is None:
            slot = self._all[position] if position < len(self._all) else None
            if slot is not None and call_id and slot.call_id not in (None, call_id):
                slot = None
        return slot or self.take(position, call_id, name, "")

    # -- signatures -----------------------------------------------------------------------

    def learn_signatures(self, details: Iterable[Payload]) -> Iterator[tuple[CallSlot, str]]:
        """Yield (call, signature) for the encrypted *details* of reasoning that have a call's id.

        OpenRouter sends a call's signature as a detail with the call's id, before the call or after it.
        """
        for detail in details:
            call_id, data = detail.get("id"), detail.get("data")
            if detail.get("type") == "reasoning.encrypted" and type(call_id) is str and type(data) is str:
                self._signatures[call_id] = data
                slot = self._by_id.get(call_id)
                if slot is not None and slot.call_id == call_id:
                    yield slot, self._signatures.pop(call_id)

    def signature_for(self, slot: CallSlot) -> str | None:
        """Return the signature that arrived before its call, once."""
        return self._signatures.pop(slot.call_id, None) if slot.call_id and self._signatures else None


# -- the three rules ----------------------------------------------------------------------


def _has_other_id(slot: CallSlot, entry: CallEntry) -> bool:
    return entry.call_id is not None and slot.call_id is not None and entry.call_id != slot.call_id


def _has_other_name(slot: CallSlot, entry: CallEntry) -> bool:
    return entry.name is not None and slot.name is not None and entry.name != slot.name


def _announces_another(slots: CallSlots, slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 1."""
    if not (_has_other_id(slot, entry) and entry.name and slot.name):
        return False
    return _has_other_name(slot, entry) or not entry.arguments


def _begins_another_object(slots: CallSlots, slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 2."""
    named_again = not entry.call_id and ((entry.name and slot.name) or slot.repeated_name)
    if not (_has_other_id(slot, entry) or named_again):
        return False
    return entry.arguments.lstrip().startswith("{") and slots.is_whole(slot)


def _has_another_name(slots: CallSlots, slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 3."""
    return entry.place is None and not entry.call_id and _has_other_name(slot, entry)


_OPENS_ANOTHER: tuple[Callable[[CallSlots, CallSlot, CallEntry], bool], ...] = (
    _announces_another,
    _has_another_name,
    _begins_another_object,
)


def argument_text(value: Any) -> str:
    """Return arguments as text; objects, which Ollama and others send, become JSON."""
    if value is None or type(value) is str:
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

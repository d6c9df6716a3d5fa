"""Which tool-call fragment belongs to which call: entries of `tool_calls` in, their calls' slots out.

Strategy. A fragment goes to the call at its index; where the index is missing, to the call with its
id, else to the last call. An index or id that was not seen before opens a call. At a used place
these open a new call, and nothing else does:

1. another id with a name, where the name differs or no arguments come along (gateways that number
   every call 0 announce the next one so; gateways that mint an id for each fragment send names that
   are empty or the same, and arguments: behaviours CR-14, X-08);
2. another id, or a name and no id, with arguments that begin an object where the call's own are one:
   two JSON objects in a row are never one (whole calls in one chunk each, all at index 0: pains P12).
   The name may have come just before them, without arguments of its own;
3. another name, where neither index nor id come with it.

The first id wins. A name may come late, repeated or in pieces, but never after the arguments began.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from ...state.deltas import Payload
from ...state.text_buffer import TextBuffer

_KEYS = frozenset(("index", "id", "type", "function", "custom"))
_CONTINUED = _KEYS - {"custom"}


class CallEntry(NamedTuple):
    """What one entry of `tool_calls` says; None for what it leaves out."""

    place: int | str | None  # its index
    call_id: str | None
    name: str | None
    arguments: Any
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    extra: Payload | None = None


def list_calls(source: Payload) -> list[CallEntry]:
    """The entries of a delta or message, by index; the legacy `function_call` is one of them."""
    listed = source.get("tool_calls")
    entries = [_read_entry(e) for e in listed if type(e) is dict] if type(listed) is list else []
    if len(entries) > 1 and all(type(entry.place) is int for entry in entries):
        entries.sort(key=lambda entry: entry.place)  # type: ignore[arg-type, return-value]
    legacy = source.get("function_call")
    if type(legacy) is dict:
        entries.append(_read_entry({"index": "function_call", "function": legacy}))
    return entries


def _read_entry(entry: Payload) -> CallEntry:
    index = entry.get("index")
    if type(index) is not int:
        index = _index(index)
    body = entry.get("function")
    if type(body) is dict and entry.keys() <= _KEYS and "custom" not in entry:  # nearly always
        return CallEntry(index, _text(entry.get("id")), _text(body.get("name")), body.get("arguments"))
    extra = {key: value for key, value in entry.items() if key not in _KEYS and value is not None}
    custom = entry.get("custom")
    call_id = _text(entry.get("id"))
    if type(custom) is dict:
        return CallEntry(
            index, call_id, _text(custom.get("name")), custom.get("input"), "custom_tool_call", extra
        )
    if type(body) is dict:
        return CallEntry(
            index, call_id, _text(body.get("name")), body.get("arguments"), "function_call", extra
        )
    # A few gateways leave the nesting out.
    return CallEntry(index, call_id, _text(entry.get("name")), entry.get("arguments"))


def _index(value: Any) -> int | str | None:
    if type(value) is not str:
        return None
    return int(value) if value.lstrip("-").isdecimal() and len(value) < 20 else value


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None


class CallSlot:
    """One call of one choice, as far as it is known."""

    __slots__ = ("again", "arguments", "begun", "call_id", "key", "last", "name")

    def __init__(self, choice: int, number: int) -> None:
        self.key = ("call", choice, number)  # of its fragments
        self.call_id: str | None = None
        self.name: str | None = None
        self.again: str | None = None  # the name, where the last fragment repeated it and held no arguments
        self.arguments = TextBuffer()
        self.begun = False  # arguments have begun
        self.last = ""  # the last piece of them that is not blank

    def add(self, piece: str) -> str:
        """Append *piece* to the arguments; return what of it belongs to them.

        "null" where arguments should begin is a placeholder (behaviours OS-08), and a whole object that
        comes once more is a repeat (pains P14).
        """
        if not self.begun:
            said = piece.strip()
            if said == "null":
                return ""
            self.begun = said != ""
        elif piece[:1] == "{" and self.is_whole() and piece == str(self.arguments):
            return ""
        self.arguments.add(piece, 0)
        if piece and not piece.isspace():
            self.last = piece
        return piece

    def is_whole(self) -> bool:
        """Whether the arguments are a whole object. The brace alone is no proof: `\\frac{a}{b}`."""
        if self.last.rstrip()[-1:] != "}":
            return False
        try:
            return type(json.loads(str(self.arguments), strict=False)) is dict
        except (ValueError, RecursionError):
            return False


class CallSlots:
    """The calls of one choice."""

    def __init__(self, choice: int = 0) -> None:
        self._choice = choice
        self._by_index: dict[Any, CallSlot] = {}
        self._by_id: dict[str, CallSlot] = {}
        self._last: CallSlot | None = None
        self._all: list[CallSlot] = []

    def go_on(self, entry: Any) -> tuple[CallSlot, str] | None:
        """The call that *entry* has more arguments for, and these; None if it says anything else."""
        if type(entry) is not dict or not entry.keys() <= _CONTINUED:
            return None
        function, index = entry.get("function"), entry.get("index")
        if type(index) is not int or type(function) is not dict or entry.get("id") or function.get("name"):
            return None
        slot, arguments = self._by_index.get(index), function.get("arguments")
        if slot is None or slot.again or not arguments or type(arguments) is not str:
            return None
        self._last = slot
        return slot, slot.add(arguments)

    def take(self, index: Any, call_id: str | None, name: str | None, arguments: str) -> CallSlot:
        """The slot that a fragment belongs to, with what the fragment adds to its id and name."""
        slot = self._find(index, call_id, name)
        if slot is None or _starts_another(slot, index, call_id, name, arguments):
            name = name or (slot.again if slot else None)
            slot = CallSlot(self._choice, len(self._all))
            self._all.append(slot)
        if index is not None:
            self._by_index[index] = slot
        if call_id and slot.call_id is None:
            slot.call_id = call_id
        if call_id:
            self._by_id.setdefault(call_id, slot)
        slot.again = name if slot.begun and not arguments else None
        if name:
            _add_name(slot, name)
        self._last = slot
        return slot

    def whole(self, position: int, call_id: str | None, name: str | None) -> CallSlot:
        """The slot of a call that a `message` states whole: by its id, else by its place in the list."""
        slot = self._by_id.get(call_id) if call_id else None
        if slot is None:
            slot = self._all[position] if position < len(self._all) else None
            if slot is not None and call_id and slot.call_id not in (None, call_id):
                slot = None
        return slot or self.take(position, call_id, name, "")

    def _find(self, index: Any, call_id: str | None, name: str | None) -> CallSlot | None:
        if index is not None:
            return self._by_index.get(index)
        if not call_id:
            return self._last
        slot, last = self._by_id.get(call_id), self._last
        if slot is not None or last is None or name:
            return slot
        # A first id that comes late, or one minted for each fragment of arguments.
        return last if last.call_id is None or (last.begun and not last.is_whole()) else None


def _starts_another(
    slot: CallSlot, index: Any, call_id: str | None, name: str | None, arguments: str
) -> bool:
    other_id = bool(call_id) and slot.call_id is not None and call_id != slot.call_id
    other_name = bool(name) and slot.name is not None and name != slot.name
    if other_id and name and slot.name and (other_name or not arguments):
        return True
    if index is None and not call_id and other_name:
        return True
    announced = other_id or (not call_id and ((name and slot.name) or slot.again))
    return bool(announced) and arguments.lstrip().startswith("{") and slot.is_whole()


def _add_name(slot: CallSlot, name: str) -> None:
    """First name wins; before the arguments began, another piece extends it or restates it longer."""
    if slot.name is None or (not slot.begun and name.startswith(slot.name)):
        slot.name = name
    elif not slot.begun and not slot.name.endswith(name):
        slot.name += name


def argument_text(value: Any) -> str:
    """Arguments in whatever form they came, as text: objects (Ollama and others) become JSON."""
    if value is None or type(value) is str:
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

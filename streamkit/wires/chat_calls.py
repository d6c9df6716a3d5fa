"""Which tool-call fragment belongs to which call: (index, id, name, arguments) -> a call's number.

Strategy. A fragment goes to the call at its index; where the index is missing, to the call with its
id, else to the last call. An index or id that was not seen before opens a call. At a used place
these open a new call, and nothing else does:

1. another id with a name, where the name differs or no arguments come along (gateways that number
   every call 0 announce the next one so; gateways that mint an id for each fragment send names that
   are empty or the same, and arguments: behaviours CR-14, X-08);
2. another id or a name, with arguments that begin an object where the call's own end one: two JSON
   objects in a row are never one (whole calls in one chunk each, all at index 0: pains P12);
3. another name, where neither index nor id come with it.

The first id wins. A name may come late, repeated or in pieces, but never after the arguments began.
"""

from __future__ import annotations

import json
from typing import Any


class CallSlot:
    """One call of one choice, as far as it is known."""

    __slots__ = ("begun", "call_id", "ends_whole", "name", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.call_id: str | None = None
        self.name: str | None = None
        self.begun = False  # arguments have begun
        self.ends_whole = False  # the last piece of them ends with a closing brace


class CallSlots:
    """The calls of one choice."""

    def __init__(self) -> None:
        self._by_index: dict[Any, CallSlot] = {}
        self._by_id: dict[str, CallSlot] = {}
        self._last: CallSlot | None = None
        self._count = 0

    def take(self, index: Any, call_id: str | None, name: str | None, arguments: str) -> CallSlot:
        """The slot that a fragment belongs to, with what the fragment adds to its id and name."""
        slot = self._find(index, call_id, name)
        if slot is None or _starts_another(slot, index, call_id, name, arguments):
            slot = CallSlot(self._count)
            self._count += 1
        if index is not None:
            self._by_index[index] = slot
        if call_id and slot.call_id is None:
            slot.call_id = call_id
        if call_id:
            self._by_id.setdefault(call_id, slot)
        if name:
            _add_name(slot, name)
        self._last = slot
        return slot

    def whole(self, position: int, call_id: str | None, name: str | None) -> CallSlot:
        """The slot of a call that a `message` states whole: by its id, else by its place in the list."""
        slot = self._by_id.get(call_id) if call_id else None
        if slot is None:
            slot = self._by_index.get(position)
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
        return last if last.call_id is None or (last.begun and not last.ends_whole) else None


def _starts_another(
    slot: CallSlot, index: Any, call_id: str | None, name: str | None, arguments: str
) -> bool:
    other_id = bool(call_id) and slot.call_id is not None and call_id != slot.call_id
    other_name = bool(name) and slot.name is not None and name != slot.name
    if other_id and name and slot.name and (other_name or not arguments.strip()):
        return True
    if index is None and not call_id and other_name:
        return True
    announced = other_id or bool(name and slot.name)
    return announced and slot.ends_whole and arguments.lstrip().startswith("{")


def _add_name(slot: CallSlot, name: str) -> None:
    """First name wins; before the arguments began, another piece extends it or restates it longer."""
    if slot.name is None or (not slot.begun and name.startswith(slot.name)):
        slot.name = name
    elif not slot.begun and not slot.name.endswith(name):
        slot.name += name


def argument_text(value: Any, slot: CallSlot) -> str:
    """The piece of arguments that *value* adds to *slot*'s call, in whatever form it came.

    Objects (Ollama and others) become JSON text. `null`, as a value or as the text "null" where
    arguments should begin, is a placeholder (behaviours OS-08).
    """
    if value is None:
        return ""
    text = value if type(value) is str else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not text or (not slot.begun and text.strip() == "null"):
        return ""
    stripped = text.rstrip()
    if stripped:
        slot.begun = True
        slot.ends_whole = stripped.endswith("}")
    return text

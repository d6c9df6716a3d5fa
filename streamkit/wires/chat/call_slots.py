"""Entries of `tool_calls` -> the calls that they belong to.

Strategy. An entry belongs to the call at its index; if several calls have that index, to the one of them with
its id. Without an index, it belongs to the call with its id, else to the last call. An index or id seen for
the first time opens a call, unless the entry has neither id nor name: then it continues the last call,
because some gateways number the opening entry and the arguments differently (SGLang). At a place in use, an
entry opens another call only by one of these rules, each a function in `_OPENS_ANOTHER`:

1. `_announces_another`: another id with a name, if the name differs or the entry has no arguments. Gateways
   that number every call 0 announce the next call like this. Gateways that mint an id for each fragment
   don't: their names are empty or repeated, and arguments follow.
2. `_begins_another_object`: another id, or a name without an id, with arguments that begin an object, after
   the call's own arguments are a complete object. Two JSON objects in a row are never one. The name may have
   come in the entry before, without arguments.
3. `_has_another_name`: another name, without index and id.

The first id wins. A name may arrive late, repeated or in pieces, but not after the arguments began.

Arguments arrive in pieces, or whole, or each piece repeats all that came before it. `fresh_part` decides:

A. A piece that can follow the arguments so far in one JSON text extends them.
B. A complete object after a complete object that is equal as JSON is a repeat.
C. Else a piece that begins an object replaces the arguments, if it restates them: it has their first key.
D. Two texts in a row may be JSON by accident (`{"a":` and `{"a":1}`). If each piece began with the piece
   before it and the sum isn't complete at a good finish, the last piece is the arguments (`restated`).
E. A copy of complete arguments that arrives in pieces is appended. The finish decides: the copy counts if it
   is complete, else the arguments before it, unless they were the placeholder {} (`restated`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from ...completion import FinishReason
from ...json_text import NotJSONError, json_hash, loads
from ...state.answer import AnswerState
from ...state.deltas import Payload
from ...surrogates import characters, encodable_text
from .call_entries import LEGACY
from .call_fields import CallEntry, argument_text
from .json_prefix import JsonPrefix
from .restated_calls import CallFacts, match_calls

_CONTINUED = frozenset(("index", "id", "type", "function"))
_GOOD = ("stop", "tool_calls")  # reasons to finish that don't mean a cut
_FIRST_KEY = r'(?s)\s*\{\s*"((?:[^"\\]|\\.)*)"'


class CallSlot:
    """One call of one choice, as far as it is known. Its arguments are in the state."""

    __slots__ = (
        *("call_id", "key", "name", "next_id", "place", "repeated_name", "has_arguments", "told_by"),
        *("json", "start", "tail", "value", "whole", "width"),
    )

    def __init__(self, choice: int, number: int) -> None:
        self.key = ("call", choice, number)  # of its deltas
        self.place: int | str | None = None  # the index of the entry that opened it
        self.call_id: str | None = None
        self.name: str | None = None
        # The facts of the call that may follow, from entries without arguments after the arguments began.
        self.repeated_name: str | None = None
        self.next_id: str | None = None
        self.has_arguments = False
        self.told_by: str | None = None  # the field that the arguments come from
        self.json = JsonPrefix()  # of the last copy of the arguments
        self.start = 0  # the offset of that copy (rule E)
        self.whole = 0  # characters of the complete copy before it, unless that is {}
        self.width = 0  # characters in the last copy
        self.tail = 0  # those of its last piece, if each piece began with the piece before it (rule D)
        self.value: int | None = None  # hash of the last copy as JSON, once it was needed

    def add_name(self, name: str) -> None:
        """Take the first name; before the arguments begin, another piece extends it or restates it longer."""
        if self.name is None or (not self.has_arguments and name.startswith(self.name)):
            self.name = name
        elif not self.has_arguments and not self.name.endswith(name):
            self.name += name

    def extend(self, piece: str) -> None:
        """Note that *piece* extends the arguments."""
        self.width += characters(piece)
        self.value = None

    def replace_arguments(self, text: str) -> None:
        """Note that *text* takes the place of the arguments."""
        width = characters(text)
        self.json, self.width, self.tail, self.value = JsonPrefix(text), width, width, None
        self.start = self.whole = 0
        self.has_arguments = text.strip() != ""

    def begin_copy(self, copy: JsonPrefix) -> None:
        """Note that another copy of the complete arguments begins; *copy* has read its first piece."""
        self.start += self.width
        self.whole = self.width if self.json.has_key else 0
        self.json, self.width, self.tail = copy, 0, 0


class CallSlots:
    """The calls of one choice."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self._choice = choice
        self._state = state
        self._by_index: dict[Any, CallSlot] = {}
        self._by_id: dict[str, CallSlot] = {}
        self._last: CallSlot | None = None
        self._all: list[CallSlot] = []
        self._copied: dict[CallSlot, None] = {}  # calls whose arguments may be copies in a row
        self._twins: list[tuple[CallSlot, CallSlot]] = []  # each with an earlier call of the same id
        self._signatures: dict[str, str] = {}  # encrypted reasoning by call id, until its call appears

    def take(self, entry: CallEntry, arguments: str) -> CallSlot:
        """Return the slot of an entry, which learns the entry's id and name. *arguments*: as text."""
        index, call_id, name = entry.place, entry.call_id, entry.name
        slot = self._find(entry, arguments)
        is_told_again = slot is not None and slot.told_by not in (None, entry.told_by)
        if slot is None or (
            not is_told_again and self._opens_another(slot, entry._replace(arguments=arguments))
        ):
            if slot is not None:
                name = name or slot.repeated_name
                call_id = call_id or self._announced_id(slot)
            slot = CallSlot(self._choice, len(self._all))
            slot.place = index
            self._all.append(slot)
        if index is not None and not (entry.is_blank and index not in self._by_index and slot is self._last):
            self._by_index[index] = slot
        if call_id:
            slot.call_id = slot.call_id or call_id
            first = self._by_id.setdefault(call_id, slot)
            if first is not slot and (slot, first) not in self._twins[-1:]:
                self._twins.append((slot, first))
        if arguments and not slot.told_by:
            slot.told_by = entry.told_by
        is_between = slot.has_arguments and not arguments
        slot.repeated_name = name if is_between else None
        slot.next_id = (call_id or slot.next_id) if is_between else None
        if name:
            slot.add_name(name)
        self._last = slot
        return slot

    def _announced_id(self, slot: CallSlot) -> str | None:
        """Return the id that came alone after the arguments of *slot*, for the call that follows it."""
        if slot.next_id is not None and self._by_id.get(slot.next_id) is slot:
            del self._by_id[slot.next_id]
        return slot.next_id

    def _find(self, entry: CallEntry, arguments: str) -> CallSlot | None:
        call_id, last = entry.call_id, self._last
        if last is not None and self._is_unnamed(last):
            return self._by_index.get(entry.place, last)  # only fields of the gateway's own so far
        if entry.place is not None:
            slot = self._by_id.get(call_id) if call_id else None
            if slot is None or slot.place != entry.place:  # not one of several calls with the same index
                slot = self._by_index.get(entry.place)
            if slot is None:
                slot = self._told_elsewhere(entry, arguments)
            return self._continued_by(entry, slot, arguments) if not (call_id or entry.name) else slot
        if not call_id:
            return last
        slot = self._by_id.get(call_id)
        if slot is not None or last is None or entry.name:
            return slot
        # An id without a name: the last call's first id, which arrives late, or one minted for each fragment.
        is_open = last.has_arguments and not last.json.is_whole
        return last if last.call_id is None or is_open else None

    def _told_elsewhere(self, entry: CallEntry, arguments: str) -> CallSlot | None:
        """Return the call that *entry* tells again: `tool_calls` after `function_call`, or the reverse."""
        legacy = self._by_index.get(LEGACY)
        if entry.told_by != LEGACY:
            is_same = legacy is not None and entry.name in (None, legacy.name) and legacy.call_id is None
            return legacy if is_same else None
        same = [slot for slot in self._all if entry.name in (None, slot.name)]
        repeated = next((slot for slot in same if self.is_repeat(slot, arguments)), None)
        if repeated is not None or not same:
            return repeated
        is_another = same[-1].json.is_whole and JsonPrefix(arguments).is_whole
        return None if is_another else same[-1]

    def is_echo(self, slot: CallSlot, entry: CallEntry) -> bool:
        """Return True if the arguments in *entry* don't count: another field tells those of the call."""
        return slot.told_by not in (None, entry.told_by)

    def _is_unnamed(self, slot: CallSlot) -> bool:
        has_facts = slot.call_id or slot.name or slot.has_arguments
        return not has_facts and slot not in self._by_index.values()

    def _continued_by(self, entry: CallEntry, slot: CallSlot | None, arguments: str) -> CallSlot | None:
        """Return the call that an entry with neither id nor name continues; *slot* is at its index.

        It is the last call if *slot* can't take more arguments and the last call can.
        """
        last = self._last
        if last is None or (slot is not None and not (slot.json.is_whole and arguments.strip())):
            return slot
        if not arguments.strip():
            return last
        is_repeat = slot is not None and self.is_repeat(slot, arguments)
        return slot if is_repeat or last.json.is_whole else last

    def _opens_another(self, slot: CallSlot, entry: CallEntry) -> bool:
        return any(rule(self, slot, entry) for rule in _OPENS_ANOTHER)

    def fresh_part(self, slot: CallSlot, piece: str) -> str | None:
        """Return the part of *piece* that extends the slot's arguments; None if it replaces them.

        "null" in place of the first piece is a placeholder. The rules are at the top of this file.
        """
        if not slot.has_arguments:
            text = piece.strip()
            if text == "null":
                return ""
            slot.has_arguments = text != ""
        elif _begins_object(piece):
            if self.is_repeat(slot, piece):  # B
                return ""
            self._note_repetition(slot, piece)
            was_whole, was_broken = slot.json.is_whole, slot.json.is_broken
            copy = None if was_broken or slot.json.feed(piece) else self._copy_in(slot, piece)
            if copy is not None:
                if copy.is_whole or not was_whole:  # C
                    slot.replace_arguments(piece)
                    return None
                slot.begin_copy(copy)  # E
                self._copied[slot] = None
            slot.extend(piece)
            return piece
        if piece:
            slot.tail = characters(piece) if slot.width == 0 else 0
        slot.json.feed(piece)
        slot.extend(piece)
        return piece

    def _arguments(self, slot: CallSlot) -> str:
        """Return the last copy of the slot's arguments."""
        return self._state.arguments(slot.key)[slot.start :]

    def is_repeat(self, slot: CallSlot, text: str) -> bool:
        """Return True if the arguments and *text* are complete objects, and equal as JSON."""
        return slot.json.is_whole and (told := _told(text)) is not None and told == self._value_of(slot)

    def _note_repetition(self, slot: CallSlot, piece: str) -> None:
        """Note whether *piece* begins with the piece before it, all pieces since the first having done so."""
        width = characters(piece)
        if slot.tail and width > slot.tail:
            have = self._arguments(slot)
            slot.tail = width if encodable_text(piece).startswith(have[len(have) - slot.tail :]) else 0
            self._copied[slot] = None
        else:
            slot.tail = 0

    def _copy_in(self, slot: CallSlot, piece: str) -> JsonPrefix | None:
        """Read *piece*, which can't follow the arguments, as the beginning of another copy of them."""
        copy = JsonPrefix(piece)
        if copy.is_broken or not copy.is_object:
            return None
        have = self._arguments(slot)
        first, again = re.match(_FIRST_KEY, have), re.match(_FIRST_KEY, piece)
        if first is None or have.startswith(piece) or (again is not None and again[1] == first[1]):
            return copy
        is_sorted = copy.is_whole and first[1] in _object(piece)  # serialised once more, with sorted keys
        return copy if is_sorted else None

    def restated(self, reason: FinishReason) -> Iterator[tuple[CallSlot, str]]:
        """Yield (call, arguments) for each call whose arguments are one of several copies (rules D and E)."""
        copied, self._copied = self._copied, {}
        for slot in copied:
            have, text = "", ""
            if slot.start and (slot.json.is_whole or slot.whole):
                have = self._state.arguments(slot.key)
                text = (
                    have[slot.start :] if slot.json.is_whole else have[slot.start - slot.whole : slot.start]
                )
            elif slot.tail and slot.tail < slot.width and not slot.json.is_whole and reason in _GOOD:
                have = self._state.arguments(slot.key)
                text = have[len(have) - slot.tail :]
            if text and JsonPrefix(text).is_whole:
                slot.replace_arguments(text)
                yield slot, text

    def repeats(self) -> Iterator[CallSlot]:
        """Yield the calls that turned out to be another one with the same id, under a number of their own."""
        twins, self._twins = self._twins, []
        for slot, first in twins:
            is_empty = not (slot.has_arguments or first.has_arguments)
            if slot.name in (None, first.name) and (is_empty or self._are_equal(slot, first)):
                yield slot

    def _are_equal(self, slot: CallSlot, other: CallSlot) -> bool:
        return slot.json.is_whole and self.is_repeat(other, self._arguments(slot))

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
        if (
            slot is None
            or slot.told_by == LEGACY
            or slot.repeated_name
            or not arguments
            or type(arguments) is not str
        ):
            return None
        if slot.has_arguments and (slot.json.is_whole or _begins_object(arguments)):
            return None
        self._last = slot
        return slot, self.fresh_part(slot, arguments) or ""

    def grower(self, key: Hashable) -> Callable[[str], bool] | None:
        """Return a function that takes further arguments of the last call, as `continued` does.

        It returns False for a text that `continued` wouldn't take.
        """
        slot = self._last
        if slot is None or slot.key != key or not slot.has_arguments:
            return None

        json, is_whole = slot.json, slot.json.is_whole

        def grow(text: str) -> bool:  # the last case of `fresh_part`
            nonlocal is_whole
            if is_whole or ("{" in text and _begins_object(text)):
                return False
            self._last = slot
            width = len(text) if text.isascii() else characters(text)
            slot.tail = 0 if slot.width else width
            slot.width += width
            slot.value = None
            if not json.in_text or '"' in text or "\\" in text:
                json.feed(text)
                is_whole = "}" in text and json.is_whole
            return True

        return grow

    def restated_by(self, entries: list[CallEntry]) -> list[CallSlot]:
        """Return the slot of each call in a `message`, which restates all calls. One that it adds is new."""
        numbers = {slot: number for number, slot in enumerate(self._all)}
        known = [self._by_id.get(entry.call_id or "") for entry in entries]
        found = [None if slot is None else numbers[slot] for slot in known]
        if None in found:
            told = [CallFacts(entry.name, _told(argument_text(entry.arguments))) for entry in entries]
            found = match_calls(told, [CallFacts(s.name, self._value_of(s)) for s in self._all], found)
        return [
            self._all[number]
            if number is not None
            else self.take(entries[place]._replace(place=f"message {place}"), "")
            for place, number in enumerate(found)
        ]

    def _value_of(self, slot: CallSlot) -> int | None:
        """Return a hash of the slot's arguments; None unless they are a complete object."""
        if slot.value is None and slot.json.is_whole:
            slot.value = json_hash(self._arguments(slot))
        return slot.value if slot.json.is_whole else None

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
    if not (slot.json.is_whole and _begins_object(entry.arguments)):
        return False
    # The whole call once more at its own index, in a dialect without ids.
    is_announced = slot.next_id not in (None, slot.call_id)
    is_alone = entry.place is not None and not entry.call_id and not is_announced
    return not (is_alone and slots.is_repeat(slot, entry.arguments))


def _has_another_name(slots: CallSlots, slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 3."""
    return entry.place is None and not entry.call_id and _has_other_name(slot, entry)


_OPENS_ANOTHER: tuple[Callable[[CallSlots, CallSlot, CallEntry], bool], ...] = (
    _announces_another,
    _has_another_name,
    _begins_another_object,
)


def _begins_object(text: str) -> bool:
    return text.lstrip().startswith("{")


def _object(text: str) -> dict[str, Any]:
    """Return the object that *text* is; empty if it isn't one."""
    try:
        value = loads(text)
    except NotJSONError:
        return {}
    return value if type(value) is dict else {}


def _told(text: str) -> int | None:
    """Return a hash of the object that *text* is; None if it isn't a complete one."""
    return json_hash(text) if _begins_object(text) and JsonPrefix(text).is_whole else None

"""Entries of `tool_calls` -> the calls that they belong to.

    takes    an entry, and its arguments as text (`CallSlots.take`)
    returns  its call; call_arguments.py decides which of the arguments are new

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
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...completion import FinishReason
from ...state.answer import AnswerState
from ...state.deltas import Payload
from ...surrogates import characters
from .call_arguments import CallArguments, begins_object, hash_of
from .call_entries import LEGACY
from .call_fields import CallEntry, argument_text
from .json_prefix import JsonPrefix

if TYPE_CHECKING:
    from .restated_calls import match_calls
else:  # few servers restate calls
    match_calls = lazy("wires.chat.restated_calls:match_calls")

_CONTINUED = frozenset(("index", "id", "type", "function"))


class CallSlot(CallArguments):
    """One call of one choice, as far as it is known."""

    __slots__ = ("call_id", "name", "next_id", "place", "repeated_name", "told_by")

    def __init__(self, key: Hashable, state: AnswerState) -> None:
        super().__init__(key, state)
        self.place: int | str | None = None  # the index of the entry that opened it
        self.call_id: str | None = None
        self.name: str | None = None
        # The facts of the call that may follow, from entries without arguments after the arguments began.
        self.repeated_name: str | None = None
        self.next_id: str | None = None
        self.told_by: str | None = None  # the field that the arguments come from

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
            slot = CallSlot(("call", self._choice, len(self._all)), self._state)
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
        repeated = next((slot for slot in same if slot.is_repeat(arguments)), None)
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
        is_repeat = slot is not None and slot.is_repeat(arguments)
        return slot if is_repeat or last.json.is_whole else last

    def _opens_another(self, slot: CallSlot, entry: CallEntry) -> bool:
        return any(rule(slot, entry) for rule in _OPENS_ANOTHER)

    def fresh_part(self, slot: CallSlot, piece: str) -> str | None:
        """Return the part of *piece* that extends the slot's arguments; None if it replaces them."""
        fresh = slot.fresh_part(piece)
        if slot.may_be_copies:
            self._copied[slot] = None
        return fresh

    def restated(self, reason: FinishReason) -> Iterator[tuple[CallSlot, str]]:
        """Yield (call, arguments) for each call whose arguments are one of several copies (rules D and E)."""
        copied, self._copied = self._copied, {}
        for slot in copied:
            slot.may_be_copies = False
            text = slot.last_copy(reason)
            if text:
                slot.replace_arguments(text)
                yield slot, text

    def repeats(self) -> Iterator[CallSlot]:
        """Yield the calls that turned out to be another one with the same id, under a number of their own."""
        twins, self._twins = self._twins, []
        for slot, first in twins:
            is_empty = not (slot.has_arguments or first.has_arguments)
            if slot.name in (None, first.name) and (is_empty or slot.is_equal(first)):
                yield slot

    def continued(self, entry: Any) -> tuple[CallSlot, str] | None:
        """Return the slot and the arguments of an entry that only continues a call; None if unsure.

        The fast path of `take` and `CallArguments.fresh_part`.
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
        if slot.has_arguments and (slot.json.is_whole or begins_object(arguments)):
            return None
        self._last = slot
        return slot, slot.fresh_part(arguments) or ""

    def grower(self, key: Hashable) -> Callable[[str], bool] | None:
        """Return a function that takes further arguments of the last call, as `continued` does.

        It returns False for a text that `continued` wouldn't take.
        """
        slot = self._last
        if slot is None or slot.key != key or not slot.has_arguments:
            return None

        json, is_whole = slot.json, slot.json.is_whole

        def grow(text: str) -> bool:  # the last case of `CallArguments.fresh_part`
            nonlocal is_whole
            if is_whole or ("{" in text and begins_object(text)):
                return False
            self._last = slot
            width = len(text) if text.isascii() else characters(text)
            slot.tail = 0 if slot.width else width
            slot.width += width
            slot.digest = None
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
            told = [(entry.name, hash_of(argument_text(entry.arguments))) for entry in entries]
            found = match_calls(told, [(slot.name, slot.hash()) for slot in self._all], found)
        return [
            self._all[number]
            if number is not None
            else self.take(entries[place]._replace(place=f"message {place}"), "")
            for place, number in enumerate(found)
        ]

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


def _announces_another(slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 1."""
    if not (_has_other_id(slot, entry) and entry.name and slot.name):
        return False
    return _has_other_name(slot, entry) or not entry.arguments


def _begins_another_object(slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 2."""
    named_again = not entry.call_id and ((entry.name and slot.name) or slot.repeated_name)
    if not (_has_other_id(slot, entry) or named_again):
        return False
    if not (slot.json.is_whole and begins_object(entry.arguments)):
        return False
    # The whole call once more at its own index, in a dialect without ids.
    is_announced = slot.next_id not in (None, slot.call_id)
    is_alone = entry.place is not None and not entry.call_id and not is_announced
    return not (is_alone and slot.is_repeat(entry.arguments))


def _has_another_name(slot: CallSlot, entry: CallEntry) -> bool:
    """Rule 3."""
    return entry.place is None and not entry.call_id and _has_other_name(slot, entry)


_OPENS_ANOTHER: tuple[Callable[[CallSlot, CallEntry], bool], ...] = (
    _announces_another,
    _has_another_name,
    _begins_another_object,
)

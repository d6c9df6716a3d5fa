"""Events of the Responses API -> the output items that they are about.

Strategy. An event names its item by id, by index, or not at all. Gateways leave either name out, mint an id
for each event (Copilot), use one id for all items, or number all items 0. So a name counts as far as it
agrees with the rest:

1. A name never leads to an item of another kind: an event that fits no item opens one.
2. The index overrules an id seen for the first time (a minted id). The id overrules an index whose item has
   another id (all items numbered 0).
3. An item that was restated takes no more pieces: another item begins at its place. If the events have its
   id, that item continues it, and restatements of the two together may follow. A restatement (`...done`) may
   arrive late. So may a call whose restated arguments were incomplete.
4. An event without a name means the last open item of its kind. So does an unknown id alone, if the gateway
   announces its items: it would have announced a new one. For the same reason, unknown names mean the item
   that was announced last, if no event about it has arrived since (vLLM announces 0 and goes on with 1).
5. Pieces with the name of a hosted tool's open item belong to that item, whatever their kind.
6. At the place of an item of another kind, an item without content, or with the text of that item, is a
   restatement of it (vLLM closes reasoning as an empty message).

Every lookup takes constant time on average: the tables hold slots in order, and closed ones are dropped from
their ends as they are met.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from enum import Enum
from typing import Any

from ...items import Item
from ...state.answer import AnswerState
from ...state.cumulative import CumulativeText
from ...state.deltas import Payload
from ..fields import string_in
from .output_items import is_empty, item_from_payload, kind_of

CALLS = ("function_call", "custom_tool_call")
_ANY = "any kind"
_ARRIVE_IN_PIECES = ("message", "reasoning", *CALLS)  # every other kind is a hosted tool's, or new


class Progress(Enum):
    """How far an item has come. A call is yielded as soon as its arguments are complete."""

    OPEN = "open"
    YIELDED = "yielded"
    RESTATED = "restated"


class ItemSlot:
    """One output item: its names, and the facts about it that later events need. Its text is in the state."""

    __slots__ = (
        *("announced", "annotations", "call_id", "has_content", "index", "is_stated", "item"),
        *("item_id", "key", "kind", "length", "name", "progress", "strays", "_texts"),
    )

    def __init__(self, key: int, kind: str, item_id: str | None, index: int | None) -> None:
        self.key = key
        self.kind = kind
        self.item_id = item_id
        self.index = index
        self.announced: Payload | None = None  # the item in output_item.added
        self.call_id: str | None = None
        self.name: str | None = None
        self.progress = Progress.OPEN
        self.has_content = False
        self.length = 0  # of the pieces of a call's arguments
        self.is_stated = False  # the arguments were restated
        self.strays: frozenset[str] = frozenset()  # the kinds of parts that have pieces unannounced
        self.annotations: dict[int, int] = {}  # the number of annotations seen, by part
        self._texts: dict[tuple[str, Hashable], CumulativeText] = {}
        self.item: Item | None = None  # as it was yielded or restated; open, if a call waits for the end

    def before(self, kind: str, part: Hashable) -> CumulativeText:
        """Return the pieces of that text so far: message texts, or the *kind* of reasoning, by part."""
        if (kind, part) not in self._texts:
            self._texts[kind, part] = CumulativeText()
        return self._texts[kind, part]

    @property
    def is_open(self) -> bool:
        return self.progress is Progress.OPEN

    def has_id(self, item_id: str | None) -> bool:
        """Return True if the event's id is this item's."""
        return item_id is not None and self.item_id == item_id


class ItemSlots:
    """The items of one response, in order of first appearance.

    `head` is the response as the last event described it; None before the first event.
    """

    def __init__(self, state: AnswerState) -> None:
        self.state = state
        self.head: Payload | None = None
        self._all: list[ItemSlot] = []
        self.parts: set[Hashable] = set()  # the places of the parts that were announced
        self._by_id: dict[tuple[str, str], ItemSlot] = {}
        self._by_index: dict[tuple[str, int], ItemSlot] = {}
        self._of_kind: dict[str, list[ItemSlot]] = {}
        self._open: dict[str, list[ItemSlot]] = {}  # by kind, closed ones not yet dropped
        self._unplaced: dict[str, list[ItemSlot]] = {}  # the same without an index
        self._hosted_by: dict[tuple[str, Hashable], deque[ItemSlot]] = {}  # hosted tools', by id or index
        self._by_call_id: dict[tuple[str, str], deque[ItemSlot]] = {}

    def __iter__(self) -> Iterator[ItemSlot]:
        return iter(self._all)

    def at(self, key: Any) -> ItemSlot:
        """Return the slot with that key."""
        slot: ItemSlot = self._all[key]
        return slot

    def open(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot:
        """Return a new slot; its names lead to it from now on."""
        slot = ItemSlot(len(self._all), kind, item_id, index)
        self._all.append(slot)
        for table in (self._of_kind, self._open, *([self._unplaced] if index is None else [])):
            table.setdefault(kind, []).append(slot)
        self._name(slot, item_id, index)
        return slot

    def reopen(self, slot: ItemSlot) -> None:
        """Let the pieces and restatements that follow be about another item with the names of *slot*."""
        slot.progress, slot.item, slot.announced, slot._texts = Progress.OPEN, None, None, {}
        for table in (self._open, *([self._unplaced] if slot.index is None else [])):
            table.setdefault(slot.kind, []).append(slot)

    def _name(self, slot: ItemSlot, item_id: str | None, index: int | None) -> None:
        """Let *item_id* and *index* lead to *slot*."""
        if item_id is not None:
            self._by_id[slot.kind, item_id] = self._by_id[_ANY, item_id] = slot
            slot.item_id = slot.item_id or item_id
        if index is not None:
            self._by_index[slot.kind, index] = self._by_index[_ANY, index] = slot
            slot.index = index
        if slot.kind not in _ARRIVE_IN_PIECES:
            for field, name in (("id", item_id), ("index", index)):
                if name is not None:
                    self._hosted_by.setdefault((field, name), deque()).append(slot)

    def learn(self, slot: ItemSlot, source: Payload) -> None:
        """Take a call's id and name from an item or an event, unless they are known."""
        slot.name = slot.name or string_in(source, "name")
        call_id = string_in(source, "call_id")
        if slot.call_id is None and call_id is not None:
            slot.call_id = call_id
            self._by_call_id.setdefault((slot.kind, call_id), deque()).append(slot)

    def is_settled(self, slot: ItemSlot) -> bool:
        """Return True if the item was restated; False for a call whose restated arguments are incomplete."""
        item = self.state.items.get(slot.key)
        return slot.progress is Progress.RESTATED and (item is None or item.is_done)

    # -- pieces and restatements of texts -------------------------------------------------

    def find(
        self,
        kind: str,
        item_id: str | None,
        index: int | None,
        *,
        late: bool = False,
        call_id: str | None = None,
    ) -> ItemSlot | None:
        """Return the item of an event about a *kind* of item; None if the event opens a new one.

        With *late*, the event restates a text, and may be about an item that was restated already. Some
        gateways name a call by its *call_id* alone.
        """
        slot = self._named(kind, item_id, index) or self._with_call_id(kind, call_id, index)
        if slot is None:
            return self._hosted(kind, item_id, index) or self._unnamed(kind, item_id, index, late)
        takes_pieces = slot.is_open or late or slot.has_id(item_id)  # rule 3
        return slot if takes_pieces else None

    def _named(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Rules 1 and 2."""
        by_id = self._by_id.get((kind, item_id)) if item_id is not None else None
        by_index = self._by_index.get((kind, index)) if index is not None else None
        if by_index is not None and (by_id is None or by_index.has_id(item_id)):
            return by_index
        return by_id

    def _unnamed(self, kind: str, item_id: str | None, index: int | None, late: bool) -> ItemSlot | None:
        """Rule 4. The item learns an id or index that it lacks, or that the gateway uses in its place."""
        slot = self._last_open(kind, index)
        if slot is None and (slot := self._last_announced(kind)) is not None:
            self._name(slot, item_id, index)
            return slot
        if slot is not None:
            is_another = item_id is not None and slot.item_id is not None and slot.announced is None
            if is_another:
                return None
            self._name(slot, item_id if slot.item_id is None else None, index)
            return slot
        if late and item_id is None and index is None:
            return self._of_kind.get(kind, [None])[-1]
        return None

    def _last_open(self, kind: str, index: int | None) -> ItemSlot | None:
        """Return the last open item of *kind* that *index* doesn't contradict."""
        slots = (self._open if index is None else self._unplaced).get(kind, [])
        while slots and not (slots[-1].is_open and (index is None or slots[-1].index is None)):
            slots.pop()
        return slots[-1] if slots else None

    def _last_announced(self, kind: str) -> ItemSlot | None:
        """Return the last item of *kind* if it was announced and no other event about it has arrived."""
        slot = self._of_kind.get(kind, [None])[-1]
        if slot is None or not slot.is_open or slot.announced is None or slot.has_content:
            return None
        return slot

    def _hosted(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Rule 5. For arguments the index counts too: an invented call is worse than a lost one."""
        found = []
        for field, name in (("id", item_id), ("index", index if kind in CALLS else None)):
            slots = self._hosted_by.get((field, name), deque()) if name is not None else deque()
            while slots and not (slots[0].is_open and name in (slots[0].item_id, slots[0].index)):
                slots.popleft()
            found += [slots[0]] if slots else []
        return min(found, key=lambda slot: slot.key, default=None)

    # -- announcements and restatements of items ------------------------------------------

    def find_added(self, item: Payload, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Return the item that output_item.added announces, if an event about it arrived before; else None.

        Its pieces may have arrived first, or a resumed stream announces it once more.
        """
        slot = self._named(kind, item_id, index)
        if slot is None:
            return None
        names = slot.item_id, slot.index, slot.call_id
        is_repeat = names == (item_id, index, string_in(item, "call_id"))
        if slot.is_open and (slot.announced is None or is_repeat):
            return slot
        return slot if is_repeat and item_id is not None else None

    def find_done(self, item: Payload, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Return the item that output_item.done restates; None if no event about it arrived before.

        If a gateway mints item ids, a call's `call_id` tells.
        """
        slot = (
            self._with_id(kind, item_id, index)
            or self._with_call_id(kind, string_in(item, "call_id"), index)
            or self.find(kind, item_id, index, late=True)
        )
        if slot is None or slot.kind != kind:
            return None
        # A gateway that sends only restatements, all without names or at one index: each is another item.
        is_another = self.is_settled(slot) and not slot.has_id(item_id)
        return None if is_another else slot

    def find_other(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Rule 6: return the item of another kind at the place of an item of *kind*; None if there is none.

        Without names, it is the last item, if it is open.
        """
        if self._named(kind, item_id, index) is not None:
            return None
        if item_id is None and index is None:
            is_free = self._last_open(kind, None) is None and self._all and self._all[-1].is_open
            slot = self._all[-1] if is_free else None
        else:
            slot = self._named(_ANY, item_id, index)
        return None if slot is None or slot.kind == kind else slot

    def _with_id(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        slot = self._named(kind, item_id, index)
        return slot if slot is not None and slot.has_id(item_id) else None

    def _with_call_id(self, kind: str, call_id: str | None, index: int | None) -> ItemSlot | None:
        """Return a call with that id that wasn't restated, the one at *index* first."""
        slots = self._by_call_id.get((kind, call_id)) if call_id is not None else None
        if not slots:
            return None
        here = self._by_index.get((kind, index)) if index is not None else None
        if here is not None and here.call_id == call_id and not self.is_settled(here):
            return here
        while slots and self.is_settled(slots[0]):
            slots.popleft()
        return slots[0] if slots else None

    def match(self, output: list[Payload]) -> list[tuple[Payload, ItemSlot | None]]:
        """Return the items of a terminal event, each with its slot: by id, by call id, else in order by kind.

        All ids go first, so that no item takes a slot that another item's id names. An empty item without a
        slot is left out if a slot without an item remains for it (rule 6).
        """
        found: dict[int, ItemSlot] = {}
        taken: set[int] = set()
        for slot_name, item_name in _NAMES:
            free: dict[Hashable, deque[ItemSlot]] = {}
            for slot in self._all:
                if slot.key not in taken:
                    free.setdefault((slot.kind, slot_name(slot)), deque()).append(slot)
            for number, item in enumerate(output):
                name = item_name(item)
                slots = free.get((kind_of(item), name)) if name is not None and number not in found else None
                if slots:
                    found[number] = slots.popleft()
                    taken.add(found[number].key)
        spare = len(self._all) - len(taken)
        matched: list[tuple[Payload, ItemSlot | None]] = []
        for number, item in enumerate(output):
            if number not in found and spare and is_empty(item_from_payload(item)):
                spare -= 1
            else:
                matched.append((item, found.get(number)))
        return matched


# The names that match a terminal event's items to their slots: of a slot, and of an item.
_NAMES: tuple[tuple[Callable[[ItemSlot], Hashable], Callable[[Payload], Hashable]], ...] = (
    (lambda slot: slot.item_id, lambda item: string_in(item, "id")),
    (lambda slot: slot.call_id, lambda item: string_in(item, "call_id")),
    (lambda slot: "any", lambda item: "any"),
)

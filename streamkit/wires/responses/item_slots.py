"""Which output item an event of the Responses API is about: (item_id, output_index, kind) -> its slot.

Strategy. Gateways leave either name out, mint a new id for each event (Copilot), use one id for all
items, or number all items 0. So each name is trusted as far as it agrees with the rest:

1. a name never leads to an item of another kind: an event that fits no item opens one;
2. an id that was never seen is overruled by the index (minted ids), and an index that an item with
   another id holds is overruled by the id (items all at 0);
3. an item that was summed up takes no more pieces, unless the event has its id: another item begins
   at its place. A restatement (`...done`) may come late, and is then old news;
4. with neither name, the last open item of the kind is meant. So it is where only an unknown id
   came, from a gateway that announces its items: a new item would have been announced;
5. pieces with the name of a hosted tool's open item are its own, whatever their kind.

Behaviours PS-07, PS-29, X-08.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...items import Item
from ...state.deltas import Payload
from .output_items import kind_of, string_in

CALLS = ("function_call", "custom_tool_call")
_TOLD_IN_PIECES = ("message", "reasoning", *CALLS)  # every other kind is a hosted tool's, or news

OPEN, HANDED_OUT, SUMMED_UP = range(3)  # a call is handed out when its arguments are done


class ItemSlot:
    """One output item, as far as its place in the stream goes."""

    __slots__ = (
        *("announced", "annotations", "begun", "call_id", "index", "item", "item_id"),
        *("key", "kind", "name", "state"),
    )

    def __init__(self, key: int, kind: str, item_id: str | None, index: int | None) -> None:
        self.key = key
        self.kind = kind
        self.item_id = item_id
        self.index = index
        self.announced: Payload | None = None  # the item as output_item.added had it
        self.call_id: str | None = None
        self.name: str | None = None
        self.state = OPEN
        self.begun = False  # arguments have begun
        self.annotations: dict[int, int] = {}  # how many were told of each part
        self.item: Item | None = None  # as it was handed out or summed up

    def learn(self, item: Payload) -> None:
        """Remember what *item* says of a call; what was known before stands."""
        self.call_id = self.call_id or string_in(item, "call_id")
        self.name = self.name or string_in(item, "name")


class ItemSlots:
    """The items of one response, in order of first appearance.

    `head` is what was last told of the response itself; None as long as nothing was said at all.
    """

    def __init__(self) -> None:
        self.head: Payload | None = None
        self._all: list[ItemSlot] = []
        self._by_id: dict[tuple[str, str], ItemSlot] = {}
        self._by_index: dict[tuple[str, int], ItemSlot] = {}

    def __iter__(self) -> Iterator[ItemSlot]:
        return iter(self._all)

    def open(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot:
        """A new item; its names lead to it from now on."""
        slot = ItemSlot(len(self._all), kind, item_id, index)
        self._all.append(slot)
        self.name(slot, item_id, index)
        return slot

    def name(self, slot: ItemSlot, item_id: str | None, index: int | None) -> None:
        """Let *item_id* and *index* lead to *slot*."""
        if item_id is not None:
            self._by_id[slot.kind, item_id] = slot
            slot.item_id = slot.item_id or item_id
        if index is not None:
            self._by_index[slot.kind, index] = slot
            slot.index = index

    def find(
        self, kind: str, item_id: str | None, index: int | None, *, late: bool = False
    ) -> ItemSlot | None:
        """The item that an event about a *kind* of item means; None where it is a new one.

        *late*: the event restates something, and may be about an item that was summed up already.
        """
        slot = self._named(kind, item_id, index)
        if slot is None:
            return self._hosted(kind, item_id, index) or self._unnamed(kind, item_id, index, late)
        if slot.state != OPEN and not late and (item_id is None or slot.item_id != item_id):
            return None
        return slot

    def _named(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        by_id = self._by_id.get((kind, item_id)) if item_id is not None else None
        by_index = self._by_index.get((kind, index)) if index is not None else None
        if by_index is not None and (by_id is None or by_index.item_id == item_id):
            return by_index
        return by_id

    def _hosted(self, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """Rule 5. Arguments follow the index too: a call that nobody made is worse than one untold."""
        for slot in self._all:
            if slot.state == OPEN and slot.kind not in _TOLD_IN_PIECES:
                same_id = item_id is not None and slot.item_id == item_id
                if same_id or (kind in CALLS and index is not None and slot.index == index):
                    return slot
        return None

    def _unnamed(self, kind: str, item_id: str | None, index: int | None, late: bool) -> ItemSlot | None:
        """Rule 4, also for an item whose id or index is only now learned."""
        fitting = [slot for slot in self._all if slot.kind == kind]
        for slot in reversed(fitting):
            if slot.state == OPEN and (index is None or slot.index is None):
                if item_id is not None and slot.item_id is not None and slot.announced is None:
                    return None
                self.name(slot, item_id if slot.item_id is None else None, index)
                return slot
        return fitting[-1] if late and fitting and item_id is None and index is None else None

    def find_added(self, item: Payload, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """The item that is announced, where it was heard of before; None where it is a new one.

        Its pieces may have come first, or it is announced once more (a stream taken up again).
        """
        slot = self._named(kind, item_id, index)
        if slot is None:
            return None
        known = slot.item_id, slot.index, slot.call_id
        again = known == (item_id, index, string_in(item, "call_id"))
        if slot.state == OPEN and (slot.announced is None or again):
            return slot
        return slot if again and item_id is not None else None

    def find_done(self, item: Payload, kind: str, item_id: str | None, index: int | None) -> ItemSlot | None:
        """The item that output_item.done sums up; None where nothing was heard of it before.

        A call's `call_id` says it where a gateway mints item ids.
        """
        slot = self._named(kind, item_id, index)
        if slot is not None and (item_id is None or slot.item_id != item_id):
            slot = None
        call_id = string_in(item, "call_id")
        if slot is None and call_id:
            same = [s for s in self._all if s.call_id == call_id and s.kind == kind and s.state != SUMMED_UP]
            slot = min(same, key=lambda s: s.index != index, default=None)
        slot = slot or self.find(kind, item_id, index, late=True)
        if slot is None or slot.kind != kind:
            return None
        if slot.state == SUMMED_UP and (item_id is None or slot.item_id != item_id):
            return None  # a gateway that sends nothing but sums, all without names or at one index
        return slot

    def match(self, output: list[Payload]) -> list[tuple[Payload, ItemSlot | None]]:
        """A terminal event's items, each with its slot if it has one: by id, else in order of their kind.

        Ids go first for all of them, so that no item takes a slot that another one's id names.
        """
        found: dict[int, ItemSlot] = {}
        for same in (_same_id, _same_call_id, _same_kind):
            for n, item in enumerate(output):
                if n not in found:
                    free = (slot for slot in self._all if slot not in found.values())
                    slot = next((s for s in free if same(s, item)), None)
                    if slot is not None:
                        found[n] = slot
        return [(item, found.get(n)) for n, item in enumerate(output)]


def _same_id(slot: ItemSlot, item: Payload) -> bool:
    return slot.item_id is not None and slot.item_id == item.get("id") and _same_kind(slot, item)


def _same_call_id(slot: ItemSlot, item: Payload) -> bool:
    return slot.call_id is not None and slot.call_id == item.get("call_id") and _same_kind(slot, item)


def _same_kind(slot: ItemSlot, item: Payload) -> bool:
    return slot.kind == kind_of(item)

"""Which call each entry of a `message` restates: takes the facts of both, returns positions of calls.

Rules: an entry restates the call with its id. Else it restates the one with its name and arguments; else one
with its name, because some gateways make up ids for the message. The call at the entry's own position comes
first. Each call is restated once. The work is linear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple


class CallFacts(NamedTuple):
    """The facts that tell calls apart, apart from their ids."""

    name: str | None
    value: int | None  # a hash of the arguments, if they are complete


def match_calls(
    entries: list[CallFacts], calls: list[CallFacts], by_id: list[int | None]
) -> list[int | None]:
    """Return the position in *calls* for each entry; None for one that is another call.

    *by_id*: the positions that the ids show.
    """
    found = [*by_id]
    used = {position for position in by_id if position is not None}
    for key, is_same in ((_whole, _tells), (_name, _has_name)):
        rest: dict[Hashable, deque[int]] = {}
        for number, call in enumerate(calls):
            if number not in used:
                rest.setdefault(key(call), deque()).append(number)
        for place, entry in enumerate(entries):
            if found[place] is not None:
                continue
            if place < len(calls) and place not in used and is_same(entry, calls[place]):
                found[place] = place
            else:
                wanted = key(entry)
                found[place] = _next_of(rest.get(wanted), used) if wanted is not None else None
            if (position := found[place]) is not None:
                used.add(position)
    return found


def _next_of(positions: deque[int] | None, used: set[int]) -> int | None:
    while positions:
        position = positions.popleft()
        if position not in used:
            return position
    return None


def _whole(call: CallFacts) -> Hashable:
    return None if call.value is None else (call.name, call.value)


def _tells(entry: CallFacts, call: CallFacts) -> bool:
    return entry.value is not None and entry.value == call.value and _has_name(entry, call)


def _name(call: CallFacts) -> Hashable:
    return call.name


def _has_name(entry: CallFacts, call: CallFacts) -> bool:
    return None in (entry.name, call.name) or entry.name == call.name

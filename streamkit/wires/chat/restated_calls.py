"""Which call each entry of a `message` restates: takes names and arguments of both, returns positions.

Rules: an entry restates the call with its id. Else it restates the one with its name and arguments; else one
with its name, because some gateways make up ids for the message. The call at the entry's own position comes
first. Each call is restated once. The work is linear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import NamedTuple


class _Facts(NamedTuple):
    """The facts that tell calls apart, apart from their ids."""

    name: str | None
    digest: int | None


def match_calls(
    told: Iterable[tuple[str | None, int | None]],
    known: Iterable[tuple[str | None, int | None]],
    by_id: list[int | None],
) -> list[int | None]:
    """Return the position in *known* for each call that is *told*; None for one that is another call.

    A call is its name and a hash of its arguments, None unless they are complete. *by_id*: the positions that
    the ids show.
    """
    entries, calls = [_Facts(*each) for each in told], [_Facts(*each) for each in known]
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


def _whole(call: _Facts) -> Hashable:
    return None if call.digest is None else (call.name, call.digest)


def _tells(entry: _Facts, call: _Facts) -> bool:
    return entry.digest is not None and entry.digest == call.digest and _has_name(entry, call)


def _name(call: _Facts) -> Hashable:
    return call.name


def _has_name(entry: _Facts, call: _Facts) -> bool:
    return None in (entry.name, call.name) or entry.name == call.name

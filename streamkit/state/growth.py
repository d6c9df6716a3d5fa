"""How far each choice has grown, in steps, and the calls that were arriving when a frame was lost.

Strategy. Pieces take a fast path that counts nothing. Only two facts after a piece matter: that output
followed a finish, and that a frame was lost between two pieces of a call. So a finish marks the items of its
choice that grew since the last one, and a bad frame marks the calls that did (`is_plain` is False). The next
piece of a marked item takes the slow path, which counts one step. Each mark answers to a piece or an item, so
the work is linear, however many items are open.
"""

from __future__ import annotations

from .open_call import OpenCall
from .open_items import AnyOpenItem


class Growth:
    """The steps of each choice: its items, and their first piece after each mark."""

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        self._grown: dict[int, list[AnyOpenItem]] = {}  # since the last finish of the choice
        self._grown_calls: list[OpenCall] = []  # since the last bad frame
        self.lost_frames = 0

    def steps(self, choice: int) -> int:
        """Return the steps of *choice*; 0 if it has no output."""
        return self._steps.get(choice, 0)

    def has_grown(self, choice: int | None = None) -> bool:
        """Return True if *choice*, or any, has had output since its last finish."""
        return bool(self._grown) if choice is None else choice in self._grown

    def count(self, item: AnyOpenItem) -> None:
        """Note that *item* opened, or that a marked item takes a piece with text."""
        item.is_plain = True
        self._steps[item.choice] = self._steps.get(item.choice, 0) + 1
        self._grown.setdefault(item.choice, []).append(item)
        if isinstance(item, OpenCall):
            self._grown_calls.append(item)

    def finished(self, choice: int) -> list[AnyOpenItem]:
        """Note a finish of *choice*: the next piece of each of its items is a step. Return the items that
        grew since the last finish.
        """
        grown = self._grown.pop(choice, [])
        for item in grown:
            item.is_plain = False
        return grown

    def lost_frame(self) -> None:
        """Note a frame that couldn't be read: each call that grew has a gap at the end of its arguments."""
        self.lost_frames += 1
        for call in self._grown_calls:
            call.gaps.append(call.arguments.last_length)
            call.is_plain = False
        self._grown_calls.clear()

    def fold(self) -> None:
        """Make all choices one, choice 0."""
        self._steps = {0: sum(self._steps.values())}
        grown = [item for items in self._grown.values() for item in items]
        self._grown = {0: grown} if grown else {}

"""The calls of one answer: which input each has, and which of them are told twice.

    takes    the blocks of calls, pieces of input that have no place, the text of an input
    yields   deltas that keep a call from running without its input, or twice

Rules: ids of calls are unique, so a call with the id, the name and the input of another repeats it. Some
servers use an id again for another input: that is another call. A call that is still empty when a piece of
input finds no place isn't known to be without input.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator

from ...json_text import json_hash, scan_first
from ...state.answer import AnswerState
from ...state.deltas import Attached, Delta, Payload

_SPACE = re.compile(r"[ \t\r\n]*")


class Calls:
    """The calls of one answer."""

    def __init__(self, state: AnswerState) -> None:
        self._state = state
        self._empty: list[Hashable] = []  # the keys of calls that had no input when a look was last taken
        self._told: set[tuple[str, str | None, int]] = set()  # id, name and input
        self._early: dict[Hashable, str] = {}  # by index, a piece of the input of a block that hasn't begun

    def begin(self, key: Hashable) -> None:
        """Note a call."""
        self._empty.append(key)

    def repeats(self, key: Hashable, call_id: str | None, name: str | None) -> bool:
        """Return True if the call at *key*, which has all of its input, is one that came before."""
        if call_id is None:
            return False
        facts = (call_id, name, json_hash(self._state.arguments(key)))
        is_known = facts in self._told
        self._told.add(facts)
        return is_known

    def note_early(self, index: Hashable, piece: str) -> None:
        """Note that *piece*, a part of an input, came before the block at *index*."""
        self._early.setdefault(index, piece)

    def claim(self, key: Hashable, index: Hashable, payload: Payload) -> Iterator[Delta]:
        """Yield that the call at *key*, which ends without input, may have had some before it began."""
        for place in (index, None):
            if place in self._early:
                found = {"input": self._early[place]}
                yield Attached(key, 0, "unread", found, payload, "function_call")
                return

    def lose(self, found: object, payload: Payload) -> Iterator[Delta]:
        """Yield that *found*, a piece of input, may belong to any of the calls that are still empty."""
        empty, self._empty = self._empty, []
        for key in empty:
            if not self._state.has_text(key):
                yield Attached(key, 0, "unread", {"input": found}, payload, "function_call")


def last_copy(text: str) -> str | None:
    """Return the input in a text that has it several times, or next to an empty object; else None.

    A proxy may begin with the placeholder: `{}{"city":"Oslo"}`.
    """
    count = at = 0
    copy = value = None
    while (start := _skip(text, at)) < len(text):
        found = scan_first(text, start) if text[start] == "{" else None
        if found is None or (value and found[0] and found[0] != value):
            return None
        count += 1
        if found[0] or copy is None:
            copy, value = text[start : found[1]], found[0]
        at = found[1]
    return copy if count > 1 else None


def _skip(text: str, at: int) -> int:
    """Return the index after the white space at *at*."""
    found = _SPACE.match(text, at)
    return found.end() if found else at

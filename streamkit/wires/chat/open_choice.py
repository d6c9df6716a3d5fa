"""`OpenChoice`: the facts about one choice that its next payload depends on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

from ...state.answer import AnswerState
from ...state.cumulative import CumulativeText
from ...state.deltas import Delta, Payload, ReasoningPiece, TextPiece
from ...state.open_items import OpenReasoning
from ...surrogates import split_half
from ..repeats import fresh_part
from .call_slots import CallSlots


class OpenChoice:
    """One choice as far as it has arrived. Its items and texts are in the state."""

    __slots__ = (
        "_sums",
        "argument_names",
        "block_characters",
        "calls",
        "detail_characters",
        "detailed",
        "has_deltas",
        "has_increments",
        "has_other_reasoning",
        "index",
        "is_last",
        "reasoning_field",
        "seen",
        "state",
        "text",
        "thought",
    )

    def __init__(self, index: int, state: AnswerState) -> None:
        self.index = index
        self.state = state
        self.calls = CallSlots(index, state)
        self.text = CumulativeText()
        self.thought = CumulativeText()  # in a field of its own
        self.detailed = CumulativeText()  # in details or blocks
        self.argument_names: set[str] = set()  # beyond the known ones, that the calls have
        self.has_deltas = False  # with content
        self.has_increments = False  # in messages
        self.is_last = False  # this choice has its finish, maybe in this payload
        self.reasoning_field = ""  # the first one with text
        self.detail_characters = 0  # of reasoning from `reasoning_details` or `thinking_blocks`
        self.block_characters = 0  # those of the last block, until its signature
        self.has_other_reasoning = False  # from anywhere else
        self.seen: set[int] = set()  # hashes of the annotations and images
        self._sums: dict[str, tuple[int, int]] = {}  # of the messages: by kind, length and checksum

    def is_increment(self, kind: str, text: str) -> bool:
        """Return True if a message's *text* of that kind continues the messages before it."""
        length, checksum = self._sums.get(kind, (0, 0))
        data = split_half(text)[0].encode("utf-8", "surrogatepass")
        is_same = crc32(data) == checksum and len(data) == length
        if self.has_deltas or is_same:
            return False
        if not self.has_increments and crc32(data[:length]) == checksum and len(data) >= length:
            self._sums[kind] = len(data), crc32(data)
            return False
        self.has_increments = True
        self._sums[kind] = length + len(data), crc32(data, checksum)
        return True

    def unseen(self, values: list[Any]) -> list[Any]:
        """Return those of *values* that haven't arrived: some gateways repeat them in every chunk."""
        new = []
        for value in values:
            key = hash(json.dumps(value, sort_keys=True))
            if key not in self.seen:
                self.seen.add(key)
                new.append(value)
        return new

    def fresh_part(self, piece: TextPiece | ReasoningPiece, before: CumulativeText) -> Iterator[Delta]:
        """Yield the part of *piece* that is new; *before* are the pieces of that text."""
        return fresh_part(piece, before, self.state, is_last=self.is_last)

    @property
    def has_details(self) -> bool:
        """True if details of the reasoning have arrived."""
        item = self.reasoning()
        return item is not None and bool(item.attached("details"))

    def detail_repeater(self, detail: Payload, text: str) -> Callable[[str], bool] | None:
        """Return a function that attaches *detail* with another text; None if it doesn't repeat *text*."""
        item, name = self.reasoning(), "summary" if detail.get("type") == "reasoning.summary" else "text"
        if item is None or detail.get(name) != text:
            return None

        def attach(text: str) -> bool:
            item.attach("details", [{**detail, name: text}])
            return True

        return attach

    def reasoning(self) -> OpenReasoning | None:
        """Return the reasoning so far."""
        item = self.state.items.get(("reasoning", self.index))
        return item if isinstance(item, OpenReasoning) else None

"""The content blocks of one answer, and the item that each one belongs to.

    takes    the starts and the stops of blocks, and the blocks that pieces go to
    returns  the block that an event is about, and the keys of messages that end

Rules: blocks are told apart by their index while they are open, and servers reuse it; an index that is
missing is that of the newest block. Neighbouring text blocks are parts of one message, so a message ends when
a block of another kind starts, or a text block before that one stops.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ...state.answer import AnswerState
from ...state.deltas import Payload
from ..fields import string_in
from .calls import Calls
from .shapes import index_of

THOUGHTS = ("thinking", "redacted_thinking")
_NO_INPUT = ("text", *THOUGHTS)
TEXTS = ("text", "answer")  # kinds of blocks whose text is the answer's


class Block:
    """One content block: the item that it belongs to, and the facts that its stop needs."""

    __slots__ = (
        *("lost_frames", "call_id", "fields", "index", "is_open", "key"),
        *("kind", "name", "number", "signature", "signed_by"),
    )

    def __init__(
        self, index: Hashable, kind: str, number: int, key: Hashable, fields: Payload, lost_frames: int
    ) -> None:
        self.index = index
        self.kind = kind
        self.number = number  # in the answer, from 1
        self.key = key
        self.fields = fields  # the block as it started
        self.lost_frames = lost_frames  # in the stream before this block
        self.is_open = True
        self.signature: str | None = None
        self.signed_by: Payload | None = None  # the payload with the signature, until the block goes back
        self.call_id = string_in(fields, "id")
        self.name = string_in(fields, "name")

    def restate(self, fields: Payload) -> None:
        """Take the name, the signature and the input that a server tells later than at the start."""
        self.name = self.name or string_in(fields, "name")
        self.signature = self.signature or string_in(fields, "signature")
        if fields.get("input"):
            self.fields = {**self.fields, "input": fields["input"]}


class Blocks:
    """The content blocks of one answer; `last` is the open block of the last piece."""

    def __init__(self, state: AnswerState) -> None:
        self.state = state
        self.has_head = False
        self.message_id: Any = None
        self.message: Payload = {}
        self.last: Block | None = None
        self._by_index: dict[Hashable, Block] = {}
        self._newest: Block | None = None  # of this message
        self._open: dict[int, Block] = {}  # by number, in the order of their starts
        self._taking: dict[int, Block] = {}  # those of them that take input
        self._count = 0
        self._run: Hashable = None  # the key of the message that the next text block extends
        self.is_answered = False  # by the tool of a structured answer
        self._open_texts: dict[Hashable, int] = {}  # the open blocks of each message
        self._newest_text = 0  # the number of the last block that has added text to the answer
        self.calls = Calls(state)

    @property
    def is_empty(self) -> bool:
        """True if no block has begun."""
        return not self._count

    def at(self, index: Hashable) -> Block | None:
        """Return the block that was last started at *index*."""
        return self._by_index.get(index)

    def of(self, payload: Payload) -> Block | None:
        """Return the block that *payload* is about."""
        index = index_of(payload)
        if index is None and None not in self._by_index:
            return self._newest if self._newest is not None and self._newest.is_open else None
        return self._by_index.get(index)

    def is_growing(self, block: Block) -> bool:
        """Return True if the item of *block* accepts more pieces: a message does until another kind, and a
        call as long as its input isn't whole.
        """
        if block.kind == "tool_use":
            return block.is_open or self.state.is_open(block.key)
        return block.is_open or (block.kind == "text" and block.key == self._run)

    def taking_input(self, block: Block | None) -> Block | None:
        """Return the block that a piece of input belongs to: *block*, else the only call that is open."""
        if block is not None and block.kind not in _NO_INPUT:
            return block if self.is_growing(block) else None
        return next(iter(self._taking.values())) if len(self._taking) == 1 else None

    def takes_text(self, block: Block) -> bool:
        """Return True if more text of *block* is the end of the answer's: no later block has added any."""
        return block.number >= self._newest_text

    def add_to(self, block: Block) -> None:
        """Note that a piece goes to *block*, and so do the next ones at its index."""
        self.last = block if block.is_open else None
        if block.kind in TEXTS:
            self._newest_text = max(self._newest_text, block.number)

    def open(self, index: Hashable, kind: str, fields: Payload) -> tuple[Block, Hashable | None]:
        """Return a new block, and the key of the message that it ends, if there is one."""
        self._count += 1
        ended = None
        if kind == "text":
            key = self._run = self._run or ("text", self._count)
            self._open_texts[key] = self._open_texts.get(key, 0) + 1
        else:
            key = (kind, self._count)
            if self._run is not None and not self._open_texts.get(self._run):
                ended = self._run
            self._run = None
        block = Block(index, kind, self._count, key, fields, self.state.growth.lost_frames)
        self._by_index[index] = self._open[self._count] = self._newest = block
        if kind not in _NO_INPUT:
            self._taking[self._count] = block
        self.last = None
        return block, ended

    def stop(self, block: Block) -> Hashable | None:
        """Note that *block* has no more pieces; return the key of the message that it ends, if it does."""
        block.is_open = False
        self._open.pop(block.number, None)
        self._taking.pop(block.number, None)
        self.last = None
        if block.kind != "text":
            return None
        self._open_texts[block.key] -= 1
        is_over = block.key != self._run and not self._open_texts[block.key]
        return block.key if is_over else None

    @property
    def still_open(self) -> list[Block]:
        """The blocks that haven't stopped, in the order of their starts."""
        return [*self._open.values()]

    def forget_indexes(self) -> None:
        """Let the next blocks count from 0 again; the open ones close with the message."""
        self._by_index = {}
        self._run = self.last = self._newest = None

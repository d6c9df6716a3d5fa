"""Pieces of one call's arguments -> the part of each that is new.

    takes    the text of each entry of the call, in order (`CallArguments.fresh_part`)
    returns  the part that extends the arguments; None if the text replaces them

Arguments arrive in pieces, or whole, or each piece repeats all that came before it:

A. A piece that can follow the arguments so far in one JSON text extends them.
B. A complete object after a complete object that is equal as JSON is a repeat.
C. Else a piece that begins an object replaces the arguments, if it restates them: it has their first key.
D. Two texts in a row may be JSON by accident (`{"a":` and `{"a":1}`). If each piece began with the piece
   before it and the sum isn't complete at a good finish, the last piece is the arguments (`last_copy`).
E. A copy of complete arguments that arrives in pieces is appended. The finish decides: the copy counts if it
   is complete, else the arguments before it, unless they were the placeholder {} (`last_copy`).

Rule: this file holds no text; the state has the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from ...completion import FinishReason
from ...json_text import NotJSONError, json_hash, loads
from ...state.answer import AnswerState
from ...surrogates import characters, encodable_text
from .json_prefix import JsonPrefix

_GOOD = ("stop", "tool_calls")  # reasons to finish that don't mean a cut
_FIRST_KEY = r'(?s)\s*\{\s*"((?:[^"\\]|\\.)*)"'


class CallArguments:
    """The arguments of one call, as far as they are known. Their text is in the state, under *key*."""

    __slots__ = (
        *("_state", "digest", "has_arguments", "json", "key"),
        *("may_be_copies", "start", "tail", "whole", "width"),
    )

    def __init__(self, key: Hashable, state: AnswerState) -> None:
        self.key = key  # of the call's deltas
        self._state = state
        self.has_arguments = False
        self.may_be_copies = False  # in a row: `last_copy` decides
        self.json = JsonPrefix()  # of the last copy of the arguments
        self.start = 0  # the offset of that copy (rule E)
        self.whole = 0  # characters of the complete copy before it, unless that is {}
        self.width = 0  # characters in the last copy
        self.tail = 0  # those of its last piece, if each piece began with the piece before it (rule D)
        self.digest: int | None = None  # of the last copy as JSON, once it was needed

    def fresh_part(self, piece: str) -> str | None:
        """Return the part of *piece* that extends the arguments; None if it replaces them.

        "null" in place of the first piece is a placeholder. The rules are at the top of this file.
        """
        if not self.has_arguments:
            text = piece.strip()
            if text == "null":
                return ""
            self.has_arguments = text != ""
        elif begins_object(piece):
            if self.is_repeat(piece):  # B
                return ""
            self._note_repetition(piece)
            was_whole, was_broken = self.json.is_whole, self.json.is_broken
            copy = None if was_broken or self.json.feed(piece) else self._copy_in(piece)
            if copy is not None:
                if copy.is_whole or not was_whole:  # C
                    self.replace_arguments(piece)
                    return None
                self._begin_copy(copy)  # E
            self.extend(piece)
            return piece
        if piece:
            self.tail = characters(piece) if self.width == 0 else 0
        self.json.feed(piece)
        self.extend(piece)
        return piece

    def extend(self, piece: str) -> None:
        """Note that *piece* extends the arguments."""
        self.width += characters(piece)
        self.digest = None

    def replace_arguments(self, text: str) -> None:
        """Note that *text* takes the place of the arguments."""
        width = characters(text)
        self.json, self.width, self.tail, self.digest = JsonPrefix(text), width, width, None
        self.start = self.whole = 0
        self.has_arguments = text.strip() != ""

    def is_repeat(self, text: str) -> bool:
        """Return True if the arguments and *text* are complete objects, and equal as JSON."""
        return self.json.is_whole and (found := hash_of(text)) is not None and found == self.hash()

    def is_equal(self, other: CallArguments) -> bool:
        """Return True if both are complete objects, and equal as JSON."""
        return self.json.is_whole and other.is_repeat(self._text())

    def hash(self) -> int | None:
        """Return a hash of the arguments as JSON; None unless they are a complete object."""
        if self.digest is None and self.json.is_whole:
            self.digest = json_hash(self._text())
        return self.digest if self.json.is_whole else None

    def last_copy(self, reason: FinishReason) -> str:
        """Return the arguments if they are one of several copies in a row, else "" (rules D and E)."""
        text = ""
        if self.start and (self.json.is_whole or self.whole):
            have = self._state.arguments(self.key)
            text = have[self.start :] if self.json.is_whole else have[self.start - self.whole : self.start]
        elif self.tail and self.tail < self.width and not self.json.is_whole and reason in _GOOD:
            have = self._state.arguments(self.key)
            text = have[len(have) - self.tail :]
        return text if text and JsonPrefix(text).is_whole else ""

    def _text(self) -> str:
        """Return the last copy of the arguments."""
        return self._state.arguments(self.key)[self.start :]

    def _note_repetition(self, piece: str) -> None:
        """Note whether *piece* begins with the piece before it, all pieces since the first having done so."""
        width = characters(piece)
        if self.tail and width > self.tail:
            have = self._text()
            self.tail = width if encodable_text(piece).startswith(have[len(have) - self.tail :]) else 0
            self.may_be_copies = True
        else:
            self.tail = 0

    def _copy_in(self, piece: str) -> JsonPrefix | None:
        """Read *piece*, which can't follow the arguments, as the beginning of another copy of them."""
        copy = JsonPrefix(piece)
        if copy.is_broken or not copy.is_object:
            return None
        have = self._text()
        first, again = re.match(_FIRST_KEY, have), re.match(_FIRST_KEY, piece)
        if first is None or have.startswith(piece) or (again is not None and again[1] == first[1]):
            return copy
        is_sorted = copy.is_whole and first[1] in _object(piece)  # serialised once more, with sorted keys
        return copy if is_sorted else None

    def _begin_copy(self, copy: JsonPrefix) -> None:
        """Note that another copy of the complete arguments begins; *copy* has read its first piece."""
        self.start += self.width
        self.whole = self.width if self.json.has_key else 0
        self.json, self.width, self.tail = copy, 0, 0
        self.may_be_copies = True


def begins_object(text: str) -> bool:
    """Return True if the first character of *text* that isn't white space opens an object."""
    return text.lstrip().startswith("{")


def hash_of(text: str) -> int | None:
    """Return a hash of the object that *text* is; None if it isn't a complete one."""
    return json_hash(text) if begins_object(text) and JsonPrefix(text).is_whole else None


def _object(text: str) -> dict[str, Any]:
    """Return the object that *text* is; empty if it isn't one."""
    try:
        value = loads(text)
    except NotJSONError:
        return {}
    return value if type(value) is dict else {}

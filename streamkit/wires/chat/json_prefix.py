"""JSON text in pieces -> can it be the beginning of JSON, and is it a whole object?

Strategy. Each piece is read once and then forgotten; the scanner remembers the open brackets and the kind of
token that may follow. Strings are skipped at C speed. Numbers are checked by their characters only: `1.2.3`
passes. A text that is reported as broken can never become JSON.
"""

from __future__ import annotations

import re
from enum import Enum

_STRING_STOP = re.compile(r'["\\]')
_NUMBER = frozenset("0123456789+-.eE")
_LITERALS = ("true", "false", "null")
_SPACE = frozenset(" \t\n\r")


class _Next(Enum):
    VALUE = "a value"
    FIRST_VALUE = "a value, or ]"
    KEY = "a key"
    FIRST_KEY = "a key, or }"
    COLON = ":"
    COMMA = ", or the closing bracket"
    END = "white space"


_VALUES = (_Next.VALUE, _Next.FIRST_VALUE)
_KEYS = (_Next.KEY, _Next.FIRST_KEY)
_EMPTY = {"}": _Next.FIRST_KEY, "]": _Next.FIRST_VALUE}  # where a bracket may close with no value before it
_PAIRS = {"}": "{", "]": "["}


class JsonPrefix:
    """The beginning of one JSON text."""

    __slots__ = (
        *("_escaped", "_next", "_open", "_quoted", "_word"),
        *("has_key", "in_text", "is_broken", "is_object"),
    )

    def __init__(self, text: str = "") -> None:
        self.is_broken = False  # no text that follows can make it JSON
        self.is_object = False
        self.has_key = False
        self.in_text = False  # a piece without quotes and backslashes would only be more of a string
        self._next = _Next.VALUE
        self._open: list[str] = []
        self._quoted = False  # inside a string
        self._escaped = False  # after its backslash
        self._word = ""  # of a literal, or the first character of a number
        self.feed(text)

    @property
    def is_whole(self) -> bool:
        """True if the text is a complete object."""
        return self.is_object and self._next is _Next.END and not self.is_broken

    def feed(self, piece: str) -> bool:
        """Read *piece*; return False if the text so far can't be the beginning of JSON."""
        if self.in_text and '"' not in piece and "\\" not in piece:
            return True  # most pieces
        position, end = 0, len(piece)
        while position < end and not self.is_broken:
            if self._quoted:
                position = self._skip_string(piece, position)
                continue
            char = piece[position]
            position += 1
            if self._word:
                if self._extends_word(char):
                    continue
                self._close_value()
            if char not in _SPACE and not self.is_broken:
                self._take(char)
        self.in_text = self._quoted and not self._escaped
        return not self.is_broken

    def _skip_string(self, piece: str, position: int) -> int:
        """Return the position after the string, or after the next backslash in it."""
        if self._escaped:
            self._escaped = False
            return position + 1
        stop = _STRING_STOP.search(piece, position)
        if stop is None:
            return len(piece)
        if stop.group() == "\\":
            self._escaped = True
        else:
            self._quoted = False
            if self._next in _KEYS:
                self._next = _Next.COLON
            else:
                self._close_value()
        return stop.end()

    def _extends_word(self, char: str) -> bool:
        if self._word[0] in _NUMBER:
            return char in _NUMBER
        if any(literal.startswith(self._word + char) for literal in _LITERALS):
            self._word += char
            return True
        self.is_broken = self._word not in _LITERALS
        return False

    def _close_value(self) -> None:
        self._word = ""
        self._next = _Next.COMMA if self._open else _Next.END

    def _take(self, char: str) -> None:
        """Read the first character of a token."""
        expected = self._next
        if char == '"' and (expected in _VALUES or expected in _KEYS):
            self._quoted = True
            self.has_key = self.has_key or expected in _KEYS
        elif char in "{[" and expected in _VALUES:
            self.is_object = self.is_object or (char == "{" and not self._open)
            self._open.append(char)
            self._next = _Next.FIRST_KEY if char == "{" else _Next.FIRST_VALUE
        elif char in _PAIRS and self._open[-1:] == [_PAIRS[char]] and expected in (_Next.COMMA, _EMPTY[char]):
            self._open.pop()
            self._close_value()
        elif char == ":" and expected is _Next.COLON:
            self._next = _Next.VALUE
        elif char == "," and expected is _Next.COMMA:
            self._next = _Next.KEY if self._open[-1] == "{" else _Next.VALUE
        elif expected in _VALUES and (char in "-0123456789" or char in "tfn"):
            self._word = char
        else:
            self.is_broken = True

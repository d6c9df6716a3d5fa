"""Parse JSON text in pieces: the value received so far, to show it while it arrives.

Strategy. Each character is read once, in every cutting. Containers are made when they open, and filled in
place. An open string is stored in pieces until it closes or `value` is read. So the cost is proportional to
the length of the text.

Rule: only certain parts are in the value: no key before its value begins, no number that may have more
digits, no half of an escape.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import AnswerError
from ..json_text import INVISIBLE

_SPACE = " \t\r\n"
_PLAIN_RUN = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPE = re.compile(
    r'\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})'
)
# The beginning of an escape; the first half of a surrogate pair waits for the second.
_ESCAPE_BEGUN = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?|u[0-9a-fA-F]{0,3})?"
)
_WORD = re.compile(r"[-+.0-9A-Za-z]+")
_WORD_BEGUN = re.compile(r"t(ru?)?|f(a(ls?)?)?|n(ul?)?|-?(\d+(\.\d*)?([eE][-+]?\d*)?)?", re.ASCII)
_MAX_WORD = 4300  # digits; Python's own limit for int()


class PartialJSON:
    """An incomplete JSON value. It isn't a dict or list, so that it can't be mistaken for the final value.

    `value` is the part received so far, None before it begins; `complete` is True if that is all. The
    containers in `value` are live and grow with the next `feed`: copy a value to keep it.
    """

    def __init__(self) -> None:
        self._root: Any = None
        self._stack: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []  # for each open object, the key of the next value
        self._next = "value"  # value, value or ], key, key or }, colon, comma, end
        self._string: list[str] | None = None  # the pieces of the open string
        self._held = ""  # the beginning of an escape, a number or a literal
        self._read = 0  # number of characters, for error messages

    def __repr__(self) -> str:
        return f"PartialJSON({self.value!r}, complete={self.complete})"

    @property
    def complete(self) -> bool:
        """True if the outermost value is closed. A number by itself never is: more digits may follow."""
        return self._next == "end"

    @property
    def value(self) -> Any:
        """The value so far; an open string contains the characters received."""
        if self._string is not None and self._next != "colon":
            self._string = ["".join(self._string)]
            self._place(self._string[0])
        return self._root

    @property
    def root(self) -> Any:
        """The value so far, as `value` but without the characters of an open string. It costs nothing."""
        return self._root

    def whole_in(self, entries: list[Any]) -> int:
        """Return how many entries of a list in the value are whole: all but one that is still growing."""
        if not any(container is entries for container in self._stack):
            return len(entries)
        is_growing = self._stack[-1] is not entries or self._string is not None
        return len(entries) - is_growing

    def feed(self, text: str) -> PartialJSON:
        """Read *text* and return self. Raises `AnswerError` at the first character that isn't JSON."""
        rest = self.take(text)
        follows = rest.lstrip(_SPACE + INVISIBLE)
        if follows:
            raise self._error(rest, len(rest) - len(follows))
        self._read += len(rest)
        return self

    def take(self, text: str) -> str:
        """Read *text* to the end of the value, and return the rest. Raises `AnswerError` like `feed`."""
        text = self._held + text
        self._read -= len(self._held)
        self._held = ""
        position = 0
        while position < len(text) and self._next != "end":
            if self._string is not None:
                position = self._read_string(text, position)
            elif text[position] in _SPACE or (text[position] in INVISIBLE and self._root is None):
                position += 1
            else:
                position = self._read_token(text, position)
        self._read += position
        return text[position:]

    # -- strings --------------------------------------------------------------------------

    def _read_string(self, text: str, position: int) -> int:
        assert self._string is not None
        run = _PLAIN_RUN.match(text, position)
        if run:
            self._string.append(run[0])
            return run.end()
        if text[position] == '"':
            self._close_string("".join(self._string))
            return position + 1
        begun = _ESCAPE_BEGUN.match(text, position)
        if begun and begun.end() == len(text):
            self._held = text[position:]
            return len(text)
        escape = _ESCAPE.match(text, position)
        if not escape:
            raise self._error(text, position)
        self._string.append(json.loads(f'"{escape[0]}"'))
        return escape.end()

    def _close_string(self, string: str) -> None:
        self._string = None
        if self._next == "colon":
            self._keys[-1] = string
        else:
            self._place(string)
            self._after_value()

    # -- other tokens ---------------------------------------------------------------------

    def _read_token(self, text: str, position: int) -> int:
        char = text[position]
        if self._next.startswith("value") and char not in "]},:":
            return self._read_value(text, position)
        if char == '"' and self._next.startswith("key"):
            self._next = "colon"
            self._string = []
        elif char == ":" and self._next == "colon":
            self._next = "value"
        elif char == "," and self._next == "comma":
            self._next = "key" if isinstance(self._stack[-1], dict) else "value"
        elif char == "}" and self._next in ("key or }", "comma") and isinstance(self._stack[-1], dict):
            self._keys.pop()
            self._close()
        elif char == "]" and self._next in ("value or ]", "comma") and isinstance(self._stack[-1], list):
            self._close()
        else:
            raise self._error(text, position)
        return position + 1

    def _read_value(self, text: str, position: int) -> int:
        char = text[position]
        if char in '"{[':
            opened: Any = {'"': "", "{": {}, "[": []}[char]
            self._add(opened)
            if char == '"':
                self._string = []
            else:
                self._stack.append(opened)
                self._next = "key or }" if char == "{" else "value or ]"
                if char == "{":
                    self._keys.append("")
            return position + 1
        word = _WORD.match(text, position)
        if word and word.end() == len(text) and _WORD_BEGUN.fullmatch(word[0]) and len(word[0]) < _MAX_WORD:
            self._held = word[0]
            return len(text)
        try:
            value = json.loads(word[0]) if word else None
        except ValueError:
            word = None
        if word is None or word[0] in ("NaN", "Infinity", "-Infinity"):
            raise self._error(text, position)
        self._add(value)
        self._after_value()
        return word.end()

    def _add(self, value: Any) -> None:
        """Add a new value: at the end of the open list, under the key, or as the root."""
        if self._stack and isinstance(self._stack[-1], list):
            self._stack[-1].append(value)
        else:
            self._place(value)

    def _place(self, value: Any) -> None:
        """Replace the current value by *value*."""
        if not self._stack:
            self._root = value
            return
        container = self._stack[-1]
        if isinstance(container, dict):
            container[self._keys[-1]] = value
        else:
            container[-1] = value

    def _close(self) -> None:
        self._stack.pop()
        self._after_value()

    def _after_value(self) -> None:
        self._next = "comma" if self._stack else "end"

    def _error(self, text: str, position: int) -> AnswerError:
        return AnswerError(
            f"the answer isn't JSON at character {self._read + position}: {text[position : position + 40]!r}"
        )

"""Thoughts that a server sends twice, in a reasoning field and in tags in the text: count each once.

Strategy. The source that is ahead leads: its text is kept until the other one repeats it. The source that is
behind is compared with that text, and only the part beyond it is new. Text that repeats is held back, because
the two may still differ; then it is released, and from then on both count. White space at the ends of a
thought isn't compared: servers differ about it.
"""

from __future__ import annotations

import re
from collections import deque

from ..state.deltas import Payload

_BLANK = re.compile(r"\s*")


class _Source:
    """The thoughts of a choice from one source: its reasoning field, or the tags in its text."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.repeated: list[str] = []  # texts that repeat the other source so far
        self.blank = ""  # white space after them: the end of the thought, or part of it
        self.is_begun = False  # white space at the beginning of a thought isn't compared
        self._ahead: deque[str] = deque()  # texts that the other source hasn't repeated
        self._offset = 0  # of the first of them

    def lead(self, text: str) -> None:
        """Keep *text* until the other source repeats it."""
        self._ahead.append(text)

    def match(self, text: str) -> int | None:
        """Return the length of *text* that repeats this source; None if the two differ."""
        at = 0
        while at < len(text) and self._ahead:
            front = self._ahead[0]
            size = min(len(front) - self._offset, len(text) - at)
            if not front.startswith(text[at : at + size], self._offset):
                return None
            at += size
            self._skip(size)
        return at

    def skip_blank(self) -> None:
        """Skip the white space at the beginning of the next thought."""
        while self._ahead:
            front, start = self._ahead[0], self._offset
            end = after_blank(front, start)
            self._skip(end - start)
            if end < len(front):
                return

    def _skip(self, size: int) -> None:
        self._offset += size
        if self._offset == len(self._ahead[0]):
            self._ahead.popleft()
            self._offset = 0


class Repeats:
    """The thoughts of one choice, each once: the source that is behind only repeats the other.

    A text that repeats is held back, because the sources may still differ; then it is released.
    """

    def __init__(self) -> None:
        self.field = _Source()
        self.tagged = _Source()
        self.whole_field: str | None = None  # the field, if the server restated it
        self.shown: Payload | None = None  # the last payload of the field: its delta carries it
        self.is_ours = False  # the field and the tagged thoughts are one item
        self.has_message = False
        self._differ = False

    @property
    def has_field(self) -> bool:
        return bool(self.field.texts) or self.whole_field is not None

    def field_text(self) -> str:
        """Return the text of the field so far."""
        return "".join(self.field.texts) if self.whole_field is None else self.whole_field

    def learn_field(self, whole: str) -> None:
        """Keep the whole of an item with reasoning, unless its pieces have arrived."""
        if not self.field.texts:
            self.from_field(whole)

    def may_be_thought(self, text: str) -> bool:
        """Return True unless the field contains another thought than *text*."""
        return not self.has_field or text.strip() in self.field_text()

    def begin_tagged(self) -> None:
        """Compare the next tagged text without its first white space."""
        self.tagged.is_begun = False

    def from_field(self, text: str) -> str:
        """Return the part of the field's next piece that the tags haven't contained."""
        return self._fresh(text, self.field, self.tagged)

    def from_tags(self, text: str) -> str:
        """Return the part of the next tagged text that the field hasn't contained."""
        return self._fresh(text, self.tagged, self.field)

    def _fresh(self, text: str, source: _Source, other: _Source) -> str:
        source.texts.append(text)
        if self._differ:
            return text
        if not other.texts:
            source.is_begun = source.is_begun or not text.isspace()
            source.lead(text)
            return text
        text, source.blank = source.blank + text, ""
        start = 0
        if not source.is_begun:
            other.skip_blank()
            start = after_blank(text, 0)
            source.is_begun = start < len(text)
        size = other.match(text[start:])
        if size is None:
            self._differ = True
            return "".join([*source.repeated, text])
        rest = text[start + size :]
        is_behind = bool(size or source.repeated or not source.is_begun)
        if is_behind and not rest.strip():
            source.repeated.append(text[: len(text) - len(rest)])
            source.blank = rest
            return ""
        if not is_behind or not (size or source.repeated):
            source.lead(text[start:])
            return text
        source.repeated.clear()  # all before was a repeat; from here on this source is ahead
        source.lead(rest)
        return rest


def union(first: str, second: str) -> str:
    """Return both thoughts, or only the longer one if it contains the other."""
    if second.strip() in first:
        return first
    return second if first.strip() in second else first + second


def after_blank(text: str, at: int) -> int:
    """Return the place of the first character from *at* on that isn't white space."""
    found = _BLANK.match(text, at)
    return at if found is None else found.end()

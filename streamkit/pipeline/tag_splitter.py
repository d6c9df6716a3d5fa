"""Split a text that arrives in pieces at the tags around thoughts.

Strategy. A splitter is outside or inside a thought; a finder knows the tags that can follow there, and the
texts that may be the beginning of one. `feed` takes a piece and yields the text that is decided, with its
kind; the rest is held until the next piece, or `flush`. A search begins where the last one ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from ..profiles.profile import ThinkTags
from ..state.citations import Cut
from .repeated_thoughts import Repeats, after_blank

_ATTRIBUTES = r"(?:\s[^<>]{0,80})?"  # <think budget="low">; longer text isn't a tag
_QUOTES = frozenset("`'\"\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}") | frozenset(
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
)


class Kind(Enum):
    """The kinds of text that a splitter yields."""

    TEXT = "text"
    THOUGHT = "thought"
    MOVED = "moved"  # a thought that was yielded as text: all of the text so far


Part = tuple[Kind, str]


def joined(parts: Iterable[Part]) -> tuple[str, str]:
    """Return the thoughts in *parts*, and the text."""
    thoughts: list[str] = []
    texts: list[str] = []
    for kind, text in parts:
        if kind is Kind.MOVED:
            texts.clear()
        (texts if kind is Kind.TEXT else thoughts).append(text)
    return "".join(thoughts), "".join(texts)


class _Finder:
    """Finds the next of some tags in a text that arrives in pieces. The opening tags are numbered first."""

    def __init__(self, opening: Sequence[str], closing: Sequence[str]) -> None:
        self._count = len(opening)
        self.first = frozenset(tag[0] for tag in (*opening, *closing))  # the characters that begin a tag
        patterns = [f"({_pattern(tag)})" for tag in opening] + [f"({re.escape(tag)})" for tag in closing]
        self._tags = re.compile("|".join(patterns))
        beginnings = [_beginning(tag, _attributes(tag)) for tag in opening]
        beginnings += [_beginning(tag, "") for tag in closing]
        self._beginning = re.compile(rf"(?:{'|'.join(beginnings)})\Z")
        self._reach = 90 + max(len(tag) for tag in (*opening, *closing))

    def find(self, text: str, at: int) -> tuple[int, int, int | None] | None:
        """Return start, end and number of the next tag; the number of a closing tag is None."""
        found = self._tags.search(text, at)
        if found is None:
            return None
        number = (found.lastindex or 1) - 1
        return found.start(), found.end(), number if number < self._count else None

    def decided(self, text: str, at: int) -> int:
        """Return the end of the text that can't be the beginning of a tag."""
        found = self._beginning.search(text, max(at, len(text) - self._reach))
        return len(text) if found is None else found.start()


def _attributes(tag: str) -> str:
    return _ATTRIBUTES if re.fullmatch(r"<\w[\w:.-]*>", tag) else ""


def _pattern(tag: str) -> str:
    return re.escape(tag[:-1]) + _attributes(tag) + re.escape(tag[-1])


def _beginning(tag: str, attributes: str) -> str:
    """Return the pattern of a tag that isn't complete."""
    pattern = attributes
    for character in reversed(tag[1:-1]):
        pattern = f"(?:{re.escape(character)}{pattern})?"
    return re.escape(tag[0]) + pattern if len(tag) > 1 else r"(?!)"


class Grammar:
    """The finders for each state of a splitter."""

    def __init__(self, tags: ThinkTags) -> None:
        opening, closing = list(tags.tags), list(tags.tags.values())
        self.begins_inside = tags.begins_inside
        self.is_anywhere = tags.mode == "anywhere"
        self.any_tag = _Finder(opening, closing)
        self.opening = _Finder(opening, ())
        self.closing_of = [_Finder((), (tag,)) for tag in closing]


class Splitter:
    """Splits the text of one message. Without a `_finder`, all text is text."""

    def __init__(self, grammar: Grammar, repeats: Repeats, *, begins_inside: bool, is_start: bool) -> None:
        self._grammar = grammar
        self._repeats = repeats
        self._finder: _Finder | None = grammar.any_tag
        self._is_inside = begins_inside and is_start
        self._at_start = True  # only white space has arrived
        self._after_tag = self._is_inside
        self._held = ""  # text that may be the beginning of a tag
        self._last = ""  # the last character of the text
        self._blank: list[str] = []  # white space at the start
        self._said: list[str] = []  # the text so far, while a closing tag can make it a thought
        # Offsets in the text of the part that was fed:
        self._fed = 0  # its length
        self._base = 0  # of the text that `feed` works on
        self._kept = 0  # of the end of the last text that was yielded as text
        self.cuts: list[Cut] = []  # the ranges that weren't, as far as they are known
        if not is_start:
            self.settle()

    @property
    def is_holding(self) -> bool:
        return bool(self._held or self._blank)

    def drop_held(self) -> None:
        """Forget the held text: the server restated it."""
        self._held = ""
        self._blank.clear()

    def settle(self) -> None:
        """From here on, only complete thoughts anywhere in the text are thoughts."""
        if not self._is_inside:
            self._finder = self._grammar.opening if self._grammar.is_anywhere else None
        self._at_start = self._after_tag = False
        self._said.clear()

    def begin_part(self) -> None:
        """Count the offsets of another part from here on; no tag crosses parts."""
        self.settle()
        self._fed = self._kept = 0
        self.cuts = []

    def adopt(self, whole: Splitter) -> None:
        """Take the offsets of *whole*, which read the text of the part as the server restated it."""
        self._fed, self._kept, self.cuts = whole._fed, whole._kept, whole.cuts

    @property
    def is_plain(self) -> bool:
        """True outside of a thought if nothing is held, and no range of the text was cut last."""
        return not (
            self._is_inside or self._held or self._at_start or self._after_tag or self._kept != self._fed
        )

    def passes(self, piece: str) -> bool:
        """Return True if *piece* is only text, and keep it. The fast path of `feed`.

        True only outside of a thought, if no text is held and no tag can begin in the piece.
        """
        if not piece or not self.is_plain:
            return False
        if self._finder is not None:
            if not self._finder.first.isdisjoint(piece):
                return False
            self._plain(piece, self._fed + len(piece))
        self._fed = self._kept = self._fed + len(piece)
        return True

    def feed(self, piece: str) -> Iterator[Part]:
        """Yield the text that is decided, with its kind."""
        self._base = self._fed - len(self._held)
        self._fed += len(piece)
        text, self._held = self._held + piece, ""
        at = 0
        while True:
            at = self._skip_blank(text, at)
            if at == len(text):
                return
            found = self._finder.find(text, at) if self._finder is not None else None
            if found is None:
                end = self._finder.decided(text, at) if self._finder is not None else len(text)
                self._held = text[end:]
                if end > at:
                    yield self._plain(text[at:end], self._base + end)
                return
            start, end, number = found
            if number is None and not self._is_inside and self._follows_quote(text, at, start):
                if start > at:
                    yield self._plain(text[at:start], self._base + start)
                if end == len(text):  # the next character decides
                    self._held = text[start:]
                    return
                if text[end] in _QUOTES:
                    yield self._plain(text[start:end], self._base + end)
                    at = end
                    continue
                at = start
            if self._is_inside:
                yield from self._inside(text, at, start, end, number)
            else:
                yield from self._outside(text, at, start, end, number)
            at = end

    def flush(self) -> Iterator[Part]:
        """Yield the held text, because no more text follows."""
        held, self._held = self._held, ""
        if held or self._blank:
            yield self._plain(held, self._fed)
        self._cut_to(self._fed)

    def _follows_quote(self, text: str, at: int, start: int) -> bool:
        return (text[start - 1] if start > at else self._last) in _QUOTES

    def _skip_blank(self, text: str, at: int) -> int:
        """Skip white space that belongs to a tag, or may do so."""
        if not (self._after_tag or self._at_start):
            return at
        end = after_blank(text, at)
        if not self._after_tag and end > at:
            self._blank.append(text[at:end])
        if end < len(text):
            self._after_tag = False
        return end

    def _plain(self, text: str, end: int) -> Part:
        """Return *text*, which ends at the offset *end*, as text or as a thought, with the white space before
        it.
        """
        text = "".join([*self._blank, text])
        self._blank.clear()
        self._at_start = False
        self._last = text[-1:]
        if self._is_inside:
            return Kind.THOUGHT, text
        self._cut_to(end - len(text))
        self._kept = end
        if self._finder is self._grammar.any_tag:
            self._said.append(text)
        elif not self._grammar.is_anywhere:
            self._finder = None
        return Kind.TEXT, text

    def _cut_to(self, start: int) -> None:
        """Note that the text after the last one that was kept, up to the offset *start*, wasn't."""
        if start > self._kept:
            self.cuts.append((self._kept, start))
            self._kept = start

    def _inside(self, text: str, at: int, start: int, end: int, number: int | None) -> Iterator[Part]:
        """Leave the thought. An opening tag is part of the thought, unless it is at the start."""
        if number is not None:
            if self._at_start and start == at:
                self._enter(number)
            else:
                yield self._plain(text[at:end], self._base + end)
            return
        if start > at:
            yield self._plain(text[at:start], self._base + start)
        self._leave()

    def _outside(self, text: str, at: int, start: int, end: int, number: int | None) -> Iterator[Part]:
        """Enter a thought, or make the text so far one."""
        if number is None:
            yield from self._unopened(text, at, start, end)
        elif self._grammar.is_anywhere or (self._at_start and start == at):
            if start > at:
                yield self._plain(text[at:start], self._base + start)
            self._enter(number)
        else:  # a text about the tag
            yield self._plain(text[at:end], self._base + end)
            self.settle()

    def _unopened(self, text: str, at: int, start: int, end: int) -> Iterator[Part]:
        """Make the text before the first closing tag a thought, unless the text is about the tag."""
        said = "".join([*self._said, *self._blank, text[at:start]])
        if not self._repeats.may_be_thought(said):
            yield self._plain(text[at:end], self._base + end)
            self.settle()
            return
        if self._said:
            self.cuts.clear()
            self._kept = 0
            yield Kind.MOVED, said
        elif said.strip():
            yield Kind.THOUGHT, said
        self._leave()

    def _enter(self, number: int) -> None:
        self._is_inside, self._finder = True, self._grammar.closing_of[number]
        self._repeats.begin_tagged()
        self._begin_after_tag()

    def _leave(self) -> None:
        """Leave the thought. At the start of a message, another one may follow at once."""
        self._is_inside = False
        self._begin_after_tag()
        self._at_start = not self._grammar.is_anywhere
        self._finder = self._grammar.opening

    def _begin_after_tag(self) -> None:
        self._at_start, self._after_tag = False, True
        self._blank.clear()
        self._said.clear()

"""Secrets and a text, JSON value or body that may quote them -> the same with `***` in their place.

Rule: this is the only search for secrets. Events, errors, log lines and recordings pass through it. It finds
a secret as it is, percent-encoded, escaped in JSON or HTML, in base64, broken over lines, and the beginning
of a long one. A model's own words aren't searched: they are the answer.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
MIN_SECRET = 4  # characters; masking less would hide ordinary words
HEAD = 20  # characters of a longer secret that are enough to be masked
_BREAKABLE = 16  # characters of a secret that is found if spaces and line breaks cut it
# As `html.escape` writes them, whose module takes 1 ms.
IN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_GAP = re.compile(r"(?:\s|\\[nrt])+")  # also as JSON and `repr` write them


class Scrubber:
    """Finds *secrets* in texts. Its repr and its tracebacks show none of them."""

    __slots__ = ("_broken", "_exact", "_shortest")

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in forms_of(secret)}
        ordered = sorted(forms, key=len, reverse=True)
        self._exact = _Needles(form for form in ordered if len(form) < _BREAKABLE)
        self._broken = _Needles(_GAP.sub("", form) for form in ordered if len(form) >= _BREAKABLE)
        self._shortest = min(self._exact.shortest, self._broken.shortest)

    def __call__(self, value: Any) -> Any:
        """Return *value*, text or decoded JSON, with every secret in it masked."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {self(name): self(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self(inner) for inner in value]
        return value

    def mask(self, text: str) -> str:
        """Return *text* with `***` in the place of each secret."""
        if len(text) < self._shortest:
            return text  # most names and values of a payload
        parts, at = [], 0
        for begin, end in self.spans(text):
            parts += [text[at:begin], HIDDEN]
            at = end
        return "".join([*parts, text[at:]]) if parts else text

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the parts of *text* that are secrets, in order and apart from each other."""
        found = list(self._exact.find(text)) if self._exact else []
        if self._broken:
            has_escapes = "\\" in text
            dense = _GAP.sub("", text) if has_escapes else "".join(text.split())
            if self._broken.any_in(dense):
                places = _places(text)
                dense = "".join(map(text.__getitem__, places))
                found += [(places[a], places[b - 1] + 1) for a, b in self._broken.find(dense)]
        return _joined(found)

    def ends_inside(self, text: str) -> bool:
        """Return True if the end of *text* may be the beginning of a secret."""
        dense = _GAP.sub("", text)
        return self._exact.begins_at_end(text) or self._broken.begins_at_end(dense)

    @property
    def longest(self) -> int:
        """The characters of the longest form of a secret."""
        return max(self._exact.longest, self._broken.longest)


class _Needles:
    """Texts to find, longest first. The head of a long one is enough, and is extended as far as it fits."""

    __slots__ = ("_heads", "_needles", "longest", "shortest")

    def __init__(self, needles: Iterable[str]) -> None:
        self._needles = tuple(needles)
        self._heads = tuple(needle[:HEAD] for needle in self._needles)
        self.longest = max(map(len, self._needles), default=0)
        self.shortest = min(map(len, self._heads), default=sys.maxsize)  # characters of a text with one

    def __len__(self) -> int:
        return len(self._needles)

    def any_in(self, text: str) -> bool:
        return any(head in text for head in self._heads)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        for needle, head in zip(self._needles, self._heads, strict=True):
            at = text.find(head)
            while at >= 0:
                end = at + len(head)
                while end - at < len(needle) and text[end : end + 1] == needle[end - at]:
                    end += 1
                yield at, end
                at = text.find(head, end)

    def begins_at_end(self, text: str) -> bool:
        return any(
            text.endswith(needle[:size]) for needle in self._needles for size in range(1, len(needle) + 1)
        )


@lru_cache(maxsize=64)
def scrubber(secrets: tuple[str, ...]) -> Scrubber:
    """Return the scrubber of *secrets*. The last few are kept, because each reply needs one."""
    return Scrubber(secrets)


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """Return *value*, decoded JSON or text, with every secret in it masked: some servers quote the key."""
    return scrubber(tuple(secrets))(value)


def forms_of(secret: str) -> set[str]:
    """Return the texts that show *secret*: as it is, encoded for a URL, JSON or HTML, and in base64."""
    plain = str.__str__(secret)
    words = {plain, plain.split()[-1]} if plain.strip() else set()
    forms = set()
    for word in (each for each in words if len(each) >= MIN_SECRET):
        escaped = json.dumps(word)[1:-1]
        quoted = {quote(word), quote(word, safe=""), quote_plus(word)}
        encoded = {base64.b64encode(word.encode()).decode(), base64.urlsafe_b64encode(word.encode()).decode()}
        forms |= {
            word,
            escaped,
            escaped.replace("/", "\\/"),
            word.translate(IN_HTML),
            *quoted,
            *(re.sub("%..", lambda found: found[0].lower(), form) for form in quoted),
            *(form.rstrip("=") for form in encoded),
        }
    return {form for form in forms if len(form) >= MIN_SECRET}


def _places(text: str) -> list[int]:
    """Return the positions of the characters of *text* that aren't in a gap."""
    places: list[int] = []
    at = 0
    for gap in _GAP.finditer(text):
        places += range(at, gap.start())
        at = gap.end()
    places += range(at, len(text))
    return places


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined

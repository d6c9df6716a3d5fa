"""Annotations of a text that lost some ranges -> annotations whose offsets point into the rest.

A server counts in the text that it sent. If a thought was split off (`Profile.think_tags`), the caller's text
is shorter. An annotation of the thought itself keeps its other fields and loses its offsets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

Cut = tuple[int, int]  # the range of the server's text that isn't in the caller's
_OFFSETS = (("start_index", "end_index"), ("startIndex", "endIndex"))


def moved_citations(annotations: Iterable[Any], cuts: Sequence[Cut], length: int) -> tuple[list[Any], int]:
    """Return the annotations as they count in a text of *length* without *cuts*, which are in order.

    The second value is the number of annotations that lost their offsets.
    """
    found = [*annotations]
    if not cuts:
        return found, 0
    ruler = _Ruler(cuts)
    lost = 0
    for place, annotation in enumerate(found):
        if not isinstance(annotation, dict):
            continue
        kind = annotation.get("type")
        nested = annotation.get(kind) if isinstance(kind, str) else None
        source = nested if isinstance(nested, dict) else annotation  # nested on Chat Completions
        for names in _OFFSETS:
            if all(type(source.get(name)) is int for name in names):
                start, end = (ruler.kept(source[name]) for name in names)
                offsets = dict(zip(names, (start, end), strict=True)) if start < end <= length else {}
                rest = {name: value for name, value in source.items() if name not in names}
                moved = {**rest, **offsets}
                found[place] = moved if source is annotation else {**annotation, kind: moved}
                lost += not offsets
                break
    return found, lost


def lost_offsets(count: int) -> str:
    """Return the warning about *count* annotations without offsets."""
    return f"annotations: the offsets of {count} point into reasoning that was split off the text; dropped"


class _Ruler:
    """The cuts of a text, to count what is left of it."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._starts = [start for start, _ in cuts]
        self._ends = [end for _, end in cuts]
        self._removed = [0, *accumulate(end - start for start, end in cuts)]  # by the cuts before each

    def kept(self, offset: int) -> int:
        """Return the number of characters before *offset* that aren't cut."""
        count = bisect_left(self._starts, offset)
        inside = max(self._ends[count - 1] - offset, 0) if count else 0
        return offset - self._removed[count] + inside

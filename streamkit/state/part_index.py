"""Where the parts of a text are: takes the runs of one part each, in order, and returns their spans."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]  # start and end


class PartIndex:
    """The runs of a text by part. Each run is counted once, so keeping the index is linear."""

    __slots__ = ("_done", "_kind_of", "_run", "kind_spans", "kinds", "lengths", "part_lengths", "spans")

    def __init__(self, kind_of: Callable[[Any], Hashable]) -> None:
        self._kind_of = kind_of
        self._run = 0  # the run that ends the counted text
        self._done = 0  # the length of the counted text
        self.spans: dict[Hashable, list[Span]] = {}  # the runs of each part
        self.kind_spans: dict[Hashable, list[Span]] = {}  # the runs of each kind
        self.part_lengths: dict[Hashable, int] = {}
        self.kinds: dict[Hashable, dict[Hashable, None]] = {}  # the parts of each kind, in order
        self.lengths: dict[Hashable, int] = {}  # of each kind

    def count(self, starts: list[tuple[Hashable, int]], end: int, alias: dict[Hashable, Hashable]) -> None:
        """Add the text that has arrived since the last call."""
        for number in range(self._run, len(starts)):
            name, start = starts[number]
            part, start = alias.get(name, name), max(start, self._done)
            stop = starts[number + 1][1] if number + 1 < len(starts) else end
            kind = self._kind_of(part)
            for spans in (self.spans.setdefault(part, []), self.kind_spans.setdefault(kind, [])):
                if spans and spans[-1][1] == start:
                    spans[-1] = (spans[-1][0], stop)
                else:
                    spans.append((start, stop))
            self.kinds.setdefault(kind, {})[part] = None
            self.part_lengths[part] = self.part_lengths.get(part, 0) + stop - start
            self.lengths[kind] = self.lengths.get(kind, 0) + stop - start
        self._run, self._done = max(len(starts) - 1, 0), end

    def unite(self, first: Hashable, others: list[Hashable], kind: Hashable) -> None:
        """Count *others*, all other parts of *kind*, as pieces of the part *first*."""
        united = self.spans[first]
        for part in others:
            spans = self.spans.pop(part)
            is_later = spans[0] > united[-1]
            united += spans
            if not is_later:
                united.sort()
            self.part_lengths[first] += self.part_lengths.pop(part)
        self.kinds[kind] = {first: None}

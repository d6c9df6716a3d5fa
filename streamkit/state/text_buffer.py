"""A text that grows by pieces, possibly in several parts. Rule: appending a piece never copies the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .._lazy import lazy
from ..surrogates import REPLACEMENT, encodable_text, split_half
from .pieces import Pieces, new_pieces
from .restated import takes_back

if TYPE_CHECKING:
    from .part_index import PartIndex, Span

new_index = lazy("state.part_index:PartIndex")  # for restatements

_NO_PART = object()  # equal to no part
# The loose pieces become a string when they have so many characters, and this share of the text: 1/128, as a
# shift. So a text has at most a few hundred strings.
_LOOSE, _SHARE = 4096, 7
_FEW = 64  # runs of parts that are strings of their own


def _one_kind(part: Hashable) -> Hashable:
    return None


class TextBuffer:
    """Text in parts. A part that the server restates is never added twice.

    *kind_of* returns the kind of a part. Each kind is a text of its own, such as reasoning and its summary.

    The lane's loop appends pieces of the growing part itself (pipeline/lane_loop.py): it writes to `pieces`,
    adds to `length`, and calls `store` if that exceeds `store_at`.
    """

    __slots__ = (
        *("_alias", "_corrected", "_correction", "_index", "_kind_of", "_part", "_starts"),
        *("half", "store_at", "length", "pieces"),
    )

    def __init__(self, kind_of: Callable[[Any], Hashable] = _one_kind) -> None:
        self.pieces = new_pieces()
        self.length = 0
        self.store_at = _LOOSE
        self._kind_of = kind_of
        self._part: Hashable = _NO_PART
        self._starts: list[tuple[Hashable, int]] = []  # each run of one part, and the offset of its start
        self._index: PartIndex | None = None  # of the runs, from the first restatement on
        self._alias: dict[Hashable, Hashable] = {}  # parts that are another part
        self._corrected: dict[Hashable, Pieces] = {}  # parts whose pieces the server contradicted
        self._correction: Pieces | None = None  # of the part that grows now
        self.half = ""  # half a surrogate pair, which waits for the other half

    def add(self, piece: str, part: Hashable) -> tuple[Pieces, int]:
        """Append *piece* to *part*; return the buffer and its length, for a delta's `snapshot`."""
        if part != self._part:
            self._part = part
            part = self._alias.get(part, part)
            self._starts.append((part, self.length))
            self._correction = self._corrected.get(part)
        if self._correction is not None:
            self._correction.write(piece)
        self.length += self.pieces.write(piece)
        if self.length > self.store_at:
            self.store()
        return self.pieces, self.length

    @property
    def is_plain(self) -> bool:
        """True if a piece of the growing part is only written to `pieces`."""
        return self._correction is None

    def encodable(self, piece: str, part: Hashable) -> str:
        """Return *piece* as valid UTF-8, with the half that waited; half a pair at its end waits now."""
        if self.half:
            held, self.half = self.half, ""
            piece = (held if part == self._part else REPLACEMENT) + piece
        piece, self.half = split_half(piece)
        return encodable_text(piece)

    def take_half(self) -> bool:
        """Return True if half a pair waited; it doesn't any more."""
        waited, self.half = bool(self.half), ""
        return waited

    @property
    def part(self) -> Any:
        """The part of the last piece."""
        return self._part

    def store(self) -> None:
        """Make one string of the loose pieces; it happens each time the text has grown by a fixed share."""
        self.pieces.store()
        if self._correction is not None:
            self._correction.store()
        self.store_at = self.length + max(_LOOSE, self.length >> _SHARE)

    def settle(self) -> None:
        """Make the text of each part one string, which `parts` and `snapshot` return from then on.

        For a text that was restated, or whose item closes. Nothing is done for a short one.
        """
        for pieces in self._corrected.values():
            if pieces.has_stored:
                pieces.join()
        if self.pieces.has_stored and not self.pieces.closed and len(self._starts) <= _FEW:
            for _, start, end in self._runs():
                self.pieces.join(start, end)

    def long_parts(self, least: int) -> Iterator[tuple[Pieces, int, int]]:
        """Yield the place of each part whose text has *least* characters and is in one run."""
        for pieces in self._corrected.values():
            if pieces.length >= least:
                yield pieces, 0, pieces.length
        if self.length >= least and len(self._starts) <= _FEW:
            self.store()
            runs = self._runs()
            parts = Counter(part for part, _, _ in runs)
            for part, start, end in runs:
                if end - start >= least and parts[part] == 1:
                    yield self.pieces, start, end

    def _runs(self) -> list[tuple[Hashable, int, int]]:
        """Return each run: its part, its start and its end."""
        begun = [*self._starts]  # once: a thread that writes may begin another run
        ends = [*(start for _, start in begun), self.length][1:]
        return [
            (self._alias.get(part, part), start, end) for (part, start), end in zip(begun, ends, strict=True)
        ]

    # -- restatements ---------------------------------------------------------------------

    def missing(self, whole: str, part: Hashable, *, announced: bool = False) -> str:
        """Return the end of *whole* that *part* lacks, when the server restates the part; "" if it lacks
        none.

        A proper prefix of the part changes nothing. A text that contradicts the pieces replaces them in
        `parts`, and later pieces extend it. The text of all parts of one kind, restated as one part, shows
        that they are one part, unless the part was *announced*. Takes time in proportion to *whole*.
        """
        half, self.half = self.half, ""  # a restatement that goes on contains it whole
        name, part = part, self._alias.get(part, part)
        index = self._indexed()
        length = self._length_of(part, index)
        if length is None:
            return whole if announced else self._missing_of_all(whole, part, index)
        agrees = self._read(part, min(length, len(whole)), index) == whole[:length]
        if agrees and len(whole) <= length:
            self.half = half
            if len(whole) * 2 == length and not takes_back(whole, self._read(part, length, index)):
                self.correct(part, whole)
            return ""
        if not announced and self._is_all(whole, self._kind_of(part), index):
            self._unite(part, index)
            return ""
        if agrees and part == self._growing():
            return whole[length:]
        if name == part or len(whole) > length:  # else it restates a piece of a united part
            self.correct(part, whole)
        return ""

    def _growing(self) -> Hashable:
        """Return the part of the last piece."""
        name = self._starts[-1][0]
        return self._alias.get(name, name)

    def _missing_of_all(self, whole: str, part: Hashable, index: PartIndex) -> str:
        """Return the end of *whole* that all parts lack, if it restates them under the new name *part*.

        If there is one part only, its text must be equal; a second part may well begin like the first one.
        """
        kind = self._kind_of(part)
        parts, length = index.kinds.get(kind, {}), index.lengths.get(kind, 0)
        if not length or self._corrected:
            return whole
        if self._is_all(whole, kind, index):
            self._unite(part, index)
            return ""
        if len(parts) > 1 and self._read_spans(index.kind_spans[kind], len(whole)) == whole[:length]:
            self._unite(part, index)
            return whole[length:]
        return whole

    def _is_all(self, whole: str, kind: Hashable, index: PartIndex) -> bool:
        """Return True if *whole* is the text of all parts of *kind*, in the order of parts or of pieces."""
        if self._corrected or index.lengths.get(kind) != len(whole):
            return False
        if self._read_spans(index.kind_spans[kind], len(whole)) == whole:
            return True
        return len(index.kinds[kind]) > 1 and whole == "".join(
            self._read(part, len(whole), index) for part in index.kinds[kind]
        )

    def _unite(self, part: Hashable, index: PartIndex) -> None:
        """Let all parts of the kind of *part* be the first one of them, and *part* a name of it."""
        first, *others = index.kinds[self._kind_of(part)]
        for name in (part, *others):
            if name != first:
                self._alias[name] = first
        index.unite(first, others, self._kind_of(part))

    def correct(self, part: Hashable, whole: str) -> None:
        """Let *whole* replace the pieces of *part*."""
        part = self._alias.get(part, part)
        pieces = self._corrected[part] = new_pieces(whole)
        if part == self._growing():
            self._correction = pieces

    def _length_of(self, part: Hashable, index: PartIndex) -> int | None:
        correction = self._corrected.get(part)
        return index.part_lengths.get(part) if correction is None else correction.length

    def _read(self, part: Hashable, limit: int, index: PartIndex) -> str:
        """Return the first *limit* characters of *part*."""
        correction = self._corrected.get(part)
        if correction is not None:
            return correction.between(0, limit)
        return self._read_spans(index.spans[part], limit)

    def _read_spans(self, spans: Iterable[Span], limit: int) -> str:
        texts = []
        for start, end in spans:
            if limit <= 0:
                break
            texts.append(self.pieces.between(start, min(end, start + limit)))
            limit -= end - start
        return "".join(texts)

    def _indexed(self) -> PartIndex:
        """Return the index, brought up to date."""
        if self._index is None:
            self._index = new_index(self._kind_of)
        self._index.count(self._starts, self.length, self._alias)
        return self._index

    # -- the text -------------------------------------------------------------------------

    def parts(self) -> dict[Hashable, str]:
        """Return each part's text, in order of first appearance.

        None, if the garbage collector has closed the buffer: it may do so before it ends a forgotten stream.
        """
        if self.pieces.closed:
            return {}
        length = self.length  # read first: a thread that writes may have written more
        if len(self._starts) == 1 and not self._corrected:
            return {self._starts[0][0]: self.pieces.getvalue()[:length]}
        runs = self._runs()
        text = "" if len(runs) <= _FEW else self.pieces.getvalue()
        texts: dict[Hashable, list[str]] = {}
        for part, start, end in runs:
            end = min(end, length)
            run = text[start:end] if text else self.pieces.between(start, end)
            texts.setdefault(part, []).append(run)
        texts |= {part: [pieces.getvalue()] for part, pieces in [*self._corrected.items()]}
        return {part: "".join(each) for part, each in texts.items()}

    @property
    def last_length(self) -> int:
        """The number of characters in the pieces, or in the text that replaced those of the last part."""
        return self.length if self._correction is None else self._correction.length

    def __len__(self) -> int:
        """Return the number of characters in the pieces."""
        return self.length

    def __str__(self) -> str:
        return "".join(self.parts().values())

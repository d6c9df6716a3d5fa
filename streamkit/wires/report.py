"""The report of a built request: the parts dropped, repaired, or sent although the server may refuse them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from attrs import define, field


@define
class BuildReport:
    """The differences between a request and its body, one short sentence for each.

    `dropped`: parts that aren't in the body. `repaired`: parts that were changed, because servers refuse them
    as they were. `doubtful`: parts that were sent, although the server may refuse them. Positions count from
    0 in `request.input`. The report is false if there are no differences.
    """

    dropped: list[str] = field(factory=list)
    repaired: list[str] = field(factory=list)
    doubtful: list[str] = field(factory=list)
    _expected: int = field(default=0, init=False, repr=False, eq=False)

    def leave_out(self, sentence: str) -> None:
        """Add a dropped part that the API itself would discard; it is no reason for a warning in the log."""
        self.dropped.append(sentence)
        self._expected += 1

    def keep_known(
        self, fields: Mapping[str, Any], known: Container[str] | None, place: object, api: str
    ) -> dict[str, Any]:
        """Return the *fields* of *place* whose names are *known* to the API, and report the others.

        None: the API knows all of them, because the caller wrote the item in its words.
        """
        if known is None:
            return dict(fields)
        if unknown := [name for name in fields if name not in known]:
            self.dropped.append(f"{place}: its {', '.join(unknown)}, which the {api} API doesn't have")
        return {name: value for name, value in fields.items() if name in known}

    @property
    def needs_attention(self) -> bool:
        """True if there is more in the report than parts that the API itself would discard."""
        return bool(self.repaired or self.doubtful or len(self.dropped) > self._expected)

    def __bool__(self) -> bool:
        return bool(self.dropped or self.repaired or self.doubtful)

    def __str__(self) -> str:
        lists = (("dropped", self.dropped), ("repaired", self.repaired), ("doubtful", self.doubtful))
        return "; ".join(f"{word}: {sentence}" for word, sentences in lists for sentence in sentences)

"""The report of a built request: the parts dropped, repaired, or sent although the server may refuse them."""

from __future__ import annotations

from attrs import define, field


@define
class BuildReport:
    """What a wire left out of the body, what it put right, and what it sent though it may be refused.

    One short sentence each; positions are those of `request.input`, from 0. Empty, and false, where the
    body says all that the request does.
    """

    dropped: list[str] = field(factory=list)
    repaired: list[str] = field(factory=list)
    doubtful: list[str] = field(factory=list)

    def __bool__(self) -> bool:
        return bool(self.dropped or self.repaired or self.doubtful)

    def __str__(self) -> str:
        lists = (("dropped", self.dropped), ("repaired", self.repaired), ("doubtful", self.doubtful))
        return "; ".join(f"{word}: {sentence}" for word, said in lists for sentence in said)

"""`MapReport`: the counts of a run. Rule: any order of the same answers gives the same report."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import field, frozen

from .answer import Answer, Outcome


@frozen
class MapReport:
    """What a run has done so far.

    *asked* rows were sent to the model; *from_journal* and *duplicates* were not. *done* and *failed* count
    all three. *attempts* counts requests, *refusals* those that a limit refused. Tokens and *cost* are those
    of the answers asked for in this run, None if the server reported none. *stopped* names the reason for an
    early end. *seconds* isn't compared.
    """

    rows: int = 0
    done: int = 0
    failed: int = 0
    asked: int = 0
    from_journal: int = 0
    duplicates: int = 0
    changed: int = 0
    attempts: int = 0
    refusals: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    stopped: str = ""
    seconds: float = field(default=0.0, eq=False)

    def __str__(self) -> str:
        """Return one line for people."""
        parts = [f"{self.done} done", f"{self.failed} failed"]
        parts += [f"{self.from_journal} from the journal"] if self.from_journal else []
        parts += [f"{self.duplicates} duplicates"] if self.duplicates else []
        parts += [f"{self.attempts} requests, {self.refusals} refused"]
        if self.input_tokens is not None or self.output_tokens is not None:
            parts += [f"{self.input_tokens or 0} tokens in, {self.output_tokens or 0} out"]
        parts += [f"cost {self.cost:.4f}"] if self.cost is not None else []
        parts += [f"{self.seconds:.1f} s"]
        parts += [f"stopped: {self.stopped}"] if self.stopped else []
        return "; ".join(parts)


class Tally:
    """Counts the answers of a run as they come."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(
            ("rows", "done", "failed", "asked", "from_journal", "duplicates", "changed"), 0
        )
        self.attempts = self.refusals = 0
        self._input: int | None = None
        self._output: int | None = None
        self._cost: Fraction | None = None  # exact, so that the order of the answers doesn't change the sum
        self.stopped = ""

    def answered(self, answer: Answer) -> None:
        """Count an answer that is yielded."""
        counts = self._counts
        counts["rows"] += 1
        counts["done" if answer.ok else "failed"] += 1
        counts[_COUNTED_AS[answer.source]] += 1

    def changed(self) -> None:
        """Count a row of the journal whose body isn't the same any more."""
        self._counts["changed"] += 1

    def worked(self, outcome: Outcome) -> None:
        """Count the requests for a row, its tokens and its cost."""
        self.attempts += outcome.attempts
        self.refusals += outcome.refusals
        completion = outcome.completion or (outcome.error and outcome.error.partial)
        usage = completion.usage if completion else None
        if usage is None:
            return
        self._input = _sum(self._input, usage.input_tokens)
        self._output = _sum(self._output, usage.output_tokens)
        if usage.cost is not None:
            self._cost = (self._cost or Fraction()) + Fraction(str(usage.cost))

    @property
    def counts(self) -> dict[str, int]:
        """The counts of rows by what became of them."""
        return dict(self._counts)

    def report(self, seconds: float) -> MapReport:
        """Return the counts so far."""
        values: dict[str, Any] = dict(self._counts)
        return MapReport(
            **values,
            attempts=self.attempts,
            refusals=self.refusals,
            input_tokens=self._input,
            output_tokens=self._output,
            cost=None if self._cost is None else float(self._cost),
            stopped=self.stopped,
            seconds=seconds,
        )


_COUNTED_AS = {"asked": "asked", "journal": "from_journal", "duplicate": "duplicates"}


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else b + (a or 0)

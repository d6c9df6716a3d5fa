"""`Answer`: one row of a job with its completion or its error. `Outcome`: the same as it leaves a worker."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from ..completion import Completion
from ..errors import StreamkitError

Source = Literal["asked", "journal", "duplicate"]


@frozen
class Outcome:
    """The end of one row in a worker; it pickles.

    Exactly one of *completion* and *error* is set. The row is *untouched* if no answer was sought: the budget
    was spent, or the run was stopped.
    """

    index: int
    completion: Completion | None = None
    error: StreamkitError | None = None
    attempts: int = 0
    refusals: int = 0
    seconds: float = 0.0
    untouched: bool = False


@frozen
class Answer:
    """One row's result. *key* names the row in the journal, *index* is its position among the rows, from 0.

    Exactly one of *completion* and *error* is set; an error keeps what had arrived in `.partial`. *attempts*
    counts the requests that were sent for it, *seconds* is the time from the first of them to the end.
    *source* is "asked", "journal" (an earlier run asked), or "duplicate" (an earlier row has the same key).
    """

    key: str | int
    index: int
    row: Any = field(repr=False, eq=False)
    completion: Completion | None = field(default=None, repr=False)
    error: StreamkitError | None = None
    attempts: int = 0
    seconds: float = field(default=0.0, eq=False)
    source: Source = "asked"

    @property
    def ok(self) -> bool:
        """True if there is a completion, of the requested format if one was requested."""
        return self.completion is not None

    @property
    def text(self) -> str:
        """The text of the completion, or of the part that arrived before the error."""
        completion = self.completion or (self.error and self.error.partial)
        return completion.text if completion else ""

    def parsed(self) -> Any:
        """Return the answer as an object of the `response_format`. Raises the row's error if it has one."""
        return self.raise_for_error().parsed()

    def raise_for_error(self) -> Completion:
        """Return the completion, or raise the row's error."""
        if self.completion is None:
            assert self.error is not None
            raise self.error.with_traceback(None)  # not the frames of the thread that asked
        return self.completion

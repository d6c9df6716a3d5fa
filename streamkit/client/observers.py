"""Who watches a stream, and what they are told: an `Observer` is called with an `Operation` and a fact.

    def observer(operation, fact): ...        Client(..., observers=[observer, print])

One *operation* is one `client.stream(...)` with all its attempts. Its facts, in order:

| fact | when |
|---|---|
| `AttemptStarted` | a request is about to be sent; number 1 begins the operation |
| every event | as the stream yields it, just before the caller gets it; `Opened` and `Retrying` among them |
| `Ended` | once, however the stream is left; always last |

Nothing is told of a stream that nobody reads: its request is never sent.

Rules: observers run in the reading thread, between two events, so a slow one slows the stream; one that
raises never ends a stream.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ..events import Event

if TYPE_CHECKING:
    from ..completion import Completion
    from ..request import Request
    from .stats import Stats

logger = logging.getLogger("streamkit")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Operation:
    """What all facts of one stream share. `number` is unique in this process.

    `request` is what the caller asked for, and holds the conversation; it takes no part in the repr.
    """

    wire: str
    profile: str
    model: str
    host: str | None = None
    port: int | None = None
    request: Request | None = field(default=None, repr=False, compare=False)
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A request is about to be sent; `attempt` counts from 1."""

    attempt: int = 1


How: TypeAlias = Literal["completed", "failed", "cancelled", "closed", "interrupted", "abandoned"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over and its connection released.

    `how` is "completed"; "failed" (`error` says why); "cancelled" by `cancel()`; "closed" by the caller
    before the end; "interrupted" by an exception that is no error, Ctrl-C most often; "abandoned": dropped
    without being closed. `completion` is the whole answer, or what had arrived. `seconds` is
    wall-clock time from the first attempt, waits and the caller's own work included.
    """

    how: How
    completion: Completion
    stats: Stats
    seconds: float
    error: BaseException | None = None
    status: int | None = None
    request_id: str | None = None


Fact: TypeAlias = AttemptStarted | Event | Ended


class Observer(Protocol):
    """Anything that can be called with an operation and a fact."""

    def __call__(self, operation: Operation, fact: Fact, /) -> object:
        """Take note of *fact*. What it returns is ignored, what it raises is logged."""


class Observation:
    """One operation and those who watch it; false where nobody does."""

    def __init__(self, operation: Operation, observers: Iterable[Observer] = ()) -> None:
        self.operation = operation
        self._observers = tuple(observers)
        self._broken: set[int] = set()  # positions of those that raised

    def __bool__(self) -> bool:
        return bool(self._observers)

    def tell(self, fact: Fact) -> None:
        """Hand *fact* to every observer.

        One that raises is logged the first time, and still told the rest: `Ended` is where it cleans up.
        """
        for position, observer in enumerate(self._observers):
            try:
                observer(self.operation, fact)
            except Exception:
                if position not in self._broken:
                    self._broken.add(position)
                    logger.exception("observer %r failed; the stream goes on", observer)

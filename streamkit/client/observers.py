"""Observers of a stream: each is called with an `Operation` and a fact about it.

    def observer(operation, fact): ...        Client(..., observers=[observer, print])

One *operation* is one `client.stream(...)` with all its attempts. Its facts, in order:

| fact | when |
|---|---|
| `AttemptStarted` | before a request is sent; number 1 begins the operation |
| every event | just before the caller gets it; `Opened` and `Retrying` are among them |
| `Ended` | once, however the stream ends; always last |

A stream that isn't read sends no request, so its observers get no fact.

Rules: observers run in the reading thread, between two events, so a slow observer slows the stream. If an
observer raises, the stream continues.
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
    """The stream that a fact is about. `number` is unique in this process.

    `request` has the caller's arguments, the conversation included. It is left out of repr and comparison.
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
    """A request is sent next; `attempt` counts from 1."""

    attempt: int = 1


How: TypeAlias = Literal["completed", "failed", "cancelled", "closed", "interrupted", "abandoned"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over, and its connection is released.

    | `how` | the stream |
    |---|---|
    | "completed" | was read to its end |
    | "failed" | raised `error` |
    | "cancelled" | raised because of `cancel()` |
    | "closed" | was closed by the caller before its end |
    | "interrupted" | was left by an exception such as `KeyboardInterrupt`, which isn't an `Exception` |
    | "abandoned" | was dropped without being closed |

    `completion` is the whole answer, or the part that arrived. `seconds` is the wall-clock time since the
    first attempt began, with all waits and the caller's own work.
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
    """A callable that takes an operation and a fact."""

    def __call__(self, operation: Operation, fact: Fact, /) -> object:
        """Handle *fact*. The return value is ignored, and an exception is logged."""


class Observation:
    """One operation and its observers; false if there are none."""

    def __init__(self, operation: Operation, observers: Iterable[Observer] = ()) -> None:
        self.operation = operation
        self._observers = tuple(observers)
        self._broken: set[int] = set()  # positions of the observers that raised

    def __bool__(self) -> bool:
        return bool(self._observers)

    def tell(self, fact: Fact) -> None:
        """Call every observer with *fact*.

        If an observer raises, its first exception is logged. It still gets all later facts, because it cleans
        up when `Ended` arrives.
        """
        for position, observer in enumerate(self._observers):
            try:
                observer(self.operation, fact)
            except Exception:
                if position not in self._broken:
                    self._broken.add(position)
                    logger.exception("observer %r failed; the stream continues", observer)

"""Observers of a stream: each is called with an `Operation` and a fact about it.

    def observer(operation, fact): ...        Client(..., observers=[observer, print])

One *operation* is one `client.stream(...)` with all its attempts. Its facts, in order:

| fact | when |
|---|---|
| `AttemptStarted` | before a request is sent; number 1 begins the operation |
| every event | just before the caller gets it; `Opened` and `Retrying` are among them |
| `Ended` | once, however the stream ends; always last |

A stream that isn't read sends no request, so its observers get no fact.

A run of `agent.run` is an operation, too. Its facts are `RunStarted`, `ToolStarted` and `ToolEnded` for each
call that runs, and `RunEnded`. The streams of the run have operations of their own, whose `parent` is the
number of the run's.

Rules: observers run in the reading thread, between two events, so a slow observer slows the stream; the facts
of a tool come from the thread that runs it. If an observer raises, the stream continues.
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from .._interrupts import is_interrupt
from ..events import Event

if TYPE_CHECKING:
    from ..agent import AgentResult
    from ..completion import Completion
    from ..items import FunctionCall
    from ..request import Request
    from ..request.options import ToolSpec
    from .stats import Stats

logger = logging.getLogger("streamkit")

_numbers = itertools.count(1)
_numbering = threading.Lock()  # without the GIL, two threads can get one number
_PARENT: contextvars.ContextVar[int | None] = contextvars.ContextVar("streamkit_parent", default=None)


def next_number() -> int:
    """Return a number that no other operation and no other call of a tool in this process has."""
    with _numbering:
        return next(_numbers)


@contextlib.contextmanager
def belonging_to(number: int) -> Iterator[None]:
    """Make *number* the parent of the operations that are created in this block."""
    token = _PARENT.set(number)
    try:
        yield
    finally:
        _PARENT.reset(token)


@dataclass(frozen=True, slots=True)
class Operation:
    """The stream or the run that a fact is about. `number` is unique in this process.

    `request` has the caller's arguments, the conversation included. It is left out of repr and comparison; a
    run has none. `parent` is the number of the run, or of the call of a tool, that this operation is part of.
    """

    wire: str
    profile: str
    model: str
    host: str | None = None
    port: int | None = None
    request: Request | None = field(default=None, repr=False, compare=False)
    number: int = field(default_factory=next_number)
    parent: int | None = field(default_factory=_PARENT.get)


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
    | "interrupted" | was left by `KeyboardInterrupt`, or by an exception of a signal handler |
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


@dataclass(frozen=True, slots=True)
class RunStarted:
    """An agent's run begins; `name` is the one passed to `agent.run`."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A function of a tool is called next. `number` is unique in this process, as that of an operation."""

    call: FunctionCall
    spec: ToolSpec
    number: int


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """The call of this `number` is over; `output` is for the model, `error` is set if the call failed."""

    call: FunctionCall
    number: int
    seconds: float
    output: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class RunEnded:
    """An agent's run is over, as `how` says (see `Ended`); `result` is the result so far."""

    how: How
    result: AgentResult
    seconds: float
    error: BaseException | None = None


Fact: TypeAlias = AttemptStarted | Event | Ended | RunStarted | ToolStarted | ToolEnded | RunEnded


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
            except Exception as exc:
                if is_interrupt(exc):
                    raise
                if position not in self._broken:
                    self._broken.add(position)
                    logger.exception("observer %r failed; the stream continues", observer)

"""A call that is ready to send -> the events of its answer: attempts, waits, one `finally` that closes.

Strategy: one generator does everything; it yields the generator of the lane's deltas without reading it. It
shares a `Run` with its `Stream`, and has no reference to the Stream itself. So when the Stream is dropped,
the generator and its connection close at once, without the garbage collector.

Rules: the request is sent when the first event is requested. The generator stops only after `Completed`. A
retry happens only before the first event that contains output.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from types import GeneratorType
from typing import TYPE_CHECKING

from .._interrupts import is_interrupt
from ..errors import StreamCancelledError, StreamkitError
from ..events import Event, KeepAlive, Retrying
from ..http.retry import next_wait
from .attempt import Attempt
from .counting import Counter, without_secrets
from .logs import log
from .observers import AttemptStarted, Ended, How
from .run import Run

if TYPE_CHECKING:
    from ..pipeline.lane_loop import Deltas


def read_attempts(run: Run) -> Generator[Event | Deltas, None, None]:
    """Yield the events of all attempts, and for deltas that only the caller sees their generator.

    Observers get an `Ended`, however the stream ends.
    """
    watch, stats, resumed = run.watch, run.stats, run.resumed
    tell = run.observation.tell if run.observation else None
    began = watch.begin()
    left_by: BaseException | None = None
    failures: list[StreamkitError] = []
    try:
        for number in itertools.count(1):
            run.observation.tell(AttemptStarted(number))
            attempt = Attempt(run)
            try:
                opened = attempt.open()
                yielded = watch.now()
                yield opened
                watch.excuse(watch.now() - yielded)
                counter = Counter(run)
                known = counter.known
                for event in attempt.events():
                    if isinstance(event, GeneratorType):
                        yield event  # the Stream reads its deltas, and the lane counts them
                        continue
                    if type(event) in known and not resumed:
                        stats.events += 1
                    else:
                        yield from _resumptions(run)
                        event = counter.count(event)
                    if tell is not None:
                        tell(event)
                    if type(event) is not KeepAlive:
                        yield event
                        continue
                    yielded = watch.now()
                    yield event
                    watch.excuse(watch.now() - yielded)
                attempt.drain()
            except StreamkitError as error:
                attempt.failed(error)
                failures.append(error)
            else:
                return
            finally:
                attempt.close()
            yield from _resumptions(run)  # those that failed belong before what follows
            retrying = _next_attempt(run, failures, number)
            _announce(run, retrying)
            yield retrying
            _wait(run, retrying, failures)
    except BaseException as exc:
        left_by = exc
        if not isinstance(exc, Exception | GeneratorExit):
            run.leaving = "interrupted"
        raise
    finally:
        if run.failed is not None and run.failure is not None:
            run.failed()
        _announce(run, _ended(run, left_by, watch.now() - began))


def _resumptions(run: Run) -> Iterator[Retrying]:
    """Announce and yield the resumptions that the caller hasn't seen; after `cancel()` only announce them."""
    while run.resumed:
        again = run.resumed.pop(0)
        _announce(run, again)
        if not run.watch.cancelled:
            yield again


def _next_attempt(run: Run, failures: list[StreamkitError], number: int) -> Retrying:
    """Return the event before the next attempt. Raises the last failure if neither a retry nor a fallback
    can help.
    """
    error, source = failures[-1], None
    _complete(error, run)
    adapted = run.adapt(error) if run.adapt is not None and not run.output else None
    wait: float | None = 0.0
    if adapted is not None:
        run.request = adapted
    else:
        wait = _wait_before_next(error, number - run.taken_over_after, run)
    if wait is None and run.fallbacks and error.retryable and not run.output:
        _take_over(run, run.fallbacks.pop(0))
        run.taken_over_after, source, wait = number, run.profile.name, 0.0
    if wait is None:
        run.failure = error
        if len(failures) > 1 and run.taken_over_after:
            raise error from failures[-2]
        raise error
    return Retrying(number, wait, error, source)


def _wait(run: Run, retrying: Retrying, failures: list[StreamkitError]) -> None:
    try:
        run.watch.wait(retrying.delay)
    except StreamCancelledError as error:
        _complete(error, run)
        run.failure = error
        raise error from failures[-1]


def _take_over(run: Run, other: Run) -> None:
    """Put the request of *other*, and its way to the server, in the place of the run's own."""
    for name in _TAKEN_OVER:
        setattr(run, name, getattr(other, name))


_TAKEN_OVER = (
    *("transport", "make_call", "retry", "wire", "profile", "request", "adapt", "locate", "prices"),
    *("max_body", "pace", "need", "resume", "new_position", "continue_at"),
)


# -- observers ----------------------------------------------------------------------------


def _announce(run: Run, fact: Retrying | Ended) -> None:
    """Send a fact to the log and to the observers."""
    log(run.observation.operation, fact)
    run.observation.tell(fact)


def _ended(run: Run, error: BaseException | None, seconds: float) -> Ended:
    how: How = "failed"
    if run.completion is not None:
        how, error = "completed", None  # the caller may leave after the last event
    elif isinstance(error, StreamCancelledError):
        how = "cancelled"
    elif isinstance(error, GeneratorExit):
        how, error = run.leaving, None
    elif error is not None and is_interrupt(error):
        how = "interrupted"
    opened = run.opened
    return Ended(
        how,
        run.partial(),
        run.stats,
        seconds,
        error,
        opened.status if opened else getattr(error, "status", None),
        opened.request_id if opened else getattr(error, "request_id", None),
    )


# -- replies and errors -------------------------------------------------------------------


def _complete(error: StreamkitError, run: Run) -> None:
    """Set the attributes that every error of a stream has."""
    error.partial = run.partial() if error.partial is None else without_secrets(error.partial, run.secrets)
    if error.request_id is None and run.opened is not None:
        error.request_id = run.opened.request_id
    if run.locate is not None and not error.where:
        run.locate(error)


def _wait_before_next(error: StreamkitError, attempt: int, run: Run) -> float | None:
    """Return the seconds until the next attempt; None if there is none."""
    if run.output:
        return None
    return next_wait(
        error,
        attempt=attempt,
        policy=run.retry,
        deadline_left=run.watch.deadline_left(),
        random=run.random,
    )

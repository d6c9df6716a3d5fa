"""A call that is ready to send -> the events of its answer: attempts, waits, one `finally` that closes.

Strategy: one generator does everything; it yields the generator of the lane's deltas without reading it. It
shares a `Run` with its `Stream`, and has no reference to the Stream itself. So when the Stream is dropped,
the generator and its connection close at once, without the garbage collector.

Rules: the request is sent when the first event is requested. The generator stops only after `Completed`. A
retry happens only before the first event that contains output.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import TYPE_CHECKING, NoReturn

from .._interrupts import is_interrupt
from .._lazy import lazy
from ..completion import Completion
from ..errors import (
    APIConnectionError,
    BadFrameError,
    StreamCancelledError,
    StreamkitError,
)
from ..events import (
    Event,
    KeepAlive,
    Opened,
    Retrying,
)
from ..http.clocks import DRAIN, GRACE, NEVER, Watch
from ..http.messages import Reply, send
from ..http.ratelimits import rate_limits
from ..http.refusals import is_success, read_refusal, request_id
from ..http.retry import next_wait
from ..http.scrubbing import scrub
from ..pipeline import as_bytes, broken_source, each_event, read_answer
from ..profiles.profile import Profile
from ..request.options import RetryPolicy
from ..state.answer import AnswerState
from .counting import Counter, without_secrets
from .logs import log
from .observers import AttemptStarted, Ended, How, Observation
from .pace import Admission, Need, Pace, is_refusal
from .prices import Prices
from .stats import Stats

if TYPE_CHECKING:
    from ..http.messages import Call, Transport
    from ..pipeline.lane_loop import Deltas
    from ..typed.response_format import ResponseFormat
    from ..wires.prepare import PreparedRequest
    from .resume import Position, Resumption

new_resumption = lazy("client.resume:Resumption")

logger = logging.getLogger("streamkit")

MAX_DRAINED = 64 << 10  # bytes read after [DONE] so that the connection can be reused
MAX_BODY = 256 << 20  # bytes of one answer: enough for images, and a limit for a server that never stops
LONG_GRACE = 10.0  # seconds where a finish may not be the last; comments alone extend no wait beyond it


@dataclass(slots=True)
class Run:
    """The state that a stream and its generator share: first the parts, then the results."""

    transport: Transport
    make_call: Callable[[], Call]
    watch: Watch
    retry: RetryPolicy
    wire: str
    profile: Profile
    observation: Observation
    strict: bool = False
    random: Callable[[], float] = random.random
    max_body: int = MAX_BODY
    request: PreparedRequest | None = None
    # Changes the request after an error that another form of it avoids; returns None without such a form.
    adapt: Callable[[StreamkitError], PreparedRequest | None] | None = None
    locate: Callable[[StreamkitError], None] | None = None  # adds the request's address to an error
    prices: Prices | None = None  # computes the cost if the server sends none
    pace: Pace | None = None  # admits each attempt
    need: Need = field(default_factory=Need)
    failed: Callable[[], None] | None = None  # called once if the stream fails
    resume: int = 0  # how often a broken answer is continued
    new_position: Callable[[], Position] | None = None
    continue_at: Callable[[str], Call] | None = None
    resumed: list[Retrying] = field(default_factory=list)  # events of that, which the caller gets next
    fallbacks: list[Run] = field(default_factory=list)  # the requests that may take over, in order
    state: AnswerState = field(default_factory=AnswerState)
    stats: Stats = field(default_factory=Stats)
    opened: Opened | None = None
    output: bool = False  # True once an event with output was yielded
    completion: Completion | None = None
    failure: StreamkitError | None = None
    leaving: How = "abandoned"  # the way the caller left the stream, unless it was read to its end
    secrets: tuple[str, ...] = ()  # of the request that was sent last
    taken_over_after: int = 0  # the attempts before the fallback whose request this is; 0 without one

    @property
    def response_format(self) -> ResponseFormat | None:
        """The format that the request asks for, as its profile sends it."""
        wanted = self.request.request.response_format if self.request is not None else None
        return None if wanted is None else wanted.as_sent(takes_schema=self.profile.json_schema)

    def partial(self) -> Completion:
        """Return everything received so far; the whole answer at the end."""
        state = self.state  # before the question: it is dropped once the answer is complete
        return self.completion or without_secrets(state.completion(), self.secrets)


def read_attempts(run: Run) -> Generator[Event | Deltas, None, None]:
    """Yield the events of all attempts, and for deltas that nobody but the caller sees their generator.

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
            attempt = _Attempt(run)
            try:
                opened = attempt.open()
                yielded = watch.now()
                yield opened
                watch.excuse(watch.now() - yielded)
                counter = Counter(run)
                known = counter.known
                for event in attempt.events():
                    if isinstance(event, GeneratorType):
                        yield event  # the Stream reads and counts its deltas
                        continue
                    if type(event) in known and not resumed:
                        stats.events += 1
                        if tell is not None:
                            tell(event)
                        yield event
                        continue
                    if resumed:
                        yield from _resumptions(run)
                    event = counter.count(event)
                    if tell is not None:
                        tell(event)
                    yielded = watch.now()
                    yield event
                    if type(event) is KeepAlive:
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


_ENDED = AnswerState()  # of each stream whose answer is complete


class _Attempt:
    """One request, and its reply. `close` releases the connection, in any case."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reply: Reply | Resumption | None = None
        self._admission: Admission | None = None
        run.state = AnswerState(run.response_format)
        run.opened = None
        run.secrets = ()

    def open(self) -> Opened:
        """Send the request. Raises `APIError` if the server refuses it."""
        run = self._run
        if run.pace is not None:
            self._admission = run.pace.admit(run.need, run.watch, max_wait=run.retry.max_wait)
        run.watch.begin_attempt()
        call = run.make_call()
        run.secrets = call.secrets
        run.stats.request_sent(run.watch.now())
        self._reply = reply = send(run.transport, call, run.watch)
        run.secrets = (*run.secrets, *reply.secrets)
        run.stats.headers_after = run.watch.now() - run.stats.began
        run.opened = _opened(reply, run.secrets)
        if not is_success(reply.status):
            raise read_refusal(reply, now=time.time(), secrets=run.secrets)
        if self._admission is not None:
            self._admission.answered(run.opened.rate_limits)
        run.observation.tell(run.opened)
        return run.opened

    def events(self) -> Iterator[Event | Deltas]:
        """Return the events of the reply's body, as `read_answer` does."""
        run, reply = self._run, self._reply
        assert isinstance(reply, Reply)
        chunks = reply.chunks
        if run.resume and run.new_position is not None and run.continue_at is not None:
            position = run.new_position()
            resumption: Resumption = new_resumption(reply, run, position, run.continue_at, run.resume)
            self._reply, chunks = resumption, resumption.chunks()
        if self._admission is not None and self._admission.pace.limits.concurrency is not None:
            chunks = self._admission.followed(chunks)
        chunks = _until_grace(chunks, run)
        is_alone = not (run.observation or run.prices or run.resume)  # nobody else looks at each event
        tally = run.stats if is_alone else None
        events = read_answer(chunks, run.wire, run.profile, run.state, strict=run.strict, tally=tally)
        return events if is_alone else each_event(events)

    def drain(self) -> None:
        """Read the rest of the body after `[DONE]`: a connection with unread bytes can't be reused.

        The answer is complete: an exception here isn't an error of the stream, and neither is `cancel()`.
        """
        if not isinstance(self._reply, Reply):
            return
        self._run.watch.answer_finished(DRAIN)
        left = MAX_DRAINED
        try:
            for chunk in self._reply.chunks:
                left -= len(chunk)
                if left < 0:
                    return
        except Exception as exc:  # the connection is closed instead
            if is_interrupt(exc):
                raise

    def failed(self, error: StreamkitError) -> None:
        """Mask the secrets in *error*, and tell the pace why the attempt failed."""
        run = self._run
        _hide(error, run.secrets)
        limits = run.opened.rate_limits if run.opened else {}
        if is_refusal(error):
            run.stats.refusals += 1
            if self._admission is not None:
                self._admission.refused(error, limits)
        elif self._admission is not None and run.opened is not None:
            self._admission.answered(limits)  # an error, but not because of a limit

    def close(self) -> None:
        """Close the connection, and give the request's place free."""
        try:
            if self._reply is not None:
                self._reply.close()
        except Exception as exc:  # the answer, or its error, counts more
            if is_interrupt(exc):
                raise
            reason = scrub(f"{type(exc).__name__}: {exc}", self._run.secrets)
            logger.warning("closing the reply failed: %s", reason)
        finally:  # after KeyboardInterrupt, too
            if self._admission is not None:
                answer = self._run.completion
                usage = answer.usage if answer is not None else self._run.state.usage
                self._admission.ended(usage, has_answer=answer is not None)
            if self._run.completion is not None:
                self._run.state = _ENDED  # a stream that is kept holds its answer once


def _until_grace(chunks: Iterator[bytes], run: Run) -> Iterator[bytes]:
    """Yield the reply's *chunks*. After the answer is finished, they end when the grace period does."""
    watch, stats, state, most, now = run.watch, run.stats, run.state, run.max_body, run.watch.now
    began, size, finishes = stats.began, stats.bytes, state.finishes
    by_socket = watch.arrived < NEVER  # else a chunk arrives when it gets here
    reads, at, last, longest = -1, 0.0, math.inf, 0.0
    data_events, last_data = 0, now()
    try:
        for chunk in chunks:
            if not by_socket:
                stats.arrived = at = now() - began
            elif watch.reads != reads:
                stats.arrived = at = watch.arrived - began
                reads = watch.reads
            stats.before = stats.events
            stats.chunks += 1
            if type(chunk) is not bytes:
                chunk = as_bytes(chunk)
            size += len(chunk)
            stats.bytes = size
            if size > most:
                _refuse_more_than(most)
            yield chunk
            if stats.events > stats.before:  # `stats.data()` and `watch.data_arrived()`, in line
                if at - last > longest:
                    stats.longest_gap = longest = at - last
                stats.last_event = last = at
                watch.fed = True
            else:
                stats.idle_chunks += 1
            if not finishes:
                continue  # the usual case: the answer goes on
            if stats.data_events != data_events:
                data_events, last_data = stats.data_events, now()
            if not state.is_finished or state.was_reopened:
                watch.answer_reopened()
            elif (left := LONG_GRACE - now() + last_data) > 0:
                # any byte restarts it, comments only for a while
                watch.answer_finished(min(left, _grace(state)))
    except APIConnectionError:
        if not watch.fired or watch.fired[0] != "grace":
            raise
        state.warnings.append(f"grace: the stream stayed open {watch.fired[1]:g} s after the finish")
    except StreamkitError:
        raise
    except Exception as exc:  # of a transport that breaks its contract
        if is_interrupt(exc):
            raise
        raise broken_source(exc) from exc


def _refuse_more_than(most: int) -> NoReturn:
    raise BadFrameError(f"the reply has more than {most} bytes; the limit is Client(max_body=...)")


def _grace(state: AnswerState) -> float:
    """Return the seconds to wait for the end after a finish.

    Some gateways put a finish on every chunk, on the first one too, and some run the tools of a `tool_calls`
    themselves and go on. There the wait is longer.
    """
    is_doubtful = any(
        finish.reason == "tool_calls" or finish.with_output or not finish.output
        for finish in state.finishes.values()
    )
    return LONG_GRACE if is_doubtful else GRACE


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


def _opened(reply: Reply, secrets: tuple[str, ...]) -> Opened:
    return Opened(
        status=reply.status,
        request_id=scrub(request_id(reply.headers), secrets),
        headers=scrub(reply.headers, secrets),
        rate_limits=rate_limits(reply.headers, now=time.time()),
    )


def _complete(error: StreamkitError, run: Run) -> None:
    """Set the attributes that every error of a stream has."""
    error.partial = run.partial() if error.partial is None else without_secrets(error.partial, run.secrets)
    if error.request_id is None and run.opened is not None:
        error.request_id = run.opened.request_id
    if run.locate is not None and not error.where:
        run.locate(error)


def _hide(error: StreamkitError, secrets: tuple[str, ...]) -> None:
    """Mask the secrets in an error that quotes them."""
    error.message = scrub(error.message, secrets)
    error.args = (error.message,)
    for name in ("body", "data", "headers", "code", "type", "request_id"):
        if hasattr(error, name):
            setattr(error, name, scrub(getattr(error, name), secrets))


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

"""A call that is ready to send -> the events of its answer: attempts, waits, one `finally` that closes.

Strategy: one generator does everything. It shares a `Run` with its `Stream`, and has no reference to the
Stream itself. So when the Stream is dropped, the generator and its connection close at once, without the
garbage collector.

Rules: the request is sent when the first event is requested. The generator stops only after `Completed`. A
retry happens only before the first event that contains output.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from attrs import evolve

from ..completion import Completion
from ..errors import (
    APIConnectionError,
    BadFrameError,
    StreamCancelledError,
    StreamkitError,
)
from ..events import (
    BadFrame,
    Completed,
    Event,
    ItemStarted,
    KeepAlive,
    Opened,
    Retrying,
    Started,
    TextDelta,
    Unknown,
    UsageReport,
)
from ..http.clocks import DRAIN, GRACE, Watch
from ..http.messages import Reply
from ..http.ratelimits import rate_limits
from ..http.refusals import is_success, read_refusal, request_id
from ..http.retry import next_wait
from ..http.scrubbing import scrub
from ..pipeline import read_events
from ..profiles.profile import Profile
from ..request.options import RetryPolicy
from ..state.answer import AnswerState
from .logs import log
from .observers import AttemptStarted, Ended, How, Observation
from .pace import Need, Pace, is_refusal
from .prices import Prices, priced, priced_answer
from .resume import Position, Resumption
from .stats import Stats

if TYPE_CHECKING:
    from ..http.messages import Call, Transport
    from ..typed.response_format import ResponseFormat
    from ..wires.prepare import PreparedRequest

MAX_DRAINED = 64 << 10  # bytes read after [DONE] so that the connection can be reused
MAX_BODY = 256 << 20  # bytes of one answer: enough for images, and a limit for a server that never stops
MAX_ITEMS = 4096  # of one answer
LONG_GRACE = 10.0  # seconds where a finish may not be the last; comments alone extend no wait beyond it
MAX_COMMENTS = 100_000  # in a row: one a second for a day; the idle clock never fires in a flood of them
# Events without output. An attempt may be repeated until another kind of event is yielded.
_PRELUDE = (Started, KeepAlive, BadFrame, Unknown)


@dataclass(slots=True)
class Run:
    """The state that a stream and its generator share: first the parts, then the results."""

    transport: Transport
    make_call: Callable[[], Call]
    watch: Watch
    retry: RetryPolicy
    wire: str
    profile: Profile
    strict: bool
    random: Callable[[], float]
    max_body: int
    response_format: ResponseFormat | None
    observation: Observation
    request: PreparedRequest | None
    # Changes the request after an error that another form of it avoids; returns None without such a form.
    adapt: Callable[[StreamkitError], PreparedRequest | None] | None
    locate: Callable[[StreamkitError], None] | None  # adds the request's address to an error
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

    def partial(self) -> Completion:
        """Return everything received so far."""
        return _without_secrets(self.state.completion(), self.secrets)


def read_attempts(run: Run) -> Generator[Event, None, None]:
    """Yield the events of all attempts. Observers get an `Ended`, however the stream ends."""
    began = run.watch.begin()
    error: BaseException | None = None
    try:
        yield from _attempts(run)
    except BaseException as exc:
        error = exc
        if not isinstance(exc, Exception | GeneratorExit):
            run.leaving = "interrupted"
        raise
    finally:
        if run.failed is not None and run.failure is not None:
            run.failed()
        _announce(run, _ended(run, error, run.watch.now() - began))


def _attempts(run: Run) -> Iterator[Event]:
    """Repeat attempts until one completes, or fails in a way that neither a retry nor a fallback can help."""
    failed: StreamkitError | None = None
    since = 0  # the attempts before this request took over
    for attempt in itertools.count(1):
        source = None
        run.observation.tell(AttemptStarted(attempt))
        try:
            yield from _attempt(run)
        except StreamkitError as error:
            _complete(error, run)
            adapted = run.adapt(error) if run.adapt is not None and not run.output else None
            if adapted is not None:
                run.request = adapted
                wait: float | None = 0.0
            else:
                wait = _wait_before_next(error, attempt - since, run)
            if wait is None and run.fallbacks and error.retryable and not run.output:
                _take_over(run, run.fallbacks.pop(0))
                since, source, wait = attempt, run.profile.name, 0.0
            if wait is None:
                run.failure = error
                if failed is not None and since:
                    raise error from failed
                raise
            failed = error
        else:
            return
        retrying = Retrying(attempt, wait, failed, source)
        _announce(run, retrying)
        yield retrying
        try:
            run.watch.wait(wait)
        except StreamCancelledError as error:
            _complete(error, run)
            run.failure = error
            raise error from failed


def _take_over(run: Run, other: Run) -> None:
    """Put the request of *other*, and its way to the server, in the place of the run's own."""
    for name in (
        "transport",
        "make_call",
        "retry",
        "wire",
        "profile",
        "request",
        "adapt",
        "locate",
        "prices",
        "max_body",
        "pace",
        "need",
        "resume",
        "new_position",
        "continue_at",
    ):
        setattr(run, name, getattr(other, name))


def _attempt(run: Run) -> Iterator[Event]:
    """Send one request, and yield the events of its reply."""
    run.state = AnswerState(run.response_format)
    run.opened = None
    admission = None
    if run.pace is not None:
        admission = run.pace.admit(run.need, run.watch, max_wait=run.retry.max_wait)
    reply: Reply | Resumption | None = None
    run.secrets = ()
    try:
        run.watch.begin_attempt()
        call = run.make_call()
        run.secrets = call.secrets
        run.stats.request_sent(run.watch.now())
        reply = run.transport.open(call, run.watch)
        run.secrets = (*run.secrets, *reply.secrets)
        run.stats.headers_after = run.watch.now() - run.stats.began
        run.opened = _opened(reply, run.secrets)
        if not is_success(reply.status):
            raise read_refusal(reply, now=time.time(), secrets=run.secrets)
        if admission is not None:
            admission.answered(run.opened.rate_limits)
        run.observation.tell(run.opened)
        yielded = run.watch.now()
        yield run.opened
        run.watch.excuse(run.watch.now() - yielded)
        chunks = reply.chunks
        if run.resume and run.new_position is not None and run.continue_at is not None:
            reply = Resumption(reply, run, run.new_position(), run.continue_at, run.resume)
            chunks = reply.chunks()
        chunks = _until_grace(chunks, run)
        events = read_events(chunks, wire=run.wire, profile=run.profile, strict=run.strict, state=run.state)
        yield from _counted(events, run)
        if isinstance(reply, Reply):
            _drain(reply, run.watch)
    except StreamkitError as error:
        _hide(error, run.secrets)
        limits = run.opened.rate_limits if run.opened else {}
        if is_refusal(error):
            run.stats.refusals += 1
            if admission is not None:
                admission.refused(error, limits)
        elif admission is not None and run.opened is not None:
            admission.answered(limits)  # an error, but not because of a limit
        raise
    finally:
        if reply is not None:
            reply.close()
        if admission is not None:
            answer = run.completion
            usage = answer.usage if answer is not None else run.state.usage
            admission.ended(usage, has_answer=answer is not None)


def _priced_report(event: UsageReport, run: Run, prices: Prices) -> UsageReport:
    operation = run.observation.operation
    return replace(event, usage=priced(event.usage, run.state.model or operation.model, operation, prices))


def _until_grace(chunks: Iterator[bytes], run: Run) -> Iterator[bytes]:
    """Yield the reply's *chunks*. After the answer is finished, they end when the grace period does."""
    watch, stats, state = run.watch, run.stats, run.state
    data_events, last_data = -1, watch.now()
    while True:
        if stats.data_events != data_events:
            data_events, last_data = stats.data_events, watch.now()
        if not state.is_finished or state.was_reopened:
            watch.answer_reopened()
        elif (left := LONG_GRACE - watch.now() + last_data) > 0:
            watch.answer_finished(min(left, _grace(state)))  # any byte restarts it, comments only for a while
        try:
            chunk = next(chunks)
        except StopIteration:
            return
        except APIConnectionError:
            if watch.fired and watch.fired[0] == "grace":
                state.warnings.append(f"grace: the stream stayed open {watch.fired[1]:g} s after the finish")
                return
            raise
        stats.chunk(len(chunk), watch.now())
        if stats.bytes > run.max_body:
            raise BadFrameError(f"the reply has more than {run.max_body} bytes; stopped reading")
        yield chunk


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


def _counted(events: Iterable[Event], run: Run) -> Iterator[Event]:
    """Yield *events* after updating clocks, statistics and observers; the server's own words are masked."""
    watch, stats, secrets = run.watch, run.stats, run.secrets
    tell = run.observation.tell if run.observation else None
    items = comments = 0
    resumed = run.resumed
    for event in events:
        while resumed:
            again = resumed.pop(0)
            _announce(run, again)
            yield again
        kind = type(event)
        stats.events += 1
        if kind is KeepAlive:
            stats.comments += 1
            comments += 1
            event = scrub_fields(event, secrets)
            if comments > MAX_COMMENTS:
                raise BadFrameError(f"the server sent more than {MAX_COMMENTS} comments in a row")
        else:
            comments = 0
            watch.data_arrived()
            stats.data()
            if not run.output and kind not in _PRELUDE:
                run.output = True
            if kind is TextDelta:
                if stats.first_text is None:
                    stats.text()
            elif kind is ItemStarted:
                items += 1
                if items > MAX_ITEMS:
                    raise BadFrameError(f"the answer has more than {MAX_ITEMS} items; stopped reading")
            elif isinstance(event, UsageReport):
                if run.prices is not None:
                    event = _priced_report(event, run, run.prices)
            elif kind is BadFrame or kind is Unknown or kind is Started:
                stats.bad_frames += kind is BadFrame
                event = scrub_fields(event, secrets)
            elif isinstance(event, Completed):
                completion = _without_secrets(event.completion, secrets)
                if run.prices is not None:
                    completion = priced_answer(completion, run.observation.operation, run.prices)
                if completion is not event.completion:
                    event = replace(event, completion=completion)
                run.completion = completion
                usage = run.completion.usage
                stats.output_tokens = usage.output_tokens if usage else None
        if tell is not None:
            tell(event)
        if kind is KeepAlive:
            yielded = watch.now()
            yield event
            watch.excuse(watch.now() - yielded)
        else:
            yield event


def _drain(reply: Reply, watch: Watch) -> None:
    """Read the rest of the body after `[DONE]`: a connection with unread bytes can't be reused."""
    watch.answer_finished(DRAIN)
    left = MAX_DRAINED
    try:
        for chunk in reply.chunks:
            left -= len(chunk)
            if left < 0:
                return
    except APIConnectionError:
        return


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
    elif not isinstance(error, Exception):
        how = "interrupted"
    opened = run.opened
    return Ended(
        how,
        run.completion or run.partial(),
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
    error.partial = run.partial() if error.partial is None else _without_secrets(error.partial, run.secrets)
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


def _without_secrets(answer: Completion, secrets: tuple[str, ...]) -> Completion:
    """Return *answer* with the secrets masked in the parts that quote the server."""
    if not secrets or not (answer.extras or answer.warnings):
        return answer
    return evolve(answer, extras=scrub(answer.extras, secrets), warnings=scrub([*answer.warnings], secrets))


def scrub_fields(event: Event, secrets: tuple[str, ...]) -> Event:
    """Return an event that quotes the server with its secrets masked."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    changed = {name: new for name, value in values.items() if (new := scrub(value, secrets)) != value}
    return replace(event, **changed) if changed else event


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

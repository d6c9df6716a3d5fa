"""A call, ready to send -> the events of its answer, and everything about them that you may ask.

Strategy. One generator does it all: attempts, waits, events, and the one `finally` that closes the
reply. It shares a `_Run` with its `Stream` and knows nothing of the Stream itself, so that dropping the
Stream drops the generator, and with it the connection, at once and without the garbage collector.

Rules: nothing is sent before the first event is asked for; the iterator stops only after `Completed`,
and raises the same error again when asked again; a retry happens only before the first event that
carries output.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from .classify import api_error
from .completion import Completion
from .display import completion_html, show
from .errors import (
    APIConnectionError,
    APIError,
    BadFrameError,
    StreamCancelledError,
    StreamkitError,
    UsageError,
)
from .events import (
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
)
from .net.auth import scrub
from .net.ratelimits import RateLimit, rate_limits
from .net.retry import next_wait, retry_after
from .net.watch import DRAIN, Watch
from .observe import AttemptStarted, Ended, How, Observation, Operation
from .partial_json import PartialJSON
from .pipeline import read_events
from .profiles import Profile
from .request import RetryPolicy
from .schema import ResponseFormat
from .stages.aggregate import aggregate
from .stats import Stats
from .telemetry import log
from .turn import Turn

if TYPE_CHECKING:
    from .net.transport import Call, Reply, Transport
    from .request import PreparedRequest

logger = logging.getLogger("streamkit")

MAX_ERROR_BODY = 1 << 20  # bytes kept of a body that explains an error
MAX_DRAINED = 64 << 10  # bytes read after [DONE] so that the connection can be used again
MAX_BODY = 256 << 20  # bytes of one answer: images fit, a server that never stops does not
MAX_ITEMS = 4096  # of one answer
# Events that carry no output: before any other one, an attempt may be repeated.
_PRELUDE = (Started, KeepAlive, BadFrame, Unknown)
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-generation-id", "cf-ray")


@dataclass(slots=True)
class _Run:
    """What a stream and its generator share."""

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
    turn: Turn = field(default_factory=Turn)
    stats: Stats = field(default_factory=Stats)
    opened: Opened | None = None
    output: bool = False  # whether an event with output was handed out
    completion: Completion | None = None
    failure: StreamkitError | None = None
    leaving: How = "abandoned"  # how the stream is left, if it is not read to its end


class Stream:
    """One answer as it arrives: an iterator of events that ends after `Completed`, or raises.

    The request goes out when the first event is asked for. Read it in one thread (another one gets a
    `UsageError`), leave it how you like: the end of a `with`, `break` and dropping it, `close()` and an
    exception all release the connection at once, and `partial` still answers. `cancel()` may be called
    from anywhere.
    """

    def __init__(
        self,
        transport: Transport,
        make_call: Callable[[], Call],
        *,
        watch: Watch,
        retry: RetryPolicy,
        wire: str,
        profile: Profile,
        strict: bool = False,
        request: PreparedRequest | None = None,
        random: Callable[[], float] = random.random,
        max_body: int = MAX_BODY,
        observation: Observation | None = None,
    ) -> None:
        self.request = request  # what is sent: `.body`, and `.report` on what was left out
        wanted = request.request.response_format if request else None
        if observation is None:
            model = request.request.model if request else ""
            observation = Observation(Operation(wire, profile.name, model))
        self._run = _Run(
            *(
                transport,
                make_call,
                watch,
                retry,
                wire,
                profile,
                strict,
                random,
                max_body,
                wanted,
                observation,
            )
        )
        self._events = _read(self._run)
        self._owner: int | None = None

    # -- reading --------------------------------------------------------------------------

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Event:
        if self._owner != threading.get_ident():
            self._claim()
        event = next(self._events, None)
        if event is not None:
            return event
        if self._run.completion is not None:
            raise StopIteration
        raise self._run.failure or UsageError(
            "this stream was closed before its end; .partial holds what had arrived", partial=self.partial
        )

    def _claim(self) -> None:
        if self._owner is not None:
            raise UsageError(
                "a stream belongs to the thread that began to read it; hand its events over, "
                "or open one stream in each thread"
            )
        self._owner = threading.get_ident()

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of the first choice, piece by piece; all other events pass unseen."""
        return (event.text for event in self if type(event) is TextDelta and event.choice == 0)

    def json_partial(self) -> Iterator[PartialJSON]:
        """The answer's JSON as far as it has come, after every piece of its text; see `PartialJSON`.

        Raises `AnswerError` at the first character that makes it no JSON.
        """
        partial = PartialJSON()
        for text in self.text_stream:
            yield partial.feed(text)

    def aggregate(self, mode: Literal["final", "streaming"] = "final") -> Iterator[Event]:
        """The same events through `aggregate`: without deltas, or with them as well."""
        return aggregate(self, mode)

    def until_done(self) -> Stream:
        """Read to the end, and return this stream. Raises what iterating raises."""
        for _ in self:
            pass
        return self

    def result(self) -> Completion:
        """Read to the end; the whole answer. Raises what iterating raises."""
        self.until_done()
        assert self._run.completion is not None  # law 1: no end without Completed
        return self._run.completion

    def show(self) -> Completion:
        """Read to the end on a live view, in a notebook or on a terminal; the whole answer.

        Raises what iterating raises, with what had arrived left on view.
        """
        return show(self)

    # -- leaving --------------------------------------------------------------------------

    def close(self) -> None:
        """Release the connection; what had arrived stays in `partial`. Idempotent.

        In the middle of another thread's read it cancels instead.
        """
        if self._run.leaving == "abandoned":
            self._run.leaving = "closed"
        try:
            self._events.close()
        except ValueError:  # "generator already executing": in another thread, or under a signal handler
            self.cancel()

    def cancel(self) -> None:
        """Make the stream raise `StreamCancelledError`, at once if its thread is blocked in a read.

        Safe from any thread and from a signal handler. The connection is closed by the reading thread.
        """
        self._run.watch.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._run.leaving = "interrupted"
        self.close()

    # -- asking ---------------------------------------------------------------------------

    @property
    def partial(self) -> Completion:
        """What has arrived so far, at any moment; the whole answer at the end."""
        return self._run.completion or self._run.turn.completion()

    @property
    def stats(self) -> Stats:
        """Counts and times of the attempt under way, or of the last one."""
        return self._run.stats

    @property
    def status(self) -> int | None:
        """The reply's HTTP status; None before it arrived, like the three below."""
        return self._run.opened.status if self._run.opened else None

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The reply's headers, names in lower case, cookies hidden."""
        return self._run.opened.headers if self._run.opened else None

    @property
    def request_id(self) -> str | None:
        """The server's id for this request, to quote to its operators."""
        return self._run.opened.request_id if self._run.opened else None

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """What the reply's headers say is left, by kind ("requests", "tokens"); often empty."""
        return self._run.opened.rate_limits if self._run.opened else {}

    def __repr__(self) -> str:
        state = (
            "completed"
            if self._run.completion is not None
            else f"failed: {type(self._run.failure).__name__}"
            if self._run.failure is not None
            else "closed"
            if self._events.gi_frame is None
            else "open"
            if self._run.opened is not None
            else "not sent yet"
        )
        return f"<Stream {state}, {self._run.stats.events} events>"

    def _repr_html_(self) -> str:
        """What a notebook shows: what has arrived so far, with nothing in it that could run."""
        return completion_html(self.partial, repr(self))


# -- the generator ------------------------------------------------------------------------


def _read(run: _Run) -> Generator[Event, None, None]:
    """The events of all attempts; whoever watches hears of the end, whatever it is."""
    began = run.watch.now()
    error: BaseException | None = None
    try:
        yield from _attempts(run)
    except BaseException as exc:
        error = exc
        raise
    finally:
        _announce(run, _ended(run, error, run.watch.now() - began))


def _attempts(run: _Run) -> Iterator[Event]:
    """Attempts until one completes, or fails in a way that another one cannot mend."""
    for attempt in range(1, run.retry.max_retries + 2):
        run.observation.tell(AttemptStarted(attempt))
        try:
            yield from _attempt(run)
        except StreamkitError as error:
            _complete(error, run)
            wait = _wait_before_next(error, attempt, run)
            if wait is None:
                run.failure = error
                raise
            failed = error
        else:
            return
        retrying = Retrying(attempt, wait, failed)
        _announce(run, retrying)
        yield retrying
        try:
            run.watch.wait(wait)
        except StreamCancelledError as error:
            _complete(error, run)
            run.failure = error
            raise error from failed


def _attempt(run: _Run) -> Iterator[Event]:
    """One request and the events of its reply."""
    run.turn = Turn(run.response_format)
    run.watch.begin_attempt()
    call = run.make_call()
    run.stats.request_sent(run.watch.now())
    reply = run.transport.open(call, run.watch)
    try:
        run.stats.headers_after = run.watch.now() - run.stats.began
        run.opened = _opened(reply)
        if not 200 <= reply.status < 300:
            raise _refusal(reply, call.secrets)
        run.observation.tell(run.opened)
        yield run.opened
        chunks = _until_grace(reply.chunks, run)
        events = read_events(chunks, wire=run.wire, profile=run.profile, strict=run.strict, turn=run.turn)
        yield from _counted(events, run)
        _drain(reply, run.watch)
    except APIError as error:
        _hide(error, call.secrets)
        raise
    finally:
        reply.close()


def _until_grace(chunks: Iterator[bytes], run: _Run) -> Iterator[bytes]:
    """The reply's *chunks*; once the answer is finished, the grace's end is the body's end."""
    watch, stats = run.watch, run.stats
    while True:
        if not watch.ending and run.turn.finished:
            watch.answer_finished()
        try:
            chunk = next(chunks)
        except StopIteration:
            return
        except APIConnectionError:
            if watch.fired and watch.fired[0] == "grace":
                return
            raise
        stats.chunk(len(chunk), watch.now())
        if stats.bytes > run.max_body:
            raise BadFrameError(f"the answer is longer than {run.max_body} bytes")
        yield chunk


def _counted(events: Iterable[Event], run: _Run) -> Iterator[Event]:
    """*events*, after telling clocks, statistics and observers."""
    watch, stats = run.watch, run.stats
    tell = run.observation.tell if run.observation else None
    items = 0
    for event in events:
        kind = type(event)
        stats.events += 1
        if kind is KeepAlive:
            stats.comments += 1
        else:
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
                    raise BadFrameError(f"the answer has more than {MAX_ITEMS} items")
            elif kind is BadFrame:
                stats.bad_frames += 1
            elif isinstance(event, Completed):
                run.completion = event.completion
                usage = run.completion.usage
                stats.output_tokens = usage.output_tokens if usage else None
        if tell is not None:
            tell(event)
        yield event


def _drain(reply: Reply, watch: Watch) -> None:
    """Read what the body still holds after `[DONE]`: a connection left in its middle is lost."""
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


def _announce(run: _Run, fact: Retrying | Ended) -> None:
    """Tell what is worth a line in the log as well."""
    log(run.observation.operation, fact)
    run.observation.tell(fact)


def _ended(run: _Run, error: BaseException | None, seconds: float) -> Ended:
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
        run.completion or run.turn.completion(),
        run.stats,
        seconds,
        error,
        opened.status if opened else getattr(error, "status", None),
        opened.request_id if opened else getattr(error, "request_id", None),
    )


# -- replies and errors -------------------------------------------------------------------


def _opened(reply: Reply) -> Opened:
    return Opened(
        status=reply.status,
        request_id=_request_id(reply.headers),
        headers=dict(reply.headers),
        rate_limits=rate_limits(reply.headers, now=time.time()),
    )


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


def _refusal(reply: Reply, secrets: tuple[str, ...]) -> APIError:
    """The error that a reply without success means, whatever its body looks like."""
    body = bytearray()
    try:
        for chunk in reply.chunks:
            body += chunk[: MAX_ERROR_BODY - len(body)]
            if len(body) >= MAX_ERROR_BODY:
                break
    except APIConnectionError as exc:
        logger.warning("the body of a reply with status %d was cut off: %s", reply.status, exc)
    text = body.decode(errors="replace")
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        decoded = text
    error = api_error(
        scrub(decoded, secrets),
        status=reply.status,
        headers=reply.headers,
        retry_after=retry_after(reply.headers, now=time.time()),
        request_id=_request_id(reply.headers),
    )
    # OpenAI says so itself where it knows better than the status.
    advice = reply.headers.get("x-should-retry")
    if advice in ("true", "false"):
        error.retryable = advice == "true"
    return error


def _complete(error: StreamkitError, run: _Run) -> None:
    """What every error of a stream carries."""
    if error.partial is None:
        error.partial = run.turn.completion()
    if error.request_id is None and run.opened is not None:
        error.request_id = run.opened.request_id


def _hide(error: APIError, secrets: tuple[str, ...]) -> None:
    """Take the key out of an error that quotes it."""
    if any(secret in error.message for secret in secrets):
        error.message = scrub(error.message, secrets)
        error.args = (error.message,)
        error.body = scrub(error.body, secrets)


def _wait_before_next(error: StreamkitError, attempt: int, run: _Run) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    if run.output:
        return None
    return next_wait(
        error,
        attempt=attempt,
        policy=run.retry,
        deadline_left=run.watch.deadline_left(),
        random=run.random,
    )

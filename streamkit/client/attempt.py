"""One attempt: a request that is sent, and the events of its reply.

    takes    a `Run`: what to send, and how
    gives    `Opened`, then the events of the reply; `close` releases the connection, in any case

Around the chunks of the reply, it counts, looks at the limit, and ends the wait for an end that doesn't come.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from .._interrupts import is_interrupt
from .._lazy import lazy
from ..errors import APIConnectionError, BadFrameError, StreamkitError
from ..events import Event, Opened
from ..http.clocks import DRAIN, GRACE, NEVER
from ..http.messages import Reply, send
from ..http.ratelimits import rate_limits
from ..http.refusals import is_success, read_refusal, request_id
from ..http.scrubbing import scrub
from ..pipeline import as_bytes, broken_source, each_event, read_answer
from ..state.answer import AnswerState
from .pace import Admission, is_refusal
from .run import Run

if TYPE_CHECKING:
    from ..pipeline.lane_loop import Deltas
    from .resume import Resumption

new_resumption = lazy("client.resume:Resumption")

logger = logging.getLogger("streamkit")

MAX_DRAINED = 64 << 10  # bytes read after [DONE] so that the connection can be reused
LONG_GRACE = 10.0  # seconds where a finish may not be the last; comments alone extend no wait beyond it

_ENDED = AnswerState()  # of each stream whose answer is complete


class Attempt:
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
        sees_each = bool(run.observation) or run.prices is not None or run.resume > 0  # `read_attempts` does
        tally = None if sees_each else run.stats
        events = read_answer(chunks, run.wire, run.profile, run.state, strict=run.strict, tally=tally)
        return each_event(events) if sees_each else events

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


def _opened(reply: Reply, secrets: tuple[str, ...]) -> Opened:
    return Opened(
        status=reply.status,
        request_id=scrub(request_id(reply.headers), secrets),
        headers=scrub(reply.headers, secrets),
        rate_limits=rate_limits(reply.headers, now=time.time()),
    )


def _hide(error: StreamkitError, secrets: tuple[str, ...]) -> None:
    """Mask the secrets in an error that quotes them."""
    error.message = scrub(error.message, secrets)
    error.args = (error.message,)
    for name in ("body", "data", "headers", "code", "type", "request_id"):
        if hasattr(error, name):
            setattr(error, name, scrub(getattr(error, name), secrets))

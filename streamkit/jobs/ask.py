"""Ask one row until it has an answer: a `Row` in, an `Outcome` out. Threads share one `Asker`.

Rules: the caller gets nothing before the end, so a broken answer may be asked again, unless the server keeps
the conversation or runs tools. A refusal because of a limit isn't one of the attempts: the model didn't see
the row. The idempotency key of a request stays the same, so that a server that knows it bills once.
"""

from __future__ import annotations

import random as dice
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ..client.complete import ask_until_fitting, may_repeat
from ..client.pace import Pace, is_refusal
from ..completion import Completion
from ..errors import (
    APITimeoutError,
    IncompleteResponseError,
    LimitError,
    StreamCancelledError,
    StreamError,
    StreamkitError,
)
from ..http.retry import backoff, next_wait
from ..request.options import RetryPolicy
from ..wires.prepare import PreparedRequest, prepare
from .answer import Outcome
from .rows import Row

if TYPE_CHECKING:
    from ..client import Client
    from ..client.stream import Stream

MAX_REFUSALS = 100  # of one row; the pace waits between them
_WAITED_ON_SERVER = ("first_event", "idle", "bytes")  # the clocks of a silent server


class Asker:
    """Sends the rows of one run. `cancel` ends every row under way; any thread may call it."""

    def __init__(
        self,
        client: Client,
        *,
        pace: Pace,
        attempts: int,
        ask_again: int,
        options: Mapping[str, Any],
        random: Callable[[], float] = dice.random,
    ) -> None:
        self._client = client
        self._pace = pace
        self._attempts = attempts
        self._ask_again = ask_again
        self._options = options
        self._random = random
        self._max_wait = (options.get("retry") or client.retry).max_wait
        self._streams: set[Stream] = set()
        self._lock = threading.RLock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ask no row that isn't under way. Any thread may call this."""
        self._stopped.set()

    def cancel(self) -> None:
        """Cancel every stream under way, and ask nothing more."""
        self._stopped.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()

    def ask(self, row: Row) -> Outcome:
        """Return the outcome of *row*; raises no `Exception`."""
        began, work = time.monotonic(), _Work()
        completion, error = None, row.error
        try:
            if row.request is not None:
                completion = self._answer(row.request, work)
        except StreamkitError as exc:
            error = exc
            if isinstance(exc, StreamCancelledError) and not self._stopped.is_set():
                self.stop()  # the client was closed: this thread must not begin another row
                return self._outcome(row, None, exc, work, began)
        except Exception as exc:  # noqa: BLE001 - a defect of a transport must not end the thread
            error = StreamkitError(f"row {row.index}: {type(exc).__name__}: {exc!s:.200}")
            error.__cause__ = exc
        outcome = self._outcome(row, completion, error, work, began)
        is_stopped = isinstance(error, StreamCancelledError)
        return evolve(outcome, untouched=is_stopped or isinstance(error, LimitError))

    def _outcome(
        self,
        row: Row,
        completion: Completion | None,
        error: StreamkitError | None,
        work: _Work,
        began: float,
    ) -> Outcome:
        seconds = time.monotonic() - began
        return Outcome(row.index, completion, error, work.attempts, work.refusals, seconds)

    def _answer(self, prepared: PreparedRequest, work: _Work) -> Completion:
        request = prepared.request

        def ask(items: Any) -> Completion:
            if items is request.input:
                return self._whole(prepared, work)
            changed = prepare(evolve(request, input=items), prepared.wire, self._client.profile)
            return self._whole(changed, work)

        if request.response_format is None and not self._ask_again:
            return ask(request.input)
        return ask_until_fitting(ask, request.input, min(self._ask_again, self._attempts - 1))

    def _whole(self, prepared: PreparedRequest, work: _Work) -> Completion:
        """Return a whole answer. Raises the error of the last attempt."""
        key = f"streamkit-{uuid.uuid4()}"
        while True:
            if self._stopped.is_set():
                raise StreamCancelledError("the run was stopped before this row was asked")
            stream = self._client.send(
                prepared,
                idempotency_key=key,
                pace=self._pace,
                use_cache=False,  # equal rows are samples, and a journal keeps their answers
                **{**self._options, "retry": RetryPolicy(max_retries=0, max_wait=self._max_wait)},
            )
            with self._lock:
                self._streams.add(stream)
            if self._stopped.is_set():  # cancel() may have missed it
                stream.cancel()
            try:
                return stream.result()
            except StreamkitError as error:
                wait = self._wait(error, stream, work)
                if wait is None:
                    raise
            finally:
                work.attempts += stream.stats.attempts
                work.refusals += stream.stats.refusals
                with self._lock:
                    self._streams.discard(stream)
                stream.close()
            self._stopped.wait(wait)

    def _wait(self, error: StreamkitError, stream: Stream, work: _Work) -> float | None:
        """Return the seconds before the row is asked again; None if *error* is its end."""
        if is_refusal(error) and not stream.had_output:
            return next_wait(
                error,
                attempt=work.refusals + 1,
                policy=RetryPolicy(MAX_REFUSALS, self._max_wait),
                deadline_left=float("inf"),
                random=self._random,
            )
        work.tries += 1
        if work.tries >= self._attempts:
            return None
        assert stream.request is not None
        if stream.had_output and not may_repeat(stream.request.request):
            return None
        if _is_broken(error):
            return min(backoff(work.tries, self._random), self._max_wait)
        policy = RetryPolicy(self._attempts - 1, self._max_wait)
        return next_wait(
            error, attempt=work.tries, policy=policy, deadline_left=float("inf"), random=self._random
        )


class _Work:
    """The requests for one row: all, those that a limit refused, and those that failed otherwise."""

    def __init__(self) -> None:
        self.attempts = self.refusals = self.tries = 0


def _is_broken(error: StreamkitError) -> bool:
    """Return True for an answer that another request may complete, although a stream isn't retried for it."""
    if isinstance(error, APITimeoutError):
        return error.phase in _WAITED_ON_SERVER
    return isinstance(error, StreamError) and not isinstance(error, IncompleteResponseError)

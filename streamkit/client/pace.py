"""`Pace`: takes the requests of all threads of a client, and admits each one when the limits allow it.

    admission = pace.admit(need, watch, max_wait=60)      # blocks
    admission.answered(limits) | admission.refused(error, limits)
    admission.ended(usage)                                # always, once

Strategy. The caller's `Limits` apply to all requests. The server's limits apply to each model: OpenAI and
Anthropic count by model. A wait that is learned from the server is at most *max_wait*: a request that would
have to wait longer is sent, so that the server's own error reaches the caller. Requests are admitted in the
order in which they arrived, so none starves. Nothing here reads a socket; the clock is an argument.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from attrs import evolve

from ..completion import Usage
from ..errors import LimitError, StreamkitError, UsageError
from ..http.clocks import NAP, Watch
from ..http.ratelimits import RateLimit
from ..request.options import Limits
from .gauges import BURST, TOKEN_BURST, Bucket, Traffic

BYTES_PER_TOKEN = 4  # of a request's body, on average
_REFUSED = (429, 498, 503, 529)


@dataclass(frozen=True, slots=True)
class Need:
    """The amount that one request will use: its model, and the tokens as far as they can be estimated."""

    model: str = ""
    input_tokens: int = 0
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The cost and the tokens that may still be used; None without such a limit."""

    cost: float | None = None
    tokens: int | None = None

    def divided(self, parts: int) -> Budget:
        """Return one of *parts* equal shares: at least one token, and some cost."""
        return Budget(self.cost and self.cost / parts, self.tokens and max(self.tokens // parts, 1))


def is_refusal(error: StreamkitError) -> bool:
    """Return True if the server refused a request because of a limit that passes with time."""
    return error.retryable and getattr(error, "status", None) in _REFUSED


class Pace:
    """The state of a client's limits. Threads share it; a pickle has the limits only.

    *limits* are the caller's. *knows_cost* is False if no answer of the client carries a cost; then a cost
    limit is a `UsageError`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        knows_cost: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or Limits()
        if self.limits.cost is not None and not knows_cost:
            raise UsageError(
                "limits.cost: expected a gateway that reports costs; pass prices= to Client, set a limit of "
                "tokens instead, or pass a profile with usage_accounting=True"
            )
        self._knows_cost = knows_cost
        self._now = now
        self._start()

    def _start(self) -> None:
        now = self._now()
        self._process = os.getpid()
        # Reentrant: a stream that the garbage collector closes ends its admission in any thread, at any time.
        self._lock = threading.RLock()
        self._traffic: dict[str, Traffic] = {}
        self._number = 0
        self._open = 0
        self._held: dict[int, int] = {}  # open streams by the thread that opened them, and reads them alone
        self._outputs = self._answers = 0  # for the mean length of an answer
        self._cost_missing = False
        self.spent_cost = 0.0
        self.spent_tokens = self.failures = self.refusals = 0
        given = self.limits
        self._requests = given.requests_per_minute and Bucket(given.requests_per_minute, now, burst=BURST)
        self._tokens = given.tokens_per_minute and Bucket(given.tokens_per_minute, now, burst=TOKEN_BURST)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.limits, self._knows_cost)

    # -- admitting ------------------------------------------------------------------------

    def admit(self, need: Need, watch: Watch, *, max_wait: float = math.inf) -> Admission:
        """Wait until the request may be sent, and book it.

        Raises `LimitError` if a budget is spent, `StreamCancelledError` after `watch.cancel()`,
        `APITimeoutError` at the deadline, and `UsageError` if only this thread could end the wait.
        """
        if os.getpid() != self._process:
            self._start()  # after a fork, streams of the parent's threads never end here
        waiter = threading.Condition(self._lock)
        with self._lock:
            traffic = self._traffic.setdefault(need.model, Traffic())
            traffic.queue.append(waiter)
            try:
                while True:
                    watch.check_cancelled()
                    self.check_budget()
                    tokens = self._estimate(need)
                    is_first = traffic.queue[0] is waiter
                    wait = self._wait(traffic, tokens, max_wait) if is_first else math.inf
                    if wait <= 0:
                        return self._take(traffic, tokens)
                    left = watch.deadline_left()
                    if left <= 0 or (is_first and wait < math.inf and wait > left):
                        raise watch.deadline_error()
                    waiter.wait(min(wait, left, NAP))
            finally:
                traffic.queue.remove(waiter)
                self._wake()

    def check_budget(self) -> None:
        """Raise `LimitError` if the budget of cost, tokens or failures is spent."""
        given = self.limits
        if given.cost is not None and self._cost_missing:
            raise UsageError(
                "limits.cost: expected answers with a cost, got one without; pass prices= to Client, or set "
                "a limit of tokens instead"
            )
        for name, allowed, spent in (
            ("cost", given.cost, self.spent_cost),
            ("tokens", given.tokens, self.spent_tokens),
            ("failures", given.failures, self.failures),
        ):
            if allowed is not None and spent >= allowed:
                raise LimitError(
                    f"limits.{name}: the budget of {allowed:g} is spent ({spent:g}); nothing more is sent",
                    limit=name,
                    allowed=allowed,
                )

    def left(self) -> Budget:
        """Return the rest of the budget: never 0, which a share of a task in another process can't be."""
        given = self.limits
        return Budget(
            None if given.cost is None else max(given.cost - self.spent_cost, 1e-12),
            None if given.tokens is None else max(given.tokens - self.spent_tokens, 1),
        )

    def renew_budget(self, budget: Budget) -> None:
        """Begin a new *budget*; what was learned stays."""
        with self._lock:
            self.limits = evolve(self.limits, cost=budget.cost, tokens=budget.tokens, failures=None)
            self.spent_cost, self.spent_tokens = 0.0, 0

    def spend(self, usage: Usage | None, *, has_answer: bool) -> None:
        """Count the cost and the tokens of a request that another process sent."""
        with self._lock:
            if usage is not None:
                self.spent_cost += usage.cost or 0.0
                self.spent_tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
            if has_answer and (usage is None or usage.cost is None):
                self._cost_missing = True

    def failed(self) -> None:
        """Count a failure."""
        with self._lock:
            self.failures += 1

    def _estimate(self, need: Need) -> float:
        output = need.max_output_tokens
        if output is None:
            output = self._outputs // self._answers if self._answers else 0
        return float(need.input_tokens + output)

    def _wait(self, traffic: Traffic, tokens: float, max_wait: float) -> float:
        now = self._now()
        concurrency = self.limits.concurrency
        held = self._held.get(threading.get_ident(), 0)
        if concurrency is not None and self._open >= concurrency:
            if held >= self._open:
                raise UsageError(
                    f"limits.concurrency: {concurrency} is too low: this thread opens a stream while it "
                    "reads another one; close the first stream, or raise the limit"
                )
            return math.inf
        own = max(
            self._requests.wait(1.0, now) if self._requests else 0.0,
            self._tokens.wait(tokens, now) if self._tokens else 0.0,
        )
        learned = traffic.wait(tokens, now)
        if learned == math.inf and held >= traffic.open:
            learned = 0.0  # only this thread could end the wait; let the server decide
        return max(own, learned if learned == math.inf or learned <= max_wait else 0.0)

    def _take(self, traffic: Traffic, tokens: float) -> Admission:
        now, thread = self._now(), threading.get_ident()
        if self._requests:
            self._requests.take(1.0, now)
        if self._tokens:
            self._tokens.take(tokens, now)
        traffic.take(tokens, now)
        self._open += 1
        self._number += 1
        self._held[thread] = self._held.get(thread, 0) + 1
        sent_at = (self._number, traffic.sent_requests, traffic.sent_tokens)
        return Admission(self, traffic, now, sent_at, tokens, thread)

    def _wake(self) -> None:
        for traffic in self._traffic.values():
            if traffic.queue:
                traffic.queue[0].notify()

    # -- called by admissions -------------------------------------------------------------

    def _answered(self, admission: Admission, limits: Mapping[str, RateLimit]) -> None:
        with self._lock:
            if admission.was_answered:
                return
            now = self._now()
            admission.was_answered = True
            admission.traffic.unanswered -= 1
            admission.traffic.throttle.accepted(now)
            admission.traffic.read(limits, now, admission.sent_at)
            self._wake()

    def _refused(
        self, admission: Admission, retry_after: float | None, limits: Mapping[str, RateLimit]
    ) -> None:
        with self._lock:
            now = self._now()
            self.refusals += 1
            admission.was_refused = True
            admission.traffic.throttle.refused(
                now, sent_at=admission.at, is_open=admission.traffic.open, retry_after=retry_after
            )
            admission.traffic.read(limits, now, admission.sent_at)

    def _give_up(self, admission: Admission) -> None:
        """Note that the thread that opened this stream isn't the only one that can end it."""
        with self._lock:
            thread, admission.thread = admission.thread, None
            if thread is not None and (held := self._held.pop(thread, 1) - 1) > 0:
                self._held[thread] = held

    def _ended(self, admission: Admission, usage: Usage | None, has_answer: bool) -> None:
        if os.getpid() != self._process:
            return
        with self._lock:
            traffic, tokens = admission.traffic, admission.tokens
            traffic.unanswered -= not admission.was_answered
            traffic.open -= 1
            self._open -= 1
            self._give_up(admission)
            used = tokens if not admission.was_refused else 0.0
            if usage is not None:
                used = (usage.input_tokens or 0) + (usage.output_tokens or 0) or used
                self._outputs += usage.output_tokens or 0
                self._answers += usage.output_tokens is not None
            self.spend(usage, has_answer=has_answer)
            if self._tokens:
                self._tokens.take(used - tokens, self._now())
            self._wake()


@dataclass(slots=True, eq=False)
class Admission:
    """One request that was admitted. Exactly one `ended` follows; it may come from any thread."""

    pace: Pace
    traffic: Traffic
    at: float
    sent_at: tuple[int, float, float]
    tokens: float
    thread: int | None  # that opened the stream, until another one reads it
    was_answered: bool = False
    was_refused: bool = False
    _is_over: bool = field(default=False, repr=False)

    def answered(self, limits: Mapping[str, RateLimit]) -> None:
        """The reply's headers arrived, and no limit refused the request. Further calls do nothing."""
        self.pace._answered(self, limits)

    def refused(self, error: StreamkitError, limits: Mapping[str, RateLimit]) -> None:
        """The server refused the request because of a limit."""
        self.pace._refused(self, getattr(error, "retry_after", None), limits)

    def followed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *chunks*, and note if another thread goes on reading them: any may end the stream then.

        Web servers read each event in the thread that is free.
        """
        left = iter(chunks)
        while True:
            if self.thread is not None and self.thread != threading.get_ident():
                self.pace._give_up(self)
            if (chunk := next(left, None)) is None:
                return
            yield chunk

    def ended(self, usage: Usage | None, *, has_answer: bool) -> None:
        """The stream is closed; *has_answer* is True if its answer is whole."""
        if not self._is_over:
            self._is_over = True
            self.pace._ended(self, usage, has_answer)


def _restore(limits: Limits, knows_cost: bool) -> Pace:
    return Pace(limits, knows_cost=knows_cost)

"""Simulated workers with a pace against simulated servers, on a fake clock: no thread, no time passes."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass
from typing import Protocol

from streamkit.client.gauges import Traffic
from streamkit.http.ratelimits import RateLimit


class Server(Protocol):
    """Accepts or refuses each request."""

    def ask(self, now: float) -> tuple[bool, RateLimit | None, float | None]:
        """Return whether the request is accepted, the header's limit, and the Retry-After of a refusal."""

    def end(self) -> None:
        """A stream has ended."""


@dataclass
class Bucket:
    """Refills steadily, as OpenAI's; *burst* requests may come at once. *names* is the limit it names."""

    per_minute: float
    burst: float
    has_headers: bool = False
    retry_after: float | None = None
    changes_at: float = math.inf  # from then on, half as much
    level: float = -1.0
    at: float = 0.0

    def ask(self, now: float) -> tuple[bool, RateLimit | None, float | None]:
        rate = self.per_minute / 60 / (2 if now > self.changes_at else 1)
        level = self.burst if self.level < 0 else self.level
        level = min(self.burst, level + (now - self.at) * rate)
        is_accepted = level >= 1
        self.level, self.at = level - is_accepted, now
        limit = None
        if self.has_headers:
            full_after = (self.burst - self.level) / rate
            limit = RateLimit(limit=int(self.burst), remaining=int(self.level), reset=full_after)
        return is_accepted, limit, None if is_accepted else self.retry_after

    def end(self) -> None: ...


@dataclass
class Window:
    """Allows *size* requests in each fixed window of *seconds*, as OpenRouter does."""

    size: int
    seconds: float = 60.0
    has_headers: bool = True
    used: int = 0
    window: int = 0

    def ask(self, now: float) -> tuple[bool, RateLimit | None, float | None]:
        if now // self.seconds > self.window:
            self.window, self.used = int(now // self.seconds), 0
        is_accepted = self.used < self.size
        self.used += is_accepted
        reset = (self.window + 1) * self.seconds - now
        limit = RateLimit(limit=self.size, remaining=self.size - self.used, reset=reset)
        return is_accepted, limit if self.has_headers else None, None if is_accepted else reset

    def end(self) -> None: ...


@dataclass
class Moody:
    """Refuses one request in *every*, at any pace."""

    every: int
    count: int = 0

    def ask(self, now: float) -> tuple[bool, RateLimit | None, float | None]:
        self.count += 1
        return self.count % self.every != 0, None, None

    def end(self) -> None: ...


@dataclass
class Seats:
    """Allows *size* streams at once, without headers."""

    size: int
    taken: int = 0

    def ask(self, now: float) -> tuple[bool, RateLimit | None, float | None]:
        is_accepted = self.taken < self.size
        self.taken += is_accepted
        return is_accepted, None, None

    def end(self) -> None:
        self.taken -= 1


@dataclass(frozen=True)
class Result:
    """The seconds that all rows took, the refusals, and the most refusals of one row."""

    seconds: float
    refused: int
    most: int


def run(
    server: Server,
    rows: int,
    *,
    workers: int = 32,
    reply: float = 0.05,
    rest: float = 0.3,
    seed: int = 0,
) -> Result:
    """Send *rows* requests. A reply's headers take about *reply* seconds, its body *rest* more."""
    dice = random.Random(seed)
    traffic = Traffic()
    now, idle, done, refused, number = 0.0, workers, 0, 0, 0
    ready = [(0.0, row) for row in range(rows)]
    events: list[tuple[float, int, bool, int, float, tuple[int, float, float]]] = []
    tries = dict.fromkeys(range(rows), 0)
    while done < rows:
        next_at = math.inf
        while ready and ready[0][0] <= now and idle:
            wait = traffic.wait(1.0, now)
            if wait > 0:
                next_at = now + wait
                break
            _, row = heapq.heappop(ready)
            idle -= 1
            number += 1
            traffic.take(1.0, now)
            sent = (number, traffic.sent_requests, traffic.sent_tokens)
            heapq.heappush(events, (now + dice.uniform(0.5, 1.5) * reply, number, True, row, now, sent))
        if ready and idle and ready[0][0] > now:
            next_at = min(next_at, ready[0][0])
        if not events or events[0][0] > next_at:
            assert next_at < math.inf, "nothing can happen any more: the pace waits for ever"
            now = next_at
            continue
        now, order, is_reply, row, sent_at, sent = heapq.heappop(events)
        if not is_reply:
            traffic.open -= 1
            idle += 1
            done += 1
            server.end()
            continue
        traffic.unanswered -= 1
        is_accepted, limit, retry_after = server.ask(now)
        if limit is not None:
            traffic.read({"requests": limit}, now, sent)
        if is_accepted:
            traffic.throttle.accepted(now)
            heapq.heappush(events, (now + dice.uniform(0.5, 1.5) * rest, order, False, row, 0.0, sent))
            continue
        refused += 1
        tries[row] += 1
        traffic.throttle.refused(now, sent_at=sent_at, is_open=traffic.open, retry_after=retry_after)
        traffic.open -= 1
        idle += 1
        wait = retry_after or min(0.5 * 2 ** min(tries[row] - 1, 4), 8) * dice.uniform(0.75, 1.25)
        heapq.heappush(ready, (now + wait, row))
    return Result(now, refused, max(tries.values()))

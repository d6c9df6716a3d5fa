"""How long a request must wait for each kind of limit. Pure: times and amounts are arguments.

| limit | known from | class |
|---|---|---|
| requests or tokens per minute | the caller | `Bucket` |
| requests or tokens left, and the time until there are more | the headers of each reply | `Gauge` |
| a pace that the server accepts, for servers without headers | refusals | `Throttle` |
| both of these, for one model | each reply | `Traffic` |

Rules: `wait(need, now)` returns seconds, 0.0 if the request can go, and changes nothing; `take(need, now)`
books it. Times are seconds on a monotonic clock.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping

from ..http.ratelimits import RateLimit, counted

_WINDOWS = (1.0, 60.0, 3600.0, 86400.0)  # seconds to which servers' limits apply
BURST = 1.0  # seconds of the pace that may be used at once
TOKEN_BURST = 10.0
FIRST_UNANSWERED = 8  # requests sent at once to a server of which nothing is known
SLOW = 0.25  # seconds; a server that is slower to reply is thinking, because refusals are quick
REMEMBERED = 60.0  # seconds of requests from which the pace of a server is measured
RECENT = 15.0  # of those, the seconds that show whether the pace is too high now
PROBE, LONGEST_PROBE = 0.5, 8.0  # seconds between requests while all are refused
TOLERATED = 0.01  # of the requests may be refused before the pace is reduced
SAFETY = 0.95  # of the measured pace, after a refusal
OVERLOADED = 0.6  # share of refused requests above which the pace is reduced with every one
CLEAR = 8  # requests after a reduction that show an overload
ENOUGH = 30  # requests after a reduction that show the share that is refused
GROWTH = 0.006  # of the pace in each second; more after CALM seconds without a reduction
CALM = 20.0


class Bucket:
    """An amount that refills steadily. One larger request may take more than there is: it leaves a debt."""

    def __init__(self, per_minute: float, now: float, *, burst: float) -> None:
        self.rate = per_minute / 60
        self.size = max(self.rate * burst, 1.0)
        self.level, self._at = self.size, now

    def wait(self, need: float, now: float) -> float:
        """Return the seconds until *need*, or a full bucket, is there."""
        missing = min(need, self.size) - self._level(now)
        return max(missing / self.rate, 0.0) if missing > 1e-9 else 0.0

    def take(self, need: float, now: float) -> None:
        """Remove *need*; a negative number gives back what wasn't used."""
        self.level, self._at = min(self._level(now) - need, self.size), now

    def _level(self, now: float) -> float:
        return min(self.level + (now - self._at) * self.rate, self.size)


class Gauge:
    """The rest of one limit, as the headers of the latest reply give it, less the requests sent since.

    Servers mean two things by the reset: the time until a bucket that refills steadily is full (OpenAI,
    Anthropic, Groq), or the time until a fixed window ends (OpenRouter). A reset in proportion to the amount
    used means a bucket. Groq's limit of requests is one of a day, so the window is derived, not assumed.
    """

    def __init__(self) -> None:
        self._left = math.inf
        self._rate = 0.0  # per second
        self._size = math.inf
        self._refills = True  # False after a reset that no steady refill explains
        self._capacity = 1.0  # the most that was ever left: a server may name a limit that it never grants
        self._resets_at = math.inf
        self._at = 0.0

    def read(self, limit: RateLimit, now: float, *, sent_since: float = 0.0) -> None:
        """Take over the numbers of a reply. *sent_since* is the amount sent after that reply's request."""
        if limit.remaining is None:
            return
        self._left, self._at = max(limit.remaining, 0) - sent_since, now
        self._size = limit.limit or math.inf
        self._capacity = max(self._capacity, limit.remaining + 1.0)
        self._resets_at = math.inf if limit.reset is None else now + limit.reset
        self._rate = 0.0
        if limit.limit is None:
            return
        used = limit.limit - limit.remaining
        named = limit.window_minutes and limit.window_minutes * 60
        if limit.reset is None:
            self._rate = limit.limit / (named or 60)
        elif used > 0 and limit.reset > 0:
            guess = limit.reset * limit.limit / used
            is_rounded = limit.reset == int(limit.reset)  # then it says nothing about one second
            window = named or min(_WINDOWS[is_rounded:], key=lambda each: abs(math.log(each / guess)))
            full_after = window * used / limit.limit
            slack = 0.05 * full_after + (1.0 if is_rounded else 0.05)
            self._refills &= abs(limit.reset - full_after) <= slack
            if self._refills:
                self._rate = limit.limit / window

    def wait(self, need: float, now: float) -> float:
        """Return the seconds until *need*, or all of the limit, is left."""
        missing = min(need, self._size) - self._level(now)
        if missing <= 1e-9:
            return 0.0
        until_reset = max(self._resets_at - now, 0.0)
        return min(missing / self._rate, until_reset) if self._rate else until_reset

    def take(self, need: float, now: float) -> None:
        """Remove *need* until the next reply says more."""
        self._left, self._at = self._level(now) - need, now

    def _level(self, now: float) -> float:
        if now >= self._resets_at:
            self._left, self._at, self._resets_at = self._capacity, now, math.inf
        return min(self._left + (now - self._at) * self._rate, self._size)


_NEVER: deque[float] = deque(maxlen=0)  # shared, because an empty deque takes 760 bytes


class Throttle:
    """A pace for a server that only refuses: found by halving, then measured, and raised slowly.

    Until the first refusal there is no pace, but few requests are sent before replies to the first ones
    arrive. The number of open streams halves with a refusal, and grows by one with as many accepted requests
    (additive increase, multiplicative decrease, as in TCP). A few refusals among many change nothing.
    """

    def __init__(self) -> None:
        self.rate = math.inf
        self.open_limit = math.inf
        self._unanswered_limit = float(FIRST_UNANSWERED)
        self._paused_until = self._reduced_at = self._halved_at = -math.inf
        self._accepted: deque[float] = deque(maxlen=4096)
        self._refused = _NEVER  # until the first refusal
        self._next = self._raised_at = self._taken_at = 0.0
        self._mark = (math.inf, 0.0)  # an earlier pace, and the requests accepted per second at it
        self._noise, self._noise_until = 0.0, -math.inf  # the share that is refused at any pace
        self._probe = 0.0  # seconds between requests while the server refuses all of them

    def wait(self, now: float, *, unanswered: int, is_open: int) -> float:
        """Return the seconds until the next request; infinity if it must wait for a reply or an end."""
        if now < self._paused_until:
            return self._paused_until - now
        if is_open >= self.open_limit:
            return math.inf
        if unanswered >= self._unanswered_limit:
            is_new = self._halved_at == -math.inf
            return max(self._taken_at + SLOW - now, 0.0) if is_new else math.inf
        return max(self._next - now, 0.0) if self.rate < math.inf else 0.0

    def take(self, now: float) -> None:
        """Book one request."""
        self._taken_at = now
        if self.rate < math.inf:
            calm = (now - self._reduced_at) / CALM
            self.rate *= 1 + GROWTH * (1 + calm * calm) * max(now - self._raised_at, 0.0)
            self._raised_at = now
            self._next = max(self._next, now - 1 / self.rate) + 1 / self.rate

    def accepted(self, now: float) -> None:
        """A request was answered with a success status."""
        self._accepted.append(now)
        if self._probe > PROBE:
            lately = len(self._accepted) / max(min(now - self._accepted[0], REMEMBERED), 1.0)
            self.rate = max(self.rate, lately * SAFETY)
        self._probe = 0.0
        self._unanswered_limit += 1.0
        if self.open_limit < math.inf:
            self.open_limit += 1 / max(self.open_limit, 1.0)

    def refused(self, now: float, *, sent_at: float, is_open: int, retry_after: float | None) -> None:
        """A request was refused because of a limit; *is_open* counts the streams open at that time."""
        if self._refused is _NEVER:
            self._refused = deque(maxlen=4096)
        self._refused.append(now)
        if retry_after:
            self._paused_until = max(self._paused_until, now + retry_after)
        for times in (self._accepted, self._refused):
            while times and times[0] < now - REMEMBERED:
                times.popleft()
        share, requests = self._refused_lately(now)
        tolerated = self._noise if now < self._noise_until else TOLERATED
        if sent_at <= self._reduced_at or (share <= tolerated and self.rate < math.inf):
            return  # sent before the pace was reduced: the same overload
        since = max(self._reduced_at, now - RECENT, self._accepted[0] if self._accepted else now)
        accepted = sum(at > since for at in self._accepted)
        is_clear = requests >= CLEAR and share >= OVERLOADED
        is_first = now - self._reduced_at >= RECENT or self.rate == math.inf
        enough = CLEAR if is_first else ENOUGH
        if sent_at > self._halved_at:
            self._halved_at = now
            self._unanswered_limit = max(self._unanswered_limit / 2, 1.0)
            self.open_limit = max(is_open / 2, 1.0)
        if requests < enough and not is_clear:
            return
        measured = accepted / (now - since) if accepted and now > since else 0.0
        if requests >= ENOUGH and self.rate < math.inf and self.rate <= 0.6 * self._mark[0]:
            rate, accepted_then = self._mark
            if measured <= 0.75 * accepted_then:
                # A slower pace only accepted less: the server refuses that share at any pace.
                self.rate, self._noise, self._noise_until = rate, 1.5 * share, now + REMEMBERED
                return
            self._mark = (self.rate, measured)
        if self.rate == math.inf:
            self.rate = measured / 2 or math.inf
        elif accepted:
            self.rate = min(self.rate, max(measured, self.rate / 4)) * SAFETY
        self._probe = PROBE if accepted else min(max(self._probe * 2, PROBE), LONGEST_PROBE)
        if not accepted and not retry_after:
            self._paused_until = max(self._paused_until, now + self._probe)
        self._reduced_at = now
        self._raised_at = self._next = max(now, self._paused_until)
        if self.rate < math.inf:
            self._next += 1 / self.rate

    def _refused_lately(self, now: float) -> tuple[float, int]:
        """Return the share of refused requests, and the number of requests, recently or since a reduction."""
        since = max(now - RECENT, self._reduced_at)
        refused = sum(at > since for at in self._refused)
        requests = refused + sum(at > since for at in self._accepted)
        return refused / max(requests, 1), requests


class Traffic:
    """The requests for one model, and the limits learned from its replies."""

    def __init__(self) -> None:
        self.gauges: dict[str, Gauge] = {}
        self.throttle = Throttle()
        self.unanswered = self.open = 0
        self.sent_requests = self.sent_tokens = 0.0
        self.last_read = 0  # the number of the latest request whose headers were read
        self.queue: list[threading.Condition] = []  # in order; an empty deque takes 760 bytes

    def wait(self, tokens: float, now: float) -> float:
        """Return the seconds until a request can go; infinity if it must wait for a reply or an end."""
        waits = [gauge.wait(_amount(kind, tokens), now) for kind, gauge in self.gauges.items()]
        return max([self.throttle.wait(now, unanswered=self.unanswered, is_open=self.open), *waits])

    def take(self, tokens: float, now: float) -> None:
        """Book a request that is sent now."""
        self.throttle.take(now)
        for kind, gauge in self.gauges.items():
            gauge.take(_amount(kind, tokens), now)
        self.unanswered += 1
        self.open += 1
        self.sent_requests += 1
        self.sent_tokens += tokens

    def read(self, limits: Mapping[str, RateLimit], now: float, sent_at: tuple[int, float, float]) -> None:
        """Read the header limits of a reply. *sent_at* has the number and the totals of its request."""
        number, requests, tokens = sent_at
        if number <= self.last_read:
            return  # a later request's reply came first, and knows more
        self.last_read = number
        for kind, limit in limits.items():
            if counted(kind) == "requests":
                since = self.sent_requests - requests
            elif counted(kind) == "tokens":
                since = self.sent_tokens - tokens
            else:
                continue
            self.gauges.setdefault(kind, Gauge()).read(limit, now, sent_since=since)


def _amount(kind: str, tokens: float) -> float:
    return 1.0 if counted(kind) == "requests" else tokens

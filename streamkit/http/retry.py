"""May a failed attempt be tried again, and after how long? Pure: clock and dice are handed in.

| failed with | tried again |
|---|---|
| no connection, a reset, a body cut off | yes, before the first output |
| 408, 409, 429, 5xx, an error in the stream that says the like | yes, before the first output |
| a 429 whose code is fatal (insufficient_quota), 402, any other 4xx | no |
| a certificate that does not fit | no |
| a clock other than connect | no: the server may be at work on the request, and bill for it |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from math import isfinite

from ..errors import APIConnectionError, APIError, StreamkitError
from ..request.options import RetryPolicy

FIRST_WAIT = 0.5  # seconds, doubled with each attempt; as the openai package does
LONGEST_BACKOFF = 8.0


def may_retry(error: StreamkitError) -> bool:
    """Whether the same request may succeed later, as far as *error* tells."""
    return isinstance(error, APIConnectionError | APIError) and error.retryable


def next_wait(
    error: StreamkitError,
    *,
    attempt: int,
    policy: RetryPolicy,
    deadline_left: float,
    random: Callable[[], float],
) -> float | None:
    """Seconds to wait after attempt number *attempt* (from 1) failed; None: raise *error* now.

    What the server asks for is honoured as it is, or not at all: where it is more than
    `policy.max_wait`, or reaches past the deadline, waiting less would only annoy it.
    """
    if attempt > policy.max_retries or not may_retry(error):
        return None
    asked = error.retry_after if isinstance(error, APIError) else None
    wait = min(backoff(attempt, random), policy.max_wait) if asked is None else asked
    if wait > policy.max_wait or wait >= deadline_left:
        return None
    return wait


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """0.5 s, 1 s, 2 s ... 8 s, each a quarter more or less so that clients do not march in step."""
    return min(FIRST_WAIT * 2.0 ** min(attempt - 1, 10), LONGEST_BACKOFF) * (0.75 + 0.5 * random())


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `Retry-After`; None if it does not.

    *headers* has lower-case names; *now* is wall-clock time, for the HTTP-date form (RFC 9110, section
    10.2.3). A value that is negative, infinite or no number counts as absent.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(moment.timestamp() - now, 0.0)


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None

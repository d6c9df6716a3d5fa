"""Retry policy: whether to retry, and how long to wait. Pure: clock and random numbers are arguments.

| failure | retry |
|---|---|
| no connection, a reset, a body that is shorter than HTTP announced | yes, before the first output |
| a whole body that contains no end of the answer | no: the server sent all of it, and may bill for it |
| 408, 409, 425, 429, 498, 5xx, or the same as an error in the stream | yes, before the first output |
| a 429 with a permanent code (insufficient_quota), 402, any other 4xx | no |
| a certificate that fails verification | no |
| a clock other than connect | no: the server may be working on the request, and bill for it |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from .._lazy import lazy
from ..errors import APIError, StreamkitError
from ..request.options import RetryPolicy

if TYPE_CHECKING:
    from ..error_waits import seconds_of
else:  # for the first refusal
    seconds_of = lazy("error_waits:seconds_of")

FIRST_WAIT = 0.5  # seconds, doubled with each attempt, as in the openai package
LONGEST_BACKOFF = 8.0


def next_wait(
    error: StreamkitError,
    *,
    attempt: int,
    policy: RetryPolicy,
    deadline_left: float,
    random: Callable[[], float],
) -> float | None:
    """Return the seconds to wait after attempt number *attempt* (from 1), or None to raise *error* now.

    The wait that the server asks for is used unchanged. If it's longer than `policy.max_wait` or reaches
    past the deadline, None is returned: an earlier retry would fail again.
    """
    if attempt > policy.max_retries or not error.retryable:
        return None
    asked = error.retry_after if isinstance(error, APIError) else None
    wait = min(backoff(attempt, random), policy.max_wait) if asked is None else asked
    if wait > policy.max_wait or wait >= deadline_left:
        return None
    return wait


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Return 0.5 s, 1 s, 2 s ... 8 s, plus or minus a quarter so that clients don't retry all at once."""
    return min(FIRST_WAIT * 2.0 ** min(attempt - 1, 10), LONGEST_BACKOFF) * (0.75 + 0.5 * random())


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds to wait from `retry-after-ms` or `Retry-After`, or None without those headers.

    *headers* has lower-case names. *now* is wall-clock time, for the HTTP-date form (RFC 9110, section
    10.2.3). A value that is negative, infinite or not a number counts as absent. "30s" and a header that was
    sent twice ("5, 5") are no form of the RFC, and are sent.
    """
    milliseconds = seconds_of(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = seconds_of(value.partition(",")[0].strip())
    if seconds is not None:
        return seconds
    moment = http_date(value)
    return None if moment is None else max(moment - now, 0.0)


def http_date(value: str | None) -> float | None:
    """Return the seconds since 1970 of an HTTP date; None for any other text."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()

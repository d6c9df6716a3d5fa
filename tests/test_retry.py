"""retry: pure functions, with the clock and the random numbers as arguments."""

from __future__ import annotations

import pytest

from streamkit.error_bodies import api_error
from streamkit.errors import (
    APIConnectionError,
    APITimeoutError,
    StreamCancelledError,
    StreamkitError,
    TruncatedStreamError,
    UsageError,
)
from streamkit.http.refusals import read_refusal
from streamkit.http.retry import backoff, next_wait, retry_after
from streamkit.request.options import RetryPolicy
from streamkit.testing import FakeReply

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
NEVER = float("inf")


def wait(error: StreamkitError, attempt: int = 1, *, left: float = NEVER, **policy: float) -> float | None:
    return next_wait(
        error, attempt=attempt, policy=RetryPolicy(**policy), deadline_left=left, random=lambda: 0.5
    )


@pytest.mark.parametrize("status", [408, 409, 425, 429, 498, 500, 502, 503, 504, 520, 529])
def test_a_temporary_status_is_retried(status: int) -> None:
    """The same request may succeed later."""
    assert api_error({"error": {"message": "x"}}, status=status).retryable


@pytest.mark.parametrize("status", [307, 400, 401, 402, 403, 404, 413, 422, 451])
def test_a_permanent_status_is_final(status: int) -> None:
    """The same request would fail again."""
    assert not api_error({"error": {"message": "x"}}, status=status).retryable


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("rate_limit_exceeded", True),
        ("insufficient_quota", False),
        ("usage_limit_reached", False),
        ("exceeded_current_quota_error", False),  # Moonshot's word for an account without balance
        (None, True),
    ],
)
def test_the_code_of_a_429_decides(code: str | None, expected: bool) -> None:
    """A 429 for an exhausted quota is final; a 429 for the rate is temporary."""
    assert api_error({"error": {"message": "x", "code": code}}, status=429).retryable is expected


@pytest.mark.parametrize(("advice", "status", "expected"), [("True", 400, True), (" false", 500, False)])
def test_the_servers_advice_is_read_in_any_case(advice: str, status: int, expected: bool) -> None:
    """Proxies in Python write a bool as Python does."""
    reply = FakeReply([b"{}"], status, {"x-should-retry": advice})
    assert read_refusal(reply, now=NOW).retryable is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (APIConnectionError("refused"), True),
        (APIConnectionError("certificate", retryable=False), False),
        (APITimeoutError("slow", phase="connect"), True),
        (APITimeoutError("slow", phase="first_event"), False),
        (APITimeoutError("slow", phase="idle"), False),
        (APITimeoutError("slow", phase="deadline"), False),
        (TruncatedStreamError("cut"), False),
        (StreamCancelledError("you did"), False),
        (UsageError("you"), False),
    ],
)
def test_only_connection_errors_are_retried_without_a_status(error: StreamkitError, expected: bool) -> None:
    """Connecting costs nothing; but a slow answer may be on its way, and billed."""
    assert error.retryable is expected


def test_backoff_doubles_up_to_a_limit_and_jitters_by_a_quarter() -> None:
    """The waits are 0.5 s, 1 s, 2 s, 4 s, 8 s, 8 s, and differ between clients."""
    assert [backoff(n, lambda: 0.5) for n in range(1, 7)] == [0.5, 1, 2, 4, 8, 8]
    assert (backoff(1, lambda: 0.0), backoff(1, lambda: 1.0)) == (0.375, 0.625)
    assert backoff(10_000, lambda: 0.5) == 8


def test_attempts_are_one_more_than_retries() -> None:
    """max_retries=0 means one attempt."""
    error = APIConnectionError("refused")
    assert [wait(error, n, max_retries=2) for n in (1, 2, 3)] == [0.5, 1, None]
    assert wait(error, 1, max_retries=0) is None


def test_the_wait_that_the_server_asks_for_is_never_shortened() -> None:
    """Up to max_wait it's used unchanged; above it the error is raised at once."""
    asked = api_error({}, status=429, retry_after=7.5)
    assert wait(asked) == 7.5
    assert wait(asked, max_wait=7) is None
    assert wait(api_error({}, status=429, retry_after=0.0)) == 0


def test_no_wait_reaches_past_the_deadline() -> None:
    """Waiting for an attempt after the deadline would be wasted."""
    assert wait(APIConnectionError("x"), left=0.6) == 0.5
    assert wait(APIConnectionError("x"), left=0.5) is None
    assert wait(api_error({}, status=429, retry_after=3.0), left=2) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "2"}, 2.0, id="seconds"),
        pytest.param({"retry-after": " 1.5 "}, 1.5, id="float"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero"),
        pytest.param({"retry-after-ms": "250"}, 0.25, id="milliseconds"),
        pytest.param({"retry-after-ms": "250", "retry-after": "9"}, 0.25, id="milliseconds win"),
        pytest.param({"retry-after-ms": "x", "retry-after": "9"}, 9.0, id="bad milliseconds don't win"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60.0, id="date"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 23:14:20 +0100"}, 60.0, id="date with zone"),
        pytest.param({"retry-after": "Tuesday, 14-Nov-23 22:14:20 GMT"}, 60.0, id="date of RFC 850"),
        pytest.param({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0, id="date in the past"),
        pytest.param({"retry-after": "30s"}, 30.0, id="with a unit"),
        pytest.param({"retry-after": "1m30s"}, 90.0, id="with two units"),
        pytest.param({"retry-after": "20 seconds"}, 20.0, id="with a word"),
        pytest.param({"retry-after": "5, 7"}, 5.0, id="sent twice"),
        pytest.param({"retry-after": "6 Mar 2026 00:00:00 GMT"}, 72_755_200.0, id="date without a weekday"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "inf"}, None, id="infinite"),
        pytest.param({"retry-after": "nan"}, None, id="nan"),
        pytest.param({"retry-after": "soon"}, None, id="words"),
        pytest.param({"retry-after": ""}, None, id="blank"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_retry_after_in_every_spelling(headers: dict[str, str], seconds: float | None) -> None:
    """Fractions, dates and milliseconds are read; an unreadable value counts as absent."""
    assert retry_after(headers, now=NOW) == seconds

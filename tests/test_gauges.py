"""The pace against simulated servers, on a fake clock; buckets, gauges and throttles one by one."""

from __future__ import annotations

import math

import pytest

from streamkit.client.gauges import Bucket as OwnBucket
from streamkit.client.gauges import Gauge, Throttle
from streamkit.http.ratelimits import RateLimit
from tests.traffic import Bucket, Moody, Seats, Server, Window, run

# Seconds that the server's own limit needs for the rows: the burst at once, then its rate.
PACED: list[tuple[str, Server, int, float, float]] = [
    ("headers", Bucket(1200, 20, has_headers=True), 600, 29.0, 0.02),
    ("headers and Retry-After", Bucket(1200, 20, has_headers=True, retry_after=1), 3000, 149.0, 0.02),
    ("headers of a whole minute", Bucket(1200, 1200, has_headers=True), 3000, 90.0, 0.02),
    ("a limit that is halved", Bucket(1200, 20, True, changes_at=50), 2000, 50 + 100 * 0.98, 0.02),
    ("no headers", Bucket(1200, 20), 3000, 149.0, 0.02),
    ("no headers, Retry-After", Bucket(1200, 20, retry_after=1), 3000, 149.0, 0.02),
    ("a slow server", Bucket(600, 10), 3000, 299.0, 0.02),
    ("a fixed window with headers", Window(1200), 3000, 126.0, 0.02),
    ("a fixed window without", Window(1200, has_headers=False), 3000, 126.0, 0.02),
]


@pytest.mark.parametrize(
    ("server", "rows", "ideal", "share"), [p[1:] for p in PACED], ids=[p[0] for p in PACED]
)
def test_the_pace_is_the_servers(server: Server, rows: int, ideal: float, share: float) -> None:
    """No row is lost, at most 2 % are refused, and at least 95 % of the allowed rate is used."""
    result = run(server, rows)
    assert result.refused <= share * rows
    assert ideal / result.seconds >= 0.95


@pytest.mark.parametrize("size", [4, 10])
def test_a_limit_of_open_streams_is_found(size: int) -> None:
    """The number of open streams halves and grows around it: at least 60 % are used."""
    result = run(Seats(size), 1000)
    assert result.refused <= 40
    assert 1000 * 0.35 / size / result.seconds >= 0.6


@pytest.mark.parametrize("every", [3, 10, 40])
def test_refusals_that_dont_depend_on_the_pace_dont_stop_it(every: int) -> None:
    """A server that refuses a share of all requests is asked at a steady pace, not ever more slowly."""
    first, second = run(Moody(every), 1000).seconds, run(Moody(every), 4000).seconds
    assert second <= 6 * first


def test_few_requests_go_before_the_first_reply() -> None:
    """Nothing is known of the server yet; each accepted request allows one more, and so does a slow reply."""
    throttle = Throttle()
    throttle.take(0.0)
    assert [throttle.wait(0.0, unanswered=n, is_open=n) for n in (0, 7, 8)] == [0.0, 0.0, 0.25]
    assert throttle.wait(0.25, unanswered=8, is_open=8) == 0.0
    throttle.accepted(0.1)
    assert throttle.wait(0.1, unanswered=8, is_open=8) == 0.0
    throttle.refused(0.2, sent_at=0.0, is_open=8, retry_after=None)
    assert throttle.wait(9.0, unanswered=5, is_open=1) == math.inf


def test_retry_after_pauses_everything() -> None:
    """Not only the worker that was refused waits."""
    throttle = Throttle()
    throttle.refused(10.0, sent_at=9.0, is_open=3, retry_after=5)
    assert throttle.wait(11.0, unanswered=0, is_open=0) == 4.0
    assert throttle.wait(15.1, unanswered=0, is_open=0) == pytest.approx(0.0, abs=0.5)


def test_refusals_of_one_overload_reduce_once() -> None:
    """Requests that were sent before the reduction say nothing new."""
    throttle = Throttle()
    throttle.refused(10.0, sent_at=9.0, is_open=16, retry_after=None)
    assert throttle.open_limit == 8
    throttle.refused(10.1, sent_at=9.5, is_open=15, retry_after=None)
    assert throttle.open_limit == 8


def test_a_bucket_lends_to_a_request_larger_than_itself() -> None:
    """It goes when the bucket is full, and the next one waits for the debt."""
    bucket = OwnBucket(600, 0.0, burst=1.0)  # ten a second, ten at once
    assert bucket.wait(25, 0.0) == 0.0
    bucket.take(25, 0.0)
    assert bucket.wait(1, 0.0) == pytest.approx(1.6)
    bucket.take(-20, 0.0)
    assert bucket.wait(1, 0.0) == 0.0


@pytest.mark.parametrize(
    ("limit", "waits"),
    [
        pytest.param(RateLimit(limit=60, remaining=0, reset=60.0), 1.0, id="a bucket refills one a second"),
        pytest.param(RateLimit(limit=60, remaining=0, reset=20.0), 20.0, id="a window ends"),
        pytest.param(RateLimit(limit=14400, remaining=0, reset=86400.0), 6.0, id="a bucket of a day"),
        pytest.param(RateLimit(limit=60, remaining=0), 1.0, id="no reset: a minute"),
        pytest.param(RateLimit(60, 0, window_minutes=60), 60.0, id="no reset: the window it names"),
        pytest.param(RateLimit(1440, 0, 86400.0, window_minutes=1440), 60.0, id="a bucket of its window"),
        pytest.param(RateLimit(remaining=0, reset=3.0), 3.0, id="no limit"),
        pytest.param(RateLimit(limit=60, remaining=1, reset=59.0), 0.0, id="one is left"),
    ],
)
def test_a_gauge_reads_headers(limit: RateLimit, waits: float) -> None:
    """A reset in proportion to the amount used belongs to a bucket; any other one ends a window."""
    gauge = Gauge()
    gauge.read(limit, 100.0)
    assert gauge.wait(1, 100.0) == pytest.approx(waits)
    assert gauge.wait(1, 100.0 + waits) == pytest.approx(0.0)


def test_a_gauge_subtracts_what_was_sent_since() -> None:
    """The header counts requests up to its own."""
    gauge = Gauge()
    gauge.read(RateLimit(limit=60, remaining=3, reset=57.0), 0.0, sent_since=2)
    gauge.take(1, 0.0)
    assert gauge.wait(1, 0.0) == pytest.approx(1.0)


def test_after_a_window_the_whole_limit_is_there() -> None:
    """As much as was ever seen to be left."""
    gauge = Gauge()
    gauge.read(RateLimit(limit=60, remaining=40, reset=30.0), 0.0)
    gauge.read(RateLimit(limit=60, remaining=0, reset=20.0), 10.0)
    assert gauge.wait(1, 29.0) == pytest.approx(1.0)
    assert gauge.wait(41, 30.0) == 0.0

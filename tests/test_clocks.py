"""clocks: on a clock and a socket whose time passes only when something waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.errors import APITimeoutError, StreamCancelledError
from streamkit.http.clocks import GRACE, Watch
from streamkit.request.options import Timeouts
from streamkit.testing import FakeClock


class Line:
    """A socket whose reads take the given seconds, or time out, on the shared clock."""

    def __init__(self, clock: FakeClock, *delays: float) -> None:
        self.clock, self.delays, self.timeout = clock, list(delays), None
        self.set = 0  # how often the timeout was

    def settimeout(self, seconds: float | None) -> None:
        self.timeout = seconds
        self.set += 1

    def recv_into(self, buffer: Any) -> int:
        delay = self.delays.pop(0)
        if self.timeout is not None and delay > self.timeout:
            self.clock.sleep(self.timeout)
            raise TimeoutError("timed out")
        self.clock.sleep(delay)
        return 1


def read_until_fired(watch: Watch, line: Line, *, data_after: Callable[[int], bool]) -> int:
    """Read until a clock fires, and return the number of reads."""
    for count in range(1, 1000):
        try:
            watch.recv_into(line, bytearray(1))
        except TimeoutError:
            return count
        if data_after(count):
            watch.data_arrived()
    raise AssertionError("no clock fired")


@pytest.mark.parametrize(
    ("timeouts", "delays", "data", "phase", "after"),
    [
        pytest.param(Timeouts(first_event=3), [9], [], "first_event", 3, id="silence"),
        pytest.param(Timeouts(first_event=3), [1] * 9, [], "first_event", 3, id="comments only"),
        pytest.param(Timeouts(first_event=3, idle=2), [1, 9], [1], "idle", 3, id="silence after data"),
        pytest.param(Timeouts(idle=2), [1] * 9, [1], "idle", 3, id="comments after data"),
        pytest.param(Timeouts(idle=2), [1.5] * 3 + [9], [1, 2, 3], "idle", 6.5, id="data resets it"),
        pytest.param(Timeouts(bytes=2, idle=9), [1, 1, 1, 5], [], "bytes", 5, id="bytes"),
        pytest.param(Timeouts(deadline=5), [1] * 9, range(9), "deadline", 5, id="deadline"),
        pytest.param(Timeouts(deadline=2, idle=3, first_event=3), [9], [], "deadline", 2, id="earliest wins"),
    ],
)
def test_the_clock_that_runs_out_first_fires(
    timeouts: Timeouts, delays: list[float], data: Any, phase: str, after: float
) -> None:
    """Comments and bytes don't reset the idle clock; data does."""
    clock = FakeClock(1000)
    watch = Watch(timeouts, now=clock.now, sleep=clock.sleep)
    read_until_fired(watch, Line(clock, *delays), data_after=lambda n: n in data)
    error = watch.error()
    assert error.phase == phase
    assert error.seconds == getattr(timeouts, phase)
    assert clock.now() - 1000 == pytest.approx(after)
    assert phase in str(error)


@pytest.mark.parametrize(
    ("timeouts", "most"),
    [
        pytest.param(Timeouts(idle=60, first_event=60), 1, id="the same idle clock after each event"),
        pytest.param(Timeouts(deadline=600), 51, id="a deadline comes nearer: once in 20 ms"),
    ],
)
def test_the_timeout_of_the_socket_is_set_when_it_changes(timeouts: Timeouts, most: int) -> None:
    """1,000 events, a millisecond apart: setting a timeout is a system call."""
    clock = FakeClock(1000)
    watch, line = Watch(timeouts, now=clock.now, sleep=clock.sleep), Line(clock, *[0.001] * 1000)
    for _ in range(1000):
        watch.recv_into(line, bytearray(1))
        watch.data_arrived()
    assert 1 <= line.set <= most


def test_the_callers_own_time_does_not_count() -> None:
    """An hour that the caller spends between two reads isn't the server's silence."""
    clock = FakeClock(1000)
    watch, line = Watch(Timeouts(idle=2), now=clock.now, sleep=clock.sleep), Line(clock, 1, 1, 0.5, 1)
    watch.recv_into(line, bytearray(1))
    watch.data_arrived()
    clock.sleep(3600)
    watch.recv_into(line, bytearray(1))
    clock.sleep(3600)  # over a comment: the stream reports it
    watch.excuse(3600)
    watch.recv_into(line, bytearray(1))  # 1.5 s of the server's own silence so far
    with pytest.raises(TimeoutError):
        watch.recv_into(line, bytearray(1))
    assert watch.error().phase == "idle"
    assert clock.now() - 1000 == 1 + 3600 + 1 + 3600 + 0.5 + 0.5


def test_our_own_work_between_two_reads_counts() -> None:
    """Otherwise a flood of comments that keeps us busy would delay the idle clock."""
    clock = FakeClock(1000)
    watch, line = Watch(Timeouts(first_event=2), now=clock.now, sleep=clock.sleep), Line(clock, *[0.1] * 99)
    with pytest.raises(TimeoutError):
        for _ in range(99):
            watch.recv_into(line, bytearray(1))
            clock.sleep(0.9)
    assert clock.now() - 1000 == pytest.approx(2)


def test_the_grace_replaces_idle_and_data_does_not_extend_it() -> None:
    """After the finish reason there are two seconds in total."""
    clock = FakeClock(1000)
    watch = Watch(Timeouts(idle=60), now=clock.now, sleep=clock.sleep)
    watch.answer_finished()
    reads = read_until_fired(watch, Line(clock, *[0.75] * 9), data_after=lambda n: False)
    assert (reads, clock.now() - 1000) == (3, GRACE)
    assert watch.fired == ("grace", GRACE)


def test_a_clock_set_to_none_never_fires() -> None:
    """None switches a clock off."""
    watch = Watch(Timeouts(first_event=None, idle=None))
    assert watch.read_timeout() is None
    assert Watch(Timeouts(connect=None)).connect_timeout() is None


def test_the_deadline_bounds_connecting_too() -> None:
    """The deadline covers the whole call; after it no connection is attempted."""
    clock = FakeClock(1000)
    watch = Watch(Timeouts(connect=10, deadline=4), now=clock.now, sleep=clock.sleep)
    clock.sleep(3)
    assert watch.connect_timeout() == 1
    clock.sleep(1)
    with pytest.raises(APITimeoutError) as caught:
        watch.connect_timeout()
    assert caught.value.phase == "deadline"


def test_a_wait_between_attempts_ends_soon_after_a_cancel() -> None:
    """`cancel()` ends the wait before a retry within half a second."""
    clock = FakeClock(1000)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now() >= 1003:
            watch.cancel()

    watch = Watch(Timeouts(), now=clock.now, sleep=sleep)
    with pytest.raises(StreamCancelledError):
        watch.wait(60)
    assert clock.now() - 1003 < 0.5

"""Play recordings as events, or as replies to a client, as if the server were answering now.

Rules: the code that reads live streams and refusals reads the recorded bytes. Waits pass through the stream's
own clocks, so a recorded stall makes the idle clock fire. Time passes only on the clock that is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal, TypeAlias

from .._checks import FUNCTION, check, got
from ..errors import (
    APIConnectionError,
    APITimeoutError,
    StreamkitError,
    UsageError,
)
from ..events import Event
from ..http.clocks import Watch
from ..http.messages import Call, Reply
from ..http.refusals import is_success, read_refusal, request_id
from ..pipeline import read_events
from ..profiles.profile import Profile
from ..request.options import Timeouts
from ..state.answer import AnswerState
from .format import Ending, Recording, Source, TimedChunk, load_recording

Speed: TypeAlias = "float | Literal['recorded']"

NO_CLOCKS = Timeouts(connect=None, first_event=None, idle=None)  # a recording may be slow


def replay(
    source: Source,
    *,
    speed: Speed = 0,
    wire: str = "auto",
    profile: str | Profile | None = None,
    strict: bool = False,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Yield the events of a recording, or of a file that contains a body alone.

    *speed* is 0 for no waiting, "recorded" or 1 for the pace of the recording, 2 for twice that. *now*
    (monotonic) and *sleep* count seconds. Raises every error of `read_events`, the `APIError` of the live
    client for a recorded error status, the `APIConnectionError` or `APITimeoutError` that ended the recorded
    stream, and `UsageError` if *source* can't be read.
    """
    recording = load_recording(source)
    speed_factor(speed)
    check("now", now, FUNCTION)
    check("sleep", sleep, FUNCTION)
    watch = Watch(NO_CLOCKS, now=now, sleep=sleep)
    reply = _reply(recording, play(recording, watch, speed=speed))
    return _events(recording, reply, read_events(reply.chunks, wire=wire, profile=profile, strict=strict))


def _events(recording: Recording, reply: Reply, events: Iterator[Event]) -> Iterator[Event]:
    """Yield *events*, or raise the refusal; an error gets the attributes that the live client sets."""
    try:
        if not is_success(reply.status):
            raise read_refusal(reply, now=_received_at(recording))
        yield from events
    except StreamkitError as error:
        if error.partial is None:
            error.partial = AnswerState().completion()
        if error.request_id is None:
            error.request_id = request_id(reply.headers)
        raise


def _reply(recording: Recording, chunks: Iterator[bytes]) -> Reply:
    headers = {name.lower(): value for name, value in recording.response.headers.items()}
    return Reply(recording.response.status, headers, chunks, lambda: None)


def _received_at(recording: Recording) -> float:
    """Return the wall-clock time of the recorded reply; the time now if the recording doesn't have it."""
    try:
        sent = datetime.fromisoformat((recording.header.recorded_at or "").replace("Z", "+00:00"))
    except ValueError:
        return time.time()
    return sent.timestamp() + recording.response.after


class ReplayTransport:
    """Answer calls from recordings, for `Client(transport=...)`: in order, then the last one repeatedly.

    `calls` contains the calls so far. A recorded error status (such as 429) is an error again, and a broken
    connection breaks again. *speed* is that of `replay`.
    """

    def __init__(self, *sources: Source, speed: Speed = 0) -> None:
        if not sources:
            raise UsageError("sources: expected at least one recording, got none")
        self._recordings = [load_recording(source) for source in sources]
        self._speed = speed
        speed_factor(speed)
        self.calls: list[Call] = []

    def open(self, call: Call, watch: Watch) -> Reply:
        """Return the next recorded reply, or raise the error that opening it raised."""
        watch.check_cancelled()
        recording = self._recordings[min(len(self.calls), len(self._recordings) - 1)]
        self.calls.append(call)
        wait_for_headers(recording, watch, speed=self._speed)
        chunks = play(recording, watch, speed=self._speed)
        return _reply(recording, chunks)


def wait_for_headers(recording: Recording, watch: Watch, *, speed: Speed = 0) -> None:
    """Return at the time of the recorded headers. Raises the recorded error if there are none; see `play`."""
    pace = _Pace(watch, speed)
    if recording.ending.how == "no reply":
        pace.wait_until(recording.ending.at)
        raise _failure(recording.ending)
    pace.wait_until(recording.response.after)


def play(recording: Recording, watch: Watch, *, speed: Speed = 0) -> Iterator[bytes]:
    """Yield the chunks of *recording* at their times, which count from the first `next`.

    Raises the error that ended the recorded body, the error of the clock of *watch* that fires, and
    `StreamCancelledError`.
    """
    pace = _Pace(watch, speed)
    for chunk in recording.chunks:
        pace.wait_until(chunk.at, chunk)
        yield chunk.data
    pace.wait_until(recording.ending.at)
    if recording.ending.how in ("reset", "timeout", "no reply"):
        raise _failure(recording.ending)


class _Pace:
    """Waits for recorded times; for the watch it acts as the socket that delivers the bytes."""

    def __init__(self, watch: Watch, speed: Speed) -> None:
        self._watch = watch
        self._factor = speed_factor(speed)
        self._began = watch.now()
        self._patience: float | None = None

    def wait_until(self, at: float, chunk: TimedChunk | None = None) -> None:
        """Wait until second *at* of the recording, unless a clock runs out before that."""
        watch = self._watch
        try:
            watch.recv_into(self, at, len(chunk.data) if chunk else 0)
        except TimeoutError:
            raise watch.error() from None
        except ConnectionAbortedError:
            watch.check_cancelled()

    def settimeout(self, seconds: float | None) -> None:
        self._patience = seconds

    def recv_into(self, at: float, count: int) -> int:
        watch = self._watch
        left = self._began + at / self._factor - watch.now() if self._factor else 0.0
        patience = left if self._patience is None else self._patience
        if left > 0:
            watch.wait(min(left, patience))
        if left > patience:
            raise TimeoutError("the recording is slower than the clock allows")
        return count


def speed_factor(speed: Speed) -> float:
    """Return *speed* as a number, 0 for no waiting. Raises `UsageError` for any other value."""
    if isinstance(speed, str) and speed == "recorded":
        return 1.0
    if not isinstance(speed, int | float) or isinstance(speed, bool) or not 0 <= speed < 1e9:
        raise UsageError(f'speed: expected "recorded" or a number from 0 up, got {got(speed, 40)}')
    return float(speed)


def _failure(ending: Ending) -> StreamkitError:
    """Return the error that ended the recorded connection."""
    message = ending.message or "the recorded connection was lost"
    if ending.how == "timeout" or ending.phase is not None:
        return APITimeoutError(message, phase=ending.phase, seconds=ending.seconds)
    return APIConnectionError(message)

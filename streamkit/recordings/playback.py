"""Recordings -> events, or replies to a client, as if the server were answering now.

Rules: the same parser reads what the network would have brought; waits pass through the stream's own
clocks, so that a recorded stall makes the idle clock fire. No time passes but on the clock handed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from ..errors import (
    APIConnectionError,
    APITimeoutError,
    StreamkitError,
    UsageError,
)
from ..events import Event
from ..http.clocks import Watch
from ..http.messages import Call, Reply
from ..pipeline import read_events
from ..profiles.profile import Profile
from ..request.options import Timeouts
from .format import Ending, Recording, Source, TimedChunk, load_recording

Speed: TypeAlias = "float | Literal['recorded']"

NO_CLOCKS = Timeouts(connect=None, first_event=None, idle=None)  # a recording is as slow as it is


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
    """The events of a recording, or of a file that holds a body alone.

    *speed* is 0 to wait for nothing, "recorded" or 1 for the pace of the recording, 2 for twice that.
    *now* (monotonic) and *sleep* count seconds. Raises what `read_events` raises and, where the network
    broke the recorded stream off, the `APIConnectionError` or `APITimeoutError` of then; `UsageError`
    where *source* cannot be read.
    """
    recording = load_recording(source)
    watch = Watch(NO_CLOCKS, now=now, sleep=sleep)
    chunks = play(recording, watch, speed=speed)
    return read_events(chunks, wire=wire, profile=profile, strict=strict)


class ReplayTransport:
    """Answers calls from recordings, for `Client(transport=...)`: in order, the last one ever after.

    `calls` is what was asked. A recorded refusal (429, say) is a refusal again, and a broken connection
    breaks again. *speed* as in `replay`.
    """

    def __init__(self, *sources: Source, speed: Speed = 0) -> None:
        if not sources:
            raise UsageError("ReplayTransport takes at least one recording")
        self._recordings = [load_recording(source) for source in sources]
        self._speed = speed
        speed_factor(speed)
        self.calls: list[Call] = []

    def open(self, call: Call, watch: Watch) -> Reply:
        """The next recorded reply. Raises what opening it raised then."""
        watch.check_cancelled()
        recording = self._recordings[min(len(self.calls), len(self._recordings) - 1)]
        self.calls.append(call)
        wait_for_headers(recording, watch, speed=self._speed)
        chunks = play(recording, watch, speed=self._speed)
        headers = {name.lower(): value for name, value in recording.response.headers.items()}
        return Reply(recording.response.status, headers, chunks, lambda: None)


def wait_for_headers(recording: Recording, watch: Watch, *, speed: Speed = 0) -> None:
    """Return when the recorded headers came. Raises where they never did, and like `play`."""
    pace = _Pace(watch, speed)
    if recording.ending.how == "no reply":
        pace.wait_until(recording.ending.at)
        raise _failure(recording.ending)
    pace.wait_until(recording.response.after)


def play(recording: Recording, watch: Watch, *, speed: Speed = 0) -> Iterator[bytes]:
    """The chunks of *recording* at their times, counted from the first one asked for, under *watch*'s clocks.

    Raises what ended the recorded body, the clock of *watch* that fires, and `StreamCancelledError`.
    """
    pace = _Pace(watch, speed)
    for chunk in recording.chunks:
        pace.wait_until(chunk.at, chunk)
        yield chunk.data
    pace.wait_until(recording.ending.at)
    if recording.ending.how in ("reset", "timeout", "no reply"):
        raise _failure(recording.ending)


class _Pace:
    """Waits for recorded moments; to the watch it looks like the socket that the bytes come from."""

    def __init__(self, watch: Watch, speed: Speed) -> None:
        self._watch = watch
        self._factor = speed_factor(speed)
        self._began = watch.now()
        self._patience: float | None = None

    def wait_until(self, at: float, chunk: TimedChunk | None = None) -> None:
        """Wait until second *at* of the recording, unless a clock runs out before."""
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
    """*speed* as a number, 0 for no waiting. Raises `UsageError`."""
    if speed == "recorded":
        return 1.0
    if isinstance(speed, str | bool) or not speed >= 0:
        raise UsageError(f'speed is "recorded", 0 for no waiting, or a factor, got {speed!r}')
    return float(speed)


def _failure(ending: Ending) -> StreamkitError:
    """The error that ended the recorded connection."""
    message = ending.message or "the recorded connection broke off"
    if ending.how == "timeout" or ending.phase is not None:
        return APITimeoutError(message, phase=ending.phase, seconds=ending.seconds)
    return APIConnectionError(message)

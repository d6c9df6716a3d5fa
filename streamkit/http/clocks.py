"""The clocks of one stream and its cancel switch, enforced at the one call that can block: `recv`.

Strategy. connecting.py opens the socket, uploading.py writes the request. `WatchedSocket` wraps the socket
of a response. Before each `recv` it sets the socket's timeout to the least time that any clock has left,
unless it has about that timeout. So a blocked read ends when a clock runs out. A drip of bytes can't delay
that, although it restarts requests' own read timeout. `cancel()` shuts the socket down, which wakes the
`recv` of another thread.

Rule: a clock measures all the time since the last data, including our own work on comments in between;
else a flood of comments could delay it. It doesn't measure the time that the caller takes; only the
deadline does. The clock and the sleep function are arguments.
"""

from __future__ import annotations

import _socket
import os
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from .._interrupts import is_interrupt
from ..errors import APITimeoutError, StreamCancelledError
from ..request.options import Timeouts

GRACE = 2.0  # seconds for usage and [DONE] after every choice has finished
DRAIN = 0.05  # seconds for the end of the body after [DONE], for the sake of the connection
NAP = 0.25  # seconds of sleep at most before checking for cancel()
NEVER = float("inf")

LATE = 0.02  # seconds that a clock may fire late, so that most reads need no system call for the timeout

STALL = 1.0  # seconds for an early answer after a server stopped reading the request


_WAITED_FOR = {
    "connect": "the server to read the request",
    "first_event": "the first data event",
    "idle": "the next data event",
    "bytes": "any byte",
    "deadline": "the whole call",
    "grace": "the end of the stream",
}


class Watch:
    """The clocks of one stream. `now` is a monotonic clock in seconds, `sleep` takes seconds.

    The stream reports progress (`data_arrived`, `answer_finished`); the socket asks how long to wait. One
    thread reads, any thread may cancel.
    """

    nap = NAP  # a clock that advances without waiting can do it in one step

    def __init__(
        self,
        timeouts: Timeouts,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.now = now
        self._sleep = sleep
        self.cancelled = False
        self.fired: tuple[str, float] | None = None  # the clock that ran out, and its setting
        self.bytes = self.reads = 0
        self.waited = 0.0  # the seconds that passed until it ran out
        self.connected = False  # a new connection was made for the request; False for one from the pool
        self.connecting = False  # True while that connection, with its TLS, isn't complete
        self._connect_began = self._heard = now()
        self._timeouts = timeouts
        self._began = now()
        self._socket: Any = None
        self._process = os.getpid()  # a forked process has the socket, too, but must leave it alone
        self._timed: Any = None  # the socket that has this timeout
        self._timeout = NEVER
        # Reentrant: a signal handler may cancel while its own thread is in close().
        self._lock = threading.RLock()
        self.begin_attempt()

    # -- reports from the stream ----------------------------------------------------------

    def begin(self) -> float:
        """Start the deadline: the call begins now. Return the time."""
        self._began = self.now()
        return self._began

    def begin_attempt(self) -> None:
        """Restart every clock but the deadline for a new request."""
        self._phase, self._limit = "first_event", self._timeouts.first_event
        self._since: float | None = None  # when the wait began that the phase's clock measures
        self.fed = False
        self._ending: tuple[str, float] | None = None
        self.fired = None
        self.waited = 0.0
        self._heard = self.now()
        self.arrived = NEVER  # when the last bytes came, if a socket was read
        self.request_sent: float | None = None

    def data_arrived(self) -> None:
        """A data event, not a comment, was read: the idle clock restarts with the next wait."""
        self.fed = True

    def answer_reopened(self) -> None:
        """Output followed the finish: the idle clock runs again."""
        if self._ending is not None:
            self._ending = None
            self._since = None

    def answer_finished(self, seconds: float = GRACE) -> None:
        """Only usage and the end are missing: wait at most *seconds* more from now."""
        self._since = None
        self.fed = False
        self._ending = ("grace", seconds)

    def excuse(self, seconds: float) -> None:
        """Leave out the time that the caller spent on an event that feeds no clock, such as a comment."""
        if self._since is not None:
            self._since += seconds

    @property
    def ending(self) -> bool:
        """True if the answer is finished and only the grace clock is running."""
        return self._ending is not None

    # -- questions from the transport -----------------------------------------------------

    def connect_timeout(self) -> float | None:
        """Return the seconds allowed for connecting. Raises `APITimeoutError` if the deadline has passed."""
        left = self.deadline_left()
        if left <= 0:
            self.waited = self._passed("deadline")
            self.fired = ("deadline", self._timeouts.deadline or 0.0)
            raise self.error()
        connect = self._timeouts.connect
        if connect is None:
            return None if left == NEVER else left
        return min(connect, left)

    def read_timeout(self) -> float | None:
        """Return the seconds allowed for the next read, for a connection without a `WatchedSocket`."""
        left = self._next(self.now())[2]
        return None if left == NEVER else max(left, 0.001)

    def deadline_left(self) -> float:
        """Return the seconds until the deadline: infinity without one, 0 or less after it."""
        if self._timeouts.deadline is None:
            return NEVER
        return self._began + self._timeouts.deadline - self.now()

    def begin_connect(self) -> None:
        """Start the connect clock, which covers everything up to an open channel."""
        self.connected = self.connecting = True
        self._connect_began = self.now()

    def begin_send(self) -> None:
        """Start the connect clock for a request on a connection from the pool."""
        self._connect_began = self.now()

    def connect_left(self) -> float:
        """Return the seconds that the connect clock and the deadline have left; infinity without them."""
        limit = self._timeouts.connect
        left = NEVER if limit is None else limit - (self.now() - self._connect_began)
        return min(left, self.deadline_left())

    def stalled(self) -> None:
        """The server reads no more of the request: it may have answered, but only a moment is left."""
        self._phase, self._limit = "connect", STALL

    def connect_error(self, hint: str = "") -> APITimeoutError:
        """Return the error for connecting too slowly: the connect clock's, or the deadline's."""
        if self.deadline_left() <= 0:
            return self.error("deadline", self._timeouts.deadline)
        limit, waited = self._timeouts.connect, self.now() - self._connect_began
        return APITimeoutError(
            f"connect: no connection within {_seconds(limit)}; {waited:.2f} s had passed; "
            f"Timeouts(connect=...) sets the limit{hint}",
            phase="connect",
            seconds=limit,
            waited=waited,
        )

    def send_error(self) -> APITimeoutError:
        """Return the error for a request that the server doesn't read."""
        if self.deadline_left() <= 0:
            return self.error("deadline", self._timeouts.deadline)
        return self.error("connect", self._timeouts.connect)

    def deadline_error(self) -> APITimeoutError:
        """Return the error for a deadline that passes before the request can be sent."""
        return self.error("deadline", self._timeouts.deadline)

    def error(self, phase: str | None = None, limit: float | None = None) -> APITimeoutError:
        """Return the error for the clock that fired: its name, its setting and the awaited data."""
        if phase is None:
            phase, limit = self.fired or self._next(self.now())[:2]
        waited = self.waited if self.fired else self._passed(phase)
        if phase == "connect":
            limit = self._timeouts.connect
        return APITimeoutError(
            f"{phase}: waited {_seconds(limit)} for {_WAITED_FOR[phase]}; "
            f"{self.bytes} bytes had arrived in {self.reads} reads and {waited:.2f} s; "
            f"Timeouts({phase}=...) sets the limit",
            phase=phase,
            seconds=limit,
            waited=waited,
        )

    def _passed(self, phase: str) -> float:
        """Return the seconds that a clock has measured so far."""
        began = {"deadline": self._began, "bytes": self._heard, "connect": self._connect_began}
        since = self._heard if self._since is None else self._since
        return self.now() - began.get(phase, since)

    # -- questions from the socket --------------------------------------------------------

    def recv_into(self, sock: Any, *args: Any) -> int:
        """Return `sock.recv_into(*args)`, limited by every clock.

        Raises TimeoutError and sets `fired` if a clock runs out. Raises ConnectionAbortedError after
        `cancel()`.
        """
        if self.cancelled:
            raise ConnectionAbortedError("cancelled")
        if self._process != os.getpid():
            raise ConnectionAbortedError("the stream belongs to the parent process; open one in this process")
        now = self.now()
        if self.fed:
            self.fed = False
            self._since = None
            self._phase, self._limit = "idle", self._timeouts.idle
        if self._since is None:
            self._since = now
        phase, limit, left = self._next(now)
        if left <= 0:
            self._fire(phase, limit)
        if sock is not self._timed or not left <= self._timeout <= left + LATE:
            self._timed, self._timeout = sock, left
            sock.settimeout(None if left == NEVER else left)
        self._heard = now
        try:
            count = int(sock.recv_into(*args))
        except TimeoutError as exc:
            if self.cancelled:
                raise ConnectionAbortedError("cancelled") from None
            if is_interrupt(exc):  # a signal handler's own TimeoutError
                raise
            self._fire(phase, limit)
        if self.cancelled:
            raise ConnectionAbortedError("cancelled")
        self.arrived = self.now()
        self.bytes += count
        self.reads += 1
        return count

    def recv_connecting(self, sock: Any, *args: Any) -> int:
        """Return `sock.recv_into(*args)` for a part of connecting, such as a proxy's answer to CONNECT."""
        self.check_open()
        left = self.connect_left()
        if left <= 0:
            raise TimeoutError("timed out")
        sock.settimeout(None if left == NEVER else left)
        count = int(sock.recv_into(*args))
        self.check_open()
        return count

    def _next(self, now: float) -> tuple[str, float, float]:
        """Return the clock that runs out first: its name, its setting, and the seconds left."""
        phase, limit = self._ending or (self._phase, NEVER if self._limit is None else self._limit)
        left = limit if self._since is None else limit - (now - self._since)
        if self._timeouts.bytes is not None and self._timeouts.bytes < left:
            phase, limit = "bytes", self._timeouts.bytes
            left = limit
        if self._timeouts.deadline is not None and (until := self.deadline_left()) < left:
            phase, limit, left = "deadline", self._timeouts.deadline, until
        return phase, limit, left

    def _fire(self, phase: str, limit: float) -> NoReturn:
        self.waited = self._passed(phase)
        self.fired = (phase, limit)
        raise TimeoutError(f"{phase} clock")

    # -- the cancel switch ----------------------------------------------------------------

    def guard(self, reader: Any) -> None:
        """Pass every `recv` of *reader*, a BufferedReader over a SocketIO, through this watch.

        A reader of any other kind stays unchanged: the timeouts of its connection apply.
        """
        raw = getattr(reader, "raw", None)
        sock = getattr(raw, "_sock", None)
        if sock is None or not hasattr(sock, "recv_into"):
            return
        if isinstance(sock, WatchedSocket):
            sock = sock.socket
        raw._sock = WatchedSocket(sock, self)  # type: ignore[union-attr]
        self._timed = None
        with self._lock:
            self._socket = sock

    def hold(self, sock: Any) -> None:
        """Let `cancel()` shut *sock* down: a connection that is being made, or that sends the request."""
        with self._lock:
            self._socket = sock
        self.check_open()

    def check_open(self) -> None:
        """Raise ConnectionAbortedError after `cancel()`, for code below requests."""
        if self.cancelled:
            raise ConnectionAbortedError("cancelled")

    def release(self) -> None:
        """Forget the socket: it is closed, or returns to the pool without our timeout."""
        if self._process != os.getpid():
            return
        with self._lock:
            sock, self._socket = self._socket, None
        if sock is not None and sock.fileno() >= 0:
            sock.settimeout(None)

    def cancel(self) -> None:
        """Wake a blocked read and prevent any other. Any thread or signal handler may call this."""
        self.cancelled = True
        if self._process != os.getpid():
            return  # the lock may be held by a thread that isn't in this process
        with self._lock:
            sock = self._socket
            sock = _plain(sock)
            if sock is None:
                return
            try:
                # SSLSocket's own shutdown would also discard the TLS state that the reader uses.
                _socket.socket.shutdown(sock, _socket.SHUT_RDWR)
            except OSError:  # not connected any more: no read is waiting
                return

    def wait(self, seconds: float) -> None:
        """Sleep *seconds* before a retry. Raises `StreamCancelledError` soon after `cancel()`."""
        until = self.now() + seconds
        while (left := until - self.now()) > 0:
            self.check_cancelled()
            self._sleep(min(left, self.nap))
        self.check_cancelled()

    def check_cancelled(self) -> None:
        """Raise `StreamCancelledError` after `cancel()`."""
        if self.cancelled:
            raise StreamCancelledError(
                "the stream was cancelled; .partial contains everything received so far"
            )


class WatchedSocket:
    """A socket whose `recv_into` passes through a watch; every other attribute is the socket's own."""

    def __init__(self, sock: Any, watch: Watch) -> None:
        self.socket = sock
        self._watch = watch

    def recv_into(self, *args: Any) -> int:
        return self._watch.recv_into(self.socket, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)


class ConnectingSocket(WatchedSocket):
    """The same while the connection isn't complete: only the connect clock and the deadline run."""

    def recv_into(self, *args: Any) -> int:
        return self._watch.recv_connecting(self.socket, *args)


_WRAPPED = ("socket", "fd", "_sock")  # of TLS in TLS and pyOpenSSL, of eventlet, of gevent


def _plain(sock: Any) -> _socket.socket | None:
    """Return the operating system's socket in *sock*, or None if there is none.

    `socket.socket` is another class in a program that gevent or eventlet has patched.
    """
    while sock is not None and not isinstance(sock, _socket.socket):
        inner = (getattr(sock, name, None) for name in _WRAPPED)
        sock = next((each for each in inner if each is not None and each is not sock), None)
    return sock


def _seconds(limit: float | None) -> str:
    return "no limit" if limit is None else f"{limit:g} s"

"""Servers that stop in one phase of a request each, for tests of clocks and cancel, and for their table.

`PHASES` has a row for each phase: the clock that limits it, and a context manager that yields a `Stuck`: a
client's stream that gets stuck there, and an event that is set when it has. `interrupted` measures how long
a cancel, a close or Ctrl-C takes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from streamkit import Client, Limits, RetryPolicy, Timeouts
from streamkit.client.stream import Stream

from .faultserver import TLS, FaultServer, Peer, chunked, delta, head, refusal, sse

LONG = 600.0  # seconds of a clock that must not fire
LARGE = "x" * (24 << 20)  # more than the buffers of two sockets
EVENT = chunked(sse(delta("Hel")), end=False)
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")


def clocks(**short: float) -> Timeouts:
    """Return clocks that don't fire, except those given."""
    return Timeouts(**{"connect": LONG, "first_event": LONG, "idle": LONG, **short})


@dataclass
class Stuck:
    """A request that gets stuck in one phase: call `stream` with clocks, and read."""

    stream: Callable[..., Stream]
    reached: threading.Event = field(default_factory=threading.Event)


@contextmanager
def raw_server(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept connections and run *script* on each, without HTTP; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            script(sock)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                opened.append(sock)
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for sock in opened:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def asking(url: str, *, prompt: str = "hi", **options: Any) -> Callable[..., Stream]:
    """Return a function of the clocks that returns an unread stream to *url*."""

    def stream(timeouts: Timeouts, retry: RetryPolicy | None = None, **more: Any) -> Stream:
        client = Client(
            "generic",
            base_url=url,
            timeouts=timeouts,
            retry=retry or RetryPolicy(max_retries=0),
            **{**options, **more},
        )
        return client.stream(prompt, model="m")

    return stream


def silent(sock: socket.socket, reached: threading.Event) -> None:
    reached.set()
    while sock.recv(1 << 16):
        pass


def drip(sock: socket.socket, start: bytes, drop: bytes, reached: threading.Event) -> None:
    sock.recv(1 << 16)
    sock.sendall(start)
    reached.set()
    while True:
        time.sleep(0.05)
        sock.sendall(drop)


# -- the phases ---------------------------------------------------------------------------


@contextmanager
def dns() -> Iterator[Stuck]:
    """A resolver that doesn't answer."""
    over, stuck = threading.Event(), Stuck(asking("http://slow.invalid/v1"))
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "slow.invalid" or socket.AI_NUMERICHOST in args:
            return real(host, *args, **kwargs)
        stuck.reached.set()
        over.wait(LONG)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with patch("socket.getaddrinfo", look_up):
        yield stuck
        over.set()


@contextmanager
def connect() -> Iterator[Stuck]:
    """A listener whose queue is full, so that Linux answers no SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        stuck = Stuck(asking(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
        stuck.reached.set()
        yield stuck


@contextmanager
def _raw(scheme: str, script: Callable[[socket.socket, threading.Event], None], **options: Any) -> Any:
    stuck = Stuck(lambda *_: None)  # type: ignore[arg-type, return-value]
    with raw_server(lambda sock: script(sock, stuck.reached)) as port:
        stuck.stream = asking(f"{scheme}://127.0.0.1:{port}/v1", **options)
        yield stuck


@contextmanager
def proxied(script: Callable[[socket.socket, threading.Event], None]) -> Iterator[Stuck]:
    """An HTTPS proxy on this machine, set by the environment."""
    stuck = Stuck(asking("https://behind.invalid/v1"))
    with raw_server(lambda sock: script(sock, stuck.reached)) as port:
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "NO_PROXY": "", "no_proxy": ""}
        with patch.dict(os.environ, environment):
            yield stuck


@contextmanager
def served(script: Callable[[Peer, threading.Event], None], *, tls: bool = False, **options: Any) -> Any:
    """An HTTP server that reads the request, and then runs *script*."""
    stuck = Stuck(lambda *_: None)  # type: ignore[arg-type, return-value]
    trust = {"REQUESTS_CA_BUNDLE": str(TLS / "cert.pem")} if tls else {}
    with (
        FaultServer(lambda peer: script(peer, stuck.reached), tls=tls) as server,
        patch.dict(os.environ, trust),
    ):
        stuck.stream = asking(server.url, **options)
        yield stuck


@contextmanager
def unread_tls() -> Iterator[Stuck]:
    """A server that completes the handshake and reads no request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")

    over = threading.Event()

    def script(sock: socket.socket, reached: threading.Event) -> None:
        with context.wrap_socket(sock, server_side=True):
            time.sleep(0.2)  # the buffers fill
            reached.set()
            over.wait(LONG)

    trust = patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": str(TLS / "cert.pem")})
    with trust, _raw("https", script, prompt=LARGE) as stuck:
        yield stuck
        over.set()


def _unread(sock: socket.socket, reached: threading.Event) -> None:
    time.sleep(0.2)  # the buffers fill
    reached.set()
    while sock.fileno() >= 0:
        time.sleep(0.05)


def _no_headers(peer: Peer, reached: threading.Event) -> None:
    reached.set()
    peer.hang()


def _slow_headers(peer: Peer, reached: threading.Event) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nX: ")
    reached.set()
    peer.drip(b"y", 0.05)


def _no_body(peer: Peer, reached: threading.Event) -> None:
    peer.send(CHUNKED)
    reached.set()
    peer.hang()


def _silence(peer: Peer, reached: threading.Event) -> None:
    peer.send(CHUNKED, EVENT)
    reached.set()
    peer.hang()


def _comments(peer: Peer, reached: threading.Event) -> None:
    peer.send(CHUNKED, EVENT)
    reached.set()
    peer.drip(chunked(b": ping\n\n", end=False), 0.05)


def _flood(peer: Peer, reached: threading.Event) -> None:
    peer.send(CHUNKED)
    reached.set()
    blank = chunked(b"\n" * 60_000, end=False)
    while not peer.pause(0.003):  # else the reply is soon too large
        peer.send(blank)


def _busy(peer: Peer, reached: threading.Event) -> None:
    reached.set()
    peer.send(refusal("503 Busy", {"error": {"message": "busy"}}, "Retry-After: 40"))


@contextmanager
def paced() -> Iterator[Stuck]:
    """A client that may send one request at a time, and one that is under way."""
    with FaultServer(lambda peer: _silence(peer, threading.Event())) as server:
        client = Client("generic", base_url=server.url, limits=Limits(concurrency=1), timeouts=clocks())
        first = client.stream("hi", model="m")
        opened, over = threading.Event(), threading.Event()

        def hold() -> None:  # a thread can't wait for its own stream, so another one holds the place
            next(first)
            opened.set()
            over.wait(LONG)

        threading.Thread(target=hold, daemon=True).start()
        opened.wait(LONG)
        stuck = Stuck(
            lambda timeouts, retry=None, **more: client.stream("hi", model="m", timeouts=timeouts, **more)
        )
        stuck.reached.set()
        yield stuck
        over.set()
        first.close()


TLS_START = b"\x16\x03\x03\x3f\x00"  # the header of a long handshake record

# The name, the clock that limits it, and the phase. A wait beyond the deadline isn't begun.
PHASES: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("DNS", "connect", dns),
    ("TCP connect", "connect", connect),
    ("TLS handshake, silent", "connect", lambda: _raw("https", silent)),
    (
        "TLS handshake, byte by byte",
        "connect",
        lambda: _raw("https", lambda sock, reached: drip(sock, TLS_START, b"\0", reached)),
    ),
    ("proxy CONNECT, silent", "connect", lambda: proxied(silent)),
    (
        "proxy CONNECT, byte by byte",
        "connect",
        lambda: proxied(lambda sock, reached: drip(sock, b"HTTP/1.1 200 OK\r\nX: ", b"y", reached)),
    ),
    ("upload", "connect", lambda: _raw("http", _unread, prompt=LARGE)),
    ("upload, TLS", "connect", unread_tls),
    ("headers, silent", "first_event", lambda: served(_no_headers)),
    ("headers, byte by byte", "first_event", lambda: served(_slow_headers)),
    ("headers, silent, TLS", "first_event", lambda: served(_no_headers, tls=True)),
    ("body", "first_event", lambda: served(_no_body)),
    ("between chunks", "idle", lambda: served(_silence)),
    ("between chunks, comments", "idle", lambda: served(_comments)),
    ("our own work", "first_event", lambda: served(_flood)),
    ("wait before a retry", "", lambda: served(_busy)),
    ("wait for the pace", "deadline", paced),
)


# -- leaving ------------------------------------------------------------------------------


@dataclass
class Left:
    """How a stuck read ended, and how many seconds after it was told to."""

    error: BaseException | None
    seconds: float


def interrupted(stuck: Stuck, how: str, *, patience: float = 60.0) -> Left:
    """Read the stream, and end it when it is stuck: by `cancel`, `close` or `Ctrl-C`."""
    retry = RetryPolicy(max_retries=1)
    stream = stuck.stream(clocks(), retry)
    told = [0.0]

    def end() -> None:
        stuck.reached.wait(patience)
        time.sleep(0.3)
        told[0] = time.monotonic()
        if how == "Ctrl-C":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            getattr(stream, how)()

    ender = threading.Thread(target=end)
    error: BaseException | None = None
    if how == "Ctrl-C":  # the signal reaches the main thread, so that one reads
        ender.start()
        with warnings.catch_warnings():  # ssl leaves a broken handshake's socket to the collector
            warnings.simplefilter("ignore", ResourceWarning)
            error = _read(stream)
            with contextlib.suppress(KeyboardInterrupt):
                ender.join()
            error = error.with_traceback(None) if error else None
            gc.collect()
        return Left(error, time.monotonic() - told[0])
    done: list[tuple[BaseException | None, float]] = []
    reader = threading.Thread(target=lambda: done.append((_read(stream), time.monotonic())), daemon=True)
    reader.start()
    ender.start()
    ender.join()
    reader.join(patience)
    if not done:
        return Left(TimeoutError("still reading"), patience)
    return Left(done[0][0], done[0][1] - told[0])


def fired(stuck: Stuck, clock: str, seconds: float) -> Left:
    """Read the stream with *clock* set to *seconds*, and return the error with the time that passed."""
    began = time.monotonic()
    error = _read(stuck.stream(clocks(**{clock: seconds})))
    return Left(error, time.monotonic() - began)


def _read(stream: Stream) -> BaseException | None:
    try:
        for _ in stream:
            pass
    except BaseException as exc:  # noqa: BLE001 - Ctrl-C, too
        return exc
    return None

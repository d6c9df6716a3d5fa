"""A piece of a request and a connected socket -> the piece is sent, unless the server has answered already.

A server that refuses a large request (413, 401, 429) answers before it has read it, and reads no more. Then
`upload` raises BrokenPipeError, for which urllib3 reads the answer. TLS hides whether an answer has arrived,
because the server's session tickets look the same; so there an answer is looked for when sending stalls.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any

from .._interrupts import is_interrupt
from .clocks import NEVER, Watch
from .connecting import wait_until_ready

SMALL = 16 << 10  # bytes; this much fits into the socket's own buffer


def upload(sock: Any, data: Any, watch: Watch, limit: float | None) -> None:
    """Send all of *data*; each step of progress may take *limit* seconds.

    Raises TimeoutError if the server stops reading, BrokenPipeError if it has answered, and
    ConnectionAbortedError after `cancel()`.
    """
    watch.check_open()
    if isinstance(sock, ssl.SSLSocket) or not isinstance(sock, socket.socket):
        _upload_hidden(sock, data, watch)
    else:
        _upload_plain(sock, memoryview(data), watch, NEVER if limit is None else limit)


def _upload_plain(sock: socket.socket, data: memoryview, watch: Watch, limit: float) -> None:
    watch_answer = True
    sock.setblocking(False)
    since = watch.now()

    def left() -> float:
        return min(limit - (watch.now() - since), watch.deadline_left())

    while data:
        watch.check_open()
        if watch_answer and (begun := _begun(sock)) is not None:
            if not _is_informational(begun):
                raise BrokenPipeError(errno.EPIPE, "the server answered before the end of the request")
            watch_answer = False  # a final answer may follow, but only reading would show it
        try:
            sent = sock.send(data)
        except BlockingIOError:
            if not wait_until_ready(sock, watch, left, read=watch_answer, write=True):
                raise TimeoutError("timed out") from None
        else:
            data = data[sent:]
            since = watch.now()
    sock.settimeout(None if limit == NEVER else limit)


def _upload_hidden(sock: Any, data: Any, watch: Watch) -> None:
    try:
        sock.sendall(data)
    except TimeoutError as exc:
        if is_interrupt(exc) or not wait_until_ready(sock, watch, lambda: 0.0, read=True):
            raise
        watch.stalled()
        raise BrokenPipeError(errno.EPIPE, "the server stopped reading the request") from None
    watch.check_open()


def _begun(sock: socket.socket) -> bytes | None:
    """Return the first bytes of an answer, b"" if the server closed, or None."""
    try:
        return sock.recv(10, socket.MSG_PEEK)
    except BlockingIOError:
        return None


def _is_informational(begun: bytes) -> bool:
    """Return True for the beginning of `HTTP/1.1 1xx`."""
    return len(begun) == 10 and begun.startswith(b"HTTP/") and begun.endswith(b" 1")

"""A loopback server in its own process. The URL selects the answer and its delivery:

    /<workload>/<deltas>/<delivery>/<microseconds between deltas>/v1/...

`python -m benchmarks.server` prints its port, and serves until its standard input is closed. It makes a body
before it sends it, so that the figures are those of the client.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from .workloads import STAMP, build, paced_frames

BULK = 64 * 1024  # bytes

# A delivery: the pieces that are sent one by one, and their framing in HTTP.
DELIVERIES = {
    "chunked": "one HTTP chunk per event",
    "chunked-bulk": f"HTTP chunks of {BULK >> 10} KiB, not aligned with events",
    "close": "no length, the body ends when the connection closes",
    "gzip": "one HTTP chunk per event, compressed and flushed",
}


def main() -> None:
    """Serve until standard input is closed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def bulk(body: bytes) -> list[bytes]:
    """Return *body* in pieces of 64 KiB."""
    return [body[i : i + BULK] for i in range(0, len(body), BULK)]


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    # A client may close the connection early.
    with connection, connection.makefile("rb") as reader, contextlib.suppress(ConnectionError):
        while (request := reader.readline()) not in (b"", b"\r\n"):
            length = 0
            while (header := reader.readline().lower()) not in (b"", b"\r\n"):
                if header.startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            reader.read(length)
            name, deltas, delivery, pace = request.split()[1].decode().split("/")[1:5]
            if int(pace):
                pieces = _paced(int(deltas), delivery, int(pace) / 1e6)
            else:
                pieces = iter(_pieces(name, int(deltas), delivery))
            connection.sendall(_head(delivery))
            for piece in pieces:
                connection.sendall(piece)
            if delivery == "close":
                return


def _head(delivery: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8", "x-request-id: req_1"]
    lines.append("Connection: close" if delivery == "close" else "Transfer-Encoding: chunked")
    if delivery == "gzip":
        lines.append("Content-Encoding: gzip")
    return "\r\n".join([*lines, "", ""]).encode()


@lru_cache(maxsize=8)
def _pieces(name: str, deltas: int, delivery: str) -> list[bytes]:
    frames = build(name, deltas).frames
    if delivery == "chunked-bulk":
        frames = bulk(b"".join(frames))
    framed, end = _framing(delivery)
    return [*map(framed, frames), end()]


def _paced(deltas: int, delivery: str, pace: float) -> Iterator[bytes]:
    """Yield a delta every *pace* seconds; its text is the monotonic clock (ns) just before it is sent."""
    framed, end = _framing(delivery)
    first, stamped, last = paced_frames(deltas)
    yield from map(framed, first)
    due = time.monotonic()
    for _ in range(deltas):
        due += pace
        time.sleep(max(0.0, due - time.monotonic()))
        yield framed(stamped.replace(STAMP, b"%d " % time.monotonic_ns()))
    yield from map(framed, last)
    yield end()


def _framing(delivery: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Return a function that frames a piece of the body, and one that returns the end of the body."""
    if delivery == "close":
        return bytes, bytes
    if delivery != "gzip":
        return _chunk, lambda: _chunk(b"")
    deflate = zlib.compressobj(wbits=31)
    return (
        lambda piece: _chunk(deflate.compress(piece) + deflate.flush(zlib.Z_SYNC_FLUSH)),
        lambda: _chunk(deflate.flush()) + _chunk(b""),
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


if __name__ == "__main__":
    main()

"""The bundled streams -> a real HTTP server on loopback that plays them at their own pace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, NamedTuple

PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}


class Write(NamedTuple):
    """One write of the server: *text*, *at* seconds after the request."""

    at: float
    text: str


def bundled(wire: str) -> list[Write]:
    """The bundled stream of that wire."""
    lines = resources.files(__package__).joinpath(f"{wire}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Write(**json.loads(line)) for line in lines]


def pace(
    writes: Iterable[Write],
    *,
    speed: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The texts of *writes*, each when its time has come; *speed* 2 is twice as fast, 0 without waiting."""
    began = now()
    for write in writes:
        left = began + write.at / speed - now() if speed else 0
        if left > 0:
            sleep(left)
        yield write.text


@contextmanager
def demo_server(*, speed: float = 1.0) -> Iterator[str]:
    """Run the server, in threads of its own; the value is its base URL.

    It answers any POST to one of `PATHS`, and each at *speed*.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, speed))
    server.daemon_threads = True  # a reader that went away must not hold the command up
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, speed: float, *args: Any) -> None:
        self._speed = speed
        super().__init__(*args)  # which handles the request

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wire = PATHS.get(self.path)
        if wire is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for text in pace(bundled(wire), speed=self._speed):
                data = text.encode()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:  # the reader went away
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing: standard error is the command's."""

"""Serve recordings over HTTP on this machine, as an API does, for any client.

    with serve("weather.jsonl", "poem.sse") as server:
        openai.OpenAI(base_url=server.url, api_key="any")

| request | answer |
|---|---|
| `POST` to the path of an API, such as `.../chat/completions` | a recording, chunk by chunk at its pace |
| the same without streaming (mostly without `"stream": true`) | one JSON document with the same content |
| `GET .../models` | the recordings by name |
| those of a batch API (see batches/desk.py) | files and batches, whose rows recordings answer |

catalog.py selects the recording. An error status stays, and a connection that was lost is closed early again.

Rules: only recordings are served. Requests aren't stored, but for the rows of batches, in memory. On
loopback, a request for another host is refused (see guard.py). At most `MAX_CONNECTIONS` are open; one
without a request closes after a minute.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any

from .._checks import Kind, check
from .._threads import start
from .._version import __version__
from ..errors import APIError, StreamCancelledError, StreamkitError, UsageError
from ..http.clocks import Watch
from ..http.scrubbing import HIDDEN
from ..json_text import NotJSONError, encode, loads
from ..wires import WIRES, find_wire
from .batches.desk import BatchDesk
from .catalog import Catalog, document_of, is_whole_stream, wire_at
from .format import Recording, Source, load_recording
from .guard import answers_to, sendable
from .playback import NO_CLOCKS, Speed, play, speed_factor, wait_for_headers

MAX_REQUEST = 64 << 20  # bytes of a request's body; images are in it as base64
MAX_CONNECTIONS = 128  # at once; each has a thread
# Headers of the recorded connection, not of the answer.
_NOT_OURS = {
    *("connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"),
    *("trailer", "upgrade", "alt-svc", "date", "server", "set-cookie", "strict-transport-security"),
}


_HOST = Kind("a name or address", lambda value: isinstance(value, str), "pass a string")
_PORT = Kind("a number", lambda value: isinstance(value, int), "pass 0 for a free port")


def serve(
    *sources: Source, host: str = "127.0.0.1", port: int = 0, speed: Speed = "recorded"
) -> ReplayServer:
    """Return a running server. Use it as a context manager, or `close()` it.

    *port* 0 takes a free port (see `.url`). *speed* is that of `streamkit.replay`. Raises `UsageError` if a
    recording can't be read, or if the address is in use.
    """
    return ReplayServer([load_recording(source) for source in sources], host=host, port=port, speed=speed)


class ReplayServer:
    """Answers requests, each in a thread of its own, until it is closed."""

    def __init__(self, recordings: list[Recording], *, host: str, port: int, speed: Speed) -> None:
        if not recordings:
            raise UsageError("sources: expected at least one recording, got none")
        check("host", host, _HOST)
        check("port", port, _PORT)
        speed_factor(speed)  # a wrong value raises here, not in a thread
        self._catalog = Catalog(recordings)
        try:
            self._http = _Server((host, port), _Handler)
        except (OSError, OverflowError, TypeError, ValueError) as exc:
            raise UsageError(f"cannot serve on {host}:{port}: {exc}") from exc
        self._http.catalog = self._catalog
        self._http.desk = BatchDesk(self._answer_row)
        self._http.speed = speed
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        try:
            start(self._thread)
        except StreamkitError:
            self._http.server_close()
            raise

    @property
    def url(self) -> str:
        """The base URL for a client; it ends in /v1."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    def _answer_row(self, wire: str, model: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Return the status and the document with which a recording answers a row of a batch."""
        try:
            return 200, document_of(self._catalog.find(wire, model), wire)
        except StreamkitError as error:
            return _refusal_of(error)

    @property
    def names(self) -> list[str]:
        """The names of the recordings, each a possible `model`."""
        return list(self._catalog.by_name)

    def wait(self) -> None:
        """Wait until the server is closed by another thread, or Ctrl-C interrupts."""
        while self._thread.is_alive():  # some systems can't interrupt a join without a timeout
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop answering, close all connections, and release the port. Idempotent."""
        self._http.shutdown()
        self._http.server_close()
        self._http.break_off()
        self._thread.join()

    def __enter__(self) -> ReplayServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ReplayServer {self.url}, {len(self.names)} recordings>"


# -- the server ---------------------------------------------------------------------------


_BUSY = b"HTTP/1.1 503 Too many connections\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    catalog: Catalog
    desk: BatchDesk
    speed: Speed

    def __init__(self, *args: Any) -> None:
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def server_bind(self) -> None:
        """Bind without resolving a name, which HTTPServer does and which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises `StreamCancelledError` if the server is closed in the meantime."""
        if self.stopping.wait(seconds):
            raise StreamCancelledError("the server was closed")

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            with suppress(OSError):
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        """Wake every thread that is waiting for a client."""
        self.stopping.set()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that left; report every other error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = f"streamkit/{__version__}"
    disable_nagle_algorithm = True
    timeout = 60  # seconds for a request to arrive

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """Log nothing, because the server often runs inside a test."""

    def parse_request(self) -> bool:
        """Read the request line and the headers; refuse a request for another host."""
        if not super().parse_request():
            return False
        host = self.headers.get("host")
        if answers_to(host, str(self.server.server_address[0])):
            return True
        self.close_connection = True
        self._refuse(403, f"host: expected localhost or 127.0.0.1, got {host!r:.80}")
        return False

    def do_GET(self) -> None:
        if self._answer_from_desk(b""):
            return
        if self._path().endswith("/models"):
            models = [
                {"id": name, "object": "model", "created": 0, "owned_by": "streamkit"}
                for name in self.server.catalog.by_name
            ]
            self._answer(200, {"object": "list", "data": models})
        else:
            self._refuse(404, f"no {self._path()} here; GET /v1/models lists the recordings")

    def do_POST(self) -> None:
        data = self._read_bytes()
        if data is None or self._answer_from_desk(data):
            return
        body = self._object(data)
        if body is None:
            return
        wire = wire_at(self._path())
        if wire is None:
            paths = " or ".join(_shown(find_wire(name).path) for name in WIRES)
            self._refuse(404, f"no {self._path()} here; POST to {paths}")
            return
        known = find_wire(wire)
        try:
            recording = self.server.catalog.find(wire, known.model_asked(self._path(), body))
        except StreamkitError as error:
            self._refuse(502, f"the recording has no whole answer: {error}", type="upstream_error")
            return
        if known.is_plain(self._path(), body) and is_whole_stream(recording):
            self._send_document(recording, wire)
        else:
            self._replay(recording)

    # -- the request ----------------------------------------------------------------------

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _read_bytes(self) -> bytes | None:
        """Return the request's body, or None if the request was refused."""
        length = self.headers.get("content-length", "")
        if not (length.isdecimal() and length.isascii()) or int(length[:20]) > MAX_REQUEST:
            self.close_connection = True  # the unread body would be taken for the next request
            self._refuse(
                411 if not length else 413,
                f"content-length: expected at most {MAX_REQUEST} bytes, got {length[:40] or 'none'}",
            )
            return None
        return self.rfile.read(int(length))

    def _object(self, data: bytes) -> dict[str, Any] | None:
        """Return the JSON object of a body, or None if the request was refused."""
        try:
            body = loads(data)
        except NotJSONError as exc:
            self._refuse(400, f"the body isn't JSON: {exc}")
            return None
        if not isinstance(body, dict):
            self._refuse(400, f"body: expected a JSON object, got {type(body).__name__}")
            return None
        return body

    # -- the answer -----------------------------------------------------------------------

    def _answer_from_desk(self, data: bytes) -> bool:
        """Answer a request about batches and files. Return False for any other."""
        query = self.path.partition("?")[2]
        reply = self.server.desk.handle(self.command, self._path(), query, dict(self.headers.items()), data)
        if reply is None:
            return False
        self._begin(reply.status, {"Content-Type": reply.kind, "Content-Length": str(len(reply.content))})
        self.wfile.write(reply.content)
        return True

    def _replay(self, recording: Recording) -> None:
        """Send the recorded status, headers and chunks, each at its time.

        A truncated body is sent without the last HTTP chunk, so that the client sees the truncation.
        """
        server, response = self.server, recording.response
        recorded = {name: value for name, value in response.headers.items() if _is_ours(name, value)}
        headers = sendable(recorded)
        is_chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or not is_chunked
        watch = Watch(NO_CLOCKS, now=time.monotonic, sleep=server.sleep)
        try:
            wait_for_headers(recording, watch, speed=server.speed)
            self._begin(
                response.status, {**headers, **({"Transfer-Encoding": "chunked"} if is_chunked else {})}
            )
            for chunk in play(recording, watch, speed=server.speed):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        except StreamkitError:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n" if is_chunked else b"")

    def _send_document(self, recording: Recording, wire: str) -> None:
        """Send the answer as one JSON document, as the API does without `stream`."""
        try:
            self._answer(200, document_of(recording, wire))
        except StreamkitError as error:
            self._answer(*_refusal_of(error))

    def _refuse(self, status: int, message: str, *, type: str = "invalid_request_error") -> None:  # noqa: A002
        self._answer(status, _error(message, type))

    def _answer(self, status: int, document: Mapping[str, Any]) -> None:
        data = encode(document)
        self._begin(status, {"Content-Type": "application/json", "Content-Length": str(len(data))})
        self.wfile.write(data)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _refusal_of(error: StreamkitError) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of a recording's error."""
    if isinstance(error, APIError):
        status = error.status if error.status and error.status >= 400 else 500
        return status, {"error": {"message": error.message, "type": error.type, "code": error.code}}
    return 502, _error(f"the recording has no whole answer: {error}", "upstream_error")


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _shown(path: str) -> str:
    return path.partition("?")[0] if path.startswith("/v1") else f"/v1{path}"


def _is_ours(name: str, value: str) -> bool:
    """Return True if a recorded header belongs to the answer and isn't masked."""
    return name.lower() not in _NOT_OURS and HIDDEN not in value

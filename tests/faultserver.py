"""A server of raw sockets on loopback that breaks HTTP in every way that a client can meet.

A script is a function that gets one `Peer` (the connection) for each request. `FaultServer` runs it and
has the `url`, the requests (`asked`) and the number of connections. The script sends the bytes of the
reply itself: the server adds no framing.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TLS = Path(__file__).with_name("tls")  # a certificate for 127.0.0.1 and localhost, signed by itself


def sse(*payloads: Any) -> bytes:
    """Return an event stream with one block for each payload: dicts as JSON, strings unchanged."""
    return b"".join(
        b"data: " + (p if isinstance(p, str) else json.dumps(p, separators=(",", ":"))).encode() + b"\n\n"
        for p in payloads
    )


def delta(text: str = "", finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chat chunk with a piece of text, or with a finish reason."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


USAGE = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
HELLO = sse(delta("Hel"), delta("lo"), delta(finish="stop"), USAGE, "[DONE]")


def head(status: str = "200 OK", *headers: str, version: str = "1.1") -> bytes:
    """Return a status line and headers. The content type is that of an event stream unless one is given."""
    if not any(h.lower().startswith("content-type:") for h in headers):
        headers = ("Content-Type: text/event-stream", *headers)
    return "".join(f"{line}\r\n" for line in (f"HTTP/{version} {status}", *headers, "")).encode()


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """Return each piece as one HTTP chunk."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return body + (b"0\r\n\r\n" if end else b"")


def ok(body: bytes = HELLO, *headers: str) -> bytes:
    """Return a complete successful reply with a content length."""
    return head("200 OK", f"Content-Length: {len(body)}", *headers) + body


def refusal(status: str, body: Any, *headers: str) -> bytes:
    """Return a complete error reply: a dict as JSON, a string as text."""
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = (
        "text/html"
        if data.startswith(b"<")
        else "text/plain"
        if isinstance(body, str)
        else "application/json"
    )
    return head(status, f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers) + data


@dataclass
class Asked:
    """A request that the server received."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split()[1]


@dataclass
class Peer:
    """One connection, seen from the server, and what a script can do with it."""

    sock: socket.socket
    number: int  # of this request, from 0, over all connections
    asked: Asked
    server: FaultServer = field(repr=False)

    def send(self, *parts: bytes) -> None:
        """Send each part separately, as one packet if the system allows it."""
        for part in parts:
            self.sock.sendall(part)

    def pause(self, seconds: float) -> bool:
        """Wait; return True if the test ended during the wait."""
        return self.server.stopping.wait(seconds)

    def drip(self, part: bytes, seconds: float) -> None:
        """Send *part* again and again until the client leaves or the test is over."""
        while not self.pause(seconds):
            self.sock.sendall(part)

    def hang(self) -> None:
        """Send nothing until the client leaves or the test is over."""
        self.sock.settimeout(0.05)
        while not self.server.stopping.is_set():
            try:
                gone = not self.sock.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:  # it left with bytes of ours unread
                gone = True
            if gone:
                self.server.left.set()
                return

    def reset(self) -> None:
        """Close the connection with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.sock.close()


class FaultServer:
    """A context manager that runs *script* for every request, with one thread for each connection.

    A script that returns keeps the connection for the next request; one that closes ends it.
    """

    def __init__(self, script: Callable[[Peer], None], *, tls: bool = False) -> None:
        self._script = script
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
        self.asked: list[Asked] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.left = threading.Event()  # the client closed while the script was in hang()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FaultServer:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            if self._context:
                plain, sock = sock, self._context.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(sock)
            while sock.fileno() >= 0 and (asked := _read_request(sock)):
                with self._lock:
                    number = len(self.asked)
                    self.asked.append(asked)
                self._script(Peer(sock, number, asked, self))
        except (OSError, ssl.SSLError):
            pass  # the client left, which is what many scripts are about
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()


def _read_request(sock: socket.socket) -> Asked | None:
    """Read the next request of a connection, byte by byte, so that the following one stays in the socket."""
    data = bytearray()
    while not data.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            return None
        data += byte
    line, *rest = data.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in rest)}
    body = b""
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(1 << 16)
    return Asked(line, headers, body)

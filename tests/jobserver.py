"""A chat server on loopback for jobs: it counts, limits and breaks; `python -m tests.jobserver` runs one.

The text of the request decides about faults, so that every run of the same rows meets the same ones:

| word in the prompt | the first N requests with that prompt get |
|---|---|
| `500xN` `429xN` `401xN` ... | that status |
| `cutxN` | a stream that breaks off |
| `stallxN` | a stream that goes silent after its first piece |
| `htmlxN` | a page with status 200 |
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULT = re.compile(r"\b(\d{3}|cut|stall|html)x(\d+)\b")


class JobServer(ThreadingHTTPServer):
    """Answers each prompt with "echo: PROMPT". *rpm* is a limit with a burst of one second."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        *,
        rpm: float | None = None,
        headers: bool = False,
        retry_after: float | None = None,
        key: str | None = None,
        delay: float = 0.0,
        text: str = "",
        usage: dict[str, Any] | None = None,
        port: int = 0,
    ) -> None:
        self.rpm, self.headers, self.retry_after, self.key = rpm, headers, retry_after, key
        self.delay, self.text = delay, text
        self.stall = 3.0  # seconds that a stream stays silent
        self.released = threading.Event()  # ends all stalls
        self.stalled_out = 0  # streams whose silence lasted as long as that
        self.usage = usage or {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        self.asked: Counter[str] = Counter()  # requests by prompt
        self.answered: Counter[str] = Counter()  # answers that were sent whole
        self.refused = 0
        self.keys: list[str] = []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        self._level = self.burst
        self._at = time.monotonic()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def burst(self) -> float:
        return max((self.rpm or 0) / 60, 1.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def admit(self) -> tuple[bool, dict[str, str]]:
        """Take one request from the bucket; return whether there was one, and the headers that say so."""
        if self.rpm is None:
            return True, {}
        now, rate = time.monotonic(), self.rpm / 60
        self._level = min(self.burst, self._level + (now - self._at) * rate)
        self._at = now
        is_admitted = self._level >= 1
        self._level -= is_admitted
        sent = {}
        if self.headers:
            sent = {
                "x-ratelimit-limit-requests": str(int(self.burst)),
                "x-ratelimit-remaining-requests": str(int(self._level)),
                "x-ratelimit-reset-requests": f"{(self.burst - self._level) / rate:.3f}s",
            }
        if not is_admitted and self.retry_after is not None:
            sent["Retry-After"] = str(self.retry_after)
        return is_admitted, sent

    def server_close(self) -> None:
        """End the stalls, too."""
        self.released.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that left."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: JobServer
    is_busy = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = str(body["messages"][-1]["content"])
        own = self.server
        with own.lock:
            own.asked[prompt] += 1
            own.keys.append(self.headers.get("Idempotency-Key", ""))
            is_admitted, headers = own.admit()
            own.refused += not is_admitted
            number = own.asked[prompt]
            own.busy += 1
            own.most_busy = max(own.most_busy, own.busy)
        self.is_busy = True
        try:
            self.answer(prompt, number, is_admitted, headers)
        finally:
            self.be_free()

    def be_free(self) -> None:
        """Count this request no longer: before its last bytes, after which the client may send another."""
        if self.is_busy:
            self.is_busy = False
            with self.server.lock:
                self.server.busy -= 1

    def answer(self, prompt: str, number: int, is_admitted: bool, headers: dict[str, str]) -> None:
        own = self.server
        if own.key is not None and self.headers.get("Authorization") != f"Bearer {own.key}":
            self.send(401, json.dumps({"error": {"message": "no such key"}}).encode(), headers)
            return
        if not is_admitted:
            self.send(429, json.dumps({"error": {"message": "too many requests"}}).encode(), headers)
            return
        fault, times = next(((f, int(n)) for f, n in FAULT.findall(prompt)), ("", 0))
        if number > times:
            fault = ""
        if fault.isdigit():
            self.send(int(fault), json.dumps({"error": {"message": f"fault {fault}"}}).encode(), headers)
            return
        if fault == "html":
            self.send(200, b"<html><body>Bad gateway</body></html>", headers, "text/html")
            return
        if own.delay:
            time.sleep(own.delay)
        first = _event({"choices": [{"index": 0, "delta": {"content": f"echo: {prompt}{own.text}"}}]})
        rest = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": own.usage})
        if fault:
            self.begin(headers)
            self.wfile.write(first)
            self.wfile.flush()
            if fault == "stall" and not own.released.wait(own.stall):
                own.stalled_out += 1
            self.close_connection = True
            self.be_free()
            return
        self.send(200, first + rest + b"data: [DONE]\n\n", headers, "text/event-stream")
        with own.lock:
            own.answered[prompt] += 1

    def begin(self, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, status: int, body: bytes, headers: dict[str, str], kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.be_free()
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"id": "c", "model": "tide", **payload}).encode() + b"\n\n"


@contextmanager
def job_server(**options: Any) -> Iterator[JobServer]:
    """Run a server in a thread until the block ends."""
    server = JobServer(**options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    server = JobServer(**options)
    print(server.url, flush=True)  # noqa: T201
    server.serve_forever()

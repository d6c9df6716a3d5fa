"""A fast chat server for jobs, in a process of its own: `python -m benchmarks.job_server '{"rpm": 1200}'`.

It answers each prompt after a delay, counts, limits and breaks. `GET /stats` returns the counts as JSON. A
prompt decides about its own faults, by its CRC, so that every run of the same rows meets the same ones.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DONE = b"data: [DONE]\n\n"


class State:
    """The settings and the counts of the server."""

    def __init__(
        self,
        *,
        rpm: float = 0,
        headers: bool = False,
        fail: float = 0.0,
        cut: float = 0.0,
        delay: float = 0.0,
        text: int = 0,
    ) -> None:
        self.rate, self.headers = rpm / 60, headers
        self.fail, self.cut, self.delay = fail, cut, delay
        self.padding = "tide " * (text // 5)
        self.asked: dict[int, int] = {}  # requests by the CRC of the prompt
        self.answered: set[int] = set()
        self.refused = 0
        self.level, self.at = max(self.rate, 1.0), time.monotonic()

    def admit(self) -> tuple[bool, str]:
        """Take a request from the bucket, whose burst is one second; return the headers that say so."""
        if not self.rate:
            return True, ""
        burst, now = max(self.rate, 1.0), time.monotonic()
        self.level = min(burst, self.level + (now - self.at) * self.rate)
        self.at = now
        is_admitted = self.level >= 1
        self.level -= is_admitted
        self.refused += not is_admitted
        if not self.headers:
            return is_admitted, ""
        return is_admitted, (
            f"x-ratelimit-limit-requests: {int(burst)}\r\n"
            f"x-ratelimit-remaining-requests: {int(self.level)}\r\n"
            f"x-ratelimit-reset-requests: {(burst - self.level) / self.rate:.3f}s\r\n"
        )

    def stats(self) -> dict[str, int]:
        """Return the counts: prompts, requests, prompts that were answered, requests beyond the first."""
        requests = sum(self.asked.values())
        return {
            "prompts": len(self.asked),
            "requests": requests,
            "answered": len(self.answered),
            "refused": self.refused,
            "again": requests - len(self.asked),
        }


class Connection(asyncio.Protocol):
    """One connection: requests in, replies out, one after the other."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self.data = b""
            self.send(200, json.dumps(self.state.stats()).encode(), "", "application/json")
            return
        at = head.lower().index(b"content-length:") + 15
        length = int(head[at:].split(b"\r", 1)[0])
        if len(rest) >= length:
            self.data = b""
            prompt = json.loads(rest)["messages"][-1]["content"]
            self.answer(prompt)

    def answer(self, prompt: str) -> None:
        state, crc = self.state, zlib.crc32(prompt.encode())
        is_admitted, headers = state.admit()
        if not is_admitted:
            self.send(429, b'{"error": {"message": "too many requests"}}', headers, "application/json")
            return
        is_first = crc not in state.asked
        state.asked[crc] = state.asked.get(crc, 0) + 1
        share = crc % 10_000 / 10_000
        if is_first and share < state.fail:
            self.send(500, b'{"error": {"message": "a fault"}}', headers, "application/json")
            return
        text = f"echo: {prompt[:40]} {state.padding}"
        first = _event({"choices": [{"index": 0, "delta": {"content": text}}]})
        if is_first and share < state.fail + state.cut:
            self.send(200, first, headers + "Connection: close\r\n", "text/event-stream")
            self.transport.close()
            return
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        rest = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
        state.answered.add(crc)
        if state.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(state.delay, self.send, 200, first + rest + DONE, headers, "text/event-stream")
        else:
            self.send(200, first + rest + DONE, headers, "text/event-stream")

    def send(self, status: int, body: bytes, headers: str, kind: str) -> None:
        if not self.transport.is_closing():
            head = (
                f"HTTP/1.1 {status} X\r\n{headers}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"id": "c", "model": "tide", **payload}).encode() + b"\n\n"


async def serve(state: State) -> None:
    """Serve on a free port, and print the root of the API."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


class Server:
    """A server process as its parent sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, int]:
        """Return the counts so far."""
        with urllib.request.urlopen(f"{self.url}/stats") as reply:
            counts: dict[str, int] = json.load(reply)
        return counts


@contextmanager
def job_server(**settings: Any) -> Iterator[Server]:
    """Run a server in a process of its own until the block ends."""
    command = [sys.executable, "-m", "benchmarks.job_server", json.dumps(settings)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip())
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve(State(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))))

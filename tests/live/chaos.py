"""Thousands of streams through nginx and a faulty proxy to servers that are killed: each is accounted for.

    python -m tests.live.chaos --streams 5000     prints how the streams ended

Client threads ask aimock for an answer that is known, directly through the proxy or through nginx in front of
it. The proxy passes most connections on, and closes, resets, slows or stalls the others at a random byte. A
worker is killed every second and started again. Some clients leave early or cancel.

A stream is wrong if it ends without `Completed` or a `StreamkitError`, if its text isn't the beginning of the
answer, if it completes with less than all of it, or if it takes longer than its deadline.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from streamkit import Client, Completed, RetryPolicy, StreamkitError, TextDelta, Timeouts
from streamkit.events import Event

from .servers import Server, Unavailable, running

ANSWER = "Good morning, Zürich 東京 😀, and good night."  # of "greet" in aimock.json
FAULTS = ("close", "reset", "slow", "stall", "refuse")
PATHS = ("", "/gzip", "/plain", "/hasty")  # through the proxy alone, or through nginx in front of it
DEADLINE = 8.0  # seconds of one stream
LATE = 5.0  # seconds that a busy machine may need beyond it


@dataclass
class Tally:
    """How the streams ended, and what was wrong."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    sockets_left: int = 0
    threads_left: int = 0
    seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        yield f"{sum(self.ends.values())} streams in {self.seconds:.0f} s, {self.kills} kills"
        yield from (f"{count:6} {end}" for end, count in self.ends.most_common())
        yield "faults of the proxy: " + ", ".join(f"{n} {name}" for name, n in self.faults.most_common())
        yield f"left: {self.sockets_left} sockets, {self.threads_left} threads"
        yield f"wrong: {len(self.wrong)} streams"
        yield from self.wrong[:20]


class FaultyProxy:
    """A TCP proxy to one of *ports*; a share of the connections breaks at a random byte of the reply."""

    def __init__(self, ports: list[int], tally: Tally, seed: int, share: float = 0.4) -> None:
        self._ports, self._tally, self._share = ports, tally, share
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._pool = ThreadPoolExecutor(256, thread_name_prefix="proxy")
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self._pool.shutdown()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            has_fault = self._random.random() < self._share
            fault = self._random.choice(FAULTS) if has_fault else "none"
            self._tally.faults[fault] += 1
            self._pool.submit(self._serve, client, fault, self._random.randrange(1, 4000))

    def _serve(self, client: socket.socket, fault: str, at: int) -> None:
        with client, contextlib.suppress(OSError):
            if fault == "refuse":
                return
            port = random.choice(self._ports)
            with socket.create_connection(("127.0.0.1", port), timeout=1) as server:
                self._pass(client, server, fault, at)

    def _pass(self, client: socket.socket, server: socket.socket, fault: str, at: int) -> None:
        """Copy both directions until one ends, or until the fault at byte *at* of the replies."""
        sent = 0
        while not self._stopping.is_set():
            if (asked := _read(client)) is not None:
                if not asked:
                    return
                server.sendall(asked)
            reply = _read(server)
            if reply is None:
                continue
            if not reply:
                return
            if fault != "none" and sent + len(reply) >= at:
                client.sendall(reply[: at - sent])
                self._break(client, reply[at - sent :], fault)
                if fault != "slow":
                    return
                fault = "none"
            else:
                client.sendall(reply)
            sent += len(reply)

    def _break(self, client: socket.socket, rest: bytes, fault: str) -> None:
        if fault == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "stall":
            while not self._stopping.is_set() and _read(client) != b"":
                pass
        elif fault == "slow":
            for byte in rest[:200]:
                client.sendall(bytes([byte]))
                time.sleep(0.002)
            client.sendall(rest[200:])


def _read(sock: socket.socket) -> bytes | None:
    """Return the next bytes, b"" at the end, and None if there are none soon."""
    sock.settimeout(0.005)
    try:
        return sock.recv(1 << 16)
    except TimeoutError:
        return None
    finally:
        sock.settimeout(5)


class Workers:
    """Servers of which one is killed every *seconds*, and started again on another port."""

    def __init__(self, stack: ExitStack, tally: Tally, count: int, seconds: float) -> None:
        self._stack, self._tally, self._seconds = stack, tally, seconds
        self._servers: list[Server] = [stack.enter_context(running("aimock")) for _ in range(count)]
        self.ports = [server.port for server in self._servers]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._kill, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _kill(self) -> None:
        place = 0
        while not self._stopping.wait(self._seconds):
            self._servers[place].send(signal.SIGKILL)
            self._tally.kills += 1
            with contextlib.suppress(Unavailable):
                self._servers[place] = self._stack.enter_context(running("aimock"))
                self.ports[place] = self._servers[place].port
            place = (place + 1) % len(self._servers)


def ask(client: Client, tally: Tally, number: int) -> None:
    """Read one stream to its end, in one of three ways, and note how it ended."""
    way = "leave" if number % 10 == 0 else "cancel" if number % 10 == 1 else "read"
    began = time.monotonic()
    stream = client.stream("greet", model="m")
    timer = threading.Timer(0.02, stream.cancel) if way == "cancel" else None
    events: list[Event] = []
    if timer is not None:
        timer.start()
    try:
        with stream:
            for event in stream:
                events.append(event)
                if way == "leave" and isinstance(event, TextDelta):
                    break
        end = "Completed" if events and isinstance(events[-1], Completed) else f"left ({way})"
    except StreamkitError as error:
        end = type(error).__name__
    except BaseException as exc:  # noqa: BLE001 - counted as wrong
        end = f"foreign {type(exc).__name__}: {exc}"
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()
    seconds = time.monotonic() - began
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    checks = {
        "a foreign exception": end.startswith("foreign"),
        "an end without a reason": end == "left (read)" or end == "left (cancel)",
        "not the answer": not ANSWER.startswith(text),
        ".partial differs": stream.partial.text != text,
        "complete with less": end == "Completed" and text != ANSWER,
        "too late": seconds > DEADLINE + LATE,
    }
    tally.ends[end] += 1
    tally.wrong += [
        f"stream {number} ({end}, {seconds:.1f} s): {name}" for name, is_so in checks.items() if is_so
    ]


def chaos(streams: int, *, threads: int = 24, seed: int = 1, every: float = 1.0) -> Tally:
    """Run *streams* streams and return how they ended. Raises `Unavailable` without aimock or nginx."""
    tally = Tally()
    with ExitStack() as stack:
        workers = Workers(stack, tally, 2, every)
        stack.callback(workers.stop)
        proxy = FaultyProxy(workers.ports, tally, seed)
        stack.callback(proxy.stop)
        nginx = stack.enter_context(running("nginx", f"127.0.0.1:{proxy.port}"))
        before = _sockets()
        clients = [
            Client(
                "generic",
                base_url=f"http://127.0.0.1:{nginx.port if path else proxy.port}{path}/v1",
                timeouts=Timeouts(connect=2, first_event=3, idle=2, deadline=DEADLINE),
                retry=RetryPolicy(max_retries=1, max_wait=0.05),
            )
            for path in PATHS
        ]
        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda n: ask(clients[n % len(clients)], tally, n), range(streams)))
        tally.seconds = time.monotonic() - began
        workers.stop()
        for client in clients:
            client.close()
        gc.collect()
        tally.threads_left = sum(thread.name.startswith("streamkit") for thread in threading.enumerate())
        proxy.stop()
        tally.sockets_left = _sockets() - (before - 1)  # the listener of the proxy is closed by now
    return tally


def _sockets() -> int:
    """Return the number of this process's open sockets."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.readlink(link).startswith("socket:")
    return found


def main() -> int:
    """Return 1 if a stream was wrong, or if something is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.chaos", description=__doc__)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = chaos(options.streams, threads=options.threads, seed=options.seed)
    sys.stdout.write("\n".join(tally.lines()) + "\n")
    return 1 if tally.wrong or tally.sockets_left or tally.threads_left else 0


if __name__ == "__main__":
    sys.exit(main())

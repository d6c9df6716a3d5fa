"""Many streams: abandoned in the middle, or read by many threads; the system counts the sockets."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamkit.client import Client
from streamkit.client.stream import Stream
from streamkit.errors import StreamkitError
from streamkit.events import TextDelta
from streamkit.request.options import RetryPolicy, Timeouts

from .faultserver import FaultServer, Peer, chunked, delta, head, ok, refusal, sse

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts through /proc")

ESTABLISHED, CLOSE_WAIT = "01", "08"
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")


def sockets_of_this_process() -> int:
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:  # the listing's own
            continue
    return sum(link.startswith("socket:") for link in links)


def open_connections_to(port: int) -> int:
    """Count the client's open sockets in /proc/net/tcp (remote address in column 2, state in column 3)."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    remote = f"0100007F:{port:04X}"
    return sum(row[2] == remote and row[3] in (ESTABLISHED, CLOSE_WAIT) for row in rows)


# -- abandoned ----------------------------------------------------------------------------


def half(stream: Stream) -> Stream:
    """Read up to the first text."""
    for event in stream:
        if isinstance(event, TextDelta):
            break
    return stream


def drop(client: Client) -> None:
    half(client.stream("hi", model="m"))


def close(client: Client) -> None:
    half(client.stream("hi", model="m")).close()


def leave_with(client: Client) -> None:
    with client.stream("hi", model="m") as stream:
        half(stream)


def fail(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.stream("hi", model="m") as stream:
        half(stream)
        1 / 0


def cancel(client: Client) -> None:
    stream = half(client.stream("hi", model="m"))
    stream.cancel()
    with pytest.raises(StreamkitError):
        next(stream)


WAYS: tuple[Callable[[Client], None], ...] = (drop, close, leave_with, fail, cancel)


def test_two_hundred_abandoned_streams_leave_no_socket_open() -> None:
    """Five ways to leave a stream all close its socket, without the garbage collector."""

    def script(peer: Peer) -> None:
        peer.send(CHUNKED, chunked(sse(delta("Hel")), end=False))
        peer.hang()

    before = sockets_of_this_process()
    gc.disable()
    try:
        with FaultServer(script) as server, Client(api_key="k", base_url=server.url) as client:
            for number in range(200):
                WAYS[number % len(WAYS)](client)
            assert open_connections_to(server.port) == 0
            assert server.connections == 200
        assert sockets_of_this_process() == before
    finally:
        gc.enable()


# -- a crowd ------------------------------------------------------------------------------

FAULTS: tuple[tuple[str, str], ...] = (
    ("reset", "APIConnectionError"),
    ("cut", "APIConnectionError"),
    ("silent", "APITimeoutError"),
    ("refused", "BadRequestError"),
    ("garbled", "ServerError"),
)


def answer(peer: Peer) -> None:
    """Send the text or the fault that the model's name asks for."""
    number = int(peer.asked.body.split(b'"model":"m')[1].split(b'"')[0])
    fault = FAULTS[number // 10 % len(FAULTS)][0] if number % 10 == 0 else ""
    begun = sse(delta(f"{number}"))
    if not fault:
        peer.send(ok(sse(delta(f"{number}"), delta(" done"), delta(finish="stop"), "[DONE]")))
    elif fault == "refused":
        peer.send(refusal("400 No", {"error": {"message": "no"}}))
    elif fault == "garbled":
        peer.send(ok(begun + sse({"error": {"code": 502, "message": "gone"}})))
    else:
        peer.send(CHUNKED, chunked(begun, end=False))
        {"reset": peer.reset, "cut": peer.close, "silent": peer.hang}[fault]()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sixty_four_threads_share_a_client_and_every_stream_is_accounted_for() -> None:
    """In a thousand streams with a hundred faults, each answer reaches the thread that asked for it."""

    def ask(number: int) -> tuple[str, str]:
        stream = client.stream("hi", model=f"m{number}")
        try:
            return "Completed", stream.result().text
        except StreamkitError as error:
            return type(error).__name__, error.partial.text if error.partial else "(no .partial)"

    expected = []
    for number in range(1000):
        fault, error = FAULTS[number // 10 % len(FAULTS)] if number % 10 == 0 else ("", "")
        text = "" if fault == "refused" else f"{number}" if fault else f"{number} done"
        expected.append((error or "Completed", text))
    timeouts = Timeouts(connect=20, first_event=20, idle=2)
    with FaultServer(answer) as server:
        client = Client(api_key="k", base_url=server.url, timeouts=timeouts, retry=RetryPolicy(max_retries=0))
        with ThreadPoolExecutor(64) as pool:
            got = list(pool.map(ask, range(1000)))
        client.close()
        assert got == expected
        assert Counter(kind for kind, _ in got) == {
            "Completed": 900,
            "APIConnectionError": 40,
            "APITimeoutError": 20,
            "BadRequestError": 20,
            "ServerError": 20,
        }
        assert len(server.asked) == 1000
        assert open_connections_to(server.port) == 0

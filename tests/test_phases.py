"""Clocks, cancel, close and Ctrl-C in every phase of a request, against servers that stop there.

No test measures speed. A read that doesn't end fails by its patience, which is longer than any clock here.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from streamkit import APIError, Client, RetryPolicy, Timeouts
from streamkit.errors import APITimeoutError, StreamCancelledError
from streamkit.http.connecting import open_socket

from .faultserver import FaultServer, ok, refusal
from .phases import PHASES, asking, clocks, dns, fired, interrupted, raw_server, silent

SHORT = 0.3  # seconds of the clock under test
PATIENCE = 40  # seconds until a read counts as hanging
LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a full queue drops SYNs on Linux only"
)
ROWS = [pytest.param(*row, id=row[0], marks=[LINUX] if row[0] == "TCP connect" else []) for row in PHASES]


@pytest.mark.parametrize(("name", "clock", "phase"), [row for row in ROWS if row.values[1]])
def test_the_clock_of_a_phase_fires_and_says_so(name: str, clock: str, phase: Any) -> None:
    """The error names the clock, its setting and the time that really passed; only `connect` is retried."""
    with phase() as stuck:
        error = fired(stuck, clock, SHORT).error
    assert isinstance(error, APITimeoutError), repr(error)
    assert (error.phase, error.seconds) == (clock, SHORT)
    assert error.waited is not None
    assert error.waited >= SHORT * 0.99
    assert f"{error.waited:.2f} s" in str(error)
    assert error.retryable is (clock == "connect")
    assert error.partial is not None


@pytest.mark.parametrize("how", ["cancel", "close", "Ctrl-C"])
@pytest.mark.parametrize(("name", "clock", "phase"), ROWS)
def test_a_stuck_read_ends_when_it_is_told_to(name: str, clock: str, phase: Any, how: str) -> None:
    """All clocks are at ten minutes, so only the switch can end the read."""
    with phase() as stuck:
        error = interrupted(stuck, how, patience=PATIENCE).error
    assert isinstance(error, KeyboardInterrupt if how == "Ctrl-C" else StreamCancelledError), repr(error)


def test_connecting_is_retried() -> None:
    """A TLS handshake that stays silent is tried again: nothing was sent, so nothing can be billed."""
    with raw_server(lambda sock: silent(sock, threading.Event())) as port:
        stream = asking(f"https://127.0.0.1:{port}/v1")(
            clocks(connect=SHORT), RetryPolicy(max_retries=1, max_wait=0.01)
        )
        with pytest.raises(APITimeoutError) as caught:
            stream.until_done()
    assert stream.stats.attempts == 2
    assert caught.value.phase == "connect"


def test_a_connection_that_a_cancel_interrupts_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancel in the instant after the connection is made, and before anything owns it."""
    made: list[Any] = []

    def open_and_cancel(*args: Any, **kwargs: Any) -> Any:
        made.append(open_socket(*args, **kwargs))
        stream.cancel()
        return made[0]

    monkeypatch.setattr("streamkit.http.session.open_socket", open_and_cancel)
    with FaultServer(lambda peer: peer.send(ok())) as server:
        stream = Client("generic", base_url=server.url).stream("hi", model="m")
        with pytest.raises(StreamCancelledError):
            list(stream)
    assert made[0].fileno() == -1, "the connection is still open"


def test_a_dead_resolver_costs_one_thread_for_each_host() -> None:
    """Ten streams that wait for the same name share one lookup."""
    with dns() as stuck:
        readers = [
            threading.Thread(target=fired, args=(stuck, "connect", SHORT), daemon=True) for _ in range(10)
        ]
        for reader in readers:
            reader.start()
        stuck.reached.wait(PATIENCE)
        assert sum(each.name == "streamkit-dns" for each in threading.enumerate()) == 1
        for reader in readers:
            reader.join(PATIENCE)


# -- a request that is refused before it was read -------------------------------------------


def test_the_refusal_of_a_large_upload_is_read() -> None:
    """A server that answers and reads no more: its own words arrive, and the request isn't sent again."""
    for status, leaves in ((413, True), (413, False), (401, False), (429, True)):
        asked: list[int] = []

        def script(sock: Any, status: int = status, leaves: bool = leaves, asked: Any = asked) -> None:
            asked.append(status)
            sock.recv(1 << 16)
            sock.sendall(refusal(f"{status} No", {"error": {"message": "not this"}}))
            if leaves:
                sock.close()

        with raw_server(script) as port:
            client = Client(
                "generic",
                base_url=f"http://127.0.0.1:{port}/v1",
                timeouts=Timeouts(connect=30),
                retry=RetryPolicy(max_retries=0 if status == 429 else 3),
            )
            with pytest.raises(APIError) as caught:
                client.complete("x" * (24 << 20), model="m")
        assert (caught.value.status, caught.value.message) == (status, "not this")
        assert asked == [status]


def test_a_connection_with_half_a_request_is_not_used_again() -> None:
    """The next request of the same client gets a connection of its own."""
    seen: list[int] = []

    def script(sock: Any) -> None:
        seen.append(1)
        first = len(seen) == 1
        data = sock.recv(1 << 16)
        sock.sendall(refusal("413 No", {"error": {"message": "no"}}) if first else ok())
        while data:
            data = sock.recv(1 << 16)

    with raw_server(script) as port:
        client = Client("generic", base_url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(APIError):
            client.complete("x" * (24 << 20), model="m")
        assert client.complete("hi", model="m").text == "Hello"
    assert len(seen) == 2


def test_a_large_upload_arrives_whole() -> None:
    """24 MB go through the same path, with and without TLS."""
    with FaultServer(lambda peer: peer.send(ok())) as server:
        Client("generic", base_url=server.url).complete("x" * (24 << 20), model="m")
    assert server.asked[0].body.count(b"x") == 24 << 20

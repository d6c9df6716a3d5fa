"""A client that leaves early: it closes its socket, and the server stops working on the answer."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamkit import TextDelta

from .conftest import client_of
from .servers import Server

SCRIPT = Path(__file__).with_name("leave_half_way.py")
PATIENCE = 20  # seconds


def test_a_script_that_breaks_out_half_way_leaves_no_socket(llama: Server) -> None:
    """After a break out of the loop, the connection is closed, although the last event still exists."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("sockets are counted in /proc")
    done = subprocess.run(
        [sys.executable, SCRIPT, f"{llama.url}/v1"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "0"


def test_the_server_stops_when_the_client_leaves(llama: Server) -> None:
    """llama.cpp frees both of its slots, because it notices that both clients have left."""
    client = client_of(llama)
    for _ in range(2):
        for event in client.stream("on and on", model="tiny", max_tokens=30_000):
            if isinstance(event, TextDelta):
                break
    until = time.monotonic() + PATIENCE
    while any(slot["is_processing"] for slot in slots_of(llama)):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.complete("hi", model="tiny", max_tokens=5).text


def slots_of(server: Server) -> list[dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/slots")
    slots: list[dict[str, object]] = json.load(connection.getresponse())
    connection.close()
    return slots


def test_an_interrupted_stream_keeps_its_partial(llama: Server) -> None:
    """After Ctrl-C in the loop, `.partial` has the text so far."""
    stream = client_of(llama).stream("on and on", model="tiny", max_tokens=30_000)
    with pytest.raises(KeyboardInterrupt), stream:
        for event in stream:
            if isinstance(event, TextDelta) and len(event.snapshot) > 100:
                raise KeyboardInterrupt
    assert stream.partial.text.startswith("and on and on and on")
    assert stream.partial.finish_reason is None

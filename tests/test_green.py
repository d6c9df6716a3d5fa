"""Programs under gevent and eventlet: streams, cancel(), clocks and pools work on their sockets and locks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faultserver import HELLO, TLS, FaultServer, Peer, chunked, delta, head, sse

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

PROGRAM = Path(__file__).with_name("green_program.py")
HEADERS = head("200 OK", "Transfer-Encoding: chunked")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", ["gevent", "eventlet"])
def test_a_patched_program_works(kind: str, tls: bool) -> None:
    """The host is a name, so its lookup is patched, too."""
    pytest.importorskip(kind, reason=f"needs {kind}: install the extra interop", exc_type=ImportError)
    meeting = threading.Barrier(5, timeout=60)

    def script(peer: Peer) -> None:
        if b"silent" in peer.asked.body:
            peer.hang()
            return
        peer.send(HEADERS)
        if b"stall" in peer.asked.body:
            peer.send(chunked(sse(delta("Hel")), end=False))
            peer.hang()
            return
        if b"together" in peer.asked.body:
            meeting.wait()
        peer.send(chunked(HELLO))

    with FaultServer(script, tls=tls) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(PROGRAM), kind, url],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, "REQUESTS_CA_BUNDLE": str(TLS / "cert.pem")},
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "answer": "Hello",
        "cancelled before headers": "",
        "cancelled in the text": "Hel",
        "timed out": "idle",
        "left": "Hel",
        "together": ["Hello"] * 5,
        "mapped": ["Hello"] * 3,
    }
    assert "Traceback" not in done.stderr

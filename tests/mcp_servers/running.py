"""Run an MCP server over HTTP in a process of its own, for the tests of MCP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def http_server(script: str, kind: str, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the URL of `script kind PORT arguments`, and the process."""
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, script, kind, str(port), *arguments]) as process:
        try:
            until(lambda: accepts(port))
            yield f"http://127.0.0.1:{port}/mcp", process
        finally:
            process.kill()


def accepts(port: int) -> bool:
    """Return True if something listens on *port*."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition; the test's own timeout ends this."""
    while not true():
        time.sleep(0.02)

"""The processes that a run is made of: a worker for each contestant, and the server; one line per order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = (
    Path(__file__).resolve().parent.parent
)  # of the checkout: `benchmarks` and `streamkit` are imported from it


class Failed(Exception):
    """A contestant could not do what it was asked to; the message says why."""


class WorkerProcess:
    """One contestant, running under *python*. Raises `Failed` where that has not got its package."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self.python = python
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        try:
            self.hello = self._reply()
        except Failed:
            self.close()
            raise

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """What the contestant's `Worker` answers to the method *do*."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {"fault": "its process ended"}
        if why := reply.get("missing") or reply.get("fault"):
            raise Failed(why)
        return reply

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def find_worker(name: str, pythons: Sequence[str]) -> WorkerProcess:
    """A worker under the first of *pythons* that has the package. Raises `Failed` where none has."""
    why = "no interpreter to look in"
    for python in pythons:
        try:
            return WorkerProcess(name, python)
        except Failed as error:
            why = str(error)
    raise Failed(why)


@contextmanager
def running_server() -> Iterator[str]:
    """The address of a server that lives as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def run_json(python: str, *arguments: str) -> dict[str, Any]:
    """The JSON object that a fresh *python* prints last. Raises `Failed` where it prints none."""
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment(), check=False
    )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it failed"])[-1])
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


def environment() -> dict[str, str]:
    """Ours, without proxies, which are not meant for a loopback server, and with byte code written.

    Compiling streamkit anew in each process would be most of what importing it costs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}

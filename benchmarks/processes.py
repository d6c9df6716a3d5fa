"""The processes of a run: a worker for each contestant, and the server. An order is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .contestants import CONTESTANTS

# The checkout: `benchmarks` and `streamkit` are imported from it.
ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A contestant failed; the message is the reason."""


class WorkerProcess:
    """One contestant, running under *python*, from the checkout in *root*. *label* is its name in tables.

    Raises `Failed` if its package isn't installed there.
    """

    def __init__(self, name: str, python: str, root: Path = ROOT, label: str = "") -> None:
        self.name = label or name
        self.entry = CONTESTANTS[name]
        self.python = python
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=root,
            env=environment(),
        )
        try:
            self.hello = self._reply()
        except Failed:
            self.close()
            raise

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Return the reply of the contestant's `Worker` to the method *do*."""
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
    """Return a worker under the first of *pythons* that has the package. Raises `Failed` if none has."""
    why = "no interpreter to look in"
    for python in pythons:
        try:
            return WorkerProcess(name, python)
        except Failed as error:
            why = str(error)
    raise Failed(why)


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Yield a directory with the files of the commit *revision*. Raises `Failed` if there is none."""
    with tempfile.TemporaryDirectory(prefix="streamkit-") as room:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "--format=tar", revision], capture_output=True, check=False
        )
        if archive.returncode:
            raise Failed(f"git has no commit {revision}")
        subprocess.run(["tar", "-x", "-C", room], input=archive.stdout, check=True)
        yield Path(room)


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the address of a server that runs until the block ends."""
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
    """Return the JSON object on the last line that a fresh *python* prints. Raises `Failed` if it fails."""
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment(), check=False
    )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it failed"])[-1])
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


def environment() -> dict[str, str]:
    """Return this environment without proxies, which can't reach a loopback server, and with byte code.

    Without byte code, each process would compile streamkit, which takes longer than importing it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}

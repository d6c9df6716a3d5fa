"""Run one contestant in its own process: read orders and write measurements, both as JSON lines.

    python -m benchmarks.worker <contestant>

Separate processes keep heaps, imports and garbage collectors apart, allow different virtual environments,
and make memory measurable. `cpu` is the CPU time of the process, all threads included; `wall` is wall time.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import platform
import sys
import threading
import time
from typing import Any

from .contestants import CONTESTANTS, Answer, Source
from .process import peak_memory, resident_memory
from .server import bulk
from .workloads import build


class Worker:
    """The orders that a contestant accepts: a method each, with the order's fields as keyword arguments."""

    def __init__(self, name: str) -> None:
        self._entry = CONTESTANTS[name]
        self._make = self._entry.load()

    def hello(self) -> dict[str, Any]:
        """Return the versions of the packages and of Python."""
        versions = {}
        for distribution in self._entry.distributions:
            try:
                versions[distribution] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:  # a checkout on PYTHONPATH
                versions[distribution] = "not installed"
        return {"versions": versions, "python": platform.python_version()}

    def prepare(self, workload: str, deltas: int, delivery: str, base_url: str) -> dict[str, Any]:
        """Make a client for an answer, read it once, and check the result."""
        work = build(workload, deltas)
        if delivery == "memory":
            self._source = Source(work.api, work.frames)
        elif delivery == "memory-bulk":
            self._source = Source(work.api, bulk(b"".join(work.frames)))
        else:
            self._source = Source(work.api, None, base_url)
        self._client = self._make(self._source)
        answer = self._client.answer()
        return {"events": answer.events, "fault": fault(answer, workload, deltas)}

    def run(self, times: int = 1) -> dict[str, Any]:
        """Return CPU and wall time (ns) of one answer, the mean of so many *times*."""
        gc.collect()
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(times):
            self._client.answer()
        cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        return {"cpu": cpu / times, "wall": wall / times}

    def threads(self, streams: int) -> dict[str, Any]:
        """Return CPU and wall time (ns) of parallel answers, each in a thread with its own client."""
        clients = [self._make(self._source) for _ in range(streams)]
        failures: list[BaseException] = []

        def read(client: Any) -> None:
            try:
                client.answer()
            except Exception as error:  # noqa: BLE001 - a contestant may fail in any way
                failures.append(error)

        threads = [threading.Thread(target=read, args=(client,)) for client in clients]
        gc.collect()
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        if failures:
            raise failures[0]
        return {"cpu": cpu, "wall": wall}

    def latency(self, api: str, base_url: str) -> dict[str, Any]:
        """Return the time (ns) from the server's flush of each paced delta to its consumer."""
        client = self._make(Source(api, None, base_url))
        now = time.monotonic_ns
        gc.collect()
        return {"ns": [now() - int(text) for text in client.texts() if text.strip().isdigit()]}

    def memory(self, api: str, warm_up_url: str, base_url: str) -> dict[str, Any]:
        """Return the growth of the resident set during one answer, and the size of its text, in bytes.

        The server makes the answer, so this process doesn't contain it before. A short answer goes first.
        """
        self._make(Source(api, None, warm_up_url)).answer()
        client = self._make(Source(api, None, base_url))
        gc.collect()
        before = resident_memory()
        with peak_memory() as peak:
            answer = client.answer()
        texts = [text for text in (answer.text, answer.reasoning) if text]
        size = sum(map(sys.getsizeof, texts))
        return {"growth": peak() - before, "text": size, "characters": sum(map(len, texts))}

    def open(self, api: str, base_url: str, streams: int) -> dict[str, Any]:
        """Return the growth of the resident set for each of so many *streams*, read up to their first text.

        Each has a client of its own. A few go before, so that what all share is there.
        """

        def begin(count: int) -> list[Any]:
            begun = [self._make(Source(api, None, base_url)).texts() for _ in range(count)]
            for texts in begun:
                next(texts)
            return begun

        kept = begin(8)
        gc.collect()
        before = resident_memory()
        kept += begin(streams)
        gc.collect()
        return {"each": (resident_memory() - before) / streams}


def fault(answer: Answer, workload: str, deltas: int) -> str:
    """Return the fault in *answer*, or "". A field that the contestant doesn't return (None) isn't one."""
    work = build(workload, deltas)
    if answer.text is not None and answer.text != work.text:
        return f"its text has {len(answer.text)} characters, the answer's has {len(work.text)}"
    if answer.reasoning is not None and answer.reasoning != work.reasoning:
        return f"its reasoning has {len(answer.reasoning)} characters, the answer's has {len(work.reasoning)}"
    if answer.arguments is not None and answer.arguments != work.arguments:
        return f"the arguments of its {len(answer.arguments)} calls differ"
    return ""


def main() -> None:
    """Answer the orders on standard input until it is closed."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print to standard output

    def reply(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=replies)

    try:
        worker = Worker(sys.argv[1])
    except ImportError as error:
        reply({"missing": str(error)})
        return
    reply(worker.hello())
    for line in sys.stdin:
        order = json.loads(line)
        try:
            reply(getattr(worker, order.pop("do"))(**order))
        except Exception as error:  # noqa: BLE001 - the table leaves this contestant out; the others continue
            reply({"fault": f"{type(error).__name__}: {str(error)[:200]}"})
    os._exit(0)  # don't wait for the threads of libraries


if __name__ == "__main__":
    main()

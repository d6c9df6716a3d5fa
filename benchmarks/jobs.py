"""Jobs of many rows: `client.map` against a pool of threads that calls `client.complete`.

    python -m benchmarks.jobs                     every scenario; prints a table
    python -m benchmarks.jobs limit kills         some of them
    python -m benchmarks.jobs --small             a smoke test

Each run is a process of its own, on a server in another process. A row is *lost* if it has no answer at the
end, *again* counts requests beyond the first of a prompt, refusals apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from .job_server import Server, job_server

ROOT = Path(__file__).parent.parent


# -- one run, in a process of its own -------------------------------------------------------


def rows(count: int, size: int = 0) -> Iterator[str]:
    """Yield prompts."""
    padding = " tide" * (size // 5)
    for number in range(count):
        yield f"row {number}{padding}"


def bare(url: str, count: int, workers: int, size: int = 0) -> dict[str, Any]:
    """Ask with the recipe that people write: a pool of threads over a list."""
    from streamkit import Client, StreamkitError

    client = Client("generic", base_url=url, model="m")

    def ask(prompt: str) -> bool:
        try:
            return bool(client.complete(prompt).text)
        except StreamkitError:
            return False

    began, first, done = time.monotonic(), 0.0, 0
    with ThreadPoolExecutor(workers) as pool:
        for is_done in pool.map(ask, list(rows(count, size))):
            first = first or time.monotonic() - began
            done += is_done
    return {"done": done, "seconds": time.monotonic() - began, "first": first, **_memory()}


def mapped(
    url: str, count: int, workers: int, size: int = 0, executor: str = "", **options: Any
) -> dict[str, Any]:
    """Ask with client.map."""
    from streamkit import Client

    client = Client("generic", base_url=url, model="m")
    began, first, done, memory = time.monotonic(), 0.0, 0, []
    with _executor(executor) as pool:
        if pool is not None:
            options["executor"] = pool
            began = time.monotonic()
        with client.map(rows(count, size), workers=workers, **options) as run:
            for number, answer in enumerate(run):
                first = first or time.monotonic() - began
                done += answer.ok
                if number % max(count // 10, 1) == 0:
                    memory.append(_memory()["mib"])
    seconds = time.monotonic() - began
    report = run.report()
    return {
        "done": done,
        "seconds": seconds,
        "first": first,
        "failed": report.failed,
        "over_time": memory,
        **_memory(),
    }


class _executor:
    """The executor of a name: fork, spawn, loky, dask; none for an empty one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.close: list[Callable[[], Any]] = []

    def __enter__(self) -> Any:
        import multiprocessing

        if self.name in ("fork", "spawn"):
            pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(self.name))
            list(pool.map(abs, range(2)))
            self.close.append(pool.shutdown)
            return pool
        if self.name == "loky":
            import loky

            return loky.get_reusable_executor(max_workers=2)
        if self.name == "dask":
            import distributed

            cluster = distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
            )
            dask = distributed.Client(cluster)
            self.close += [dask.close, cluster.close]
            if "STREAMKIT_KILL" in os.environ:
                pid = next(iter(dask.run(os.getpid).values()))
                threading.Timer(float(os.environ["STREAMKIT_KILL"]), os.kill, (pid, signal.SIGKILL)).start()
            return dask.get_executor()
        return None

    def __exit__(self, *_: object) -> None:
        for close in self.close:
            close()


def dask_map(url: str, count: int, workers: int) -> dict[str, Any]:
    """Ask with dask.map(complete): a task for each row."""
    import distributed

    from streamkit import Client

    client = Client("generic", base_url=url, model="m")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=workers, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as dask,
    ):
        began = time.monotonic()
        answers = dask.gather(dask.map(client.complete, list(rows(count))))
        return {"done": len(answers), "seconds": time.monotonic() - began, **_memory()}


def _memory() -> dict[str, float]:
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[1]) * resource.getpagesize() / 2**20
    return {"mib": round(now, 1), "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}


RUNS: dict[str, Callable[..., dict[str, Any]]] = {"bare": bare, "mapped": mapped, "dask_map": dask_map}


def run(name: str, server: Server, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """Run one of RUNS in a process of its own, and return its figures with the server's counts."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.jobs",
        "--run",
        name,
        json.dumps({"url": server.url, **options}),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise SystemExit(f"{name} {options} failed:\n{done.stderr[-2000:]}")
    return {**json.loads(lines[-1]), **server.stats()}


# -- scenarios --------------------------------------------------------------------------------


def limit(small: bool) -> Iterator[tuple[str, ...]]:
    """A limited server, with and without headers."""
    count = 60 if small else 600
    for headers in (True, False):
        for name in ("bare", "mapped"):
            with job_server(rpm=1200, headers=headers, delay=0.02) as server:
                found = run(name, server, count=count, workers=32)
            title = f"{count} rows, 1200 rpm, {'headers' if headers else 'no headers'}, 32 threads"
            yield _line(title, name, count, found)


def faults(small: bool) -> Iterator[tuple[str, ...]]:
    """A server that breaks: 3 % answer 500, 3 % are cut."""
    count = 60 if small else 1500
    for name in ("bare", "mapped"):
        with job_server(fail=0.03, cut=0.03, delay=0.02) as server:
            yield _line(
                f"{count} rows, 3 % 500, 3 % cut", name, count, run(name, server, count=count, workers=16)
            )


def memory(small: bool) -> Iterator[tuple[str, ...]]:
    """Large prompts, and many rows."""
    count = 100 if small else 16_000
    for name in ("bare", "mapped"):
        with job_server() as server:
            found = run(name, server, count=count, workers=16, size=4000)
        yield _line(f"{count} rows of 4 kB", name, count, found)
    count = 200 if small else 100_000
    for name in ("bare", "mapped"):
        with job_server() as server:
            found = run(name, server, count=count, workers=16)
        yield _line(f"{count} rows", name, count, found)


def kills(small: bool) -> Iterator[tuple[str, ...]]:
    """A parent that is killed with -9 at random moments and started again, on one journal."""
    count, times, workers = (60, 2, 4) if small else (3000, 20, 8)
    dice = random.Random(7)
    with tempfile.TemporaryDirectory() as folder, job_server(delay=0.05) as server:
        options = {"url": server.url, "count": count, "workers": workers, "journal": f"{folder}/a.jsonl"}
        command = [sys.executable, "-m", "benchmarks.jobs", "--run", "mapped", json.dumps(options)]
        for _ in range(times):
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(dice.uniform(0.7, 1.6))
                child.kill()
        found = run("mapped", server, count=count, workers=workers, journal=f"{folder}/a.jsonl")
        lines = Path(f"{folder}/a.jsonl").read_bytes().splitlines()
    title = f"{count} rows, killed {times} times, {workers} threads; {len(lines)} journal lines"
    yield _line(title, "mapped", count, found)


def clusters(small: bool) -> Iterator[tuple[str, ...]]:
    """Two processes: pools, loky, Dask; and a worker of Dask that is killed."""
    count = 100 if small else 3000
    for executor in ("", "fork", "spawn", "loky", "dask"):
        with job_server(delay=0.02) as server:
            found = run("mapped", server, count=count, workers=8, executor=executor, chunk=20)
        yield _line(f"{count} rows, 8 threads, {executor or 'one process'}", "mapped", count, found)
    with job_server(delay=0.02) as server:
        found = run("dask_map", server, count=count, workers=8)
    yield _line(f"{count} rows, 8 threads, dask", "dask.map(complete)", count, found)
    if not small:
        with job_server(delay=0.02) as server:
            env = {"STREAMKIT_KILL": "2.0"}
            found = run("mapped", server, env=env, count=count, workers=8, executor="dask", chunk=20)
        yield _line(f"{count} rows, dask, a worker killed", "mapped", count, found)


def million(small: bool) -> Iterator[tuple[str, ...]]:
    """As many rows of a generator as ten minutes allow, on Dask with two processes."""
    count = 200 if small else 150_000
    with job_server() as server:
        found = run("mapped", server, count=count, workers=8, executor="dask", chunk=50)
    growth = " ".join(f"{mib:.0f}" for mib in found["over_time"])
    yield _line(f"{count} rows, dask, 8 threads; MiB over time: {growth}", "mapped", count, found)


SCENARIOS = {each.__name__: each for each in (limit, faults, memory, kills, clusters, million)}
HEAD = ("run", "by", "lost", "refused", "again", "rows/s", "first s", "peak MiB")


def _line(title: str, name: str, count: int, found: dict[str, Any]) -> tuple[str, ...]:
    by = {"bare": "threads + complete", "mapped": "client.map"}.get(name, name)
    lost, rate = count - found["done"], count / found["seconds"]
    first = f"{found['first']:.2f}" if "first" in found else ""
    numbers = (lost, found["refused"], found["again"], f"{rate:.0f}", first, f"{found['peak']:.0f}")
    return (title, by, *map(str, numbers))


def main() -> None:
    """Run the scenarios and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenarios", nargs="*", help=", ".join(SCENARIOS))
    parser.add_argument("--small", action="store_true", help="a smoke test")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        name, arguments = options.run
        print(json.dumps(RUNS[name](**json.loads(arguments))))
        return
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|", flush=True)
    for name in options.scenarios or SCENARIOS:
        for line in SCENARIOS[name](options.small):
            print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Measure workers by a plan: one figure for each round; rounds are interleaved (A B C, B C A, ...).

So the noise of a shared machine affects all contestants equally, and a ratio compares two figures of the
same round. Slow contestants get fewer rounds. If one answer would take them longer than the plan's
`slow_seconds`, they get a shorter answer; costs are per delta, and the tables list the number of deltas.
"""

from __future__ import annotations

import contextlib
import copy
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from .fresh import IMPORT
from .processes import Failed, WorkerProcess, checkout, find_worker, run_json

OURS = ("streamkit", "streamkit read_events")
PROBE = 300  # deltas of the answer that estimates the cost of a slow contestant
API_OF = {"responses": "responses", "messages": "messages", "gemini": "gemini"}  # by workload; else chat
Samples = dict[str, list[float]]  # one figure for each round, by contestant


@dataclass(frozen=True)
class Plan:
    """The amount of work, in deltas, rounds and seconds."""

    text: int = 20_000
    tools: int = 10_000
    rounds: int = 3
    slow_rounds: int = 1
    slow_seconds: float = 0.15  # CPU of one answer of a slow contestant
    patience: float = 3.0  # CPU of the longest answer of the section on lengths
    answers: int = 40  # short answers in a round
    paced: int = 400  # deltas of a paced answer, 1 ms apart
    threads: tuple[int, ...] = (1, 8, 64)
    threaded: int = 6_400  # deltas of all streams together
    fresh_rounds: int = 5
    open: int = 200  # streams that are open at once
    long: int = 200_000
    lengths: tuple[int, ...] = (250, 1_000, 4_000, 16_000, 64_000, 200_000)

    def closely(self) -> Plan:
        """Return the plan for a figure with a bar: more rounds, and longer answers for slow contestants."""
        return replace(
            self, rounds=2 * self.rounds, slow_rounds=2 * self.slow_rounds, slow_seconds=8 * self.slow_seconds
        )


@dataclass
class Figures:
    """The cost of the same work for each contestant in microseconds: CPU per delta, or a wall time."""

    title: str
    samples: Samples = field(default_factory=dict)
    walls: Samples = field(default_factory=dict)  # wall times of the CPU samples
    deltas: dict[str, int] = field(default_factory=dict)  # in the answer that each contestant got
    faults: dict[str, str] = field(default_factory=dict)


class Arena:
    """The contestants that are installed, their server, and the plan."""

    def __init__(self, names: Sequence[str], pythons: Sequence[str], server: str, plan: Plan) -> None:
        self.pythons = pythons
        self.server = server
        self.plan = plan
        self.workers: dict[str, WorkerProcess] = {}
        self.missing: dict[str, str] = {}
        self._costs: dict[tuple[str, str], float] = {}  # of slow contestants, in seconds per delta
        for name in names:
            try:
                self.workers[name] = find_worker(name, pythons)
            except Failed as error:
                self.missing[name] = str(error)
                say(f"skipped {name}: {error}")

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def url(self, workload: str, deltas: int, delivery: str, pace: int = 0) -> str:
        """Return the base URL of that answer."""
        return f"{self.server}/{workload}/{deltas}/{delivery}/{pace}/v1"

    def suited(self, workload: str, delivery: str) -> list[WorkerProcess]:
        """Return the workers that support the workload's API and the delivery."""
        api = API_OF.get(workload, "chat")
        return [
            worker
            for worker in self.workers.values()
            if api in worker.entry.apis and (delivery.startswith("memory") or worker.entry.http)
        ]

    def prepare(self, worker: WorkerProcess, workload: str, deltas: int, delivery: str) -> None:
        """Prepare *worker* for such answers. Raises `Failed` if its result of one is wrong."""
        url = self.url(workload, deltas, delivery)
        worker.ask("prepare", workload=workload, deltas=deltas, delivery=delivery, base_url=url)

    def affordable(self, worker: WorkerProcess, workload: str, deltas: int, seconds: float) -> int:
        """Return how many of the *deltas* a slow worker can read in so many *seconds*."""
        if not worker.entry.slow or deltas <= PROBE:
            return deltas
        key = (worker.name, workload)
        if key not in self._costs:
            self.prepare(worker, workload, PROBE, "memory")
            self._costs[key] = worker.ask("run")["cpu"] / PROBE / 1e9
        return max(PROBE, min(deltas, int(seconds / self._costs[key])))


def costs(
    arena: Arena,
    title: str,
    workload: str,
    deltas: int,
    delivery: str,
    plan: Plan | None = None,
    *,
    times: int = 1,
    slow: bool = True,
) -> Figures:
    """Return the CPU of one answer, the mean of *times* answers; unless *slow*, of fast contestants only."""
    found = Figures(title)
    plan = plan or arena.plan
    workers = [w for w in arena.suited(workload, delivery) if slow or not w.entry.slow]
    for worker in workers:
        with noting(found, worker):
            affordable = arena.affordable(worker, workload, deltas, plan.slow_seconds)
            arena.prepare(worker, workload, affordable, delivery)
            found.deltas[worker.name] = affordable

    def run(worker: WorkerProcess) -> None:
        reply = worker.ask("run", times=times)
        size = found.deltas[worker.name]
        found.samples.setdefault(worker.name, []).append(reply["cpu"] / size / 1000)
        found.walls.setdefault(worker.name, []).append(reply["wall"] / size / 1000)

    interleave([w for w in workers if w.name in found.deltas], plan, found, run)
    return found


def streams_in_threads(arena: Arena, streams: int) -> Figures:
    """Measure parallel answers, one per thread; the total number of deltas doesn't depend on *streams*."""
    found = Figures(f"{streams} streams")
    workers = arena.suited("text", "chunked")
    for worker in workers:
        with noting(found, worker):
            total = arena.affordable(worker, "text", arena.plan.threaded, 2 * arena.plan.slow_seconds)
            each = max(1, total // streams)
            arena.prepare(worker, "text", each, "chunked")
            found.deltas[worker.name] = each

    def run(worker: WorkerProcess) -> None:
        reply = worker.ask("threads", streams=streams)
        size = found.deltas[worker.name] * streams
        found.samples.setdefault(worker.name, []).append(reply["cpu"] / size / 1000)
        found.walls.setdefault(worker.name, []).append(reply["wall"] / size / 1000)

    interleave([w for w in workers if w.name in found.deltas], arena.plan, found, run)
    return found


def latencies(arena: Arena, delivery: str, plan: Plan) -> tuple[Figures, Figures]:
    """Return p50 and p99 of the microseconds from the server's flush of a delta to its consumer."""
    middle, worst = Figures(delivery), Figures(delivery)
    workers = arena.suited("text", delivery)
    url = arena.url("text", arena.plan.paced, delivery, 1000)

    def run(worker: WorkerProcess) -> None:
        times = sorted(worker.ask("latency", api="chat", base_url=url)["ns"])
        middle.samples.setdefault(worker.name, []).append(statistics.median(times) / 1000)
        worst.samples.setdefault(worker.name, []).append(times[int(len(times) * 0.99)] / 1000)

    interleave(workers, plan, middle, run)
    return middle, worst


def long_against_short(arena: Arena, name: str) -> list[float]:
    """Return, for each round, the cost per delta of a long answer over that of one a tenth as long."""
    long, ratios = arena.plan.long, []
    longer, shorter = (find_worker(name, arena.pythons) for _ in range(2))
    arena.prepare(longer, "text", long, "memory")
    arena.prepare(shorter, "text", long // 10, "memory")
    for _ in range(arena.plan.closely().rounds):
        cpu = longer.ask("run")["cpu"]
        ratios.append(cpu / 10 / shorter.ask("run", times=10)["cpu"])
    longer.close()
    shorter.close()
    return ratios


def against_length(arena: Arena, workload: str) -> dict[str, dict[int, float]]:
    """Return CPU microseconds per delta by length, from memory, within the plan's `patience`."""
    found: dict[str, dict[int, float]] = {}
    for worker in arena.suited(workload, "memory"):
        name, cost = worker.name, 0.0
        points = found.setdefault(name, {})
        for length in arena.plan.lengths:
            # Half of a run is preparation. The cost of the last length estimates the next one.
            if cost * length / 1e6 > arena.plan.patience:
                break
            try:
                arena.prepare(worker, workload, length, "memory")
                times = 1 if worker.entry.slow else max(1, 16_000 // length)  # repeat a short answer
                cost = worker.ask("run", times=times)["cpu"] / length / 1000
            except Failed as error:
                say(f"{name}, {workload} of {length} deltas: {error}")
                break
            points[length] = cost
    return found


def memory(arena: Arena, workload: str) -> dict[str, dict[str, float]]:
    """Return a fresh process's growth of resident memory during one answer, its deltas, its text's size."""
    found: dict[str, dict[str, float]] = {}
    api = API_OF.get(workload, "chat")
    for known in arena.suited(workload, "chunked-bulk"):
        try:
            long = arena.plan.long
            deltas = arena.affordable(known, workload, long, arena.plan.patience)
            worker = find_worker(known.name, arena.pythons)
            urls = [arena.url(workload, n, "chunked-bulk") for n in (20, deltas)]
            reply = worker.ask("memory", api=api, warm_up_url=urls[0], base_url=urls[1])
            worker.close()
            found[known.name] = {"deltas": deltas, **reply}
        except Failed as error:
            say(f"memory, {known.name}: {error}")
    return found


def open_streams(arena: Arena) -> dict[str, list[float]]:
    """Return the bytes of resident memory that each of many open streams takes, in a fresh process."""
    found: dict[str, list[float]] = {}
    for known in arena.suited("text", "chunked"):
        if known.name.startswith("floor") or known.entry.slow:
            continue
        try:
            worker = find_worker(known.name, arena.pythons)
            url = arena.url("text", 200, "chunked")
            found[known.name] = [
                worker.ask("open", api="chat", base_url=url, streams=arena.plan.open)["each"]
            ]
            worker.close()
        except Failed as error:
            say(f"open streams, {known.name}: {error}")
    return found


@contextmanager
def with_revisions(arena: Arena, revisions: dict[str, str]) -> Iterator[tuple[Arena, dict[str, str]]]:
    """Yield an arena of streamkit's workers: those of this checkout and of *revisions*, commits by label.

    And the labels of those that can't run, with the reasons.
    """
    both, missing = copy.copy(arena), dict[str, str]()
    both.workers = {name: arena.workers[name] for name in OURS if name in arena.workers}
    with contextlib.ExitStack() as opened:
        for label, revision in revisions.items():
            try:
                root = opened.enter_context(checkout(revision))
                for name in OURS:
                    worker = WorkerProcess(name, arena.pythons[0], root, f"{name} {label}")
                    opened.callback(worker.close)
                    both.workers[worker.name] = worker
            except Failed as error:
                missing[label] = str(error)
        yield both, missing


def imports(arena: Arena) -> dict[str, dict[str, list[float]]]:
    """Return the cost of imports in a fresh process: {statement: {cpu, wall (ms), memory (MB), modules}}."""
    asked = [("import requests", arena.pythons[0], False), ("import attrs, cattrs", arena.pythons[0], False)]
    for worker in arena.workers.values():
        entry = worker.entry
        if entry.statement:
            asked.append((entry.statement, worker.python, entry.slow))
    found: dict[str, dict[str, list[float]]] = {}
    for round_ in range(arena.plan.fresh_rounds + 1):
        for statement, python, slow in asked:
            if slow and round_ > arena.plan.slow_rounds + 1:
                continue
            try:
                reply = run_json(python, "-c", IMPORT.format(statement=statement))
            except Failed as error:
                say(f"{statement}: {error}")
                continue
            if round_:  # the first round writes byte code and doesn't count
                _add_fresh(found.setdefault(statement, {}), reply)
    return found


def first_answers(arena: Arena) -> dict[str, dict[str, list[float]]]:
    """Return the cost from a process's start to the end of its first answer: {name: {cpu, wall, memory}}."""
    found: dict[str, dict[str, list[float]]] = {}
    for round_ in range(arena.plan.fresh_rounds + 1):
        for name, worker in arena.workers.items():
            entry = worker.entry
            if not entry.http or (entry.slow and round_ > arena.plan.slow_rounds + 1):
                continue
            api = entry.apis[0]
            url = arena.url(api if api in API_OF else "text", 20, "chunked")
            try:
                started = str(time.monotonic_ns())
                reply = run_json(worker.python, "-m", "benchmarks.fresh", name, url, started)
            except Failed as error:
                say(f"first answer, {name}: {error}")
                continue
            if round_:
                _add_fresh(found.setdefault(name, {}), reply)
    return found


def _add_fresh(found: dict[str, list[float]], reply: dict[str, float]) -> None:
    for key, value in reply.items():
        found.setdefault(key, []).append(value if key == "modules" else value / 1e6)


def interleave(
    workers: Iterable[WorkerProcess], plan: Plan, found: Figures, run: Callable[[WorkerProcess], None]
) -> None:
    """Run every worker once in each of its rounds; a worker that fails is noted and left out."""
    waiting = list(workers)
    for round_ in range(plan.rounds):
        first = round_ % max(1, len(waiting))
        for worker in [*waiting[first:], *waiting[:first]]:
            if round_ >= plan.slow_rounds and worker.entry.slow:
                continue
            with noting(found, worker):
                run(worker)
        waiting = [worker for worker in waiting if worker.name not in found.faults]


@contextmanager
def noting(found: Figures, worker: WorkerProcess) -> Iterator[None]:
    """If the block raises `Failed`, note that in *found* and continue without *worker*."""
    try:
        yield
    except Failed as error:
        found.faults[worker.name] = str(error)
        found.samples.pop(worker.name, None)
        say(f"{found.title}, {worker.name}: {error}")


def ratios(samples: Samples, name: str, base: str = "floor") -> list[float]:
    """Return the figures of *name* over those of *base*, round by round."""
    return [a / b for a, b in zip(samples.get(name, ()), samples.get(base, ()))]  # noqa: B905 - fewer rounds


def say(line: str) -> None:
    """Print progress on standard error, so that it isn't in the report."""
    print(line, file=sys.stderr, flush=True)

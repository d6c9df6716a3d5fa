"""Ask rows in other processes, through any executor: chunks of rows out, lists of outcomes back.

Strategy. A task is a chunk of rows and a `Job`, which pickle. The process that runs it asks the rows with
threads of its own. It keeps the client of the job between tasks, with its connections and what it learned
about the server's limits. The caller's limits are divided by the number of tasks that run at once (lanes).

Rules: a chunk whose worker was lost is asked again, at most `MAX_LOSSES` times. If the pool itself broke, as
a ProcessPoolExecutor does with its first lost process, threads of this process ask the rest.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from ..client.pace import Budget, Pace
from ..errors import StreamCancelledError, StreamkitError, UsageError
from ..request import Request
from ..request.options import Limits, ToolSpec
from ..wires.prepare import PreparedRequest, prepare
from .answer import Outcome
from .ask import Asker
from .local import Deliver, Threads
from .rows import Row

if TYPE_CHECKING:
    from ..client import Client

logger = logging.getLogger("streamkit")

MAX_LOSSES = 3  # tasks of one chunk that ended without outcomes
KEPT_CLIENTS = 8  # in a worker process, between tasks


@frozen
class Job:
    """All that a worker process needs of a run. It pickles if the client and the options do."""

    client: Client
    options: Mapping[str, Any]
    limits: Limits
    workers: int
    attempts: int
    ask_again: int
    name: str = field(factory=lambda: uuid.uuid4().hex)

    def asker(self, client: Client, pace: Pace) -> Asker:
        """Return what asks the rows of this job with *client*, at *pace*."""
        return Asker(
            client, pace=pace, attempts=self.attempts, ask_again=self.ask_again, options=self.options
        )


@frozen
class _Chunk:
    rows: tuple[Row, ...]
    losses: int = 0


class Processes:
    """The lanes of an executor: anything whose `submit` returns a future with `add_done_callback`.

    *left* returns the rest of the run's budget. *call* runs a function in the thread of the loop.

    Raises `UsageError` if *executor* isn't one. It stays open; its tasks under way end by themselves.
    """

    is_remote = True

    def __init__(
        self,
        job: Job,
        executor: Any,
        chunk: int,
        *,
        left: Callable[[], Budget],
        deliver: Deliver,
        call: Callable[[Callable[[], None]], None],
    ) -> None:
        self._lanes = lanes_of(executor)
        self._job = evolve(job, limits=job.limits.divided(self._lanes))
        self._all = job
        self._executor = executor
        self._size = chunk
        self._left = left
        self._deliver = deliver
        self._call = call
        self._rows: list[Row] = []
        self._threads: Threads | None = None  # after the pool broke
        self._had_outcome = False
        self.ahead = 2 * self._lanes * chunk

    def submit(self, row: Row) -> None:
        """Add *row* to the next chunk, and submit the chunk if it is full."""
        if self._threads is not None:
            self._threads.submit(row)
            return
        self._rows.append(row)
        if len(self._rows) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Submit the rows that wait for a full chunk."""
        rows, self._rows = self._rows, []
        if rows:
            self._send(_Chunk(tuple(rows)))

    def stop(self) -> None:
        """Submit no further task: the rows of the next chunk stay untouched."""
        rows, self._rows = self._rows, []
        for row in rows:
            error = StreamCancelledError("the run was stopped before this row was asked")
            self._deliver(row, Outcome(row.index, error=error, untouched=True))
        if self._threads is not None:
            self._threads.stop()

    def close(self) -> None:
        """Let go of the tasks under way. Nothing waits for them; the executor is the caller's."""
        if self._threads is not None:
            self._threads.close()

    def _send(self, chunk: _Chunk) -> None:
        rows = [(row.index, _sendable(row.request)) for row in chunk.rows if row.request is not None]
        share = self._left().divided(self._lanes)
        try:
            future: Future[Any] = self._executor.submit(run_chunk, self._job, rows, share)
            add_callback = future.add_done_callback
        except Exception as exc:  # noqa: BLE001 - each executor has its own
            self._use_threads(chunk, exc)
            return
        add_callback(lambda done: self._done(chunk, done))

    def _done(self, chunk: _Chunk, future: Future[Any]) -> None:
        """Deliver the outcomes of a task, in a thread of the executor; let the loop repair a lost one."""
        try:
            outcomes = list(future.result())
        except BaseException as exc:  # noqa: BLE001 - each executor has its own, and a task may raise any
            self._call(partial(self._lost, chunk, exc))
            return
        if [getattr(each, "index", None) for each in outcomes] != [row.index for row in chunk.rows]:
            wrong = TypeError("the task didn't return the outcomes of its rows")
            self._call(partial(self._lost, chunk, wrong))
            return
        self._had_outcome = True
        for row, outcome in zip(chunk.rows, outcomes, strict=True):
            self._deliver(row, outcome)

    def _lost(self, chunk: _Chunk, exc: BaseException) -> None:
        chunk = evolve(chunk, losses=chunk.losses + 1)
        if chunk.losses < MAX_LOSSES:
            logger.warning("map: a task of %d rows was lost (%r); asking again", len(chunk.rows), exc)
            self._send(chunk)
            return
        reason = f"the task failed {MAX_LOSSES} times: {type(exc).__name__}: {exc!s:.200}"
        if not self._had_outcome:
            raise UsageError(f"executor: {reason}; do the client and the options pickle?") from exc
        error = StreamkitError(f"executor: {reason}")
        for row in chunk.rows:
            self._deliver(row, Outcome(row.index, error=error))

    def _use_threads(self, chunk: _Chunk, exc: BaseException) -> None:
        if self._threads is None:
            logger.warning("map: the executor takes no more tasks (%r); threads ask the rest", exc)
            job = self._all
            asker = job.asker(job.client, Pace(job.limits))
            self._threads = Threads(asker, job.workers, self._deliver, self._call)
        for row in chunk.rows:
            self._threads.submit(row)


def lanes_of(executor: Any) -> int:
    """Return the number of tasks that *executor* runs at once. Raises `UsageError` without a `submit`."""
    if not callable(getattr(executor, "submit", None)):
        raise UsageError(
            f"executor: expected an object with submit(), got {type(executor).__name__}; pass a "
            "ProcessPoolExecutor, client.get_executor() of Dask, or ray_executor()"
        )
    for name in ("lanes", "_max_workers", "num_workers"):  # ours; concurrent.futures and loky; mpi4py
        number = getattr(executor, name, None)
        if isinstance(number, int) and number > 0:
            return number
    cluster = getattr(executor, "_client", None)  # Dask
    if hasattr(cluster, "nthreads"):
        return max(sum(cluster.nthreads().values()), 1)  # type: ignore[union-attr]
    return os.cpu_count() or 1


# -- in the worker process ----------------------------------------------------------------

_kept: OrderedDict[tuple[str, int], tuple[Client, Pace]] = OrderedDict()
_kept_lock = threading.Lock()


def run_chunk(job: Job, rows: list[tuple[int, Request]], budget: Budget) -> list[Outcome]:
    """Ask *rows* in this process, and return their outcomes in the same order."""
    client, pace = _client_of(job)
    pace.renew_budget(budget)
    asker = job.asker(client, pace)
    results: SimpleQueue[Callable[[], Any]] = SimpleQueue()  # each returns an outcome, or raises

    def deliver(row: Row, outcome: Outcome) -> None:
        results.put(lambda: outcome)

    threads = Threads(asker, min(job.workers, len(rows)), deliver, results.put)
    outcomes: dict[int, Outcome] = {}
    try:
        for index, request in rows:
            prepared = prepare(request, client.profile.wire, client.profile)
            threads.submit(Row(index, "", None, prepared))
        for _ in rows:
            outcome = results.get()()
            outcomes[outcome.index] = _portable(outcome)
    finally:
        threads.close()
    return [outcomes[index] for index, _ in rows]


def _client_of(job: Job) -> tuple[Client, Pace]:
    """Return the client and the pace of this lane: a thread of the process that runs tasks of *job*."""
    lane = (job.name, threading.get_ident())
    with _kept_lock:
        if lane not in _kept:
            _kept[lane] = (job.client, Pace(job.limits))
            while len(_kept) > KEPT_CLIENTS:
                _kept.popitem(last=False)
        _kept.move_to_end(lane)
        return _kept[lane]


def _sendable(prepared: PreparedRequest) -> Request:
    """Return the request without the functions of its tools, which no row runs.

    Pickle finds a function by its name, and under the name of one with `@tool` is the tool.
    """
    request = prepared.request
    tools = [evolve(tool, function=None) if isinstance(tool, ToolSpec) else tool for tool in request.tools]
    return evolve(request, tools=tools) if tools else request


def _portable(outcome: Outcome) -> Outcome:
    """Return *outcome* without the format of the answer: a class of the caller's may not pickle."""
    completion, error = outcome.completion, outcome.error
    if error is not None and error.partial is not None:
        error.partial = evolve(error.partial, response_format=None)
    if completion is not None:
        completion = evolve(completion, response_format=None)
    return evolve(outcome, completion=completion, error=error)

"""client.map in other processes: pools that fork and spawn, workers that die, limits that are divided."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from streamkit import BadRequestError, Client, LimitError, Limits, UsageError, read_journal, tool
from streamkit.jobs import remote
from streamkit.jobs.remote import Budget, Job, lanes_of, run_chunk
from streamkit.playback import ReplayTransport
from streamkit.request import Request
from streamkit.testing import Recording, chat_stream
from tests.jobserver import JobServer


@pytest.fixture(params=["fork", "spawn"])
def pool(request: pytest.FixtureRequest) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(request.param)) as pool:
        yield pool


@dataclasses.dataclass
class Echo:
    echo: str


def prompts(count: int) -> list[str]:
    return [f"row {number}" for number in range(count)]


class Inline:
    """An executor that runs a task at once; `lose` are the numbers of the tasks that it loses."""

    lanes = 2

    def __init__(self, *lose: int) -> None:
        self.lose, self.tasks = lose, 0

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks += 1
        if self.tasks in self.lose:
            future.set_exception(ConnectionError("the worker is gone"))
        else:
            future.set_result(function(*args))
        return future


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_pool_of_processes_answers(server: JobServer, pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    """Every row once, in processes of the pool, with errors as themselves, and into one journal."""
    path = tmp_path / "answers.jsonl"
    client = Client("generic", base_url=server.url, model="m")
    rows = [*prompts(60), "400x9 bad"]
    with client.map(rows, executor=pool, chunk=8, workers=4, journal=path) as run:
        answers = {a.row: a for a in run}
    assert {row: a.text for row, a in answers.items() if a.ok} == {row: f"echo: {row}" for row in rows[:-1]}
    error = answers["400x9 bad"].error
    assert isinstance(error, BadRequestError)
    assert error.status == 400
    assert set(server.asked.values()) == {1}
    assert len(list(read_journal(path))) == 61
    assert run.report().attempts == 61
    with client.map(rows, executor=pool, chunk=8, journal=path) as run:
        assert {a.source for a in run} == {"journal"}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class Pickling(Inline):
    """An executor that pickles each task, as every pool of processes does."""

    def __init__(self) -> None:
        super().__init__()
        self.tools: list[list[str]] = []

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        function, job, rows, budget = pickle.loads(pickle.dumps((function, *args)))
        for _, request in rows:
            self.tools.append([getattr(each, "name", None) or each["type"] for each in request.tools])
        return super().submit(function, job, rows, budget)


@tool
def tide(port: str) -> str:
    """Return the tide."""
    return port


def test_tools_go_to_other_processes() -> None:
    """Also those of decorated and of local functions, which pickle doesn't find: no row runs them."""

    def local(port: str) -> str:
        return port

    hosted = {"type": "web_search"}
    client = Client(
        "openai", api_key="k", model="m", transport=ReplayTransport(Recording.of(chat_stream("Hi")))
    )
    rows = ["one", Request(("two",), model="m", tools=[tool(local)])]
    executor = Pickling()
    with client.map(rows, executor=executor, tools=[tide, hosted], ordered=True) as run:
        assert [(a.text, a.error) for a in run] == [("Hi", None), ("Hi", None)]
    assert executor.tools == [["tide", "web_search"], ["local"]]
    assert tide("Brest") == "Brest"


def test_a_killed_process_loses_no_row(server: JobServer) -> None:
    """The pool is broken for ever; threads of this process ask the rest."""
    server.delay = 0.02
    client = Client("generic", base_url=server.url, model="m")
    with (
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool,
        client.map(prompts(200), executor=pool, chunk=10, workers=4) as run,
    ):
        answers = [next(run)]
        os.kill(next(iter(pool._processes)), signal.SIGKILL)
        answers += run
    assert sorted(a.index for a in answers) == list(range(200))
    assert all(a.ok for a in answers)
    assert sum(server.asked.values()) <= 200 + 4 * 10


def test_a_lost_task_is_submitted_again(server: JobServer) -> None:
    """Its rows only; each lost task at most twice."""
    client = Client("generic", base_url=server.url, model="m")
    executor = Inline(2, 4)
    with client.map(prompts(20), executor=executor, chunk=5) as run:
        assert sum(a.ok for a in run) == 20
    assert executor.tasks == 4 + 2
    assert set(server.asked.values()) == {1}


def test_a_task_that_never_succeeds_ends_the_run(server: JobServer) -> None:
    """The client can't be pickled, say: the error is the executor's."""
    client = Client("generic", base_url=server.url, model="m")
    run = client.map(prompts(20), executor=Inline(*range(1, 99)), chunk=5)
    with pytest.raises(UsageError, match=r"^executor: the task failed 3 times: ConnectionError"), run:
        list(run)
    assert not server.asked


def test_rows_of_a_task_that_keeps_failing_get_its_error(server: JobServer) -> None:
    """The others have answers."""
    client = Client("generic", base_url=server.url, model="m")
    with client.map(prompts(20), executor=Inline(3, 5, 6), chunk=5, ordered=True) as run:
        answers = list(run)
    assert sum(a.ok for a in answers) in (15, 20)
    assert all(a.ok or "executor: the task failed 3 times" in str(a.error) for a in answers)


def test_limits_are_divided_by_lanes(server: JobServer) -> None:
    """Each of two lanes gets half of the pace, of the open streams, of the budget."""
    limits = Limits(600, 6000, 8, cost=1.0, tokens=100, failures=3)
    assert limits.divided(2) == Limits(300, 3000, 4, cost=0.5, tokens=50, failures=3)
    client = Client("generic", base_url=server.url, model="m")
    run = client.map(prompts(400), executor=Inline(), chunk=10, limits=Limits(tokens=300))
    with pytest.raises(LimitError, match=r"^limits\.tokens"), run:
        list(run)
    spent = run.report().input_tokens + run.report().output_tokens
    assert 300 <= spent <= 300 + 2 * 16 * 15


def test_a_share_that_is_spent_isnt_the_end(server: JobServer) -> None:
    """Rows that their lane couldn't afford are asked by another one, while the whole budget lasts."""
    client = Client("generic", base_url=server.url, model="m")
    with client.map(prompts(12), executor=Inline(), chunk=12, workers=1, limits=Limits(tokens=200)) as run:
        assert sum(a.ok for a in run) == 12
    assert set(server.asked.values()) == {1}


def test_a_lane_keeps_its_client(server: JobServer) -> None:
    """Two tasks of a job in one thread share connections and what was learned."""
    client = Client("generic", base_url=server.url, model="m")
    job = Job(client, {}, Limits(), 2, 3, 0)
    rows = [(n, Request(f"row {n}", model="m")) for n in range(4)]
    first = run_chunk(job, rows[:2], Budget())
    second = run_chunk(job, rows[2:], Budget())
    assert [o.index for o in first + second] == [0, 1, 2, 3]
    kept = [lane for lane in remote._kept if lane[0] == job.name]
    assert kept == [(job.name, threading.get_ident())]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_formats_are_parsed_in_the_parent(server: JobServer) -> None:
    """The class travels by name; the answer is an object of it here."""
    client = Client("generic", base_url=server.url, model="m")
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
        client.map(["x"], executor=pool, response_format=Echo) as run,
    ):
        answer = next(run)
    assert str(answer.error).startswith("the answer isn't JSON")
    assert answer.text == "echo: x"


class Named:
    """An executor with an attribute that holds its size."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def submit(self) -> None: ...


class Cluster:
    def nthreads(self) -> dict[str, int]:
        return {"tcp://a": 2, "tcp://b": 3}


@pytest.mark.parametrize(
    ("executor", "lanes"),
    [
        (Named(lanes=3), 3),
        (Named(_max_workers=4), 4),
        (Named(num_workers=5), 5),
        (Named(_client=Cluster()), 5),
        (Named(), os.cpu_count()),
    ],
    ids=["ours", "concurrent.futures, loky", "mpi4py", "Dask", "unknown"],
)
def test_the_number_of_lanes_is_the_executors(executor: Any, lanes: int) -> None:
    """From the attribute that each kind has."""
    assert lanes_of(executor) == lanes


def test_leaving_doesnt_wait_for_other_processes(server: JobServer) -> None:
    """Control is back at once; the tasks under way end by themselves."""
    server.stall = 30
    client = Client("generic", base_url=server.url, model="m")
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    run = client.map(["quick", *(f"stallx1 {n}" for n in range(100))], executor=pool, chunk=1, workers=1)
    with run:
        assert next(run).ok
    assert server.stalled_out == 0
    server.released.set()
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("result", [None, [], [1], "ab"])
def test_a_task_without_outcomes_is_lost(server: JobServer, result: Any) -> None:
    """An executor that returns something else ends the run; it doesn't hang."""

    class Wrong:
        lanes = 1

        def submit(self, *task: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(result)
            return future

    client = Client("generic", base_url=server.url, model="m")
    with client.map(["a"], executor=Wrong()) as run, pytest.raises(UsageError, match="failed 3 times"):
        list(run)


def test_a_task_that_ends_the_program_is_a_lost_one(server: JobServer) -> None:
    """SystemExit in a worker process ends that worker, and its rows are asked again."""

    class Leaving(Inline):
        def submit(self, function: Any, *args: Any) -> Future[Any]:
            if self.tasks:
                return super().submit(function, *args)
            self.tasks += 1
            future: Future[Any] = Future()
            future.set_exception(SystemExit(3))
            return future

    client = Client("generic", base_url=server.url, model="m")
    with client.map(prompts(20), executor=Leaving(), chunk=5) as run:
        assert sum(a.ok for a in run) == 20

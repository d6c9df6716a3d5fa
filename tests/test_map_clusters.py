"""client.map on Dask and loky; its journal in DuckDB and pandas; its bar in tqdm. Real packages, no fakes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamkit import Client
from tests.jobserver import JobServer

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore"),  # of the packages
]


def prompts(count: int) -> list[str]:
    return [f"row {number}" for number in range(count)]


@pytest.fixture
def dask() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_dask_answers_every_row(server: JobServer, dask: Any, tmp_path: Path) -> None:
    """In the processes of a cluster, each row once; a second run asks nothing."""
    client = Client("generic", base_url=server.url, model="m")
    options: dict[str, Any] = {"executor": dask.get_executor(), "chunk": 10, "workers": 4}
    path = tmp_path / "answers.jsonl"
    with client.map(prompts(100), journal=path, **options) as run:
        assert {a.row: a.text for a in run} == {row: f"echo: {row}" for row in prompts(100)}
    assert set(server.asked.values()) == {1}
    with client.map(prompts(100), journal=path, **options) as run:
        assert {a.source for a in run} == {"journal"}


def test_a_killed_dask_worker_loses_no_row(server: JobServer, dask: Any) -> None:
    """Dask runs its task again; only rows under way are asked twice."""
    server.delay = 0.02
    client = Client("generic", base_url=server.url, model="m")
    pids = dask.run(os.getpid)
    with client.map(prompts(300), executor=dask.get_executor(), chunk=10, workers=4) as run:
        answers = [next(run)]
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        answers += run
    assert sorted(a.index for a in answers) == list(range(300))
    assert all(a.ok for a in answers)
    assert sum(server.asked.values()) <= 300 + 4 * 10


def test_a_retired_dask_worker_loses_no_row(server: JobServer, dask: Any) -> None:
    """A cluster that shrinks in the middle finishes the job with the rest."""
    server.delay = 0.02
    client = Client("generic", base_url=server.url, model="m")
    with client.map(prompts(200), executor=dask.get_executor(), chunk=10, workers=4) as run:
        answers = [next(run)]
        dask.retire_workers([next(iter(dask.scheduler_info()["workers"]))])
        answers += run
    assert sorted(a.index for a in answers) == list(range(200))
    assert all(a.ok for a in answers)


def test_a_restarted_dask_loses_no_row(server: JobServer, dask: Any) -> None:
    """A restart forgets every task; they are submitted again."""
    server.delay = 0.02
    client = Client("generic", base_url=server.url, model="m")
    with client.map(prompts(200), executor=dask.get_executor(), chunk=10, workers=4) as run:
        answers = [next(run)]
        dask.restart()
        answers += run
    assert sorted(a.index for a in answers) == list(range(200))
    assert all(a.ok for a in answers)


def test_loky_survives_a_killed_process(server: JobServer) -> None:
    """Its pool is broken by it; threads of this process ask the rest."""
    loky = pytest.importorskip("loky")
    server.delay = 0.02
    client = Client("generic", base_url=server.url, model="m")
    pool = loky.get_reusable_executor(max_workers=2)
    with client.map(prompts(150), executor=pool, chunk=10, workers=4) as run:
        answers = [next(run)]
        os.kill(next(iter(pool._processes)), signal.SIGKILL)
        answers += run
    assert sorted(a.index for a in answers) == list(range(150))
    assert all(a.ok for a in answers)
    loky.get_reusable_executor().shutdown(kill_workers=True)


def test_duckdb_and_pandas_read_a_journal(server: JobServer, tmp_path: Path) -> None:
    """As it is, without a word about streamkit."""
    duckdb, pandas = pytest.importorskip("duckdb"), pytest.importorskip("pandas")
    path = tmp_path / "answers.jsonl"
    with Client("generic", base_url=server.url, model="m").map(
        [*prompts(20), "400x9 x"], journal=path
    ) as run:
        list(run)
    table = duckdb.sql(
        f"select status, count(*), sum(output_tokens) from '{path}' where key is not null group by 1"
    )
    assert sorted(table.fetchall(), key=str) == [("done", 20, 100), ("failed", 1, None)]
    frame = pandas.read_json(path, lines=True)
    assert sorted(frame[frame.status == "done"].text) == sorted(f"echo: {row}" for row in prompts(20))


def test_tqdm_shows_the_progress(server: JobServer, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, with the total if it is known."""
    pytest.importorskip("tqdm")
    with Client("generic", base_url=server.url, model="m").map(prompts(20), progress=True) as run:
        list(run)
    out, err = capsys.readouterr()
    assert out == ""
    assert "20/20" in err
    assert "0 failed" in err

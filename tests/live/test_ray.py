"""client.map on a real Ray cluster of this machine, with a worker killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import Client
from streamkit.integrations.ray import ray_executor
from tests.jobserver import JobServer, job_server

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def server() -> Iterator[JobServer]:
    with job_server(delay=0.02) as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    yield ray
    ray.shutdown()


def test_ray_answers_every_row(server: JobServer, cluster: Any) -> None:
    """Each row once, in the workers of the cluster."""
    client = Client("generic", base_url=server.url, model="m")
    rows = [f"row {n}" for n in range(100)]
    with client.map(rows, executor=ray_executor(), chunk=10, workers=4) as run:
        assert {a.row: a.text for a in run} == {row: f"echo: {row}" for row in rows}
    assert set(server.asked.values()) == {1}


def test_a_killed_worker_loses_no_row(server: JobServer, cluster: Any) -> None:
    """Ray runs its task again; only rows under way are asked twice."""
    client = Client("generic", base_url=server.url, model="m")
    pid = cluster.get(cluster.remote(lambda: os.getpid()).remote())
    rows = [f"row {n}" for n in range(300)]
    with client.map(rows, executor=ray_executor(), chunk=10, workers=4) as run:
        answers = [next(run)]
        os.kill(pid, signal.SIGKILL)
        answers += run
    assert sorted(a.index for a in answers) == list(range(300))
    assert all(a.ok for a in answers)
    assert sum(server.asked.values()) <= 300 + 4 * 10

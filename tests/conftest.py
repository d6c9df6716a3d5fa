"""How this suite runs: worker processes, `--no-skips`, finalizers that fail; fixtures that many files use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.jobserver import JobServer

MOST_WORKERS = 8  # each one imports and collects everything: more of them save no time


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="turn each skipped test into a failure")


def pytest_configure() -> None:
    """Let Ctrl-C end the processes that tests start: a shell starts background jobs with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Overlook a `RecursionError` of a finalizer; any other of its exceptions still fails the test.

    The collector may run while a test reads JSON that is nested too deeply. Then a generator that an earlier
    test left in a cycle can't be closed, and the test that happens to be running would fail.
    """
    report = sys.unraisablehook  # pytest's, which fails the test

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, RecursionError):
            report(unraisable)

    sys.unraisablehook = hook


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes for `-n auto`: 0, this one, if the run is a part of the suite.

    Starting workers takes longer than one file. Live servers are started once, by one process.
    """
    one_file = all(".py" in argument for argument in config.args)
    if one_file or "not live" not in config.option.markexpr:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        forbid_skip(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    forbid_skip(report, collector.config)
    return report


def forbid_skip(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    """Change a report of a skip into a failure with the same reason, under `--no-skips`."""
    if report.skipped and config.getoption("no_skips"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"--no-skips: {reason}"


@pytest.fixture
def server() -> Iterator[JobServer]:
    """A server on loopback that answers the rows of a job."""
    from tests.jobserver import job_server

    with job_server() as server:
        yield server


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries and probes wait 10 ms at first, so that tests of jobs are short."""
    monkeypatch.setattr("streamkit.http.retry.FIRST_WAIT", 0.01)
    monkeypatch.setattr("streamkit.client.gauges.PROBE", 0.01)

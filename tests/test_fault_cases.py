"""Every wire case has its expected result: no hang, no silent end, no foreign exception."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from .fault_cases import SHORT, Case, Outcome, problems, run, run_all
from .fault_cases_page import CASES

LATE = 10.0  # seconds that a busy machine may need; a clock that never fires needs 20, or hangs
GRACE = 2.0


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Run all cases at once, because most of them only wait."""
    return run_all(CASES)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wire_case_ends_as_it_must(case: Case, outcomes: dict[str, Outcome]) -> None:
    """Each server behavior leads to one ending with a type, and the received text is kept."""
    assert problems(case, outcomes[case.name]) == []


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", [c for c in CASES if c.facts.get("phase")], ids=str)
def test_a_clock_fires_neither_early_nor_late(case: Case, outcomes: dict[str, Outcome]) -> None:
    """Bytes that drip in the meantime don't delay a clock, over TLS, gzip and every framing."""
    assert SHORT <= outcomes[case.name].seconds < SHORT + LATE


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.group == "Endings" and c.ends == "Completed"], ids=str
)
def test_a_finished_answer_waits_no_longer_than_the_grace(case: Case, outcomes: dict[str, Outcome]) -> None:
    """Usage may follow the finish, but a socket that stays open doesn't block the caller."""
    assert outcomes[case.name].seconds < GRACE + LATE


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "name", ["a line without end", "comments without end", "a gzip bomb", "a deflate bomb"]
)
def test_a_server_without_end_costs_bounded_memory(name: str) -> None:
    """The limit for a line is 16 MiB; the line and everything made from it fit into four times that."""
    (case,) = (case for case in CASES if case.name == name)
    tracemalloc.start()
    try:
        assert run(case).ends == "BadFrameError"
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_the_page_has_a_row_for_each_case() -> None:
    """docs/wire-cases.md is written from these cases, and no row is longer than a person reads."""
    page = (Path(__file__).parent.parent / "docs" / "wire-cases.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| case |")]
    groups = dict.fromkeys(case.group for case in CASES)
    names = [case.name for group in groups for case in CASES if case.group == group]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == names
    assert max(map(len, rows)) < 400


def test_cases_are_many_and_distinct() -> None:
    """No two cases have the same name."""
    assert len({case.name for case in CASES}) == len(CASES) >= 60

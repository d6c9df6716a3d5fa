"""Every wire case ends as it must: no hang, no silent end, no foreign exception."""

from __future__ import annotations

import tracemalloc

import pytest

from .fault_cases import SHORT, Case, Outcome, problems, run, run_all
from .fault_cases_page import CASES

LATE = 10.0  # seconds that a busy machine may need; a clock that never fires needs 20, or hangs
GRACE = 2.0


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All cases, run at once: they spend their time waiting."""
    return run_all(CASES)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wire_case_ends_as_it_must(case: Case, outcomes: dict[str, Outcome]) -> None:
    """HTTP-10 to 25, SSE-18 to 24, P1 to P3, P26: one ending, typed, with the text that had arrived."""
    assert problems(case, outcomes[case.name]) == []


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", [c for c in CASES if c.facts.get("phase")], ids=str)
def test_a_clock_fires_neither_early_nor_late(case: Case, outcomes: dict[str, Outcome]) -> None:
    """HTTP-22, P7: whatever drips meanwhile, over TLS, gzip and every framing."""
    assert SHORT <= outcomes[case.name].seconds < SHORT + LATE


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.group == "Endings" and c.ends == "Completed"], ids=str
)
def test_a_finished_answer_waits_no_longer_than_the_grace(case: Case, outcomes: dict[str, Outcome]) -> None:
    """P8: usage may still come, but a socket that stays open holds nobody up."""
    assert outcomes[case.name].seconds < GRACE + LATE


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["a line without end", "comments without end", "a gzip bomb"])
def test_a_server_without_end_costs_bounded_memory(name: str) -> None:
    """Security: a line's limit is 16 MiB; four times that holds it with all that is made of it."""
    (case,) = (case for case in CASES if case.name == name)
    tracemalloc.start()
    try:
        assert run(case).ends == "BadFrameError"
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_there_are_at_least_sixty_cases_and_no_two_of_one_name() -> None:
    """The table is as long as it claims to be."""
    assert len({case.name for case in CASES}) == len(CASES) >= 60

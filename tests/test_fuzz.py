"""tests/fuzz: a short search holds, it can find bugs, and its findings can be reproduced."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from streamkit import Completed, pipeline
from streamkit.pipeline import payloads
from streamkit.state.answer import AnswerState

from .fuzz import checks
from .fuzz.__main__ import main
from .fuzz.cases import random_case, recorded
from .fuzz.checks import CHECKS, Broken, require
from .fuzz.mutations import MUTATIONS, frames_of
from .fuzz.search import failure_of, search


@pytest.mark.slow
def test_random_cases_keep_the_laws() -> None:
    """Two to three seconds of the search that `python -m tests.fuzz` runs for longer."""
    result = search("the suite", cases=240)
    assert not result.failures, [f"{each.kind}: {each.text}" for each in result.failures.values()]
    assert all(result.runs[check] >= 20 for check in CHECKS)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the parser raise `KeyError` for payloads with usage."""
    real = payloads.scan_object

    def scan(text: str) -> Any:
        if '"usage"' in text:
            raise KeyError("usage")
        return real(text)

    monkeypatch.setattr(payloads, "scan_object", scan)


@pytest.mark.usefixtures("planted")
def test_a_planted_bug_is_found_and_minimized() -> None:
    """A `KeyError` of a parser is a failure; of its stream, the one frame that causes it is left."""
    result = search("planted", cases=40, only="endings")
    (found,) = result.failures.values()
    assert found.kind.startswith("endings: KeyError at streamkit/pipeline/payloads.py:")
    assert len(frames_of(found.case.body)) == 1
    assert b'"usage"' in found.case.body


@pytest.mark.usefixtures("planted")
def test_a_failure_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The search prints a command that fails with the same exception, on the body that it wrote."""
    options = ["--cases", "40", "--seed", "planted", "--check", "endings", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["fuzz", *options])
    assert main() == 1
    command = next(line for line in capsys.readouterr().out.splitlines() if "python -m tests.fuzz" in line)
    monkeypatch.setattr(sys, "argv", command.split()[2:])
    assert main() == 1
    assert "KeyError: 'usage'" in capsys.readouterr().err


_accumulate = pipeline.accumulate
_completion = AnswerState.completion
_kept: list[Any] = []


def _without_ending(*args: Any, **options: Any) -> Iterator[Any]:
    return (event for event in _accumulate(*args, **options) if not isinstance(event, Completed))


def _without_items(state: AnswerState) -> Any:
    whole = _completion(state)
    return evolve(whole, choices=[evolve(choice, items=()) for choice in whole.choices])


def _keep(chunks: Any) -> Any:
    _kept.append(chunks)
    return chunks


@pytest.mark.parametrize(
    ("owner", "name", "bug", "failure"),
    [
        pytest.param(pipeline, "accumulate", _without_ending, "endings: law 1", id="a silent end"),
        pytest.param(AnswerState, "completion", _without_items, "endings: law 1", id="text is lost"),
        pytest.param(pipeline, "_translated", _keep, "leaving: law 9", id="a source stays open"),
    ],
)
def test_a_broken_law_is_found(
    owner: Any, name: str, bug: Callable[..., Any], failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks can fail: code that breaks a law is found within 60 cases."""
    monkeypatch.setattr(owner, name, bug)
    check = failure.partition(":")[0]
    found = (failure_of(random_case("planted", number), check) for number in range(60))
    assert any(each is not None and each.kind == failure for each in found)
    _kept.clear()


def test_a_case_is_always_the_same() -> None:
    """The number of a case and its seed determine the body and the way to read it."""
    assert [random_case(7, n) for n in range(30)] == [random_case(7, n) for n in range(30)]
    assert random_case(7, 0) != random_case(8, 0)


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS), ids=lambda mutation: mutation.__name__)
def test_each_mutation_changes_most_bodies(mutation: Callable[..., bytes]) -> None:
    """A mutation returns bytes for any body, also an empty one, and usually others than it got."""
    _, pool = recorded()
    chance = random.Random("mutations")
    long = [body for body in pool if len(frames_of(body)) > 3]
    bodies = [chance.choice(long) for _ in range(40)]
    assert sum(mutation(body, chance, pool) != body for body in bodies) > 20
    assert isinstance(mutation(b"", chance, pool), bytes)


def test_a_law_that_is_not_kept_yet_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A law in `NOT_YET` never fails a search; every other law does."""
    monkeypatch.setattr(checks, "NOT_YET", frozenset({"a law"}))
    monkeypatch.setattr(checks, "pending", checks.Counter())
    require(False, "a law", "detail")
    assert checks.pending == {"a law": 1}
    with pytest.raises(Broken):
        require(False, "another law", "detail")


def test_a_recording_passes_every_check() -> None:
    """An unchanged recording has no failure."""
    streams, _ = recorded()
    assert len(streams) >= 3
    for stream in streams[:3]:
        case = replace(random_case(1, 1), body=stream.body, wire=stream.wire, profile=stream.profile)
        assert [failure_of(case, check) for check in CHECKS] == [None] * len(CHECKS)

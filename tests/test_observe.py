"""Observation: facts go to every observer, in order, and no observer can harm a stream."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from streamkit import Completed, Completion, Started, TextDelta
from streamkit.observe import AttemptStarted, Ended, Fact, Observation, Operation
from streamkit.stats import Stats

OPERATION = Operation("chat", "openai", "gpt-x", "api.openai.com", 443)
FACTS: list[Fact] = [
    AttemptStarted(1),
    Started("id-1", "gpt-x"),
    TextDelta("Hi"),
    Completed(Completion()),
    Ended("completed", Completion(), Stats(), 0.5),
]


def tell_all(observation: Observation) -> None:
    for fact in FACTS:
        observation.tell(fact)


def test_every_observer_gets_every_fact_in_order():
    """Two observers see the same operation and the same facts (TE-02)."""
    first: list[object] = []
    second: list[object] = []
    tell_all(Observation(OPERATION, [lambda *told: first.append(told), lambda *told: second.append(told)]))
    assert first == second == [(OPERATION, fact) for fact in FACTS]


def test_an_observer_that_raises_is_logged_once_and_told_on(caplog: pytest.LogCaptureFixture):
    """Neither the stream nor the other observers notice; the broken one still hears of the end."""
    heard: list[Fact] = []
    others: list[Fact] = []

    def broken(_operation: Operation, fact: Fact) -> None:
        heard.append(fact)
        raise ZeroDivisionError("observer's own bug")

    with caplog.at_level(logging.ERROR, "streamkit"):
        tell_all(Observation(OPERATION, [broken, lambda _operation, fact: others.append(fact)]))
    assert heard == others == FACTS
    assert len(caplog.records) == 1
    assert "observer's own bug" in caplog.text


def test_ctrl_c_in_an_observer_is_no_bug_of_the_observer():
    """KeyboardInterrupt goes through: only what is an Exception is kept from the stream."""

    def interrupted(_operation: Operation, _fact: Fact) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observation(OPERATION, [interrupted]).tell(AttemptStarted())


def test_an_observation_without_observers_is_false():
    """What lets a stream skip the telling on its hot path."""
    assert not Observation(OPERATION)
    assert Observation(OPERATION, [print])


def test_operations_are_numbered_apart():
    """Two equal requests are two operations: an observer may keep its state by operation."""
    again = Operation("chat", "openai", "gpt-x", "api.openai.com", 443)
    assert again != OPERATION
    assert len({again, OPERATION}) == 2


def test_the_request_stays_out_of_repr():
    """`print` is a good observer: it must not print whole conversations."""
    operation = Operation("chat", "openai", "gpt-x", request="secret prompt")  # type: ignore[arg-type]
    assert "secret" not in repr(operation)


def test_a_program_without_logging_sees_nothing():
    """A warning by streamkit writes nothing to stderr unless the program asked for logging."""
    code = "import streamkit, logging; logging.getLogger('streamkit.sse').warning('bad frame')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")

"""Law 10: the lines that run grow in proportion to the input, in every kind of growth.

A line of Python may hide work in a C function: `python -m tests.growth` measures CPU time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from .chat_payloads import lines_run
from .growth.count import exponent
from .growth.kinds import KINDS

AT = 60  # and twice, and four times as many
MOST = 1.3  # 1 is linear, 2 quadratic; a part of the work may be sorted, or joined at each doubling
# Only above these sizes is the work the same for each: a search for nesting begins at 100 brackets, and the
# first 500 bytes are looked at in another way.
LARGER = {
    "bytes: chunks of one byte": 240,
    "bytes: a long event in small chunks": 600,
    "chat: parts in one payload": 240,
    "chat: annotations in one payload": 240,
    "chat: details in one payload": 240,
    "responses: parts of the last event": 120,
    "gemini: parts in one payload": 120,
    "messages: blocks in the start": 120,
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log nothing: the lines of handlers would count."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.mark.parametrize("name", KINDS)
def test_the_work_is_linear(name: str) -> None:
    assert exponent(name, LARGER.get(name, AT), lines_run, noise=50) < MOST


def test_there_are_many_kinds() -> None:
    """Each API, requests, answers, files and rendering have some."""
    assert len(KINDS) >= 280
    groups = {name.partition(":")[0].partition(" ")[0] for name in KINDS}
    assert {"chat", "responses", "messages", "gemini", "bytes", "request", "markdown", "aggregate"} <= groups


@pytest.mark.parametrize(("power", "is_linear"), [(1, True), (2, False), (3, False)])
def test_a_planted_growth_is_found(power: int, is_linear: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count can fail: a loop in a loop is quadratic."""

    def planted(n: int) -> tuple[object, int]:
        def work() -> None:
            for _ in range(n**power // 60 ** (power - 1)):
                pass

        return work, n

    monkeypatch.setitem(KINDS, "planted", planted)
    assert (exponent("planted", AT, lines_run, noise=50) < MOST) == is_linear

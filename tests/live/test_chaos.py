"""A bounded run of chaos.py; `python -m tests.live.chaos` runs thousands of streams."""

from __future__ import annotations

import pytest

from streamkit import Client

from ..faultserver import FaultServer, delta, ok, sse
from .chaos import FAULTS, Tally, ask, chaos
from .servers import Unavailable


def test_every_stream_is_accounted_for() -> None:
    """Through a faulty proxy to servers that are killed: typed endings, true texts, nothing left."""
    try:
        tally = chaos(400)
    except Unavailable as exc:
        pytest.skip(f"no chaos here: {exc}")
    assert sum(tally.ends.values()) == 400
    assert tally.wrong == []
    assert (tally.sockets_left, tally.threads_left) == (0, 0)
    assert tally.kills
    assert {*FAULTS, "none"} <= tally.faults.keys()
    assert tally.ends["Completed"] > 100


def test_a_wrong_answer_would_be_seen() -> None:
    """The check itself: another text, and an answer that completes with less, are both noted."""
    tally = Tally()
    for text in ("Good evening", "Good"):
        with FaultServer(
            lambda peer, text=text: peer.send(ok(sse(delta(text), delta(finish="stop"))))
        ) as server:
            ask(Client("generic", base_url=server.url), tally, 2)
    assert [line.rpartition(": ")[2] for line in tally.wrong] == [
        "not the answer",
        "complete with less",
        "complete with less",
    ]

"""What a person sees of an error: at most six of our frames, wherever it was raised."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streamkit
from streamkit import Client, RetryPolicy, StreamkitError, agent
from streamkit.testing import FakeTransport, chat_stream, refusal

PACKAGE = Path(streamkit.__file__).parent
REFUSED = refusal(401)
CUT = chat_stream("Hello")[:120]


def client(answer: Any) -> Client:
    retry = RetryPolicy(max_retries=0)
    return Client("generic", base_url="http://h/v1", model="m", transport=FakeTransport(answer), retry=retry)


def row() -> Any:
    with client(REFUSED).map(["hi"]) as run:
        return next(run).parsed()


CALLS: dict[str, Callable[[], Any]] = {
    "complete, refused": lambda: client(REFUSED).complete("hi"),
    "complete, cut": lambda: client(CUT).complete("hi"),
    "stream, refused": lambda: list(client(REFUSED).stream("hi")),
    "stream, cut": lambda: list(client(CUT).stream("hi")),
    "result": lambda: client(CUT).stream("hi").result(),
    "text_stream": lambda: list(client(CUT).stream("hi").text_stream),
    "aggregate": lambda: list(client(CUT).stream("hi").aggregate()),
    "agent.run": lambda: agent.run(client(REFUSED), "hi").result(),
    "a row": row,
    "no connection": lambda: Client("generic", base_url="http://127.0.0.1:9/v1").complete(
        "hi", model="m", retry=RetryPolicy(max_retries=0)
    ),
    "a wrong parameter": lambda: client(REFUSED).stream("hi", temperature="hot"),
    "a wrong input": lambda: client(REFUSED).complete([{"role": "bot"}]),
}


def own_frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]


@pytest.mark.parametrize("name", CALLS)
def test_a_traceback_is_short(name: str) -> None:
    """The caller's line, and at most six frames of ours."""
    with pytest.raises(StreamkitError) as caught:
        CALLS[name]()
    assert len(own_frames(caught.value)) <= 6, own_frames(caught.value)


def test_reading_again_adds_no_frames() -> None:
    """The same error, raised ten times, has the traceback of the last time."""
    stream = client(REFUSED).stream("hi")
    for _ in range(10):
        with pytest.raises(StreamkitError) as caught:
            next(stream)
    assert len(own_frames(caught.value)) <= 6


def test_the_cause_keeps_its_frames() -> None:
    """The foreign error below is whole, for those who look for a defect."""
    with pytest.raises(StreamkitError) as caught:
        CALLS["no connection"]()
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is not None

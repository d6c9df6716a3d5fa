"""Frames come to JSON payloads, `[DONE]` and errors that SSE itself announces."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    APIError,
    BadFrame,
    BadFrameError,
    Frame,
    KeepAlive,
    StreamkitError,
)
from streamkit.pipeline.frames import ErrorFrame, TornFrame
from streamkit.pipeline.payloads import read_payloads
from streamkit.state.deltas import END

A, B = {"a": 1}, {"b": 2}


def frame(data: str, event: str = "message") -> Frame:
    return Frame(event, data)


def read(*frames: Any, strict: bool = False) -> tuple[list[Any], StreamkitError | None]:
    seen: list[Any] = []
    try:
        for payload in read_payloads(iter(frames), strict=strict):
            seen.append(payload)
    except StreamkitError as error:
        return seen, error
    return seen, None


@pytest.mark.parametrize(
    ("data", "payloads"),
    [
        pytest.param('{"a":1}', [A], id="an object"),
        pytest.param(' {"a":1}\n', [A], id="white space around it"),
        pytest.param('{"a":1}\n{"b":2}', [A, B], id="two objects, blank line forgotten"),
        pytest.param('{"a":\n1}', [A], id="one object on two data lines"),
        pytest.param('{"a":1}\n[DONE]', [A, END], id="[DONE], blank line forgotten"),
        pytest.param('{"a":"x\ty"}', [{"a": "x\ty"}], id="a raw control character"),
        pytest.param('{"a":"\\ud83d"}', [{"a": "\ud83d"}], id="half a surrogate pair"),
        pytest.param("", [], id="SSE-09 empty data"),
        pytest.param("   ", [], id="SSE-09 blank data"),
    ],
)
def test_what_a_frame_comes_to(data: str, payloads: list[Any]) -> None:
    """One frame alone; nothing of these is bad."""
    assert read(frame(data)) == (payloads, None)


@pytest.mark.parametrize("done", ["[DONE]", " [DONE]", "[DONE]\n", "\t[DONE] "])
def test_nothing_is_read_after_done(done: str) -> None:
    """X-02, SSE-09, SSE-10: trimmed, and terminal: not even a frame behind it is asked for."""

    def frames() -> Iterator[Frame]:
        yield frame('{"a":1}')
        yield frame(done)
        raise AssertionError("read on")

    assert list(read_payloads(frames())) == [A, END]


def test_the_name_of_an_event_is_the_type_that_its_data_left_out() -> None:
    """The Responses API says the type twice; a gateway that says it once does not lose its events."""
    event = "response.output_text.delta"
    payloads, _ = read(frame('{"delta":"A"}\n{"delta":"B"}', event), frame('{"type":"x"}', event))
    assert payloads == [{"type": event, "delta": "A"}, {"type": event, "delta": "B"}, {"type": "x"}]


def test_done_alone_is_an_ending() -> None:
    """A stream that says nothing but [DONE]."""
    assert read(frame("[DONE]")) == ([END], None)


def test_comments_pass_through() -> None:
    """SSE-05."""
    assert read(KeepAlive("ping"), frame('{"a":1}')) == ([KeepAlive("ping"), A], None)


BAD = {
    "SSE-17 no JSON": "not-json",
    "a list": "[1]",
    "a string": '"x"',
    "a number": "5",
    "null": "null",
    "cut off": '{"a":',
    "two objects on one line": '{"a":1}{"b":2}',
    "too deep": '{"a":' + "[" * 100_000,
    "a number of too many digits": '{"a":' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_frame_is_an_event_and_the_stream_goes_on(data: str, caplog: pytest.LogCaptureFixture) -> None:
    """X-01: yielded, logged once with a shortened text, and what follows is read."""
    with caplog.at_level(logging.WARNING, "streamkit.sse"):
        payloads, error = read(frame(data), frame('{"a":1}'))
    assert error is None
    bad, good = payloads
    assert isinstance(bad, BadFrame)
    assert bad.data == data
    assert bad.error
    assert good == A
    assert len(caplog.records) == 1
    assert len(caplog.text) < 1000


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_strict_raises_at_the_first_bad_frame(data: str) -> None:
    """X-01: with the frame's text as `.data`."""
    payloads, error = read(frame('{"a":1}'), frame(data), frame('{"b":2}'), strict=True)
    assert payloads == [A]
    assert isinstance(error, BadFrameError)
    assert error.data == data


@pytest.mark.parametrize("end", [[], [frame("[DONE]")]], ids=["EOF", "[DONE]"])
def test_nothing_but_bad_frames_is_an_error(end: list[Frame]) -> None:
    """X-01: an all-bad stream is never Completed, even where it says [DONE]."""
    payloads, error = read(frame("bad"), frame("worse"), *end)
    assert [p.data for p in payloads] == ["bad", "worse"]
    assert isinstance(error, BadFrameError)
    assert error.data == "worse"


def test_done_after_only_bad_frames_ends_the_reading() -> None:
    """The server said that it is over: a connection it keeps open must not be waited for."""

    def frames() -> Iterator[Frame]:
        yield frame("bad")
        yield frame("[DONE]")
        raise AssertionError("read on")

    with pytest.raises(BadFrameError):
        list(read_payloads(frames()))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param('{"error":{"message":"boom"}}', "boom", id="an error object"),
        pytest.param('{"message":"boom","code":500}', "boom", id="at the top level"),
        pytest.param("boom", "boom", id="plain text"),
        pytest.param('{"error":"boom"}', "boom", id="a string"),
    ],
)
@pytest.mark.parametrize("kind", [Frame, ErrorFrame], ids=["event: error", "error: field"])
def test_an_announced_error_is_raised(kind: type[Frame], data: str, message: str) -> None:
    """P2: `event: error`, and llama.cpp's `error:` field, whatever their data looks like."""
    payloads, error = read(frame('{"a":1}'), kind("error", data), frame('{"b":2}'))
    assert payloads == [A]
    assert isinstance(error, APIError)
    assert error.message == message


def test_an_announced_error_without_data_is_raised() -> None:
    """P2: the event's name alone says that it failed."""
    assert isinstance(read(frame('{"a":1}'), frame("", "error"))[1], APIError)


def test_what_an_announced_error_carries_beside_it_comes_first() -> None:
    """X-05: text in the same payload is yielded before the error."""
    data = '{"choices":[{"delta":{"content":"A"}}],"error":{"message":"boom"}}'
    payloads, error = read(frame(data, "error"))
    assert [p["choices"][0]["delta"]["content"] for p in payloads] == ["A"]
    assert isinstance(error, APIError)


@pytest.mark.parametrize(
    ("data", "payloads"),
    [
        pytest.param('{"a":1}', [A], id="SSE-04 whole JSON"),
        pytest.param("[DONE]", [END], id="SSE-04 [DONE]"),
        pytest.param('{"a":', [], id="cut off"),
        pytest.param("[DON", [], id="cut [DONE]"),
        pytest.param('{"a":1}\n{"b', [], id="one whole, one cut off"),
    ],
)
def test_a_torn_last_block_counts_only_if_it_is_whole(data: str, payloads: list[Any]) -> None:
    """llama.cpp ends its bodies without the blank line; the rest of a cut is no bad frame."""
    assert read(TornFrame("message", data), strict=True) == (payloads, None)

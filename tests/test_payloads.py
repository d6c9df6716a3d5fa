"""read_payloads: JSON objects, `[DONE]`, bad frames, and errors that SSE itself announces."""

from __future__ import annotations

import json
import logging
import random
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
from streamkit.pipeline.payloads import _read_frame, _read_plain, read_payloads
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
        pytest.param(' {"a":1}\n', [A], id="white space around an object"),
        pytest.param('{"a":1}\n{"b":2}', [A, B], id="two objects without a blank line between them"),
        pytest.param('{"a":\n1}', [A], id="one object on two data lines"),
        pytest.param('{"a":1}\n[DONE]', [A, END], id="[DONE] without a blank line before it"),
        pytest.param('{"a":"x\ty"}', [{"a": "x\ty"}], id="a raw control character"),
        pytest.param('{"a":"\\ud83d"}', [{"a": "\ud83d"}], id="a lone surrogate"),
        pytest.param('{"a":1}{"b":2}', [A, B], id="two objects on one line"),
        pytest.param('{"a":1}data: {"b":2}data: [DONE]', [A, B, END], id="the field again on one line"),
        pytest.param('data: {"a":1}', [A], id="the field twice"),
        pytest.param('[{"a":1},{"b":2}]', [A, B], id="a list of objects"),
        pytest.param("null", [], id="null"),
        pytest.param('{"a":1}\nnull\n{"b":2}\nnull', [A, B], id="null between objects"),
        pytest.param('{"code":0,"data":{"type":"x"}}', [{"code": 0, "type": "x"}], id="a wrapper"),
        pytest.param(
            '{"id":1,"data":{"type":"x","id":2}}',
            [{"id": 2, "type": "x", "data": {"id": 1}}],
            id="a wrapper with a field of the same name",
        ),
        pytest.param('{"data":{"x":1}}', [{"data": {"x": 1}}], id="data that isn't a payload"),
        pytest.param(
            '{"choices":[],"data":{"type":"x"}}',
            [{"choices": [], "data": {"type": "x"}}],
            id="data next to choices",
        ),
        pytest.param('"{\\"a\\":1}"', [A], id="an object that was encoded twice"),
        pytest.param('"\\"{\\\\\\"a\\\\\\":1}\\""', [A], id="an object that was encoded three times"),
        pytest.param('"data: {\\"a\\":1}\\n\\n"', [A], id="a whole frame that was encoded"),
        pytest.param('"[DONE]"', [END], id="[DONE] that was encoded"),
        pytest.param("", [], id="empty data"),
        pytest.param("   ", [], id="blank data"),
    ],
)
def test_a_frame_is_read_as_payloads(data: str, payloads: list[Any]) -> None:
    """Each of these frames is readable by itself."""
    assert read(frame(data)) == (payloads, None)


@pytest.mark.parametrize(
    ("data", "bad", "good"),
    [
        pytest.param('{"x":"ydata: {"a":1}', '{"x":"y', [A], id="torn in a text"),
        pytest.param('{"xdata: {"a":1}data: {"b":2}', '{"x', [A, B], id="torn in a key, then two"),
        pytest.param('{"x\n{"a":1}', '{"x', [A], id="the next object on a line of its own"),
        pytest.param('{"a":1}oops', "oops", [A], id="text after an object"),
        pytest.param('oops data: {"a":1}\ndata: [DONE]', "oops", [A, END], id="text before an object"),
        pytest.param('{"a":1}{"b', '{"b', [A], id="the last one torn"),
        pytest.param('[1]data: {"a":1}', "[1]", [A], id="not an object"),
    ],
)
def test_only_the_torn_part_of_a_frame_is_bad(data: str, bad: str, good: list[Any]) -> None:
    """Every whole object is read; the torn part is one `BadFrame`, in its place."""
    seen, error = read(frame(data))
    assert error is None
    assert [each.data for each in seen if isinstance(each, BadFrame)] == [bad]
    assert [each for each in seen if not isinstance(each, BadFrame)] == good
    assert isinstance(read(frame(data), strict=True)[1], BadFrameError)


def test_torn_parts_are_few_bad_frames() -> None:
    """A megabyte of broken beginnings is at most a few hundred bad frames."""
    for piece in ('data: {"a":', "\n{", 'data: {"x', '{"a":1', 'data: "\\"data: {'):
        seen, _ = read(frame(piece * (1_000_000 // len(piece))))
        assert len(seen) <= 300


@pytest.mark.parametrize(
    ("event", "data", "comment"),
    [
        ("ping", '{"type":"ping"}', "ping"),
        ("message", '{"type":"ping"}', "ping"),
        ("ping", '{"type":"ping","cost":"0.01"}', "ping"),
        ("ping", "{}", "ping"),
        ("ping", "", "ping"),
        ("ping", "null", "null"),
        ("keepalive", "2026-11-21 10:00", "2026-11-21 10:00"),
        ("message", '{"type":"keepalive","sequence_number":3}', "keepalive"),
        ("heartbeat", '{"time":1}', "heartbeat"),
    ],
)
def test_a_sign_of_life_is_a_keep_alive(event: str, data: str, comment: str) -> None:
    """An event without an answer, named ping or keepalive, is as good as a comment; `raw` has its payload."""
    [seen], error = read(frame(data, event))
    assert (seen, error) == (KeepAlive(comment), None)
    assert seen.raw == (json.loads(data) if data.startswith("{") else None)


@pytest.mark.parametrize("data", ['{"choices":[{}]}', '{"type":"ping","error":{"message":"x"}}'])
def test_an_event_called_ping_with_an_answer_is_a_payload(data: str) -> None:
    """A name never hides an answer or an error."""
    assert read(frame(data, "ping")) == ([json.loads(data)], None)


@pytest.mark.parametrize("done", ["[DONE]", " [DONE]", "[DONE]\n", "\t[DONE] "])
def test_nothing_is_read_after_done(done: str) -> None:
    """`[DONE]` ends the stream, with white space around it too; no frame after it is pulled."""

    def frames() -> Iterator[Frame]:
        yield frame('{"a":1}')
        yield frame(done)
        raise AssertionError("a frame after [DONE] was pulled")

    assert list(read_payloads(frames())) == [A, END]


def test_the_name_of_an_event_is_the_type_if_its_data_has_none() -> None:
    """The Responses API sends the type twice; a gateway that sends it once loses no events."""
    event = "response.output_text.delta"
    payloads, _ = read(frame('{"delta":"A"}\n{"delta":"B"}', event), frame('{"type":"x"}', event))
    assert payloads == [{"type": event, "delta": "A"}, {"type": event, "delta": "B"}, {"type": "x"}]


def test_done_alone_is_an_ending() -> None:
    """A stream that consists of [DONE] alone ends properly."""
    assert read(frame("[DONE]")) == ([END], None)


def test_comments_pass_through() -> None:
    """A `KeepAlive` is yielded unchanged, in its place."""
    assert read(KeepAlive("ping"), frame('{"a":1}')) == ([KeepAlive("ping"), A], None)


BAD = {
    "text": "not-json",
    "a list": "[1]",
    "a string": '"x"',
    "a number": "5",
    "a list with something else": '[{"a":1},2]',
    "cut off": '{"a":',
    "an object inside of a broken one": '{"a":\n {"b":2},\n oops',
    "too deep": '{"a":' + "[" * 100_000,
    "a number of too many digits": '{"a":' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_frame_is_an_event_and_the_stream_goes_on(data: str, caplog: pytest.LogCaptureFixture) -> None:
    """A bad frame is yielded and logged once with its text truncated; the next frame is read."""
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
    """The error has the frame's text in `.data`."""
    payloads, error = read(frame('{"a":1}'), frame(data), frame('{"b":2}'), strict=True)
    assert payloads == [A]
    assert isinstance(error, BadFrameError)
    assert error.data == data


@pytest.mark.parametrize("end", [[], [frame("[DONE]")]], ids=["EOF", "[DONE]"])
def test_bad_frames_alone_are_an_error(end: list[Frame]) -> None:
    """A stream of bad frames alone is never Completed, even if it ends in [DONE]."""
    payloads, error = read(frame("bad"), frame("worse"), *end)
    assert [p.data for p in payloads] == ["bad", "worse"]
    assert isinstance(error, BadFrameError)
    assert error.data == "worse"


def test_done_after_only_bad_frames_ends_the_reading() -> None:
    """After [DONE] the reader never waits for a connection that the server keeps open."""

    def frames() -> Iterator[Frame]:
        yield frame("bad")
        yield frame("[DONE]")
        raise AssertionError("a frame after [DONE] was pulled")

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
    """`event: error` and llama.cpp's `error:` field raise, whatever shape their data has."""
    payloads, error = read(frame('{"a":1}'), kind("error", data), frame('{"b":2}'))
    assert payloads == [A]
    assert isinstance(error, APIError)
    assert error.message == message


def test_an_announced_error_without_data_is_raised() -> None:
    """The event's name alone announces the failure."""
    assert isinstance(read(frame('{"a":1}'), frame("", "error"))[1], APIError)


def test_text_next_to_an_announced_error_comes_first() -> None:
    """Text in the same payload is yielded before the error."""
    data = '{"choices":[{"delta":{"content":"A"}}],"error":{"message":"boom"}}'
    payloads, error = read(frame(data, "error"))
    assert [p["choices"][0]["delta"]["content"] for p in payloads] == ["A"]
    assert isinstance(error, APIError)


@pytest.mark.parametrize(
    ("data", "payloads"),
    [
        pytest.param('{"a":1}', [A], id="whole JSON"),
        pytest.param("[DONE]", [END], id="[DONE]"),
        pytest.param('{"a":', [], id="cut off"),
        pytest.param("[DON", [], id="cut [DONE]"),
        pytest.param('{"a":1}\n{"b', [A], id="one whole, one cut off"),
    ],
)
def test_a_torn_last_block_counts_only_if_it_is_whole(data: str, payloads: list[Any]) -> None:
    """llama.cpp ends its bodies without the blank line; half a frame isn't a bad frame."""
    assert read(TornFrame("message", data), strict=True) == (payloads, None)


# -- two roads, one result ----------------------------------------------------------------

# Pieces of payload texts, so that a random sequence of them is often JSON, and often nearly JSON.
ATOMS = [
    *("{}", "[]", "[1]", "null", "7", "-0.5", "1e5", "NaN", '"x"', '"\u00e9\\ud83d"', "[DONE]", "not JSON"),
    *('{"type":"ping"}', '{"data":{"type":"x"}}', '{"code":0,"data":{"choices":[]}}', "data: "),
    *('{"a":1}', '{"type":"x"}', '{"type":"x","a":{"b":[1,"}"]}}', '{"a":"x\ty"}', '{"choices":[{}]}'),
    *('{"a":', '{"a":1', '"a"', ":", ",", "{", "}", "[", "]", '"', "\\", '{"error":{"message":"boom"}}'),
    *('{"a":' + "[" * 3000, '{"a":' + "1" * 5000 + "}", "\ufeff", "\u00a0", " ", "\t", "\n", "\n\n"),
]
EVENTS = ["message", "message", "message", "error", "response.output_text.delta", "ping", ""]


def random_text(dice: random.Random) -> str:
    """A JSON value, one with a character changed, one with white space around it, or pieces of JSON."""
    road = dice.random()
    if road < 0.3:
        return "".join(dice.choices(ATOMS, k=dice.randrange(5)))
    value: Any = {"a": dice.random(), "b": [dice.choice("xyz"), None, True], "c": {"\u2028": "d\n"}}
    for _ in range(dice.randrange(3)):
        value = {dice.choice(["a", "type", "choices", "data"]): value}
    text = json.dumps(value, indent=dice.choice([None, 1]), ensure_ascii=dice.random() < 0.5)
    if road < 0.5:
        at = dice.randrange(len(text))
        return text[:at] + dice.choice(['"', "\\", "}", "", "\x00", "\n", "x"]) + text[at + 1 :]
    if road < 0.7:
        return dice.choice(["", " ", "\n", "\r"]) + text + dice.choice(["", " ", "\n", "\x0b", "]", "[DONE]"])
    return text


def outcome(frame: Frame, *, strict: bool) -> tuple[list[str], str]:
    """The payloads and notes of `_read_frame`, and its error; as text, because NaN isn't equal to NaN."""
    seen: list[str] = []
    try:
        for each in _read_frame(frame, strict=strict):
            seen.append(repr(each))
    except StreamkitError as error:
        return seen, repr(error)
    return seen, ""


def test_the_fast_road_agrees_with_the_slow_road() -> None:
    """For random texts and events, `_read_plain` returns None or exactly the payload of `_read_frame`."""
    dice = random.Random("payloads")
    sure = unsure = 0
    for _ in range(8000):
        each = frame(random_text(dice), dice.choice(EVENTS))
        payload = _read_plain(each)
        if payload is None:
            unsure += 1
            continue
        sure += 1
        for strict in (False, True):
            assert outcome(each, strict=strict) == ([repr(payload)], ""), each
    assert sure > 500
    assert unsure > 500


@pytest.mark.parametrize(
    ("data", "event", "is_sure"),
    [
        pytest.param('{"a":1}', "message", True, id="an object"),
        pytest.param("{}", "message", True, id="an empty object"),
        pytest.param('{"type":"x"}', "response.created", True, id="the type twice"),
        pytest.param('{"a":1}', "response.created", False, id="the type in the event's name alone"),
        pytest.param('{"a":1}', "content_block_delta", False, id="the same of another API"),
        pytest.param('{"type":"x"}', "error", False, id="an announced error"),
        pytest.param('{"type":"ping"}', "message", False, id="a sign of life"),
        pytest.param('{"data":{"type":"x"}}', "message", False, id="a wrapper"),
        pytest.param('{"choices":[],"data":{}}', "message", True, id="choices next to data"),
        pytest.param('{"a":1} ', "message", False, id="white space after it"),
        pytest.param('{"a":1}{"b":2}', "message", False, id="two objects"),
        pytest.param("[1]", "message", False, id="an array"),
        pytest.param("", "message", False, id="empty data"),
    ],
)
def test_the_fast_road_takes_plain_objects(data: str, event: str, is_sure: bool) -> None:
    """The fast road takes the frames that APIs send, and leaves every doubtful one to the slow road."""
    assert (_read_plain(frame(data, event)) is not None) == is_sure

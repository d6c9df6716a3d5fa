"""testing: builders that send what the real APIs send, and fakes that run all of streamkit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    Client,
    Completed,
    Completion,
    FunctionCall,
    Reasoning,
    ReasoningDelta,
    RetryPolicy,
    StreamCancelledError,
    TextDelta,
    Timeouts,
    ToolCallDelta,
    Usage,
    UsageError,
    read_events,
    testing,
)
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call
from streamkit.testing import (
    FakeClock,
    FakeReply,
    FakeTransport,
    Recording,
    chat_stream,
    chunkings,
    cut_at,
    refusal,
    replay,
    responses_stream,
    sse,
    stall_at,
)

CALL = FunctionCall(call_id="call_1", name="weather", arguments='{"city": "Łódź"}')
OTHER = FunctionCall(call_id="call_2", name="weather", arguments='{"city": "Oslo"}')
PARTS: tuple[Any, ...] = (Reasoning(content=["Hm."]), "Hel", "lo", CALL, OTHER)
BUILDERS = {"chat": chat_stream, "responses": responses_stream}
either_wire = pytest.mark.parametrize("wire", BUILDERS)


def final(body: bytes, wire: str) -> Completion:
    last = list(read_events([body], wire=wire))[-1]
    assert isinstance(last, Completed)
    return last.completion


# -- builders -----------------------------------------------------------------------------


def test_sse_writes_blocks() -> None:
    """JSON is compact, [DONE] unchanged; the Responses API gets `event:`, and each line a data line."""
    assert (
        sse({"a": "é"}, {"type": "response.created"}, "[DONE]", "two\nlines")
        == (
            'data: {"a":"é"}\n\n'
            'event: response.created\ndata: {"type":"response.created"}\n\n'
            "data: [DONE]\n\n"
            "data: two\ndata: lines\n\n"
        ).encode()
    )


@pytest.mark.parametrize("wire", BUILDERS)
def test_a_lone_surrogate_is_escaped(wire: str) -> None:
    """It isn't valid UTF-8, and servers that cut a text anywhere escape it too. It is read as U+FFFD."""
    body = BUILDERS[wire]("half \ud83d")
    assert b"half \\ud83d" in body
    *_, last = read_events([body], wire=wire)
    assert isinstance(last, Completed)
    assert last.completion.text == "half \ufffd"


def test_a_chat_stream_has_the_shape_of_the_api() -> None:
    """Role first, one chunk for each delta, the finish reason by itself, usage without choices, [DONE]."""
    start = '{"id":"c","object":"chat.completion.chunk","created":0,"model":"m","choices":['
    assert chat_stream("Hi", usage=Usage(1, 2, 3), model="m", id="c").decode() == (
        f'data: {start}{{"index":0,"delta":{{"role":"assistant","content":""}},"finish_reason":null}}]}}\n\n'
        f'data: {start}{{"index":0,"delta":{{"content":"Hi"}},"finish_reason":null}}]}}\n\n'
        f'data: {start}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
        f'data: {start}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}}\n\n'
        "data: [DONE]\n\n"
    )


@either_wire
def test_an_answer_contains_the_parts_it_was_built_from(wire: str) -> None:
    """Reasoning, text, both calls, usage and ids are in the completion, on both wires."""
    completion = final(BUILDERS[wire](*PARTS, usage=Usage(1, 2, 3), model="m-1", id="id-1"), wire)
    assert (completion.id, completion.model) == ("id-1", "m-1")
    assert completion.reasoning == "Hm."
    assert completion.text == "Hello"
    assert [(call.call_id, call.name) for call in completion.tool_calls] == [
        ("call_1", "weather"),
        ("call_2", "weather"),
    ]
    assert [c.arguments for c in completion.tool_calls if isinstance(c, FunctionCall)] == [
        '{"city": "Łódź"}',
        '{"city": "Oslo"}',
    ]
    assert completion.finish_reason == "tool_calls"
    assert completion.raw_finish_reason == {"chat": "tool_calls", "responses": "completed"}[wire]
    assert completion.usage == Usage(1, 2, 3)


@either_wire
def test_every_string_is_a_delta(wire: str) -> None:
    """The strings arrive one by one."""
    events = list(read_events([BUILDERS[wire](*PARTS)], wire=wire))
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["Hel", "lo"]
    assert [e.text for e in events if isinstance(e, ReasoningDelta)] == ["Hm."]
    assert "".join(e.arguments for e in events if isinstance(e, ToolCallDelta)) == (
        '{"city": "Łódź"}{"city": "Oslo"}'
    )


@either_wire
def test_the_wire_of_a_stream_can_be_detected(wire: str) -> None:
    """`wire="auto"` reads both."""
    assert list(read_events([BUILDERS[wire](*PARTS)], wire="auto")) == list(
        read_events([BUILDERS[wire](*PARTS)], wire=wire)
    )


def test_two_messages_are_two_items() -> None:
    """In the Responses API text, a call and text are three items, each with an id of its own."""
    items = final(responses_stream("a", CALL, "b"), "responses").items
    assert [item.type for item in items] == ["message", "function_call", "message"]
    assert len({item.id for item in items}) == 3


def test_an_answer_can_be_truncated() -> None:
    """By `length`, by `incomplete`, or as a chat answer without [DONE]."""
    assert final(chat_stream("Hi", finish_reason="length"), "chat").finish_reason == "length"
    assert final(responses_stream("Hi", status="incomplete"), "responses").finish_reason == "length"
    assert b"[DONE]" not in chat_stream("Hi", done=False)


@either_wire
def test_an_invalid_part_is_refused(wire: str) -> None:
    """`UsageError` names it."""
    with pytest.raises(UsageError, match="got 7"):
        BUILDERS[wire](7)  # type: ignore[operator]


# -- fakes --------------------------------------------------------------------------------


def client(*answers: Any, wire: Any = "chat", **options: Any) -> tuple[Client, FakeTransport]:
    fake = FakeTransport(*answers)
    return Client("generic", base_url="http://fake.invalid/v1", wire=wire, transport=fake, **options), fake


@either_wire
def test_a_client_runs_on_a_fake(wire: str) -> None:
    """The whole client runs on the given bytes; `bodies` contains its requests."""
    faked, fake = client(BUILDERS[wire]("Hel", "lo"), wire=wire)
    assert faked.complete("Say hello", model="m").text == "Hello"
    (sent,) = fake.bodies
    assert (sent["model"], sent["stream"]) == ("m", True)
    assert "Say hello" in str(sent)


def test_answers_come_in_order_and_the_last_one_stays() -> None:
    """Each turn of a conversation gets one answer: bytes, chunks or a recording."""
    faked, fake = client(chat_stream("one"), [chat_stream("two")], Recording.of(chat_stream("three")))
    texts = [faked.complete("hi", model="m").text for _ in range(4)]
    assert texts == ["one", "two", "three", "three"]
    assert len(fake.calls) == 4


def test_a_refusal_raises_the_error_of_its_status() -> None:
    """Status, body and headers reach the caller."""
    body = {"error": {"message": "no such parameter", "code": "unknown_parameter"}}
    faked, _ = client(refusal(400, body, headers={"x-request-id": "r-1"}))
    with pytest.raises(BadRequestError, match="no such parameter") as caught:
        faked.complete("hi", model="m")
    assert (caught.value.status, caught.value.code) == (400, "unknown_parameter")
    assert caught.value.request_id == "r-1"


def test_an_error_is_raised_instead_of_a_reply() -> None:
    """It simulates a failing network; the retry gets the next answer."""
    error = APIConnectionError("no route to host")
    faked, _ = client(error, retry=RetryPolicy(max_retries=0))
    with pytest.raises(APIConnectionError, match="no route to host"):
        faked.complete("hi", model="m")
    faked, _ = client(refusal(503, headers={"retry-after": "0"}), chat_stream("at last"))
    assert faked.complete("hi", model="m").text == "at last"


def test_a_damaged_recording_is_an_answer() -> None:
    """The fake plays the results of the functions in faults."""
    body = chat_stream("Hello", "never seen")
    broken = cut_at(Recording.of(body), body.index(b"never seen"), end="reset")
    faked, _ = client(broken, retry=RetryPolicy(max_retries=0))
    with pytest.raises(APIConnectionError, match="the body was cut at byte") as caught:
        faked.complete("hi", model="m")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"


def test_a_function_answers_by_the_call() -> None:
    """It sees the request, and returns any other kind of answer."""

    def answer(call: Call) -> Any:
        question = json.loads(call.body)["messages"][0]["content"]
        return chat_stream(f"{question}!") if question == "hi" else refusal(400)

    faked, fake = client(answer)
    assert faked.complete("hi", model="m").text == "hi!"
    with pytest.raises(BadRequestError):
        faked.complete("bye", model="m")
    assert len(fake.calls) == 2


def test_a_fake_reply_is_read_as_far_as_the_stream_is() -> None:
    """Status, headers, chunks on demand, an exception among them; leaving closes the reply."""
    read: list[bytes] = []

    def chunks() -> Iterator[bytes | BaseException]:
        for chunk in (sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]}), b"never read"):
            read.append(chunk)
            yield chunk

    faked, fake = client(FakeReply(chunks(), 201, {"x-request-id": "r-1"}))
    with faked.stream("hi", model="m") as stream:
        assert next(event.text for event in stream if isinstance(event, TextDelta)) == "Hel"
        assert (stream.status, stream.request_id) == (201, "r-1")
        assert fake.closed == 0
    assert len(read) == 1
    assert fake.closed == 1

    broken = FakeReply([chat_stream("Hel", done=False)[:-1], APIConnectionError("reset")])
    faked, fake = client(broken, retry=RetryPolicy(max_retries=0))
    with pytest.raises(APIConnectionError, match="reset"):
        faked.complete("hi", model="m")


@pytest.mark.parametrize(
    ("timeouts", "phase"),
    [
        (Timeouts(first_event=5), "first_event"),
        (Timeouts(idle=20), "idle"),
        (Timeouts(deadline=25), "deadline"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fake_reply_that_sleeps_runs_into_the_timeouts(timeouts: Timeouts, phase: str) -> None:
    """Headers after 10 seconds, text at once, the rest after 30 more: each clock fires, and nothing waits."""
    clock = FakeClock()
    text = sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})

    def chunks() -> Iterator[bytes]:
        yield text
        clock.sleep(30)
        yield chat_stream("lo")

    def answer(_call: Call) -> FakeReply:
        clock.sleep(10)
        return FakeReply(chunks())

    watch = Watch(timeouts, now=clock.now, sleep=clock.sleep)
    with pytest.raises(APITimeoutError) as caught:
        for _ in FakeTransport(answer).open(Call("http://fake", b"{}"), watch).chunks:
            watch.data_arrived()
    assert caught.value.phase == phase


def test_a_cancelled_stream_reads_no_more_of_a_fake_reply() -> None:
    """`cancel()` ends it between two chunks, as it ends a read of a socket."""
    faked, _ = client(FakeReply([sse({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})] * 3))
    stream = faked.stream("hi", model="m")
    with pytest.raises(StreamCancelledError):
        for event in stream:
            if isinstance(event, TextDelta):
                stream.cancel()
    assert stream.partial.text == "Hel"


def test_a_fake_clock_moves_only_when_it_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sleep of an hour advances it at once, and nothing waits."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept for real"))
    clock = FakeClock(10)
    assert (clock.now(), clock.now()) == (10, 10)
    clock.advance(5)
    clock.sleep(3600)
    assert (clock.now(), clock.naps) == (3615, [3600])
    for move in (clock.advance, clock.sleep):
        with pytest.raises(UsageError, match="seconds: expected 0 or more, got -1"):
            move(-1)
    assert (clock.now(), clock.naps) == (3615, [3600])


def test_a_recording_is_paced_by_a_fake_clock() -> None:
    """At its recorded speed, a reply of an hour takes no time."""
    clock = FakeClock()
    slow = stall_at(Recording.of(chat_stream("Hel", "lo")), 10, 3600)
    events = replay(slow, speed=1, now=clock.now, sleep=clock.sleep)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello"
    assert clock.now() == pytest.approx(3600)


def test_a_fake_needs_an_answer() -> None:
    """A fake without answers is a mistake in the test."""
    with pytest.raises(UsageError, match="answers: expected at least one"):
        FakeTransport()


# -- chunkings ----------------------------------------------------------------------------


def test_chunkings_contain_the_whole_body_and_have_names() -> None:
    """Each has every byte; a short body is divided in two at every place; the names are unique."""
    ways = chunkings(b"abcde")
    assert {b"".join(way) for way in ways} == {b"abcde"}
    assert [str(way) for way in ways] == [
        "whole",
        "empty chunks around",
        "bytewise",
        "every 2 bytes",
        "every 3 bytes",
        "cut at 1",
        "cut at 2",
        "cut at 3",
        "cut at 4",
    ]
    assert ways[2] == (b"a", b"b", b"c", b"d", b"e")
    assert ways[-1] == (b"abcd", b"e")


def test_a_long_body_is_divided_a_limited_number_of_times() -> None:
    """*cuts* limits the divisions in two."""
    assert sum("cut at" in str(way) for way in chunkings(b"x" * 1000, cuts=9)) == 9
    assert [str(way) for way in chunkings(b"")] == ["whole", "empty chunks around"]


@pytest.mark.parametrize("chunks", chunkings(chat_stream(*PARTS)), ids=str)
def test_cuts_do_not_matter(chunks: tuple[bytes, ...]) -> None:
    """Their purpose: the events of an answer with parts of every kind are the same for each."""
    assert list(read_events(chunks)) == list(read_events([chat_stream(*PARTS)]))


def test_testing_is_documented() -> None:
    """`__all__` lists the module's public names, and each of them has a docstring."""
    for name in testing.__all__:
        assert getattr(testing, name).__doc__

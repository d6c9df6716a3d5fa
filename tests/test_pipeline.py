"""The whole chain: bytes in, events out; plain JSON answers; telling the wire; SSE alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    APIError,
    BadFrameError,
    BadRequestError,
    Completed,
    Frame,
    FunctionCall,
    ItemDone,
    KeepAlive,
    Message,
    NotAnEventStreamError,
    OutputImage,
    OutputText,
    RateLimitError,
    Reasoning,
    Refusal,
    ServerError,
    Started,
    StreamkitError,
    TextDelta,
    TruncatedStreamError,
    Unknown,
    Usage,
    UsageError,
    events_from_completion,
    read_events,
    read_frames,
)
from streamkit.state.answer import AnswerState

from .chat_payloads import DONE, Outcome, body, call, chunk, collect, read

HI = {"id": "i", "model": "m", "created": 7, **chunk(content="Hi")}


def answer(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    """A plain JSON answer with one choice."""
    return {"id": "i", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}


def plain(payload: Any, **options: Any) -> list[Outcome]:
    """The answer as an object, and as the body of a reply."""
    return [
        collect(events_from_completion(payload, **options)),
        collect(read_events([json.dumps(payload).encode()], **options)),
    ]


# -- plain answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "items"),
    [
        pytest.param({"content": "Hi"}, [Message("assistant", "Hi")], id="text"),
        pytest.param({"content": None}, [], id="nothing"),
        pytest.param(
            {"content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
            [Message("assistant", "Hi")],
            id="P18 parts",
        ),
        pytest.param({"refusal": "no"}, [Message("assistant", [Refusal("no")])], id="CO-04 a refusal"),
        pytest.param(
            {"reasoning_content": "hm", "content": "Hi"},
            [Reasoning(content="hm"), Message("assistant", "Hi")],
            id="P16 reasoning_content",
        ),
        pytest.param(
            {
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}],
                "content": "Hi",
            },
            [
                Reasoning(summary="hm", details=[{"type": "reasoning.summary", "summary": "hm"}]),
                Message("assistant", "Hi"),
            ],
            id="OS-06 details",
        ),
        pytest.param(
            {"tool_calls": [call(None, "a", "f", "{}"), call(None, "b", "f", '{"x":1}')]},
            [FunctionCall("a", "f", "{}"), FunctionCall("b", "f", '{"x":1}')],
            id="two calls",
        ),
        pytest.param(
            {"tool_calls": [call(None, None, "f", {"x": 1})]}, [FunctionCall(None, "f", '{"x":1}')], id="P14"
        ),
        pytest.param(
            {"function_call": {"name": "f", "arguments": "{}"}}, [FunctionCall(None, "f", "{}")], id="legacy"
        ),
        pytest.param(
            {"content": "Hi", "images": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
            [Message("assistant", [OutputText("Hi"), OutputImage("data:x")])],
            id="OS-18 images",
        ),
        pytest.param(
            {"content": "Hi", "annotations": [{"url": "u"}]},
            [Message("assistant", [OutputText("Hi", [{"url": "u"}])])],
            id="annotations",
        ),
    ],
)
def test_a_plain_answer_gives_the_events_of_its_stream(message: Any, items: list[Any]) -> None:
    """ST-13, P3: the same items, the same way: deltas, ItemDone, Completed."""
    for outcome in plain(answer(message)):
        assert outcome.error is None
        assert outcome.done == items
        assert list(outcome.completion.items) == items
        assert outcome.completion.id == "i"


def test_a_plain_answer_with_several_choices() -> None:
    """Law 7: each its own, in whatever order they stand."""
    choices = [
        {"index": 1, "message": {"content": "B"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "A"}, "finish_reason": "stop"},
    ]
    for outcome in plain({"choices": choices, "usage": {"total_tokens": 3}, "citations": ["u"]}):
        completion = outcome.completion
        assert [(c.index, c.text, c.finish_reason) for c in completion.choices] == [
            (0, "A", "stop"),
            (1, "B", "length"),
        ]
        assert completion.usage == Usage(total_tokens=3)
        assert completion.extras == {"citations": ["u"]}


def test_a_plain_answer_is_not_changed() -> None:
    """STYLE: never change an argument."""
    payload = answer({"content": "Hi"})
    before = json.dumps(payload)
    list(events_from_completion(payload))
    assert json.dumps(payload) == before


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        pytest.param({"error": {"message": "m", "code": 400}}, BadRequestError, id="OpenRouter"),
        pytest.param({"error": {"message": "m", "type": "rate_limit_error"}}, RateLimitError, id="by type"),
        pytest.param({"error": "m"}, APIError, id="a string"),
        pytest.param({"detail": "m"}, APIError, id="FastAPI"),
        pytest.param({"message": "m", "code": 500}, ServerError, id="LM Studio"),
        pytest.param({"error": {"message": "m"}, "choices": []}, APIError, id="beside no choices"),
        pytest.param({"foo": 1}, NotAnEventStreamError, id="neither"),
        pytest.param({}, NotAnEventStreamError, id="empty"),
        pytest.param({"error": None, "foo": 1}, NotAnEventStreamError, id="an error that is null"),
    ],
)
def test_a_plain_error_raises(payload: Any, error: type[StreamkitError]) -> None:
    """P3: the error it means, with an empty `.partial`; never an empty success."""
    for outcome in plain(payload):
        assert type(outcome.error) is error
        assert outcome.completion.choices == ()


def test_an_error_beside_choices_comes_after_their_text() -> None:
    """X-05 holds for plain answers as well."""
    payload = answer({"content": "Hel"}, "error", error={"message": "down", "code": 502})
    for outcome in plain(payload):
        assert isinstance(outcome.error, ServerError)
        assert outcome.completion.text == "Hel"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param(b"<html><title>502 Bad Gateway</title></html>", "an HTML page", id="HTML"),
        pytest.param(b"", "an empty body", id="empty"),
        pytest.param(b" \n\n ", "an empty body", id="blank"),
        pytest.param(b"upstream connect error", "text that isn't an event stream", id="plain text"),
        pytest.param(b'{"choices": [', "broken JSON", id="cut JSON"),
        pytest.param(b"[]", "a JSON list", id="a list"),
    ],
)
@pytest.mark.parametrize("wire", ["chat", "responses", "auto"])
def test_a_body_that_is_no_stream_is_refused(raw: bytes, shown: str, wire: str) -> None:
    """P3, SSE-19: the error says what it got and shows the beginning."""
    outcome = collect(read_events([raw] if raw else [], wire=wire))
    assert isinstance(outcome.error, NotAnEventStreamError)
    assert shown in str(outcome.error)
    assert outcome.error.body == raw.decode().strip()


def test_white_space_before_a_plain_answer_does_not_hide_it() -> None:
    """OpenRouter sends white space to keep the connection of a plain answer open."""
    chunks = [b"\n" + b" " * 200] * 10 + [json.dumps(answer({"content": "Hi"})).encode()]
    assert collect(read_events(chunks)).completion.text == "Hi"


@pytest.mark.parametrize(
    "raw", [b"data: {", b"data", b"event: x\n", b"\xef\xbb\xbfretry: 5\n\n", b"id: 1\n\n"]
)
def test_a_stream_that_ends_before_its_first_event_is_cut(raw: bytes) -> None:
    """Law 1: what begins as an event stream is a truncation, not another kind of body."""
    outcome = collect(read_events([raw]))
    assert isinstance(outcome.error, TruncatedStreamError)
    assert outcome.completion.choices == ()


# -- telling the wire -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "wire"),
    [
        pytest.param(HI, "chat", id="a chat chunk"),
        pytest.param({"choices": []}, "chat", id="Azure's prelude"),
        pytest.param({"type": "response.created", "response": {"id": "r"}}, "responses", id="an event"),
        pytest.param({"object": "response", "id": "r", "output": []}, "responses", id="a plain response"),
        pytest.param({"type": "chat.chunk", "choices": []}, "chat", id="choices decide"),
        pytest.param({"type": 5}, "chat", id="a type of a wrong type"),
    ],
)
def test_the_first_payload_tells_the_wire(first: dict[str, Any], wire: str) -> None:
    """ "auto" gives what the wire's own name gives."""
    stream = body(b": ping\n\n", first)
    told, known = (collect(read_events([stream], wire=name)) for name in ("auto", wire))
    assert told.events == known.events
    assert told.events[0] == KeepAlive("ping")
    assert (type(told.error), str(told.error)) == (type(known.error), str(known.error))


def test_done_alone_ends_a_stream_of_an_unknown_wire_too() -> None:
    """[DONE] is an ending, whatever was to come before it."""
    assert collect(read_events([DONE], wire="auto")).error is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (answer({"content": "Hi"}), "i"),
        ({"object": "response", "id": "r", "status": "completed", "output": []}, "r"),
    ],
)
def test_a_plain_answer_tells_its_wire(body: dict[str, Any], kind: str) -> None:
    """ "auto" reads documents too."""
    for outcome in plain(body, wire="auto"):
        assert outcome.completion.id == kind


# -- the caller's mistakes, the source's errors ------------------------------------------------------


@pytest.mark.parametrize("options", [{"wire": "smoke"}, {"profile": "nobody"}], ids=str)
def test_an_unknown_name_is_the_callers_mistake(options: dict[str, Any]) -> None:
    """Raised with the known names at the call, before a byte is read."""
    with pytest.raises(UsageError, match=r"expected (chat or responses|a Profile or one of anthropic)"):
        read_events(iter([]), **options)


@pytest.mark.parametrize("read_it", [read_events, lambda chunks: read_events(chunks, wire="auto")])
def test_what_the_source_raises_comes_as_one_error(read_it: Callable[[Any], Any]) -> None:
    """P26: `__cause__` is the foreign exception, `.partial` what had arrived."""

    def chunks() -> Iterator[bytes]:
        yield body(HI)
        raise ConnectionResetError("reset by peer")

    outcome = collect(read_it(chunks()))
    assert isinstance(outcome.error, APIConnectionError)
    assert isinstance(outcome.error.__cause__, ConnectionResetError)
    assert outcome.completion.text == "Hi"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_error_passes_untouched(error: type[BaseException]) -> None:
    """P10: Ctrl-C is Ctrl-C; what had arrived stays in the turn that was handed in."""

    def chunks() -> Iterator[bytes]:
        yield body(HI)
        raise error

    turn = AnswerState()
    with pytest.raises(error):
        list(read_events(chunks(), state=turn))
    assert turn.completion().text == "Hi"


def test_a_connection_lost_after_the_finish_loses_nothing() -> None:
    """P8: a finished answer is never reported as a failure."""

    def chunks() -> Iterator[bytes]:
        yield body(HI, chunk("stop"))
        raise ConnectionResetError

    outcome = collect(read_events(chunks()))
    assert outcome.error is None
    assert outcome.completion.text == "Hi"


@pytest.mark.parametrize("limit", [{"max_line": 50}, {"max_event": 50}], ids=str)
def test_limits_are_in_bytes_and_raise(limit: dict[str, int]) -> None:
    """SSE-08: a runaway line or event ends the reading, with what had arrived."""
    outcome = read(chunk(content="A" * 100), **limit)
    assert isinstance(outcome.error, BadFrameError)


def test_a_runaway_document_is_refused() -> None:
    """`max_event` is the limit of a JSON body too."""
    outcome = collect(read_events([json.dumps(answer({"content": "A" * 999})).encode()], max_event=500))
    assert isinstance(outcome.error, NotAnEventStreamError)


ONE = answer({"content": "Hi"})


def test_nothing_is_read_after_the_mark_that_follows_a_plain_answer() -> None:
    """A gateway that sends JSON and then `data: [DONE]` may keep the connection open."""

    def chunks() -> Iterator[bytes]:
        yield json.dumps(ONE).encode()
        yield b"\n\ndata: [DO"
        yield b"NE]\n\n"
        raise AssertionError("a chunk after [DONE] was pulled")

    assert list(read_events(chunks())) == list(events_from_completion(ONE))


def test_the_mark_inside_of_a_plain_answer_ends_nothing() -> None:
    """A text may contain `data: [DONE]`, even at the end of a chunk."""
    body = json.dumps({"choices": [{"message": {"content": 'x data: [DONE] "y" data: [DONE]'}, "index": 0}]})
    events = list(read_events(chunk.encode() for chunk in body.replace("[DONE]", "[DONE]\0").split("\0")))
    assert isinstance(events[-1], Completed)
    assert events[-1].completion.text == 'x data: [DONE] "y" data: [DONE]'


def test_strict_raises_for_bad_frames() -> None:
    """X-01."""
    assert isinstance(read(HI, "not json", chunk("stop"), strict=True).error, BadFrameError)
    assert read(HI, "not json", chunk("stop")).error is None


def test_a_turn_after_its_end() -> None:
    """X-02: behind [DONE] nothing is read, and the iterator is at its end for good."""
    events = read_events([body(HI, chunk("stop"), done=True), body(chunk(content="late"))])
    seen = list(events)
    assert isinstance(seen[-1], Completed)
    assert next(events, None) is None
    assert [e.text for e in seen if isinstance(e, TextDelta)] == ["Hi"]
    assert [e for e in seen if isinstance(e, Started | Unknown)] == [Started("i", "m", 7)]
    assert len([e for e in seen if isinstance(e, ItemDone)]) == 1


# -- frames alone --------------------------------------------------------------------------------------


def test_frames_alone() -> None:
    """The specification's letter: frames, comments, the last id, retry, and the undispatched tail."""
    reader = read_frames(
        [b"id: 7\nretry: 50\nevent: x\ndata: a\ndata: b\n\n: hi\nerror: no\n\nid\n\ndata: t"]
    )
    assert list(reader) == [Frame("x", "a\nb", "7", 50), KeepAlive("hi")]
    assert (reader.last_event_id, reader.retry, reader.tail) == ("", 50, b"data: t")


def test_frames_are_pulled_one_by_one() -> None:
    """Law 9: nothing is read that was not asked for."""
    taken = []

    def chunks() -> Iterator[bytes]:
        for n in range(3):
            taken.append(n)
            yield b"data: x\n\n"

    reader = read_frames(chunks())
    assert next(reader) == Frame("message", "x")
    assert taken == [0]


def test_frames_have_limits() -> None:
    """`max_line` and `max_event` raise BadFrameError."""
    with pytest.raises(BadFrameError):
        list(read_frames([b"data: " + b"x" * 100], max_line=50))
    with pytest.raises(BadFrameError):
        list(read_frames([b"data: x\n" * 100], max_event=50))


@pytest.mark.parametrize(
    ("chunks", "got"),
    [
        pytest.param("data: {}\n\n", "iterable of bytes, got str", id="text"),
        pytest.param(
            ["data: {}\n\n"], "expected bytes, got str; open files in binary mode", id="pieces of text"
        ),
        pytest.param(None, "got NoneType", id="nothing"),
    ],
)
def test_chunks_that_are_no_bytes_are_named(chunks: Any, got: str) -> None:
    """Who opens a file in text mode is told so, by both readers."""
    for reader in (read_events, read_frames):
        with pytest.raises(UsageError, match=got):
            list(reader(chunks))


def test_a_whole_body_is_its_own_one_chunk() -> None:
    """A bytes object is read as the body that it is, not as an iterable of numbers."""
    body = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    assert list(read_events(body)) == list(read_events([body]))
    assert [frame.data for frame in read_frames(b"data: x\n\n")] == ["x"]

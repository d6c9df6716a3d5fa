"""Masking: words go, structure stays, no byte is added or lost."""

from __future__ import annotations

import json

import pytest

from streamkit import Completed, Event, FunctionCall, StreamkitError, read_events
from streamkit.recordings.masking import Masker, mask_object

from .recorded import Recorded, fixtures

# One JSON object over several data lines has no line that is JSON; a restated text may look like the first.
UNLIKE = {"generic/multi_line_data", "responses-generic/restated_text"}


def mask(body: bytes) -> bytes:
    masker = Masker()
    masker.may_stop(body)
    return masker.mask(body)


def data(**payload: object) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        pytest.param(
            b'data: {"id":"c-1","model":"gpt-9","choices":[{"delta":{"content":"Hi, Bob 7!"}}]}\n\n',
            b'data: {"id":"c-1","model":"gpt-9","choices":[{"delta":{"content":"xx, xxx 1!"}}]}\n\n',
            id="text",
        ),
        pytest.param(
            'data: {"content":"é\\u00e9\\n\\"q\\ud83d\\ude00"}\n\n'.encode(),
            b'data: {"content":"xx\\u0078\\n\\"x\\u0078\\u0078"}\n\n',
            id="escapes and UTF-8 keep their size",
        ),
        pytest.param(
            b'data: {"function":{"name":"weather","arguments":"{\\"city\\": \\"Paris\\", \\"n\\": -12.5e3, '
            b'\\"ok\\": true, \\"s\\": \\"a\\\\u00e9\\\\\\"b\\"}"}}\n\n',
            b'data: {"function":{"name":"weather","arguments":"{\\"xxxx\\": \\"xxxxx\\", \\"x\\": -11.1e1, '
            b'\\"xx\\": true, \\"x\\": \\"x\\\\u0078\\\\\\"x\\"}"}}\n\n',
            id="arguments stay JSON",
        ),
        pytest.param(
            b'data: {"logprobs":{"content":[{"token":"Hi","bytes":[72, 105],"logprob":-0.5}]}}\n\n',
            b'data: {"logprobs":{"content":[{"token":"xx","bytes":[11, 111],"logprob":-0.5}]}}\n\n',
            id="logprobs say the text twice",
        ),
        pytest.param(
            b'data: {"type":"error","code":"it was Bob","status":"failed"}\n\n',
            b'data: {"type":"error","code":"xx xxx xxx","status":"failed"}\n\n',
            id="prose is no structure wherever it stands",
        ),
        pytest.param(
            b": a comment\r\nevent: response.created\r\nid: 7\r\nretry: 5\r\ndata: [DONE]\r\n\r\n",
            b": a comment\r\nevent: response.created\r\nid: 7\r\nretry: 5\r\ndata: [DONE]\r\n\r\n",
            id="SSE stays",
        ),
        pytest.param(b"data: {torn Bob\n\n", b"data: {xxxx xxx\n\n", id="no JSON"),
        pytest.param(
            b'data: {"arguments":"{\\"a\\": \\"\\\\u\\"Bob"}\n\n',
            b'data: {"arguments":"{\\"x\\": \\"\\\\u\\"xxx"}\n\n',
            id="arguments that are no JSON keep their size",
        ),
        pytest.param(b"<html>Bob</html>", b"<xxxx>xxx</xxxx>", id="no stream"),
        pytest.param(
            b'{\n "error": {\n  "message": "no Bob",\n  "type": "denied"}}',
            b'{\n "error": {\n  "message": "xx xxx",\n  "type": "denied"}}',
            id="a document over several lines",
        ),
        pytest.param(b'data: {"a":"x","a":"Bob"}\n', b'data: {"a":"x","a":"xxx"}\n', id="a name twice"),
    ],
)
def test_words_go_and_structure_stays(body: bytes, masked: bytes) -> None:
    """Letters become x and digits 1, in what somebody said and nowhere else."""
    assert mask(body) == masked


def test_arguments_that_come_in_pieces_stay_json() -> None:
    """Each call's place inside its JSON is kept from piece to piece, also of two calls that interleave."""

    def piece(index: int, arguments: str) -> bytes:
        call = {"index": index, "function": {"arguments": arguments}}
        return data(choices=[{"index": 0, "delta": {"tool_calls": [call]}}])

    pieces = [(0, '{"ci'), (1, "{"), (0, 'ty": "Par'), (1, '"n": tr'), (0, 'is"}'), (1, "ue}")]
    expected = [(0, '{"xx'), (1, "{"), (0, 'xx": "xxx'), (1, '"x": tr'), (0, 'xx"}'), (1, "ue}")]
    body = b"".join(piece(*p) for p in pieces)
    assert mask(body) == b"".join(piece(*p) for p in expected)


def test_a_request_is_masked_by_the_same_rules() -> None:
    """What was asked goes; which model and tool were asked stays."""
    asked = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "Hi Bob"}]}
    assert mask_object(asked) == {**asked, "messages": [{"role": "user", "content": "xx xxx"}]}


@pytest.mark.parametrize("stream", fixtures(), ids=lambda s: s.name)
def test_a_masked_stream_gives_the_same_kinds_of_events(stream: Recorded) -> None:
    """Every fixture: as many bytes, the same events in the same order, the same end, and no call lost."""
    masked = mask(stream.body)
    assert len(masked) == len(stream.body)
    if stream.name not in UNLIKE:
        assert kinds(masked, stream) == kinds(stream.body, stream)


def kinds(body: bytes, stream: Recorded) -> list[str]:
    seen: list[str] = []
    try:
        for event in read_events([body], wire=stream.wire, profile=stream.profile):
            seen.append(kind(event))
    except StreamkitError as error:
        seen.append(type(error).__name__)
    return seen


def kind(event: Event) -> str:
    if isinstance(event, Completed):
        items = event.completion.items
        calls = [item.status for item in items if isinstance(item, FunctionCall)]
        return f"Completed {event.completion.finish_reason} {len(items)} {calls}"
    return type(event).__name__

"""Masking: words are replaced, structure stays, and a masked body yields the same kinds of events."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator

import pytest

from streamkit import PROFILES, Completed, Event, FunctionCall, StreamkitError, read_events
from streamkit.recordings.format import TimedChunk
from streamkit.recordings.masking import Masker, mask_object

from .recorded import Recorded, fixtures

# Its text is restated with other words; masked, both look the same.
UNLIKE = {
    "responses-generic/restated_text",
    # The words of a message select the class of their errors.
    "databricks/error_value_json_text",
    "generic/error_of_a_python_client",
}


def masked_chunks(chunks: Iterable[TimedChunk]) -> Iterator[TimedChunk]:
    masker = Masker()
    for chunk in chunks:
        yield from masker.add(chunk)
    yield from masker.finish()


def mask(*chunks: bytes) -> bytes:
    return b"".join(chunk.data for chunk in masked_chunks(TimedChunk(0.0, data) for data in chunks))


def data(**payload: object) -> bytes:
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        pytest.param(
            b'data: {"id":"c-1","model":"gpt-9","choices":[{"delta":{"content":"Hi, Bob 7!"}}]}\n\n',
            b'data: {"id":"c-1","model":"gpt-9","choices":[{"delta":{"content":"xx, xxx 1!"}}]}\n\n',
            id="text",
        ),
        pytest.param(
            'data: {"content": "\u00e9\\u00e9\\n\\"q\\ud83d\\ude00\\ud83d\u2014"}\n\n'.encode(),
            b'data: {"content":"xx\\n\\"xxxx"}\n\n',
            id="each character beyond ASCII is one x",
        ),
        pytest.param(
            b'data: {"function":{"name":"weather","arguments":"{\\"city\\": \\"Paris\\", \\"n\\": -12.5e3, '
            b'\\"ok\\": true, \\"s\\": \\"a\\\\u00e9\\\\\\"b\\"}"}}\n\n',
            b'data: {"function":{"name":"weather","arguments":"{\\"xxxx\\": \\"xxxxx\\", \\"x\\": -11.1e1, '
            b'\\"xx\\": true, \\"x\\": \\"x\\\\u0078\\\\\\"x\\"}"}}\n\n',
            id="arguments stay JSON",
        ),
        pytest.param(
            b'data: {"arguments":"{\\"a\\": \\"\\\\u\\"Bob"}\n\n',
            b'data: {"arguments":"{\\"x\\": \\"\\\\u\\"xxx"}\n\n',
            id="arguments that aren't JSON",
        ),
        pytest.param(
            b'data: {"logprobs":{"content":[{"token":"Hi","bytes":[72, 105],"logprob":-0.5}]}}\n\n',
            b'data: {"logprobs":{"content":[{"token":"xx","bytes":[120,120],"logprob":-0.5}]}}\n\n',
            id="logprobs contain the text as numbers",
        ),
        pytest.param(
            b'data: {"type":"error","code":"it was Bob","status":"failed"}\n\n',
            b'data: {"type":"error","code":"xx xxx xxx","status":"failed"}\n\n',
            id="prose in a field for structure",
        ),
        pytest.param(
            b": a comment\r\nevent: response.created\r\nid: 7\r\nretry: 5\r\ndata: [DONE]\r\n\r\n",
            b": a comment\nevent: response.created\nid: 7\nretry: 5\ndata: [DONE]\n\n",
            id="the fields of SSE stay, line ends become LF",
        ),
        pytest.param(b"data: {torn Bob\n\n", b"data: {xxxx xxx\n\n", id="data that isn't JSON"),
        pytest.param(b"note: Bob\ndata: {}\n\n", b"xxxx: xxx\ndata: {}\n\n", id="an unknown field"),
        pytest.param(
            b'error: {"message":"no Bob","code":400}\n\n',
            b'error: {"message":"xx xxx","code":400}\n\n',
            id="llama.cpp's error field",
        ),
        pytest.param(
            b'data: {"a":\ndata: "Bob"}\n\n', b'data: {"a":"xxx"}\n\n', id="an object over several lines"
        ),
        pytest.param(
            b'data: {"a":"Bob"}\ndata: {"a":"Al"}\ndata: [DONE]\n\n',
            b'data: {"a":"xxx"}\ndata: {"a":"xx"}\ndata: [DONE]\n\n',
            id="an object in each line",
        ),
        pytest.param(b'\xef\xbb\xbfdata: {"a":"Bob"}\n\n', b'data: {"a":"xxx"}\n\n', id="a byte order mark"),
        pytest.param(b'data: {"a":"Bob"}', b'data: {"a":"xxx"}', id="no line end"),
        pytest.param(b'data: {"a":"Bob"}\n', b'data: {"a":"xxx"}\n', id="no blank line"),
        pytest.param(b'data: {"a":"Bo', b'data: {"x":"xx', id="a frame cut off"),
        pytest.param(b"<html>Bob</html>", b"<xxxx>xxx</xxxx>", id="a body that isn't a stream"),
        pytest.param(
            b'{\n "error": {\n\n  "message": "no Bob",\n  "type": "denied"}}',
            b'{"error":{"message":"xx xxx","type":"denied"}}',
            id="a document over several lines",
        ),
        pytest.param(b'{"a": "Bob"', b'{"x": "xxx"', id="a document cut off"),
        pytest.param(
            b'data: {"a":"x","a":"Bob"}\n\n', b'data: {"a":"xxx"}\n\n', id="the last of equal names"
        ),
        pytest.param(b"", b"", id="an empty body"),
    ],
)
def test_words_are_masked_and_structure_stays(body: bytes, masked: bytes) -> None:
    """Letters become x and digits 1 in strings that aren't structure, in every cutting of the body."""
    assert mask(body) == masked
    assert mask(*(body[at : at + 1] for at in range(len(body)))) == masked
    for at in range(len(body)):
        assert mask(body[:at], b"", body[at:]) == masked


def test_arguments_in_pieces_stay_json() -> None:
    """The position inside each call's JSON is kept from piece to piece, even if two calls alternate."""

    def piece(index: int, arguments: str) -> bytes:
        call = {"index": index, "function": {"arguments": arguments}}
        return data(choices=[{"index": 0, "delta": {"tool_calls": [call]}}])

    pieces = [(0, '{"ci'), (1, "{"), (0, 'ty": "Par'), (1, '"n": tr'), (0, "is\\"), (1, "ue}"), (0, '"n"}')]
    expected = [(0, '{"xx'), (1, "{"), (0, 'xx": "xxx'), (1, '"x": tr'), (0, "xx\\"), (1, "ue}"), (0, '"x"}')]
    body = b"".join(piece(*p) for p in pieces)
    assert mask(body) == b"".join(piece(*p) for p in expected)


def test_random_arguments_stay_json() -> None:
    """Masked arguments are JSON of the same shape in every division into pieces."""
    dice = random.Random("arguments")
    words = ["Bob", "a\\b", 'a "q"', "\u00e9", "\u2028\n", "\ud83d", "", "null", "7"]

    def value(depth: int) -> object:
        kinds = [dice.choice(words), dice.randrange(-99, 99), 1.5e300, True, None]
        if depth:
            kinds += [{word: value(depth - 1) for word in dice.sample(words, 2)}, [value(depth - 1)]] * 2
        return dice.choice(kinds)

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return [shape(inner) for inner in value.values()]
        if isinstance(value, list):
            return [shape(inner) for inner in value]
        return type(value)

    for _ in range(300):
        asked = {f"key {n}": value(3) for n in range(2)}
        text = json.dumps(asked, ensure_ascii=dice.random() < 0.5)
        cuts = sorted(dice.choices(range(len(text)), k=4))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        body = b"".join(data(delta={"index": 0, "arguments": piece}) for piece in pieces)
        payloads = [json.loads(line[6:]) for line in mask(body).splitlines() if line]
        masked = "".join(payload["delta"]["arguments"] for payload in payloads)
        assert "Bob" not in masked
        # Equal names after masking hide each other, so count on the pairs.
        pairs = json.loads(masked, object_pairs_hook=lambda pairs: [value for _, value in pairs])
        assert json.dumps(shape(pairs), default=str) == json.dumps(shape(asked), default=str)


def test_a_frame_has_the_time_of_its_last_byte() -> None:
    """Each frame is written when its last byte arrives, however the reads cut it."""
    reads = [
        TimedChunk(0.5, b'data: {"a":"Bo'),
        TimedChunk(1.0, b'b"}\n\ndata: {"a":"Al"}\n'),
        TimedChunk(1.5, b'\ndata: {"a":'),
        TimedChunk(2.0, b'"Cy"}\n\n: hi\r\n\r'),
        TimedChunk(2.5, b"\n"),
        TimedChunk(3.0, b"data: to"),
    ]
    assert list(masked_chunks(reads)) == [
        TimedChunk(1.0, b'data: {"a":"xxx"}\n\n'),
        TimedChunk(1.5, b'data: {"a":"xx"}\n\n'),
        TimedChunk(2.0, b'data: {"a":"xx"}\n\n: hi\n\n'),
        TimedChunk(3.0, b"data: xx"),
    ]


def test_a_document_has_the_time_of_its_last_byte() -> None:
    """A JSON document can only be masked as a whole."""
    reads = [TimedChunk(1.0, b' {"a":'), TimedChunk(2.0, b'"Bob"}')]
    assert list(masked_chunks(reads)) == [TimedChunk(2.0, b'{"a":"xxx"}')]


def test_a_frame_in_many_chunks_is_written_as_one() -> None:
    """No chunk is written before the blank line, and each chunk is searched once."""
    masker = Masker()
    count = 10_000
    for _ in range(count):
        assert list(masker.add(TimedChunk(0.0, b"data: Bob\n"))) == []
    (chunk,) = masker.add(TimedChunk(1.0, b"\n"))
    assert chunk.data == b"data: xxx\n" * count + b"\n"


def test_a_request_is_masked_by_the_same_rules() -> None:
    """The prompt is masked; the names of model and parameters stay."""
    asked = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "Hi Bob"}]}
    masked = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "xx xxx"}]}
    assert mask_object(asked) == masked
    assert asked["messages"] == [{"role": "user", "content": "Hi Bob"}]


@pytest.mark.parametrize("stream", fixtures(), ids=lambda s: s.name)
def test_a_masked_stream_gives_the_same_kinds_of_events(stream: Recorded) -> None:
    """Every fixture has the same events in the same order, the same end, and as many calls as before."""
    masked = mask(stream.body)
    assert mask(*(stream.body[at : at + 7] for at in range(0, len(stream.body), 7))) == masked
    splits_tags = PROFILES[stream.profile].think_tags != "off"  # the tags in the text are masked, too
    if stream.name not in UNLIKE and not splits_tags:
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

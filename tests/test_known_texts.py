"""A line that restates a text of the answer: its payload is the decoded line, and the text is there once."""

from __future__ import annotations

import json
import random
import sys
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import streamkit.pipeline
import streamkit.pipeline.known_texts as known_texts
import streamkit.pipeline.payloads
from streamkit import Completed, Event, ItemDone, StreamkitError, TextDelta, read_events
from streamkit.events import Unknown
from streamkit.json_text import scan_holes, scan_object
from streamkit.pipeline.frames import LONG
from streamkit.pipeline.known_texts import shorten
from streamkit.state.answer import AnswerState
from streamkit.state.open_items import open_item
from streamkit.state.text_buffer import TextBuffer
from streamkit.testing import sse

from .recorded import fixtures

TEXTS = [
    "plain words, with a blank after each, " * 9,
    'quotes " and \\ and / and \b\f\n\r\t and \x00\x7f ' * 9,
    "größer – 北京 👍 " * 20,
    "北京大学" * 80,
    "👍" * 100,
    "\\" * 300,
    "\\u0041 " * 60,
    "0123456789abcdef" * 20,
    '{"path": "a\\"b"}' * 20,
]


WRITERS = [
    json.dumps,
    partial(json.dumps, ensure_ascii=False),
    lambda value: json.dumps(value).replace("/", "\\/"),
    lambda value: json.dumps(value, ensure_ascii=False).replace("w", "\\u0077").replace("\\n", "\\u000A"),
]


def state_with(*texts: str) -> AnswerState:
    """An answer with a message for each text, in pieces."""
    state = AnswerState()
    for number, text in enumerate(texts):
        item: Any = open_item("message", number, 0, None, {})
        for at in range(0, len(text), 7):
            item.text.add(text[at : at + 7], 0)
        state.items[number] = item
        state.in_order.append(item)
    return state


def read(line: str | bytes, state: AnswerState, least: int = 30) -> Any:
    data = line if isinstance(line, bytes) else line.encode(errors="surrogatepass")
    short = shorten(data, 0, state, least=least)
    return None if short is None else short.payload()


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of some hundred characters takes many windows."""
    for name, value in {"_FIRST": 40, "_WINDOW": 40, "_BEGINNING": 3, "_PER_ITEM": 0}.items():
        monkeypatch.setattr(known_texts, name, value)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("write", WRITERS)
def test_a_restated_text_is_the_text_of_the_answer(text: str, write: Any) -> None:
    """However a server escapes it: the payload is the decoded line, with the answer's own string in it."""
    state = state_with(text)
    value = {"n": [1, 2.5], "a": {"text": text, "é": None}, "type": "x", "again": text}
    payload = read(write(value), state)
    own = state.in_order[0].texts[0].pieces.join()
    if text == "\\" * 300:  # a run of backslashes can't be cut by a look at its end
        assert payload is None
        return
    assert payload == value
    assert payload["a"]["text"] is payload["again"] is own


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("seed", range(400))
def test_a_shortened_line_has_the_payload_of_the_whole_line(seed: int) -> None:
    """Random objects around texts, near texts and other strings, some damaged: the same value, or None."""
    chance = random.Random(seed)
    texts = chance.sample(TEXTS, 2)
    state = state_with(*texts)

    def value(depth: int) -> Any:
        text = chance.choice(texts)
        near = [text, text, text[:-1], text + "x", text[:50], text[1:], text[:99] + "é" + text[100:]]
        leaves = [*near, "", '"', "a\\", "NaN", 1, None, True, 1.5, float("inf"), "x" * 400]
        if depth > 2 or chance.random() < 0.5:
            return chance.choice(leaves if chance.random() < 0.5 else texts)
        if chance.random() < 0.5:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        return {
            chance.choice(["a", "type", 'b"', text]): value(depth + 1) for _ in range(chance.randrange(4))
        }

    line = chance.choice(WRITERS)({"text": value(0), "b": value(0), "c": value(0)}).encode()
    if chance.random() < 0.2:
        at = chance.randrange(len(line))
        line = line[:at] + chance.choice([b"", b"x", b'"', b"\\", b"\xff", b"}", b"NaN"]) + line[at + 1 :]
    payload = read(line, state)
    if payload is not None:
        assert repr(payload) == repr(scan_object(line.decode()))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"a": "@"', id="torn"),
        pytest.param('{"a": "@', id="torn in the text"),
        pytest.param('{"a": "@"} {}', id="two objects"),
        pytest.param('["@"]', id="a list"),
        pytest.param('{"@": 1}', id="a name"),
        pytest.param('{"a": "@", "b": NaN}', id="a constant"),
        pytest.param('{"a": -"@"}', id="a sign"),
        pytest.param('{"a": "@x"}', id="longer"),
        pytest.param('{"a": "x@"}', id="begins otherwise"),
        pytest.param('{"a": "@\\q"}', id="no escape"),
        pytest.param("[" * 99 + '{"a": {"b": "@"}}' + "]" * 99, id="deep list"),
        pytest.param('{"a":' * 101 + '"@"' + "}" * 101, id="deep"),
        pytest.param('{"a": "short"}' + " " * 400, id="nothing restated"),
    ],
)
def test_an_unsure_line_is_left_to_the_decoder(line: str) -> None:
    """The result is None, and the decoder of every payload decides."""
    assert read(line.replace("@", TEXTS[0]), state_with(TEXTS[0])) is None


def test_invalid_utf_8_is_left_to_the_decoder() -> None:
    """In the text, or next to it."""
    text = TEXTS[0].encode()
    for line in (
        b'{"a": "' + text[:99] + b"\xff" + text[100:] + b'"}',
        b'{"b": "\xff", "a": "' + text + b'"}',
    ):
        assert read(line, state_with(TEXTS[0])) is None


def test_a_hole_takes_values_in_order() -> None:
    """`NaN` stands for them; other constants keep their meaning, and the number of values must fit."""
    assert scan_holes('{"a": NaN, "b": [NaN, Infinity]}', ["x", 7]) == {"a": "x", "b": [7, float("inf")]}
    assert scan_holes('{"a": NaN, "b": NaN}', ["x"]) is None


def test_many_short_strings_are_passed_by() -> None:
    """Strings before and after the text, more than one step of the search takes."""
    value = {"before": ['a "b" \\'] * 1000, "text": TEXTS[0], "after": ["x" * 300, ""] * 1000}
    state = state_with(TEXTS[0])
    payload = read(json.dumps(value), state)
    assert payload == value
    assert payload["text"] is state.in_order[0].texts[0].pieces.join()


def test_each_part_of_a_text_is_recognized() -> None:
    """A summary arrives in parts, which are restated one by one. Each is a string of its own then."""
    state = AnswerState()
    item: Any = open_item("message", 0, 0, None, {})
    state.in_order.append(item)
    for part, text in enumerate(TEXTS[:3]):
        item.text.add(text, part)
    value = {"a": TEXTS[1], "b": [TEXTS[2], TEXTS[1]]}
    payload = read(json.dumps(value), state)
    assert payload == value
    assert payload["a"] is payload["b"][1] is item.text.parts()[1]
    assert payload["b"][0] is item.text.parts()[2]
    assert str(item.text) == "".join(TEXTS[:3])


def test_a_text_that_the_server_corrected_is_recognized() -> None:
    """The restatement that contradicted the pieces is restated once more."""
    state = state_with(TEXTS[0])
    buffer = state.in_order[0].texts[0]
    buffer.correct(0, TEXTS[2])
    payload = read(json.dumps({"a": TEXTS[2]}), state)
    assert payload["a"] is TEXTS[2]


def test_more_items_than_the_line_is_long_are_not_looked_at() -> None:
    """Looking at each of them for each line isn't linear."""
    line = json.dumps({"a": TEXTS[0]})
    assert read(line, state_with(TEXTS[0])) is not None
    assert read(line, state_with(*[TEXTS[0]] * 3)) is None


def test_no_window_is_as_long_as_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is compared in parts of 1/64, and decoded nowhere else."""
    sizes: list[int] = []
    decode = known_texts.scanstring

    def counted(text: str, *rest: Any) -> Any:
        sizes.append(len(text))
        return decode(text, *rest)

    monkeypatch.setattr(known_texts, "scanstring", counted)
    text = TEXTS[2] * 12_000
    short = shorten(json.dumps({"a": text}, ensure_ascii=False).encode(), 0, state_with(text))
    assert short is not None
    assert max(sizes) <= len(text.encode()) // 64 + 20
    assert sum(sizes) < len(text) + len(text) // 8


@pytest.mark.parametrize("size", [300, 3000])
def test_strings_that_begin_like_the_text_cost_no_share_of_the_line(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows begin small: a string costs about its own length."""
    decoded = 0
    decode = known_texts.scanstring

    def counted(text: str, *rest: Any) -> Any:
        nonlocal decoded
        decoded += len(text)
        return decode(text, *rest)

    monkeypatch.setattr(known_texts, "scanstring", counted)
    text = "word " * 10_000
    line = json.dumps({"a": [text[:size]] * (2_000_000 // size)})
    assert read(line, state_with(text)) is None
    assert decoded < 4 * len(line)


def test_a_part_in_several_runs_and_many_parts_are_not_looked_at() -> None:
    """They would be strings without an end."""
    buffer = TextBuffer()
    for part in (0, 1, 0, 2):
        buffer.add("x" * 50, part)
    assert [run[1:] for run in buffer.long_parts(50)] == [(50, 100), (150, 200)]
    for part in range(70):
        buffer.add("x" * 50, part)
    assert list(buffer.long_parts(50)) == []


# -- in the chain -------------------------------------------------------------------------


def responses(text: str, step: int = 9) -> list[dict[str, Any]]:
    """An answer of the Responses API, which restates its text four times."""
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    return [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *(
            {"type": "response.output_text.delta", **place, "delta": text[at : at + step]}
            for at in range(0, len(text), step)
        ),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": part, "news": 1},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}},
    ]


@pytest.fixture(params=["lane", "plain"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)


@pytest.mark.usefixtures("road")
@pytest.mark.parametrize("size", [1 << 10, 1 << 16, 1 << 22])
def test_all_restatements_are_the_text_itself(size: int) -> None:
    """The text of the item, of `raw` and of the snapshots is one object, on both roads and in any cutting."""
    text = "größer than 北京 👍\n" * 2000
    body = b"".join(sse(each) for each in responses(text))
    events = list(read_events([body[at : at + size] for at in range(0, len(body), size)], wire="responses"))
    completed = events[-1]
    assert isinstance(completed, Completed)
    own = completed.completion.text
    assert own == text
    assert completed.raw is not None
    assert completed.raw["response"]["output"][0]["content"][0]["text"] is own
    (done,) = (event for event in events if isinstance(event, ItemDone))
    assert done.raw is not None
    assert done.raw["item"]["content"][0]["text"] is done.item.text is own  # type: ignore[union-attr]
    *_, last = (event for event in events if isinstance(event, TextDelta))
    assert last.snapshot is own
    restated = [event.payload for event in events if isinstance(event, Unknown)]
    assert [each["part"]["text"] is own for each in restated if "part" in each] == [True]


@pytest.mark.usefixtures("road")
def test_each_part_of_a_summary_is_the_text_itself() -> None:
    """A thought's summary arrives in parts, and each one is restated four times."""
    texts = [f"größer than 北京 {number} 👍\n" * 2000 for number in range(3)]
    item: dict[str, Any] = {"type": "reasoning", "id": "rs", "summary": []}
    payloads: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
    ]
    for number, text in enumerate(texts):
        place = {"item_id": "rs", "output_index": 0, "summary_index": number}
        part = {"type": "summary_text", "text": text}
        payloads += [
            {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}},
            *(
                {"type": "response.reasoning_summary_text.delta", **place, "delta": text[at : at + 99]}
                for at in range(0, len(text), 99)
            ),
            {"type": "response.reasoning_summary_text.done", **place, "text": text},
            {"type": "response.reasoning_summary_part.done", **place, "part": part},
        ]
    item = {**item, "summary": [{"type": "summary_text", "text": text} for text in texts]}
    payloads += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}},
    ]
    events = list(read_events([sse(each) for each in payloads], wire="responses"))
    (done,) = (event for event in events if isinstance(event, ItemDone))
    own = done.item.summary  # type: ignore[union-attr]
    assert [*own] == texts
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert done.raw is not None
    assert completed.raw is not None
    for stated in (done.raw["item"], completed.raw["response"]["output"][0]):
        assert all(part["text"] is text for part, text in zip(stated["summary"], own, strict=True))


def test_a_chat_answer_that_is_restated_is_the_text_itself() -> None:
    """Some gateways send the whole message at the end."""
    text = "größer than 北京 👍\n" * 2000
    pieces = [
        {"choices": [{"index": 0, "delta": {"content": text[at : at + 99]}}]}
        for at in range(0, len(text), 99)
    ]
    end = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}
    completed = list(read_events([sse(*pieces, end, "[DONE]")]))[-1]
    assert isinstance(completed, Completed)
    assert completed.completion.text == text
    assert completed.raw is not None
    assert completed.raw["choices"][0]["message"]["content"] is completed.completion.text


def outcome(chunks: list[bytes], wire: str, profile: Any) -> tuple[list[Event], list[Any], str]:
    events: list[Event] = []
    error = ""
    try:
        for event in read_events(chunks, wire=wire, profile=profile):
            events.append(event)
    except StreamkitError as exc:
        error = f"{type(exc).__name__}: {exc} {exc.partial}"
    return events, [event.raw for event in events], error


@pytest.mark.usefixtures("road", "small_windows")
@pytest.mark.parametrize("stream", fixtures(), ids=lambda each: each.name)
def test_every_fixture_is_the_same_without_it(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """House rule B, with limits so low that nearly every event takes this road: whole, and cut off."""
    body = stream.body
    cuts = [[body], [body[i : i + 50] for i in range(0, len(body), 50)], [body[: len(body) * 9 // 10]]]
    before = [outcome(chunks, stream.wire, stream.profile) for chunks in cuts]
    monkeypatch.setattr(streamkit.pipeline, "LONG", 30)
    monkeypatch.setattr(streamkit.pipeline.payloads, "shorten", partial(shorten, least=16))
    assert [outcome(chunks, stream.wire, stream.profile) for chunks in cuts] == before


@pytest.mark.parametrize("beyond", ["", " 👍"], ids=["ascii", "emoji"])
def test_memory_of_restatements_is_a_small_multiple_of_the_text(beyond: str, tmp_path: Path) -> None:
    """A body that is read from a file takes 2.5 times its text at most, whichever characters it has."""
    text = ("a word and another one\n" * 20 + beyond) * 4000
    file = tmp_path / "body"
    file.write_bytes(b"".join(sse(each) for each in responses(text, 500)))
    tracemalloc.start()
    try:
        with file.open("rb", buffering=0) as body:
            for _ in read_events(iter(lambda: body.read(1 << 14), b""), wire="responses"):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * sys.getsizeof(text)


def test_the_limit_is_of_a_long_text() -> None:
    """Short answers, nearly all of them, don't come here."""
    assert LONG >= 10_000

"""The laws of the design, on every fixture, and on every stream of the corpus where one is set.

Law 11 (retries) and law 12 (secrets) concern the network: tests/test_client.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import pickle
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

import streamkit.state.text_buffer
from streamkit import (
    Completed,
    Completion,
    CustomToolCall,
    Event,
    FunctionCall,
    ItemDone,
    ItemStarted,
    KeepAlive,
    Message,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamkitError,
    TextDelta,
    ToolCallDelta,
    Unknown,
    read_events,
    read_frames,
)
from streamkit.codec import to_jsonable
from streamkit.state.answer import AnswerState
from streamkit.state.pieces import Pieces
from streamkit.testing import sse
from streamkit.wires.gemini.calls import MINTED
from streamkit.wires.gemini.fields import camel

from .fuzz.checks import strings_in
from .recorded import CORPUS, EVERY, Recorded, corpus, fixtures

FIXTURES = fixtures()
STREAMS = FIXTURES + corpus()
every_fixture = pytest.mark.parametrize("stream", FIXTURES, ids=lambda s: s.name)
every_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s.name)
Delta = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta


def test_the_corpus_is_walked_where_it_is_set() -> None:
    """With STREAMKIT_CORPUS set the laws walk it; without it they say so."""
    if not CORPUS:
        pytest.skip("STREAMKIT_CORPUS is not set: the laws walk our own fixtures only")
    assert len(STREAMS) > len(FIXTURES)


def bytewise(body: bytes) -> Iterator[bytes]:
    return (body[i : i + 1] for i in range(len(body)))


def places(stream: Recorded, most: int) -> list[int]:
    """Where to cut: everywhere in a short body; in a long one around each line end, and evenly."""
    size = len(stream.body)
    if size <= most:
        return list(range(size + 1))[::EVERY]
    ends = [i for i in range(size) if stream.body[i : i + 1] in b"\r\n"]
    step = max(1, len(ends) * 3 // most)
    near = {i + d for i in ends[::step] for d in (0, 1, 2)}
    return sorted(near | set(range(0, size + 1, max(1, size * 2 // most))))[::EVERY]


def deltas_of(events: Iterable[Event]) -> dict[tuple[int, str], str]:
    """The text of each slot's deltas, refusals and the two kinds of reasoning apart."""
    texts: dict[tuple[int, str], str] = {}
    for event in events:
        if isinstance(event, Delta):
            kind = event.kind if isinstance(event, ReasoningDelta) else type(event).__name__
            text = event.arguments if isinstance(event, ToolCallDelta) else event.text
            texts[event.slot, kind] = texts.get((event.slot, kind), "") + text
    return texts


# -- 1. terminal or raise -----------------------------------------------------------------


def assert_ends_properly(events: list[Event], error: StreamkitError | None) -> None:
    completed = [event for event in events if isinstance(event, Completed)]
    if error is None:
        assert len(completed) == 1
        assert events[-1] is completed[0]
    else:
        assert not completed
        assert error.partial is not None


@every_stream
def test_a_stream_completes_or_raises(stream: Recorded) -> None:
    """Law 1: exactly one Completed, last; or an error with `.partial`."""
    assert_ends_properly(*stream.events())


def assert_text_is_that_of_the_deltas(partial: Completion, events: list[Event], body: bytes) -> None:
    """`.text` is the deltas of its choice, item by item; a part that differs is text that the server sent."""
    first = partial.choices[0].index if partial.choices else 0
    texts = deltas_of(event for event in events if getattr(event, "choice", first) == first)
    seen = "".join(texts[place] for place in sorted(texts) if place[1] == "TextDelta")
    if partial.text == seen:
        return
    sent = {leaf[-1] for payload in payloads_in(body) for leaf in leaves(payload)}
    for item in partial.items:
        for part in item.content if isinstance(item, Message) else ():
            assert getattr(part, "text", "") in sent or getattr(part, "text", "") in seen


@every_stream
def test_every_prefix_completes_or_raises_with_what_had_arrived(stream: Recorded) -> None:
    """Law 1, for every prefix: `.partial` holds the text of the deltas seen, no more and no less."""
    for end in places(stream, 10 if stream.name.startswith("corpus/") else 300):
        events, error = stream.events([stream.body[:end]])
        assert_ends_properly(events, error)
        if error is not None and error.partial is not None:
            assert_text_is_that_of_the_deltas(error.partial, events, stream.body[:end])


@every_stream
def test_the_answer_so_far_is_that_of_the_deltas(stream: Recorded) -> None:
    """Law 1 at every moment, while the stream is read; long streams are checked at 60 places."""
    state = AnswerState()
    events: list[Event] = []
    step = max(1, stream.body.count(b"\n\n") // 60)
    with contextlib.suppress(StreamkitError):
        for event in read_events([stream.body], wire=stream.wire, profile=stream.profile, state=state):
            events.append(event)
            if len(events) % step == 0:
                assert_text_is_that_of_the_deltas(state.completion(), events, stream.body)


# -- 2. cutting does not matter ------------------------------------------------------------


@every_stream
def test_bytewise_gives_the_same_events(stream: Recorded) -> None:
    """Law 2: one byte at a time gives the events of the whole."""
    size = 1 if len(stream.body) < 40_000 else 97
    cut = (stream.body[i : i + size] for i in range(0, len(stream.body), size))
    (events, error), (again, same) = stream.events(), stream.events(cut)
    assert again == events
    assert (type(same), str(same)) == (type(error), str(error))


@every_fixture
def test_every_two_way_cut_gives_the_same_events(stream: Recorded) -> None:
    """Law 2: wherever one cut falls."""
    events, error = stream.events()
    for place in places(stream, 200):
        again, same = stream.events([stream.body[:place], stream.body[place:]])
        assert again == events
        assert str(same) == str(error)


# -- 3. deltas add up ----------------------------------------------------------------------


@every_stream
def test_deltas_add_up_to_their_item(stream: Recorded) -> None:
    """Law 3: an item's text is its deltas', unless the server restated it: then never both."""
    events, _ = stream.events()
    texts = deltas_of(events)
    for event in events:
        if not isinstance(event, ItemDone):
            continue
        whole: dict[str, str] = {}
        match event.item:
            case Message(text=text, refusal=refusal):
                whole = {"TextDelta": text, "RefusalDelta": refusal}
            case Reasoning(content=content, summary=summary):
                whole = {"text": "".join(content), "summary": "".join(summary)}
            case FunctionCall(arguments=text) | CustomToolCall(input=text):
                whole = {"ToolCallDelta": text}
        for kind, text in whole.items():
            streamed = texts.get((event.slot, kind), "")
            if streamed != text:  # restated: what was streamed is no prefix of it, and not doubled
                assert not text.startswith(streamed)
                assert "restate" in (stream.expected or {}).get("about", "restate").lower()


def read_whole(body: bytes, wire: str) -> tuple[list[Event], Completion]:
    events, error = Recorded("", body, wire, "generic").events()
    completion = error.partial if error else events[-1].completion  # type: ignore[union-attr]
    assert completion is not None
    return events, completion


def responses_stream(*payloads: dict[str, Any]) -> bytes:
    end = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
    return sse(*payloads, end)


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        pytest.param("hot will change day", "hot will change day", id="a longer one"),
        pytest.param("cold", "cold", id="another text"),
    ],
)
def test_a_text_is_restated(whole: str, text: str) -> None:
    """Law 3: a restatement that contradicts wins; a longer one adds its end as a delta."""
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    pieces = [
        {"type": "response.output_text.delta", **place, "delta": piece} for piece in ("hot ", "will change")
    ]
    done = {"type": "response.output_text.done", **place, "text": whole}
    events, completion = read_whole(responses_stream(*pieces, done), "responses")
    assert completion.text == text
    shown = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert shown == ("hot will change" if text == "cold" else text)


@pytest.mark.parametrize("whole", ['{"a":1}', '{"b":2}', ""])
def test_arguments_are_restated(whole: str) -> None:
    """Law 3: a restatement replaces arguments only if it is JSON; an empty one isn't."""
    place = {"item_id": "f1", "output_index": 0}
    item = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "f", "arguments": ""}
    _, completion = read_whole(
        responses_stream(
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.function_call_arguments.delta", **place, "delta": '{"a":1}'},
            {"type": "response.function_call_arguments.done", **place, "arguments": whole},
        ),
        "responses",
    )
    assert [getattr(call, "arguments", "") for call in completion.tool_calls] == [
        whole if whole == '{"b":2}' else '{"a":1}'
    ]


@every_fixture
def test_the_snapshot_is_the_text_so_far(stream: Recorded) -> None:
    """Law 3 and section 3: `snapshot` is the item's text up to and including that delta, kept or not."""
    events, _ = stream.events()
    texts: dict[tuple[int, str], str] = {}
    for event in events:
        if isinstance(event, Delta):
            kind = type(event).__name__
            text = event.arguments if isinstance(event, ToolCallDelta) else event.text
            texts[event.slot, kind] = texts.get((event.slot, kind), "") + text
            assert event.snapshot == texts[event.slot, kind]  # read after the stream is over


# -- 4. nothing is lost --------------------------------------------------------------------


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every scalar that says something, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif value not in (None, ""):
        yield (*path, type(value).__name__, value)


def payloads_in(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects on the wire, read with the plain json module, up to [DONE]."""
    for frame in read_frames([body + b"\n\n"]):
        if isinstance(frame, KeepAlive):
            continue
        if frame.data.strip() == "[DONE]":
            return
        try:
            payload = json.loads(frame.data, strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(payload, dict):
            yield payload


# What an event of the Responses API says about itself, not about the answer. Events that hold nothing
# else of their own (in_progress, content_part.added, output_text.done, ...) give no event of ours.
ENVELOPE = frozenset(
    (
        "type",
        "index",
        "status",
        "event_id",
        "sequence_number",
        "output_index",
        "content_index",
        "summary_index",
        "item_id",
    )
)


def said_by(payload: dict[str, Any], wire: str) -> set[Any]:
    """The leaves that have to be reachable: with their path, or (Responses) with their name alone.

    The Responses API says everything again, at other paths. The role of a chat chunk with nothing else
    in it is a field of the message (X-20).
    """
    found = set(leaves(payload))
    if wire == "chat":
        return {leaf for leaf in found if leaf[-3:] != ("role", "str", "assistant")}
    named = {(next((k for k in reversed(leaf[:-2]) if type(k) is str), ""), leaf[-1]) for leaf in found}
    return {leaf for leaf in named if leaf[0] not in ENVELOPE}


@every_stream
def test_every_leaf_of_every_payload_is_reachable(stream: Recorded) -> None:
    """Law 4: what the server said is in some event's `raw`, or in the error's body."""
    events, error = stream.events()
    reachable: set[Any] = set()
    for event in events:
        reachable |= said_by(event.raw or {}, stream.wire)
        if isinstance(event, Unknown):
            reachable |= said_by(event.payload, stream.wire)
    body = getattr(error, "body", None)
    reachable |= said_by(body if isinstance(body, dict) else {}, stream.wire)
    partial = getattr(error, "partial", None)
    for completion in [event.completion for event in events if isinstance(event, Completed)] + [partial]:
        for item in completion.items if completion else ():  # a field: texts restated as another part
            reachable.add(("text", getattr(item, "text", "")))
            reachable |= said_by(to_jsonable(item), stream.wire)
    for payload in payloads_in(stream.body):
        # What a wrapper says is next to what its data says.
        data = payload.pop("data", None)
        assert not said_by(payload | (data or {}), stream.wire) - reachable
        if payload.get("type") in TERMINAL:
            return


TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "error")


# -- 5. nothing is invented ----------------------------------------------------------------


# The counts that input and output tokens are the sums of, where the APIs count parts apart.
SUMS = {
    "messages": (
        ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        ("output_tokens",),
    ),
    "gemini": (
        ("promptTokenCount", "toolUsePromptTokenCount"),
        ("candidatesTokenCount", "thoughtsTokenCount"),
    ),
}


def complete_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return text.strip() == ""
    return True


@every_stream
def test_nothing_is_invented(stream: Recorded) -> None:
    """Law 5: finish reasons, ids, names and usage are on the wire; calls handed out are whole JSON."""
    events, error = stream.events()
    completion = error.partial if error else events[-1].completion  # type: ignore[union-attr]
    assert completion is not None
    said = {leaf[-1] for payload in payloads_in(stream.body) for leaf in leaves(payload)}
    if not said:  # a plain JSON body, or nothing that SSE would dispatch
        return
    for name in (completion.id, completion.model):
        assert name is None or name in said
    if completion.usage is not None:
        usage = completion.usage
        parts = (usage.input_tokens, usage.output_tokens)
        raw = {camel(name): value for name, value in (usage.raw or {}).items()}
        raw |= usage.raw or {}
        for count, names in zip(parts, SUMS.get(stream.wire, ((), ())), strict=True):
            terms = [raw[name] for name in names if raw.get(name) is not None]
            assert all(term in said for term in terms)
            assert not count or count == sum(terms) or (not names and count in said)
        total = usage.total_tokens
        assert total in said or total is None or (None not in parts and total == sum(parts))  # type: ignore[arg-type]
    for choice in completion.choices:
        assert choice.raw_finish_reason is None or choice.raw_finish_reason in said
        for call in choice.tool_calls:
            assert call.call_id is None or call.call_id in said or call.call_id.startswith(MINTED)
    for event in events:
        if isinstance(event, ItemDone) and isinstance(event.item, FunctionCall):
            assert complete_json(event.item.arguments)
            assert event.item.status != "incomplete"


def chat_stream_of(*deltas: dict[str, Any], finish: str) -> list[Any]:
    payloads = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [*payloads, {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, "[DONE]"]


CALL_WITHOUT_ARGUMENTS = {
    "tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]
}


@pytest.mark.parametrize(
    ("finish", "is_done"),
    [("tool_calls", True), ("stop", True), ("length", False), ("content_filter", False)],
)
def test_empty_arguments_need_a_good_finish(finish: str, is_done: bool) -> None:
    """Law 5: a call whose arguments never arrived isn't finished by a cut."""
    events, completion = read_whole(sse(*chat_stream_of(CALL_WITHOUT_ARGUMENTS, finish=finish)), "chat")
    assert sum(isinstance(event, ItemDone) for event in events) == is_done
    assert len(completion.tool_calls) == is_done


# -- 6. order --------------------------------------------------------------------------------


@every_stream
def test_items_open_in_order_and_close_once(stream: Recorded) -> None:
    """Law 6: slots count up, an item's events stand between its ItemStarted and its ItemDone."""
    events, _ = stream.events()
    opened: list[int] = []
    closed: set[int] = set()
    for event in events:
        if isinstance(event, ItemStarted):
            assert event.slot == len(opened)
            opened.append(event.slot)
        elif isinstance(event, Delta | ItemDone):
            assert event.slot in opened
            assert event.slot not in closed
            if isinstance(event, ItemDone):
                closed.add(event.slot)
    assert not [e for e in events[:-1] if isinstance(e, Completed)]


# -- 7. choices stay apart -------------------------------------------------------------------

SEVERAL = [f for f in FIXTURES if f.expected and len(f.expected["choices"]) > 1 and f.wire == "chat"]


@pytest.mark.parametrize("stream", SEVERAL, ids=lambda s: s.name)
def test_a_choice_is_the_same_without_the_others(stream: Recorded) -> None:
    """Law 7: taking the other choices off the wire changes nothing about the one that is left."""
    events, error = stream.events()
    completion = error.partial if error else events[-1].completion  # type: ignore[union-attr]
    assert completion is not None
    for choice in completion.choices:
        body = b""
        for payload in payloads_in(stream.body):
            payload["choices"] = [c for c in payload["choices"] if c.get("index", 0) == choice.index]
            body += b"data: " + json.dumps(payload).encode() + b"\n\n"
        alone, alone_error = stream.events([body])
        one = alone_error.partial if alone_error else alone[-1].completion  # type: ignore[union-attr]
        assert one is not None
        assert [each for each in one.choices if each.items] == [choice] * bool(choice.items)


# -- 8. events do not change -----------------------------------------------------------------


@every_fixture
def test_events_are_immutable_and_pickle(stream: Recorded) -> None:
    """Law 8: no field can be set; a pickled event is equal, with its snapshot; so are errors."""
    events, error = stream.events()
    for event in events:
        with pytest.raises(FrozenInstanceError):
            event.raw = {}  # type: ignore[misc]
        again = pickle.loads(pickle.dumps(event))
        assert again == event
        assert getattr(again, "snapshot", "") == getattr(event, "snapshot", "")
        assert replace(event, raw=None) == event
    if error is not None:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.partial) == (type(error), str(error), error.partial)


@every_stream
def test_every_string_is_utf8(stream: Recorded) -> None:
    """Law 8: a program can write every text that an event holds."""
    events, error = stream.events()
    for place, text in strings_in([events, str(error), error and vars(error)], "events"):
        assert text.encode() or not text, place


def test_deltas_are_hashable() -> None:
    """Law 8: an event whose fields are hashable is; `raw` and `snapshot` take no part."""
    assert hash(TextDelta("a", raw={"x": []})) == hash(TextDelta("a", snapshot="ba"))


# -- 9. pull, don't push ----------------------------------------------------------------------


@every_fixture
def test_nothing_is_read_that_was_not_asked_for(stream: Recorded) -> None:
    """Law 9: when an event is handed over, no chunk behind the one that gave it was read."""
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for line in stream.body.splitlines(keepends=True):
            taken += 1
            yield line

    lines = stream.body.splitlines(keepends=True)
    events = read_events(counted(), wire=stream.wire, profile=stream.profile)
    assert taken == 0  # not even the first chunk before the first event is asked for
    needed = []
    try:
        for _ in events:
            needed.append(taken)
    except StreamkitError:
        pass
    for position, count in enumerate(needed[:-1]):
        again, _ = stream.events(lines[:count])
        assert len(again) > position


def test_closing_the_events_closes_the_source() -> None:
    """Law 9: a consumer that leaves is felt by the source at once."""
    closed = False

    def source() -> Iterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
        finally:
            closed = True

    events = read_events(source())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed


# -- 10. linear ---------------------------------------------------------------------------------


def chat_body(deltas: int) -> list[bytes]:
    chunk = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
    end = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    return [chunk] * deltas + [end]


def responses_body(deltas: int) -> list[bytes]:
    chunk = b'data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"word "}\n\n'
    end = b'data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}\n\n'
    return [chunk] * deltas + [end]


def tool_body(deltas: int) -> list[bytes]:
    call = b'{"index":0,"function":{"arguments":"     "}}'
    one = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[' + call + b"]}}]}\n\n"
    start = one.replace(b'"function":{', b'"id":"c","function":{"name":"f",')
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n'
    return [start] + [one] * deltas + [end]


def count_calls(chunks: list[bytes], wire: str) -> int:
    """Every call and return of Python and of C functions while *chunks* are read."""
    count = 0

    def profiler(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(profiler)
    try:
        for _ in read_events(chunks, wire=wire):
            pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        pytest.param(chat_body, "chat", id="chat"),
        pytest.param(tool_body, "chat", id="tools"),
        pytest.param(responses_body, "responses", id="responses"),
    ],
)
def test_the_work_for_a_delta_does_not_grow(body: Any, wire: str) -> None:
    """Law 10: eight times the deltas cost eight times the calls."""
    short, long = count_calls(body(500), wire), count_calls(body(4000), wire)
    fixed = short - (long - short) / 7
    assert (long - fixed) / (short - fixed) == pytest.approx(8, rel=0.01)


@pytest.mark.parametrize("body", [chat_body, tool_body, responses_body])
def test_the_text_is_copied_a_fixed_number_of_times(body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 10: eight times the text, eight times the copied characters; one copy a delta would be 64 times."""
    copied = 0

    class Counting(Pieces):
        def store(self) -> None:
            nonlocal copied
            copied += self.tell()
            super().store()

        def join(self, start: int = 0, end: int = sys.maxsize) -> str:
            nonlocal copied
            copied += len(text := super().join(start, end))
            return text

        def getvalue(self) -> str:
            nonlocal copied
            copied += len(text := super().getvalue())
            return text

        def between(self, start: int, end: int) -> str:
            nonlocal copied
            copied += len(text := super().between(start, end))
            return text

    monkeypatch.setattr(streamkit.state.text_buffer, "new_pieces", Counting)
    counts = []
    for deltas in (4_000, 32_000):
        copied = 0
        wire = "responses" if body is responses_body else "chat"
        assert isinstance(list(read_events(body(deltas), wire=wire))[-1], Completed)
        counts.append(copied)
    assert 0 < counts[1] < 10 * counts[0]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_memory_is_the_text_and_a_small_multiple() -> None:
    """Law 10: an answer of 100,000 deltas is never held as 100,000 strings."""
    tracemalloc.start()
    for _ in read_events(iter_chat(100_000), wire="chat"):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len("word ") * 100_000


def iter_chat(deltas: int) -> Iterator[bytes]:
    """`chat_body`, but made as it is read."""
    first, last = chat_body(1)
    return itertools.chain(itertools.repeat(first, deltas), [last])

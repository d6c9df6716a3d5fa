"""Messages streams that no server should send: nothing is lost, and the text is what was yielded.

Each row is a stream, and what is left of it: the answer's text, its calls, and the payloads in `Unknown`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    Completed,
    OverloadedError,
    TextDelta,
    TruncatedStreamError,
    Unknown,
    events_from_completion,
    read_events,
)
from streamkit.wires import find_wire

START = {"type": "message_start", "message": {"id": "m", "model": "x", "role": "assistant", "content": []}}
STOP = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]


def begin(index: Any, kind: str, **fields: Any) -> dict[str, Any]:
    empty = {"text": {"text": ""}, "thinking": {"thinking": ""}, "tool_use": {"input": {}}}.get(kind, {})
    return {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": kind, **empty, **fields},
    }


def add(index: Any, **delta: Any) -> dict[str, Any]:
    ((field, value),) = delta.items()
    kind = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}[field]
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: value}}


def end(index: Any) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def read(payloads: list[Any]) -> list[Any]:
    frames = [f"data: {p if isinstance(p, str) else json.dumps(p)}\n\n".encode() for p in payloads]
    return list(read_events(frames, wire="messages"))


def answer(payloads: list[Any]) -> Any:
    events = read(payloads)
    assert isinstance(events[-1], Completed)
    completion = events[-1].completion
    assert completion.text == "".join(event.text for event in events if isinstance(event, TextDelta))
    return completion


A, B = begin(0, "text"), begin(1, "text")
CALL = begin(1, "tool_use", id="t", name="f")
HOSTED = begin(1, "server_tool_use", id="s", name="web_search", input={"q": 1})


@pytest.mark.parametrize(
    ("blocks", "text", "kinds"),
    [
        ([A, add(0, text="a"), B, add(1, text="b"), add(0, text="c"), end(0), end(1)], "abc", "message"),
        ([A, B, add(1, text="b"), add(0, text="a"), add(1, text="c"), end(1), end(0)], "bac", "message"),
        ([A, add(0, text="a"), B, add(0, text="b"), add(1, text="c"), end(0), end(1)], "abc", "message"),
        ([A, add(0, text="a"), CALL, add(0, text="b"), end(0), end(1)], "ab", "message function_call"),
        (
            [A, add(0, text="a"), HOSTED, begin(2, "text"), add(2, text="b"), add(0, text="c"), end(0)],
            "abc",
            "message server_tool_use message",
        ),
        (
            [A, add(0, text="a"), HOSTED, begin(2, "text"), add(2, text="b"), HOSTED, add(0, text="c"), A],
            "abc",
            "message server_tool_use message message",
        ),
        ([A, A, add(0, text="a"), end(0), add(0, text="b")], "ab", "message"),
        ([add(0, text="a"), add(1, thinking="t"), add(0, text="b")], "ab", "message reasoning message"),
    ],
    ids=[
        *(
            "late text",
            "the second first",
            "before the second begins",
            "behind a call",
            "between hosted tools",
        ),
        *("in its turn", "started twice", "never started"),
    ],
)
def test_the_text_is_in_the_order_of_its_deltas(blocks: list[Any], text: str, kinds: str) -> None:
    """Text of an earlier block that comes late is a part at the end: a reader has seen the rest."""
    completion = answer([START, *blocks, *STOP])
    assert completion.text == text
    found = [getattr(item, "payload", {}).get("type", item.type) for item in completion.items]
    assert sorted(set(found)) == sorted(set(kinds.split()))


def _odd(**fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, **fields}


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "news"},
        {"type": ["ping"]},
        end("zz"),
        begin("zz", "text"),
        _odd(delta={"type": "news_delta", "partial_json": ""}),
        _odd(delta={"type": "signature_delta", "signature": ["c2ln"]}),
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": "zz"}},
        {"type": "message_delta", "delta": {}, "usage": "zz"},
        {"type": "message_delta", "delta": ["zz"]},
        {"type": "message_delta", "delta": {"stop_reason": ["zz"]}},
    ],
    ids=str,
)
def test_what_no_field_can_hold_is_unknown(payload: dict[str, Any]) -> None:
    """Other types than the API's, and kinds that are new; the answer goes on."""
    thought = [begin(0, "thinking"), add(0, thinking="t")]
    events = read([START, *thought, payload, end(0), begin(1, "text"), add(1, text="a"), end(1), *STOP])
    assert payload in [event.payload for event in events if isinstance(event, Unknown)]
    assert events[-1].completion.text == "a"


def test_a_second_signature_replaces_the_first_which_is_kept() -> None:
    """The block goes back with the last one; the other is in an event."""
    signed = [_odd(delta={"type": "signature_delta", "signature": word}) for word in ("one", "two")]
    events = read([START, begin(0, "thinking"), add(0, thinking="t"), *signed, end(0), *STOP])
    assert [event.payload for event in events if isinstance(event, Unknown)] == [signed[1]]
    assert events[-1].completion.items[0].details[0]["signature"] == "two"


def test_the_type_of_an_event_may_be_in_its_name_alone() -> None:
    """A proxy may drop `type` from the data: the event line has it, too."""
    payloads = [START, A, add(0, text="Hi"), add(0, text=" there"), end(0), *STOP]
    body = "".join(
        f"event: {payload.pop('type')}\ndata: {json.dumps(payload)}\n\n" for payload in map(dict, payloads)
    )
    *_, done = read_events(body.encode(), wire="messages")
    assert isinstance(done, Completed)
    assert done.completion.text == "Hi there"
    assert done.completion == answer(payloads)


def test_done_without_a_stop_reason_is_no_ending() -> None:
    """A gateway's `[DONE]` behind half an answer: the stream was cut."""
    with pytest.raises(TruncatedStreamError) as caught:
        read([START, A, add(0, text="a"), "[DONE]"])
    assert caught.value.partial.text == "a"


def test_done_behind_a_stop_reason_is_one() -> None:
    """Nothing after it is read."""
    assert answer([START, A, add(0, text="a"), STOP[0], "[DONE]", {"type": "error", "error": {}}]).text == "a"


def test_a_signature_of_a_thought_that_is_cut_is_kept() -> None:
    """The block doesn't go back, because it isn't whole; the signature is in an event."""
    signed = _odd(delta={"type": "signature_delta", "signature": "one"})
    frames = [START, begin(0, "thinking"), add(0, thinking="t"), signed]
    events = []
    with pytest.raises(TruncatedStreamError):
        for event in read_events([f"data: {json.dumps(p)}\n\n".encode() for p in frames], wire="messages"):
            events.append(event)
    assert [event.payload for event in events if isinstance(event, Unknown)] == [signed]
    lost = ["{not json", *frames[1:], end(0), *STOP]
    broken = read([START, begin(0, "thinking"), *lost[2:3], lost[0], *lost[3:]])
    assert signed in [event.payload for event in broken if isinstance(event, Unknown)]
    assert broken[-1].completion.items[0].details == ()


# -- an answer as a document ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "It rains. \n"}],
        [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
        [
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "text", "text": "a"},
        ],
        [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}],
    ],
    ids=["white space at the end", "a thought alone", "a result alone", "a call alone"],
)
def test_an_answer_is_written_as_it_is(content: list[Any]) -> None:
    """A request may not have these; an answer does."""
    body = {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": content}
    *_, last = events_from_completion({**body, "stop_reason": "end_turn"}, wire="messages")
    assert isinstance(last, Completed)
    assert find_wire("messages").write_document(last.completion, None)["content"] == content


def test_a_sample_without_usage_has_an_empty_object() -> None:
    """The official client reads its fields."""
    sample = find_wire("messages").sample(["a"], finish_reason=None, usage=None, model="x", id="m")
    (end_of_message,) = [each for each in sample if each["type"] == "message_delta"]  # type: ignore[index]
    assert end_of_message["usage"] == {}  # type: ignore[index]
    assert answer(sample).usage is None


def test_the_id_of_a_request_in_the_body_of_an_error_is_kept() -> None:
    """It is there for an error in a stream, which has no header of its own."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}, "request_id": "req_1"}
    with pytest.raises(OverloadedError) as caught:
        read([START, error])
    assert caught.value.request_id == "req_1"

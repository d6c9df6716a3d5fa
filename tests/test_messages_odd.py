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
    UnknownItem,
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


# -- calls ------------------------------------------------------------------------------------------

CALLED = [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
ONE = begin(0, "tool_use", id="t", name="f")
ARGS = '{"a":1}'


def calls(payloads: list[Any]) -> list[tuple[Any, ...]]:
    return [(call.call_id, call.name, call.arguments) for call in answer(payloads).tool_calls]


@pytest.mark.parametrize(
    "blocks",
    [
        [ONE, {"type": "content_block_delta", "index": 0, "delta": {"partial_json": ARGS}}, end(0)],
        [ONE, add(7, partial_json=ARGS), end(0)],
        [ONE, {"type": "content_block_delta", "delta": add(0, partial_json=ARGS)["delta"]}, end(0)],
        [begin("0", "tool_use", id="t", name="f"), add("0", partial_json=ARGS), end("0")],
        [ONE, end(0) | {"content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}}],
        [begin(0, "tool_use", id="t", name=""), ONE, add(0, partial_json=ARGS), end(0)],
        [ONE, end(0), add(0, partial_json=ARGS)],
        [ONE, add(0, partial_json="{}"), add(0, partial_json=ARGS), end(0)],
        [ONE, add(0, partial_json=ARGS), add(0, partial_json=" " + ARGS), end(0)],
        [ONE, add(0, partial_json={"a": 1}), end(0)],
    ],
    ids=[
        *("no type", "another index", "no index", "index as text", "in the stop", "name in a second start"),
        *("behind its stop", "behind an empty object", "twice", "an object"),
    ],
)
def test_the_input_of_a_call_is_found(blocks: list[Any]) -> None:
    """However a server sends it; without it, the call would run with none."""
    ((call_id, name, arguments),) = calls([START, *blocks, *CALLED])
    assert (call_id, name, json.loads(arguments)) == ("t", "f", {"a": 1})


@pytest.mark.parametrize(
    "lost",
    [
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "input_delta", "input": ARGS}}],
        [begin(1, "tool_use", id="u", name="g"), add(7, partial_json=ARGS), end(1)],
        [end(0), A, add(0, partial_json=ARGS)],
    ],
    ids=["an unknown delta", "of one of two calls", "behind the next block"],
)
def test_a_call_whose_input_is_lost_is_not_complete(lost: list[Any]) -> None:
    """An empty input means none only if no piece is left over."""
    completion = answer([START, ONE, *lost, end(0), *CALLED])
    assert completion.tool_calls == ()
    assert any("can't be read" in warning for warning in completion.warnings)


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ({"id": "t", "name": "f", "input": {"a": 1}}, 1),
        ({"id": "t", "name": "f", "input": {"a": 2}}, 2),
        ({"id": "t", "name": "g", "input": {"a": 1}}, 2),
        ({"id": "u", "name": "f", "input": {"a": 1}}, 2),
    ],
    ids=["the same", "another input", "another name", "another id"],
)
def test_a_call_that_is_told_twice_is_one(second: dict[str, Any], count: int) -> None:
    """A tool may not run twice; Kimi uses an id again for another input."""
    first = [ONE, add(0, partial_json='{"a": '), add(0, partial_json="1}"), end(0)]
    again = [{"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", **second}}]
    assert len(calls([START, *first, *again, end(1), *CALLED])) == count
    blocks = [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, {"type": "tool_use", **second}]
    *_, last = events_from_completion(
        {"type": "message", "id": "m", "content": blocks, "stop_reason": "tool_use"}, wire="messages"
    )
    assert isinstance(last, Completed)
    assert len(last.completion.tool_calls) == count


# -- text and thoughts ------------------------------------------------------------------------------


def test_a_delta_without_a_type_is_what_its_field_says() -> None:
    """Proxies leave it out, or its end."""
    pieces = [{"thinking": "t"}, {"signature": "s"}, {"type": "text", "text": "a"}, {"text": "b"}]
    deltas = [_odd(delta=piece) | {"index": place} for piece, place in zip(pieces, (0, 0, 1, 1), strict=True)]
    blocks = [begin(0, "thinking"), *deltas[:2], end(0), B, *deltas[2:], end(1)]
    completion = answer([START, *blocks, *STOP])
    assert (completion.reasoning, completion.text) == ("t", "ab")
    assert completion.items[0].details[0]["signature"] == "s"


def test_a_delta_without_an_index_belongs_to_the_newest_block() -> None:
    """Its signature, too."""
    deltas = [{"type": "thinking_delta", "thinking": "t"}, {"type": "signature_delta", "signature": "s"}]
    nameless = [{"type": "content_block_delta", "delta": delta} for delta in deltas]
    completion = answer([START, begin(0, "thinking"), *nameless, {"type": "content_block_stop"}, *STOP])
    assert [item.details for item in completion.items] == [
        ({"type": "thinking", "thinking": "t", "signature": "s"},)
    ]


def test_a_stop_may_have_what_the_deltas_lack() -> None:
    """Anthropic's packages add the whole block; a proxy that forwards their events may send no deltas."""
    thought = {"type": "thinking", "thinking": "t", "signature": "s"}
    text = {"type": "text", "text": "Hi there"}
    blocks = [begin(0, "thinking"), end(0) | {"content_block": thought}, B, end(1) | {"content_block": text}]
    completion = answer([START, *blocks, *STOP])
    assert (completion.reasoning, completion.text) == ("t", "Hi there")
    assert completion.items[0].details == (thought,)
    pieces = [add(0, thinking="t"), add(1, text="Hi"), add(1, text=" there")]
    told = [blocks[0], pieces[0], *blocks[1:3], *pieces[1:], blocks[3]]
    assert answer([START, *told, *STOP]) == completion


def test_a_fallback_to_another_model_is_kept_and_changes_no_head() -> None:
    """The message names one model, and the block both; it goes back as it arrived."""
    block = {"type": "fallback", "from": {"model": "x"}, "to": {"model": "y"}}
    begins = {"type": "content_block_start", "index": 0, "content_block": block}
    completion = answer([START, begins, end(0), begin(1, "text"), add(1, text="Hi"), end(1), *STOP])
    assert (completion.model, completion.text) == ("x", "Hi")
    assert completion.items[0] == UnknownItem(block)


MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "x", "stop_reason": "end_turn"}


def test_a_whole_message_may_be_an_event() -> None:
    """A proxy whose backend doesn't stream sends one frame; behind an answer, it repeats it."""
    message = {**MESSAGE, "content": [{"type": "text", "text": "Hi"}], "usage": {"input_tokens": 3}}
    alone = answer([message])
    assert (alone.text, alone.id, alone.finish_reason, alone.usage.input_tokens) == ("Hi", "m", "stop", 3)
    assert answer([START, A, add(0, text="Hi"), end(0), message, *STOP]).text == "Hi"


@pytest.mark.parametrize(("content", "text"), [("Hi", "Hi"), ("", ""), (None, "")])
def test_the_content_of_a_whole_answer_may_be_a_text(content: Any, text: str) -> None:
    """Or nothing."""
    *_, last = events_from_completion({**MESSAGE, "content": content}, wire="messages")
    assert isinstance(last, Completed)
    assert (last.completion.text, last.completion.finish_reason) == (text, "stop")


# -- usage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "counts"),
    [
        ({"input_tokens": 9}, {"delta": {"usage": {"output_tokens": 4}}}, (9, 4, None, None)),
        (
            {"input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h": 4}},
            {"usage": {"output_tokens": 4}},
            (16, 4, None, 7),
        ),
        (
            {"input_tokens": 9, "cache_creation_input_tokens": 7, "cache_creation": {"ephemeral_1h": 4}},
            {"usage": {"output_tokens": 4}},
            (16, 4, None, 7),
        ),
        (
            {"input_tokens": 9, "cache_read_input_tokens": 90},
            {"usage": {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 4}},
            (99, 4, 90, None),
        ),
        (
            {"input_tokens": 9.0, "cache_read_input_tokens": 90.0},
            {"usage": {"output_tokens": 4.0}},
            (99, 4, 90, None),
        ),
    ],
    ids=["in the delta", "parts alone", "parts of a sum", "forgotten", "written as 9.0"],
)
def test_usage_in_odd_places(first: Any, last: Any, counts: tuple[Any, ...]) -> None:
    """Input, output, read from and written to the cache."""
    start = {**START, "message": {**START["message"], "usage": first}}  # type: ignore[dict-item]
    usage = answer([start, A, add(0, text="a"), {**last, "type": "message_delta"}, *STOP]).usage
    found = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
    assert found == counts


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


WHOLE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
}


@pytest.mark.parametrize(
    "body",
    [
        {"custom_id": "a", "result": {"type": "succeeded", "message": WHOLE}},
        {"statusCode": 200, "body": WHOLE},
        {"code": 0, "data": WHOLE},
        [{"custom_id": "a", "result": {"type": "succeeded", "message": WHOLE}}],
    ],
)
def test_a_message_in_a_wrapper_is_read(body: Any) -> None:
    """A line of a batch's results, and the wrappers of functions and gateways."""
    *_, last = read_events([json.dumps(body).encode()], wire="messages")
    assert isinstance(last, Completed)
    assert (last.completion.text, last.completion.finish_reason) == ("Hi", "stop")


def test_an_error_of_a_batch_is_raised() -> None:
    """With the class that it has elsewhere."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body = {"custom_id": "a", "result": {"type": "errored", "error": error}}
    with pytest.raises(OverloadedError, match="Overloaded"):
        list(read_events([json.dumps(body).encode()], wire="messages"))


EARLY = {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}}


@pytest.mark.parametrize("is_first", [True, False], ids=["before the message", "before the block"])
@pytest.mark.parametrize(
    ("index", "own", "is_complete"),
    [(0, False, False), (None, False, False), (5, False, True), (0, True, True)],
    ids=["its index", "no index", "another index", "with its own input"],
)
def test_input_before_its_block_keeps_an_empty_call_from_running(
    index: int | None, own: bool, is_complete: bool, is_first: bool
) -> None:
    """Reordered events: the call has some input, so it never runs with none."""
    early = {**EARLY, "index": index}
    later = [{**EARLY, "index": 0}] if own else []
    call = [begin(0, "tool_use", id="t", name="f"), *later, {"type": "content_block_stop", "index": 0}]
    stream = [*([early, START] if is_first else [START, early]), *call, *STOP]
    *_, last = read_events([json.dumps(stream).encode()], wire="messages")
    assert isinstance(last, Completed)
    assert bool(last.completion.tool_calls) is is_complete
    assert bool(last.completion.warnings) is not is_complete


@pytest.mark.parametrize(
    ("start", "deltas", "content", "checkpoint"),
    [
        (None, [("So far, ", "E1"), ("all went well.", None)], "So far, all went well.", "E1"),
        (None, [("So far, ", None), (None, "E1"), ("all went well.", "E2")], "So far, all went well.", "E2"),
        (None, [("T", None), ("The end", None)], "TThe end", None),
        ("", [("So far, all went well.", "E1")], "So far, all went well.", "E1"),
        ("So far, all went", [("So far, all went well.", "E1")], "So far, all went well.", "E1"),
        (None, [(None, "E1"), (None, None)], None, "E1"),
    ],
)
def test_the_summary_of_a_compaction_may_come_in_pieces(
    start: str | None, deltas: list[tuple[Any, Any]], content: str | None, checkpoint: str | None
) -> None:
    """The text adds up, and the last checkpoint counts; null says nothing (anthropic-sdk-typescript#1164)."""
    pieces = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "compaction_delta", "content": text, "encrypted_content": encrypted},
        }
        for text, encrypted in deltas
    ]
    (item,) = answer([START, begin(0, "compaction", content=start), *pieces, end(0), *STOP]).items
    assert item.payload == {
        "type": "compaction",
        "content": content,
        **({"encrypted_content": checkpoint} if checkpoint else {}),
    }

"""Gemini streams with values of other types than the API says: nothing is lost, and the answer goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    Completed,
    FunctionCall,
    FunctionCallOutput,
    TruncatedStreamError,
    Unknown,
    read_events,
)
from streamkit.profiles.known import GEMINI
from streamkit.request import Request
from streamkit.wires.prepare import prepare


def read(payloads: list[Any]) -> list[Any]:
    frames = [f"data: {json.dumps(payload)}\n\n".encode() for payload in payloads]
    return list(read_events(frames, wire="gemini"))


def said(*parts: Any, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **fields}]}


END = said({"text": "b"}, finishReason="STOP")


@pytest.mark.parametrize(
    "payload",
    [
        {"candidates": "zz"},
        {"candidates": ["zz"]},
        {"candidates": {"x": [{"content": {"parts": [{"text": "lost?"}]}}]}},
        {"candidates": [{"content": "zz"}]},
        {"candidates": [{"content": [{"parts": [{"text": "lost?"}]}]}]},
        {"candidates": [{"content": {"parts": "zz"}}]},
        {"candidates": [{"content": {"x": {"parts": [{"text": "lost?"}]}}}]},
        {"candidates": [{"content": {"parts": ["zz", {"text": ""}]}}]},
        {"candidates": [{"content": {"parts": [[{"text": "lost?"}]]}}]},
        {"candidates": [], "usageMetadata": "zz"},
    ],
    ids=str,
)
def test_what_no_field_can_hold_is_unknown(payload: dict[str, Any]) -> None:
    """The text before and after it stays."""
    events = read([said({"text": "a"}), payload, END])
    assert payload in [event.payload for event in events if isinstance(event, Unknown)]
    assert isinstance(events[-1], Completed)
    assert events[-1].completion.text == "ab"


@pytest.mark.parametrize(
    ("args", "arguments"),
    [
        ('{"city":"Oslo"}', '{"city":"Oslo"}'),
        ('{"city":', '"{\\"city\\":"'),
        ("Oslo", '"Oslo"'),
        ("[1]", '"[1]"'),
        ("", '""'),
    ],
)
def test_arguments_that_are_the_text_of_an_object_are_read(args: str, arguments: str) -> None:
    """A proxy passes on the text of Chat Completions. Any other text stays a string, as it was sent."""
    *_, done = read([said({"functionCall": {"name": "f", "args": args}}, finishReason="STOP")])
    assert [call.arguments for call in done.completion.tool_calls] == [arguments]


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ({"numberValue": 1.5}, {"a": 1.5, "b": True}),
        ({"boolValue": False}, {"a": False, "b": True}),
        ({"stringValue": "x"}, {"a": "x", "b": True}),
    ],
)
def test_an_empty_piece_ends_any_value(value: dict[str, Any], arguments: dict[str, Any]) -> None:
    """It adds nothing to a number, and doesn't replace it."""
    paths = [("$.a", value), ("$.a", {"stringValue": ""}), ("$.b", {"boolValue": True})]
    pieces = [{"partialArgs": [{"jsonPath": path, **given}], "willContinue": True} for path, given in paths]
    calls = [{"name": "f", "willContinue": True}, *pieces, {}]
    events = read([*(said({"functionCall": call}) for call in calls), said(finishReason="STOP")])
    (call,) = events[-1].completion.tool_calls
    assert isinstance(call, FunctionCall)
    assert json.loads(call.arguments) == arguments


def test_sources_of_a_message_that_is_over_open_no_other() -> None:
    """They arrive after a call closed the message: then they are in `extras` only."""
    segment = {"startIndex": 0, "endIndex": 1}
    sources = {
        "groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
    last = said(groundingMetadata=sources, finishReason="STOP")
    called = said({"functionCall": {"name": "f", "id": "c", "args": {}}})
    events = read([said({"text": "a"}), called, last])
    completion = events[-1].completion
    assert [item.type for item in completion.items] == ["message", "function_call"]
    assert completion.items[0].content[0].annotations == ()
    assert completion.extras["groundingMetadata"] == sources
    completion = read([said({"text": "a"}), last])[-1].completion  # and of one that is open, to it
    assert [each["url"] for each in completion.items[0].content[0].annotations] == ["u"]


# -- parts and candidates in other forms -------------------------------------------------------------


def called(call: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return said({"functionCall": call, **fields})


def answer(payloads: list[Any]) -> Any:
    last = read(payloads)[-1]
    assert isinstance(last, Completed)
    return last.completion


FINISH = said(finishReason="STOP")


def calls(payloads: list[Any]) -> list[tuple[Any, ...]]:
    found = answer([*payloads, FINISH]).tool_calls
    return [(call.name, json.loads(call.arguments), call.signature) for call in found]


@pytest.mark.parametrize("text", ["Let me look.", ""])
def test_a_part_with_a_text_and_a_call_is_both(text: str) -> None:
    """Gemini 3 sends the empty text; the signature is the call's."""
    payload = said(
        {"text": text, "functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"},
        finishReason="STOP",
    )
    completion = answer([payload])
    assert completion.text == text
    assert [(call.name, call.signature) for call in completion.tool_calls] == [("f", "s")]
    assert completion.finish_reason == "tool_calls"


def test_one_object_in_the_place_of_a_list_is_read() -> None:
    """Of parts, and of candidates."""
    candidate = {"content": {"parts": {"text": "a"}}, "finishReason": "STOP"}
    completion = answer([{"candidates": candidate}])
    assert (completion.text, completion.finish_reason) == ("a", "stop")


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_a_signature_inside_the_call_is_its_own(name: str) -> None:
    """A proxy moves it there; it isn't a field of the call as well."""
    completion = answer([called({"name": "f", "args": {}, name: "s"}), FINISH])
    assert [(call.signature, call.extra) for call in completion.tool_calls] == [("s", {})]


@pytest.mark.parametrize("name", ["arguments", "parameters", "input"])
@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}'])
def test_arguments_under_the_name_of_another_api_are_read(name: str, value: Any) -> None:
    """They aren't a field of the caller's as well."""
    completion = answer([called({"name": "f", name: value}), FINISH])
    assert [json.loads(call.arguments) for call in completion.tool_calls] == [{"a": 1}]
    assert completion.tool_calls[0].extra == {}


def test_a_call_whose_arguments_are_not_read_is_not_complete() -> None:
    """Else it would run with none."""
    completion = answer([called({"name": "f", "values": {"a": 1}}), FINISH])
    assert completion.tool_calls == ()
    assert any("can't be read" in warning for warning in completion.warnings)


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ({"name": "f", "id": "c", "args": {"a": 1}}, 1),
        ({"name": "f", "id": "c", "args": {"a": 2}}, 2),
        ({"name": "g", "id": "c", "args": {"a": 1}}, 2),
        ({"name": "f", "id": "d", "args": {"a": 1}}, 2),
        ({"name": "f", "args": {"a": 1}}, 2),
    ],
    ids=["the same", "other arguments", "another name", "another id", "no id"],
)
def test_a_call_that_is_told_twice_is_one(second: dict[str, Any], count: int) -> None:
    """A tool may not run twice. Without ids, two equal calls are two."""
    first = {"name": "f", "id": "c", "args": {"a": 1}}
    assert len(calls([called(first), called(second)])) == count


def test_a_piece_of_a_call_may_repeat_its_id_and_name() -> None:
    """It doesn't begin another call."""
    head = {"name": "f", "id": "c"}
    piece = {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}
    pieces = [head | {"willContinue": True}, head | piece | {"willContinue": True}, head]
    assert calls([called(each) for each in pieces]) == [("f", {"a": "x"}, None)]


@pytest.mark.parametrize(
    ("number", "reason"), [(1, "stop"), (2, "length"), (3, "content_filter"), (5, "other"), (12, "other")]
)
def test_a_finish_reason_may_be_the_number_of_its_enum(number: int, reason: str) -> None:
    """As Google's older packages dump it; the numbers above 5 differ between the APIs."""
    assert answer([said({"text": "a"}, finish_reason=number)]).finish_reason == reason


def test_a_reason_that_is_a_default_says_nothing() -> None:
    """Neither 0 nor its word: the prompt wasn't blocked, and the answer goes on."""
    feedback = {"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}}
    payloads = [said({"text": "a"}, finishReason=0) | feedback, END]
    completion = answer(payloads)
    assert (completion.text, completion.finish_reason) == ("ab", "stop")
    blocked = answer([{"prompt_feedback": {"block_reason": 1}}])
    assert (blocked.finish_reason, blocked.choices[0].raw_finish_reason) == ("content_filter", "SAFETY")


@pytest.mark.parametrize(
    "indexes",
    [(None, None), (0, None), (None, 1), ("0", "1")],
    ids=["none", "the first", "the second", "text"],
)
def test_candidates_without_an_index_do_not_mix(indexes: tuple[Any, ...]) -> None:
    """A missing index is 0, unless another candidate of the same payload is that."""
    candidates = [
        {**said({"text": text}, finishReason="STOP")["candidates"][0], "index": index}
        for text, index in zip("ab", indexes, strict=True)
    ]
    assert [choice.text for choice in answer([{"candidates": candidates}]).choices] == ["a", "b"]


def test_counts_may_be_written_as_numbers_with_a_point() -> None:
    """3.0 is 3."""
    usage = {"promptTokenCount": 3.0, "candidatesTokenCount": 2.0, "totalTokenCount": 5.0}
    found = answer([said({"text": "a"}, finishReason="STOP") | {"usageMetadata": usage}]).usage
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == (3, 2, 5)


@pytest.mark.parametrize("start", ["[", "[\n", " [ \n "])
def test_a_list_may_begin_with_a_lone_bracket(start: str) -> None:
    """What arrived of a list that is cut isn't lost, wherever its first chunk ends."""
    rest = json.dumps(said({"text": "a"})) + ',\n{"candidates": [{"content"'
    frames = read_events([start.encode(), rest.encode()], wire="gemini")
    with pytest.raises(TruncatedStreamError) as caught:
        list(frames)
    assert caught.value.partial.text == "a"
    whole = read_events([start.encode(), f"{json.dumps(END)}]".encode()], wire="gemini")
    assert list(whole)[-1].completion.text == "b"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("last", "raw_has"),
    [
        ({"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}, "promptTokenCount"),
        ({"totalTokenCount": 0}, "promptTokenCount"),
        ({"trafficType": "ON_DEMAND"}, "trafficType"),
    ],
)
def test_zeros_at_the_end_erase_no_counts(last: dict[str, Any], raw_has: str) -> None:
    """A label alone is added to them."""
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
    usage = answer([said({"text": "a"}) | {"usageMetadata": counts}, FINISH | {"usageMetadata": last}]).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (9, 2, 11)
    assert raw_has in usage.raw


OPEN = {"name": "f", "id": "c", "willContinue": True}
PIECE = {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}


@pytest.mark.parametrize(
    ("fragments", "arguments"),
    [
        ([OPEN, PIECE | {"willContinue": True}, {"name": "f", "id": "c", "args": {"a": "xy"}}], {"a": "xy"}),
        ([OPEN, PIECE, {"name": "f", "id": "c", "args": {"a": "x"}}], {"a": "x"}),
        ([OPEN, {"args": {"b": 2}}], {"b": 2}),
        ([OPEN | {"args": {"a": 1}}, {"args": {"b": 2}}], {"a": 1, "b": 2}),
        ([OPEN, PIECE | {"willContinue": True}, {"args": {"b": 2}}], {"a": "x", "b": 2}),
    ],
    ids=["open", "closed", "whole alone", "whole in pieces", "behind a piece"],
)
def test_a_streamed_call_may_have_whole_arguments(fragments: list[Any], arguments: dict[str, Any]) -> None:
    """They count, and they begin no second call with the same id."""
    assert calls([called(each) for each in fragments]) == [("f", arguments, None)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("is_inside", [True, False])
def test_a_streamed_call_is_signed_on_any_piece(place: int, is_inside: bool) -> None:
    """The signature, and fields that are new, belong to the call; they go back on and in it."""
    pieces: list[dict[str, Any]] = [
        {"name": "f", "id": "a", "willContinue": True, "newKey": 1},
        {**PIECE, "willContinue": True, "newerKey": 2},
        {},
    ]
    parts: list[dict[str, Any]] = [{"functionCall": piece} for piece in pieces]
    (pieces if is_inside else parts)[place]["thoughtSignature"] = "c2ln"
    completion = answer([*(said(part) for part in parts), said(finishReason="STOP")])
    (call,) = completion.tool_calls
    assert (call.arguments, call.signature) == ('{"a":"x"}', "c2ln")
    request = Request(["hi", call, FunctionCallOutput("a", "ok")], model="gemini-3-pro")
    prepared = prepare(request, "gemini", GEMINI)
    sent = {"name": "f", "id": "a", "args": {"a": "x"}, "newKey": 1, "newerKey": 2}
    assert prepared.body["contents"][1]["parts"] == [{"functionCall": sent, "thoughtSignature": "c2ln"}]
    assert not prepared.report


@pytest.mark.parametrize("call", [{"args": {"a": 1}}, {"name": "", "args": {"a": 1}}, PIECE])
def test_a_call_without_a_name_is_one_that_is_not_complete(call: dict[str, Any]) -> None:
    """Its arguments arrived, so they are in the answer, with a warning; nothing can run it."""
    completion = answer([said({"text": "Hm."}), said({"functionCall": call}), FINISH])
    (incomplete,) = completion.choices[0].incomplete_calls
    assert (incomplete.name, json.loads(incomplete.arguments).keys()) == ("", {"a"})
    assert not completion.tool_calls
    assert "without a name" in completion.warnings[0]

"""Gemini streams with values of other types than the API says: nothing is lost, and the answer goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import Completed, FunctionCall, Unknown, read_events


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

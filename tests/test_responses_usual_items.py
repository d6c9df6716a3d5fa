"""Items, deltas and outputs of the Responses API in other forms come to the same as in OpenAI's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import CustomToolCall, FunctionCall, UnknownItem, Usage, events_from_completion
from streamkit.wires.responses.usual_items import usual_item

from .responses_payloads import (
    CREATED,
    added,
    call,
    complete,
    completed,
    done,
    event,
    gist,
    handed_out,
    message,
    read,
    reasoning,
)

ARGUMENTS = '{"x":1}'
CALLS: dict[str, dict[str, Any]] = {
    "parameters": {"type": "function_call", "call_id": "c", "name": "f", "parameters": {"x": 1}},
    "input": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "input": ARGUMENTS},
    "a function": {
        "type": "function_call",
        "call_id": "c",
        "function": {"name": "f", "arguments": ARGUMENTS},
    },
    "camel case": {"type": "function_call", "callId": "c", "name": "f", "arguments": ARGUMENTS},
    "a chat id": {
        "type": "function_call",
        "id": "i",
        "tool_call_id": "c",
        "name": "f",
        "arguments": ARGUMENTS,
    },
    "tool_call": {"type": "tool_call", "id": "c", "name": "f", "arguments": ARGUMENTS},
    "Anthropic": {"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}},
    "chat": {"type": "function", "id": "c", "function": {"name": "f", "arguments": ARGUMENTS}},
}


@pytest.mark.parametrize("item", CALLS.values(), ids=CALLS)
def test_a_call_of_every_form_has_its_arguments(item: dict[str, Any]) -> None:
    """In output_item.done, and in the terminal event alone; it never runs without them."""
    for payloads in ([done(item), completed(item)], [completed(item)]):
        (found,) = complete(CREATED, *payloads).tool_calls
        assert isinstance(found, FunctionCall)
        assert (found.call_id, found.name, found.arguments) == ("c", "f", ARGUMENTS)


def test_a_call_whose_arguments_have_an_unknown_name_is_incomplete() -> None:
    """They arrived, so an empty call would be invented."""
    item = {"type": "function_call", "call_id": "c", "name": "f", "payload_json": ARGUMENTS}
    for payloads in ([done(item), completed(item)], [completed(item)], [done(item), completed()]):
        events, error = read([CREATED, *payloads])
        assert error is None
        assert handed_out(events) == []
    empty = {"type": "function_call", "call_id": "c", "name": "f", "namespace": "n"}
    events, _ = read([CREATED, done(empty), completed(empty)])
    assert handed_out(events) == [("function_call", "")]


@pytest.mark.parametrize("item", [{"type": "tool_use", "id": "c"}, {"type": "mcp_call", "name": "f"}])
def test_an_item_without_a_call_stays_as_it_is(item: dict[str, Any]) -> None:
    """So do the calls of hosted tools."""
    (found,) = complete(CREATED, done(item), completed(item)).items
    assert isinstance(found, UnknownItem)
    assert found.payload == item


CONTENTS: dict[str, Any] = {
    "text": "Hi",
    "a lone part": {"type": "output_text", "text": "Hi"},
    "capitals": [{"type": "OUTPUT_TEXT", "text": "Hi"}],
    "in content": [{"type": "output_text", "content": "Hi"}],
    "a value": [{"type": "output_text", "text": {"value": "Hi"}}],
    "a list in a list": [[{"type": "output_text", "text": "Hi"}]],
    "without a type": [{"text": "Hi"}],
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_the_text_of_a_message_is_found(content: Any) -> None:
    """Restated once, alone, and after its pieces."""
    item = {"type": "message", "id": "m", "role": "assistant", "content": content}
    pieces = [event("output_text.delta", delta=text, item_id="m", output_index=0) for text in ("H", "i")]
    for payloads in ([done(item, output_index=0)], [], [*pieces, done(item, output_index=0)]):
        assert gist(complete(CREATED, *payloads, completed(item))) == [("message", "Hi")]


THOUGHTS: dict[str, dict[str, Any]] = {
    "a text": {"type": "reasoning", "id": "r", "summary": [], "text": "Hm"},
    "reasoning": {"type": "reasoning", "id": "r", "reasoning": "Hm"},
    "a lone part": {"type": "reasoning", "id": "r", "summary": {"type": "summary_text", "text": "Hm"}},
    "in content": {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "content": "Hm"}]},
    "Anthropic": {"type": "thinking", "id": "r", "thinking": "Hm"},
}


@pytest.mark.parametrize("item", THOUGHTS.values(), ids=THOUGHTS)
def test_the_text_of_reasoning_is_found(item: dict[str, Any]) -> None:
    """In each field that a gateway may put it into."""
    assert gist(complete(CREATED, done(item), completed(item))) == [("reasoning", "Hm")]


@pytest.mark.parametrize("item", [message("Hi", "m"), call("{}", "c"), reasoning(["Hm"], "r")], ids=str)
def test_a_usual_item_is_the_same_object(item: dict[str, Any]) -> None:
    """The usual case costs no copy."""
    assert usual_item(item) is item


OUTPUTS: dict[str, dict[str, Any]] = {
    "one item": {"output": message("Hi")},
    "a list in a list": {"output": [[message("Hi")]]},
    "a text": {"output": "Hi"},
    "output_text": {"output_text": "Hi"},
    "output_text next to an empty list": {"output": [], "output_text": "Hi"},
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_the_output_of_a_response_is_found(output: dict[str, Any]) -> None:
    """In the terminal event and in a plain answer; a text that the deltas had is told once."""
    response = {"id": "resp_1", "object": "response", "status": "completed", **output}
    pieces = [event("output_text.delta", delta=text, output_index=0) for text in ("H", "i")]
    end = event("completed", response=response)
    assert complete(CREATED, end).text == "Hi"
    assert complete(CREATED, *pieces, end).text == "Hi"
    for body in (response, {"response": response}):
        *_, last = events_from_completion(json.loads(json.dumps(body)), wire="responses")
        assert last.completion.text == "Hi"  # type: ignore[union-attr]


PIECES = [
    ("text.delta", {"delta": "Hi"}, "message"),
    ("message.delta", {"delta": {"content": "Hi"}}, "message"),
    ("output_text.delta", {"text": "Hi"}, "message"),
    ("output_text.delta", {"delta": {"text": "Hi"}}, "message"),
    ("output_text.delta", {"content": "Hi"}, "message"),
    ("thinking.delta", {"delta": "Hi"}, "reasoning"),
    ("reasoning.text.delta", {"delta": "Hi"}, "reasoning"),
    ("output_reasoning.delta", {"delta": "Hi"}, "reasoning"),
    ("reasoning_summary.text.delta", {"delta": "Hi"}, "reasoning"),
]


@pytest.mark.parametrize(("name", "fields", "kind"), PIECES, ids=str)
def test_a_piece_under_a_name_like_the_usual_one_is_read(
    name: str, fields: dict[str, Any], kind: str
) -> None:
    """Other words or points in the name of the event, other fields for the text."""
    assert gist(complete(CREATED, event(name, output_index=0, **fields), completed())) == [(kind, "Hi")]


def test_a_number_is_a_text() -> None:
    """A token that a gateway decoded as JSON, as on Chat Completions."""
    pieces = [event("output_text.delta", delta=delta, output_index=0) for delta in (4, "2", 0)]
    assert complete(CREATED, *pieces, completed()).text == "420"


@pytest.mark.parametrize(
    "name", ["function_call.arguments", "tool_call_arguments", "function_call", "tool_call", "tool_use.input"]
)
def test_arguments_under_a_name_like_the_usual_one_are_read(name: str) -> None:
    """Pieces, pieces in an object, and the whole."""
    opener = added(call("", "c"), output_index=0)
    pieces = [event(f"{name}.delta", delta=part, output_index=0) for part in ('{"x"', ":1}")]
    objects = [{**piece, "delta": {"arguments": piece["delta"]}} for piece in pieces]
    whole = [event(f"{name}.done", arguments=ARGUMENTS, output_index=0)]
    for payloads in (pieces, objects, whole):
        events, error = read([CREATED, opener, *payloads, completed()])
        assert (handed_out(events), error) == ([("function_call", ARGUMENTS)], None)


@pytest.mark.parametrize("name", ["mcp_call_arguments", "code_interpreter_call_code", "web_search_call"])
def test_pieces_of_hosted_tools_open_no_call(name: str) -> None:
    """They stay news."""
    assert complete(CREATED, event(f"{name}.delta", delta="{}", item_id="h"), completed()).items == ()


@pytest.mark.parametrize("field", ["input", "arguments", "args"])
def test_the_text_of_a_custom_call_is_found(field: str) -> None:
    """It ran without its text."""
    item = {"type": "custom_tool_call", "call_id": "c", "name": "f", field: "x = 1"}
    (found,) = complete(CREATED, done(item), completed(item)).tool_calls
    assert isinstance(found, CustomToolCall)
    assert (found.call_id, found.name, found.input) == ("c", "f", "x = 1")


@pytest.mark.parametrize(
    ("begun", "pieces", "text"),
    [("H", ["i"], "Hi"), ("H", ["H", "i"], "Hi"), ("Hi", ["H", "i"], "Hi"), ("", ["Hi"], "Hi")],
)
def test_the_text_of_an_announcement_loses_no_pieces(begun: str, pieces: list[str], text: str) -> None:
    """Some gateways announce the first words, some repeat them; without a restatement, both count."""
    deltas = [event("output_text.delta", delta=piece, item_id="m", output_index=0) for piece in pieces]
    opener = added(message(begun, "m"), output_index=0)
    assert complete(CREATED, opener, *deltas, completed()).text == text


def test_usage_in_an_event_of_its_own_counts() -> None:
    """If the terminal event has none."""
    usage = {"input_tokens": 2, "output_tokens": 3}
    assert complete(CREATED, event("usage", usage=usage), completed(message("Hi"))).usage == Usage(2, 3, 5)
    progress = event("mcp_call.completed", item_id="h", usage=usage)
    assert complete(CREATED, progress, completed(message("Hi"))).usage is None


def test_a_response_without_output_has_a_warning() -> None:
    """Its output may be in a place that isn't known."""
    (warning,) = complete(CREATED, event("completed", result=[message("Hi")])).warnings
    assert warning.startswith("no_output: ")
    assert complete(CREATED, completed(message("Hi"))).warnings == ()

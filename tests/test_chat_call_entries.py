"""One call, told in every form: names of its fields, twice in one stream, wrapped, as JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import CustomToolCall, Message, UnknownPart

from .chat_payloads import call, calls, chunk, read

END = chunk("tool_calls")
ARGUMENTS = {"x": 1}
TEXT = json.dumps(ARGUMENTS)
ONE = [("a", "f", ARGUMENTS)]


def nested(**function: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", "type": "function", "function": function}


def flat(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", **fields}


def legacy(**fields: Any) -> dict[str, Any]:
    return chunk(function_call=fields)


def found(*payloads: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    """The calls of a stream, with their arguments decoded."""
    outcome = read(*payloads)
    assert outcome.error is None
    return [(call_id, name, json.loads(arguments)) for call_id, name, arguments in outcome.calls]


# -- names of the fields ----------------------------------------------------------------------


@pytest.mark.parametrize("value", [ARGUMENTS, TEXT], ids=["object", "text"])
def test_arguments_of_an_unknown_name_are_found(value: Any) -> None:
    """The one object in `function` is the arguments."""
    assert found(calls(nested(name="f", arguments_json=value)), END) == ONE


def test_a_function_can_be_json_text() -> None:
    """`function` as JSON text isn't a name."""
    assert found(calls(flat(function=json.dumps({"name": "f", "arguments": TEXT}))), END) == ONE


@pytest.mark.parametrize("value", [ARGUMENTS, TEXT], ids=["object", "text"])
@pytest.mark.parametrize("key", ["arguments", "parameters", "input", "args", "kwargs", "params"])
def test_arguments_have_several_names(key: str, value: Any) -> None:
    """Cohere, Anthropic and LangChain have names of their own; none becomes a call without arguments."""
    forms = {
        "nested": [calls(nested(name="f", **{key: value}))],
        "flat": [calls(flat(name="f", **{key: value}))],
        "next to function": [calls(flat(function={"name": "f"}, **{key: value}))],
        "without an index": [calls({"id": "a", "function": {"name": "f", key: value}})],
        "after the name": [calls(nested(name="f")), calls({"index": 0, "function": {key: value}})],
        "after empty arguments": [
            calls(nested(name="f", arguments="")),
            calls({"index": 0, "function": {key: value}}),
        ],
        "next to empty arguments": [calls(nested(**{"name": "f", "arguments": {}, key: value}))],
        "in a message": [
            {"choices": [{"index": 0, "message": {"tool_calls": [nested(name="f", **{key: value})]}}]}
        ],
    }
    assert {form: found(*payloads, END) for form, payloads in forms.items()} == dict.fromkeys(forms, ONE)


@pytest.mark.parametrize("key", ["arguments", "parameters", "input", "args"])
def test_arguments_of_any_name_arrive_in_pieces(key: str) -> None:
    first, rest = {key: '{"x"'}, {key: ":1}"}
    assert found(calls(nested(name="f", **first)), calls({"index": 0, "function": rest}), END) == ONE
    assert found(calls(flat(name="f", **first)), calls({"index": 0, **rest}), END) == ONE


@pytest.mark.parametrize(
    "entry",
    [
        flat(function="f", arguments=TEXT),
        {"index": 0, "call_id": "a", "name": "f", "arguments": TEXT},
        {"index": 0, "tool_call_id": "a", "function": {"name": "f", "arguments": TEXT}},
        flat(tool_name="f", args=TEXT),
        nested(name="f", arguments=TEXT, parameters={"type": "object"}),
    ],
    ids=["function is the name", "call_id", "tool_call_id", "tool_name", "arguments win"],
)
def test_other_names_of_ids_and_names(entry: dict[str, Any]) -> None:
    assert found(calls(entry), END) == ONE


# -- forms of the list ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"0": nested(name="f", arguments=TEXT)},
        {"0": {"id": "a", "function": {"name": "f", "arguments": TEXT}}},
        nested(name="f", arguments=TEXT),
        json.dumps([nested(name="f", arguments=TEXT)]),
        json.dumps(nested(name="f", arguments=TEXT)),
        [json.dumps(nested(name="f", arguments=TEXT))],
    ],
    ids=["by index", "by index alone", "one object", "text of a list", "text of one", "list of texts"],
)
def test_the_list_has_several_forms(value: Any) -> None:
    assert found(chunk(tool_calls=value), END) == ONE


def test_an_object_by_index_has_several_calls() -> None:
    entries = {"1": call(None, "b", "g", "{}"), "0": call(None, "a", "f", TEXT)}
    assert found(chunk(tool_calls=entries), END) == [*ONE, ("b", "g", {})]


@pytest.mark.parametrize("kind", ["tool_use", "tool_call", "function_call"])
def test_a_content_part_can_be_a_call(kind: str) -> None:
    """The part of another API, which a gateway passed on; the text next to it stays."""
    part = {"type": kind, "id": "a", "name": "f", "input": ARGUMENTS}
    outcome = read(chunk(content=[{"type": "text", "text": "Hm."}, part]), END)
    assert outcome.completion.text == "Hm."
    assert [(c.call_id, c.name, c.arguments) for c in outcome.completion.tool_calls] == [
        ("a", "f", '{"x":1}')
    ]


@pytest.mark.parametrize(("value", "shown"), [([7], "7"), ("soon", "'soon'"), (True, "True")])
def test_a_value_that_is_no_call_is_a_warning(value: Any, shown: str) -> None:
    outcome = read(chunk(tool_calls=value), END)
    assert outcome.calls == []
    assert outcome.completion.warnings[0] == f"unread_call: {shown} isn't a tool call"


def test_a_finish_of_tool_calls_without_a_call_is_a_warning() -> None:
    assert read(chunk(content="Hi"), END).completion.warnings == (
        "no_call: choice 0 finished with tool_calls, and has no call",
    )
    assert read(calls(call(0, "a", "f", "{}")), END).completion.warnings == ()


# -- one call, told twice ---------------------------------------------------------------------

LISTED = calls(call(0, "a", "f", TEXT))
LISTED_PIECES = [calls(call(0, "a", "f", '{"x"')), calls(call(0, None, None, ": 1}"))]
LEGACY = legacy(name="f", arguments=TEXT)
LEGACY_PIECES = [legacy(name="f", arguments='{"x"'), legacy(arguments=": 1}")]
AGAIN = [calls(call(1, "a", "f", "")), calls(call(1, None, None, '{"x"')), calls(call(1, None, None, ": 1}"))]


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([LISTED, LEGACY], id="listed, legacy"),
        pytest.param([LEGACY, LISTED], id="legacy, listed"),
        pytest.param([*LEGACY_PIECES, LISTED], id="legacy in pieces, listed"),
        pytest.param([*LISTED_PIECES, LEGACY], id="listed in pieces, legacy"),
        pytest.param([LISTED, *LEGACY_PIECES], id="listed, legacy in pieces"),
        pytest.param([LEGACY, *LISTED_PIECES], id="legacy, listed in pieces"),
        pytest.param([LISTED_PIECES[0], LEGACY_PIECES[0], LISTED_PIECES[1], LEGACY_PIECES[1]], id="in turns"),
        pytest.param(
            [LEGACY_PIECES[0], LISTED_PIECES[0], LEGACY_PIECES[1], LISTED_PIECES[1]], id="in turns, legacy"
        ),
        pytest.param([calls(call(0, "a", "f")), LEGACY], id="the arguments only in legacy"),
        pytest.param([calls(call(0, "a", "f")), *LEGACY_PIECES], id="these in pieces"),
        pytest.param([legacy(name="f"), *LISTED_PIECES], id="the arguments only in the list"),
        pytest.param([LISTED, calls(call(1, "a", "f", TEXT))], id="another index"),
        pytest.param([calls(call(0, "a", "f", TEXT), call(1, "a", "f", TEXT))], id="in one chunk"),
        pytest.param([*LISTED_PIECES, *AGAIN], id="another index, in pieces"),
        pytest.param([LISTED, calls(call(1, "a", "f", '{ "x":1 }'))], id="serialised again"),
    ],
)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_a_call_that_is_told_twice_is_one(payloads: list[Any], finish: str) -> None:
    """By `tool_calls` and the legacy field, or under two numbers with one id: the tool runs once."""
    outcome = read(*payloads, chunk(finish))
    assert [(c.call_id, c.name, json.loads(c.arguments)) for c in outcome.completion.tool_calls] == ONE
    assert [(i, n, json.loads(a)) for i, n, a in outcome.calls] == ONE
    assert outcome.completion.warnings == ()


def test_calls_that_differ_stay_apart() -> None:
    """Other arguments under the same id, or equal ones under another id, are another call."""
    assert found(LISTED, calls(call(1, "a", "f", '{"x": 2}')), END) == [*ONE, ("a", "f", {"x": 2})]
    assert found(LISTED, calls(call(1, "b", "f", TEXT)), END) == [*ONE, ("b", "f", ARGUMENTS)]
    assert found(LISTED, calls(call(1, "a", "g", TEXT)), END) == [*ONE, ("a", "g", ARGUMENTS)]


# -- wrappers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["data", "result", "output", "response", "payload", "body", "chunk", "message"]
)
@pytest.mark.parametrize("around", [{}, {"code": 0, "success": True}], ids=["alone", "with fields"])
def test_a_payload_in_a_wrapper_is_read(name: str, around: dict[str, Any]) -> None:
    """As chunks and as a document."""
    assert found({**around, name: LISTED}, {**around, name: END}) == ONE
    whole = {"id": "i", "choices": [{"index": 0, "message": {"tool_calls": [nested(name="f", args=TEXT)]}}]}
    whole["choices"][0]["finish_reason"] = "tool_calls"  # type: ignore[index]
    assert found({**around, name: whole}) == ONE


# -- places -----------------------------------------------------------------------------------

F = {"name": "f", "arguments": TEXT}
BIG = {"Id": "a", "Type": "function", "Function": {"Name": "f", "Arguments": TEXT}}
PLACES = {
    "tool_call": {"tool_call": nested(**F)},
    "toolCall": {"toolCall": nested(**F)},
    "ToolCalls": {"ToolCalls": [BIG]},
    "function_calls": {"function_calls": [{"id": "a", **F}]},
    "functionCalls": {"functionCalls": [{"id": "a", "name": "f", "args": ARGUMENTS}]},
    "tool_use": {"tool_use": [{"id": "a", "name": "f", "input": ARGUMENTS}]},
    "a part like an entry": {"content": [nested(**F)]},
    "a part with entries": {"content": [{"type": "tool_calls", "tool_calls": [nested(**F)]}]},
    "a part of the AI SDK": {
        "content": [{"type": "tool-call", "toolCallId": "a", "toolName": "f", "input": ARGUMENTS}]
    },
    "a part of Gemini": {"content": [{"functionCall": {"id": "a", "name": "f", "args": ARGUMENTS}}]},
    "a part of Bedrock": {"content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": ARGUMENTS}}]},
    "an item of Responses": {"content": [{"type": "function_call", "id": "fc_1", "call_id": "a", **F}]},
}


@pytest.mark.parametrize("delta", PLACES.values(), ids=PLACES)
def test_a_call_is_found_under_the_names_of_other_apis(delta: dict[str, Any]) -> None:
    """In a delta and in a message, and next to text."""
    assert found(chunk(**delta), END) == ONE
    whole = {"choices": [{"message": {"role": "assistant", **delta}, "finish_reason": "tool_calls"}]}
    assert found(whole) == ONE
    if "content" not in delta:
        outcome = read(chunk(content="A"), chunk(content="B"), chunk(content="C", **delta), END)
        assert (outcome.completion.text, len(outcome.calls)) == ("ABC", 1)


def test_a_custom_call_in_the_content_is_one() -> None:
    """An item of the Responses API in a list of parts."""
    part = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "a", "name": "f", "input": "x = 1"}
    (item,) = read(chunk(content=[part]), END).completion.tool_calls
    assert isinstance(item, CustomToolCall)
    assert (item.call_id, item.name, item.input) == ("a", "f", "x = 1")


@pytest.mark.parametrize(
    "part", [{"type": "function"}, {"type": "server_tool_use", "name": "f", "input": {}}]
)
def test_other_parts_are_no_calls(part: dict[str, Any]) -> None:
    """They stay parts of the message."""
    (message,) = read(chunk(content=[part]), chunk("stop")).completion.items
    assert isinstance(message, Message)
    assert [*message.content] == [UnknownPart(part)]


def test_an_entry_about_a_tool_of_the_server_is_no_call() -> None:
    """Zhipu lists the searches that it made; an agent would answer such a call."""
    entry = {"id": "a", "type": "web_search", "web_search": {"search_result": []}}
    completion = read(chunk(content="A"), calls(entry), chunk("stop")).completion
    assert (completion.text, [*completion.tool_calls], completion.warnings) == ("A", [], ())
    (message,) = completion.items
    assert isinstance(message, Message)
    assert UnknownPart(entry) in message.content
    assert found(calls({"id": "a", "type": "mcp", "mcp": F}), END) == ONE

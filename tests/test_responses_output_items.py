"""Output items as dicts -> items."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    CustomToolCall,
    FunctionCall,
    LocalShellCall,
    Message,
    OutputText,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
)
from streamkit.wires.responses.output_items import item_from_payload, json_text, kind_of

CITATION = {"type": "url_citation", "url": "https://tides.example"}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {
                "type": "message",
                "id": "m",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [
                    {"type": "output_text", "text": "Low", "annotations": [CITATION], "logprobs": [], "x": 1},
                    {"type": "refusal", "refusal": "No"},
                    {"type": "hologram", "data": "…"},
                ],
            },
            Message(
                "assistant",
                (
                    OutputText("Low", (CITATION,), extra={"x": 1}),
                    Refusal("No"),
                    UnknownPart({"type": "hologram", "data": "…"}),
                ),
                id="m",
                status="completed",
                extra={"phase": "commentary"},
            ),
            id="message",
        ),
        pytest.param(
            {
                "type": "reasoning",
                "id": "r",
                "summary": [{"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}],
                "content": [{"type": "reasoning_text", "text": "Hm"}],
                "encrypted_content": "e==",
                "status": None,
                "format": "v1",
            },
            Reasoning("r", ("One", "Two"), ("Hm",), "e==", extra={"format": "v1"}),
            id="reasoning",
        ),
        pytest.param(
            {
                "type": "function_call",
                "id": "fc",
                "call_id": "c",
                "name": "f",
                "arguments": '{"a": 1}',
                "namespace": "n",
            },
            FunctionCall("c", "f", '{"a": 1}', "fc", extra={"namespace": "n"}),
            id="function call, arguments byte for byte",
        ),
        pytest.param(
            {"type": "custom_tool_call", "id": "ct", "call_id": "c", "name": "sql", "input": "SELECT\n1"},
            CustomToolCall("c", "sql", "SELECT\n1", "ct"),
            id="custom call",
        ),
        pytest.param(
            {
                "type": "local_shell_call",
                "id": "ls",
                "call_id": "c",
                "status": "completed",
                "action": {"cmd": ["ls"]},
            },
            LocalShellCall("c", {"cmd": ["ls"]}, "ls", "completed"),
            id="local shell",
        ),
        pytest.param(
            {
                "type": "web_search_call",
                "id": "ws",
                "status": "completed",
                "action": {"query": "q"},
                "name": "n",
            },
            WebSearchCall("ws", "completed", {"query": "q"}, extra={"name": "n"}),
            id="web search",
        ),
        pytest.param(
            {"type": "mcp_call", "id": "mcp", "arguments": "{}", "error": None},
            UnknownItem({"type": "mcp_call", "id": "mcp", "arguments": "{}", "error": None}),
            id="without a class",
        ),
    ],
)
def test_an_item_is_read_whole(payload: dict[str, Any], expected: Any) -> None:
    """PS-09 to PS-13, P15: every field has its attribute, or stays in `extra` verbatim."""
    assert item_from_payload(payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {"type": "message", "id": 7, "role": "oracle", "content": "Low", "status": {"x": 1}},
            Message("assistant", "Low", extra={"id": 7, "role": "oracle", "status": {"x": 1}}),
            id="message",
        ),
        pytest.param(
            {"type": "message", "content": None}, Message("assistant"), id="message without content"
        ),
        pytest.param(
            {"type": "message", "content": ["a", 5]},
            Message("assistant", (OutputText("a"), UnknownPart({"value": 5}))),
            id="parts that are no objects",
        ),
        pytest.param(
            {"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": {"x": 1}}]},
            Message("assistant", (OutputText("a", extra={"annotations": {"x": 1}}),)),
            id="annotations that are no list",
        ),
        pytest.param(
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "a", "x": 1}],
                "content": "Hm",
            },
            Reasoning(
                None,
                ("a",),
                ("Hm",),
                extra={"summary": [{"type": "summary_text", "text": "a", "x": 1}], "content": "Hm"},
            ),
            id="reasoning parts of another shape are kept beside their text",
        ),
        pytest.param(
            {"type": "function_call", "call_id": "", "name": None, "arguments": None},
            FunctionCall(None, "", ""),
            id="a call of nothing",
        ),
        pytest.param(
            {
                "type": "function_call",
                "call_id": "c",
                "name": ["f"],
                "arguments": {"port": "Brest", "é": [1]},
            },
            FunctionCall("c", "", '{"port":"Brest","é":[1]}', extra={"name": ["f"]}),
            id="arguments as an object",
        ),
        pytest.param(
            {"type": "web_search_call", "action": "search"},
            WebSearchCall(extra={"action": "search"}),
            id="an action that is no object",
        ),
    ],
)
def test_a_field_of_another_type_is_kept_as_it_came(payload: dict[str, Any], expected: Any) -> None:
    """What an attribute cannot hold is in `extra` under its own name; null is absent."""
    assert item_from_payload(payload) == expected


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"role": "assistant", "content": []}, "message"),
        ({"name": "f", "arguments": ""}, "function_call"),
        ({"summary": []}, "reasoning"),
        ({"type": "", "x": 1}, "unknown"),
        ({"type": "hologram"}, "hologram"),
    ],
)
def test_the_kind_is_told_by_the_fields_where_the_type_is_missing(payload: dict[str, Any], kind: str) -> None:
    """A gateway that leaves the type of an item out is still understood."""
    assert kind_of(payload) == kind


def test_arguments_as_text() -> None:
    """A string stays as it is, null is no arguments, anything else becomes JSON text."""
    assert [json_text(v) for v in ('{ "a":1}', None, {"a": [1, "é"]})] == ['{ "a":1}', "", '{"a":[1,"é"]}']

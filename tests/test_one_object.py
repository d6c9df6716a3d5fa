"""Schemas with a choice at their top, and the one object that stands for each: written by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import FunctionCall, ToolSpec, UsageError
from streamkit.profiles.known import ANTHROPIC, GEMINI, GENERIC, OPENAI
from streamkit.request import Request
from streamkit.tools import call_tool
from streamkit.typed.check import problems_of
from streamkit.typed.one_object import one_object
from streamkit.wires.prepare import prepare

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
BY_CITY = {"type": "object", "properties": {"city": TEXT, "days": NUMBER}, "required": ["city", "days"]}
BY_CODE = {"type": "object", "properties": {"code": TEXT, "days": NUMBER}, "required": ["code", "days"]}
OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"anyOf": [BY_CITY, BY_CODE]},
            {"properties": {"city": TEXT, "days": NUMBER, "code": TEXT}, "required": ["days"]},
            id="any of two",
        ),
        pytest.param(
            {"properties": {"a": TEXT, "b": TEXT}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"properties": {"a": TEXT, "b": TEXT}},
            id="one of two must be there",
        ),
        pytest.param(
            {"required": ["x"], "properties": {"x": TEXT}, "allOf": [BY_CITY, BY_CODE]},
            {
                "properties": {"x": TEXT, "city": TEXT, "days": NUMBER, "code": TEXT},
                "required": ["x", "city", "days", "code"],
            },
            id="all of two",
        ),
        pytest.param(
            {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": {"A": BY_CITY, "B": BY_CODE}},
            {
                "$defs": {"A": BY_CITY, "B": BY_CODE},
                "properties": {"city": TEXT, "days": NUMBER, "code": TEXT},
                "required": ["days"],
            },
            id="references",
        ),
        pytest.param(
            {"anyOf": [{"properties": {"k": {"const": "a"}}}, {"properties": {"k": {"const": "b"}}}]},
            {"properties": {"k": {"anyOf": [{"const": "a"}, {"const": "b"}]}}},
            id="one name in two schemas",
        ),
        pytest.param(
            {"additionalProperties": False, "properties": {"a": TEXT}, "anyOf": [{"required": ["a"]}, {}]},
            {"additionalProperties": False, "properties": {"a": TEXT}},
            id="a closed object",
        ),
        pytest.param(
            {"anyOf": [{"properties": {"a": TEXT}, "additionalProperties": False}, {}]},
            {"properties": {"a": TEXT}},
            id="only one is closed",
        ),
        pytest.param(
            {"description": "d", "allOf": [{"anyOf": [{"properties": {"a": TEXT}}, {"title": "t"}]}]},
            {"description": "d", "properties": {"a": TEXT}},
            id="a choice in a choice",
        ),
    ],
)
def test_a_choice_becomes_one_object(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """It has all the properties, and requires those that each value has."""
    assert one_object(schema) == {**OBJECT, **expected}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        BY_CITY,
        {"anyOf": []},
        {"anyOf": "x"},
        {"anyOf": [BY_CITY, {"type": "null"}]},
        {"anyOf": [BY_CITY, True]},
        {"anyOf": [BY_CITY, {"$ref": "#/$defs/none"}]},
        {"anyOf": [BY_CITY, {"$ref": "https://example.com/schema"}]},
        {"anyOf": [{"$ref": "#"}] * 20},
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
def test_other_schemas_stay(schema: dict[str, Any]) -> None:
    """Without a choice, with one that isn't about objects, or with one that never ends."""
    assert one_object(schema) is None


@pytest.mark.parametrize("value", [5, "a", None, {}, [["a"]], [5, None, {}]], ids=repr)
@pytest.mark.parametrize("name", ["required", "properties", "type", "$defs", "$ref", "additionalProperties"])
def test_a_keyword_of_a_wrong_type_raises_nothing(name: str, value: Any) -> None:
    """A schema may come from a server."""
    for schema in ({name: value, "allOf": [BY_CITY]}, {"anyOf": [{name: value}, {name: value}, BY_CITY]}):
        merged = one_object(schema)
        assert merged is None or merged["type"] == "object"


@pytest.mark.parametrize("value", [{"city": "Oslo", "days": 1}, {"code": "N", "days": 2}], ids=str)
@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_what_fits_the_choice_fits_the_object(word: str, value: dict[str, Any]) -> None:
    """The model isn't kept from a right call."""
    merged = one_object({word: [BY_CITY, BY_CODE]})
    assert merged is not None
    assert not problems_of(value, merged, "arguments")


def test_a_tool_is_sent_with_one_object_and_checked_with_its_choice() -> None:
    """OpenAI and Anthropic refuse the choice; a wrong call is still told to the model."""
    tool = ToolSpec("look", "Look.", {"anyOf": [BY_CITY, BY_CODE]}, function=lambda **given: given)
    for wire, profile in (
        ("messages", ANTHROPIC),
        ("responses", OPENAI),
        ("chat", GENERIC),
        ("gemini", GEMINI),
    ):
        prepared = prepare(Request("hi", model="m", tools=[tool]), wire, profile.on(wire))
        assert "code" in json.dumps(prepared.body["tools"])
        assert '"required": ["days"]' in json.dumps(prepared.body["tools"])
        note = "tools: look: its choice of parameters is sent as one object"
        assert prepared.report.repaired == [note]
    with pytest.raises(UsageError, match="days"):
        call_tool(tool, FunctionCall("c1", "look", '{"city": "Oslo"}'))

"""JSON that a model wrote inside a string: read if the schema proves it, else left alone."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from streamkit import FunctionCall, ToolSpec, UsageError, tool
from streamkit.tools import bind
from streamkit.typed.unquoted import unquoted


@attrs.frozen
class Stop:
    """A place and its days."""

    city: str
    days: list[int]


@tool
def plan(
    stops: list[Stop], budget: float = 0, is_fast: bool | None = None, note: str = "", tag: int | str = 0
) -> None:
    """Plan a journey."""


PARIS = {"city": "Paris", "days": [1, 2]}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(json.dumps({"stops": [PARIS]}), {"stops": [PARIS]}, id="the whole object"),
        pytest.param(json.dumps(json.dumps({"stops": [PARIS]})), {"stops": [PARIS]}, id="twice"),
        pytest.param({"stops": json.dumps([PARIS])}, {"stops": [PARIS]}, id="a list"),
        pytest.param({"stops": [json.dumps(PARIS)]}, {"stops": [PARIS]}, id="an entry"),
        pytest.param({"stops": [{**PARIS, "days": "[1, 2]"}]}, {"stops": [PARIS]}, id="deep inside"),
        pytest.param({"stops": [], "budget": "9.5"}, {"stops": [], "budget": 9.5}, id="a number"),
        pytest.param({"stops": [], "is_fast": "true"}, {"stops": [], "is_fast": True}, id="a boolean"),
        pytest.param({"stops": [], "is_fast": "null"}, {"stops": [], "is_fast": None}, id="null"),
    ],
)
def test_json_in_a_string_is_read(written: Any, read: Any) -> None:
    """Wherever the schema refuses the string and accepts the JSON."""
    assert unquoted(written, plan.parameters) == read


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"stops": [], "note": "[1, 2]"}, id="a text"),
        pytest.param({"stops": [], "note": "true"}, id="a text that is a word of JSON"),
        pytest.param({"stops": [], "tag": "7"}, id="a number or a text"),
        pytest.param({"stops": "Paris"}, id="no JSON"),
        pytest.param({"stops": '{"city": "Paris"}'}, id="JSON of another form"),
        pytest.param({"stops": [], "budget": "NaN"}, id="no JSON by the letter"),
        pytest.param("[1]", id="no object"),
        pytest.param({"budget": "9.5"}, id="still incomplete"),
    ],
)
def test_anything_else_is_left_alone(written: Any) -> None:
    """A string that fits, and one whose JSON doesn't fit either."""
    assert unquoted(written, plan.parameters) == written


def test_a_call_gets_what_was_meant() -> None:
    """`bind` reads it, and makes objects of the annotated types."""
    call = FunctionCall("c", "plan", json.dumps(json.dumps({"stops": json.dumps([PARIS]), "note": "3"})))
    assert bind(plan, call) == {"stops": [Stop("Paris", [1, 2])], "note": "3"}


def test_a_given_schema_with_references_is_followed() -> None:
    """Also `$ref`, `anyOf` and a schema that refers to itself."""
    node = {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}}
    schema = {
        "type": "object",
        "properties": {"head": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "$defs": {"node": node},
    }
    spec = ToolSpec("walk", parameters=schema)
    call = FunctionCall("c", "walk", '{"head": "{\\"n\\": \\"1\\", \\"next\\": \\"{}\\"}"}')
    assert bind(spec, call) == {"head": {"n": 1, "next": {}}}


def test_the_error_has_the_arguments_as_they_were_sent() -> None:
    """A repair that doesn't help changes no message."""
    with pytest.raises(UsageError, match=r'^arguments.stops: expected array, got "Paris"$'):
        bind(plan, FunctionCall("c", "plan", '{"stops": "Paris"}'))

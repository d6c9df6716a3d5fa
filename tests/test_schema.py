"""schema: types as JSON schemas, and the strict form of schemas."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pickle
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Optional

import attrs
import pytest
from typing_extensions import NotRequired, TypedDict

from streamkit import UsageError
from streamkit.typed.response_format import ResponseFormat
from streamkit.typed.schema import schema_of
from streamkit.typed.strict import strict_schema


class Color(enum.Enum):
    """What a thing looks like."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Step:
    """One step of a plan."""

    text: Annotated[str, "what to do"]
    minutes: int = 5


@dataclasses.dataclass
class Plan:
    steps: list[Step]
    color: Color = Color.RED
    note: Optional[str] = None  # noqa: UP045 - the older spelling is in use
    done: bool = dataclasses.field(init=False, default=False)


class Node(TypedDict):
    value: int
    children: NotRequired[list[Node]]


class Unwritable:
    pass


@dataclasses.dataclass
class Lost:
    a: NoSuchName  # noqa: F821 - deliberately undefined


@dataclasses.dataclass
class Holder:
    inner: Unwritable


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (decimal.Decimal, {"type": "string"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (set[str], {"type": "array", "items": {"type": "string"}}),
        (list, {"type": "array", "items": {}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
                "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},  # OpenAI requires one
            },
        ),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object", "additionalProperties": True}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (int | None, {"type": ["integer", "null"]}),
        (int | str, {"type": ["integer", "string"]}),
        (
            Literal["a"] | int,
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "integer"}]},
        ),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
    ],
    ids=str,
)
def test_types(hint: Any, schema: dict[str, Any]) -> None:
    """Each type has the schema that JSON Schema (2020-12) defines for its values."""
    assert schema_of(hint) == schema


def test_a_class_is_an_object_of_its_fields() -> None:
    """A nested class is written in place, with descriptions, defaults and required fields."""
    assert schema_of(Plan) == {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "description": "One step of a plan.",
                    "properties": {
                        "text": {"type": "string", "description": "what to do"},
                        "minutes": {"type": "integer", "default": 5},
                    },
                    "required": ["text"],
                },
            },
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "note": {"type": ["string", "null"]},
        },
        "required": ["steps"],
    }


def test_a_class_that_contains_itself_becomes_a_reference() -> None:
    """NotRequired is found too, although the annotations of this module are strings."""
    node = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        },
        "required": ["value"],
    }
    assert schema_of(Node) == {**node, "$defs": {"Node": node}}


@pytest.mark.parametrize(
    ("hint", "place"),
    [(Holder, "Holder.inner"), (list[Unwritable], "list[]"), (dict[str, Unwritable], "dict.*")],
    ids=str,
)
def test_a_type_without_a_json_form_is_refused(hint: Any, place: str) -> None:
    """The error names the place in the type, and the types that can be used."""
    with pytest.raises(UsageError) as caught:
        schema_of(hint)
    assert str(caught.value).startswith(f"{place}: ")
    assert "expected a class with fields, a list, a dict or a plain type, got <class" in str(caught.value)


@pytest.mark.parametrize(
    ("loose", "strict"),
    [
        pytest.param(
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            id="closed",
        ),
        pytest.param(
            {"properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string", "enum": ["x"]}}},
            {
                "properties": {
                    "a": {"type": ["integer", "null"]},
                    "b": {"type": ["string", "null"], "enum": ["x", None]},
                },
                "required": ["a", "b"],
                "additionalProperties": False,
            },
            id="optional is nullable",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A", "description": "x"}, "b": {}},
                "$defs": {"A": {"type": "object", "properties": {}}},
            },
            {
                "type": "object",
                "properties": {
                    "a": {
                        "type": ["object", "null"],
                        "description": "x",
                        "properties": {},
                        "required": [],
                        "additionalProperties": False,
                    },
                    "b": {},
                },
                "required": ["a", "b"],
                "additionalProperties": False,
                "$defs": {
                    "A": {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
                },
            },
            id="a ref with siblings is written in place",
        ),
        pytest.param(
            {"oneOf": [{"type": "object", "properties": {}}], "anyOf": [{"type": "null"}]},
            {
                "anyOf": [
                    {"type": "null"},
                    {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
                ]
            },
            id="oneOf is anyOf",
        ),
        pytest.param(
            {
                "type": "array",
                "items": {"type": "object", "properties": {"default": {"type": "null"}}},
                "prefixItems": [{"type": "object"}],
                "not": {"type": "object"},
            },
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"default": {"type": "null"}},
                    "required": ["default"],
                    "additionalProperties": False,
                },
                "prefixItems": [
                    {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
                ],
                "not": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
            },
            id="everywhere, and a property may be called default",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "object", "properties": {}}},
            {
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": {
                    "type": "object",
                    "properties": {},
                    "required": [],
                    "additionalProperties": False,
                },
            },
            id="open objects stay open",
        ),
    ],
)
def test_the_strict_form(loose: dict[str, Any], strict: dict[str, Any]) -> None:
    """The strict form is the one that OpenAI accepts; the schema that was passed in stays unchanged."""
    before = repr(loose)
    assert strict_schema(loose) == strict
    assert repr(loose) == before


def test_a_class_makes_a_strict_format() -> None:
    """The format has the class's name and strict schema, and the class itself for reading the answer."""
    wanted = ResponseFormat.of(Step)
    assert (wanted.kind, wanted.name, wanted.strict, wanted.type) == ("json_schema", "Step", True, Step)
    assert wanted.schema["required"] == ["text", "minutes"]


def test_open_objects_make_a_loose_format() -> None:
    """Strict mode refuses dicts with keys of the model's choice."""
    scores = dataclasses.make_dataclass("Scores", [("by_name", dict[str, int])])
    wanted = ResponseFormat.of(scores)
    assert wanted.strict is False
    assert wanted.schema["properties"]["by_name"]["additionalProperties"] == {"type": "integer"}


@pytest.mark.parametrize("hint", [Any, list, list[Any]], ids=repr)
def test_a_field_of_any_type_makes_a_loose_format(hint: Any) -> None:
    """Strict mode requires a type everywhere: OpenAI answers 400, "schema must have a 'type' key"."""
    wanted = ResponseFormat.of(dataclasses.make_dataclass("Found", [("what", hint)]))
    assert wanted.strict is False
    assert "additionalProperties" not in wanted.schema


CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "kind", "name", "strict"),
    [
        ("json_object", "json_object", "response", True),
        ({"type": "json_object"}, "json_object", "response", True),
        ({"type": "text"}, "text", "response", True),
        ({"type": "object", "title": "My answer"}, "json_schema", "My_answer", False),
        ({**CLOSED, "title": "a"}, "json_schema", "a", True),
        ({**CLOSED, "required": []}, "json_schema", "response", False),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}, "json_schema", "n", None),
        ({"type": "json_schema", "name": "n", "schema": {}, "strict": False}, "json_schema", "n", False),
    ],
    ids=repr,
)
def test_formats_in_other_forms(value: Any, kind: str, name: str, strict: bool) -> None:
    """A format may be a string, a bare schema, or the object of either API."""
    wanted = ResponseFormat.of(value)
    assert (wanted.kind, wanted.name, wanted.strict) == (kind, name, strict)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("xml", "response_format: expected a type, a JSON schema or 'json_object', got 'xml'"),
        (5, "response_format: expected a type, .* got 5"),
        (Any, "response_format: expected a type, .* got typing.Any"),
        (
            {"type": "json_schema"},
            "response_format: expected a schema for type json_schema, got {'type': 'json_schema'}",
        ),
    ],
    ids=repr,
)
def test_an_invalid_format_is_a_usage_error(value: Any, words: str) -> None:
    """The error names the parameter and the value."""
    with pytest.raises(UsageError, match=words):
        ResponseFormat.of(value)


def test_a_format_of_a_local_class_pickles_without_it() -> None:
    """Unpickling can't find the class; events and errors with such a format can be pickled anyway."""
    local = attrs.make_class("Local", {"a": attrs.field(type=int)})
    local.__qualname__ = "test.<locals>.Local"
    wanted = ResponseFormat.of(local)
    assert pickle.loads(pickle.dumps(wanted)) == attrs.evolve(wanted, type=None)
    assert pickle.loads(pickle.dumps(ResponseFormat.of(Step))) == ResponseFormat.of(Step)


def test_a_name_that_only_type_checkers_know() -> None:
    """It is named with its class: no NameError from the depths."""
    with pytest.raises(UsageError, match="Lost: name 'NoSuchName' is not defined"):
        schema_of(Lost)

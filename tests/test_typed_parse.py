"""parse: answers as objects of the requested class, or every reason why they aren't."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest
from typing_extensions import NotRequired, TypedDict

from streamkit import (
    Choice,
    Completion,
    IncompleteResponseError,
    Message,
    OutputText,
    Refusal,
    UsageError,
)
from streamkit.errors import AnswerError
from streamkit.typed.check import problems_of
from streamkit.typed.encode import to_json
from streamkit.typed.response_format import ResponseFormat


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Step:
    text: str
    minutes: int = 5


@dataclasses.dataclass
class Plan:
    steps: list[Step]
    color: Color
    when: datetime.datetime
    mode: Literal["a", "b"] = "a"
    note: str | None = "none given"
    size: int | str = 1


class Node(TypedDict):
    value: int
    children: NotRequired[list[Node]]


@attrs.frozen
class Exotic:
    day: datetime.date
    key: UUID
    price: Decimal
    tags: frozenset[str]
    pair: tuple[int, str]
    scores: dict[str, float]


def completion(text: str, finish: Any = "stop", wanted: Any = None) -> Completion:
    items = [Message("assistant", text)]
    return Completion(choices=[Choice(0, items, finish, finish)], response_format=wanted)


def test_an_answer_becomes_an_object() -> None:
    """Nested classes, enums and dates are read; null means the default, as in strict mode."""
    said = {
        "steps": [{"text": "a", "minutes": None}, {"text": "b", "minutes": 7}],
        "color": "red",
        "when": "2024-05-01T12:00:00Z",
        "mode": None,
        "note": None,
        "size": "big",
    }
    when = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.timezone.utc)
    assert completion(json.dumps(said)).parsed(Plan) == Plan(
        [Step("a", 5), Step("b", 7)], Color.RED, when, "a", None, "big"
    )


def test_an_answer_becomes_a_typed_dict() -> None:
    """An optional key may be missing or null."""
    text = '{"value": 1, "children": [{"value": 2, "children": null}, {"value": 3}]}'
    assert completion(text).parsed(Node) == {"value": 1, "children": [{"value": 2}, {"value": 3}]}


def test_types_that_json_lacks_are_read() -> None:
    """Dates, UUIDs, decimals, sets and tuples are made from the JSON that the schema describes."""
    said = {
        "day": "2024-05-01",
        "key": "12345678-1234-5678-1234-567812345678",
        "price": "0.10",
        "tags": ["a", "a"],
        "pair": [1, "x"],
        "scores": {"a": 1, "b": 0.5},
    }
    assert completion(json.dumps(said)).parsed(Exotic) == Exotic(
        datetime.date(2024, 5, 1),
        UUID("12345678-1234-5678-1234-567812345678"),
        Decimal("0.10"),
        frozenset({"a"}),
        (1, "x"),
        {"a": 1.0, "b": 0.5},
    )


def test_the_class_of_the_request_is_the_default() -> None:
    """`completion.parsed()` needs no class if the request named one."""
    assert completion('{"text": "a"}', wanted=ResponseFormat.of(Step)).parsed() == Step("a")
    with pytest.raises(
        UsageError, match="as_type: expected a class, because the request had no response_format"
    ):
        completion("{}").parsed()


def test_a_schema_gives_plain_values_that_fit_it() -> None:
    """Without a class the result is JSON values; they must fit the schema."""
    wanted = ResponseFormat.of({"type": "object", "properties": {"a": {"type": "integer"}}})
    assert completion('{"a": 1}', wanted=wanted).parsed() == {"a": 1}
    with pytest.raises(AnswerError, match=r'the answer\.a: expected integer, got "1"'):
        completion('{"a": "1"}', wanted=wanted).parsed()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": ', "the answer isn't JSON"),
        ("Sure! {}", "the answer.text is missing"),
        ("Sure!", "the answer isn't JSON"),
        ("[" * 100_000, "the answer isn't JSON"),
        ("[]", "the answer isn't the requested Step: the answer: expected object, got []"),
        ("{}", "the answer isn't the requested Step: the answer.text is missing"),
        ('{"text": 5}', "the answer.text: expected string, got 5"),
        ('{"text": "a", "minutes": "5"}', 'the answer.minutes: expected integer, got "5"'),
        ('{"text": "a", "minutes": 5.5}', "the answer.minutes: expected integer, got 5.5"),
        ('{"text": "a", "minutes": true}', "the answer.minutes: expected integer, got true"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error(text: str, words: str) -> None:
    """The error names the place, the expected and the actual value; `.partial` is the whole answer."""
    with pytest.raises(AnswerError) as caught:
        completion(text).parsed(Step)
    assert words in str(caught.value)
    assert caught.value.partial is not None
    assert caught.value.partial.text == text


def test_every_fault_is_named() -> None:
    """The error lists all faults, not only the first."""
    text = '{"steps": "ab", "color": "green", "when": "soon"}'
    with pytest.raises(AnswerError) as caught:
        completion(text).parsed(Plan)
    assert 'the answer.steps: expected array, got "ab"' in str(caught.value)
    assert 'the answer.color: expected one of ["red"], got "green"' in str(caught.value)


def test_a_word_in_place_of_a_date_is_an_error() -> None:
    """A fault that only the class finds is an AnswerError too."""
    with pytest.raises(AnswerError, match=r"the answer\.when"):
        completion('{"steps": [], "color": "red", "when": "soon"}').parsed(Plan)


def test_a_refusal_is_an_error() -> None:
    """The error has the model's words in `.refusal`."""
    refused = Completion(
        choices=[Choice(0, [Message("assistant", [OutputText(""), Refusal("No.")])], "stop")]
    )
    with pytest.raises(AnswerError, match=r"the model refused: No\.") as caught:
        refused.parsed(Step)
    assert caught.value.refusal == "No."


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_truncated_answer_is_an_error(finish: str) -> None:
    """Even if the text is whole JSON by chance."""
    with pytest.raises(IncompleteResponseError):
        completion('{"text": "a"}', finish).parsed(Step)


@pytest.mark.parametrize(
    ("value", "schema", "problems"),
    [
        ({"a": 1}, {"type": "object", "additionalProperties": False}, ["x.a isn't expected"]),
        ({"a": 1}, {"additionalProperties": {"type": "string"}}, ["x.a: expected string, got 1"]),
        (1, {"const": 2}, ["x: expected one of [2], got 1"]),
        (1.0, {"type": "integer"}, []),
        (None, {"type": ["string", "null"]}, []),
        ({"a": None}, {"properties": {"a": {"type": "string"}}}, []),
        (
            {"a": None},
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            ["x.a: expected string, got null"],
        ),
        (
            [1, "b", 3],
            {"prefixItems": [{}, {"type": "string"}], "items": {"type": "string"}},
            ["x[2]: expected string, got 3"],
        ),
        ([1], {"minItems": 2, "maxItems": 3}, ["x: expected at least 2 and at most 3 entries, got 1"]),
        ({"t": "b"}, {"anyOf": [{"required": ["a", "c"]}, {"required": ["b"]}]}, ["x.b is missing"]),
        ("s", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, []),
        (1, {"allOf": [{"type": "string"}]}, ["x: expected string, got 1"]),
        (
            {"n": {"n": {"v": 1}}},
            {"properties": {"n": {"$ref": "#"}, "v": {"type": "string"}}},
            ["x.n.n.v: expected string, got 1"],
        ),
        (1, {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, ["x: expected string, got 1"]),
    ],
    ids=repr,
)
def test_a_value_against_a_schema(value: Any, schema: dict[str, Any], problems: list[str]) -> None:
    """The JSON Schema specification decides, except that null means an optional value that is left out."""
    assert problems_of(value, schema, "x") == problems


NODE = {"anyOf": [{"$ref": "#/$defs/Add"}, {"$ref": "#/$defs/Mul"}, {"type": "integer"}]}
TREE = {
    **NODE,
    "$defs": {
        name: {
            "type": "object",
            "properties": {"op": {"const": name.lower()}, "left": NODE, "right": NODE},
            "required": ["op", "left", "right"],
        }
        for name in ("Add", "Mul")
    },
}


def test_a_union_of_recursive_classes_is_compared_in_linear_time() -> None:
    """Each part is compared once with each option; trying all of them at every level never ends."""
    good: Any = 1
    bad: Any = "1"
    for _ in range(40):
        good = {"op": "mul", "left": good, "right": 1}
        bad = {"op": "mul", "left": bad, "right": 1}
    assert problems_of(good, TREE, "x") == []
    assert problems_of({"op": "mul", "left": bad, "right": 1}, TREE, "x") != []


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
    ],
    ids=repr,
)
def test_a_reference_that_leads_back_to_itself_allows_anything(schema: dict[str, Any]) -> None:
    """The comparison ends, and adds no problem to those of the keywords next to it."""
    assert problems_of({"a": 1}, schema, "x") == []
    assert problems_of({"a": 1}, {**schema, "const": 2}, "x") == ['x: expected one of [2], got {"a": 1}']


def test_a_value_that_is_nested_too_deeply_is_a_problem() -> None:
    """No RecursionError reaches the caller."""
    value: Any = 1
    for _ in range(3000):
        value = [value]
    (problem,) = problems_of(value, {"items": {"$ref": "#"}}, "x")
    assert problem == "x: expected a value that is nested less deeply"


def test_any_value_as_json() -> None:
    """Dates are written in ISO form, objects by their fields, sets as lists."""
    value = {"d": datetime.date(2024, 5, 1), "s": Step("é"), "k": {1}, "p": Decimal("0.1"), "c": Color.RED}
    assert json.loads(to_json(value)) == {
        "d": "2024-05-01",
        "s": {"text": "é", "minutes": 5},
        "k": [1],
        "p": "0.1",
        "c": "red",
    }

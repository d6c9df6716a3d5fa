"""Answers read back as the class that was asked for, or every reason why not."""

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
from streamkit.typed.parse import problems_of, to_json
from streamkit.typed.schema import ResponseFormat


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
    """Nested classes, enum, date, and null where strict mode makes the model say it for a default."""
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
    """A key that is not required may be missing, or null."""
    text = '{"value": 1, "children": [{"value": 2, "children": null}, {"value": 3}]}'
    assert completion(text).parsed(Node) == {"value": 1, "children": [{"value": 2}, {"value": 3}]}


def test_types_that_json_lacks() -> None:
    """Dates, UUIDs, decimals, sets and tuples, from the JSON that the schema asked for."""
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
    """`completion.parsed()` needs no class where the request named one."""
    assert completion('{"text": "a"}', wanted=ResponseFormat.of(Step)).parsed() == Step("a")
    with pytest.raises(
        UsageError, match="as_type: expected a class, because the request had no response_format"
    ):
        completion("{}").parsed()


def test_a_schema_gives_plain_values_that_fit_it() -> None:
    """No class, no object: but what does not fit the schema is no answer."""
    wanted = ResponseFormat.of({"type": "object", "properties": {"a": {"type": "integer"}}})
    assert completion('{"a": 1}', wanted=wanted).parsed() == {"a": 1}
    with pytest.raises(AnswerError, match=r'the answer\.a: integer expected, got "1"'):
        completion('{"a": "1"}', wanted=wanted).parsed()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text": ', "the answer is not JSON"),
        ("Sure! {}", "the answer is not JSON"),
        ("[" * 100_000, "the answer is not JSON"),
        ("[]", "the answer is not the Step asked for: the answer: object expected, got []"),
        ("{}", "the answer is not the Step asked for: the answer.text is missing"),
        ('{"text": 5}', "the answer.text: string expected, got 5"),
        ('{"text": "a", "minutes": "5"}', 'the answer.minutes: integer expected, got "5"'),
        ('{"text": "a", "minutes": 5.5}', "the answer.minutes: integer expected, got 5.5"),
        ('{"text": "a", "minutes": true}', "the answer.minutes: integer expected, got true"),
    ],
)
def test_an_answer_that_does_not_fit(text: str, words: str) -> None:
    """The place, what was expected, what came; the whole answer is on the error."""
    with pytest.raises(AnswerError) as caught:
        completion(text).parsed(Step)
    assert words in str(caught.value)
    assert caught.value.partial is not None
    assert caught.value.partial.text == text


def test_every_fault_is_named() -> None:
    """Not the first one only."""
    text = '{"steps": "ab", "color": "green", "when": "soon"}'
    with pytest.raises(AnswerError) as caught:
        completion(text).parsed(Plan)
    assert 'the answer.steps: array expected, got "ab"' in str(caught.value)
    assert 'the answer.color: one of ["red"] expected, got "green"' in str(caught.value)


def test_a_word_that_is_no_date() -> None:
    """What only the class can find out is an AnswerError, too."""
    with pytest.raises(AnswerError, match=r"the answer\.when"):
        completion('{"steps": [], "color": "red", "when": "soon"}').parsed(Plan)


def test_a_refusal_is_no_answer() -> None:
    """The model's words are on the error."""
    refused = Completion(
        choices=[Choice(0, [Message("assistant", [OutputText(""), Refusal("No.")])], "stop")]
    )
    with pytest.raises(AnswerError, match=r"the model refused: No\.") as caught:
        refused.parsed(Step)
    assert caught.value.refusal == "No."


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_answer_is_no_answer(finish: str) -> None:
    """Even where what came happens to be whole JSON."""
    with pytest.raises(IncompleteResponseError):
        completion('{"text": "a"}', finish).parsed(Step)


@pytest.mark.parametrize(
    ("value", "schema", "problems"),
    [
        ({"a": 1}, {"type": "object", "additionalProperties": False}, ["x.a is not expected"]),
        ({"a": 1}, {"additionalProperties": {"type": "string"}}, ["x.a: string expected, got 1"]),
        (1, {"const": 2}, ["x: one of [2] expected, got 1"]),
        (1.0, {"type": "integer"}, []),
        (None, {"type": ["string", "null"]}, []),
        ({"a": None}, {"properties": {"a": {"type": "string"}}}, []),
        (
            {"a": None},
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            ["x.a: string expected, got null"],
        ),
        (
            [1, "b", 3],
            {"prefixItems": [{}, {"type": "string"}], "items": {"type": "string"}},
            ["x[2]: string expected, got 3"],
        ),
        ([1], {"minItems": 2, "maxItems": 3}, ["x has 1 entries, expected 2 or more but at most 3"]),
        ({"t": "b"}, {"anyOf": [{"required": ["a", "c"]}, {"required": ["b"]}]}, ["x.b is missing"]),
        ("s", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, []),
        (1, {"allOf": [{"type": "string"}]}, ["x: string expected, got 1"]),
        (
            {"n": {"n": {"v": 1}}},
            {"properties": {"n": {"$ref": "#"}, "v": {"type": "string"}}},
            ["x.n.n.v: string expected, got 1"],
        ),
        (1, {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, ["x: string expected, got 1"]),
        (1, {"$ref": "#/nowhere"}, []),
        ("x", {"type": "hologram"}, ['x: hologram expected, got "x"']),
    ],
    ids=repr,
)
def test_a_value_against_a_schema(value: Any, schema: dict[str, Any], problems: list[str]) -> None:
    """By the JSON Schema specification, but that null stands for an optional value that is left out."""
    assert list(problems_of(value, schema, "x")) == problems


def test_any_value_as_json() -> None:
    """What a tool returns: dates in ISO form, objects by their fields, sets as lists."""
    value = {"d": datetime.date(2024, 5, 1), "s": Step("é"), "k": {1}, "p": Decimal("0.1"), "c": Color.RED}
    assert json.loads(to_json(value)) == {
        "d": "2024-05-01",
        "s": {"text": "é", "minutes": 5},
        "k": [1],
        "p": "0.1",
        "c": "red",
    }

"""objects: JSON becomes an object of any type that a program asks for."""

# ruff: noqa: UP007, UP045 - both spellings of unions are in use

from __future__ import annotations

import dataclasses
import datetime
import enum
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

import attrs
import pytest

from streamkit import AnswerError, Client, UsageError
from streamkit.testing import FakeTransport, chat_stream
from streamkit.typed.objects import make


@dataclasses.dataclass
class Node:
    v: int
    kids: list[Node] = dataclasses.field(default_factory=list)
    by_name: dict[str, Node] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Cat:
    kind: Literal["cat"]
    name: str


@dataclasses.dataclass
class Dog:
    kind: Literal["dog"]
    name: str


@attrs.frozen
class Small:
    a: int


@attrs.frozen
class Large:
    a: int
    b: int = 0
    _private: int = 7


class Pair(NamedTuple):
    x: int
    y: str = "k"


class Unit(enum.Enum):
    ONE = 1
    TWO = 2


@pytest.mark.parametrize(
    ("hint", "value", "made"),
    [
        (int, 5.0, 5),
        (float, 5, 5.0),
        (Optional[int], None, None),
        (Union[str, int], 5, 5),
        (Union[float, int], 5, 5),
        (Literal["a", 1], 1, 1),
        (Unit, 2, Unit.TWO),
        (Annotated[list[int], "about"], [1], [1]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], [1, 1], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (dict[int, Unit], {"3": 1}, {3: Unit.ONE}),
        (
            datetime.datetime,
            "2026-01-02T03:04:05Z",
            datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        ),
        (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (Decimal, "1.20", Decimal("1.20")),
        (Pair, {"x": 1}, Pair(1)),
        (Node, {"v": 1, "kids": [{"v": 2}], "by_name": {"a": {"v": 3}}}, Node(1, [Node(2)], {"a": Node(3)})),
        (Union[Cat, Dog], {"kind": "dog", "name": "x"}, Dog("dog", "x")),
        (Union[Small, Large], {"a": 1, "b": 2}, Large(1, 2)),
        (Union[Small, Large], {"a": 1}, Small(1)),
        (Large, {"a": 1, "b": None, "_private": 8}, Large(1, 0, 8)),
        (list[Cat | None], [None], [None]),
    ],
    ids=repr,
)
def test_values(hint: Any, value: Any, made: Any) -> None:
    """Each value, with its type."""
    result = make(value, hint, "x")
    assert result == made
    assert type(result) is type(made)


def test_an_error_of_the_callers_class_has_its_place() -> None:
    """A validator, for example."""

    @attrs.frozen
    class Positive:
        n: int = attrs.field(validator=attrs.validators.gt(0))

    with pytest.raises(UsageError, match=r"^x\[1\]: 'n' must be > 0"):
        make([{"n": 1}, {"n": -1}], list[Positive], "x")


def ask(answer: str, kind: Any) -> tuple[Any, dict[str, Any]]:
    transport = FakeTransport(chat_stream(answer))
    client = Client("generic", base_url="http://h/v1", transport=transport)
    completion = client.complete("q", model="m", response_format=kind)
    return completion.parsed(), transport.bodies[0]["response_format"]["json_schema"]["schema"]


@pytest.mark.parametrize(
    ("kind", "answer", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (Literal["a", "b"], '"b"', "b"),
        (Optional[int], "null", None),
        (bool, "true", True),
        (Union[Cat, Dog], '{"kind": "cat", "name": "x"}', Cat("cat", "x")),
        (list[Node], '[{"v": 1, "kids": null}]', [Node(1)]),
    ],
    ids=repr,
)
def test_types_that_arent_objects_are_wrapped(kind: Any, answer: str, value: Any) -> None:
    """The API accepts objects only; an answer that isn't wrapped is read too."""
    wrapped, schema = ask(f'{{"value": {answer}}}', kind)
    assert wrapped == value
    assert schema["type"] == "object"
    assert schema["required"] == ["value"]
    assert ask(answer, kind)[0] == value


def test_every_reference_of_a_wrapped_recursive_class_resolves() -> None:
    """The definitions are at the top of the schema."""
    schema = ask('{"value": []}', list[Node])[1]
    assert list(schema["$defs"]) == ["Node"]
    assert schema["properties"]["value"]["items"] == {"$ref": "#/$defs/Node"}


def test_a_fenced_answer_is_read() -> None:
    """Models write fences around JSON where no server enforces a schema; two of them are ambiguous."""
    assert ask('Here it is:\n```json\n{"v": 1}\n```\n', Node)[0] == Node(1)
    assert ask('```\n{"v": 1}\n```', Node)[0] == Node(1)
    with pytest.raises(AnswerError, match="several JSON values, and 2 fit"):
        ask('```json\n{"v": 1}\n```\n```json\n{"v": 2}\n```', Node)

"""Classes of pydantic and msgspec: their own schema goes out, and they make the object."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

import pytest

from streamkit import AnswerError, Client, tool
from streamkit.items import FunctionCall
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tools import call_tool, output_of
from streamkit.typed.check import problems_of
from streamkit.typed.objects import make
from streamkit.typed.response_format import ResponseFormat
from streamkit.typed.schema import schema_of

pydantic = pytest.importorskip("pydantic")
msgspec = pytest.importorskip("msgspec")


class Order(pydantic.BaseModel):
    n: int = pydantic.Field(gt=0, description="how many")
    tags: list[str] = []  # noqa: RUF012 - pydantic copies it
    inner: Optional["Order"] = None  # noqa: UP045, UP037 - pydantic resolves it on Python 3.10, too


class Point(msgspec.Struct):
    a: int
    b: str = "x"


def ask(kind: Any, answer: str) -> Any:
    transport = FakeTransport(chat_stream(answer))
    client = Client("generic", base_url="http://h/v1", transport=transport)
    return client.complete("q", model="m", response_format=kind).parsed()


def test_answers() -> None:
    """Alone, in a list, and with null for what is optional in the strict form."""
    assert ask(Order, '{"n": 1, "tags": null, "inner": {"n": 2, "tags": ["a"], "inner": null}}') == Order(
        n=1, inner=Order(n=2, tags=["a"])
    )
    assert ask(Point, '{"a": 1, "b": null}') == Point(1)
    assert ask(list[Order], '{"value": [{"n": 1}]}') == [Order(n=1)]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(Order, '{"n": "x"}'), (Order, '{"n": 0}'), (Point, '{"a": "x"}'), (Point, "{}")],
)
def test_answers_that_dont_fit(kind: Any, answer: str) -> None:
    """An error of ours, with the place."""
    with pytest.raises(AnswerError, match=r"the answer\.[na]"):
        ask(kind, answer)


def test_schemas_and_definitions() -> None:
    """Descriptions stay; a recursive class has its definition at the top."""
    schema = schema_of(list[Order])
    assert schema["items"] == {"$ref": "#/$defs/Order"}
    assert schema["$defs"]["Order"]["properties"]["n"]["description"] == "how many"
    assert schema_of(Point)["properties"]["a"] == {"type": "integer"}


def test_tools_take_and_return_them() -> None:
    """Arguments are objects; results are JSON."""

    @tool
    def double(order: Order, at: Point) -> Order:
        return Order(n=order.n * 2 + at.a)

    result = call_tool(double, FunctionCall("c", "double", '{"order": {"n": 1}, "at": {"a": 3}}'))
    assert output_of(result) == '{"n": 5, "tags": [], "inner": null}'
    assert output_of([Point(1)]) == '[{"a": 1, "b": "x"}]'


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    name: str


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    age: int


class Owner(pydantic.BaseModel):
    pet: Union[Cat, Dog] = pydantic.Field(discriminator="kind", description="its pet")  # noqa: UP007
    cat: Cat = pydantic.Field(description="the cat")


def test_a_discriminated_union_stays_strict() -> None:
    """`oneOf` becomes `anyOf`, and OpenAPI's `discriminator` goes; OpenAI's library writes `cat` the same."""
    wanted = ResponseFormat.of(Owner)
    assert wanted.strict is True
    pet = wanted.schema["properties"]["pet"]
    assert pet == {
        "title": "Pet",
        "description": "its pet",
        "anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    }
    assert wanted.schema["properties"]["cat"] == {
        "title": "Cat",
        "type": "object",
        "description": "the cat",
        "properties": {
            "kind": {"const": "cat", "title": "Kind", "type": "string"},
            "name": {"title": "Name", "type": "string"},
        },
        "required": ["kind", "name"],
        "additionalProperties": False,
    }
    answer = '{"pet": {"kind": "dog", "age": 3}, "cat": {"kind": "cat", "name": "x"}}'
    assert ask(Owner, answer) == Owner(pet=Dog(kind="dog", age=3), cat=Cat(kind="cat", name="x"))


def models_of(field: str) -> Any:
    """Return a model called Outer over one called Inner, whose only field is *field*."""
    inner = pydantic.create_model("Inner", **{field: (str, ...)})
    return pydantic.create_model("Outer", inner=(inner, ...), more=(list[inner], ...))


def test_models_of_one_name_have_definitions_of_their_own() -> None:
    """Under different parents, each reference leads to the right one."""
    both = dataclasses.make_dataclass("Both", [("a", models_of("x")), ("b", models_of("y"))])
    good = {name: {"inner": {field: "t"}, "more": [{field: "t"}]} for name, field in (("a", "x"), ("b", "y"))}
    assert problems_of(good, schema_of(both), "x") == []
    swapped = {"a": good["b"], "b": good["a"]}
    assert len(problems_of(swapped, schema_of(both), "x")) == 4
    schema = schema_of(both)
    assert len(schema["$defs"]) == 2
    made = make(good, both, "x")
    assert (made.a.inner.x, made.b.more[0].y) == ("t", "t")


def test_the_same_model_twice_has_one_definition() -> None:
    """A class is known by identity."""
    outer = models_of("x")
    both = dataclasses.make_dataclass("Both", [("a", outer), ("b", outer), ("c", list[outer])])
    assert list(schema_of(both)["$defs"]) == ["Inner"]


V = TypeVar("V")


class Crate(pydantic.BaseModel, Generic[V]):
    v: V


class Box(msgspec.Struct, Generic[V]):
    v: V


class Dated(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    day: datetime.date


@pytest.mark.parametrize(
    ("kind", "answer", "made"),
    [
        (pydantic.TypeAdapter(list[int]), '{"value": [1, 2]}', [1, 2]),
        (pydantic.TypeAdapter(Order), '{"n": 1}', Order(n=1)),
        (Crate[int], '{"v": 1}', Crate[int](v=1)),
        (Box[int], '{"v": 1}', Box(1)),
        (list[Box[int]], '{"value": [{"v": 1}]}', [Box(1)]),
        (Dated, '{"day": "2026-01-02"}', Dated(day=datetime.date(2026, 1, 2))),
        (Box[dict[int, str]], '{"v": {"1": "a"}}', Box({1: "a"})),
        (Annotated[int, pydantic.Field(gt=0)], '{"value": 1}', 1),
        (Annotated[list[int], msgspec.Meta(min_length=1)], '{"value": [1]}', [1]),
    ],
    ids=str,
)
def test_adapters_generic_classes_and_strict_models(kind: Any, answer: str, made: Any) -> None:
    """Each type makes its own objects, from JSON."""
    assert ask(kind, answer) == made


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (pydantic.TypeAdapter(list[int]), '{"value": ["a"]}'),
        (Crate[int], '{"v": "a"}'),
        (Box[int], '{"v": "a"}'),
        (Annotated[int, pydantic.Field(gt=0, description="n")], '{"value": 0}'),
        (Annotated[str, msgspec.Meta(pattern="^a", max_length=2)], '{"value": "abc"}'),
    ],
    ids=str,
)
def test_their_constraints_are_checked(kind: Any, answer: str) -> None:
    """Those in `Annotated`, too."""
    with pytest.raises(AnswerError, match="the answer"):
        ask(kind, answer)


def test_a_format_that_strict_mode_lacks_is_reported() -> None:
    """OpenAI refuses `uri`."""

    class Page(pydantic.BaseModel):
        url: pydantic.AnyUrl

    transport = FakeTransport(chat_stream('{"url": "http://h"}'))
    stream = Client("generic", base_url="http://h/v1", transport=transport).stream(
        "q", model="m", response_format=Page
    )
    assert stream.request is not None
    assert stream.request.report.repaired == [
        "response_format: the format 'uri' at /properties/url isn't sent: strict mode doesn't have it"
    ]
    assert "format" not in str(stream.request.body["response_format"]["json_schema"]["schema"])

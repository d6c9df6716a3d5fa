"""Classes of pydantic and msgspec: their own schema goes out, and they make the object."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from streamkit import AnswerError, Client, tool
from streamkit.items import FunctionCall
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tools import call_tool, output_of
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

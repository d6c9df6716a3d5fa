"""tool_outputs: a function's result as the model gets it: text, JSON, pictures or files, never a repr."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import enum
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest

from streamkit import Client, FunctionCall, InputFile, InputImage, InputText, ToolError, UsageError
from streamkit.testing import FakeTransport, chat_stream
from streamkit.tool_outputs import capped
from streamkit.tools import call_tool, output_of, tool

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
PDF = b"%PDF-1.7 x"


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int


@attrs.frozen
class Place:
    city: str
    when: datetime.date


@dataclasses.dataclass
class Trip:
    stops: list[Place]


class Model:
    """As pydantic's."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return {"a": 1}


class Struct:
    """As msgspec's."""

    __struct_fields__ = ("a",)
    a = Decimal("1.5")


class Array:
    """As NumPy's."""

    def tolist(self) -> list[int]:
        return [1, 2]


class Spoken:
    def __str__(self) -> str:
        return "words"


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("text", "text"),
        (None, "null"),
        (True, "true"),
        ({"a": [1, "\u00e9"]}, '{"a": [1, "\u00e9"]}'),
        (
            Trip([Place("Oslo", datetime.date(2026, 1, 2))]),
            '{"stops": [{"city": "Oslo", "when": "2026-01-02"}]}',
        ),
        ([Color.RED, {Decimal("1.20")}, PurePosixPath("/a")], '["red", ["1.20"], "/a"]'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ({"p": Point(1)}, '{"p": [1]}'),
        (Model(), '{"a": 1}'),
        ([Struct()], '[{"a": "1.5"}]'),
        (Array(), "[1, 2]"),
        (Spoken(), '"words"'),
        (b"plain text", "plain text"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_values(value: Any, output: str) -> None:
    """Text stays; every other value is JSON."""
    assert output_of(value) == output


def test_bytes_are_pictures_and_files() -> None:
    """By their beginning."""
    picture = InputImage("data:image/png;base64," + base64.b64encode(PNG).decode())
    assert output_of(PNG) == output_of(bytearray(PNG)) == (picture,)
    (document,) = output_of(PDF)
    assert isinstance(document, InputFile)
    assert output_of(["see", PNG]) == (InputText("see"), picture)
    assert output_of([InputText("a"), {"n": 1}]) == (InputText("a"), InputText('{"n": 1}'))


class Thing:
    pass


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no words")


@dataclasses.dataclass
class Node:
    next: Any = None


def cycle() -> Node:
    node = Node()
    node.next = node
    return node


@pytest.mark.parametrize(
    "value",
    [
        Thing(),
        {"x": Thing()},
        threading.Lock(),
        b"\xff\xfe\x00",
        Broken(),
        cycle(),
        [b"\x00"],
        Thing,
        {(1, 2): 3},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_is_refused(value: Any) -> None:
    """The author of the tool learns what to return; the model never sees an address in memory."""
    with pytest.raises(UsageError, match=r"^result: expected ") as caught:
        output_of(value)
    assert " at 0x" not in str(caught.value)


def run(function: Any) -> Any:
    return call_tool(tool(function), FunctionCall("c", function.__name__, "{}"))


def test_a_generator_is_its_values() -> None:
    """Chunks of text are joined."""

    def texts() -> Iterator[str]:
        yield from ("a", "b")

    def numbers() -> Iterator[int]:
        yield from (1, 2)

    assert run(texts) == "ab"
    assert run(numbers) == [1, 2]


def test_an_error_in_a_generator_is_the_tools() -> None:
    """Its values are made while the tool runs."""

    def texts() -> Iterator[str]:
        yield "a"
        raise OSError("disk")

    with pytest.raises(ToolError, match="raised OSError: disk"):
        run(texts)


def test_a_hidden_coroutine_is_refused() -> None:
    """A function can return one without being a coroutine function."""

    async def inner() -> int:
        return 1

    def outer() -> Any:
        return inner()

    with pytest.raises(ToolError, match="wrap the function with asyncio"):
        run(outer)


def test_an_exception_without_words_is_named() -> None:
    """Its `__str__` can raise, too."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise Mute

    with pytest.raises(ToolError, match=r"raised Mute$"):
        run(fail)


def test_a_long_output_is_cut_with_a_note() -> None:
    """Pictures stay; None is no limit."""
    assert capped("abcdef", 4) == "abcd\n[cut after 4 of 6 characters]"
    assert capped("abcd", 4) == "abcd"
    assert capped("abcdef", None) == "abcdef"
    picture = InputImage("http://x")
    assert capped((InputText("abc"), picture), 2) == (InputText("ab\n[cut after 2 of 3 characters]"), picture)


def test_the_texts_of_a_stream_are_a_result() -> None:
    """They can be read by async servers, too, and aren't a coroutine for that."""

    def ask() -> Any:
        transport = FakeTransport(chat_stream("Hel", "lo"))
        return (
            Client("generic", base_url="http://h/v1", transport=transport).stream("q", model="m").text_stream
        )

    assert run(ask) == "Hello"

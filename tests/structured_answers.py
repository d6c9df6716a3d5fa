"""Twelve kinds of response_format under seven profiles, on all four APIs: the body, and the value.

`python -m tests.structured_answers` prints the table. The expected schemas are written by hand from OpenAI's
guide to structured outputs, and the expected bodies from the references of the four APIs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Union

import attrs
import msgspec
import pydantic
from typing_extensions import TypedDict

from streamkit import Client, FunctionCall
from streamkit.testing import FakeTransport, stream_of


@dataclasses.dataclass
class Tide:
    port: str
    hour: int = 0


@attrs.frozen
class Port:
    name: str


class Sea(TypedDict):
    name: str


class Point(NamedTuple):
    x: int
    y: int


class Ship(pydantic.BaseModel):
    name: str


class Boat(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Node:
    v: int
    kids: list[Node]


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT, INTEGER = {"type": "string"}, {"type": "integer"}
NAMED = closed(name=TEXT)
NODE = closed(v=INTEGER, kids={"type": "array", "items": {"$ref": "#/$defs/Node"}})
GIVEN = {"title": "Given", **closed(name=TEXT)}


@dataclasses.dataclass
class Row:
    """One kind: the format that a program passes, the name and schema sent, an answer, and its value."""

    kind: str
    wanted: Any
    name: str
    schema: Mapping[str, Any]
    answer: str
    value: Any
    strict: bool = True


ROWS = [
    Row(
        "dataclass",
        Tide,
        "Tide",
        closed(port=TEXT, hour={"type": ["integer", "null"]}),
        '{"port": "Brest", "hour": null}',
        Tide("Brest", 0),
    ),
    Row("attrs class", Port, "Port", NAMED, '{"name": "Brest"}', Port("Brest")),
    Row("TypedDict", Sea, "Sea", NAMED, '{"name": "Iroise"}', {"name": "Iroise"}),
    Row("NamedTuple", Point, "Point", closed(x=INTEGER, y=INTEGER), '{"x": 1, "y": 2}', Point(1, 2)),
    Row(
        "pydantic class",
        Ship,
        "Ship",
        {**closed(name={**TEXT, "title": "Name"}), "title": "Ship"},
        '{"name": "Abeille"}',
        Ship(name="Abeille"),
    ),
    Row(
        "msgspec class",
        Boat,
        "Boat",
        {**NAMED, "title": "Boat"},
        '{"name": "Abeille"}',
        Boat("Abeille"),
    ),
    Row(
        "list[T]",
        list[Port],
        "list",
        closed(value={"type": "array", "items": NAMED}),
        '{"value": [{"name": "Brest"}]}',
        [Port("Brest")],
    ),
    Row(
        "Literal",
        Literal["high", "low"],
        "Literal",
        closed(value={"type": "string", "enum": ["high", "low"]}),
        '{"value": "high"}',
        "high",
    ),
    Row(
        "union",
        Union[Port, Point],  # noqa: UP007 - the older spelling has a name, and is in use
        "Union",
        closed(value={"anyOf": [NAMED, closed(x=INTEGER, y=INTEGER)]}),
        '{"value": {"x": 1, "y": 2}}',
        Point(1, 2),
    ),
    Row("scalar", int, "int", closed(value=INTEGER), '{"value": 5}', 5),
    Row(
        "recursive class",
        Node,
        "Node",
        {**NODE, "$defs": {"Node": NODE}},
        '{"v": 1, "kids": [{"v": 2, "kids": []}]}',
        Node(1, [Node(2, [])]),
    ),
    Row("JSON schema", GIVEN, "Given", GIVEN, '{"name": "Brest"}', {"name": "Brest"}),
]

PROFILES = ("openai", "vllm", "deepseek", "openrouter", "openai responses", "anthropic", "gemini")
WITHOUT_SCHEMA = ("deepseek",)
MODELS = {"anthropic": "claude-opus-4-5", "gemini": "gemini-2.5-flash"}  # both enforce a schema
FIELDS = (
    *("response_format", "messages", "text", "input", "system", "tools", "tool_choice"),
    *("output_config", "generationConfig", "contents", "systemInstruction"),
)
FENCED = "Here it is:\n```json\n{}\n```\n"


def expected_body(row: Row, profile: str) -> dict[str, Any]:
    """Return the fields of the body that the format decides."""
    question = {"role": "user", "content": "q"}
    if profile == "openai responses":
        wanted = {"type": "json_schema", "name": row.name, "strict": row.strict, "schema": row.schema}
        part = {"type": "input_text", "text": "q"}
        return {
            "text": {"format": wanted},
            "input": [{"type": "message", "role": "user", "content": [part]}],
        }
    if profile == "anthropic":
        asked = [{"role": "user", "content": [{"type": "text", "text": "q"}]}]
        return {"messages": asked, **expected_of_anthropic(row)}
    if profile == "gemini":
        config = {"responseMimeType": "application/json", "responseJsonSchema": row.schema}
        return {"generationConfig": config, "contents": [{"role": "user", "parts": [{"text": "q"}]}]}
    if profile in WITHOUT_SCHEMA:
        wish = ["Answer with one JSON value that fits this JSON schema:", row.schema]
        return {
            "response_format": {"type": "json_object"},
            "messages": [{"role": "system", "content": wish}, question],
        }
    inner = {"name": row.name, "strict": row.strict, "schema": row.schema}
    return {"response_format": {"type": "json_schema", "json_schema": inner}, "messages": [question]}


def expected_of_anthropic(row: Row) -> dict[str, Any]:
    """Return the format; for a schema that contains itself, which the API refuses, a forced tool."""
    if row.kind != "recursive class":
        return {"output_config": {"format": {"type": "json_schema", "schema": row.schema}}}
    tool = {"name": "json_answer", "description": "Give the answer.", "input_schema": row.schema}
    choice = {"type": "tool", "name": "json_answer", "disable_parallel_tool_use": True}
    return {"tools": [tool], "tool_choice": choice}


def asked(row: Row, profile: str) -> tuple[dict[str, Any], Any]:
    """Return the fields of the body that was sent, and the value of the answer.

    A schema in a system message is decoded: the order of its keys doesn't matter.
    """
    answer = FENCED.replace("{}", row.answer) if profile in WITHOUT_SCHEMA else row.answer
    name, _, wire = profile.partition(" ")
    wire = wire or {"anthropic": "messages", "gemini": "gemini"}.get(name, "chat")
    is_tool = profile == "anthropic" and row.kind == "recursive class"
    part = FunctionCall("t1", "json_answer", answer) if is_tool else answer
    transport = FakeTransport(stream_of(wire, part))
    url = "http://127.0.0.1:8000/v1" if profile == "vllm" else None
    client = Client(name, base_url=url, api_key="k", wire=wire, transport=transport)
    completion = client.complete("q", model=MODELS.get(name, "m"), response_format=row.wanted)
    body = transport.bodies[0]
    first = body["messages"][0] if wire == "chat" else {}
    if first.get("role") == "system":
        wish, _, schema = first["content"].partition("\n")
        first["content"] = [wish, json.loads(schema)]
    return {name: body[name] for name in FIELDS if name in body}, completion.parsed()


def table() -> Iterator[str]:
    """Yield the lines of the table: each kind under each profile."""
    for row in ROWS:
        yield f"\n## {row.kind}: {row.wanted!r:.100}\n"
        for profile in PROFILES:
            body, value = asked(row, profile)
            right = body == expected_body(row, profile) and value == row.value
            yield f"{profile:<17}{'as expected' if right else 'WRONG'}"
            yield f"  body   {json.dumps(body)}"
            yield f"  value  {value!r}"


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201 - it prints the table

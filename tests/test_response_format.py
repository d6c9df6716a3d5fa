"""response_format: every form that a program passes, the body that goes out, and the value of the answer."""

from __future__ import annotations

import json
from typing import Annotated, Any, Union

import pytest

from streamkit import Client, FunctionCall, UsageError
from streamkit.errors import AnswerError
from streamkit.testing import FakeTransport, chat_stream, stream_of
from streamkit.typed.response_format import ResponseFormat

pytest.importorskip("pydantic")
pytest.importorskip("msgspec")

from . import structured_answers as kinds

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("profile", kinds.PROFILES)
@pytest.mark.parametrize("row", kinds.ROWS, ids=lambda row: row.kind)
def test_every_kind_under_every_profile(row: Any, profile: str) -> None:
    """The body is the one that the API documents, and the value has the type that was asked for."""
    body, value = kinds.asked(row, profile)
    assert body == kinds.expected_body(row, profile)
    assert value == row.value
    assert type(value) is type(row.value)


def test_the_table_can_be_printed() -> None:
    """Twelve kinds, seven profiles, all as expected."""
    lines = list(kinds.table())
    assert sum("as expected" in line for line in lines) == 84


# -- json_object on every API ---------------------------------------------------------------

ANSWER_TOOL = {"name": "json_answer", "description": "Give the answer."}
FORCED = {"type": "tool", "name": "json_answer", "disable_parallel_tool_use": True}
ON_EACH_API: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # wire: a profile, the fields of the body, and those with a schema next to the type
    "chat": (
        "openai",
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
    ),
    "responses": (
        "openai",
        {"text": {"format": {"type": "json_object"}}},
        {"text": {"format": {"type": "json_object", "schema": SCHEMA}}},
    ),
    "messages": (
        "anthropic",
        {"tools": [{**ANSWER_TOOL, "input_schema": {"type": "object"}}], "tool_choice": FORCED},
        {"tools": [{**ANSWER_TOOL, "input_schema": SCHEMA}], "tool_choice": FORCED},
    ),
    "gemini": (
        "gemini",
        {"generationConfig": {"responseMimeType": "application/json"}},
        {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    ),
}


def _asked(wire: str, wanted: Any, *answer: Any) -> tuple[Client, Any, dict[str, Any]]:
    """Return the client, the completion and the body."""
    transport = FakeTransport(stream_of(wire, *answer))
    client = Client(ON_EACH_API[wire][0], api_key="k", wire=wire, transport=transport)
    completion = client.complete("JSON please", model="claude-3-5-sonnet", response_format=wanted)
    return client, completion, transport.bodies[0]


@pytest.mark.parametrize("wire", ON_EACH_API)
def test_json_object_on_every_api(wire: str) -> None:
    """Each has its own field; a schema next to the type goes where the API has one, and is checked."""
    _, plain, schema = ON_EACH_API[wire]
    answer = FunctionCall("t1", "json_answer", '{"n": 1}') if "tools" in plain else '{"n": 1}'
    for wanted, expected in (("json_object", plain), ({"type": "json_object", "schema": SCHEMA}, schema)):
        _, completion, body = _asked(wire, wanted, answer)
        assert {name: body[name] for name in expected} == expected
        assert completion.parsed() == {"n": 1}
        assert completion.tool_calls == ()
    _, completion, _ = _asked(wire, {"type": "json_object", "schema": SCHEMA}, '{"n": "x"}')
    with pytest.raises(AnswerError, match=r"the answer\.n: expected integer"):
        completion.parsed()


@pytest.mark.parametrize("wire", ON_EACH_API)
def test_json_object_reads_a_fence_and_nothing_else(wire: str) -> None:
    """A server may not enforce the mode: a fenced answer is read, other text isn't."""
    assert _asked(wire, "json_object", 'Here:\n```json\n{"n": 1}\n```')[1].parsed() == {"n": 1}
    for text in ("no JSON", '{"n": NaN}', '{"n": 1'):
        with pytest.raises(AnswerError, match="the answer isn't JSON"):
            _asked(wire, "json_object", text)[1].parsed()


@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-3-5-sonnet", "claude-fable-5"])
def test_json_object_next_to_tools_is_a_sentence_on_messages(model: str) -> None:
    """No tool can be forced for it: the caller's own may be what the model needs."""
    look = {"name": "look", "input_schema": {"type": "object"}}
    client = Client("anthropic", api_key="k", transport=FakeTransport(b""))
    request = client.stream("q", model=model, tools=[look], response_format="json_object").request
    assert request is not None
    assert request.body["tools"] == [look]
    assert request.body["system"] == "Answer with one JSON object, and with nothing else."
    assert request.report.repaired == ["response_format: it is sent as a sentence in the system text"]


def stream(wanted: Any, prompt: str = "q", profile: str = "generic", wire: str | None = None) -> Any:
    client = Client(
        profile, base_url="http://h/v1", api_key="k", wire=wire, transport=FakeTransport(chat_stream("{}"))
    )
    return client.stream(prompt, model="m", response_format=wanted)


INNER = {"name": "n", "schema": SCHEMA}


@pytest.mark.parametrize(
    ("wanted", "chat", "responses"),
    [
        pytest.param(
            {"type": "json_schema", "json_schema": INNER},
            {"type": "json_schema", "json_schema": INNER},
            {"type": "json_schema", **INNER},
            id="without strict",
        ),
        pytest.param(
            {"type": "json_schema", "json_schema": {**INNER, "strict": True, "description": "d", "x": 1}},
            {"type": "json_schema", "json_schema": {**INNER, "strict": True, "description": "d", "x": 1}},
            {"type": "json_schema", **INNER, "strict": True, "description": "d", "x": 1},
            id="nested, with a description and a key of the server's",
        ),
        pytest.param(
            {"type": "json_schema", **INNER, "strict": False, "description": "d"},
            {"type": "json_schema", "json_schema": {**INNER, "strict": False, "description": "d"}},
            {"type": "json_schema", **INNER, "strict": False, "description": "d"},
            id="flat",
        ),
        pytest.param(
            {"type": "json_schema", "json_schema": INNER, "y": 2},
            {"type": "json_schema", "json_schema": INNER, "y": 2},
            {"type": "json_schema", **INNER, "y": 2},
            id="a key next to the type",
        ),
        pytest.param(
            {"json_schema": INNER},
            {"type": "json_schema", "json_schema": INNER},
            {"type": "json_schema", **INNER},
            id="without a type",
        ),
        pytest.param(
            INNER,
            {"type": "json_schema", "json_schema": INNER},
            {"type": "json_schema", **INNER},
            id="the inner object alone",
        ),
        pytest.param(
            {"type": "json_object", "schema": SCHEMA},
            {"type": "json_object", "schema": SCHEMA},
            {"type": "json_object", "schema": SCHEMA},
            id="as Together and llama.cpp take it",
        ),
        pytest.param({"type": "text"}, {"type": "text"}, {"type": "text"}, id="text"),
    ],
)
def test_an_object_of_an_api_is_sent_as_it_was_written(wanted: Any, chat: Any, responses: Any) -> None:
    """No key is lost, and none is added: without `strict`, the server decides."""
    assert stream(wanted).request.body["response_format"] == chat
    assert stream(wanted, wire="responses").request.body["text"]["format"] == responses


def test_a_schema_next_to_json_object_is_checked() -> None:
    """The answer must fit it."""
    client = Client("generic", base_url="http://h/v1", transport=FakeTransport(chat_stream('{"n": "x"}')))
    completion = client.complete(
        "JSON please", model="m", response_format={"type": "json_object", "schema": SCHEMA}
    )
    with pytest.raises(AnswerError, match=r"the answer\.n: expected integer"):
        completion.parsed()


def test_a_gateway_without_schemas_reports_the_keys_it_doesnt_get() -> None:
    """The description goes into the prompt."""
    wanted = {"type": "json_schema", "json_schema": {**INNER, "description": "a count", "x": 1}, "y": 2}
    request = stream(wanted, profile="deepseek").request
    assert request.body["response_format"] == {"type": "json_object", "y": 2}
    assert request.body["messages"][0]["content"] == (
        f"Answer with one JSON value that fits this JSON schema, a count:\n{json.dumps(SCHEMA)}"
    )
    assert request.report.dropped == [
        "response_format: name: deepseek accepts no schema",
        "response_format: x: deepseek accepts no schema",
    ]


def test_a_changed_name_is_reported() -> None:
    """The APIs accept letters, digits, `_` and `-`."""
    request = stream({"type": "json_schema", "json_schema": {"name": "my answer", "schema": SCHEMA}}).request
    assert request.body["response_format"]["json_schema"]["name"] == "my_answer"
    assert request.report.repaired == ["response_format: the name 'my answer' is sent as my_answer"]


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize("profile", ["deepseek", "openai"])
def test_json_object_without_the_word_json_is_doubtful(profile: str, wire: str) -> None:
    """Both providers document the demand; the word may have any case, and be in any message."""
    [doubt] = stream("json_object", profile=profile, wire=wire).request.report.doubtful
    assert doubt.startswith("response_format: json_object needs the word JSON in a message")
    assert stream("json_object", "as Json, please", profile, wire).request.report.doubtful == []
    client = Client(profile, base_url="http://h/v1", api_key="k", wire=wire, transport=FakeTransport(b""))
    asked = client.stream("q", model="m", instructions="Write JSON.", response_format="json_object")
    assert asked.request is not None
    assert asked.request.report.doubtful == []


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"type": "json_objekt"},
            r"response_format: expected the type json_schema, json_object, text, or that of a JSON schema "
            r"\(object, .*\), got 'json_objekt'; a server's own format goes into extra_body",
        ),
        ({"type": "json_schema"}, "response_format: expected a schema for type json_schema"),
        (
            {"type": "json_schema", "json_schema": 5},
            "response_format: expected a schema for type json_schema",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": 5, "schema": {}}},
            "response_format.name: expected a str, got 5",
        ),
        (
            {"type": "json_schema", "json_schema": {**INNER, "strict": "yes"}},
            "response_format.strict: expected a bool, got 'yes'",
        ),
        (
            {"type": "json_object", "schema": 5},
            "response_format.schema: expected a JSON schema; at /: expected an object",
        ),
        ({"type": {"a": 1}}, r"response_format: expected a JSON schema; at /type: expected one of"),
        ({"type": ["objekt"]}, r"response_format: expected a JSON schema; at /type: expected one of"),
    ],
    ids=str,
)
def test_an_object_of_another_kind_is_refused(wanted: Any, words: str) -> None:
    """The error names the key and the kinds that exist."""
    with pytest.raises(UsageError, match=f"^{words}"):
        ResponseFormat.of(wanted)


def test_a_given_schema_is_taken_by_the_letter() -> None:
    """Null isn't the same as leaving a property out; for a class it is, because strict mode writes null."""
    client = Client("generic", base_url="http://h/v1", transport=FakeTransport(chat_stream('{"a": null}')))
    wanted = {"type": "object", "properties": {"a": {"type": "string"}}}
    with pytest.raises(AnswerError, match=r"the answer\.a: expected string, got null"):
        client.complete("q", model="m", response_format=wanted).parsed()


class RaisesWhenCompared:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")


class RaisesWhenShown:
    def __repr__(self) -> str:
        raise RuntimeError("shown")


class RaisesWhenRead:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class WithoutDefinition:
    """A class that looks like pydantic's, and whose schema points nowhere."""

    @classmethod
    def model_json_schema(cls) -> Any:
        return {"$ref": "#/$defs/A"}

    @classmethod
    def model_validate(cls, value: Any) -> Any:
        return value


@pytest.mark.parametrize(
    "wanted",
    [
        *(RaisesWhenCompared(), RaisesWhenShown(), RaisesWhenRead(), WithoutDefinition),
        *(
            [],
            (),
            b"x",
            len,
            {"type": RaisesWhenCompared()},
            {"a": RaisesWhenShown()},
            Union,
            list["Nowhere"],  # type: ignore[name-defined]  # noqa: F821 - deliberately undefined
        ),
        Annotated[int, RaisesWhenRead()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_object_that_raises_is_refused_with_our_error(wanted: Any) -> None:
    """As a format, and as the kind of an element; nothing is sent."""
    transport = FakeTransport(chat_stream("{}"))
    client = Client("generic", base_url="http://h/v1", transport=transport)
    with pytest.raises(UsageError):
        client.stream("q", model="m", response_format=wanted)
    if not isinstance(wanted, dict):
        with pytest.raises(UsageError):
            list(client.stream("q", model="m").elements(wanted))
    assert transport.calls == []

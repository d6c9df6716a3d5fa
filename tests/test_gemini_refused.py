"""Requests that Gemini would refuse: names, budgets, choices without functions, system texts, odd data.

Each expected body is written by hand from Google's rules and the errors that the API words.
"""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    Client,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    Message,
    ToolSpec,
    UsageError,
)
from streamkit.profiles.known import GEMINI, VERTEX_GEMINI
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

FILES = "https://generativelanguage.googleapis.com/v1beta/"
NONE: dict[str, Any] = {"type": "object", "properties": {}}


def built(items: Any, *, model: str = "gemini-3-pro-preview", **params: Any) -> PreparedRequest:
    tools = params.pop("tools", ())
    instructions = params.pop("instructions", None)
    request = Request(items, model=model, tools=tools, instructions=instructions, params=params)
    return prepare(request, "gemini", GEMINI)


def test_a_function_is_declared_under_the_name_that_its_calls_have() -> None:
    """A name begins with a letter or an underscore."""
    items = [Message("user", "hi"), FunctionCall("a", "1f", "{}"), FunctionCallOutput("a", "ok")]
    prepared = built(items, tools=[ToolSpec("1f", "F.", NONE)], tool_choice="1f")
    assert prepared.body["tools"][0]["functionDeclarations"][0]["name"] == "_1f"
    assert prepared.body["contents"][1]["parts"][0]["functionCall"]["name"] == "_1f"
    config = prepared.body["toolConfig"]["functionCallingConfig"]
    assert config["allowedFunctionNames"] == ["_1f"]
    assert "tools[0]: the name 1f is sent as _1f" in prepared.report.repaired


@pytest.mark.parametrize("choice", ["required", "auto", "none"])
def test_a_choice_without_functions_is_left_out(choice: str) -> None:
    """ "Function calling config is set without function_declarations."."""
    prepared = built("hi", tools=[{"googleSearch": {}}], tool_choice=choice)
    assert "toolConfig" not in prepared.body
    assert prepared.report.dropped == [
        "tool_choice: the request has no functions, without which it is refused"
    ]
    own = {"functionDeclarations": [{"name": "f"}]}
    assert "toolConfig" in built("hi", tools=[own], tool_choice=choice).body


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("gemini-2.5-pro", 0, 128),
        ("gemini-2.5-pro", 99_999, 32_768),
        ("gemini-2.5-flash", 99_999, 24_576),
        ("gemini-2.5-flash-lite", 100, 512),
        ("gemini-2.5-flash-lite", 0, 0),
        ("gemini-2.5-flash", 100, 100),
        ("gemini-2.5-flash-lite", -1, -1),
        ("gemini-3-flash", 99_999, 99_999),
    ],
)
def test_a_budget_is_one_that_the_model_takes(model: str, wanted: int, sent: int) -> None:
    """The nearest one, which the report says; from 3 on, no limits are documented."""
    prepared = built("hi", model=model, reasoning={"max_tokens": wanted})
    assert prepared.body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == sent
    expected = [] if sent == wanted else [f"reasoning.max_tokens: {wanted} is sent as {sent}"]
    assert prepared.report.repaired == expected


def test_a_model_for_pictures_does_not_think() -> None:
    """ "Thinking is not enabled for this model"."""
    prepared = built("hi", model="gemini-2.5-flash-image", reasoning_effort="high")
    assert "generationConfig" not in prepared.body
    assert prepared.report.dropped == ["reasoning_effort: gemini-2.5-flash-image doesn't think"]


@pytest.mark.parametrize(("model", "is_moved"), [("gemma-3-27b-it", True), ("gemma-4-31b-it", False)])
def test_a_system_text_that_is_refused_begins_the_conversation(model: str, is_moved: bool) -> None:
    """ "Developer instruction is not enabled for models/gemma-3-27b-it"."""
    prepared = built("hi", model=model, instructions="Be brief.")
    said = [{"text": "Be brief."}] if is_moved else []
    assert prepared.body["contents"] == [{"role": "user", "parts": [*said, {"text": "hi"}]}]
    assert ("systemInstruction" in prepared.body) != is_moved
    assert bool(prepared.report.repaired) == is_moved


@pytest.mark.parametrize(("model", "is_signed"), [("gemini-flash-latest", True), ("gemini-2.5-flash", False)])
def test_an_alias_is_one_of_the_newer_models(model: str, is_signed: bool) -> None:
    """A call without a signature gets the stand-in there."""
    items = [Message("user", "hi"), FunctionCall("a", "f", "{}"), FunctionCallOutput("a", "ok")]
    part = built(items, model=model).body["contents"][1]["parts"][0]
    assert ("thoughtSignature" in part) == is_signed


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            InputFile(file_data="data:text/plain,a%20b"),
            {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}},
        ),
        (InputFile(file_id="files/a"), {"fileData": {"fileUri": f"{FILES}files/a"}}),
        (InputImage(file_id="files/a"), {"fileData": {"fileUri": f"{FILES}files/a"}}),
        (
            InputFile("a.csv", file_id="files/a"),
            {"fileData": {"mimeType": "text/csv", "fileUri": f"{FILES}files/a"}},
        ),
        (
            InputFile(file_url="https://youtu.be/x"),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
        ),
        (
            InputFile(file_url="https://m.youtube.com/watch?v=x"),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://m.youtube.com/watch?v=x"}},
        ),
    ],
)
def test_files_are_sent_as_the_api_reads_them(part: Any, sent: dict[str, Any]) -> None:
    """Data in base64; a video that the server fetches has a video's type."""
    prepared = built([Message("user", [part])])
    assert prepared.body["contents"][0]["parts"] == [sent]
    assert not prepared.report.doubtful


@pytest.mark.parametrize(
    ("given", "sent", "says"),
    [
        ("application/json", "text/plain", "repaired"),
        ("application/ld+json", "text/plain", "repaired"),
        ("application/x-yaml", "text/plain", "repaired"),
        ("text/csv", "text/csv", ""),
        ("application/pdf", "application/pdf", ""),
        ("audio/flac", "audio/flac", ""),
        ("image/jpg", "image/jpeg", ""),
        ("image/heic", "image/heic", ""),
        ("image/gif", "image/gif", "doubtful"),
        ("image/svg+xml", "image/svg+xml", "doubtful"),
        ("application/zip", "application/zip", "doubtful"),
        ("application/msword", "application/msword", "doubtful"),
    ],
)
def test_files_of_types_that_the_api_refuses(given: str, sent: str, says: str) -> None:
    """ "Unsupported MIME type": text goes under the one type that every model reads; others are doubtful."""
    prepared = built([Message("user", [InputFile(file_data=f"data:{given};base64,YQ==")])])
    assert prepared.body["contents"][0]["parts"] == [{"inlineData": {"mimeType": sent, "data": "YQ=="}}]
    report = prepared.report
    assert [name for name in ("repaired", "doubtful") if getattr(report, name)] == ([says] if says else [])


def test_more_words_and_larger_seeds_than_the_api_takes_are_doubtful() -> None:
    """Five words that stop an answer, and a seed of 32 bits."""
    assert not built("hi", stop=list("abcde"), seed=2**31 - 1).report.doubtful
    assert built("hi", stop=list("abcdef"), seed=2**31).report.doubtful == [
        "stop: 6 words, but the API takes 5",
        "seed: 2147483648, but the API takes a number of 32 bits",
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"type": "allowed_tools", "mode": "auto"},
            "tool_choice.tools: expected tools with a name, got None",
        ),
        ({"type": "allowed_tools", "tools": [{"type": "function"}]}, "tool_choice.tools: expected tools"),
        (
            {"type": "allowed_tools", "tools": [{"type": "function", "name": 1}]},
            "tool_choice.tools: expected",
        ),
    ],
)
def test_a_list_of_tools_without_names_is_named(choice: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=f"^{said}"):
        built("hi", tools=[ToolSpec("f", "F.", NONE)], tool_choice=choice)
    with pytest.raises(UsageError, match=f"^{said}"):
        Client("openai", model="m", api_key="k").prepare(
            "hi", tools=[ToolSpec("f", "F.", NONE)], tool_choice=choice
        )


def test_parts_of_a_response_that_are_no_list_are_named() -> None:
    """With their place."""
    turn = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}, "parts": 1.5}}]}
    with pytest.raises(UsageError, match=r"parts\[0\]\.functionResponse\.parts: expected a list, got 1\.5"):
        Client("gemini", model="m", api_key="k").prepare([turn])


@pytest.mark.parametrize(
    ("given", "sent", "says"),
    [
        ("flex", "flex", ""),
        ("priority", "priority", ""),
        ("default", "standard", "repaired"),
        ("standard_only", "standard", "repaired"),
        ("auto", None, "dropped"),
    ],
)
def test_tiers_in_the_words_of_other_apis(given: str, sent: str | None, says: str) -> None:
    """OpenAI's and Anthropic's word for the usual one; `auto` is what no tier means."""
    prepared = built("hi", service_tier=given)
    assert prepared.body.get("serviceTier") == sent
    report = prepared.report
    assert [name for name in ("dropped", "repaired") if getattr(report, name)] == ([says] if says else [])


@pytest.mark.parametrize(
    ("model", "is_sent"),
    [
        ("gemini-2.0-flash", True),
        ("gemma-3-27b-it", True),
        ("gemini-2.5-flash-lite", False),
        ("publishers/google/models/gemini-3.8-flash", False),
        ("gemini-pro-latest", False),
    ],
)
def test_penalties(model: str, is_sent: bool) -> None:
    """ "Penalty is not enabled for this model", from 2.5 on."""
    prepared = built("hi", model=model, frequency_penalty=0.5, presence_penalty=1)
    sent = prepared.body.get("generationConfig", {})
    assert sent == ({"frequencyPenalty": 0.5, "presencePenalty": 1} if is_sent else {})
    names = ["frequency_penalty", "presence_penalty"]
    assert prepared.report.dropped == ([] if is_sent else [f"{name}: {model} refuses it" for name in names])


@pytest.mark.parametrize(("model", "doubts"), [("gemini-2.5-flash", 0), ("gemini-3.8-flash", 1)])
def test_several_answers_where_a_model_gives_one_are_doubtful(model: str, doubts: int) -> None:
    """ "Multiple candidates is not enabled for this model"; one isn't even asked for."""
    prepared = built("hi", model=model, n=2)
    assert prepared.body["generationConfig"] == {"candidateCount": 2}
    assert len(prepared.report.doubtful) == doubts
    one = built("hi", model=model, n=1)
    assert "generationConfig" not in one.body
    assert not one.report


@pytest.mark.parametrize(
    ("profile", "model", "doubts"),
    [
        (GEMINI, "gemini-2.5-flash", 1),
        (VERTEX_GEMINI, "gemini-2.5-flash", 0),
        (VERTEX_GEMINI, "gemini-3-pro", 1),
    ],
)
def test_logprobs_are_doubtful_where_they_are_refused(profile: Profile, model: str, doubts: int) -> None:
    """ "Logprobs is not enabled for this model": on the Gemini API, and from 3 on."""
    request = Request("hi", model=model, params={"top_logprobs": 2})
    prepared = prepare(request, "gemini", profile)
    assert prepared.body["generationConfig"] == {"responseLogprobs": True, "logprobs": 2}
    assert len(prepared.report.doubtful) == doubts


LEG: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "integer"}}}
LEGS = {"$ref": "#/$defs/Leg", "description": "The first.", "default": {"$ref": "x", "y": 1}}
AROUND = {"description": "The first.", "default": {"$ref": "x", "y": 1}, "anyOf": [{"$ref": "#/$defs/Leg"}]}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (LEGS, AROUND),
        ({"type": "array", "items": LEGS}, {"type": "array", "items": AROUND}),
        ({"$ref": "#/$defs/Leg"}, {"$ref": "#/$defs/Leg"}),
        ({"$ref": "#/$defs/Leg", "$comment": "c"}, {"$ref": "#/$defs/Leg", "$comment": "c"}),
        ({"type": "object", "properties": {"$ref": {"type": "string"}}}, ...),
    ],
)
def test_nothing_is_next_to_a_reference(given: dict[str, Any], sent: Any) -> None:
    """ "Schema.ref was set alongside unsupported fields": in tools and in the format of the answer."""
    schema = {"type": "object", "properties": {"a": given}, "required": ["a"], "$defs": {"Leg": LEG}}
    wanted = {**schema, "properties": {"a": given if sent is ... else sent}}
    tools = built("hi", tools=[ToolSpec("f", "F.", schema)])
    assert tools.body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == wanted
    asked = built("hi", response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    assert asked.body["generationConfig"]["responseJsonSchema"] == wanted
    assert not tools.report


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gemma-3-27b-it", ["tools", "responseMimeType"]),
        ("gemini-2.5-flash-image", ["tools", "responseMimeType"]),
        ("gemini-3-pro-image-preview", ["tools"]),
        ("gemini-2.5-flash-preview-tts", ["tools", "responseMimeType", "systemInstruction"]),
        ("gemma-4-31b-it", []),
        ("gemini-3.8-flash", []),
    ],
)
def test_models_without_functions_json_or_a_system_text(model: str, fields: list[str]) -> None:
    """ "Function calling is not enabled for this model", and as much for JSON mode and instructions."""
    tools = [ToolSpec("f", "F.", NONE)]
    prepared = built("hi", model=model, tools=tools, instructions="s", response_format="json_object")
    doubts = [said for said in prepared.report.doubtful if "together with tools" not in said]
    assert doubts == [f"{name}: {model} refuses it" for name in fields]
    assert not built("hi", model=model).report


@pytest.mark.parametrize(
    ("output", "sent"),
    [
        ('{"a": {"$ref": "#/$defs/x"}}', None),
        ('{"a": [{"b": {"$ref": "x.png"}}]}', None),
        ('{"$ref": 1, "a": "$ref"}', {"$ref": 1, "a": "$ref"}),
        ('{"a": "{\\"$ref\\": \\"x\\"}"}', {"a": '{"$ref": "x"}'}),
    ],
)
def test_an_output_with_references_is_text(output: str, sent: Any) -> None:
    """ "does not match to a display_name": the output may be a JSON schema or an OpenAPI page."""
    items = ["hi", FunctionCall("a", "f", "{}", signature="s"), FunctionCallOutput("a", output)]
    prepared = built(items, model="gemini-3-pro")
    (part,) = prepared.body["contents"][-1]["parts"]
    assert part["functionResponse"]["response"] == ({"output": output} if sent is None else sent)
    says = "item 2 (function_call_output) is sent as text: the API takes its $ref for a file's name"
    assert prepared.report.repaired == ([says] if sent is None else [])


@pytest.mark.parametrize(
    ("model", "name", "is_object"),
    [
        ("gemini-3-pro", "x.png", True),
        ("gemini-3-pro", "y.png", False),
        ("gemini-2.5-flash", "x.png", False),  # the file is not in the response
    ],
)
def test_a_reference_to_a_file_of_the_response_stays_one(model: str, name: str, is_object: bool) -> None:
    """The caller wrote it in the API's own words."""
    file = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0=", "displayName": "x.png"}}
    response = {"id": "a", "name": "f", "response": {"picture": {"$ref": name}}, "parts": [file]}
    call = {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "s"}
    prepared = built(
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [{"functionResponse": response}]},
        ],
        model=model,
    )
    sent = prepared.body["contents"][2]["parts"][0]["functionResponse"]["response"]
    assert sent == ({"picture": {"$ref": name}} if is_object else {"output": sent["output"]})

"""Law 13 for every input: each value that the caller wrote is in the body, or its key is in the report.

Strategy. A template is filled with marks: strings that occur nowhere else. `lost` walks it, and looks for
each mark in the body. A value without its mark there must have its key in the report, or that of an object
around it of which no mark was sent. A request may be refused, by an error that names the argument. True,
False and the words of an API can't be marked: their key must be in the body. Chat messages as dicts are in
test_chat_messages.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations, count
from typing import Any

import pytest
from attrs import evolve, fields, has

from streamkit import (
    PROFILES,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    LocalShellCall,
    Message,
    OutputText,
    Profile,
    Reasoning,
    Refusal,
    UnknownItem,
    UsageError,
    WebSearchCall,
)
from streamkit.items import OutputAudio, OutputImage, UnknownPart
from streamkit.request import Request
from streamkit.request.options import ToolSpec
from streamkit.request.params import CHECKS
from streamkit.wires import WIRES
from streamkit.wires.prepare import PreparedRequest, prepare

NAMES = ("generic", "openai", "openrouter", "deepseek", "anthropic", "gemini")
GATEWAYS = [PROFILES[name] for name in NAMES]
MODELS = ("m", "gpt-5", "claude-opus-4-5", "claude-3-5-sonnet", "gemini-2.5-pro", "gemini-3-pro")
# Parameters that are a field of another name on one of the APIs.
ALIASES = {
    "parallel_tool_calls": "disable_parallel_tool_use",
    "logprobs": "responseLogprobs",
    "prompt_cache": "cache_control",
}

each_wire = pytest.mark.parametrize("wire", list(WIRES))
each_gateway = pytest.mark.parametrize("profile", GATEWAYS, ids=lambda profile: profile.name)


# -- the walker ---------------------------------------------------------------------------


def marked(template: Any, numbers: Iterator[int]) -> Any:
    """Return *template* with another mark for each "?"."""
    if isinstance(template, str):
        return re.sub(r"\?", lambda _: f"mark{next(numbers)}.", template)
    if isinstance(template, Mapping):
        return {key: marked(value, numbers) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return type(template)(marked(each, numbers) for each in template)
    if has(type(template)):
        values = {a.name: getattr(template, a.name) for a in fields(type(template)) if a.name != "origin"}
        return evolve(template, **{name: marked(value, numbers) for name, value in values.items()})
    return template


def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each value that isn't an object or a list, with the keys that lead to it."""
    if has(type(value)):
        value = {a.name: getattr(value, a.name) for a in fields(type(value)) if a.name not in UNMARKED}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, path)
    elif value not in (None, "", "{}"):
        yield path, value


def lost(given: Any, name: str, prepared: PreparedRequest) -> list[str]:
    """Return the paths of *given*, the argument *name*, whose values are neither in the body nor reported."""
    body = json.dumps(prepared.body, ensure_ascii=False).lower()
    found = [(path, value, _is_sent(path[-1], value, body)) for path, value in leaves(given, (name,))]
    missing = []
    for path, value, is_sent in found:
        heads = [path[:length] for length in range(1, len(path))]
        whole = [h for h in heads if not any(s and is_mark(v) for p, v, s in found if p[: len(h)] == h)]
        words = [re.escape(head[-1]) for head in (*whole, path)]
        if not is_sent and not re.search(rf"(?<!\w)({'|'.join(words)})(?!\w)", str(prepared.report)):
            missing.append(f"{'.'.join(path)}={value}")
    return missing


def is_mark(value: Any) -> bool:
    return "mark" in value if isinstance(value, str) else not isinstance(value, bool)


def _is_sent(key: str, value: Any, body: str) -> bool:
    if is_mark(value):
        return all(mark in body for mark in re.findall(r"mark\d+\.", str(value)) or [json.dumps(value)])
    names = {key, re.sub("_([a-z])", lambda m: m[1].upper(), key), ALIASES.get(key, key)}
    return (
        any(re.search(rf"(?<!\w){re.escape(name.lower())}\b", body) for name in names)
        or f'"{value}"'.lower() in body
    )


def sent(items: Any, wire: str, profile: Profile, *names: str, **fields: Any) -> PreparedRequest | None:
    """Return the request as *profile* gets it; None if it is refused with one of the *names*."""
    try:
        return prepare(Request(items, **{"model": "m", **fields}), wire, profile.on(wire))
    except UsageError as error:
        if not str(error).startswith(names):
            raise
        return None


def check(wire: str, profile: Profile, model: str, *, tools: Any = (), **params: Any) -> None:
    """Assert that nothing of *params* and *tools* is lost, or that the request is refused with their name."""
    names = ("tool_choice", *params)
    prepared = sent("hi", wire, profile, *names, model=model, tools=tools, params=params)
    if prepared is None:
        return
    where = f"{wire} {profile.name} {model}: {prepared.report}"
    for name, value in params.items():
        assert lost(value, name, prepared) == [], where
    for tool in tools:
        assert lost(tool, "tools", prepared) == [], where


# -- parameters ---------------------------------------------------------------------------

PARAMS: dict[str, Any] = {
    "temperature": 0.4217,
    "top_p": 0.7317,
    "top_k": 47,
    "min_p": 0.1317,
    "top_a": 0.2217,
    "frequency_penalty": 0.3317,
    "presence_penalty": 0.4417,
    "repetition_penalty": 1.1317,
    "logit_bias": {"50256": -77},
    "seed": 987123,
    "n": 7,
    "stop": ["?", "?"],
    "max_tokens": 71717,
    "max_completion_tokens": 71718,
    "max_output_tokens": 71719,
    "logprobs": True,
    "top_logprobs": 13,
    "response_format": {"type": "json_object", "schema": {"type": "object", "title": "?"}, "further": "?"},
    "modalities": ["?"],
    "audio": {"voice": "?", "format": "?"},
    "prediction": {"type": "?", "content": "?"},
    "verbosity": "?",
    "text": {"verbosity": "?", "further": "?"},
    "include": ["?"],
    "stream_options": {"include_obfuscation": False, "further": "?"},
    "reasoning_effort": "?",
    "reasoning": {"effort": "?", "summary": "?", "exclude": False},
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "max_tool_calls": 17,
    "web_search_options": {"search_context_size": "?", "user_location": {"city": "?"}},
    "previous_response_id": "?",
    "conversation": "?",
    "prompt": {"id": "?", "variables": {"further": "?"}},
    "store": False,
    "background": True,
    "truncation": "?",
    "metadata": {"further": "?", "user_id": "?"},
    "user": "?",
    "safety_identifier": "?",
    "service_tier": "?",
    "prompt_cache": "ephemeral",
    "prompt_cache_key": "?",
    "prompt_cache_retention": "?",
    "provider": {"order": ["?"], "zdr": True},
    "models": ["?"],
    "route": "?",
    "transforms": ["?"],
    "plugins": [{"id": "?"}],
    "session_id": "?",
    "usage": {"include": True, "further": "?"},
}
SCHEMA = {
    "type": "object",
    "title": "?",
    "properties": {
        "first": {"type": "string", "description": "?", "x-further": "?", "default": "?", "enum": ["?"]},
        "second": {"$ref": "#/$defs/T"},
    },
    "required": ["first"],
    "$defs": {"T": {"type": "object", "description": "?", "properties": {"n": {"minimum": -717}}}},
    "additionalProperties": False,
}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}


def test_every_parameter_has_a_template() -> None:
    """A new parameter needs one."""
    assert {*PARAMS, "include_usage"} == CHECKS.keys()


@each_gateway
@each_wire
@pytest.mark.parametrize("name", PARAMS)
def test_a_parameter_alone(name: str, wire: str, profile: Profile) -> None:
    """With every family of models, and with a tool and without."""
    for model in MODELS:
        for tools in ([], [marked(FUNCTION, count(5000))]):
            check(wire, profile, model, tools=tools, **{name: marked(PARAMS[name], count(100))})


@each_wire
@pytest.mark.parametrize("name", PARAMS)
def test_two_parameters_of_one_field(name: str, wire: str) -> None:
    """If two of them become the same field, the report has the one that isn't sent."""
    others = [(a, b) for a, b in combinations(PARAMS, 2) if name == a]
    for pair in others:
        for profile in (PROFILES["generic"], PROFILES["openrouter"]):
            check(wire, profile, "m", tools=[FUNCTION], **marked({n: PARAMS[n] for n in pair}, count(100)))


@each_wire
@each_gateway
def test_extra_body_is_sent_as_it_is(profile: Profile, wire: str) -> None:
    """Whatever it contains, on every API."""
    extra = marked({"own": {"deep": ["?", {"deeper": "?"}]}, "metadata": {"user_id": "?"}}, count(100))
    prepared = prepare(Request("hi", model="m", extra_body=extra), wire, profile.on(wire))
    assert {name: prepared.body[name] for name in extra} == extra


def test_a_switch_without_a_field_is_reported() -> None:
    """Only chat can leave out the token counts, by leaving out the field that asks for them."""
    off = {"include_usage": False}
    assert "stream_options" not in prepare(Request("hi", model="m", params=off), "chat", GATEWAYS[0]).body
    for wire in ("responses", "messages", "gemini"):
        report = prepare(Request("hi", model="m", params=off), wire, GATEWAYS[0]).report
        assert report.dropped == ["include_usage: this API has no such switch, and always does it"]


def test_the_effort_that_is_not_sent_is_reported() -> None:
    """A budget wins over an effort, and one spelling of the effort over the other."""
    both = {"reasoning_effort": "low", "reasoning": {"effort": "high"}}
    for wire in WIRES:
        report = prepare(Request("hi", model="gemini-2.5-pro", params=both), wire, GATEWAYS[0]).report
        assert "reasoning.effort: reasoning_effort is sent instead" in report.dropped
    budget = {"reasoning": {"effort": "high", "max_tokens": 4321}}
    for wire in ("messages", "gemini"):
        prepared = prepare(Request("hi", model="gemini-2.5-pro", params=budget), wire, GATEWAYS[0])
        assert "4321" in str(prepared.body)
        assert "reasoning_effort: high, because reasoning.max_tokens is the budget" in prepared.report.dropped


# -- tools --------------------------------------------------------------------------------

FURTHER = {
    "cache_control": {"type": "?"},
    "defer_loading": True,
    "input_examples": [{"first": "?"}],
    "allowed_callers": ["?"],
    "eager_input_streaming": True,
    "own_key": "?",
}
ABOUT = {"name": "f", "description": "?"}
GRAMMAR = {"syntax": "?", "definition": "?"}
TOOLS: dict[str, Any] = {
    "ToolSpec": ToolSpec("f", "?", SCHEMA),
    "strict ToolSpec": ToolSpec(
        "f", "?", {"type": "object", "properties": {"a": {"type": "string"}}}, strict=True
    ),
    "chat": {"type": "function", "function": {**ABOUT, "parameters": SCHEMA, "strict": True}},
    "chat, keys outside": {**FUNCTION, **FURTHER},
    "chat, keys inside": {"type": "function", "function": {**ABOUT, "parameters": SCHEMA, **FURTHER}},
    "chat, text": {"type": "custom", "custom": {**ABOUT, "format": {"type": "grammar", "grammar": GRAMMAR}}},
    "responses": {"type": "function", **ABOUT, "parameters": SCHEMA, "strict": True, **FURTHER},
    "responses, text": {"type": "custom", **ABOUT, "format": {"type": "grammar", **GRAMMAR}, **FURTHER},
    "messages": {**ABOUT, "input_schema": SCHEMA, "strict": True, **FURTHER},
    "messages, typed": {"type": "custom", **ABOUT, "input_schema": SCHEMA, **FURTHER},
    "gemini": {
        "functionDeclarations": [
            {
                **ABOUT,
                "parametersJsonSchema": SCHEMA,
                "response": {"title": "?"},
                "behavior": "?",
                "own_key": "?",
            }
        ]
    },
    "gemini, two": {"function_declarations": [{**ABOUT, "parameters": SCHEMA}], "codeExecution": {"x": "?"}},
    "gemini, hosted": {"googleSearch": {"timeRangeFilter": {"startTime": "?"}}},
    "web search": {
        "type": "web_search",
        "filters": {"allowed_domains": ["?"]},
        "user_location": {"city": "?"},
    },
    "web search 2": {"type": "web_search_20250305", "name": "web_search", "max_uses": 77, **FURTHER},
    "web fetch": {"type": "web_fetch_20250910", "name": "web_fetch", "citations": {"enabled": True}},
    "code": {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["?"]}},
    "files": {"type": "file_search", "vector_store_ids": ["?"], "ranking_options": {"ranker": "?"}},
    "mcp": {"type": "mcp", "server_label": "?", "headers": {"x-own": "?"}, "require_approval": "?"},
    "of a gateway": {"type": "openrouter:web_search", "parameters": {"max_results": 777}},
    "unknown": {"type": "own_tool", "options": {"deep": "?"}},
}


@each_gateway
@each_wire
@pytest.mark.parametrize("name", TOOLS)
def test_a_tool(name: str, wire: str, profile: Profile) -> None:
    """In the words of any API, with keys that only some have."""
    for model in MODELS:
        check(wire, profile, model, tools=[marked(TOOLS[name], count(100))])


def test_keys_that_an_api_has_move_to_their_place() -> None:
    """Next to the name on Messages, next to the type on Responses, in the declaration on Gemini."""
    mark = {"cache_control": {"type": "ephemeral"}}
    outside = {"type": "function", "function": {"name": "f"}, **mark}
    inside = {"type": "function", "function": {"name": "f", **mark}}
    schema = {"type": "object", "properties": {}}
    for tool in (outside, inside, {"type": "function", "name": "f", **mark}):
        prepared = prepare(Request("hi", model="m", tools=[tool]), "messages", GATEWAYS[0])
        assert prepared.body["tools"] == [{"name": "f", **mark, "input_schema": schema}]
        assert not prepared.report
        for wire in ("responses", "gemini"):
            if wire == "gemini" or "function" in tool:
                report = prepare(Request("hi", model="m", tools=[tool]), wire, GATEWAYS[0]).report
                assert report.dropped == ["tools[0]: cache_control, which this API doesn't have"]


def test_the_grammar_of_a_tool_is_in_each_apis_form() -> None:
    """Chat has the rules in an object of their own; Responses has them next to the type."""
    flat = {"type": "custom", "name": "t", "format": {"type": "grammar", "syntax": "lark", "definition": "a"}}
    inner = {"syntax": "lark", "definition": "a"}
    nested = {"type": "custom", "custom": {"name": "t", "format": {"type": "grammar", "grammar": inner}}}
    for tool in (flat, nested):
        request = Request("hi", model="m", tools=[tool])
        assert prepare(request, "chat", GATEWAYS[0]).body["tools"] == [nested]
        assert prepare(request, "responses", GATEWAYS[0]).body["tools"] == [flat]


# -- tool_choice and response_format ------------------------------------------------------

CHOSEN = {"type": "function", "function": {"name": "f"}}
CHOICES: list[Any] = [
    {"type": "function", "function": {"name": "f", "own_key": "?"}, "further": "?"},
    {"type": "function", "name": "f", "further": "?"},
    {"type": "tool", "name": "f", "disable_parallel_tool_use": True, "further": "?"},
    {"type": "auto", "disable_parallel_tool_use": True, "further": "?"},
    {"type": "any", "further": "?"},
    {"type": "allowed_tools", "allowed_tools": {"tools": [CHOSEN], "further": "?"}},
    {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "?"}],
        "further": "?",
    },
    {
        "functionCallingConfig": {"allowedFunctionNames": ["f"], "further": "?"},
        "retrievalConfig": {"languageCode": "?"},
    },
    {"mode": "any", "allowed_function_names": ["f"], "streamFunctionCallArguments": True},
    {"type": "mcp", "server_label": "?", "name": "?"},
    "f",
    "auto",
    "none",
]
INSIDE = {"name": "?", "description": "?", "strict": True, "schema": SCHEMA, "further": "?"}
FORMATS: list[Any] = [
    {"type": "json_schema", "json_schema": INSIDE, "own_key": "?"},
    {"type": "json_schema", **INSIDE},
    {"type": "json_object", "schema": SCHEMA, "further": "?"},
    {"type": "text", "further": "?"},
    SCHEMA,
]


@each_gateway
@each_wire
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_choice(choice: Any, wire: str, profile: Profile) -> None:
    """In the words of any API."""
    for model in MODELS:
        for tools in ([], [FUNCTION]):
            check(wire, profile, model, tools=tools, tool_choice=marked(choice, count(100)))


@each_gateway
@each_wire
@pytest.mark.parametrize("wanted", FORMATS, ids=str)
def test_a_format(wanted: Any, wire: str, profile: Profile) -> None:
    """As a field, as a tool, or as a sentence of the prompt."""
    for model in MODELS:
        for tools in ([], [FUNCTION]):
            check(wire, profile, model, tools=tools, response_format=marked(wanted, count(100)))


def test_the_description_becomes_the_schemas_where_there_is_no_other_place() -> None:
    """Unless the schema has one of its own, which is then the one that is sent."""
    wanted = {"name": "n", "description": "a city", "schema": {"type": "object"}}
    format_ = {"type": "json_schema", "json_schema": wanted}
    body = prepare(Request("hi", model="m", params={"response_format": format_}), "gemini", GATEWAYS[0]).body
    assert body["generationConfig"]["responseJsonSchema"] == {"type": "object", "description": "a city"}
    wanted["schema"] = {"type": "object", "description": "mine"}
    prepared = prepare(Request("hi", model="m", params={"response_format": format_}), "gemini", GATEWAYS[0])
    assert prepared.body["generationConfig"]["responseJsonSchema"] == wanted["schema"]
    assert "response_format: description, which this API doesn't have" in prepared.report.dropped


# -- items --------------------------------------------------------------------------------

# The server's own, and the words of an item's kind; arguments may become an object.
UNMARKED = frozenset(
    ("origin", "role", "id", "status", "field_name", "is_error", "call_id", "strict", "function", "is_method")
)
OWN = {"own_key": "?", "cache_control": {"type": "?"}}
CITED = {"type": "url_citation", "url": "?", "title": "?", "start_index": 77701, "end_index": 77702}
DATA = "data:application/pdf;base64,?"
ASKED = FunctionCall("c1", "f", "{}")
ITEMS: dict[str, Any] = {
    "user": [Message("user", [InputText("?", extra=OWN)], extra=OWN)],
    "system": [Message("system", [InputText("?", extra=OWN), InputText("?")], extra=OWN)],
    "answer": [Message("assistant", [OutputText("?", [CITED], [{"token": "?"}], extra=OWN)], extra=OWN)],
    "answer with an id": [Message("assistant", [OutputText("?", [CITED], extra=OWN)], id="m1", extra=OWN)],
    "refusal": [Message("assistant", [Refusal("?", extra=OWN)])],
    "picture of the model": [Message("assistant", [OutputText("t"), OutputImage("https://?", extra=OWN)])],
    "speech of the model": [Message("assistant", [OutputText("?"), OutputAudio(None, "?", "?", extra=OWN)])],
    "picture": [Message("user", [InputImage("https://?", "?", extra=OWN)])],
    "uploaded picture": [Message("user", [InputImage(file_id="?", detail="?", extra=OWN)])],
    "two sources": [Message("user", [InputImage("https://?", file_id="?")])],
    "speech": [Message("user", [InputAudio("?", "wav", extra=OWN)])],
    "file": [Message("user", [InputFile("?", file_data=DATA, extra=OWN)])],
    "address of a file": [Message("user", [InputFile("?", file_url="https://?", extra=OWN)])],
    "uploaded file": [Message("user", [InputFile("?", file_id="?", extra=OWN)])],
    "file, two sources": [Message("user", [InputFile("?", file_data=DATA, file_id="?")])],
    "unknown part": [Message("user", [InputText("x"), UnknownPart({"type": "own", "deep": {"er": "?"}})])],
    "call": [FunctionCall("c1", "f", '{"a": "?"}', signature="?", extra=OWN), FunctionCallOutput("c1", "?")],
    "output": [ASKED, FunctionCallOutput("c1", "?", extra=OWN, is_error=True)],
    "output of parts": [
        ASKED,
        FunctionCallOutput("c1", [InputText("?", extra=OWN), InputImage("https://?")]),
    ],
    "custom call": [CustomToolCall("c1", "f", "?", extra=OWN), CustomToolCallOutput("c1", "?", extra=OWN)],
    "shell call": [LocalShellCall("c1", {"command": ["?"]}, extra=OWN), FunctionCallOutput("c1", "?")],
    "web search": [WebSearchCall("w1", "completed", {"query": "?"}, extra=OWN)],
    "hosted call": [UnknownItem({"type": "code_interpreter_call", "id": "i", "code": "?"})],
    "generated picture": [UnknownItem({"type": "image_generation_call", "result": "?", "size": "?"})],
    "reasoning": [Reasoning(content=["?"], summary=["?"], encrypted_content="?", extra=OWN), ASKED],
    "thinking": [Reasoning(details=[{"type": "thinking", "thinking": "?", "signature": "?"}]), ASKED],
    "details": [Reasoning(details=[{"type": "reasoning.encrypted", "data": "?", "own": "?"}]), ASKED],
}


@each_gateway
@each_wire
@pytest.mark.parametrize("name", ITEMS)
def test_items(name: str, wire: str, profile: Profile) -> None:
    """Made by hand, so without an origin. The report may name the whole item, or its reasoning."""
    items = marked(ITEMS[name], count(100))
    answered = [] if name.endswith(("call", "parts", "output")) else [FunctionCallOutput("c1", "r")]
    conversation = ["q", *items, *(answered if ASKED in items else [])]
    prepared = sent(conversation, wire, profile, "input[1]")
    if prepared is None:  # the API can't express it
        return
    report = str(prepared.report)
    for position, item in enumerate(items, 1):
        missing = lost(item, "input", prepared)
        is_named = re.search(
            rf"item {position} \(\w+[^)]*\) |its (reasoning|thinking|output_)|input\[{position}\]", report
        )
        assert missing == [] or is_named, f"{missing}; {report}"


@each_wire
def test_a_deep_field_is_no_foreign_error(wire: str) -> None:
    """The walk has no depth of its own; whether such a body can be encoded, its encoder decides."""
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    prepared = prepare(Request([Message("user", "q", extra={"own": deep})], model="m"), wire, GATEWAYS[0])
    assert "own" in str(prepared.report)


@each_wire
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
@pytest.mark.parametrize("content", ["", " \n", []], ids=repr)
def test_an_empty_message_is_reported(content: Any, role: str, wire: str) -> None:
    """Servers refuse it, so it isn't sent; a blank text may be, where the API accepts it."""
    items = ["q", {"role": role, "content": content}, "r"]
    prepared = prepare(Request(items, model="m"), wire, PROFILES["generic"].on(wire))
    is_sent = bool(content) and json.dumps(content) in json.dumps(prepared.body)
    assert is_sent or "item 1 (message) is empty" in prepared.report.dropped

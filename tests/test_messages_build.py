"""Requests on the Messages API: each body is written by hand from Anthropic's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    Client,
    Completed,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Message,
    Origin,
    OutputText,
    Reasoning,
    TextDelta,
    ToolSpec,
    UnknownItem,
    UsageError,
    read_events,
    tool,
)
from streamkit.profiles.known import ANTHROPIC, AZURE, DEEPSEEK, MOONSHOT, VERTEX
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.testing import FakeTransport, stream_of
from streamkit.wires.prepare import PreparedRequest, prepare

MODEL = "claude-sonnet-4-5"
HOME = Origin("messages", "anthropic")
DONE = {"type": "text", "text": "Done."}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def built(items: Any, *, model: str = MODEL, profile: Profile = ANTHROPIC, **params: Any) -> PreparedRequest:
    tools = params.pop("tools", ())
    instructions = params.pop("instructions", None)
    request = Request(items, model=model, tools=tools, instructions=instructions, params=params)
    return prepare(request, "messages", profile.on("messages"))


def messages(items: Any, **options: Any) -> Any:
    return built(items, **options).body["messages"]


@tool
def look(city: str) -> str:
    """Look at a city."""
    return city


def test_a_tool_turn_alternates_and_begins_with_the_results() -> None:
    """System apart; one assistant message with both calls; one user message: results, then text."""
    body = built(
        [
            Message("system", "Be brief."),
            Message("user", "hi"),
            FunctionCall("a", "look", '{"city": "Faro"}'),
            FunctionCall("b", "look", ""),
            FunctionCallOutput("a", "sunny"),
            FunctionCallOutput("b", "no city", is_error=True),
            Message("user", "and now?"),
        ]
    ).body
    assert body["system"] == "Be brief."
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a", "name": "look", "input": {"city": "Faro"}},
                {"type": "tool_use", "id": "b", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "b", "content": "no city", "is_error": True},
                {"type": "text", "text": "and now?"},
            ],
        },
    ]


def test_what_the_api_refuses_is_repaired_and_reported() -> None:
    """Blank text, an unsigned thought, an id with other characters, an output without a call."""
    prepared = built(
        [
            Message("user", [InputText("hi"), InputText("  ")]),
            Reasoning(content=["Hm."]),
            FunctionCall("call.1:x", "look", '{"city": "Faro"}'),
            FunctionCallOutput("call.1:x", "sunny"),
            FunctionCallOutput("gone", "lost"),
        ]
    )
    user, assistant, result = prepared.body["messages"]
    assert user["content"] == [{"type": "text", "text": "hi"}]
    (call,) = assistant["content"]
    assert call["id"] == result["content"][0]["tool_use_id"] == "call00001"
    assert prepared.report.dropped == [
        "item 4 (function_call_output) answers no call",
        "item 1 (reasoning) has no signature, and anthropic accepts only signed ones",
    ]
    assert prepared.report.repaired == [
        "item 2 (function_call look) has an id that the server refuses; sent call00001"
    ]


def test_signed_thinking_goes_home_verbatim() -> None:
    """Before its call, and only to the provider that signed it; an edited text stays out."""
    turn = [
        Message("user", "hi"),
        Reasoning(content=["Hm."], details=[SIGNED], origin=HOME),
        FunctionCall("a", "look", "{}"),
        FunctionCallOutput("a", "x"),
    ]
    assert messages(turn)[1]["content"][0] == SIGNED
    edited = Reasoning(content=["Ha!"], details=[SIGNED], origin=HOME)
    prepared = built([turn[0], edited, *turn[2:]])
    assert prepared.body["messages"][1]["content"][0]["type"] == "tool_use"
    assert prepared.report.dropped == [
        "item 1 (reasoning): its text isn't the one that was signed",
        "item 1 (reasoning): its details, which this API doesn't have",
    ]
    foreign = built(turn, profile=DEEPSEEK)
    assert foreign.body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "",
    }
    assert foreign.report.dropped == ["item 1 (reasoning): its reasoning details are from messages/anthropic"]


@pytest.mark.parametrize(
    ("output", "content", "behind"),
    [
        pytest.param("", "The tool failed.", [], id="nothing"),
        pytest.param("  \n", "The tool failed.", [], id="white space"),
        pytest.param("boom", "boom", [], id="a text"),
        pytest.param(
            [InputText("boom"), InputImage("https://x/a.png")],
            [{"type": "text", "text": "boom"}],
            ["Output of call t1:", "image"],
            id="a text and a picture",
        ),
        pytest.param(
            [InputImage("https://x/a.png")],
            "The tool failed.",
            ["Output of call t1:", "image"],
            id="a picture",
        ),
    ],
)
def test_the_result_of_a_failed_call_is_text(output: Any, content: Any, behind: list[str]) -> None:
    """The API: "all content must be type `text` if `is_error` is true", and it can't be empty."""
    calls = [FunctionCall("t1", "f", "{}"), FunctionCall("t2", "f", "{}")]
    outputs = [FunctionCallOutput("t1", output, is_error=True), FunctionCallOutput("t2", "")]
    first, second, *others = messages([Message("user", "u"), *calls, *outputs])[-1]["content"]
    assert first == {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True}
    assert second == {"type": "tool_result", "tool_use_id": "t2", "content": ""}
    assert [block.get("text", block["type"]) for block in others] == behind


def test_server_tools_go_back_in_pairs() -> None:
    """A call without its result is dropped, except at the end, where the server goes on with it."""
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    items = [UnknownItem(call, origin=HOME), UnknownItem(result, origin=HOME)]
    user = Message("user", "hi")
    assert messages([user, *items, Message("assistant", "Done."), user])[1]["content"][:2] == [call, result]
    assert messages([user, items[0]])[1]["content"] == [call]
    odd = UnknownItem({**call, "id": ["s1"]}, origin=HOME)  # a server may send anything
    assert messages([user, odd, Message("assistant", "Done."), user])[1]["content"] == [DONE]
    lone = built([user, items[0], Message("assistant", "Done."), user])
    assert lone.body["messages"][1]["content"] == [DONE]
    assert lone.report.dropped == ["a server_tool_use block: the call has no result in its answer"]


def test_a_model_in_the_path_is_not_in_the_body() -> None:
    """Vertex has it in the path; the path of another API says nothing."""
    asked = Request("hi", model="m")
    assert "model" not in prepare(asked, "messages", VERTEX).body
    assert prepare(asked, "messages", AZURE).body["model"] == "m"


def test_media_become_sources() -> None:
    """Pictures and PDFs as base64 or URL, text files as text, uploaded files by id."""
    content = [
        InputImage("data:image/png;base64,iVBO\nRw0="),
        InputImage("https://a.example/x.png"),
        InputFile(filename="a.pdf", file_data="data:application/pdf;base64,JVBERi0="),
        InputFile(filename="a.txt", file_data="data:text/plain;base64,aMOp"),
        InputFile(file_id="file_1"),
    ]
    assert [block["source"] for block in messages([Message("user", content)])[0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0="},
        {"type": "url", "url": "https://a.example/x.png"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        {"type": "text", "media_type": "text/plain", "data": "hé"},
        {"type": "file", "file_id": "file_1"},
    ]


def test_tools_and_choices() -> None:
    """Functions get an input_schema; one call at a time is a part of the choice."""
    body = built("hi", tools=[look], tool_choice="required", parallel_tool_calls=False).body
    (spec,) = body["tools"]
    assert (spec["name"], spec["input_schema"]["properties"]["city"]["type"]) == ("look", "string")
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert built("hi", tools=[look], tool_choice="look").body["tool_choice"] == {
        "type": "tool",
        "name": "look",
    }
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    own = {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
    theirs = {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}
    assert built("hi", tools=[hosted, own, theirs]).body["tools"] == [
        hosted,
        own,
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert built("hi", tool_choice="auto").report.dropped == ["tool_choice: the request has no tools"]


def test_properties_with_refused_names_are_doubtful() -> None:
    """The API: "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'"."""
    schema = {
        "type": "object",
        "properties": {"$filter": {}, "a b": {}, "ok_1.x-y": {}, "k" * 65: {}, "": {}},
    }
    prepared = built("hi", tools=[ToolSpec("f", "d", schema)])
    names = f"'$filter', 'a b', '{'k' * 65}'"
    assert prepared.report.doubtful == [f"tools[0]: the API may refuse properties with names such as {names}"]
    fine = ToolSpec("f", "d", {"type": "object", "properties": {"ok_1.x-y": {}}})
    assert not built("hi", tools=[fine]).report


def test_free_text_calls_become_objects() -> None:
    """The API has no custom tools; their text is the field `input`."""
    items = [
        Message("user", "hi"),
        CustomToolCall("c", "sql", "select 1"),
        CustomToolCallOutput("c", "1"),
    ]
    _, assistant, result = messages(items)
    assert assistant["content"][0]["input"] == {"input": "select 1"}
    assert result["content"][0]["content"] == "1"


@pytest.mark.parametrize(
    ("model", "effort", "expected", "dropped"),
    [
        (
            "claude-sonnet-4-5",
            "high",
            {"thinking": {"type": "enabled", "budget_tokens": 16_384}, "max_tokens": 16_884},
            ["temperature: claude-sonnet-4-5 refuses it while it thinks"],
        ),
        (
            "claude-opus-4-8",
            "high",
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
                "max_tokens": 500,
            },
            ["temperature: claude-opus-4-8 refuses it"],
        ),
        ("claude-sonnet-4-5", "none", {"thinking": {"type": "disabled"}, "temperature": 0.2}, []),
        (
            "claude-3-haiku",
            "low",
            {"temperature": 0.2, "max_tokens": 500},
            ["reasoning_effort: claude-3-haiku doesn't think"],
        ),
    ],
)
def test_effort_takes_the_form_of_the_model(
    model: str, effort: str, expected: dict[str, Any], dropped: list[str]
) -> None:
    """A budget makes room in max_tokens; newer models have an effort, and refuse sampling parameters."""
    prepared = built("hi", model=model, reasoning_effort=effort, temperature=0.2, max_tokens=500)
    assert {name: prepared.body.get(name) for name in expected} == expected
    assert prepared.report.dropped == dropped


@pytest.mark.parametrize(
    ("model", "budget", "expected", "said"),
    [
        (
            "claude-sonnet-4-5",
            2000,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 5000},
            "",
        ),
        (
            "claude-sonnet-4-5",
            8000,
            {"thinking": {"type": "enabled", "budget_tokens": 8000}, "max_tokens": 13_000},
            "max_tokens: 5000 is sent as 13000, which includes the thinking",
        ),
        (
            "claude-sonnet-4-5",
            100,
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "reasoning.max_tokens: 100 is sent as 1024",
        ),
        ("claude-sonnet-4-6", 2000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ""),
        ("glm-5", 2000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, ""),
        (
            "claude-opus-4-8",
            2000,
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "reasoning.max_tokens: claude-opus-4-8 takes an effort, not a budget",
        ),
        ("claude-3-haiku", 2000, {"thinking": None}, "reasoning.max_tokens: claude-3-haiku doesn't think"),
    ],
)
def test_a_budget_is_sent_as_one(model: str, budget: int, expected: dict[str, Any], said: str) -> None:
    """`reasoning={"max_tokens": N}`, if the model takes a budget; every change is reported."""
    prepared = built("hi", model=model, reasoning={"max_tokens": budget}, max_tokens=5000)
    assert {name: prepared.body.get(name) for name in expected} == expected
    assert [*prepared.report.dropped, *prepared.report.repaired] == ([said] if said else [])


def test_max_tokens_is_always_there() -> None:
    """The caller's, else the model's own limit up to 32,000; 4,096 for models of other makers."""
    assert built("hi", max_output_tokens=7).body["max_tokens"] == 7
    assert built("hi").body["max_tokens"] == 32_000
    assert built("hi", model="claude-3-haiku").body["max_tokens"] == 4096
    assert built("hi", model="glm-5").body["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("model", "given", "is_doubtful"),
    [
        ("claude-3-5-haiku-latest", 8193, True),
        ("claude-3-5-haiku-latest", 8192, False),
        ("claude-opus-4-1", 64_000, True),
        ("claude-sonnet-4-5", 64_000, False),
        ("glm-5", 500_000, False),
    ],
)
def test_a_limit_above_the_models_own_is_doubtful(model: str, given: int, is_doubtful: bool) -> None:
    """The API refuses it: "which is the maximum allowed number of output tokens for" the model."""
    prepared = built("hi", model=model, max_tokens=given)
    assert prepared.body["max_tokens"] == given
    longest = {"claude-3-5-haiku-latest": 8192, "claude-opus-4-1": 32_000}.get(model)
    said = f"max_tokens: {given}, but {model} answers with at most {longest}"
    assert prepared.report.doubtful == ([said] if is_doubtful else [])


def test_at_most_four_cache_marks_and_none_on_thinking() -> None:
    """Tools and system keep theirs, then the newest messages; the rest is reported."""
    mark = {"cache_control": {"type": "ephemeral"}}
    users = [Message("user", [InputText(f"m{n}", extra=mark)]) for n in range(5)]
    answers = [Message("assistant", "ok")] * 4
    items = [item for pair in zip(users, [*answers, None], strict=True) for item in pair if item]
    prepared = built([Message("system", [InputText("s", extra=mark)]), *items])
    marked = [
        m["content"][-1]["text"] for m in prepared.body["messages"] if "cache_control" in m["content"][-1]
    ]
    assert "cache_control" in prepared.body["system"][0]
    assert marked == ["m2", "m3", "m4"]
    assert prepared.report.dropped == ["a cache_control mark: the API accepts 4"] * 2


def test_prompt_cache_marks_what_repeats() -> None:
    """System text, the last tool, the last two messages of the user; a short prompt gets a warning."""
    items = [Message("user", "x" * 5000), Message("assistant", "ok"), Message("user", "more")]
    body = built(items, instructions="Be brief.", tools=[look], prompt_cache="ephemeral").body
    assert "cache_control" in body["system"][-1]
    assert "cache_control" in body["tools"][-1]
    assert ["cache_control" in message["content"][-1] for message in body["messages"]] == [True, False, True]
    (warning,) = built("hi", prompt_cache="ephemeral").report.doubtful
    assert "fewer than about 1,024 tokens" in warning


def test_a_schema_is_output_config_where_the_model_has_it() -> None:
    """Limits become words; older models get the schema as a sentence in the system text."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    prepared = built("hi", response_format=schema)
    sent = prepared.body["output_config"]["format"]
    assert sent["type"] == "json_schema"
    assert sent["schema"]["properties"]["n"] == {"type": "integer", "description": "(minimum: 1)"}
    older = built("hi", model="claude-sonnet-4", tools=[look], response_format=schema)
    assert "output_config" not in older.body
    assert "JSON schema" in older.body["system"]
    assert older.report.repaired == ["response_format: it is sent as a sentence in the system text"]


def test_an_older_model_answers_with_a_forced_tool() -> None:
    """Its input is the text of the answer, and the finish reason is stop, on the way back."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    call = FunctionCall("t1", "json_answer", '{"n": 7}')
    transport = FakeTransport(stream_of("messages", call))
    client = Client("anthropic", api_key="k", transport=transport)
    with client.stream("hi", model="claude-sonnet-4", response_format=schema) as stream:
        texts = [event.text for event in stream if isinstance(event, TextDelta)]
    body = json.loads(transport.calls[0].body)
    assert body["tool_choice"] == {"type": "tool", "name": "json_answer", "disable_parallel_tool_use": True}
    assert body["tools"][0]["input_schema"]["properties"] == schema["properties"]
    completion = stream.partial
    assert ("".join(texts), completion.text, completion.parsed()) == ('{"n": 7}', '{"n": 7}', {"n": 7})
    assert (completion.finish_reason, completion.raw_finish_reason) == ("stop", "tool_use")
    assert completion.tool_calls == ()


def test_a_tool_of_that_name_is_a_call_without_a_schema() -> None:
    """Only an answer that a schema was asked of is read so."""
    *_, last = read_events([stream_of("messages", FunctionCall("t1", "json_answer", "{}"))], wire="messages")
    assert isinstance(last, Completed)
    assert [call.name for call in last.completion.tool_calls] == ["json_answer"]


def test_an_answer_to_continue_has_no_blanks_at_its_end() -> None:
    """Prefill: the API refuses trailing white space."""
    last = messages([Message("user", "hi"), Message("assistant", "Dear Sir, \n")])[-1]
    assert last == {"role": "assistant", "content": [{"type": "text", "text": "Dear Sir,"}]}


def test_a_conversation_begins_with_the_user() -> None:
    """A history that was trimmed may begin with the model."""
    prepared = built([Message("assistant", "Hello."), Message("user", "hi")])
    assert [message["role"] for message in prepared.body["messages"]] == ["user", "assistant", "user"]
    assert prepared.report.repaired == [
        "the conversation begins with the assistant; a message of the user is before it"
    ]


def test_parameters_without_a_counterpart_are_reported() -> None:
    """They only adjust the answer; a wish that can't be met is an error."""
    assert built("hi", seed=1, logprobs=True).report.dropped == [
        "seed: this API has no such parameter",
        "logprobs: this API has no such parameter",
    ]
    with pytest.raises(UsageError, match="n: expected 1"):
        built("hi", n=2)


@pytest.mark.parametrize(
    "native",
    [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "é"},
                    "title": "T",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "content", "content": "x"}},
                {"type": "search_result", "source": "s", "title": "t", "content": []},
            ],
        },
    ],
)
def test_a_native_message_comes_out_as_it_went_in(native: dict[str, Any]) -> None:
    """Every block and key is the same."""
    assert messages([native]) == [native]


def test_a_native_tool_turn_comes_out_as_it_went_in() -> None:
    """Thinking, calls with their caller, server tools and results, in their order."""
    turn = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                SIGNED,
                {"type": "redacted_thinking", "data": "ZZ"},
                {
                    "type": "text",
                    "text": "Look.",
                    "citations": [{"type": "char_location", "cited_text": "L"}],
                },
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "f",
                    "input": {"a": 1},
                    "caller": {"type": "direct"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "r"}],
                    "is_error": True,
                },
                {"type": "text", "text": "next"},
            ],
        },
    ]
    expected = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, *turn[1:]]
    prepared = built(turn)
    assert prepared.body["messages"] == expected
    assert not prepared.report


def test_a_bad_native_block_names_its_place() -> None:
    """The error says where the block is, and what was expected there."""
    wrong = {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}
    with pytest.raises(UsageError, match=r"input\[0\]\.content\[0\]\.id: expected a string, got None"):
        built([wrong])


def test_parts_of_the_model_keep_their_citations() -> None:
    """Only those of this API; the others are cited in forms that it refuses."""
    url = {"type": "url_citation", "url": "https://a.example/"}
    place = {"type": "page_location", "cited_text": "x"}
    parts = [OutputText("a", [place]), OutputText("b", [url])]
    answer = messages([Message("user", "hi"), Message("assistant", parts, origin=HOME)])[1]["content"]
    assert answer == [{"type": "text", "text": "a", "citations": [place]}, {"type": "text", "text": "b"}]


# -- beta headers -------------------------------------------------------------------------------

FILE = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, None),
        ({"input": [{"role": "user", "content": [FILE]}]}, "files-api-2025-04-14"),
        ({"tools": [{"type": "code_execution_20250825", "name": "c"}]}, "code-execution-2025-08-25"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, None),
        ({"tools": [{"type": "memory_20250818", "name": "m"}]}, "context-management-2025-06-27"),
        ({"extra_body": {"mcp_servers": [{"type": "url", "url": "https://x"}]}}, "mcp-client-2025-11-20"),
        (
            {"extra_body": {"context_management": {"edits": [{"type": "compact_20260112"}]}}},
            "context-management-2025-06-27,compact-2026-01-12",
        ),
        (
            {"extra_body": {"context_management": {"edits": [{"type": "compact_20260904"}]}}},
            "context-management-2025-06-27,compact-2026-09-04",
        ),
        ({"extra_body": {"fallbacks": "default"}}, "server-side-fallback-2026-07-01"),
        (
            {
                "extra_body": {
                    "thinking": {"type": "adaptive", "display": "updates", "block_binding": {"x": 1}}
                }
            },
            "thinking-binding-controls-2026-08-01,thinking-display-updates-2026-08-18",
        ),
        (
            {
                "model": "claude-opus-5-5",
                "input": [
                    {"role": "user", "content": "hi"},
                    {"role": "system", "content": [], "output_config": {"effort": "low"}},
                    {"role": "system", "content": "Be brief.", "clear_at": "next_user_message"},
                    {"role": "system", "content": [{"type": "tool_removal", "tool": {"name": "f"}}]},
                ],
            },
            "mid-conversation-output-config-2026-07-01,mid-conversation-system-clear-at-2026-08-21,"
            "mid-conversation-tool-changes-2026-07-01",
        ),
        (
            {"tools": [{"type": "computer_20251124", "name": "computer"}]},
            "computer-use-2025-11-24",
        ),
        (
            {
                "tools": [{"type": "code_execution_20250825", "name": "c"}],
                "extra_headers": {"Anthropic-Beta": "context-1m-2025-08-07, code-execution-2025-08-25"},
            },
            "context-1m-2025-08-07,code-execution-2025-08-25",
        ),
        (
            {
                "tools": [{"type": "code_execution_20250825", "name": "c"}],
                "extra_headers": {"anthropic-beta": None},
            },
            None,
        ),
    ],
    ids=str,
)
def test_features_add_their_beta_words(options: dict[str, Any], words: str | None) -> None:
    """To those of the caller, without duplicates; a header of None stays away."""
    transport = FakeTransport(stream_of("messages", "ok"))
    own = Client("anthropic", api_key="k", transport=transport)
    own.complete(**{"input": "hi", "model": "claude-sonnet-4-5", **options})
    sent = {name.lower(): value for name, value in transport.calls[0].headers.items()}
    assert sent.get("anthropic-beta") == words


def test_other_servers_get_no_beta_words() -> None:
    """They may refuse them."""
    transport = FakeTransport(stream_of("messages", "ok"))
    own = Client("deepseek", api_key="k", wire="messages", transport=transport)
    own.complete([{"role": "user", "content": [FILE]}], model="deepseek-chat")
    assert "anthropic-beta" not in {name.lower() for name in transport.calls[0].headers}


# -- a caller's own words ------------------------------------------------------------------------


def _said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def _asked(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


CODE = {"type": "server_tool_use", "id": "s1", "name": "code_execution", "input": {"code": "x"}}
INSIDE = {"type": "code_execution_20250825", "tool_id": "s1"}
RAN = {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {"type": "x", "stdout": "1"}}
HI = {"type": "text", "text": "hi"}


def _use(call_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}, **fields}


def _result(call_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "ok"}


@pytest.mark.parametrize(
    "turns",
    [
        [_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1")), _said(RAN, DONE)],
        [_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1"))],
        [
            *(_asked(HI), _said(CODE, _use("t1", caller=INSIDE)), _asked(_result("t1"))),
            *(_said(_use("t2", caller=INSIDE)), _asked(_result("t2")), _said(RAN, DONE), _asked(HI)),
        ],
        [_asked(HI), _said(_use("t1"), _use("t2")), _asked(_result("t2"), _result("t1"))],
        [_asked(HI), _said({**_use("t1"), "new": 1}), _asked(_result("t1"), {**HI, "new": 2})],
    ],
    ids=["a program goes on", "a program waits", "two rounds", "results in any order", "keys that are new"],
)
def test_what_is_sent_is_what_the_caller_wrote(turns: list[dict[str, Any]]) -> None:
    """A program on the server calls the caller's tools: its result is behind theirs, in the next message."""
    prepared = built(turns)
    assert prepared.body["messages"] == turns
    assert not prepared.report


def test_a_call_has_the_name_of_its_tool() -> None:
    """A tool in the API's own form keeps its name, so its calls do; other names become sendable ones."""
    name = "a.b" * 30
    turns = [_asked(HI), _said({**_use("t1"), "name": name}), _asked(_result("t1"))]
    declared = {"name": name, "input_schema": {"type": "object"}}
    assert built(turns, tools=[declared]).body["messages"][1]["content"][0]["name"] == name
    assert built(turns).body["messages"][1]["content"][0]["name"] != name


NOTE = Message("system", "Be brief.")


@pytest.mark.parametrize(
    ("model", "profile", "items", "roles"),
    [
        ("claude-opus-4-8", ANTHROPIC, ["hi", NOTE], ["user", "system"]),
        ("claude-opus-4-8", ANTHROPIC, ["hi", NOTE, "ho"], ["user", "system"]),
        (
            "claude-sonnet-5",
            ANTHROPIC,
            ["hi", Message("assistant", "a"), NOTE, "ho"],
            "user assistant user system",
        ),
        ("claude-opus-4-8", ANTHROPIC, [NOTE, "hi"], ["user"]),
        ("claude-opus-4-7", ANTHROPIC, ["hi", NOTE], ["user"]),
        ("claude-opus-4-8", VERTEX, ["hi", NOTE], ["user"]),
        ("claude-opus-4-8", ANTHROPIC, ["hi", Message("assistant", "a"), NOTE], ["user", "assistant"]),
    ],
)
def test_a_later_system_message_stays_where_the_model_takes_one(
    model: str, profile: Profile, items: list[Any], roles: Any
) -> None:
    """Behind a turn of the user, before an answer or last, on Anthropic's server; else at the beginning."""
    body = built(items, model=model, profile=profile).body
    roles = roles.split() if isinstance(roles, str) else roles
    assert [message["role"] for message in body["messages"]] == roles
    said = body["messages"][roles.index("system")]["content"] if "system" in roles else body["system"]
    assert said in ("Be brief.", [{"type": "text", "text": "Be brief."}])


EFFORT = {"output_config": {"effort": "xhigh"}}


@pytest.mark.parametrize(
    ("extra", "content"),
    [(EFFORT, []), ({"clear_at": "next_user_message"}, "Be brief."), ({**EFFORT, "clear_at": "never"}, "x")],
)
def test_a_system_message_in_its_place_keeps_its_own_fields(extra: Any, content: Any) -> None:
    """An effort for one turn, and when it is forgotten; one with an effort may be empty."""
    given = {"role": "system", "content": content, **extra}
    items = ["hi", {"role": "system", "content": "Hm."}, given, {"role": "system", "content": "Mm."}]
    prepared = built(items, model="claude-sonnet-5-5")
    texts = [{"type": "text", "text": content}] if content else []
    assert prepared.body["messages"][1:] == [
        {"role": "system", "content": [{"type": "text", "text": "Hm."}]},
        {"role": "system", "content": texts, **extra},
        {"role": "system", "content": [{"type": "text", "text": "Mm."}]},
    ]
    assert not prepared.report
    elsewhere = built(items, model="claude-opus-4-7")
    assert [message["role"] for message in elsewhere.body["messages"]] == ["user"]
    assert all(any(name in said for said in elsewhere.report.dropped) for name in extra)


def test_a_call_of_a_toolset_goes_back_with_its_toolset_and_so_does_its_result() -> None:
    """Both have `toolset_name`; the result of a call that streamkit ran has that of its call."""
    block = {"type": "tool_use", "id": "t1", "name": "click", "input": {"x": 1}, "toolset_name": "computer"}
    whole = {"type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use"}
    *_, last = read_events([json.dumps(whole).encode()], wire="messages", profile="anthropic")
    assert isinstance(last, Completed)
    call = last.completion.items[0]
    for output in (
        FunctionCallOutput("t1", "ok"),
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "ok", "toolset_name": "computer"}
            ],
        },
    ):
        prepared = built(["hi", call, output])
        assert prepared.body["messages"][1]["content"] == [block]
        assert prepared.body["messages"][2]["content"] == [
            {"type": "tool_result", "tool_use_id": "t1", "content": "ok", "toolset_name": "computer"}
        ]
        assert not prepared.report


def test_a_system_message_never_comes_between_a_call_and_its_output() -> None:
    """The outputs are the next message; the system message follows them."""
    call = [FunctionCall("a", "f", "{}"), NOTE, FunctionCallOutput("a", "ok")]
    turns = messages(["hi", *call], model="claude-opus-4-8")
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "system"]


@pytest.mark.parametrize("head", ["image/jpg", "image/jpeg"])
def test_a_jpeg_has_its_registered_type(head: str) -> None:
    """image/jpg isn't a media type, and the API refuses it."""
    parts = [InputText("?"), InputImage(f"data:{head};base64,/9j_")]
    source = messages([Message("user", parts)])[0]["content"][1]["source"]
    assert source == {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}


def test_data_has_the_standard_alphabet() -> None:
    """Google's packages write base64 for URLs, which this API refuses."""
    content = messages([Message("user", [InputImage("data:image/png;base64,__-4")])])[0]["content"]
    assert content[0]["source"]["data"] == "//+4"


# -- what models refuse --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "options", "choice", "thinks", "dropped"),
    [
        (MODEL, {"reasoning_effort": "high"}, {"type": "any"}, False, "reasoning_effort"),
        ("claude-opus-4-6", {"reasoning": {"max_tokens": 2000}}, {"type": "any"}, False, "reasoning"),
        ("claude-opus-4-8", {"reasoning_effort": "high"}, {"type": "any"}, True, None),
        (MODEL, {"reasoning_effort": "none"}, {"type": "any"}, True, None),
        (MODEL, {}, {"type": "any"}, False, None),
        ("claude-fable-5", {"reasoning_effort": "high"}, {"type": "auto"}, True, "tool_choice"),
        ("deepseek-chat", {"reasoning_effort": "high"}, {"type": "any"}, True, None),
    ],
)
def test_a_forced_tool_next_to_thinking(
    model: str, options: Any, choice: Any, thinks: bool, dropped: str | None
) -> None:
    """The tool wins, except on models that can't be forced: the API answers 400 to both."""
    prepared = built("hi", model=model, tools=[look], tool_choice="required", **options)
    assert prepared.body["tool_choice"] == choice
    assert ("thinking" in prepared.body) is thinks
    assert [said.split(":")[0] for said in prepared.report.dropped] == ([dropped] if dropped else [])


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}


@pytest.mark.parametrize(
    ("options", "thinking", "effort"),
    [
        ({"tools": [look], "tool_choice": "required"}, "disabled", None),
        ({"tools": [look], "tool_choice": "look", "reasoning_effort": "high"}, "disabled", None),
        ({"tools": [look], "tool_choice": "auto", "reasoning_effort": "high"}, "enabled", "high"),
        ({"tools": [look], "tool_choice": "none"}, None, None),
        ({"response_format": FORMAT}, "disabled", None),  # a tool whose input is the answer
        ({"response_format": FORMAT, "reasoning_effort": "low"}, "enabled", "low"),
    ],
)
@pytest.mark.parametrize("profile", [DEEPSEEK, evolve(MOONSHOT, json_schema=False)])
def test_a_forced_tool_where_models_think_by_default(
    options: Any, thinking: str | None, effort: str | None, profile: Profile
) -> None:
    """ "Thinking mode does not support this tool_choice": so they don't think then, nor have an effort."""
    prepared = built("hi", model="deepseek-v4-pro", profile=profile, **options)
    assert prepared.body.get("thinking", {}).get("type") == thinking
    assert prepared.body.get("output_config", {}).get("effort") == effort
    is_forced = prepared.body.get("tool_choice", {}).get("type") in ("any", "tool")
    assert is_forced is (thinking == "disabled")
    assert ("thinking: it is disabled, because a tool is forced" in prepared.report.repaired) is is_forced


@pytest.mark.parametrize(
    ("given", "sent", "says"),
    [
        ("auto", "auto", ""),
        ("standard_only", "standard_only", ""),
        ("default", "standard_only", "repaired"),
        ("priority", "auto", "repaired"),
        ("flex", None, "dropped"),
    ],
)
def test_tiers_in_the_words_of_other_apis(given: str, sent: str | None, says: str) -> None:
    """The API knows two words; other servers may know more."""
    prepared = built("hi", service_tier=given)
    assert prepared.body.get("service_tier") == sent
    report = prepared.report
    assert [name for name in ("dropped", "repaired") if getattr(report, name)] == ([says] if says else [])
    assert built("hi", service_tier=given, profile=DEEPSEEK).body["service_tier"] == given


def test_a_format_next_to_citations_is_doubtful() -> None:
    """The API answers 400 to both together."""
    source = {"type": "text", "media_type": "text/plain", "data": "x"}
    cited = {"type": "document", "source": source, "citations": {"enabled": True}}
    items = [{"role": "user", "content": [cited]}]
    doubt = "response_format: the API refuses it next to citations"
    assert built(items, response_format=FORMAT).report.doubtful == [doubt]
    assert built(items).report.doubtful == []
    assert built("hi", response_format=FORMAT).report.doubtful == []


@pytest.mark.parametrize(("marks", "doubts"), [([True, True], 0), ([False, False], 0), ([True, False], 1)])
def test_citations_of_some_documents_are_doubtful(marks: list[bool], doubts: int) -> None:
    """ "Citations must be enabled on all or none of the documents within a request." """
    source = {"type": "text", "media_type": "text/plain", "data": "x"}
    blocks = [
        {"type": "document", "source": source, **({"citations": {"enabled": True}} if mark else {})}
        for mark in marks
    ]
    items = [{"role": "user", "content": [block]} for block in blocks]
    assert len(built(items).report.doubtful) == doubts


@pytest.mark.parametrize(("url", "doubts"), [("http://x/a.png", 1), ("https://x/a.png", 0)])
def test_a_picture_without_tls_is_doubtful(url: str, doubts: int) -> None:
    """ "Only HTTPS URLs are supported." """
    assert len(built([Message("user", [InputImage(url)])]).report.doubtful) == doubts


def test_a_limit_stays_if_the_thinking_is_left_out() -> None:
    """It grows only for a budget that is sent."""
    options = {"tools": [look], "tool_choice": "look", "reasoning_effort": "high", "max_tokens": 100}
    assert built("hi", **options).body["max_tokens"] == 100


@pytest.mark.parametrize(("top_p", "is_sent"), [(0.94, False), (0.95, True), (1, True)])
def test_a_small_top_p_stays_out_while_the_model_thinks(top_p: float, is_sent: bool) -> None:
    """The API: "must be greater than or equal to 0.95 or unset when thinking is enabled"."""
    prepared = built("hi", top_p=top_p, reasoning_effort="high")
    assert ("top_p" in prepared.body) is is_sent
    said = [] if is_sent else [f"top_p: {MODEL} refuses it while it thinks"]
    assert prepared.report.dropped == said
    assert built("hi", top_p=top_p).body["top_p"] == top_p


_CALLED = [FunctionCall("t1", "f", "{}"), FunctionCallOutput("t1", "1")]
_THOUGHT = Reasoning(content="Hm.", details=[SIGNED], origin=HOME)
_AGAIN = [FunctionCall("t2", "f", "{}"), FunctionCallOutput("t2", "2")]


@pytest.mark.parametrize(
    ("items", "thinks"),
    [
        pytest.param(_CALLED, False, id="calls without a thought"),
        pytest.param([Message("assistant", "I look."), *_CALLED], False, id="with a text before them"),
        pytest.param([*_CALLED, *_AGAIN], False, id="two rounds"),
        pytest.param([_THOUGHT, *_CALLED], True, id="a thought before them"),
        pytest.param([_THOUGHT, *_CALLED, *_AGAIN], True, id="a thought before the first round"),
        pytest.param([*_CALLED, _THOUGHT, *_AGAIN], True, id="a thought before the last round"),
        pytest.param(
            [*_CALLED, Message("assistant", "Done."), Message("user", "v")], True, id="an older turn"
        ),
        pytest.param([Message("assistant", "I am"), Message("user", "v")], True, id="no calls"),
    ],
)
def test_a_turn_that_began_without_a_thought_goes_on_without(items: list[Any], thinks: bool) -> None:
    """The API refuses a budget there: "a final assistant message must start with a thinking block"."""
    prepared = built([Message("user", "u"), *items], reasoning_effort="low")
    assert ("thinking" in prepared.body) == thinks
    note = f"reasoning_effort: {MODEL} can't think now: the calls of this turn were made without a thought"
    assert prepared.report.dropped == ([] if thinks else [note])


def test_only_a_budget_needs_a_thought_at_the_beginning() -> None:
    """Models that decide by themselves, and models of other makers, have no such rule."""
    turn = [Message("user", "u"), *_CALLED]
    assert "thinking" in built(turn, model="claude-sonnet-4-6", reasoning_effort="low").body
    assert "thinking" in built(turn, model="glm-5", reasoning_effort="low").body


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("claude-opus-4-1-20250805", {"temperature"}),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", {"temperature"}),
        ("claude-sonnet-4-6", {"temperature"}),
        ("claude-opus-4-20250514", {"temperature", "top_p"}),
        ("claude-3-7-sonnet-latest", {"temperature", "top_p"}),
        ("glm-5", {"temperature", "top_p"}),
    ],
)
def test_newer_models_take_a_temperature_or_top_p(model: str, sent: set[str]) -> None:
    """The 400 reads "`temperature` and `top_p` cannot both be specified for this model"."""
    prepared = built("hi", model=model, temperature=0.5, top_p=0.9)
    assert prepared.body.keys() & {"temperature", "top_p"} == sent
    lost = [f"top_p: {model} refuses it next to temperature"] if "top_p" not in sent else []
    assert prepared.report.dropped == lost
    assert built("hi", model=model, top_p=0.9).body["top_p"] == 0.9


@pytest.mark.parametrize(
    ("model", "choice", "off"),
    [
        ("claude-opus-5", {"type": "any"}, {"type": "disabled"}),
        ("claude-sonnet-5-20260630", {"type": "any"}, {"type": "disabled"}),
        ("claude-opus-5-5", {"type": "auto"}, None),
        ("anthropic/claude-opus-5.5", {"type": "auto"}, None),
        ("us.anthropic.claude-sonnet-5-5-v1:0", {"type": "auto"}, {"type": "between_tools"}),
        ("claude-haiku-5-5", {"type": "any"}, {"type": "disabled"}),
        ("claude-fable-5-1", {"type": "auto"}, None),
        ("claude-opus-6", {"type": "auto"}, None),
    ],
)
def test_the_models_from_5_5_on(model: str, choice: Any, off: Any) -> None:
    """Most can't be forced, and each has its own way not to think; Anthropic's migration guides list both."""
    forced = built("hi", model=model, tools=[look], tool_choice="required")
    assert forced.body["tool_choice"] == choice
    assert bool(forced.report.dropped) is (choice["type"] == "auto")
    quiet = built("hi", model=model, reasoning_effort="none")
    assert quiet.body.get("thinking") == off
    assert bool(quiet.report.dropped) is (off is None)
    loud = built("hi", model=model, reasoning_effort="max", temperature=0.2)
    assert loud.body["output_config"] == {"effort": "max"}
    assert loud.body["max_tokens"] == 32_000
    assert "temperature" not in loud.body


def test_models_that_always_think() -> None:
    """They refuse to be told not to, and a forced tool for a structured answer."""
    off = built("hi", model="claude-mythos-5", reasoning_effort="none")
    assert "thinking" not in off.body
    assert off.report.dropped == ["reasoning_effort: claude-mythos-5 always thinks"]
    asked = built("hi", model="claude-fable-5", response_format="json_object").body
    assert "tool_choice" not in asked
    assert "JSON" in asked["system"]


@pytest.mark.parametrize(
    ("model", "options", "doubts"),
    [
        (MODEL, {}, 0),
        ("claude-opus-4-6", {}, 1),
        ("claude-sonnet-5", {}, 1),
        (MODEL, {"reasoning_effort": "low"}, 1),
        ("deepseek-chat", {}, 0),
    ],
)
def test_an_answer_to_go_on_with_is_doubtful_where_it_is_refused(
    model: str, options: Any, doubts: int
) -> None:
    """From 4.6 on, and while a model thinks; a pause of the server's is no such answer."""
    items = [Message("user", "hi"), Message("assistant", "So")]
    assert len(built(items, model=model, **options).report.doubtful) == doubts
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    paused = [Message("user", "hi"), UnknownItem(call, origin=HOME)]
    assert built(paused, model=model, **options).report.doubtful == []


def test_thinking_of_the_callers_own_next_to_a_forced_tool_is_doubtful() -> None:
    """It is sent as it is, and the report says what the API says."""
    own = Client("anthropic", api_key="k", transport=FakeTransport(b""))
    extra = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = own.stream("hi", model=MODEL, tools=[look], tool_choice="look", extra_body=extra).request
    assert request is not None
    assert request.body["thinking"] == extra["thinking"]
    assert "while it thinks" in request.report.doubtful[0]


# -- marks and efforts of servers ----------------------------------------------------------------

LONG = [Message("user", "x" * 5000), Message("assistant", "ok"), Message("user", "more")]


def _marks(body: Any) -> list[Any]:
    """Return the marks of the system text, of the last tool, and of each message's last block."""
    places = [body["tools"], body["system"], *(message["content"] for message in body["messages"])]
    return [entries[-1].get("cache_control") for entries in places]


def test_a_mark_of_the_callers_for_an_hour_has_no_shorter_one_before_it() -> None:
    """The API refuses it; marks behind it may be shorter."""
    hour = {"type": "ephemeral", "ttl": "1h"}
    items = [Message("user", [InputText("x" * 5000, extra={"cache_control": hour})]), *LONG[1:]]
    body = built(items, instructions="s", tools=[look], prompt_cache="ephemeral").body
    assert _marks(body) == [hour, hour, hour, None, {"type": "ephemeral"}]


def test_the_mark_of_the_whole_body_counts() -> None:
    """Four at most, that of `extra_body` included."""
    own = Client("anthropic", api_key="k", transport=FakeTransport(b""))
    extra = {"cache_control": {"type": "ephemeral"}}
    asked = own.stream(
        LONG, model=MODEL, instructions="s", tools=[look], prompt_cache="ephemeral", extra_body=extra
    )
    request = asked.request
    assert request is not None
    short = {"type": "ephemeral"}
    assert _marks(request.body) == [short, short, None, None, short]
    assert request.report.dropped == ["prompt_cache: a mark more than the 4 that the API accepts"]


def test_a_server_that_ignores_marks_gets_none() -> None:
    """DeepSeek caches by itself; the report says so."""
    prepared = built(LONG, model="deepseek-flash", profile=DEEPSEEK, prompt_cache="ephemeral")
    assert "cache_control" not in json.dumps(prepared.body)
    assert prepared.report.dropped == ["prompt_cache: deepseek ignores marks, and caches by itself"]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"reasoning_effort": "minimal"}, ("enabled", "low")),
        ({"reasoning_effort": "medium"}, ("enabled", "high")),
        ({"reasoning_effort": "xhigh"}, ("enabled", "max")),
        ({"reasoning": {"max_tokens": 2000}}, ("enabled", "high")),
        ({"reasoning_effort": "none"}, ("disabled", None)),
    ],
)
def test_a_server_that_takes_an_effort_gets_one(options: Any, sent: Any) -> None:
    """DeepSeek, Kimi and GLM have no budget; the limit of the answer stays."""
    body = built("hi", model="deepseek-flash", profile=DEEPSEEK, max_tokens=100, **options).body
    assert body["thinking"] == {"type": sent[0]}
    assert body.get("output_config", {}).get("effort") == sent[1]
    assert body["max_tokens"] == 100


def test_a_system_message_goes_to_the_beginning_if_no_user_is_left_before_it() -> None:
    """The blank message of the user behind it isn't sent."""
    items = ["hi", Message("assistant", "a"), NOTE, Message("user", " ")]
    body = built(items, model="claude-opus-4-8").body
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["system"] == "Be brief."


def test_no_message_ends_in_a_thought() -> None:
    """The API refuses it, so a thought before a call that was cut off is left out with the call."""
    thought = Reasoning(content=["Hm."], details=[SIGNED], origin=HOME)
    cut = FunctionCall("a", "f", '{"x', status="incomplete")
    prepared = built(["hi", thought, cut, Message("user", "go on")])
    assert [message["role"] for message in prepared.body["messages"]] == ["user"]
    assert "a thinking block: nothing follows it in its message" in prepared.report.dropped


# -- structured output ---------------------------------------------------------------------------


def test_objects_of_a_schema_are_closed() -> None:
    """The API demands it of each one; true is sent as false, and reported."""
    inner = {
        "type": ["object", "null"],
        "properties": {"b": {"type": "integer"}},
        "additionalProperties": True,
    }
    items = {"type": "array", "items": {"$ref": "#/$defs/X"}}
    schema = {
        "type": "object",
        "properties": {"a": inner, "l": items},
        "$defs": {"X": {"type": "object", "properties": {"c": {"type": "string"}}}},
    }
    prepared = built("hi", response_format=schema)
    sent = prepared.body["output_config"]["format"]["schema"]
    closed = [sent, sent["properties"]["a"], sent["$defs"]["X"]]
    assert [each["additionalProperties"] for each in closed] == [False] * 3
    assert prepared.report.repaired == [
        "response_format: additionalProperties is sent as false, because the API refuses others"
    ]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            {"type": "object", "properties": {"d": {"type": "object", "additionalProperties": True}}},
            "an object with free keys",
        ),
        ({"type": "object"}, "an object with free keys"),
        (
            {"type": "object", "properties": {"c": {"$ref": "#"}, "n": {"type": "integer"}}},
            "a schema that contains itself",
        ),
        (
            {
                "type": "object",
                "properties": {"c": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}},
            },
            "a schema that contains itself",
        ),
    ],
)
def test_what_structured_output_lacks_is_asked_for_otherwise(schema: Any, reason: str) -> None:
    """A forced tool takes any schema."""
    prepared = built("hi", response_format=schema)
    assert "output_config" not in prepared.body
    assert prepared.body["tools"][0]["input_schema"] == schema
    assert prepared.report.repaired[0] == f"response_format: the API refuses {reason}"


def test_a_picture_in_a_system_message_is_left_out() -> None:
    """The API accepts text there only; the report has the picture, and the text is sent."""
    items = [Message("system", [InputText("a"), InputImage("https://x/a.png")]), Message("user", "q")]
    prepared = prepare(Request(items, model="m"), "messages", ANTHROPIC)
    assert prepared.body["system"] == "a"
    assert prepared.report.dropped == ["item 0 (message): its input_image; a system text is only text"]

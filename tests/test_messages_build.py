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
    OutputText,
    Reasoning,
    ToolSpec,
    UnknownItem,
    UsageError,
    read_events,
)
from streamkit.profiles.known import ANTHROPIC, AZURE, DEEPSEEK, MINIMAX, MOONSHOT, VERTEX, ZAI
from streamkit.profiles.profile import Profile
from streamkit.request import Request
from streamkit.testing import FakeTransport, stream_of
from streamkit.wires.prepare import prepare

from .messages_requests import DONE, HOME, MODEL, SIGNED, built, look, messages


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


def test_no_message_ends_in_a_thought() -> None:
    """The API refuses it, so a thought before a call that was cut off is left out with the call."""
    thought = Reasoning(content=["Hm."], details=[SIGNED], origin=HOME)
    cut = FunctionCall("a", "f", '{"x', status="incomplete")
    prepared = built(["hi", thought, cut, Message("user", "go on")])
    assert [message["role"] for message in prepared.body["messages"]] == ["user"]
    assert "a thinking block: nothing follows it in its message" in prepared.report.dropped


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


def test_a_picture_in_a_system_message_is_left_out() -> None:
    """The API accepts text there only; the report has the picture, and the text is sent."""
    items = [Message("system", [InputText("a"), InputImage("https://x/a.png")]), Message("user", "q")]
    prepared = prepare(Request(items, model="m"), "messages", ANTHROPIC)
    assert prepared.body["system"] == "a"
    assert prepared.report.dropped == ["item 0 (message): its input_image; a system text is only text"]


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


# -- cache marks --------------------------------------------------------------------------------

LONG = [Message("user", "x" * 5000), Message("assistant", "ok"), Message("user", "more")]


def _marks(body: Any) -> list[Any]:
    """Return the marks of the system text, of the last tool, and of each message's last block."""
    places = [body["tools"], body["system"], *(message["content"] for message in body["messages"])]
    return [entries[-1].get("cache_control") for entries in places]


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


# -- the conversation, parameters ----------------------------------------------------------------


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


LOW = {"thinking": {"type": "enabled"}, "output_config": {"effort": "low"}}
ADAPTIVE = {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}
NAMED = {"type": "tool", "name": "look"}
ALWAYS = "reasoning_effort: {} always thinks"
UNFORCED = "tool_choice: {} can't be forced to call a tool"
TO_ANY = "tool_choice: {} can't be forced to one tool; sent any"


@pytest.mark.parametrize(
    ("profile", "models", "options", "sent", "says"),
    [
        (
            MOONSHOT,
            "kimi-k2.7-code-highspeed moonshotai/kimi-for-coding",
            {"tool_choice": "look"},
            "auto",
            UNFORCED,
        ),
        (MOONSHOT, "kimi-k2.7-code kimi-k2-thinking", {"tool_choice": "required"}, "auto", UNFORCED),
        (MOONSHOT, "moonshotai/kimi-k3 k3", {"tool_choice": "look"}, "any", TO_ANY),
        (MOONSHOT, "kimi-k3", {"tool_choice": "required"}, "any", None),
        (ZAI, "glm-5.3-flash glm-6", {"tool_choice": "look"}, NAMED, None),
        (MOONSHOT, "kimi-k2.7-code kimi-k3 k3", {"reasoning_effort": "none"}, {}, ALWAYS),
        (ZAI, "glm-5.3 zai/glm-5.3-flash glm-6.1", {"reasoning_effort": "none"}, {}, ALWAYS),
        (MOONSHOT, "kimi-k2.7-code kimi-k3", {"reasoning_effort": "low"}, LOW, None),
        (ZAI, "glm-5.3 glm-4.6", {"reasoning_effort": "low"}, LOW, None),
        (ZAI, "glm-4.6 glm-5.2", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, None),
        (MINIMAX, "MiniMax-M3", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, None),
        (MINIMAX, "MiniMax-M2.7 MiniMax-M3.1-Flash", {"reasoning_effort": "none"}, {}, ALWAYS),
        (MINIMAX, "MiniMax-M2.7 minimax/minimax-m3", {"reasoning_effort": "high"}, ADAPTIVE, None),
    ],
)
def test_what_models_of_other_makers_refuse(
    profile: Profile, models: str, options: dict[str, Any], sent: Any, says: str | None
) -> None:
    """They think always, or take another word for it, or no tool is forced on them while they think."""
    names = ("thinking", "output_config", "tool_choice")
    tools = [look] if "tool_choice" in options else []
    if tools:
        sent = {"tool_choice": sent if isinstance(sent, dict) else {"type": sent}}
    for model in models.split():
        prepared = built("hi", model=model, profile=profile, tools=tools, **options)
        assert {name: prepared.body[name] for name in names if name in prepared.body} == sent
        reported = prepared.report.dropped + prepared.report.repaired
        assert reported == ([says.format(model)] if says else [])


def test_the_tool_of_an_answer_is_the_only_one_so_it_needs_no_name() -> None:
    """K3 refuses a name, and takes "any"."""
    options = {"model": "kimi-k3", "profile": evolve(MOONSHOT, json_schema=False), "response_format": FORMAT}
    body = built("hi", **options).body
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert len(body["tools"]) == 1
    assert "thinking" not in body


FILLED = "messages: 1 with calls and no thought get an empty one, which {} demands"


@pytest.mark.parametrize(
    ("profile", "model", "filler"),
    [
        (DEEPSEEK, "deepseek-v4-pro", ""),
        (MOONSHOT, "kimi-k2.6", " "),
        (MOONSHOT, "kimi-for-coding", " "),
        (MOONSHOT, "moonshot-v1-8k", None),
        (evolve(MOONSHOT, reasoning_filler={}), "kimi-k2.6", None),
        (ANTHROPIC, "claude-sonnet-4-6", None),
    ],
)
def test_calls_without_a_thought_get_one_without_words(
    profile: Profile, model: str, filler: str | None
) -> None:
    """ "The content[].thinking in the thinking mode must be passed back": a 400, for another's calls, too."""
    items = [
        "q",
        FunctionCall("c", "look", "{}"),
        FunctionCallOutput("c", "o"),
        Message("assistant", "done"),
        "next",
    ]
    prepared = built(items, model=model, profile=profile)
    answers = [m["content"] for m in prepared.body["messages"] if m["role"] == "assistant"]
    thoughts = [] if filler is None else [{"type": "thinking", "thinking": filler, "signature": ""}]
    assert answers[0][:-1] == thoughts
    assert [block["type"] for block in answers[1]] == ["text"]  # not demanded without a call
    says = FILLED.format(profile.name)
    assert (says in prepared.report.repaired) is (filler is not None)


@pytest.mark.parametrize(
    ("options", "has_filler"),
    [
        ({}, True),
        ({"reasoning_effort": "high"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"extra_body": {"thinking": {"type": "disabled"}}}, False),
        ({"extra_body": {"thinking": {"type": "enabled"}}, "reasoning_effort": "none"}, True),
        ({"tools": [look], "tool_choice": "required"}, False),  # which switches thinking off
    ],
)
def test_no_thought_is_filled_in_while_the_model_does_not_think(
    options: dict[str, Any], has_filler: bool
) -> None:
    """The server looks for the thoughts only in its thinking mode."""
    items = ["q", FunctionCall("c", "look", "{}"), FunctionCallOutput("c", "o")]
    own = Client("deepseek", api_key="k", wire="messages", transport=FakeTransport(b""))
    request = own.stream(items, model="deepseek-v4-pro", **options).request
    assert request is not None
    kinds = [block["type"] for block in request.body["messages"][1]["content"]]
    assert kinds == (["thinking", "tool_use"] if has_filler else ["tool_use"])


def test_a_thought_that_the_calls_have_stays_the_only_one() -> None:
    """One of another server's that goes back without its signature is a thought, too."""
    items = ["q", Reasoning(content=["why"]), FunctionCall("c", "look", "{}"), FunctionCallOutput("c", "o")]
    prepared = built(items, model="deepseek-v4-pro", profile=DEEPSEEK)
    content = prepared.body["messages"][1]["content"]
    assert [block.get("thinking") for block in content] == ["why", None]
    assert not prepared.report.repaired


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

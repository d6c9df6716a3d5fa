"""Fields that OpenAI's package adds, and fields that a gateway refuses, when an answer goes back."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.profiles.known import OPENAI, PROFILES
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def asked(messages: Any, profile: str = "openai", wire: str = "chat", **options: Any) -> PreparedRequest:
    return prepare(Request(messages, model="m", **options), wire, PROFILES[profile])


def call(**more: Any) -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}", **more}}


def test_what_the_package_parsed_stays_out_on_responses() -> None:
    """openai/openai-python#2720: "Unknown parameter: 'input[2].parsed_arguments'"."""
    items = [
        {"role": "user", "content": "q"},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "a",
            "name": "f",
            "arguments": "{}",
            "parsed_arguments": {},
        },
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "{}", "annotations": [], "parsed": {"x": 1}}],
        },
    ]
    prepared = asked(items, wire="responses")
    sent = prepared.body["input"]
    assert sent[1] == {k: v for k, v in items[1].items() if k != "parsed_arguments"}
    assert sent[3]["content"] == [{"type": "output_text", "text": "{}", "annotations": []}]
    assert str(prepared.report).count("OpenAI's package parsed") == 2


def test_what_the_package_parsed_stays_out_on_chat() -> None:
    """Of the message, its call, and the call's function; the caller's items stay as they are."""
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "t", "parsed": {"x": 1}, "tool_calls": [call(parsed_arguments={})]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    request = Request(messages, model="m")
    prepared = prepare(request, "chat", OPENAI)
    assert prepared.body["messages"][1] == {"role": "assistant", "content": "t", "tool_calls": [call()]}
    assert "parsed" in prepared.report.__str__()
    assert any("parsed" in str(getattr(item, "extra", "")) for item in request.input)


def test_a_search_goes_back_without_nulls() -> None:
    """pydantic/pydantic-ai#3653: a null `query` next to `find_in_page` is an unknown parameter."""
    action = {"type": "find_in_page", "query": None, "pattern": "x", "url": "https://a"}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
    sent = asked([{"role": "user", "content": "q"}, search], wire="responses").body["input"][1]
    assert sent["action"] == {"type": "find_in_page", "pattern": "x", "url": "https://a"}


@pytest.mark.parametrize(
    ("profile", "content", "sent"),
    [
        ("openai", None, {"content": None, "refusal": "no"}),
        ("groq", None, {"content": "no"}),
        ("mistral", None, {"content": "no"}),
        ("deepseek", "", {"content": "no"}),
        ("groq", "Well,", {"content": "Well,\n\nno"}),
    ],
)
def test_a_refusal_is_text_where_no_field_has_it(profile: str, content: Any, sent: dict[str, Any]) -> None:
    """Groq: "property 'refusal' is unsupported". DeepSeek: "content or tool_calls must be set"."""
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": content, "refusal": "no"},
        {"role": "user", "content": "r"},
    ]
    prepared = asked(messages, profile)
    assert prepared.body["messages"][1] == {"role": "assistant", **sent}
    assert ("its refusal is sent as text" in str(prepared.report)) is (profile != "openai")


def test_deepseek_gets_an_empty_field_for_reasoning_that_is_missing() -> None:
    """Next to tools, every message of its turn needs the field; a turn that is over doesn't."""
    over = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "over"}]
    turn = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "let me look"},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    sent = asked([*over, *turn], "deepseek", tools=[TOOL]).body["messages"]
    assert [message.get("reasoning_content") for message in sent] == [None, None, None, None, None, "", None]
    assert sent[5]["content"] == ""  # it refuses null next to reasoning
    plain = asked([*over, *turn], "deepseek").body["messages"]
    assert not any("reasoning_content" in message for message in plain)


@pytest.mark.parametrize(
    ("model", "filler"),
    [("kimi-k2.6", " "), ("kimi-k2-thinking", " "), ("kimi-k2-0905-preview", None), ("moonshot-v1-8k", None)],
)
def test_kimi_gets_a_blank_for_reasoning_that_is_missing(model: str, filler: str | None) -> None:
    """theopenco/llmgateway#2093: an empty text counts as missing."""
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    request = Request(messages, model=model, tools=[TOOL])
    sent = prepare(request, "chat", PROFILES["moonshot"]).body["messages"][1]
    assert sent.get("reasoning_content") == filler


def test_a_call_without_a_signature_gets_the_stand_in_of_google() -> None:
    """Gemini 3 refuses it behind the OpenAI endpoint as well; the first call of a message carries it."""
    signed = {**call(), "id": "b", "extra_content": {"google": {"thought_signature": "s"}}}
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [call(), {**call(), "id": "c"}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": None, "tool_calls": [signed]},
        {"role": "tool", "tool_call_id": "b", "content": "1"},
    ]
    stand_in = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    for model, first in (("gemini-3-flash", stand_in), ("gemini-2.5-flash", None)):
        prepared = prepare(Request(messages, model=model), "chat", PROFILES["gemini-openai"])
        one, two = (m["tool_calls"] for m in prepared.body["messages"] if "tool_calls" in m)
        assert [each.get("extra_content") for each in one] == [first, None]
        assert two == [signed]
        assert ("documented stand-in" in str(prepared.report)) is (first is not None)


def test_fields_of_a_call_that_a_model_refuses_stay_out() -> None:
    """A history of Gemini's, sent to Groq."""
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [{**call(), "extra_content": {"google": {}}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    prepared = asked(messages, "groq")
    assert prepared.body["messages"][1]["tool_calls"] == [call()]
    assert "its extra_content: m refuses it" in str(prepared.report)


def test_the_kind_of_a_hosted_tool_is_its_name() -> None:
    """vercel/ai#5380: a function of that name doesn't exist."""
    tools = [{"type": "web_search"}, TOOL]
    for choice, sent in (("web_search", {"type": "web_search"}), ("f", {"type": "function", "name": "f"})):
        body = asked("q", wire="responses", tools=tools, params={"tool_choice": choice}).body
        assert body["tool_choice"] == sent


@pytest.mark.parametrize("profile", ["openai", "azure"])
def test_ids_of_other_programs_stay_out_on_responses(profile: str) -> None:
    """openai/codex#33176: "Invalid 'input[2].id': ... Expected an ID that begins with 'msg'"."""
    items = [
        {"id": "run--1", "role": "user", "content": "q"},
        {"type": "reasoning", "id": "item_0", "summary": [], "encrypted_content": "e"},
        {
            "type": "message",
            "id": "0a1b",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}],
        },
        {"type": "function_call", "id": "call_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "id": "call_1", "call_id": "call_1", "output": "1"},
        {"type": "custom_tool_call", "id": "fc_2", "call_id": "call_2", "name": "g", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "2"},
    ]
    prepared = asked(items, profile, "responses")
    assert [item.get("id") for item in prepared.body["input"]] == [None] * len(items)
    assert [item.get("call_id") for item in prepared.body["input"]][3:] == [
        *("call_1", "call_1"),
        *("call_2", "call_2"),
    ]
    assert len(prepared.report.dropped) == 6
    assert not prepared.report.needs_attention


def test_ids_that_the_server_knows_go_back() -> None:
    items = [
        {"id": "msg_0", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "1"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "g", "input": "x"},
        {"type": "custom_tool_call_output", "id": "ctco_1", "call_id": "call_2", "output": "2"},
    ]
    prepared = asked(items, wire="responses")
    assert [item["id"] for item in prepared.body["input"]] == [item["id"] for item in items]


def test_a_character_that_no_id_has_keeps_it_out() -> None:
    """openai/codex#9360: "Expected an ID that contains letters, numbers, underscores, or dashes"."""
    item = {"id": "msg_review:user", "type": "message", "role": "user", "content": "q"}
    assert "id" not in asked([item], wire="responses").body["input"][0]
    assert asked([item], "generic", "responses").body["input"][0]["id"] == "msg_review:user"


@pytest.mark.parametrize(
    ("profile", "wire", "model", "is_sent"),
    [
        ("xai", "responses", "grok-4.6", False),
        ("xai", "chat", "grok-4.6", True),
        ("groq", "chat", "openai/gpt-oss-120b", False),
        ("groq", "chat", "llama-3.1-8b-instant", True),
        ("openai", "responses", "gpt-5", True),
    ],
)
def test_metadata_stays_out_where_it_is_refused(profile: str, wire: str, model: str, is_sent: bool) -> None:
    """router-for-me/CLIProxyAPI#5648: "Argument not supported: metadata"."""
    request = Request("q", model=model, params={"metadata": {"a": "b"}})
    prepared = prepare(request, wire, PROFILES[profile].on(wire))
    assert ("metadata" in prepared.body) is is_sent
    assert prepared.report.dropped == ([] if is_sent else [f"metadata: {model} refuses it"])


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_grok_refuses_the_same_fields_on_both_endpoints(wire: str) -> None:
    request = Request("q", model="grok-4.1-fast", params={"reasoning_effort": "low"})
    body = prepare(request, wire, PROFILES["xai"].on(wire)).body
    assert not {"reasoning", "reasoning_effort"} & body.keys()

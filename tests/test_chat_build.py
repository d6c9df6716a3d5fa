"""The effects of profiles on a chat body, and the requests that chat refuses. The table of bodies is in
test_conversations.py."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from streamkit import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Message,
    OutputAudio,
    Profile,
    Reasoning,
    UsageError,
)
from streamkit.profiles.known import DEEPSEEK, GENERIC, MISTRAL, OPENAI, PROFILES
from streamkit.request import Request
from streamkit.request.options import ToolSpec
from streamkit.wires.prepare import PreparedRequest, prepare

TURN = [
    Message("user", "u"),
    Reasoning(content="hm"),
    FunctionCall("c1", "f", "{}"),
    FunctionCallOutput("c1", "ok"),
]


def chat(input_: Any, profile: Profile = GENERIC, **options: Any) -> PreparedRequest:
    fields = {name: options.pop(name) for name in ("model", "tools", "instructions") if name in options}
    return prepare(Request(input_, **{"model": "m", **fields}, params=options), "chat", profile)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("off", {}),
        ("reasoning", {"reasoning": "hm"}),
        ("reasoning_content", {"reasoning_content": "hm"}),
        ("reasoning_details", {"reasoning": "hm"}),
    ],
)
def test_reasoning_goes_into_the_field_of_the_profile(field: str, sent: dict[str, str]) -> None:
    """Text without details goes to OpenRouter as `reasoning`."""
    message = chat(TURN, attrs.evolve(GENERIC, reasoning_replay=field)).body["messages"][1]
    known = ("role", "content", "tool_calls")
    assert {k: v for k, v in message.items() if k not in known} == sent


def test_reasoning_that_the_gateway_never_accepts_is_no_warning() -> None:
    """OpenAI's chat accepts no reasoning. The report has it, but a warning on every turn would be noise."""
    report = chat(TURN, OPENAI).report
    assert report.dropped == ["item 2 (function_call f): its reasoning, which openai doesn't accept back"]
    assert not report.needs_attention


def test_images_follow_the_outputs_if_tool_messages_contain_only_text() -> None:
    """The text stays with the call; the image is in a user message after all outputs."""
    image = InputImage("https://x/y.png")
    items = [
        Message("user", "u"),
        FunctionCall("c1", "f", "{}"),
        FunctionCall("c2", "f", "{}"),
        FunctionCallOutput("c1", [InputText("see"), image]),
        FunctionCallOutput("c2", "ok"),
    ]
    prepared = chat(items, OPENAI)
    assert prepared.body["messages"][2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "see\n(see the next user message)"},
        {"role": "tool", "tool_call_id": "c2", "content": "ok"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Output of call c1:"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
        },
    ]
    assert prepared.report.repaired == [
        "item 3 (function_call_output) isn't text only; the rest is in a user message after it"
    ]


def test_the_message_with_the_images_starts_no_turn() -> None:
    """Reasoning since the last message of the user still goes back."""
    profile = attrs.evolve(GENERIC, tool_output_images=False)
    items = [*TURN[:3], FunctionCallOutput("c1", [InputImage("https://x/y.png")])]
    assert chat(items, profile).body["messages"][1]["reasoning"] == "hm"


def test_usage_is_not_requested_if_the_gateway_rejects_the_option() -> None:
    """The profile decides, and the caller can override it."""
    assert "stream_options" not in chat("hi", MISTRAL).body
    assert chat("hi", MISTRAL, include_usage=True).body["stream_options"] == {"include_usage": True}


def test_a_schema_becomes_json_object_if_the_gateway_accepts_no_schema() -> None:
    """On DeepSeek the schema, and the word JSON that the mode demands, are in a system message."""
    schema = {"type": "object", "properties": {"hour": {"type": "integer"}}}
    wish = f"Answer with one JSON value that fits this JSON schema:\n{json.dumps(schema)}"
    prepared = chat("hi", DEEPSEEK, response_format=schema)
    assert prepared.body["response_format"] == {"type": "json_object"}
    user = {"role": "user", "content": "hi"}
    assert prepared.body["messages"] == [{"role": "system", "content": wish}, user]
    assert prepared.report.repaired == [
        "response_format: deepseek accepts no schema; sent json_object, and the schema in a system message"
    ]
    own = chat([Message("system", "Be brief."), Message("user", "hi")], DEEPSEEK, response_format=schema)
    assert own.body["messages"] == [{"role": "system", "content": f"Be brief.\n\n{wish}"}, user]


@pytest.mark.parametrize(
    "name", ["previous_response_id", "conversation", "prompt", "background", "truncation", "include", "text"]
)
def test_a_parameter_of_responses_is_a_usage_error(name: str) -> None:
    """The message names the parameter and the alternatives."""
    values: dict[str, Any] = {"background": True, "include": ["x"], "text": {}, "prompt": {}}
    with pytest.raises(UsageError, match=f"{name}: the chat API has no such parameter"):
        chat("hi", **{name: values.get(name, "x")})


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([], "it is empty"),
        ([Message("user", " ")], "dropped: item 0 \\(message\\) is empty"),
        ([Reasoning(content="r")], "dropped: item 0 \\(reasoning\\) belongs to no message"),
        ([FunctionCall("c", "f", "{}")], "dropped: item 0 \\(function_call f\\) has no output"),
    ],
)
def test_an_input_without_a_message_to_send_is_a_usage_error(items: Any, why: str) -> None:
    """The error is raised before the network is used, and contains the reason. Instructions aren't enough."""
    with pytest.raises(UsageError, match=f"input: expected a message with content, got none; {why}"):
        chat(items, instructions="be kind")


def test_the_chosen_tool_must_exist() -> None:
    """The error for an unknown name lists the known names."""
    with pytest.raises(UsageError, match=r"the name of a tool \(f\), got 'g'"):
        chat("hi", tools=[ToolSpec("f")], tool_choice="g")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            InputImage(file_id="file-1"),
            "expected image_url, got file_id; the chat API needs a URL or data URL",
        ),
        (InputFile("a.pdf"), "expected file_data, file_url or file_id, got none of them; pass one"),
        (OutputAudio("a"), "expected a part for the model, got output_audio; pass it as InputAudio"),
    ],
)
def test_a_part_that_chat_cannot_express_is_a_usage_error(part: Any, words: str) -> None:
    """A question about an image makes no sense when the image was dropped."""
    with pytest.raises(UsageError) as caught:
        chat([Message("user", [InputText("look"), part])])
    assert str(caught.value) == f"input[0].content[1]: {words}"


def test_the_profile_can_set_a_default_token_limit() -> None:
    """There is none by default, and a limit of the caller wins in any spelling."""
    profile = attrs.evolve(GENERIC, default_max_tokens=4096)
    assert "max_tokens" not in chat("hi").body
    assert chat("hi", profile).body["max_tokens"] == 4096
    assert chat("hi", profile, model="o3").body["max_completion_tokens"] == 4096
    assert chat("hi", profile, max_output_tokens=5).body["max_tokens"] == 5
    limited = prepare(Request("hi", model="m"), "responses", profile).body
    assert limited["max_output_tokens"] == 4096


def test_marks_for_caching() -> None:
    """The system message, the last tool and the fourth message from the end get one, on a content block."""
    mark = {"cache_control": {"type": "ephemeral"}}
    items = [Message("user", "u1"), Message("assistant", "a1"), Message("user", "u2"), *TURN[2:]]
    tools = [ToolSpec("f"), ToolSpec("g")]
    plain = chat(items, instructions="s", tools=tools).body
    body = chat(items, instructions="s", tools=tools, prompt_cache="ephemeral").body
    assert len(body["messages"]) == 6
    assert body["messages"][0] == {"role": "system", "content": [{"type": "text", "text": "s", **mark}]}
    assert body["messages"][2]["content"] == [{"type": "text", "text": "a1", **mark}]
    assert body["messages"][3:] == plain["messages"][3:]
    assert body["tools"] == [plain["tools"][0], {**plain["tools"][1], **mark}]
    assert body.keys() == plain.keys()


def test_marks_need_content() -> None:
    """The body stays the same without a system message, tools, many messages, or content in the message."""
    assert chat("hi", prompt_cache="ephemeral").body == chat("hi").body
    calls = [Message("user", "u"), *TURN[2:], *TURN[2:]]
    assert chat(calls, prompt_cache="ephemeral").body["messages"][1]["content"] is None


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_builds(profile: Profile) -> None:
    """The fields of a profile don't contradict each other: each builds a body with the user's text."""
    body = chat(TURN, profile, tools=[ToolSpec("f")], reasoning_effort="low", max_tokens=9).body
    assert body["messages"][0] == {"role": "user", "content": "u"}
    assert body["stream"] is True

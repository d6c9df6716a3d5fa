"""What profiles change in a chat body, and what cannot be said on chat. The table is in test_bodies.py."""

from __future__ import annotations

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
def test_reasoning_goes_where_the_profile_says(field: str, sent: dict[str, str]) -> None:
    """The field's name is the profile's; text without details goes to OpenRouter as `reasoning`."""
    message = chat(TURN, attrs.evolve(GENERIC, reasoning_replay=field)).body["messages"][1]
    known = ("role", "content", "tool_calls")
    assert {k: v for k, v in message.items() if k not in known} == sent


def test_leaving_reasoning_out_where_nobody_takes_it_is_no_news() -> None:
    """OpenAI's chat takes no reasoning back; that is not reported on every turn."""
    assert not chat(TURN, OPENAI).report


def test_images_in_outputs_follow_where_tool_messages_hold_text_only() -> None:
    """The text stays with the call, the image comes in a user message behind all outputs (OQ-08)."""
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
        "item 3 (function_call_output) holds more than text; sent in a user message after it"
    ]


def test_that_user_message_is_none_of_the_users() -> None:
    """Reasoning since the user's own last message still goes back (RL-07)."""
    profile = attrs.evolve(GENERIC, tool_output_images=False)
    items = [*TURN[:3], FunctionCallOutput("c1", [InputImage("https://x/y.png")])]
    assert chat(items, profile).body["messages"][1]["reasoning"] == "hm"


def test_usage_is_not_asked_for_where_the_option_is_refused() -> None:
    """By profile, and still at the caller's word (RQ-02, P19)."""
    assert "stream_options" not in chat("hi", MISTRAL).body
    assert chat("hi", MISTRAL, include_usage=True).body["stream_options"] == {"include_usage": True}


def test_no_schema_where_only_json_objects_are_known() -> None:
    """DeepSeek: any JSON object is asked for, and the report says so (RL-01)."""
    prepared = chat("hi", DEEPSEEK, response_format={"type": "object"})
    assert prepared.body["response_format"] == {"type": "json_object"}
    assert prepared.report.repaired == [
        "response_format: deepseek accepts no schema; sent json_object instead"
    ]


@pytest.mark.parametrize(
    "name", ["previous_response_id", "conversation", "prompt", "background", "truncation", "include", "text"]
)
def test_what_only_responses_has_is_a_usage_error(name: str) -> None:
    """The message names the parameter and the ways out."""
    values: dict[str, Any] = {"background": True, "include": ["x"], "text": {}, "prompt": {}}
    with pytest.raises(UsageError, match=f"{name}: the chat API has no such parameter"):
        chat("hi", **{name: values.get(name, "x")})


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([], "the input is empty"),
        ([Message("user", " ")], "dropped: item 0 \\(message\\) says nothing"),
        ([Reasoning(content="r")], "dropped: item 0 \\(reasoning\\) belongs to no message"),
        ([FunctionCall("c", "f", "{}")], "dropped: item 0 \\(function_call f\\) has no output"),
    ],
)
def test_nothing_left_to_send_is_a_usage_error(items: Any, why: str) -> None:
    """RQ-05: before the network, and with the reason; instructions alone are no conversation."""
    with pytest.raises(UsageError, match=f"there is no message to send; {why}"):
        chat(items, instructions="be kind")


def test_the_chosen_tool_has_to_be_there() -> None:
    """A name that no tool has is told the names there are (RQ-20)."""
    with pytest.raises(UsageError, match=r"the name of a tool \(f\), got 'g'"):
        chat("hi", tools=[ToolSpec("f")], tool_choice="g")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (InputImage(file_id="file-1"), "item 0 \\(message\\), part 1: chat takes an image as a URL"),
        (InputFile("a.pdf"), "item 0 \\(message\\), part 1: a file needs file_data, file_url or file_id"),
        (OutputAudio("a"), "item 0 \\(message\\), part 1: chat takes the model's own audio"),
    ],
)
def test_a_part_that_chat_cannot_carry_is_named(part: Any, words: str) -> None:
    """A picture that silently stayed away would make nonsense of the question (OQ-07)."""
    with pytest.raises(UsageError, match=words):
        chat([Message("user", [InputText("look"), part])])


def test_a_default_limit_is_the_profiles_to_set() -> None:
    """RL-04, X-16: none by default; the caller's own limit wins, in whatever spelling."""
    profile = attrs.evolve(GENERIC, default_max_tokens=4096)
    assert "max_tokens" not in chat("hi").body
    assert chat("hi", profile).body["max_tokens"] == 4096
    assert chat("hi", profile, model="o3").body["max_completion_tokens"] == 4096
    assert chat("hi", profile, max_output_tokens=5).body["max_tokens"] == 5
    limited = prepare(Request("hi", model="m"), "responses", profile).body
    assert limited["max_output_tokens"] == 4096


def test_marks_for_caching() -> None:
    """OQ-15, RL-33: on the system message, the last tool and the fourth message from the end, each on a
    content block."""
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


def test_marks_need_something_to_stand_on() -> None:
    """No system message, few messages, no tools, a message of calls alone: nothing is changed."""
    assert chat("hi", prompt_cache="ephemeral").body == chat("hi").body
    calls = [Message("user", "u"), *TURN[2:], *TURN[2:]]
    assert chat(calls, prompt_cache="ephemeral").body["messages"][1]["content"] is None


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_builds(profile: Profile) -> None:
    """No profile's fields contradict each other: each gives a body with the user's words in it."""
    body = chat(TURN, profile, tools=[ToolSpec("f")], reasoning_effort="low", max_tokens=9).body
    assert body["messages"][0] == {"role": "user", "content": "u"}
    assert body["stream"] is True

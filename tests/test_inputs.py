"""The forms in which callers pass a conversation, and the errors about the others."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import (
    CustomToolCall,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Item,
    LocalShellCall,
    Message,
    Origin,
    OutputAudio,
    OutputText,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    UsageError,
)
from streamkit.codec import to_jsonable
from streamkit.request.inputs import as_items


@pytest.mark.parametrize("value", ["hi", ["hi"], Message("user", "hi"), {"role": "user", "content": "hi"}])
def test_a_user_message_in_every_form(value: Any) -> None:
    """A string, a list, an item and a dict are the same message."""
    assert as_items(value) == (Message("user", [InputText("hi")]),)


def test_any_iterable_is_a_conversation() -> None:
    """The input may be a generator."""
    assert len(as_items(text for text in ("a", "b"))) == 2


def _call(call_id: str, name: str, arguments: Any, **others: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **others}


@pytest.mark.parametrize(
    ("entry", "items"),
    [
        pytest.param(
            {
                "role": "user",
                "name": "bob",
                "content": [
                    {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
                    {"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}},
                    {"type": "image_url", "image_url": "https://y"},
                    {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}},
                    {"type": "video_url", "video_url": {"url": "https://z"}},
                ],
            },
            [
                Message(
                    "user",
                    [
                        InputText("t", {"cache_control": {"type": "ephemeral"}}),
                        InputImage("https://x", "low"),
                        InputImage("https://y"),
                        InputAudio("QQ==", "mp3"),
                        InputFile("a.pdf", "data:,"),
                        UnknownPart({"type": "video_url", "video_url": {"url": "https://z"}}),
                    ],
                    extra={"name": "bob"},
                )
            ],
            id="parts of chat",
        ),
        pytest.param(
            {
                "role": "assistant",
                "content": "t",
                "reasoning_content": "r",
                "reasoning_details": [{"type": "reasoning.text", "text": "r"}],
                "tool_calls": [
                    _call("c1", "f", '{"a":1.0}', extra_content={"google": 1}),
                    _call("c2", "g", {"a": "é"}),
                    {"id": "k1", "type": "custom", "custom": {"name": "sql", "input": "x"}},
                    {"id": "s1", "type": "local_shell_call", "status": "done", "action": {"type": "exec"}},
                ],
            },
            [
                Reasoning(content=["r"], details=[{"type": "reasoning.text", "text": "r"}]),
                Message("assistant", [OutputText("t")]),
                FunctionCall("c1", "f", '{"a":1.0}', extra={"extra_content": {"google": 1}}),
                FunctionCall("c2", "g", '{"a": "é"}'),
                CustomToolCall("k1", "sql", "x"),
                LocalShellCall("s1", {"type": "exec"}, status="done"),
            ],
            id="assistant with everything",
        ),
        pytest.param(
            {"role": "assistant", "content": None, "refusal": "no", "audio": {"id": "audio_1"}},
            [Message("assistant", [Refusal("no"), OutputAudio("audio_1")])],
            id="refusal and audio",
        ),
        pytest.param(
            {"role": "assistant", "content": None, "tool_calls": [_call("c1", "f", "{}")]},
            [FunctionCall("c1", "f", "{}")],
            id="calls only",
        ),
        pytest.param(
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            [FunctionCall(None, "f", "{}")],
            id="legacy function_call",
        ),
        pytest.param(
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "ok"}]},
            [FunctionCallOutput("c1", [InputText("ok")])],
            id="tool",
        ),
        pytest.param(
            {"role": "tool", "tool_call_id": "c1", "content": "no", "is_error": True},
            [FunctionCallOutput("c1", "no", is_error=True)],
            id="failed tool",
        ),
        pytest.param(
            {"role": "tool", "tool_call_id": "c1", "content": None},
            [FunctionCallOutput("c1", [])],
            id="tool without content",
        ),
        pytest.param(
            {"role": "function", "name": "f", "content": "ok"},
            [FunctionCallOutput(None, "ok")],
            id="legacy function",
        ),
        pytest.param(
            {
                "type": "message",
                "role": "assistant",
                "id": "msg_1",
                "content": [{"type": "output_text", "text": "a", "annotations": [{"n": 1}]}],
                "phase": "final",
            },
            [Message("assistant", [OutputText("a", [{"n": 1}])], id="msg_1", extra={"phase": "final"})],
            id="message of responses",
        ),
        pytest.param(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "s"}],
                "encrypted_content": "enc",
                "content": None,
            },
            [Reasoning("rs_1", ["s"], encrypted_content="enc")],
            id="reasoning of responses",
        ),
        pytest.param(
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "image_url": "https://x"},
                ],
            },
            [FunctionCallOutput("c1", [InputText("a"), InputImage("https://x")])],
            id="output of responses",
        ),
        pytest.param(
            {"type": "mcp_call", "id": "mcp_1"},
            [UnknownItem({"type": "mcp_call", "id": "mcp_1"})],
            id="kind without a class",
        ),
    ],
)
def test_dicts(entry: dict[str, Any], items: list[Item]) -> None:
    """Chat messages and items of Responses are read without loss."""
    assert list(as_items([entry])) == items


def test_output_of_the_codec_is_input() -> None:
    """A line of a history file is a dict like any other, and keeps its origin."""
    home = Origin("chat", "openrouter")
    items = (
        Reasoning("rs_1", ["s"], ["t"], extra={"x": 1}, origin=home),
        Message("user", [InputText("u"), UnknownPart({"type": "x"}, home)], extra={"name": "b"}),
        UnknownItem({"type": "mcp_call"}, Origin("responses")),
        FunctionCallOutput("c1", "ok", is_error=True),
    )
    again = as_items([to_jsonable(item) for item in items])
    assert again == items
    assert [getattr(item, "origin", None) for item in again] == [home, None, Origin("responses"), None]
    assert again[1].content[1].origin == home


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "input: expected a string, an item, a dict or a list of these, got 5"),
        (b"hi", "input: expected a string, an item, a dict or a list of these, got b'hi'"),
        (["hi", 5], "input[1]: expected a string, an item or a dict, got 5"),
        ([{"a": 1}], "input[0]: expected a dict with a role or a type, got {'a': 1}"),
        (
            [{"role": "king", "content": "x"}],
            "input[0].role: expected one of system, developer, user, assistant, tool, got 'king'",
        ),
        ([{"role": "user", "content": 5}], "input[0].content: expected a string or a list of parts, got 5"),
        (
            [{"role": "user", "content": b"x"}],
            "input[0].content: expected a string or a list of parts, got b'x'",
        ),
        (
            [{"role": "user", "content": ["a", 5]}],
            "input[0].content[1]: expected a string, a part or a dict, got 5",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": 5}]}],
            "input[0].content[0].text: expected a string, got 5",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}],
            "input[0].content[0].image_url: expected a string, got 5",
        ),
        (
            [{"role": "user", "content": [{"text": "hi"}]}],
            "input[0].content[0]: expected a dict with a type, got {'text': 'hi'}",
        ),
        (
            [{"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": "x"}]}],
            "input[0].content[0].annotations: expected a list, got 'x'",
        ),
        ([{"role": "assistant", "tool_calls": "f"}], "input[0].tool_calls: expected a list, got 'f'"),
        ([{"role": "assistant", "tool_calls": [5]}], "input[0].tool_calls[0]: expected an object, got 5"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}],
            "input[0].tool_calls[0]: expected a function call or a custom call, "
            "got {'id': 'c', 'type': 'function'}",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "type": ["function"]}]}],
            "input[0].tool_calls[0]: expected a function call or a custom call, "
            "got {'id': 'c', 'type': ['function']}",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}],
            "input[0].tool_calls[0].name: expected a string, got None",
        ),
        (
            [{"role": "assistant", "reasoning": {"effort": "low"}}],
            "input[0].reasoning: expected a string, got {'effort': 'low'}",
        ),
        (
            [{"role": "assistant", "reasoning_details": "x"}],
            "input[0].reasoning_details: expected a list, got 'x'",
        ),
        ([{"role": "assistant", "refusal": 5}], "input[0].refusal: expected a string, got 5"),
        ([{"role": "assistant", "audio": "id"}], "input[0].audio: expected an object, got 'id'"),
        ([{"role": "user", "content": "x", "extra": 1}], "input[0].extra: expected an object, got 1"),
        (
            [{"role": "tool", "tool_call_id": "c", "content": "x", "is_error": "yes"}],
            "input[0].is_error: expected True or False, got 'yes'",
        ),
        ([{"type": "function_call", "arguments": {}}], "input[0].arguments: expected a string, got {}"),
        ([{"type": "local_shell_call", "action": "ls"}], "input[0].action: expected an object, got 'ls'"),
        (
            [{"type": "reasoning", "summary": ["s", 1]}],
            "input[0].summary[1]: expected a string or an object with a text, got 1",
        ),
        ([{"type": "reasoning", "summary": 1}], "input[0].summary: expected a list, got 1"),
        (
            [{"type": "reasoning", "encrypted_content": ["enc"]}],
            "input[0].encrypted_content: expected a string, got ['enc']",
        ),
        (
            [{"role": "user", "content": [{"type": "output_audio", "transcript": 7}]}],
            "input[0].content[0].transcript: expected a string, got 7",
        ),
        (
            [{"role": "user", "content": [{"type": "output_image", "image_url": ["u"]}]}],
            "input[0].content[0].image_url: expected a string, got ['u']",
        ),
        (
            [{"role": "assistant", "content": [{"text": 7}]}],
            "input[0].content[0]: expected a dict with a type, got {'text': 7}",
        ),
        ([{"role": "assistant", "tool_calls": "x"}], "input[0].tool_calls: expected a list, got 'x'"),
        ([{"type": "unknown", "payload": 5}], "input[0].payload: expected an object, got 5"),
        ([{"type": "reasoning", "origin": "chat"}], "input[0].origin: expected an object, got 'chat'"),
        (
            [{"type": "reasoning", "origin": {"provider": "p"}}],
            "input[0].origin.wire: expected a string, got None",
        ),
        (
            [{"a": "x" * 100}],
            "input[0]: expected a dict with a role or a type, got {'a': '" + "x" * 70 + "...",
        ),
    ],
    ids=lambda value: value.partition(",")[0] if isinstance(value, str) else "",
)
def test_an_unknown_form_is_a_usage_error_with_its_place(value: Any, message: str) -> None:
    """The message contains the place, the accepted forms, and the value, truncated if it is long."""
    with pytest.raises(UsageError) as caught:
        as_items(value)
    assert str(caught.value) == message


def test_arguments_that_json_cannot_express_name_their_place() -> None:
    """A dict of arguments may hold a program's own objects."""
    function = {"name": "f", "arguments": {"day": object()}}
    call = {"id": "a", "type": "function", "function": function}
    with pytest.raises(
        UsageError, match=r"input\[0\]\.tool_calls\[0\]\.arguments: expected values that JSON"
    ):
        as_items([{"role": "assistant", "content": None, "tool_calls": [call]}])

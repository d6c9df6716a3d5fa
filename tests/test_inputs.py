"""What callers pass as a conversation, and what items hold them to."""

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
    """A string, a list, an item and a dict are the same thing (DESIGN section 3)."""
    assert as_items(value) == (Message("user", [InputText("hi")]),)


def test_any_iterable_will_do() -> None:
    """A generator is a conversation, too."""
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
    """Chat's messages and Responses' items are read without loss."""
    assert list(as_items([entry])) == items


def test_what_the_codec_wrote_is_input_too() -> None:
    """A line of a history file is a dict like any other."""
    items = (Reasoning("rs_1", ["s"], ["t"], extra={"x": 1}), Message("user", "u", extra={"name": "b"}))
    assert as_items([to_jsonable(item) for item in items]) == items


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "input takes a string or a list of items, got 5"),
        (b"hi", "input takes a string or a list of items, got b'hi'"),
        (["hi", 5], "input[1] is a int; an item, a string or a dict was expected"),
        ([{"a": 1}], "input[0] has neither a role nor a type: {'a': 1}"),
        ([{"role": "king", "content": "x"}], "input[0]: 'role' must be in ('system',"),
        ([{"role": "user", "content": 5}], "input[0].content: a string or a list of parts was expected"),
        ([{"role": "user", "content": ["a", 5]}], "input[0].content[1]: a part was expected, got 5"),
        ([{"role": "user", "content": [{"type": "text", "text": 5}]}], "input[0].content[0]: 'text' must be"),
        ([{"role": "assistant", "tool_calls": [5]}], "input[0].tool_calls[0]: an object was expected"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}],
            "input[0].tool_calls[0]: a function or custom call was expected",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "type": ["function"]}]}],
            "input[0].tool_calls[0]: a function or custom call was expected",
        ),
        ([{"type": "function_call", "arguments": {}}], "input[0]: 'arguments' must be"),
        ([{"type": "reasoning", "summary": [1]}], "input[0].summary: a list of texts was expected"),
        ([{"type": "reasoning", "summary": 1}], "input[0].summary: a list was expected, got 1"),
        ([{"role": "assistant", "tool_calls": "f"}], "input[0].tool_calls: a list was expected, got 'f'"),
        ([{"role": "assistant", "reasoning": {"effort": "low"}}], "input[0].reasoning: 'content' must be"),
        (
            [{"role": "assistant", "reasoning_details": "x"}],
            "input[0].reasoning_details: a list was expected",
        ),
        ([{"role": "assistant", "audio": "id"}], "input[0].audio: an object was expected, got 'id'"),
        ([{"role": "user", "content": "x", "extra": 1, "a": 2}], "input[0].extra: an object was expected"),
        ([{"role": "user", "content": [{"text": "hi"}]}], "input[0].content[0] has no type: {'text': 'hi'}"),
    ],
)
def test_what_is_none_of_these_is_named_with_its_place(value: Any, words: str) -> None:
    """Nothing is guessed at: the place, what was got, what was expected."""
    with pytest.raises(UsageError) as caught:
        as_items(value)
    assert str(caught.value).startswith(words)


def test_arguments_are_strict_json() -> None:
    """Blank and null are no arguments; anything else that is not JSON raises, never `{}` (P5)."""
    assert FunctionCall("c", "f", ' {"a": 1} ').parsed() == {"a": 1}
    assert FunctionCall("c", "f", " \n").parsed() == FunctionCall("c", "f", "null").parsed() == {}
    for cut in ('{"confirm": fal', '{"a": NaN}', "{'a': 1}", "[" * 100_000):
        with pytest.raises(UsageError, match="the arguments of call 'f' are not JSON"):
            FunctionCall("c", "f", cut).parsed()


def test_a_string_becomes_the_part_that_fits_the_role() -> None:
    """A model writes output, everybody else input."""
    assert Message("assistant", "a").content == (OutputText("a"),)
    assert Message("user", "a").content == (InputText("a"),)
    with pytest.raises(UsageError, match="a message's content holds parts such as InputText, got int"):
        Message("user", [5])  # type: ignore[list-item]

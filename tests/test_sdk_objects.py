"""Objects of the APIs' SDKs as input and tools: what `model_dump` returns is what is read.

The classes here have that method and nothing else. With the packages themselves installed, their own objects
run, too.
"""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import Client, UsageError
from streamkit.testing import FakeTransport


class Dumped:
    """An object that writes itself, as pydantic's do: with the API's spelling, and without fields of None."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump(self, *, mode: str, by_alias: bool, exclude_none: bool) -> dict[str, Any]:
        assert (mode, by_alias, exclude_none) == ("json", True, True)
        return self.fields


class Broken:
    def model_dump(self, **options: Any) -> dict[str, Any]:
        raise RuntimeError("no")


def body(profile: str, items: Any, **options: Any) -> Any:
    own = Client(profile, api_key="k", transport=FakeTransport(b""))
    request = own.stream(items, model="m", **options).request
    assert request is not None
    return request.body


RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": None}}


@pytest.mark.parametrize("whole", [True, False])
def test_blocks_and_messages(whole: bool) -> None:
    """The content of an answer goes back as it is; so does the answer itself."""
    blocks = [Dumped(type="thinking", thinking="Hm", signature="s"), Dumped(**USE)]
    answer = (
        Dumped(role="assistant", content=[b.fields for b in blocks])
        if whole
        else {"role": "assistant", "content": blocks}
    )
    sent = body("anthropic", ["hi", answer, RESULT])["messages"]
    assert sent[1:] == [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": "s"}, USE]},
        RESULT,
    ]


def test_parts_and_tools() -> None:
    """Contents of Gemini, parts in them, and a list of functions."""
    part = Dumped(text="hi", thoughtSignature="_w==")
    items = [Dumped(role="user", parts=[{"text": "a"}]), {"role": "model", "parts": (part,)}, "b"]
    tool = Dumped(functionDeclarations=[{"name": "f", "parameters": {"type": "OBJECT"}}])
    sent = body("gemini", items, tools=[tool], tool_choice="f")
    assert sent["contents"][1] == {"role": "model", "parts": [{"text": "hi", "thoughtSignature": "_w=="}]}
    assert sent["tools"] == [tool.fields]
    assert body("openai", items, tools=[tool])["tools"][0]["function"]["name"] == "f"


def test_one_object_is_a_conversation() -> None:
    """Like a dict and a string."""
    assert body("openai", Dumped(role="user", content="hi"))["messages"] == [
        {"role": "user", "content": "hi"}
    ]


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([Broken()], r"input\[0\]"),
        ([{"role": "user", "content": ["a", Broken()]}], r"input\[0\]\.content\[1\]"),
    ],
)
def test_an_object_that_raises_is_named(items: Any, place: str) -> None:
    """Nothing of the stranger's leaves the call."""
    with pytest.raises(UsageError, match=f"^{place}: expected an object that becomes a dict"):
        body("openai", items)


def test_a_class_is_no_object() -> None:
    """Its method needs an object."""
    with pytest.raises(UsageError, match=r"input\[0\]: expected a string, an item or a dict"):
        body("openai", [Dumped])


def test_objects_of_anthropic() -> None:
    """The blocks of its `Message`."""
    types = pytest.importorskip("anthropic.types")
    blocks = [types.TextBlock(type="text", text="a", citations=None), types.ToolUseBlock(**USE)]
    sent = body("anthropic", ["hi", {"role": "assistant", "content": blocks}, RESULT])["messages"]
    assert sent[1]["content"] == [{"type": "text", "text": "a"}, USE]


def test_objects_of_google_genai() -> None:
    """Its contents, with bytes in base64, and its tools."""
    types = pytest.importorskip("google.genai.types")
    picture = types.Part.from_bytes(data=b"\xff\xfe", mime_type="image/png")
    call = types.Part(function_call=types.FunctionCall(name="f", args={"a": 1}), thought_signature=b"\xff")
    answer = types.Part.from_function_response(name="f", response={"output": "x"})
    roles = (("user", [picture]), ("model", [call]), ("user", [answer]))
    contents = [types.Content(role=role, parts=parts) for role, parts in roles]
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="f")])
    sent = body("gemini", contents, tools=[tool])
    assert [content["parts"][0] for content in sent["contents"]] == [
        {"inlineData": {"mimeType": "image/png", "data": "__4="}},
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "_w=="},
        {"functionResponse": {"name": "f", "response": {"output": "x"}}},
    ]
    assert sent["tools"] == [{"functionDeclarations": [{"name": "f"}]}]

"""`content` of a delta or a message, in any form -> its texts by kind, and the parts of other kinds.

It is a string, a number, null, a part, or a list of parts; parts are OpenAI's, and those of other APIs that a
gateway passes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...state.deltas import Payload
from ..fields import folded, string
from .call_fields import BLANK, is_call

# Types of content parts that are calls, or pieces of one: those of other APIs, which some gateways pass on.
PIECES_OF_CALLS = ("tool_use", "tool_call", "function_call")
# Types of whole calls, without case and separators, and the fields that have one in a part without a type.
_CALLS = frozenset(("tooluse", "toolcall", "toolcalls", "functioncall", "functioncalls", "function"))
_CUSTOM = "customtoolcall"
_AROUND_CALLS = (
    "functionCall",
    "function_call",
    "toolUse",
    "tool_use",
    "toolCall",
    "tool_call",
    "tool_calls",
)


# Types of texts and of thoughts, likewise.
_TEXTS = frozenset(("text", "outputtext", "inputtext", "textdelta"))
_THOUGHTS = frozenset(
    ("thinking", "thinkingdelta", "reasoning", "reasoningtext", "reasoningcontent", "summarytext", "thought")
)
_THOUGHT_FIELDS = ("thinking", "text", "reasoning", "content", "thought")
_OTHER_CONTENTS = ("text", "output_text", "parts")  # of a delta or message without `content`
_MAX_DEPTH = 8  # of lists and wrappers


@dataclass(slots=True)
class Content:
    """The facts in `content`: the texts in its parts, and the parts of other kinds."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    summaries: list[str] = field(default_factory=list)  # of the parts of a reasoning summary
    encrypted: str = ""
    annotations: list[Payload] = field(default_factory=list)  # of the texts
    calls: list[Payload] = field(default_factory=list)
    others: list[Payload] = field(default_factory=list)


def content_of(source: Payload) -> Content:
    """Read the content of a delta or a message: `content`, or a field in its place."""
    value = source.get("content")
    if value in BLANK:
        value = next((each for name in _OTHER_CONTENTS if (each := source.get(name)) not in BLANK), value)
    return read_content(value)


def read_content(value: Any) -> Content:
    """Read `content`: a string, a number, null, a part, or a list of parts."""
    content = Content()
    _read(value, content, _MAX_DEPTH)
    return content


def _read(value: Any, content: Content, depth: int) -> None:
    if type(value) is list and depth:
        for each in value:
            _read(each, content, depth - 1)
    elif type(value) is dict:
        _read_part(value, content, depth)
    else:
        content.text += value if type(value) is str else number_text(value)


def _read_part(part: Payload, content: Content, depth: int) -> None:
    kind = _plain(part.get("type"))
    around = next((name for name in ("parts", "content") if type(part.get(name)) is list), None)
    if kind in _THOUGHTS or (part.get("thought") is True and "text" in part):
        _read_thought(part, content)
    elif kind == "refusal":
        content.refusal += plain_text(part.get("refusal"))
    elif (kind in _TEXTS and ("text" in part or "content" in part)) or (kind is None and "text" in part):
        text = part["text"] if "text" in part else part["content"]
        content.text += plain_text(text)
        for place in (part, text if type(text) is dict else {}):
            content.annotations += objects_of(place.get("annotations") or place.get("citations"))
    elif kind is None and "reasoningContent" in part:  # Bedrock: {reasoningText: {text, signature}}
        thought = part["reasoningContent"]
        own = thought.get("reasoningText") if type(thought) is dict else None
        content.thinking += plain_text(own or thought)
    elif kind in (None, "message") and around is not None and depth:
        _read(part[around], content, depth - 1)
    elif calls := calls_in(part):
        content.calls += calls
    elif part:
        content.others.append(part)


def _read_thought(part: Payload, content: Content) -> None:
    """Read a part like Mistral's {type: thinking, thinking: [{text}]}, or a reasoning item."""
    summary = part.get("summary")
    content.thinking += plain_text(
        next((each for name in _THOUGHT_FIELDS if (each := part.get(name)) and each is not True), None)
    )
    if type(summary) is list:
        content.summaries += [plain_text(each) for each in summary]
    else:
        content.summaries += [summary] if type(summary) is str else []
    content.encrypted = string(part.get("encrypted_content")) or content.encrypted


def _plain(kind: Any) -> str | None:
    """Return a type without case and separators; None if it isn't a text."""
    return folded(kind) if type(kind) is str else None


def calls_in(part: Payload) -> list[Payload]:
    """Return the calls in a content part, as entries of `tool_calls`."""
    kind = part.get("type")
    if kind in PIECES_OF_CALLS:
        return [part]
    name = _plain(kind)
    if name == _CUSTOM:
        custom = {"name": part.get("name"), "input": part.get("input")}
        return [{"type": "custom", "id": part.get("call_id") or part.get("id"), "custom": custom}]
    if name is not None and name not in _CALLS:
        return []
    around = next((each for key in _AROUND_CALLS if type(each := part.get(key)) in (dict, list)), None)
    if around is not None:
        return objects_of(around)
    return [part] if name is not None and is_call(part) else []


def image_url(part: Any) -> str | None:
    """Return the URL of an image, a data URL if the part has its data; None if it isn't one.

    OpenRouter sends {type: image_url, image_url: {url}}; others are those of Anthropic, Gemini and OpenAI.
    """
    if type(part) is not dict:
        return string(part)
    kind = _plain(part.get("type")) or "image"
    image = part.get("image_url") or (part.get("image") if "image" in kind else None)
    if found := string(image.get("url") if type(image) is dict else image):
        return found
    places = (part.get("inlineData"), part.get("inline_data"), part.get("source"), image, part)
    for place in places if "image" in kind else ():
        if type(place) is dict and (data := string(place.get("data") or place.get("b64_json"))):
            names = ("mimeType", "mime_type", "media_type")
            media_type = next((each for name in names if (each := string(place.get(name)))), "image/png")
            if media_type.startswith("image/"):
                return f"data:{media_type};base64,{data}"
    return None


def number_text(value: Any) -> str:
    """Return the text of a token such as 42 or true that a gateway decoded as JSON; "" for other values."""
    return json.dumps(value) if type(value) in (int, float, bool) else ""


def plain_text(value: Any, depth: int = 8) -> str:
    """Return the text in a string, in {text | value | content | summary | thinking}, or in a list of these.

    A number is text, too. *depth*: of the lists and objects that are read.
    """
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return number_text(value)
    if type(value) is list and depth:
        return "".join(plain_text(part, depth - 1) for part in value)
    if type(value) is dict and depth:
        names = ("text", "value", "content", "summary", "thinking")
        inner = next((value[name] for name in names if value.get(name) not in BLANK), None)
        return plain_text(inner, depth - 1)
    return ""


def objects_of(value: Any) -> list[Payload]:
    """Return the objects in a list, or a lone one as a list."""
    return [each for each in (value if type(value) is list else [value]) if type(each) is dict and each]

"""`content` of a delta or a message, in any form -> its texts by kind, and the parts of other kinds.

It is a string, a number, null, a part, or a list of parts; parts are OpenAI's, and those of other APIs that a
gateway passes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...state.deltas import Payload
from ..fields import string
from .call_fields import BLANK, is_call

# Types of content parts that are calls, or pieces of one: those of other APIs, which some gateways pass on.
PIECES_OF_CALLS = ("tool_use", "tool_call", "function_call")
# Types of whole calls (without case and separators), and the fields that have one in a part without a type.
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


@dataclass(slots=True)
class Content:
    """The facts in `content`: the texts in its parts, and the parts of other kinds."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    summaries: list[str] = field(default_factory=list)  # of the parts of a reasoning summary
    encrypted: str = ""
    calls: list[Payload] = field(default_factory=list)
    others: list[Payload] = field(default_factory=list)


def read_content(value: Any) -> Content:
    """Read `content`: a string, a number, null, a part, or a list of parts."""
    content = Content()
    for part in value if type(value) is list else (value,):
        if type(part) is dict:
            _read_part(part, content)
        elif type(part) is str:
            content.text += part
        else:
            content.text += number_text(part)
    return content


def _read_part(part: Payload, content: Content) -> None:
    kind, summary = part.get("type"), part.get("summary")
    if kind in ("thinking", "reasoning"):  # Mistral: {type: thinking, thinking: [{text}]}
        own = part.get("thinking") or part.get("text") or part.get("reasoning") or part.get("content")
        content.thinking += plain_text(own)
        if type(summary) is list:
            content.summaries += [plain_text(each) for each in summary]
        else:
            content.summaries += [summary] if type(summary) is str else []
        content.encrypted = string(part.get("encrypted_content")) or content.encrypted
    elif kind == "refusal":
        content.refusal += plain_text(part.get("refusal"))
    elif kind in ("text", "output_text", None) and "text" in part:
        content.text += plain_text(part.get("text"))
    elif calls := calls_in(part):
        content.calls += calls
    elif part:
        content.others.append(part)


def calls_in(part: Payload) -> list[Payload]:
    """Return the calls in a content part, as entries of `tool_calls`."""
    kind = part.get("type")
    if kind in PIECES_OF_CALLS:
        return [part]
    name = kind.replace("_", "").replace("-", "").lower() if type(kind) is str else None
    if name == _CUSTOM:
        custom = {"name": part.get("name"), "input": part.get("input")}
        return [{"type": "custom", "id": part.get("call_id") or part.get("id"), "custom": custom}]
    if name is not None and name not in _CALLS:
        return []
    around = next((each for key in _AROUND_CALLS if type(each := part.get(key)) in (dict, list)), None)
    if around is not None:
        return objects_of(around)
    return [part] if name is not None and is_call(part) else []


def number_text(value: Any) -> str:
    """Return the text of a token such as 42 or true that a gateway decoded as JSON; "" for other values."""
    return json.dumps(value) if type(value) in (int, float, bool) else ""


def plain_text(value: Any, depth: int = 8) -> str:
    """Return the text in a string, in {text | content | summary | thinking}, or in a list of these.

    A number is text, too. *depth*: of the lists and objects that are read.
    """
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return number_text(value)
    if type(value) is list and depth:
        return "".join(plain_text(part, depth - 1) for part in value)
    if type(value) is dict and depth:
        names = ("text", "content", "summary", "thinking")
        inner = next((value[name] for name in names if value.get(name) not in BLANK), None)
        return plain_text(inner, depth - 1)
    return ""


def objects_of(value: Any) -> list[Payload]:
    """Return the objects in a list, or a lone one as a list."""
    return [each for each in (value if type(value) is list else [value]) if type(each) is dict and each]

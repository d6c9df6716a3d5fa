"""One output item of the Responses API, a dict -> an item of items.py.

Rule: no field is lost, and no field's type is trusted. A field without an attribute here is kept in `extra`.
So is a field that its attribute can't hold unchanged (a summary part with fields of its own, a number as id),
under its own name: the code that writes the item lets `extra` win.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...items import (
    ROLES,
    CustomToolCall,
    FunctionCall,
    InputText,
    Item,
    LocalShellCall,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
    WebSearchCall,
)
from ...state.deltas import Payload
from ..fields import json_text, string_in


def item_from_payload(item: Payload) -> Item:
    """Return any output item; a kind without a class, such as a hosted tool's, is an `UnknownItem`."""
    read = _READERS.get(kind_of(item))
    return UnknownItem(item) if read is None else read(_Fields(item))


def is_empty(item: Item) -> bool:
    """Return True if *item* has no content, so that it may stand for an item of another kind."""
    if isinstance(item, Message):
        return all(isinstance(part, OutputText) and part == OutputText("") for part in item.content)
    if isinstance(item, Reasoning):
        return not (item.summary or item.content or item.encrypted_content)
    if isinstance(item, FunctionCall):
        return not (item.name or item.call_id or item.arguments)
    return isinstance(item, UnknownItem) and item.payload.keys() <= {"id", "status", "object"}


def text_of(item: Item) -> str:
    """Return the text of a message or of reasoning; "" for other items."""
    return item.text if isinstance(item, Message | Reasoning) else ""


def kind_of(item: Payload) -> str:
    """Return the item's `type`; if a gateway leaves it out, the kind that its fields show, else "unknown"."""
    kind = item.get("type")
    if type(kind) is str and kind:
        return kind
    if "role" in item and "content" in item:
        return "message"
    if "name" in item and "arguments" in item:
        return "function_call"
    if "summary" in item:
        return "reasoning"
    return "unknown"


class _Fields:
    """The fields of one object, taken one by one; `rest` are those not taken, or not held unchanged."""

    def __init__(self, source: Payload) -> None:
        self.source = source
        self.rest = {k: v for k, v in source.items() if k != "type"}

    def string(self, name: str) -> str | None:
        """Take a string with characters, or None."""
        value = self.source.get(name)
        if type(value) is str or value is None:
            self.rest.pop(name, None)
        return string_in(self.source, name)

    def text(self, name: str) -> str:
        return self.string(name) or ""

    def array(self, name: str) -> list[Any]:
        value = self.source.get(name)
        if type(value) is list or value is None:
            self.rest.pop(name, None)
        return value if type(value) is list else []

    def mapping(self, name: str) -> Payload | None:
        value = self.source.get(name)
        if type(value) is dict or value is None:
            self.rest.pop(name, None)
        return value if type(value) is dict else None

    def texts(self, name: str, kind: str) -> list[str]:
        """Take the texts of a list of `{type: kind, text}` or of strings, or one lone string."""
        value = self.source.get(name)
        parts = [value] if type(value) is str else self.array(name)
        if all(type(p) is dict and p.keys() == {"type", "text"} and p["type"] == kind for p in parts):
            self.rest.pop(name, None)
        elif name in self.source:
            self.rest[name] = value
        return [text for text in map(part_text, parts) if text is not None]


def part_text(part: Any) -> str | None:
    """Return the text of a part of any kind; None if it has none."""
    text = part.get("text") if type(part) is dict else part
    return text if type(text) is str else None


def _message(fields: _Fields) -> Message:
    role = fields.source.get("role")
    if role is None or (type(role) is str and role in ROLES):
        fields.rest.pop("role", None)
    content = fields.source.get("content")
    parts = [content] if type(content) is str else fields.array("content")
    if type(content) is str:
        fields.rest.pop("content", None)
    return Message(
        role if type(role) is str and role in ROLES else "assistant",
        [_part(part) for part in parts],
        id=fields.string("id"),
        status=fields.string("status"),
        extra=fields.rest,
    )


def _part(part: Any) -> Part:
    if type(part) is str:
        return OutputText(part)
    if type(part) is not dict:
        return UnknownPart({"value": part})
    kind = part.get("type")
    fields = _Fields(part)
    if kind in ("output_text", "text", None) and type(part.get("text")) is str:
        return OutputText(
            fields.text("text"), fields.array("annotations"), fields.array("logprobs"), fields.rest
        )
    if kind == "refusal" and type(part.get("refusal")) is str:
        return Refusal(fields.text("refusal"), fields.rest)
    if kind == "input_text" and type(part.get("text")) is str:
        return InputText(fields.text("text"), fields.rest)
    return UnknownPart(part)


def _reasoning(fields: _Fields) -> Reasoning:
    return Reasoning(
        id=fields.string("id"),
        summary=fields.texts("summary", "summary_text"),
        content=fields.texts("content", "reasoning_text"),
        encrypted_content=fields.string("encrypted_content"),
        status=fields.string("status"),
        extra=fields.rest,
    )


def _function_call(fields: _Fields) -> FunctionCall:
    fields.rest.pop("arguments", None)
    return FunctionCall(
        fields.string("call_id"),
        fields.text("name"),
        json_text(fields.source.get("arguments")),
        id=fields.string("id"),
        status=fields.string("status"),
        extra=fields.rest,
    )


def _custom_tool_call(fields: _Fields) -> CustomToolCall:
    fields.rest.pop("input", None)
    return CustomToolCall(
        fields.string("call_id"),
        fields.text("name"),
        json_text(fields.source.get("input")),
        id=fields.string("id"),
        status=fields.string("status"),
        extra=fields.rest,
    )


def _local_shell_call(fields: _Fields) -> LocalShellCall:
    return LocalShellCall(
        fields.string("call_id"),
        fields.mapping("action") or {},
        id=fields.string("id"),
        status=fields.string("status"),
        extra=fields.rest,
    )


def _web_search_call(fields: _Fields) -> WebSearchCall:
    return WebSearchCall(
        fields.string("id"), fields.string("status"), fields.mapping("action"), extra=fields.rest
    )


_READERS: dict[str, Callable[[_Fields], Item]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_tool_call,
    "local_shell_call": _local_shell_call,
    "web_search_call": _web_search_call,
}

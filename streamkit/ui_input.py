"""UI messages of the Vercel AI SDK, as `useChat` posts them -> the items of a conversation.

    takes    a list of `{"role", "parts": [...]}`, decoded JSON; web.py has the public name
    returns  items: text, reasoning and files as messages, each tool part as a call and its output

Rules: a browser sends this, so nothing of its form is trusted: a wrong part is a `UsageError` with its
place. Parts that are for the page only (steps, sources, `data-...`) aren't the model's, and are left out. The
outputs of a step follow all of its calls, as the APIs demand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._checks import got
from .errors import UsageError
from .items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputImage,
    Part,
    Reasoning,
)

_ROLES = ("system", "user", "assistant")
_OF_THE_PAGE = ("source-url", "source-document", "data-")


def read_messages(messages: Any) -> list[Item]:
    """Return the items of *messages*. Raises `UsageError` with the place of a wrong part."""
    items: list[Item] = []
    for number, entry in enumerate(_list(messages, "the messages")):
        place = f"messages[{number}]"
        role = _object(entry, place).get("role")
        if role not in _ROLES:
            raise _wrong(f"{place}.role", " or ".join(_ROLES), role)
        parts = _list(entry.get("parts"), f"{place}.parts")
        reader = _Answer() if role == "assistant" else _Input(role)
        for position, part in enumerate(parts):
            where = f"{place}.parts[{position}]"
            reader.read(_text(_object(part, where), "type", where), part, where)
        items += reader.items()
    return items


class _Input:
    """A message of the user or of the system."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._parts: list[Part] = []

    def read(self, kind: str, part: Mapping[str, Any], place: str) -> None:
        if kind == "text":
            self._parts.append(InputText(_text(part, "text", place)))
        elif kind == "file":
            self._parts.append(_file(part, place))
        elif not kind.startswith(_OF_THE_PAGE):
            raise _wrong(f"{place}.type", "text or file", kind)

    def items(self) -> list[Item]:
        return [Message(self._role, self._parts)] if self._parts else []


class _Answer:
    """A message of the model: texts, thoughts and calls in order, outputs behind the calls of their step."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._outputs: list[Item] = []

    def read(self, kind: str, part: Mapping[str, Any], place: str) -> None:
        if kind == "step-start":
            self._end_step()
        elif kind in ("text", "reasoning"):
            if self._outputs:  # an older page without steps
                self._end_step()
            text = _text(part, "text", place)
            of_model: Item = Reasoning(content=text) if kind == "reasoning" else Message("assistant", text)
            self._items += [of_model] if text else []
        elif kind == "dynamic-tool" or kind.startswith("tool-"):
            name = _text(part, "toolName", place) if kind == "dynamic-tool" else kind.removeprefix("tool-")
            self._call(name, part, place)
        elif kind == "file":
            self._items.append(Message("assistant", [OutputImage(_text(part, "url", place))]))
        elif not kind.startswith(_OF_THE_PAGE):
            raise _wrong(f"{place}.type", "text, reasoning, file or a tool", kind)

    def _call(self, name: str, part: Mapping[str, Any], place: str) -> None:
        call_id = _text(part, "toolCallId", place)
        given, raw, state = part.get("input"), part.get("rawInput"), part.get("state")
        if isinstance(given, str):  # free text, as `ui_messages` writes it; arguments are an object
            self._items.append(CustomToolCall(call_id, name, given))
        else:
            arguments = raw if isinstance(raw, str) else _json({} if given is None else given)
            self._items.append(FunctionCall(call_id, name, arguments))
        output = CustomToolCallOutput if isinstance(given, str) else FunctionCallOutput
        if state == "output-available":
            told = part.get("output")
            self._outputs.append(output(call_id, told if isinstance(told, str) else _json(told)))
        elif state == "output-error":
            words = str(part.get("errorText") or "the tool failed")
            self._outputs.append(output(call_id, words, is_error=True))

    def _end_step(self) -> None:
        self._items += self._outputs
        self._outputs = []

    def items(self) -> list[Item]:
        self._end_step()
        return self._items


def _file(part: Mapping[str, Any], place: str) -> InputImage | InputFile:
    url, name = _text(part, "url", place), part.get("filename")
    if str(part.get("mediaType", "")).startswith("image/"):
        return InputImage(url)
    filename = name if isinstance(name, str) else None
    if url.startswith("data:"):
        return InputFile(filename, file_data=url)
    return InputFile(filename, file_url=url)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(place, "a list", value)
    return value


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object", value)
    return value


def _text(part: Mapping[str, Any], name: str, place: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise _wrong(f"{place}.{name}", "a string", value)
    return value


def _wrong(place: str, expected: str, value: Any) -> UsageError:
    return UsageError(f"{place}: expected {expected}, got {got(value, 60)}; pass useChat's messages")

"""A content in Gemini's words, `{"role", "parts": [...]}` -> items.

    takes    a dict, and its place in the input, such as `input[2]`
    returns  its items in order: messages, reasoning, calls, responses; None if it has no `parts`

Rules: `build` writes every part as it was. A part without a counterpart in items.py stays verbatim, with this
API as its origin. The role is user, model or system; a missing one is user, as the API reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ..._checks import got
from ...errors import UsageError
from ...items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    Origin,
    OutputImage,
    OutputText,
    Part,
    Reasoning,
    UnknownItem,
    UnknownPart,
)
from ...json_text import NotJSONError, loads
from ...state.opaque import with_origin
from .fields import SIGNATURE, camel, get

_ROLES = {"user": "user", "model": "assistant", "system": "system", "function": "user"}
_RESPONSE = ("id", "name", "response", "parts")
_DATA = ("text", "functionCall", "functionResponse", "inlineData")


def read_native(entry: Mapping[str, Any], place: str, origin: Origin) -> list[Item] | None:
    """Return the items of a content, or None. Raises `UsageError` for a bad part."""
    parts = entry.get("parts")
    if isinstance(parts, Mapping):  # the documentation's short form
        parts = [parts]
    if not isinstance(parts, list | tuple):
        return None
    given = entry.get("role") or "user"
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise UsageError(f"{place}.role: expected user, model or system, got {got(given, 40)}")
    reader = _Reader(role, origin)
    for number, part in enumerate(parts):
        where = f"{place}.parts[{number}]"
        part = {"text": part} if isinstance(part, str) else part  # as Google's packages accept it
        if not isinstance(part, Mapping):
            raise UsageError(f"{where}: expected a part, got {got(part, 80)}")
        reader.add({camel(k): v for k, v in part.items() if v is not None}, where)
    return reader.end()


class _Reader:
    """The items of one content so far, and the parts of the message that grows."""

    def __init__(self, role: str, origin: Origin) -> None:
        self._role = role
        self._origin = origin
        self._items: list[Item] = []
        self._parts: list[Part] = []

    def end(self) -> list[Item]:
        """Return all items."""
        if self._parts:
            message = Message(self._role, tuple(self._parts))
            has_fields = any(getattr(part, "extra", None) for part in self._parts)
            self._items.append(
                evolve(message, origin=self._origin) if has_fields else with_origin(message, self._origin)
            )
            self._parts = []
        return self._items

    def add(self, part: Mapping[str, Any], place: str) -> None:
        """Read one part, whose keys are in camelCase."""
        data = next((name for name in _DATA if name in part), None)
        rest = {k: v for k, v in part.items() if k != data and not (k == "thought" and v is False)}
        if data == "text" and isinstance(part["text"], str):
            self._add_text(part["text"], rest)
        elif data == "functionCall" and isinstance(part[data], Mapping):
            self._add_item(_call(part[data], rest, place, self._origin))
        elif data == "functionResponse" and isinstance(part[data], Mapping):
            self._add_item(_response(part[data], rest, place))
        elif data == "inlineData" and rest.get("thought") is True and self._role == "assistant":
            self._add_item(Reasoning(details=[dict(part)]))  # a draft picture
        elif data == "inlineData" and (media := _media(part[data], rest, self._role)) is not None:
            self._parts.append(media)
        elif self._role == "assistant":
            self._add_item(UnknownItem(dict(part), origin=self._origin))
        else:
            self._parts.append(UnknownPart(dict(part), origin=self._origin))

    def _add_item(self, item: Item) -> None:
        self.end()
        self._items.append(with_origin(item, self._origin))

    def _add_text(self, text: str, rest: dict[str, Any]) -> None:
        if self._role != "assistant":
            self._parts.append(InputText(text, extra=rest))
        elif rest.get("thought") is True:
            self._add_item(Reasoning(summary=[text] if text else [], details=[rest]))
        else:
            self._parts.append(OutputText(text, extra=rest))


def _call(call: Mapping[str, Any], rest: Mapping[str, Any], place: str, origin: Origin) -> Item:
    name, args = call.get("name"), call.get("args")
    if not isinstance(name, str):
        raise UsageError(f"{place}.functionCall.name: expected a string, got {got(name, 60)}")
    arguments = "" if args is None else json.dumps(args, ensure_ascii=False)
    signature = rest.get(SIGNATURE)
    extra = {k: v for k, v in rest.items() if k != SIGNATURE}
    inside = {camel(k): v for k, v in call.items() if k not in ("id", "name", "args") and v is not None}
    if inside:
        extra["functionCall"] = inside
    return FunctionCall(
        _id(call), name, arguments, extra=extra, origin=None if arguments else origin,
        signature=signature if isinstance(signature, str) else None,
    )  # fmt: skip


def _response(response: Mapping[str, Any], rest: Mapping[str, Any], place: str) -> Item:
    value = response.get("response")
    text, is_error = _text_of({} if value is None else value)
    parts = get(response, "parts")
    if not isinstance(parts, list | tuple | None):
        raise UsageError(f"{place}.functionResponse.parts: expected a list, got {got(parts, 60)}")
    files = [each for each in parts or () if isinstance(each, Mapping)]
    media = [_media(get(each, "inlineData"), {}, "user") or UnknownPart(dict(each)) for each in files]
    output: str | tuple[Part, ...] = (InputText(text), *media) if media else text
    inside = {camel(k): v for k, v in response.items() if k not in _RESPONSE and v is not None}
    return FunctionCallOutput(_id(response), output, is_error=is_error, extra={**rest, **inside})


def _text_of(value: Any) -> tuple[str, bool]:
    """Return the text of a response, and whether it is an error; `build` makes the same object of it."""
    for name in ("output", "error"):
        text = value.get(name) if isinstance(value, Mapping) and value.keys() == {name} else None
        if isinstance(text, str) and (name == "error" or not _is_object(text)):
            return text, name == "error"
    return json.dumps(value, ensure_ascii=False), False


def _is_object(text: str) -> bool:
    try:
        return isinstance(loads(text), dict)
    except NotJSONError:
        return False


def _id(source: Mapping[str, Any]) -> str | None:
    value = source.get("id")
    return value if isinstance(value, str) and value else None


def _media(inline: Any, rest: dict[str, Any], role: str) -> Part | None:
    """Return the picture, sound or file in `inlineData`; None for one with fields of its own."""
    if not isinstance(inline, Mapping):
        return None
    fields = {camel(name): value for name, value in inline.items() if value is not None}
    media_type, data = fields.get("mimeType"), fields.get("data")
    if fields.keys() != {"mimeType", "data"} or not isinstance(media_type, str) or not isinstance(data, str):
        return None
    url = f"data:{media_type};base64,{data}"
    if role == "assistant":
        return OutputImage(url, extra=rest) if media_type.startswith("image/") else None
    if media_type.startswith("image/"):
        return InputImage(url, extra=rest)
    if media_type.startswith("audio/"):
        return InputAudio(data, media_type.removeprefix("audio/"), extra=rest)
    return InputFile(file_data=url, extra=rest)

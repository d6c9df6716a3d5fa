"""A message in the words of the Messages API, `{"role", "content": [blocks]}` -> items.

    takes    a dict, and its place in the input, such as `input[2]`
    returns  its items in order: messages, reasoning, calls, outputs; None if it has no block of this API

Rules: `build` writes every block as it was. A block without a counterpart in items.py stays verbatim, with
this API as its origin. A message with nothing but text is read as a chat message.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve

from ..._checks import got
from ...errors import UsageError
from ...items import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    Origin,
    OutputText,
    Part,
    Reasoning,
    UnknownItem,
    UnknownPart,
)
from ...state.opaque import with_origin

# The blocks that no other API's messages have; an image or document counts if it has a source.
_OWN = frozenset(
    ("tool_use", "tool_result", "thinking", "redacted_thinking", "search_result", "container_upload")
)
_OWN_ENDS = ("_tool_use", "_tool_result")


def read_native(entry: Mapping[str, Any], place: str, origin: Origin) -> list[Item] | None:
    """Return the items of a message with blocks of this API, or None. Raises `UsageError` for a bad block."""
    role, content = entry.get("role"), entry.get("content")
    if role not in ("user", "assistant", "system") or not isinstance(content, list | tuple):
        return None
    if not any(map(_is_own, content)):
        return None
    rest = {name: value for name, value in entry.items() if name not in ("role", "content")}
    items: list[Item] = []
    parts: list[Part] = []

    def end_message() -> None:
        if parts:
            items.append(_message(role, parts, rest, origin))
            parts.clear()
            rest.clear()

    for number, block in enumerate(content):
        where = f"{place}.content[{number}]"
        block = {"type": "text", "text": block} if isinstance(block, str) else block
        if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
            raise UsageError(f"{where}: expected a block with a type, got {got(block, 80)}")
        reader = _ITEMS.get(block["type"])
        if reader is not None:
            end_message()
            items.append(with_origin(reader(block, where, origin), origin))
        elif role == "assistant" and block["type"] != "text":
            end_message()
            items.append(UnknownItem(dict(block), origin=origin))
        else:
            parts.append(_part(block, role, where, origin))
    end_message()
    return items


def _message(role: str, parts: Iterable[Part], rest: Mapping[str, Any], origin: Origin) -> Item:
    """Return a message; fields without an attribute give it its origin, so that they go back."""
    message = Message(role, tuple(parts), extra=rest)
    has_fields = rest or any(getattr(part, "extra", None) for part in message.content)
    return evolve(message, origin=origin) if has_fields else with_origin(message, origin)


def _is_own(block: Any) -> bool:
    if not isinstance(block, Mapping):
        return False
    kind = block.get("type")
    if kind in ("image", "document"):
        return isinstance(block.get("source"), Mapping)
    if kind == "text":
        return bool(block.get("citations"))
    return isinstance(kind, str) and (kind in _OWN or kind.endswith(_OWN_ENDS))


# -- blocks that are items of their own ---------------------------------------------------


def _call(block: Mapping[str, Any], place: str, origin: Origin) -> Item:
    value = block.get("input")
    arguments = json.dumps({} if value is None else value, ensure_ascii=False)
    return FunctionCall(
        _text_in(block, "id", place), _text_in(block, "name", place), arguments,
        extra=_rest(block, "id", "name", "input"),
    )  # fmt: skip


def _output(block: Mapping[str, Any], place: str, origin: Origin) -> Item:
    content = block.get("content")
    output: str | tuple[Part, ...]
    if content is None or isinstance(content, str):
        output = content or ""
    elif isinstance(content, list | tuple):
        blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in content]
        for wrong in (each for each in blocks if not isinstance(each, Mapping)):
            raise UsageError(f"{place}.content: expected blocks, got {got(wrong, 80)}")
        output = tuple(_part(each, "user", f"{place}.content[{n}]", origin) for n, each in enumerate(blocks))
    else:
        raise UsageError(f"{place}.content: expected a string or a list of blocks, got {got(content, 80)}")
    extra = _rest(block, "tool_use_id", "content", "is_error")
    call_id = _text_in(block, "tool_use_id", place)
    return FunctionCallOutput(call_id, output, extra=extra, is_error=bool(block.get("is_error")))


def _thinking(block: Mapping[str, Any], place: str, origin: Origin) -> Item:
    text = block.get("thinking")
    content = [text] if isinstance(text, str) and text else []
    signed = bool(block.get("signature"))
    return Reasoning(content=content, details=[dict(block)] if signed else ())


def _redacted(block: Mapping[str, Any], place: str, origin: Origin) -> Item:
    return Reasoning(details=[dict(block)])


_ITEMS: Mapping[str, Callable[[Mapping[str, Any], str, Origin], Item]] = {
    "tool_use": _call,
    "tool_result": _output,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}


# -- blocks that are parts of a message ---------------------------------------------------


def _part(block: Mapping[str, Any], role: str, place: str, origin: Origin) -> Part:
    match block.get("type"):
        case "text":
            return _text(block, role, place)
        case "image":
            return _image(block) or UnknownPart(dict(block), origin=origin)
        case "document":
            return _document(block) or UnknownPart(dict(block), origin=origin)
        case _:
            return UnknownPart(dict(block), origin=origin)


def _text(block: Mapping[str, Any], role: str, place: str) -> Part:
    text = _text_in(block, "text", place)
    if role != "assistant":
        return InputText(text, extra=_rest(block, "text"))
    return OutputText(text, block.get("citations") or (), extra=_rest(block, "text", "citations"))


def _image(block: Mapping[str, Any]) -> Part | None:
    url, file_id = _address(block["source"]) if isinstance(block.get("source"), Mapping) else (None, None)
    if url is None and file_id is None:
        return None
    return InputImage(url, file_id=file_id, extra=_rest(block, "source"))


def _document(block: Mapping[str, Any]) -> Part | None:
    source = block.get("source")
    if not isinstance(source, Mapping):
        return None
    facts: dict[str, Any] = {"extra": _rest(block, "source", "title")}
    if isinstance(block.get("title"), str):
        facts["filename"] = block["title"]
    if source.get("type") == "text" and isinstance(source.get("data"), str):
        return InputFile(file_data=_data_url("text/plain", source["data"]), **facts)
    url, file_id = _address(source)
    if url is None and file_id is None:
        return None
    is_data = url is not None and url.startswith("data:")
    return InputFile(
        file_data=url if is_data else None, file_url=None if is_data else url, file_id=file_id, **facts
    )


def _data_url(media_type: str, text: str) -> str:
    return f"data:{media_type};base64,{b64encode(text.encode(errors='replace')).decode()}"


def _address(source: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the URL or data URL of a source, and the id of a file; two Nones for any other source."""
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return f"data:{media_type};base64,{data}", None
        case {"type": "url", "url": str(url)}:
            return url, None
        case {"type": "file", "file_id": str(file_id)}:
            return None, file_id
    return None, None


def _rest(block: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """Return the fields of *block* that have no attribute; null says nothing."""
    return {k: v for k, v in block.items() if k != "type" and k not in known and v is not None}


def _text_in(block: Mapping[str, Any], name: str, place: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{place}.{name}: expected a string, got {got(value, 60)}")
    return value

"""What a caller passes as a conversation -> a tuple of items.

A string is a message by the user; a dict is a chat message, an item of the Responses API, or what
`codec.to_jsonable` wrote. One assistant message with reasoning, text and calls becomes one item each.

Rule: what the caller wrote is not guessed at: a dict that is none of these, or whose field has another
type, is a `UsageError` that names its place, as in `input[2].content[0]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from attrs import fields_dict

from ..errors import UsageError
from ..items import (
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
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
)

T = TypeVar("T")
_ITEMS = get_args(Item)
_PARTS = get_args(Part)
_ITEM_CLASSES: Mapping[str, Any] = {cls.type: cls for cls in _ITEMS}
_PART_CLASSES: Mapping[str, Any] = {cls.type: cls for cls in _PARTS}
_REASONING = ("reasoning_content", "reasoning")  # the same text, in two spellings


def as_items(value: Any) -> tuple[Item, ...]:
    """Items from a string, an item, a dict, or a list of any of these; raises `UsageError`."""
    if isinstance(value, (str, Mapping, *_ITEMS)):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise UsageError(f"input takes a string or a list of items, got {value!r}")
    items: list[Item] = []
    for position, entry in enumerate(value):
        where = f"input[{position}]"
        if isinstance(entry, _ITEMS):
            items.append(entry)
        elif isinstance(entry, str):
            items.append(Message("user", entry))
        elif isinstance(entry, Mapping):
            items += _from_dict(entry, where)
        else:
            raise UsageError(f"{where} is a {type(entry).__name__}; an item, a string or a dict was expected")
    return tuple(items)


def _from_dict(entry: Mapping[str, Any], where: str) -> list[Item]:
    kind = entry.get("type")
    if kind in (None, "message") and "role" in entry:
        return _chat_message(entry, where)
    if not isinstance(kind, str):
        raise UsageError(f"{where} has neither a role nor a type: {_shown(entry)}")
    cls = _ITEM_CLASSES.get(kind)
    if cls is None:
        return [UnknownItem(entry)]
    return [_build(cls, _fields(cls, entry, where), where)]


def _build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """An object of *cls*; what its validators say becomes a `UsageError` with the place."""
    try:
        return cls(**values)
    except (TypeError, ValueError) as exc:
        raise UsageError(f"{where}: {exc.args[0] if exc.args else exc}") from exc


def _fields(cls: Any, entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of *cls* in *entry*; those it does not know go to `extra`."""
    known = fields_dict(cls)
    values = {k: v for k, v in entry.items() if k in known and v is not None}
    if cls is UnknownItem or cls is UnknownPart:
        return values if "payload" in values else {"payload": entry}
    rest = {k: v for k, v in entry.items() if k not in known and k != "type"}
    if rest:
        values["extra"] = {**_object(values.get("extra", {}), f"{where}.extra"), **rest}
    if cls is Reasoning:
        for name in ("summary", "content"):
            if name in values:
                values[name] = _texts(values[name], f"{where}.{name}")
    output = values.get("output")
    if output is not None and not isinstance(output, str):
        values["output"] = _parts(output, "user", f"{where}.output")
    return values


def _texts(value: Any, where: str) -> list[str]:
    """The strings of a list of strings, or of `{type, text}` objects."""
    if isinstance(value, str):
        return [value]
    entries = _list(value, where)
    texts: list[Any] = [each.get("text") if isinstance(each, Mapping) else each for each in entries]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where}: a list of texts was expected, got {_shown(value)}")
    return texts


# -- chat messages ------------------------------------------------------------------------


def _chat_message(entry: Mapping[str, Any], where: str) -> list[Item]:
    role = entry["role"]
    if role in ("tool", "function"):
        content = entry.get("content")
        output = content if isinstance(content, str) else _parts(content or (), "user", f"{where}.content")
        values = {"call_id": entry.get("tool_call_id"), "output": output}
        return [_build(FunctionCallOutput, values, where)]
    if role == "assistant":
        return _assistant(entry, where)
    return [_message(entry, where, {})]


def _message(entry: Mapping[str, Any], where: str, extra_parts: Mapping[str, Part]) -> Any:
    """The message itself, without what else a chat message carries."""
    role, content = entry["role"], entry.get("content")
    parts = _parts([] if content is None else content, role, f"{where}.content")
    parts += extra_parts.values()
    values = _fields(Message, {k: v for k, v in entry.items() if k != "content"}, where)
    return _build(Message, {**values, "content": parts}, where)


def _assistant(entry: Mapping[str, Any], where: str) -> list[Item]:
    """Reasoning, message and calls, in this order; only what is there."""
    rest = dict(entry)
    details = _list(rest.pop("reasoning_details", None) or [], f"{where}.reasoning_details")
    thoughts = [rest.pop(name, None) for name in _REASONING]
    calls = [*_list(rest.pop("tool_calls", None) or [], f"{where}.tool_calls")]
    legacy = rest.pop("function_call", None)
    if legacy:
        calls.append({"type": "function", "function": legacy})
    others: dict[str, Part] = {}
    refusal, audio = rest.pop("refusal", None), rest.pop("audio", None)
    if refusal:
        others["refusal"] = _build(Refusal, {"refusal": refusal}, f"{where}.refusal")
    if audio:
        place = f"{where}.audio"
        others["audio"] = _build(OutputAudio, _fields(OutputAudio, _object(audio, place), place), place)
    items: list[Item] = []
    text = next((thought for thought in thoughts if thought), None)
    if text or details:
        values = {"content": [text] if text else [], "details": details}
        items.append(_build(Reasoning, values, f"{where}.reasoning"))
    message = _message(rest, where, others)
    if message.content or not (items or calls):
        items.append(message)
    items += [_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)]
    return items


def _call(call: Any, where: str) -> Item:
    call = _object(call, where)
    kind = call.get("type") or "function"
    extra = {k: v for k, v in call.items() if k not in ("id", "type", "index", kind)}
    if kind == LocalShellCall.type:
        return _build(
            LocalShellCall, {"call_id": call.get("id"), **_fields(LocalShellCall, extra, where)}, where
        )
    inner = call.get(kind) if isinstance(kind, str) else None
    if kind not in ("function", "custom") or not isinstance(inner, Mapping):
        raise UsageError(f"{where}: a function or custom call was expected, got {_shown(call)}")
    values = {"call_id": call.get("id"), "name": inner.get("name"), "extra": extra}
    if kind == "custom":
        return _build(CustomToolCall, {**values, "input": inner.get("input", "")}, where)
    arguments = inner.get("arguments")
    if isinstance(arguments, Mapping):  # as some gateways and libraries have it
        arguments = json.dumps(arguments, ensure_ascii=False)
    return _build(FunctionCall, {**values, "arguments": arguments or ""}, where)


# -- parts --------------------------------------------------------------------------------


def _parts(content: Any, role: str, where: str) -> list[Any]:
    if isinstance(content, (str, Mapping, *_PARTS)):
        content = [content]
    if not isinstance(content, Iterable):
        raise UsageError(f"{where}: a string or a list of parts was expected, got {_shown(content)}")
    return [_part(part, role, f"{where}[{n}]") for n, part in enumerate(content)]


def _part(part: Any, role: str, where: str) -> Any:
    text = OutputText if role == "assistant" else InputText
    if isinstance(part, _PARTS):
        return part
    if isinstance(part, str):
        return text(part)
    if not isinstance(part, Mapping):
        raise UsageError(f"{where}: a part was expected, got {_shown(part)}")
    kind = part.get("type")
    if not isinstance(kind, str):
        raise UsageError(f"{where} has no type: {_shown(part)}")
    if kind == "text":
        return _build(text, _fields(text, part, where), where)
    nested = _NESTED.get(kind)
    if nested is not None:
        cls, only = nested
        inner = part.get(kind)
        inner = inner if isinstance(inner, Mapping) else {only: inner}
        flat = {k: v for k, v in part.items() if k not in ("type", kind)}
        flat |= {(only if k == "url" else k): v for k, v in inner.items()}
        return _build(cls, _fields(cls, flat, where), where)
    cls = _PART_CLASSES.get(kind)
    return UnknownPart(part) if cls is None else _build(cls, _fields(cls, part, where), where)


# Chat nests what a part holds under the part's own type: the class, and its field for a lone string.
_NESTED: Mapping[str, tuple[Any, str]] = {
    "image_url": (InputImage, "image_url"),
    "input_audio": (InputAudio, "data"),
    "file": (InputFile, "file_data"),
}


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: an object was expected, got {_shown(value)}")
    return value


def _list(value: Any, where: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where}: a list was expected, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

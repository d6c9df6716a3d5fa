"""The input of a request, in any of its forms -> a tuple of items.

A string is a user's message. A dict is a chat message, an item of the Responses API, a message in the words
of another API (see `Wire.read_native`), or the output of `codec.to_jsonable`. So is an object of an SDK (see
objects.py). A chat message of the assistant becomes several items: reasoning, message, calls.

Rules: no form is guessed. A dict in an unknown form, or with a field of the wrong type, is a `UsageError`
that names its place, such as `input[2].content[0]`. A field without an attribute goes to `extra`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

from attrs import fields_dict

from .._checks import got
from ..errors import UsageError
from ..items import (
    REASONING_FIELDS,
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
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
    UnknownPart,
)
from ..wires import read_native
from .objects import as_data

T = TypeVar("T")
_ITEMS = get_args(Item)
_PARTS = get_args(Part)
_ITEM_CLASSES: Mapping[str, Any] = {cls.type: cls for cls in _ITEMS}
_PART_CLASSES: Mapping[str, Any] = {cls.type: cls for cls in _PARTS}


def as_items(value: Any, name: str = "input") -> tuple[Item, ...]:
    """Return the items of a string, an item, a dict, or an iterable of these.

    Raises `UsageError` with the *name* of the argument and the place in it.
    """
    if isinstance(value, (str, Mapping, *_ITEMS)) or hasattr(value, "model_dump"):
        value = [value]
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise _wrong(name, "a string, an item, a dict or a list of these", value)
    items: list[Item] = []
    for position, entry in enumerate(value):
        place = f"{name}[{position}]"
        if isinstance(entry, _ITEMS):
            items.append(entry)
        elif isinstance(entry, str):
            items.append(Message("user", entry))
        elif isinstance(data := as_data(entry, place), Mapping):
            items += _from_dict(data, place)
        else:
            raise _wrong(place, "a string, an item or a dict", entry)
    return tuple(items)


def _from_dict(entry: Mapping[str, Any], place: str) -> list[Item]:
    kind = entry.get("type")
    if kind in (None, "message") and ("role" in entry or "parts" in entry):
        native = None if _is_plain(entry.get("content", entry)) else read_native(entry, place)
        if native is not None:
            return native
        if "role" in entry:
            return _chat_message(entry, place)
    if not isinstance(kind, str):
        raise _wrong(place, "a dict with a role or a type", entry)
    cls = _ITEM_CLASSES.get(kind)
    if cls is None:
        return [UnknownItem(entry)]
    return [_build(cls, _fields(cls, entry, place), place)]


def _is_plain(content: Any) -> bool:
    """Return True if *content* is text, parts of our own, or dicts that every API has: no API is asked."""
    if content is None or isinstance(content, (str, *_PARTS)):
        return True
    return isinstance(content, list | tuple) and all(
        isinstance(part, (str, *_PARTS)) or (isinstance(part, Mapping) and part.keys() == {"type", "text"})
        for part in content
    )


# -- fields -------------------------------------------------------------------------------


def _fields(cls: Any, entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the values of *entry* for the attributes of *cls*; the other fields are in `extra`."""
    known = fields_dict(cls)
    values = {}
    for name, value in entry.items():
        if name in known and value is not None:
            read = _READERS.get(name)
            values[name] = read(value, f"{place}.{name}") if read else value
    if cls in (UnknownItem, UnknownPart):
        return values if "payload" in values else {"payload": entry}
    rest = _rest(entry, (*known, "type"))
    if rest:
        values["extra"] = {**values.get("extra", {}), **rest}
    return values


def _rest(entry: Mapping[str, Any], read: Iterable[str]) -> dict[str, Any]:
    """Return the fields of *entry* that aren't in *read*; null says nothing, and many servers refuse it."""
    return {name: value for name, value in entry.items() if name not in (*read,) and value is not None}


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object", value)
    return value


def _list(value: Any, place: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(place, "a list", value)
    return value


def _texts(value: Any, place: str) -> list[str]:
    """Return the strings in a string, a list of strings, or a list of `{type, text}` objects."""
    if isinstance(value, str):
        return [value]
    texts: list[Any] = [
        part.get("text") if isinstance(part, Mapping) else part for part in _list(value, place)
    ]
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise _wrong(f"{place}[{number}]", "a string or an object with a text", value[number])
    return texts


def _output(value: Any, place: str) -> str | list[Any]:
    return value if isinstance(value, str) else _parts(value, "user", place)


def _origin(value: Any, place: str) -> Origin:
    if isinstance(value, Origin):
        return value
    fields = _object(value, place)
    return _build(Origin, {name: fields.get(name) for name in ("wire", "provider")}, place)


# By attribute, for each one whose type attrs doesn't check by itself. `content` is that of reasoning.
_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "summary": _texts,
    "content": _texts,
    "details": _list,
    "annotations": _list,
    "logprobs": _list,
    "output": _output,
    "action": _object,
    "payload": _object,
    "extra": _object,
    "origin": _origin,
}


def _build(cls: type[T], values: Mapping[str, Any], place: str) -> T:
    """Return an object of *cls*. Raises `UsageError` with the place of the value that it refuses."""
    try:
        return cls(**values)
    except (TypeError, ValueError) as exc:
        text = str(exc)
        names_a_field = text.partition(":")[0] in fields_dict(cls)  # type: ignore[arg-type]
        raise UsageError(f"{place}{'.' if names_a_field else ': '}{text}") from exc


def _wrong(place: str, expected: str, value: Any) -> UsageError:
    return UsageError(f"{place}: expected {expected}, got {got(value)}")


# -- chat messages ------------------------------------------------------------------------


def _chat_message(entry: Mapping[str, Any], place: str) -> list[Item]:
    role = entry["role"]
    if role in ("tool", "function"):
        content = entry.get("content")
        output = [] if content is None else _output(content, f"{place}.content")
        values = {"call_id": entry.get("tool_call_id"), "output": output}
        if "is_error" in entry:
            values["is_error"] = entry["is_error"]
        known = ("role", "content", "tool_call_id", "is_error", "type", "name" if role == "function" else "")
        values["extra"] = _rest(entry, known)
        return [_build(FunctionCallOutput, values, place)]
    if role == "assistant":
        return _assistant(entry, place)
    return [_message(entry, place, [])]


def _message(entry: Mapping[str, Any], place: str, more: Iterable[Part]) -> Message:
    """Return the message itself, with the parts of its content and *more*."""
    role, content = entry["role"], entry.get("content")
    parts = _parts([] if content is None else content, role, f"{place}.content")
    values = _fields(Message, {k: v for k, v in entry.items() if k != "content"}, place)
    return _build(Message, {**values, "content": [*parts, *more]}, place)


def _assistant(entry: Mapping[str, Any], place: str) -> list[Item]:
    """Return the reasoning, the message and the calls that *entry* has, in this order."""
    rest = dict(entry)
    items: list[Item] = _take_reasoning(rest, place)
    calls = [
        _call(call, f"{place}.tool_calls[{n}]")
        for n, call in enumerate(_list(rest.pop("tool_calls", None) or [], f"{place}.tool_calls"))
    ]
    legacy = rest.pop("function_call", None)
    if legacy:
        calls.append(_call({"function": legacy}, f"{place}.function_call"))
    if not rest.get("annotations"):
        rest.pop("annotations", None)  # OpenAI's package writes an empty list
    message = _message(rest, place, _take_parts(rest, place))
    if message.content or not (items or calls):
        items.append(message)
    return [*items, *calls]


def _take_reasoning(rest: dict[str, Any], place: str) -> list[Item]:
    """Remove the fields with reasoning from *rest*, and return it as an item, if there is any."""
    details = _list(rest.pop("reasoning_details", None) or [], f"{place}.reasoning_details")
    texts: dict[str, str] = {}
    for name in REASONING_FIELDS:
        text = rest.pop(name, None) or ""
        if not isinstance(text, str):
            raise _wrong(f"{place}.{name}", "a string", text)
        if text:
            texts[name] = text
    if not texts:
        return [Reasoning(details=details)] if details else []
    name, text = next(iter(texts.items()))
    return [Reasoning(content=text, details=details, field_name=name)]


def _take_parts(rest: dict[str, Any], place: str) -> list[Part]:
    """Remove the refusal and the audio from *rest*, and return them as parts."""
    parts: list[Part] = []
    refusal, audio = rest.pop("refusal", None), rest.pop("audio", None)
    if refusal:
        parts.append(_build(Refusal, {"refusal": refusal}, place))
    if audio:
        fields = _fields(OutputAudio, _object(audio, f"{place}.audio"), f"{place}.audio")
        parts.append(_build(OutputAudio, fields, f"{place}.audio"))
    return parts


def _call(call: Any, place: str) -> Item:
    """Return the call of an entry of `tool_calls`."""
    call = _object(call, place)
    kind = call.get("type") or "function"
    call_id = {"call_id": call.get("id")}
    extra = _rest(call, ("id", "type", "index", kind))
    if kind == LocalShellCall.type:
        return _build(LocalShellCall, call_id | _fields(LocalShellCall, extra, place), place)
    inner = call.get(kind) if kind in ("function", "custom") else None
    if not isinstance(inner, Mapping):
        raise _wrong(place, "a function call or a custom call", call)
    values = {**call_id, "name": inner.get("name"), "extra": extra}
    if kind == "custom":
        return _build(CustomToolCall, {**values, "input": inner.get("input", "")}, place)
    rest = _rest(inner, ("name", "arguments"))
    if rest:
        values["extra"] = {**extra, kind: rest}
    arguments = inner.get("arguments")
    if isinstance(arguments, Mapping):  # some gateways and libraries parse them
        try:
            arguments = json.dumps(arguments, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as exc:
            raise UsageError(f"{place}.arguments: expected values that JSON can express: {exc}") from exc
    return _build(FunctionCall, {**values, "arguments": arguments or ""}, place)


# -- parts --------------------------------------------------------------------------------

# Chat nests the fields of a part under its type: the class, and the attribute for a string in their place.
_NESTED: Mapping[str, tuple[Any, str]] = {
    "image_url": (InputImage, "image_url"),
    "input_audio": (InputAudio, "data"),
    "file": (InputFile, "file_data"),
}


def _parts(content: Any, role: str, place: str) -> list[Any]:
    if isinstance(content, (str, Mapping, *_PARTS)):
        content = [content]
    if not isinstance(content, Iterable) or isinstance(content, bytes):
        raise _wrong(place, "a string or a list of parts", content)
    return [_part(part, role, f"{place}[{n}]") for n, part in enumerate(content)]


def _part(part: Any, role: str, place: str) -> Any:
    text = OutputText if role == "assistant" else InputText
    if isinstance(part, _PARTS):
        return part
    if isinstance(part, str):
        return text(part)
    if not isinstance(part, Mapping):
        raise _wrong(place, "a string, a part or a dict", part)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise _wrong(place, "a dict with a type", part)
    if kind in _NESTED:
        return _nested_part(part, kind, place)
    cls = text if kind == "text" else _PART_CLASSES.get(kind)
    return UnknownPart(part) if cls is None else _build(cls, _fields(cls, part, place), place)


def _nested_part(part: Mapping[str, Any], kind: str, place: str) -> Any:
    cls, attribute = _NESTED[kind]
    inner = part.get(kind)
    if kind == "input_audio" and isinstance(inner, str):
        return UnknownPart(part)  # Mistral's own form, without a format
    fields = {name: value for name, value in part.items() if name not in ("type", kind)}
    if isinstance(inner, Mapping):
        fields |= {(attribute if name == "url" else name): value for name, value in inner.items()}
    else:
        fields[attribute] = inner
    data = fields.get("file_data")
    if isinstance(data, str) and data.startswith(("https://", "http://")):  # OpenRouter's form
        fields["file_url"] = fields.pop("file_data")
    return _build(cls, _fields(cls, fields, place), place)

"""`tool_calls` and `function_call` of a delta or message -> `CallEntry`s: the facts in each entry.

Rules:
- The name and the arguments are in `function`, or in the entry itself. Arguments have several names, and are
  text, an object or a list. The first value that isn't empty counts, wherever it is. If `function` has none
  of these names, its one field that is an object counts: a call must not run without its arguments.
- `tool_calls` is a list; some gateways send one object, an object by index, or any of these as JSON text.
- Anything else in the place of an entry is reported as unread, so that no call gets lost silently.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from ...json_text import NotJSONError, loads
from ...state.deltas import Payload

LEGACY = "function_call"  # the place of the legacy field's call
_IDS = ("id", "call_id", "tool_call_id")
_NAMES = ("name", "tool_name")
# OpenAI, Cohere, Anthropic, LangChain; words of models that a gateway passes on.
_ARGUMENTS = ("arguments", "parameters", "input", "args", "kwargs", "params")
_NESTED = frozenset(("index", "type", "function", "custom", *_IDS))
_FLAT = _NESTED.union(_NAMES, _ARGUMENTS)
_BLANK: tuple[Any, ...] = (None, "", [], {})


class CallEntry(NamedTuple):
    """The facts in one entry of `tool_calls`; None for each that it lacks."""

    place: int | str | None  # its index
    call_id: str | None
    name: str | None
    arguments: Any
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    extra: Payload | None = None
    told_by: str = "tool_calls"  # the field with the arguments

    @property
    def is_blank(self) -> bool:
        """True if it has neither id, name nor arguments: a placeholder, or fields of the gateway's own."""
        return not (self.call_id or self.name or self.arguments)


def list_calls(source: Payload, parts: list[Payload], unread: list[Any]) -> list[CallEntry]:
    """Return the calls of a delta or message, by index; *parts* are those in its content.

    The legacy `function_call` is one of them if it is alone. Next to `tool_calls` it repeats an entry
    (llama-cpp-python), and only completes a lone one. Values that are no entry are added to *unread*.
    """
    entries = [_read_entry(each) for each in _objects(source.get("tool_calls"), unread)]
    entries += [_read_entry(each) for each in parts]
    if len(entries) > 1 and all(type(entry.place) is int for entry in entries):
        entries.sort(key=lambda entry: entry.place)  # type: ignore[arg-type, return-value]
    for legacy in _objects(source.get("function_call"), unread):
        repeat = _read_entry({"index": LEGACY, "function": legacy})._replace(told_by=LEGACY)
        if not entries:
            return [repeat]
        if len(entries) == 1 and entries[0].kind == "function_call":
            (entry,) = entries
            entry = entry._replace(name=entry.name or repeat.name)
            is_told = entry.arguments not in _BLANK or repeat.arguments in _BLANK
            return [entry if is_told else entry._replace(arguments=repeat.arguments, told_by=LEGACY)]
    return entries


def _objects(value: Any, unread: list[Any], *, is_text: bool = False) -> list[Payload]:
    """Return the objects that *value* lists, in whatever form."""
    if value in _BLANK:
        return []
    if type(value) is str and not is_text:
        try:
            value = loads(value)
        except NotJSONError:
            unread.append(value)
            return []
        return _objects(value, unread, is_text=True)
    if type(value) is dict:
        if value and all(type(each) is dict and _is_number(key) for key, each in value.items()):
            return [{"index": int(key), **each} for key, each in value.items()]
        return [value]  # TGI 2
    if type(value) is not list:
        unread.append(value)
        return []
    found: list[Payload] = []
    for each in value:
        if type(each) is dict:
            found.append(each)
        else:
            found += _objects(each, unread) if type(each) is str else []
            unread += [each] if type(each) is not str and each is not None else []
    return found


def _is_number(key: str) -> bool:
    return key.isdecimal() and len(key) < 20


def _read_entry(entry: Payload) -> CallEntry:
    place = entry.get("index")
    if type(place) is not int:
        place = _place(place)
    call_id = _first_text(entry, _IDS)
    function: Any = _decoded(entry.get("function"))
    custom: Any = entry.get("custom")
    is_flat = type(custom) is not dict and type(function) is not dict  # a few gateways leave the nesting out
    is_custom = _is_custom(entry)
    nested = custom if is_custom else function if type(function) is dict else {}
    arguments = _first_of(nested, ("input",) if is_custom else _ARGUMENTS)
    if arguments in _BLANK and not is_custom:
        outside = _first_of(entry, _ARGUMENTS)
        is_flat = is_flat or outside not in _BLANK
        arguments = outside if arguments is None or outside not in _BLANK else arguments
        arguments = _lone_object(nested) if arguments is None else arguments
    extra, known = None, _FLAT if is_flat else _NESTED
    if not entry.keys() <= known:
        extra = {key: value for key, value in entry.items() if key not in known and value is not None}
    name = _first_text(nested, _NAMES) or _first_text(entry, _NAMES)
    if name is None and type(function) is str:
        name = function or None
    kind: Literal["function_call", "custom_tool_call"] = "custom_tool_call" if is_custom else "function_call"
    return CallEntry(place, call_id, _without_tokens(name), arguments, kind, extra or None)


def _first_of(source: Payload, names: tuple[str, ...]) -> Any:
    """Return the first value under one of *names* that isn't empty, else the first one; None without any."""
    values = [source[name] for name in names if name in source]
    return next((value for value in values if value not in _BLANK), next(iter(values), None))


def _decoded(function: Any) -> Any:
    """Return the object that *function* is as JSON text; any other value, such as a name, unchanged."""
    if type(function) is not str or not function.lstrip().startswith("{"):
        return function
    try:
        return loads(function)
    except NotJSONError:
        return function


def _lone_object(function: Payload) -> Any:
    """Return the only object in *function*, or JSON text of one; None if it has none, or several."""
    values = [value for value in function.values() if type(_decoded(value)) is dict and value]
    return values[0] if len(values) == 1 else None


def _is_custom(entry: Payload) -> bool:
    """Return True if `custom` has the call's content. Some gateways add an empty one next to `function`."""
    function, custom = entry.get("function"), entry.get("custom")
    if type(custom) is not dict or type(function) is not dict:
        return type(custom) is dict
    if any(custom.values()) != any(function.values()):
        return any(custom.values())
    return entry.get("type") == "custom"


def _without_tokens(name: str | None) -> str | None:
    """Return the name without the model's control tokens (gpt-oss: `ls<|channel|>json`)."""
    return name and (name.partition("<|")[0] or name)


def _place(value: Any) -> int | str | None:
    if type(value) is not str:
        return None
    return int(value) if _is_number(value.removeprefix("-")) else value


def _first_text(source: Payload, names: tuple[str, ...]) -> str | None:
    texts = (source.get(name) for name in names)
    return next((text for text in texts if type(text) is str and text), None)


def argument_text(value: Any) -> str:
    """Return arguments as text; objects, which Ollama and others send, become JSON."""
    if value is None or type(value) is str:
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

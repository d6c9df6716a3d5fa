"""One object that describes a call -> a `CallEntry`: the facts in it, under whatever names.

Rules:
- The name and the arguments are in `function`, or in the entry itself. Names of fields are compared without
  case and underscores. The first known name whose value isn't empty counts, wherever it is.
- Arguments under other names count if they are an object, or begin one: under a name like `tool_input`
  anywhere; under any name in `function`, if the server sends none of the known names. Such a name is learned,
  because the pieces that follow have it, and don't begin an object.
- Fields that may be arguments and can't be read as such are `unread`: if no others arrive, the call isn't
  complete. `arguments: {}` says that there are none, `arguments: ""` doesn't.
"""

from __future__ import annotations

import json
import re
from types import NoneType
from typing import Any, Literal, NamedTuple

from ...json_text import NotJSONError, loads
from ...state.deltas import Payload
from ..fields import ARGUMENTS, folded

BLANK: tuple[Any, ...] = (None, "", [], {})
_INDEXES = ("index", "toolindex", "toolcallindex")
_IDS = ("callid", "toolcallid", "tooluseid", "id")
_NAMES = ("name", "toolname", "functionname")
_NESTED = frozenset(("index", "type", "function", "custom", *_IDS))
_FLAT = _NESTED.union(_NAMES, ARGUMENTS)
_USUAL = frozenset(("index", "id", "type", "function"))
_USUAL_FUNCTION = frozenset(("name", "arguments"))
_LIKE_ARGUMENTS = "arg|param|input|json"  # compiled at the first odd field
_METADATA = "extra|meta|provider|signature|schema|annotation|descri|definition|config|option|caller|cache"


class CallEntry(NamedTuple):
    """The facts in one entry of `tool_calls`; None for each that it lacks."""

    place: int | str | None  # its index
    call_id: str | None
    name: str | None
    arguments: Any
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    extra: Payload | None = None
    told_by: str = "tool_calls"  # the field with the arguments
    unread: Payload | None = None  # fields that may be arguments, if it has no others

    @property
    def is_blank(self) -> bool:
        """True if it has neither id, name nor arguments: a placeholder, or fields of the gateway's own."""
        return not (self.call_id or self.name or self.arguments)


def read_entry(entry: Payload, learned: set[str]) -> CallEntry:
    """Return the facts of one call, of which *entry* may be a piece.

    *learned*: the names of arguments that this stream has, beyond the known ones. It grows.
    """
    return usual_entry(entry) or odd_entry(entry, learned)


def usual_entry(entry: Payload) -> CallEntry | None:
    """Return the facts of an entry in OpenAI's form; None if unsure. The fast path of `odd_entry`."""
    function, index, call_id = entry.get("function"), entry.get("index"), entry.get("id")
    if type(function) is not dict or not (entry.keys() <= _USUAL and function.keys() <= _USUAL_FUNCTION):
        return None
    name, arguments = function.get("name"), function.get("arguments")
    texts = (call_id, name, arguments)
    if type(index) not in (int, NoneType) or any(type(text) not in (str, NoneType) for text in texts):
        return None
    return CallEntry(index, call_id or None, _clean(name), arguments)


def odd_entry(entry: Payload, learned: set[str]) -> CallEntry:
    """Return the facts of an entry in any form."""
    entry = _unwrapped(entry)
    fields = _by_name(entry)
    function, custom = decoded(fields.get("function")), fields.get("custom")
    is_custom = _is_custom(fields.get("type"), function, custom)
    own: Any = custom if is_custom else function
    nested = _by_name(_inner(own) if type(own) is dict else {})
    found = _custom_input(nested) if is_custom else _find_arguments(nested, fields, learned)
    # A few gateways leave the nesting out.
    is_flat = type(custom) is not dict and type(function) is not dict
    known = _FLAT if is_flat or found.is_outside else _NESTED
    known = known.union((found.name or "",))
    extra = {key: value for key, value in entry.items() if value is not None and folded(key) not in known}
    name = _first_text(nested, _NAMES) or _first_text(fields, _NAMES)
    unread = found.unread
    if type(function) is str and not function.lstrip().startswith(("{", "[")):
        name = name or function
    elif type(function) is not dict and function not in BLANK and found.value in BLANK:
        unread = {"function": function, **unread}
    return CallEntry(
        _place(next((fields[name] for name in _INDEXES if name in fields), None)),
        _id_in(fields) or _id_in(nested),
        _clean(name),
        found.value,
        "custom_tool_call" if is_custom else "function_call",
        extra or None,
        unread=unread or None,
    )


def decoded(value: Any) -> Any:
    """Return the object or list that *value* is as JSON text; any other value, such as a name, unchanged."""
    if type(value) is not str or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return loads(value)
    except NotJSONError:
        return value


def argument_text(value: Any) -> str:
    """Return arguments as text; objects, which Ollama and others send, become JSON."""
    if value is None or type(value) is str:
        return value or ""
    if type(value) is list and all(type(each) is str for each in value):
        return "".join(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# -- arguments ----------------------------------------------------------------------------


class _Found(NamedTuple):
    """The arguments of an entry."""

    value: Any
    name: str | None = None  # of the field, if it isn't a known one
    is_outside: bool = False  # of `function`
    unread: Payload = {}  # noqa: RUF012  # never changed


def _find_arguments(function: Payload, entry: Payload, learned: set[str]) -> _Found:
    """Return the arguments in `function`, or in the entry around it, by the rules of this module."""
    named = [
        (source[name], source is entry)
        for source in (function, entry)
        for name in ARGUMENTS
        if name in source
    ]
    for value, is_outside in named:
        if value not in BLANK and not _is_schema(value):
            return _Found(value, None, is_outside)
    others = {
        name: value
        for source in ((function, entry) if function else (entry,))
        for name, value in source.items()
        if name not in _FLAT and value not in BLANK and not re.search(_METADATA, name)
    }
    for name in learned.intersection(others):
        return _Found(others[name], name)
    values = [value for value, _ in named if value is not None and not _is_schema(value)]  # all are empty
    inside = {name: value for name, value in others.items() if name in function or not function}
    candidates = [
        name for name in others if re.search(_LIKE_ARGUMENTS, name) and _begins_object(others[name])
    ]
    if not candidates and not values and (function or entry.keys() & _NAMES):
        candidates = [name for name in inside if _begins_object(inside[name])]
    if candidates and all(_are_equal(others[candidates[0]], others[name]) for name in candidates[1:]):
        learned.add(candidates[0])
        return _Found(others[candidates[0]], candidates[0])
    if values and values[0] != "":  # {} is a statement, "" a placeholder
        return _Found(values[0])
    unread = {
        name: value
        for name, value in inside.items()
        if type(value) in (dict, list) or (type(value) is str and _may_be_arguments(name, value))
    }
    unread |= {name: function[name] for name in ARGUMENTS if not values and _is_schema(function.get(name))}
    return _Found(next(iter(values), None), unread=unread)


def _may_be_arguments(name: str, text: str) -> bool:
    return bool(re.search(_LIKE_ARGUMENTS, name)) or _begins_object(text)


def _custom_input(custom: Payload) -> _Found:
    """Return the free text of a custom call: under a known name, else the only other text."""
    named = [custom[name] for name in ("input", "arguments", "args") if name in custom]
    filled = next((value for value in named if value not in BLANK), None)
    if filled is not None:
        return _Found(filled)
    others = {
        name: value
        for name, value in custom.items()
        if type(value) in (str, dict, list) and value and name not in _FLAT and not re.search(_METADATA, name)
    }
    texts = [value for value in others.values() if type(value) is str]
    if len(texts) == 1 and not named:
        return _Found(texts[0])
    return _Found(named[0] if named else None, unread=others)


def _begins_object(value: Any) -> bool:
    return (type(value) is dict and not _is_schema(value)) or (
        type(value) is str and value.lstrip().startswith("{")
    )


def _is_schema(value: Any) -> bool:
    """Return True if *value* describes the arguments: some gateways repeat the tool's definition."""
    return type(value) is dict and value.get("type") == "object" and type(value.get("properties")) is dict


def _are_equal(one: Any, other: Any) -> bool:
    return bool(decoded(one) == decoded(other))


# -- the objects around -------------------------------------------------------------------


def _unwrapped(entry: Payload) -> Payload:
    """Return an entry whose only object is the call, or its function, under another name, as one entry."""
    for _ in range(2):
        if not _by_name(entry).keys().isdisjoint((*_NAMES, *ARGUMENTS, "function", "custom")):
            break
        inner = {key: value for key, each in entry.items() if is_call(value := decoded(each))}
        if len(inner) != 1:
            break
        ((key, value),) = inner.items()
        entry = {name: each for name, each in entry.items() if name != key}
        is_entry = not _by_name(value).keys().isdisjoint(("function", "custom"))
        entry = {**entry, **value} if is_entry else {**entry, "function": value}
    return entry


def _inner(function: Payload) -> Payload:
    """Return the function in a function without a name."""
    if _by_name(function).keys().isdisjoint(_NAMES):
        inner = [value for each in function.values() if is_call(value := decoded(each))]
        return inner[0] if len(inner) == 1 and type(_by_name(inner[0]).get("name")) is str else function
    return function


def is_call(value: Any) -> bool:
    """Return True if *value* is an object with the name or the function of a call."""
    return type(value) is dict and not _by_name(value).keys().isdisjoint((*_NAMES, "function", "custom"))


def _is_custom(kind: Any, function: Any, custom: Any) -> bool:
    """Return True if `custom` has the call's content. Some gateways add an empty one next to `function`."""
    if type(custom) is not dict or type(function) is not dict:
        return type(custom) is dict
    if any(custom.values()) != any(function.values()):
        return any(custom.values())
    return bool(kind == "custom")


# -- names, ids, places -------------------------------------------------------------------


def _by_name(source: Payload) -> Payload:
    """Return the fields by name as `folded` spells it; of two with one name, the one that isn't empty."""
    fields: Payload = {}
    for key, value in source.items():
        name = folded(key)
        if fields.get(name) in BLANK:
            fields[name] = value
    return fields


def has_call_fields(value: Any) -> bool:
    """Return True if *value* is an object with a field that calls have."""
    return type(value) is dict and not _by_name(value).keys().isdisjoint(_FLAT)


def _clean(name: str | None) -> str | None:
    """Return the name without blanks, and the model's control tokens (gpt-oss: `ls<|channel|>json`)."""
    return ((name.partition("<|")[0] or name).strip() or None) if name else None


def is_number(key: str) -> bool:
    """Return True for the digits of an index."""
    return key.isdecimal() and len(key) < 20


def _place(value: Any) -> int | str | None:
    if type(value) in (int, bool):
        return int(value)
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < 1e15 else None
    if type(value) is not str:
        return None
    return int(value) if is_number(value.removeprefix("-")) else value


def _id_in(fields: Payload) -> str | None:
    """Return the id; a number as text, because a few gateways number their calls in `id`."""
    ids = {name: fields[name] for name in _IDS if name in fields}
    return _first_text({name: str(v) if type(v) is int else v for name, v in ids.items()}, _IDS)


def _first_text(source: Payload, names: tuple[str, ...]) -> str | None:
    return next((text for name in names if type(text := source.get(name)) is str and text), None)

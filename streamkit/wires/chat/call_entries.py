"""`tool_calls` and `function_call` of a delta or message -> `CallEntry`s, one for each call.

Rules:
- `tool_calls` is a list; some gateways send one object, an object by index, lists in it, or any of these as
  JSON text. `function` may be a list of objects, too: together they are one function, unless several have
  names.
- Anything else in the place of an entry is reported as unread, so that no call gets lost silently.
"""

from __future__ import annotations

from typing import Any

from ...json_text import NotJSONError, loads
from ...state.deltas import Payload
from .call_fields import BLANK, CallEntry, decoded, has_call_fields, is_call, is_number, read_entry

LEGACY = "function_call"  # the place of the legacy field's call
MAX_NESTING = 4  # of lists, and of texts in texts
_LISTS = (
    *("tool_calls", "toolCalls", "ToolCalls", "tool-calls", "tool_call", "toolCall"),
    *("function_calls", "functionCalls", "tool_uses", "tool_use", "toolUse"),
)
_LEGACIES = ("function_call", "functionCall", "FunctionCall")
CALL_FIELDS = frozenset((*_LISTS, *_LEGACIES))


def list_calls(
    source: Payload, parts: list[Payload], unread: list[Any], learned: set[str]
) -> list[CallEntry]:
    """Return the calls of a delta or message, by index; *parts* are those in its content.

    The legacy `function_call`, or each in a list of them, is one of them if it is alone. Next to `tool_calls`
    it repeats an entry (llama-cpp-python), and only completes a lone one. Values that are no entry are added
    to *unread*, and so are objects about a tool of the server's own (Zhipu: `type: web_search`).
    *learned* has the names of arguments that this stream uses; see `read_entry`.
    """
    if not parts and CALL_FIELDS.isdisjoint(source):
        return []
    listed = _objects(_called(source, _LISTS), unread)
    unread += [entry for entry in listed if _is_hosted(entry)]
    listed = [entry for entry in listed if not _is_hosted(entry)]
    entries = [read_entry(each, learned) for entry in (*listed, *parts) for each in _split(entry)]
    if len(entries) > 1 and all(type(entry.place) is int for entry in entries):
        entries.sort(key=lambda entry: entry.place)  # type: ignore[arg-type, return-value]
    legacies = _objects(_called(source, _LEGACIES), unread)
    if not entries and len(legacies) > 1:
        return [
            read_entry({"index": place, "function": each}, learned) for place, each in enumerate(legacies)
        ]
    for legacy in legacies[:1]:
        repeat = read_entry({"index": LEGACY, "function": legacy}, learned)._replace(told_by=LEGACY)
        if not entries:
            return [repeat]
        if len(entries) == 1 and entries[0].kind == "function_call":
            (entry,) = entries
            entry = entry._replace(name=entry.name or repeat.name)
            is_told = entry.arguments not in BLANK or repeat.arguments in BLANK
            return [entry if is_told else entry._replace(arguments=repeat.arguments, told_by=LEGACY)]
    return entries


def _called(source: Payload, names: tuple[str, ...]) -> Any:
    """Return the value under the first of *names* that has one; under rare names, only objects or lists."""
    usual = source.get(names[0]) or source.get(names[1])
    if usual not in BLANK:
        return usual
    return next(
        (value for name in names[2:] if type(value := source.get(name)) in (dict, list) and value), None
    )


def _objects(value: Any, unread: list[Any], depth: int = MAX_NESTING) -> list[Payload]:
    """Return the objects that *value* lists, in whatever form."""
    if value in BLANK:
        return []
    if type(value) is dict:
        if all(type(each) is dict and is_number(key) for key, each in value.items()):
            return [{"index": int(key), **each} for key, each in value.items()]
        return [value]  # TGI 2
    if type(value) is list and depth:
        return [found for each in value for found in _objects(each, unread, depth - 1)]
    if type(value) is str and depth:
        try:
            return _objects(loads(value), unread, depth - 1)
        except NotJSONError:
            pass
    unread.append(value)
    return []


def _is_hosted(entry: Payload) -> bool:
    """Return True for an object with the type of another tool than a function, and no fields of a call."""
    kind = entry.get("type")
    if type(kind) is not str or type(entry.get(kind)) is not dict or kind in ("function", "custom"):
        return False
    return not (is_call(entry) or is_call(entry[kind]) or "arguments" in entry or "arguments" in entry[kind])


def _split(entry: Payload) -> list[Payload]:
    """Return an entry for each function in a list of them; parts of one function are joined."""
    for key in ("function", "custom"):
        listed = decoded(entry.get(key))
        listed = map(decoded, listed) if type(listed) is list else ()
        objects = [each for each in listed if has_call_fields(each)]
        if not objects:
            continue
        if sum("name" in each for each in objects) < 2:
            return [{**entry, key: {name: value for each in objects for name, value in each.items()}}]
        others = [{"type": entry.get("type"), key: each} for each in objects[1:]]
        return [{**entry, key: objects[0]}, *others]
    return [entry]

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
from .call_fields import BLANK, CallEntry, decoded, has_call_fields, is_number, read_entry

LEGACY = "function_call"  # the place of the legacy field's call
MAX_NESTING = 4  # of lists, and of texts in texts


def list_calls(
    source: Payload, parts: list[Payload], unread: list[Any], learned: set[str]
) -> list[CallEntry]:
    """Return the calls of a delta or message, by index; *parts* are those in its content.

    The legacy `function_call`, or each in a list of them, is one of them if it is alone. Next to `tool_calls`
    it repeats an entry (llama-cpp-python), and only completes a lone one. Values that are no entry are added
    to *unread*. *learned* has the names of arguments that this stream uses; see `read_entry`.
    """
    listed = _objects(source.get("tool_calls") or source.get("toolCalls"), unread)
    entries = [read_entry(each, learned) for entry in (*listed, *parts) for each in _split(entry)]
    if len(entries) > 1 and all(type(entry.place) is int for entry in entries):
        entries.sort(key=lambda entry: entry.place)  # type: ignore[arg-type, return-value]
    legacies = _objects(source.get("function_call") or source.get("functionCall"), unread)
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

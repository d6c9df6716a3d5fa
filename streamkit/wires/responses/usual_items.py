"""Output items in the forms of other APIs and gateways -> the same items in OpenAI's form.

    takes    an item of an event, or the `output` of a response
    returns  the item itself if it has the usual form, else a new one

Rules:
- A call is found under the types of other APIs, with its arguments under any of `fields.ARGUMENTS`, also in
  `function`. A call without a name, and an item of any other kind, stay as they are.
- Fields that have no place in the usual form stay next to it.
"""

from __future__ import annotations

from typing import Any

from ...state.deltas import Payload
from ..fields import ARGUMENTS, folded, string
from .output_items import kind_of, part_text

# Types without case and separators.
_CALLS = frozenset(("functioncall", "toolcall", "tooluse", "function"))
_CUSTOM = "customtoolcall"
_THOUGHTS = frozenset(("reasoning", "thinking", "thought"))
_TEXTS = frozenset(("outputtext", "text", "inputtext"))
_USUAL = ("output_text", "text", "input_text", None)  # types of texts that are read
_NAMES = ("name", "toolname", "functionname")
_IDS = ("callid", "toolcallid", "tooluseid")
_THOUGHT_FIELDS = ("text", "reasoning", "thinking", "reasoning_content")
_BLANK: tuple[Any, ...] = (None, "", [], {})
_MAX_DEPTH = 4  # of lists in each other


def usual_item(item: Payload) -> Payload:
    """Return *item* in OpenAI's form."""
    kind = folded(kind_of(item))
    if kind in _CALLS:
        return _call(item)
    if kind == _CUSTOM:
        names = ("input", *ARGUMENTS)
        name = next((each for each in names if item.get(each) not in _BLANK), "input")
        rest = {key: value for key, value in item.items() if key != name}
        return item if name == "input" else {**rest, "input": item[name]}
    if kind == "message":
        parts = _flat(item.get("content"), _MAX_DEPTH)
        usual = [_part(part) for part in parts]
        is_usual = usual == item.get("content") or type(item.get("content")) in (str, type(None))
        return item if is_usual else {**item, "content": usual}
    return _thought(item) if kind in _THOUGHTS else item


def usual_output(response: Payload, *, has_message: bool = False) -> list[Payload]:
    """Return the output items of a response: a list, or one item.

    If the answer *has_message*, text in the place of items, or in `output_text`, repeats it.
    """
    output = response.get("output")
    items = [each for each in _flat(output, _MAX_DEPTH) if type(each) is dict]
    text = string(output) or string(response.get("output_text"))
    if not items and text and not has_message:
        items = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]
    return [usual_item(item) for item in items]


def _flat(value: Any, depth: int) -> list[Any]:
    """Return the values in *value*, a list of lists or a lone object."""
    if type(value) is not list:
        return [value] if type(value) is dict else []
    found: list[Any] = []
    for inner in value:
        found += _flat(inner, depth - 1) if type(inner) is list and depth else [inner]
    return found


def _part(part: Any) -> Any:
    """Return a text part with its type in OpenAI's form, and its text where it belongs."""
    if type(part) is not dict or folded(str(part.get("type", "text"))) not in _TEXTS:
        return part
    name = "text" if part.get("text") not in _BLANK else "content"
    value = part.get(name)
    text = part_text({"text": value.get("value", value.get("text"))} if type(value) is dict else value)
    kind = part.get("type") if part.get("type") in _USUAL else "output_text"
    if text is None or (name == "text" and text is value and kind == part.get("type")):
        return part
    rest = {key: each for key, each in part.items() if key != name}
    return {**rest, "text": text} if kind is None else {**rest, "type": kind, "text": text}


# -- calls --------------------------------------------------------------------------------


def _call(item: Payload) -> Payload:
    fields = {folded(str(key)): (key, value) for key, value in item.items()}
    inner = fields["function"][1] if type(fields.get("function", ("", None))[1]) is dict else {}
    of_function = {folded(str(key)): (key, value) for key, value in inner.items()}
    used: set[str] = set()

    def find(names: tuple[str, ...]) -> Any:
        """Return the first value under *names* that isn't blank."""
        for source in (of_function, fields):
            for name in names:
                key, value = source.get(name, ("", None))
                if value not in _BLANK:
                    used.update({key} if source is fields else {fields["function"][0]})
                    return value
        return None

    is_usual = item.get("type") == "function_call"
    name, call_id = find(_NAMES), find(_IDS if is_usual else (*_IDS, "id"))
    arguments = find(ARGUMENTS)
    if type(name) is not str:
        return item
    if is_usual and used <= {"name", "call_id", "arguments"}:
        return item
    rest = {key: value for key, value in item.items() if key not in used}
    found = {"name": name, "call_id": call_id, "arguments": arguments}
    return {**rest, "type": "function_call", **{k: v for k, v in found.items() if v is not None}}


# -- reasoning ----------------------------------------------------------------------------


def _thought(item: Payload) -> Payload:
    found: Payload = {}
    for name in ("summary", "content"):
        value = item.get(name)
        parts = [value] if type(value) is dict else value
        if type(parts) is list:
            parts = [_with_text(part) for part in parts]
        if parts != value:
            found[name] = parts
    rest = item
    if item.get("summary") in _BLANK and item.get("content") in _BLANK:
        field = next((each for each in _THOUGHT_FIELDS if string(item.get(each))), None)
        if field is not None:
            found["content"] = [{"type": "reasoning_text", "text": item[field]}]
            rest = {key: value for key, value in item.items() if key != field}
    return {**rest, **found, "type": "reasoning"} if found else item


def _with_text(part: Any) -> Any:
    """Return a part of a summary or of a thought with its text where it belongs."""
    if type(part) is not dict or part.get("text") not in _BLANK or type(part.get("content")) is not str:
        return part
    return {**{key: value for key, value in part.items() if key != "content"}, "text": part["content"]}

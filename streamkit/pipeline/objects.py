"""Find the JSON objects in a text: one, several that were glued together, or one in a wrapper.

    takes    the data of a frame, or a whole body
    returns  payloads, END for `[DONE]`, and `Torn` for each part that isn't whole

Rule: a whole object in the text is never lost, and a part of an object is never taken for one. After a part
that isn't JSON, reading continues at the next place where a gateway begins a payload: after `data:`, or at a
brace that begins a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .. import json_text
from ..json_text import NotJSONError, loads, scan_first
from ..state.deltas import END, Mark, Payload

_BETWEEN = re.compile(r"(?:[ \t\r\n]|data:)*")
_BEGINNING = re.compile(r"data:|\n(?=\{|\[DONE\])")
_MAX_TEXTS = 2  # JSON texts in each other
_MAX_TORN = 256  # parts of one text; each costs a search, so the rest after that many stays one part

# Fields in which gateways wrap a payload.
WRAPPERS = ("data", "result", "output", "response", "payload", "body", "chunk", "message")
_ANSWER = frozenset(("choices", "candidates"))
# A wrapper has none of these, and its `data` has one of them or a type.
_PAYLOAD = frozenset(("choices", "candidates", "output", "response", "delta", "item"))
_IN_DATA = _PAYLOAD | {"type", "object", "error"}


@dataclass(frozen=True, slots=True)
class Torn:
    """A part of a text that isn't a JSON object, and the reason; `kind` is its type if it is other JSON."""

    text: str
    reason: str
    kind: str | None = None


Found: TypeAlias = "Payload | Torn | Literal[Mark.END]"


def read_objects(text: str, depth: int = _MAX_TEXTS) -> list[Found]:
    """Return everything in *text*, in order; `null` is left out, and `END` is last.

    A list of objects counts as its objects, and JSON in a JSON text as itself, up to *depth* texts in each
    other: some servers encode twice. If no part of the text is whole, all of it is one `Torn`.
    """
    try:
        value = loads(text, json_text.MAX_DEPTH)
    except NotJSONError as exc:
        found = _read_glued(text, str(exc))
        whole = any(type(each) is not Torn for each in found)
        return found if whole else [Torn(text.strip(), str(exc))]
    if value is None:
        return []
    values = value if type(value) is list else [value]
    if values and all(type(each) is dict for each in values):
        return [unwrapped(each) for each in values]
    if type(value) is str and depth:
        found = read_objects(value, depth - 1)
        if found and not any(type(each) is Torn for each in found):
            return found
    kind = type(value).__name__
    return [Torn(text.strip(), f"expected a JSON object, got a {kind}", kind)]


def _read_glued(text: str, reason: str) -> list[Found]:
    found: list[Found] = []
    torn = 0
    at = _skip(text, 0)
    while at < len(text):
        if text.startswith("[DONE]", at):
            found.append(END)
            break
        value = scan_first(text, at) if text[at] in "{n" else None
        if value is not None and (value[0] is None or type(value[0]) is dict):
            if value[0] is not None:
                found.append(unwrapped(value[0]))
            at = _skip(text, value[1])
            continue
        torn += 1
        begins = _BEGINNING.search(text, at + 1) if torn < _MAX_TORN else None
        end = begins.start() if begins else len(text)
        part = text[at:end].strip()
        if part:
            found.append(Torn(part, reason))
        at = _skip(text, end)
    return found


def _skip(text: str, at: int) -> int:
    """Return the index after white space and `data:` at *at*."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def unwrapped(payload: Payload) -> Payload:
    """Return the payload in `{code: 0, message: "ok", data: {...}}`, with the wrapper's own fields.

    Any other payload is returned unchanged. If both have a field, the wrapper's stays in `data`. In a wrapper
    of another name, such as `result`, the payload is one with `choices` or `candidates`, or a message; a
    batch has one more wrapper around that (`succeeded`), or an error (`errored`).
    """
    name = next((name for name in WRAPPERS if _wraps(payload, name)), None)
    if name is None:
        return payload
    if name == "result" and _is_of_batch(payload[name]):
        return unwrapped({**payload, **payload[name], name: payload[name]["type"]})
    inner = payload[name]
    around = {key: value for key, value in payload.items() if key != name}
    both = {key: value for key, value in around.items() if key in inner and inner[key] != value}
    merged = {**around, **inner}
    if both:
        merged[name] = both
    return merged


def _wraps(payload: Payload, name: str) -> bool:
    inner = payload.get(name)
    if type(inner) is not dict:
        return False
    if inner.keys().isdisjoint(_IN_DATA if name == "data" else _ANSWER) and not (
        _is_message(inner, payload) or (name == "result" and _is_of_batch(inner))
    ):
        return False
    return not payload.get("error") and payload.keys().isdisjoint(_PAYLOAD - {name})


def _is_message(inner: Payload, payload: Payload) -> bool:
    """Return True for a whole message of Anthropic's API, but not for that of `message_start`, nor for the
    only item of a response (Responses API).
    """
    is_whole = inner.get("type") == "message" and type(inner.get("content")) is list
    return is_whole and payload.get("type") in (None, "succeeded") and payload.get("object") != "response"


def _is_of_batch(inner: Payload) -> bool:
    """Return True for the result of one request of Anthropic's batches."""
    kind = inner.get("type")
    return (kind == "succeeded" and type(inner.get("message")) is dict) or (
        kind == "errored" and type(inner.get("error")) is dict
    )

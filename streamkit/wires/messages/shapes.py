"""The kind and the index of a payload about a content block, if a server leaves them out or misspells them.

takes    the events about blocks, and the blocks in them
returns  the kind of a block, the kind of a delta, the index; `Leftover` for what has no place
"""

from __future__ import annotations

import re
from collections.abc import Hashable

from ...state.deltas import Leftover, Payload
from ..fields import has_content, object_in, string_in

# By kind of delta, the field with its content.
_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
    "citations_delta": "citation",
    "compaction_delta": "content",
}
_SHORT = frozenset(kind.removesuffix("_delta") for kind in _DELTAS)
_LIKE_INPUT = re.compile("arg|param|input|json")


def kind_of(fields: Payload) -> str:
    """Return the block's `type`; if a server leaves it out, the kind that its fields show, else "unknown"."""
    kind = string_in(fields, "type")
    if kind:
        return kind
    if "name" in fields and "input" in fields:
        return "tool_use"
    return next((name for name in ("text", "thinking") if name in fields), "unknown")


def kind_of_delta(delta: Payload) -> str | None:
    """Return the `type` of a delta; if a server leaves it out, or its end, the kind that its field shows."""
    kind = delta.get("type")
    if kind is None or (type(kind) is str and kind in _SHORT):
        return next((name for name, field in _DELTAS.items() if field in delta), kind)
    return kind if type(kind) is str else None


def is_like_input(delta: Payload) -> bool:
    """Return True if *delta*, which has no known form, may be a piece of the input of a call."""
    return any(_LIKE_INPUT.search(name) and has_content(value) for name, value in delta.items())


def leftover(payload: Payload, whole: Payload | None = None) -> Leftover:
    """Return *payload*, a part of *whole*, as `Leftover`.

    It has news if it contains anything but the names of its parts, or a name that isn't known.
    """
    news = any(has_content(v) for k, v in payload.items() if k not in ("type", "index"))
    return Leftover(payload if whole is None else whole, news=news or is_odd(payload))


def is_odd(payload: Payload) -> bool:
    """Return True if the index is no number, or the kind of the delta isn't known."""
    kind = object_in(payload, "delta").get("type", "text_delta")
    return not (isinstance(payload.get("index"), int | None) and type(kind) is str and kind in _DELTAS)


def index_of(payload: Payload) -> Hashable:
    """Return the index of a block: a number, or a string from servers that write it as one; else None."""
    index = payload.get("index")
    return index if type(index) in (int, str) else None

"""A request -> the same request without the fields that OpenAI's package adds when it parses an answer.

`parse()` and the package's stream helpers put `parsed` into messages and texts, and `parsed_arguments` into
calls. Rule: they are in no API, so every server that checks its input refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ..items import FunctionCall, Item, Message
from ..request import Request
from .call_pairs import Entry
from .report import BuildReport

_ADDED = frozenset(("parsed", "parsed_arguments"))


def without_parsed(request: Request, report: BuildReport) -> Request:
    """Return *request* without these fields; *report* names each item that had one.

    BadRequestError: "Unknown parameter: 'input[2].parsed_arguments'" (openai/openai-python#2720).
    """
    items = [_without(item) for item in request.input]
    changed = [n for n, (old, new) in enumerate(zip(request.input, items, strict=True)) if old is not new]
    for n in changed:
        report.leave_out(f"{Entry(n, items[n])}: what OpenAI's package parsed, which is in no API")
    return evolve(request, input=items) if changed else request


def _without(item: Item) -> Item:
    if isinstance(item, FunctionCall):
        extra = _pruned(item.extra)
        return item if extra is item.extra else evolve(item, extra=extra)
    if not isinstance(item, Message):
        return item
    extra, parts = _pruned(item.extra), tuple(map(_without_in_part, item.content))
    same = extra is item.extra and all(a is b for a, b in zip(parts, item.content, strict=True))
    return item if same else evolve(item, extra=extra, content=parts)


def _without_in_part(part: Any) -> Any:
    extra = getattr(part, "extra", None)
    pruned = _pruned(extra) if isinstance(extra, Mapping) else extra
    return part if pruned is extra else evolve(part, extra=pruned)


def _pruned(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *extra* without the fields, also in the object `function` of a chat call."""
    inner = extra.get("function")
    if isinstance(inner, Mapping) and not _ADDED.isdisjoint(inner):
        kept = {name: value for name, value in inner.items() if name not in _ADDED}
        extra = {name: kept if name == "function" else value for name, value in extra.items()}
    if _ADDED.isdisjoint(extra):
        return extra
    return {name: value for name, value in extra.items() if name not in _ADDED}

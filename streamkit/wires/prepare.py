"""A validated request -> the body that a wire sends.

Rule: this file names no API. Steps that every API needs are here: the check of origins, the removal of NaN
and of what OpenAI's package parsed, the merge of `extra_body`, the report in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite
from typing import Any

from attrs import evolve, field, frozen, has
from attrs import fields as attrs_of

from ..items import FunctionCall, Item, Message
from ..profiles.profile import Profile
from ..request import Request
from ..surrogates import encodable
from . import find_wire
from .call_pairs import Entry
from .opaque import without_foreign_state
from .report import BuildReport
from .tool_specs import check_tool_names
from .unsent import report_unsent

logger = logging.getLogger("streamkit")

_NONE: Mapping[str, Any] = {}
_ADDED = frozenset(("parsed", "parsed_arguments"))  # to messages, texts and calls, by OpenAI's package


@frozen
class PreparedRequest:
    """A request in the form of one API: *body* is the JSON object to send, to *path*."""

    request: Request
    wire: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    report: BuildReport

    def renamed(self, names: Mapping[str, str | None], reason: str) -> PreparedRequest:
        """Return the same request with other names for fields of its body; those of None are left out.

        The report names each field and the *reason*.
        """
        pairs = [(names.get(field, field), value) for field, value in self.body.items()]
        body = {name: value for name, value in pairs if name is not None}
        dropped = [f"{field}: {reason}" for field, name in names.items() if name is None]
        repaired = [f"{field} is sent as {name}: {reason}" for field, name in names.items() if name]
        known = self.report
        report = evolve(known, dropped=[*known.dropped, *dropped], repaired=[*known.repaired, *repaired])
        return evolve(self, body=body, report=report)


def prepare(request: Request, wire: str, profile: Profile) -> PreparedRequest:
    """Return *request* in the form that *wire* and *profile* need, with its `extra_body` merged in last.

    `.report` lists the values that were dropped or repaired; they are also logged as a warning. Raises
    `UsageError` if the body would have no content, or if *wire* lacks one of the parameters.
    """
    known = find_wire(wire)
    report = BuildReport()
    check_tool_names(request.tools)
    sendable = without_foreign_state(_without_parsed(request, report), known.name, profile, report)
    sendable = _with_finite_numbers(sendable, report)
    built = known.build(sendable, profile, report)
    report_unsent(sendable.input, built, report)
    body = merge(built, profile.extra_body.get(known.name, {}))
    body = _encodable(merge(body, request.extra_body), report)
    if report:
        level = logging.WARNING if report.needs_attention else logging.DEBUG
        logger.log(level, "request for %s: %s", request.model, report)
    return PreparedRequest(request, known.name, known.path, body, report)


def _encodable(body: dict[str, Any], report: BuildReport) -> dict[str, Any]:
    """Return *body* with U+FFFD for each half of a surrogate pair: servers refuse its escape in JSON."""
    try:
        plain: dict[str, Any] = encodable(body)
    except (TypeError, ValueError, RecursionError):  # isn't JSON: the error for that names the body
        return body
    if plain is not body:
        report.repaired.append("halves of surrogate pairs are joined, or sent as U+FFFD")
    return plain


def _without_parsed(request: Request, report: BuildReport) -> Request:
    """Return *request* without the fields that OpenAI's package adds when it parses an answer.

    They are in no API, so servers refuse them: "Unknown parameter: 'input[2].parsed_arguments'"
    (openai/openai-python#2720). *report* names each item that had one.
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
    if not isinstance(item, Message) or not (item.extra or any(map(_extra_of, item.content))):
        return item
    extra, parts = _pruned(item.extra), tuple(map(_without_in_part, item.content))
    same = extra is item.extra and all(a is b for a, b in zip(parts, item.content, strict=True))
    return item if same else evolve(item, extra=extra, content=parts)


def _without_in_part(part: Any) -> Any:
    extra = _extra_of(part)
    pruned = _pruned(extra)
    return part if pruned is extra else evolve(part, extra=pruned)


def _extra_of(part: Any) -> Mapping[str, Any]:
    extra: Mapping[str, Any] = getattr(part, "extra", _NONE)
    return extra


def _pruned(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *extra* without the fields, also in the object `function` of a chat call."""
    inner = extra.get("function")
    if isinstance(inner, Mapping) and not _ADDED.isdisjoint(inner):
        kept = {name: value for name, value in inner.items() if name not in _ADDED}
        extra = {name: kept if name == "function" else value for name, value in extra.items()}
    if _ADDED.isdisjoint(extra):
        return extra
    return {name: value for name, value in extra.items() if name not in _ADDED}


def _with_finite_numbers(request: Request, report: BuildReport) -> Request:
    """Return *request* with null for NaN and infinite numbers in its items; *report* names those items.

    Servers in Python send them, for example in the items of hosted tools. JSON has no form for them, so an
    answer with one could never be sent back.
    """
    items = []
    for position, item in enumerate(request.input):
        try:
            finite = _finite(item)
        except RecursionError:  # such a deep item can't be encoded either: that error names the body
            finite = item
        if finite is not item:
            report.repaired.append(f"{Entry(position, item)} contains NaN or an infinite number; sent null")
        items.append(finite)
    changed = any(before is not after for before, after in zip(request.input, items, strict=True))
    return evolve(request, input=items) if changed else request


def _finite(value: Any) -> Any:
    """Return *value* with None for each number that JSON can't express; the same object if there is none."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        pairs = {key: _finite(inner) for key, inner in value.items()}
        return pairs if any(pairs[key] is not inner for key, inner in value.items()) else value
    if isinstance(value, list | tuple):
        entries = [_finite(inner) for inner in value]
        changed = any(before is not after for before, after in zip(value, entries, strict=True))
        return type(value)(entries) if changed else value
    if has(type(value)):
        facts = {each.name: _finite(getattr(value, each.name)) for each in attrs_of(type(value))}
        changes = {name: fact for name, fact in facts.items() if fact is not getattr(value, name)}
        return evolve(value, **changes) if changes else value
    return value


def merge(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with *extra* merged over it: objects merge key by key, other values are replaced."""
    merged = dict(body)
    for key, value in extra.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(known, value) if both else value  # type: ignore[arg-type]
    return merged

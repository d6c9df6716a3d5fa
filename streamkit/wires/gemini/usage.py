"""`usageMetadata` of Gemini -> `Usage`. The counts are running totals: later ones replace earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...completion import Usage
from ..usage import count_in, total_of
from .fields import camel, get

_COUNTS = (
    *("promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount"),
    "cachedContentTokenCount",
)
_USUAL = frozenset(
    (*_COUNTS, "promptTokensDetails", "candidatesTokensDetails", "cacheTokensDetails", "trafficType")
)
_PARTS = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    """Return the usage after *raw*, the next usage object of the same answer.

    A missing count stays, unless *raw* is whole without it: its own counts add up to its total. Zeros only,
    which some proxies send at the end, replace nothing.

    Input is the prompt, cached tokens included, with the results of the server's tools, which the API counts
    apart. Output is the candidates with the thoughts, which it counts apart too.
    """
    counted = same_fields(previous, raw)
    if counted is not None:
        return counted
    before = dict(previous.raw or {}) if previous else {}
    parts = [_count(raw, name) for name in _PARTS]
    known = [count for count in (*parts, _count(raw, "totalTokenCount")) if count is not None]
    if previous is not None and known and not any(known) and (previous.input_tokens or previous.total_tokens):
        return previous
    if parts[0] is not None and _sum(*parts) == _count(raw, "totalTokenCount"):
        before = {name: value for name, value in before.items() if camel(name) not in _PARTS}
    merged = {**before, **{name: value for name, value in raw.items() if value is not None}}
    received = _sum(_count(merged, "promptTokenCount"), _count(merged, "toolUsePromptTokenCount"))
    thoughts = _count(merged, "thoughtsTokenCount")
    generated = _sum(_count(merged, "candidatesTokenCount"), thoughts)
    return Usage(
        input_tokens=received,
        output_tokens=generated,
        total_tokens=total_of(_count(merged, "totalTokenCount"), received, generated),
        cached_input_tokens=_count(merged, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        raw=merged,
    )


def same_fields(previous: Usage | None, raw: Mapping[str, Any]) -> Usage | None:
    """Return the usage after *raw* if it has the fields of the one before it, else None.

    The fast path: most chunks of an answer have the same object with other numbers.
    """
    if previous is None or raw.keys() != previous.raw.keys() or not raw.keys() <= _USUAL:
        return None
    received, generated, total, thoughts, cached = map(raw.get, _COUNTS)
    if type(received) is not int or type(generated) is not int or type(total) is not int:
        return None
    if (thoughts is not None and type(thoughts) is not int) or (
        cached is not None and type(cached) is not int
    ):
        return None
    if None in raw.values() or not (received or generated or total):
        return None
    return Usage(received, generated + (thoughts or 0), total, cached, None, thoughts, None, raw=dict(raw))


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _count(raw: Mapping[str, Any], name: str) -> int | None:
    return count_in({name: get(raw, name)}, name)

"""A usage object -> `Usage`, in the spellings of Chat Completions, Responses and the gateways."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ..completion import Usage

_INPUT = "input_tokens_details", "prompt_tokens_details"
_OUTPUT = "output_tokens_details", "completion_tokens_details"
_TICKS = 1e10  # of a US dollar
_MAX_DIGITS = 19  # of a count that is text


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    """Return the usage in *raw*: on Chat Completions and Responses, each report replaces the one before.

    A report without any count, or of zeros only, replaces none: some gateways put one on their last chunk.
    """
    usage = read_usage(raw)
    is_empty = not (usage.input_tokens or usage.output_tokens or usage.total_tokens or usage.cost)
    return previous if previous is not None and is_empty else usage


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the counts in *raw*; a count that is missing or isn't a number is None.

    Cached input has several names: OpenAI's details, DeepSeek's `prompt_cache_hit_tokens`, and Anthropic's
    field behind gateways. Cost is a number (OpenRouter), `{total_cost}` (Perplexity), or `cost_in_usd_ticks`
    (xAI).
    """
    cached = _detail(raw, _INPUT, "cached_tokens")
    if cached is None:
        cached = _first(raw, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
    written = _detail(
        raw, _INPUT, "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"
    )
    if written is None:
        written = _first(raw, "cache_creation_input_tokens")
    reasoned = _detail(raw, _OUTPUT, "reasoning_tokens")
    if reasoned is None:
        reasoned = _first(raw, "reasoning_tokens")
    received = _first(raw, "prompt_tokens", "input_tokens", "promptTokens", "inputTokens")
    generated = _first(raw, "completion_tokens", "output_tokens", "completionTokens", "outputTokens")
    return Usage(
        input_tokens=received,
        output_tokens=generated,
        total_tokens=total_of(_first(raw, "total_tokens", "totalTokens"), received, generated),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoned,
        cost=_cost(raw),
        raw=raw,
    )


def total_of(total: int | None, received: int | None, generated: int | None) -> int | None:
    """Return the server's total; if it sent none, the sum of both parts, or None if one is missing."""
    if total is not None or received is None or generated is None:
        return total
    return received + generated


def count_in(raw: Mapping[str, Any], name: str) -> int | None:
    """Return the count *name*, which some servers write as 3.0; None if it isn't a number."""
    return _count(raw.get(name))


def _first(raw: Mapping[str, Any], *names: str) -> int | None:
    counts = (_count(raw.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)


def _detail(raw: Mapping[str, Any], groups: tuple[str, ...], *names: str) -> int | None:
    for group in groups:
        details = raw.get(group)
        if isinstance(details, dict):
            return _first(details, *names)
    return None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < _MAX_DIGITS:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or isfinite(value) else None


def _cost(raw: Mapping[str, Any]) -> float | None:
    value: Any = raw.get("cost")
    unit = 1.0
    if isinstance(value, dict):
        value = value.get("total_cost")
    if value is None:
        value, unit = raw.get("cost_in_usd_ticks"), _TICKS
    if isinstance(value, bool):
        return None
    try:
        cost = float(value) / unit
    except (TypeError, ValueError, OverflowError):
        return None
    return cost if isfinite(cost) else None

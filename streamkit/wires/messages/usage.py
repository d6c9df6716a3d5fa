"""Usage of the Messages API -> `Usage`. It is cumulative: each later count replaces the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ...completion import Usage
from ..usage import read_usage, total_of

_CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")


def has_counts(raw: Mapping[str, Any]) -> bool:
    """Return True if *raw* has a number; OpenRouter begins with an object of nulls."""
    return any(type(value) in (int, float) for value in raw.values())


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    """Return the usage after *raw*, the next usage object of the same answer.

    A field that is null or absent changes nothing, and neither does an input of 0 without cached tokens,
    which proxies send that forgot the input. `input_tokens` counts cached reads and cache writes too, which
    the API counts apart. Its raw form contains every field of both objects.
    """
    merged = dict(previous.raw or {}) if previous else {}
    is_forgotten = raw.get("input_tokens") == 0 and merged.get("input_tokens") and not _cached(raw)
    merged |= {k: v for k, v in raw.items() if v is not None and not (is_forgotten and k == "input_tokens")}
    usage = read_usage(merged)
    if usage.input_tokens is not None and "prompt_tokens" not in merged:
        usage = evolve(usage, input_tokens=usage.input_tokens + _cached(merged))
    thoughts = merged.get("output_tokens_details")
    if isinstance(thoughts, Mapping) and type(thoughts.get("thinking_tokens")) is int:
        usage = evolve(usage, reasoning_tokens=thoughts["thinking_tokens"])
    total = merged.get("total_tokens")
    known = total if type(total) is int else None
    return evolve(usage, total_tokens=total_of(known, usage.input_tokens, usage.output_tokens))


def _cached(raw: Mapping[str, Any]) -> int:
    """Return the input tokens that were read from the cache or written to it."""
    counts = (raw.get(name) for name in _CACHE)
    return sum(count for count in counts if type(count) is int)

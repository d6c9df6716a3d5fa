"""Usage of the Messages API -> `Usage`. It is cumulative: each later count replaces the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ...completion import Usage
from ..usage import count_in, read_usage, total_of

_READ, _WRITTEN = _CACHE = ("cache_read_input_tokens", "cache_creation_input_tokens")
_INPUT = frozenset(("input_tokens", *_CACHE))


def has_counts(raw: Mapping[str, Any]) -> bool:
    """Return True if *raw* has a number; OpenRouter begins with an object of nulls."""
    return any(type(value) in (int, float) for value in raw.values())


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    """Return the usage after *raw*, the next usage object of the same answer.

    A field that is null or absent changes nothing, and neither does an input of 0 without cached tokens,
    which proxies send that forgot the input. `input_tokens` counts cached reads and cache writes too, which
    the API counts apart; writes are the sum of their parts if there is no sum. Its raw form contains every
    field of both objects.
    """
    merged = dict(previous.raw or {}) if previous else {}
    is_forgotten = raw.get("input_tokens") == 0 and merged.get("input_tokens") and not _cached(raw)
    merged |= {k: v for k, v in raw.items() if v is not None and not (is_forgotten and k in _INPUT)}
    usage = read_usage(merged)
    written = _written(merged)
    if usage.cache_write_tokens is None and written is not None:
        usage = evolve(usage, cache_write_tokens=written)
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
    return (count_in(raw, _READ) or 0) + (_written(raw) or 0)


def _written(raw: Mapping[str, Any]) -> int | None:
    """Return the tokens written to the cache; the sum of those for five minutes and for an hour if alone."""
    parts = raw.get("cache_creation")
    whole = count_in(raw, _WRITTEN)
    if whole is not None or not isinstance(parts, Mapping):
        return whole
    counts = [count for name in parts if (count := count_in(parts, name)) is not None]
    return sum(counts) if counts else None

"""A usage object -> `Usage`, in the spellings of Chat Completions, Responses and the gateways."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from attrs import evolve

from ..completion import Usage
from ..json_text import scan_object

# Names without case and separators, in the order of the search.
_INPUT = ("prompttokens", "inputtokens", "prompttokencount", "inputtokencount", "prompt", "input")
_OUTPUT = (
    *("completiontokens", "outputtokens", "candidatestokencount", "outputtokencount"),
    *("generatedtokencount", "generatedtokens", "completion", "output"),
)
_TOTAL = ("totaltokens", "totaltokencount", "total")
_CACHED = (
    *("cachedtokens", "cachereadtokens", "cachereadinputtokens", "prompttokenscached"),
    *("promptcachehittokens", "cachedinputtokens", "cachedprompttokens", "promptcachedtokens"),
    "cachedcontenttokencount",
)
_WRITTEN = (
    *("cachewritetokens", "cachecreationtokens", "cachecreationinputtokens", "cachewriteinputtokens"),
    "cachedcreationtokens",
)
_REASONED = ("reasoningtokens", "thoughtstokencount")
_INPUT_DETAILS = ("inputtokensdetails", "prompttokensdetails")
_OUTPUT_DETAILS = ("outputtokensdetails", "completiontokensdetails")
_INSIDE = ("tokens", "billedunits")  # Cohere's own objects, if there are no counts around them
_LONGEST = 40  # characters of a name
_TICKS = 1e10  # of a US dollar
_MAX_DIGITS = 19  # of a count that is text


def merge_usage(previous: Usage | None, raw: Mapping[str, Any]) -> Usage:
    """Return the usage after *raw*: on Chat Completions and Responses, a report replaces the one before.

    A count that it lacks stays, and so do input and output if it has zeros there: some gateways report the
    input at the beginning and the output at the end, and some put zeros on their last chunk.
    """
    usage = read_usage(raw)
    if previous is None:
        return usage
    if not (usage.input_tokens or usage.output_tokens or usage.total_tokens or usage.cost):
        return previous
    counts = {name: getattr(previous, name) for name in _BOTH if not getattr(usage, name)}
    details = {name: getattr(previous, name) for name in _DETAILS if getattr(usage, name) is None}
    kept = {name: value for name, value in {**counts, **details}.items() if value is not None}
    if not any(kept.values()):
        return usage
    usage = evolve(usage, **kept, raw={**(previous.raw or {}), **_filled(raw)})
    if not any(counts.values()):
        return usage
    parts = total_of(None, usage.input_tokens, usage.output_tokens)
    return evolve(usage, total_tokens=max(filter(None, (usage.total_tokens, parts)), default=None))


_BOTH = ("input_tokens", "output_tokens")
_DETAILS = ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "cost")


def are_alike(previous: Usage | None, usage: Usage, raw: Any) -> bool:
    """Return True if the report *raw*, with which *usage* is merged, has the counts of *previous* and no
    others: then the reports after it can be merged with either.
    """
    if previous is None or usage.raw is not raw:
        return previous is None
    return _known(previous) == _known(usage)


def _known(usage: Usage) -> tuple[bool, ...]:
    """Return which counts are known; of input and output, those that aren't 0."""
    return (
        bool(usage.input_tokens),
        bool(usage.output_tokens),
        usage.input_tokens is None,
        usage.output_tokens is None,
        usage.cached_input_tokens is None,
        usage.cache_write_tokens is None,
        usage.reasoning_tokens is None,
        usage.cost is None,
    )


def _filled(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if value not in (None, 0, "", [], {})}


def usage_in(value: Any) -> dict[str, Any] | None:
    """Return the usage object that *value* is, or that is in it as text or in a list; None if it has none."""
    if type(value) is str and value.lstrip().startswith("{"):
        value = scan_object(value)
    elif type(value) is list and value:
        value = value[0]
    return value if type(value) is dict and value else None


def may_have_usage(name: str) -> bool:
    """Return True for the name of a field, other than `usage`, in which usage may be."""
    return name != "usage" and _plain(name) in (*_NAMES, *_AROUND)


def usage_under(name: str, value: Any) -> dict[str, Any] | None:
    """Return the usage in a field of such a name; None if it has no counts of tokens."""
    around = [value] if _plain(name) in _NAMES else []
    if not around and type(value) is dict:
        around = [inner for name, inner in value.items() if _plain(name) in _NAMES]
    found = [raw for raw in map(usage_in, around) if raw is not None]
    usages = [raw for raw in found if (usage := read_usage(raw)).input_tokens or usage.output_tokens]
    return usages[0] if usages else None


_NAMES = ("usage", "usagemetadata", "tokenusage", "xusage", "stats")
_AROUND = ("metadata", "meta", "response")


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the counts in *raw*; a count that is missing or isn't a number is None.

    Of several names of one count, such as both APIs' own (new-api), one that isn't 0 counts. Cached input is
    in OpenAI's details, in DeepSeek's `prompt_cache_hit_tokens`, or in Anthropic's field behind gateways.
    Cost is a number (OpenRouter), `{total_cost}` (Perplexity), or `cost_in_usd_ticks` (xAI).
    """
    fields = _by_name(raw)
    if fields.keys().isdisjoint((*_INPUT, *_OUTPUT, *_TOTAL)):
        for inside in _details(fields, _INSIDE):
            fields = {**inside, **fields}
    received, generated = _first(fields, _INPUT), _first(fields, _OUTPUT)
    inputs = [*_details(fields, _INPUT_DETAILS), fields]
    return Usage(
        input_tokens=received,
        output_tokens=generated,
        total_tokens=total_of(_first(fields, _TOTAL), received, generated),
        cached_input_tokens=_first_of(inputs, _CACHED),
        cache_write_tokens=_first_of(inputs, _WRITTEN),
        reasoning_tokens=_first_of([*_details(fields, _OUTPUT_DETAILS), fields], _REASONED),
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


def _by_name(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields by their names without case and separators."""
    return {_plain(name): value for name, value in raw.items() if value is not None}


def _plain(name: str) -> str:
    return _short(name) if len(name) <= _LONGEST else ""


@lru_cache(maxsize=256)
def _short(name: str) -> str:
    return name.replace("_", "").lower()


def _details(fields: Mapping[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_by_name(fields[name]) for name in names if isinstance(fields.get(name), Mapping)]


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return _first_of([fields], names)


def _first_of(places: list[dict[str, Any]] | list[Mapping[str, Any]], names: tuple[str, ...]) -> int | None:
    """Return the first count under *names* that isn't 0, else 0 if one is; None if there is none."""
    counts = [_count(fields[name]) for fields in places for name in names if name in fields]
    known = [count for count in counts if count is not None]
    return next((count for count in known if count), known[0] if known else None)


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

"""Read the rate limits of a gateway from its response headers.

| headers | sent by |
|---|---|
| `x-ratelimit-{limit,remaining,reset}-{requests,tokens,...}` | OpenAI, Azure, Groq, Together |
| the same with the time that the limit is for: `...-tokens-minute`, `...-req-minute` | Cerebras, Mistral |
| `x-ratelimit-{limit,remaining,reset}`, or one per time: `x-ratelimit-limit-minute` | OpenRouter, Kong |
| `anthropic-ratelimit-{requests,tokens,...}-{limit,remaining,reset}` | Anthropic |
| `ratelimit-{limit,remaining,reset}`, with values such as `100, 100;w=60` | the IETF's drafts |
| `x-codex-{primary,secondary}-{used-percent,window-minutes,reset-at}` | the chatgpt backend |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

_FIELDS = ("limit", "remaining", "reset")
_DURATION = r"(\d+(?:\.\d+)?)(ms|us|[dhms])"  # `re` compiles it at the first reset
_MINUTES = {"second": 1 / 60, "minute": 1.0, "hour": 60.0, "day": 1440.0, "week": 10080.0, "month": 43200.0}
_REQUESTS = ("requests", "request", "req", "all")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit. A field is None if the headers don't contain it; `reset` is seconds after the response."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    used_percent: float | None = None
    window_minutes: float | None = None


def rate_limits(headers: Mapping[str, str], *, now: float) -> dict[str, RateLimit]:
    """Return the limits in *headers* by the thing they count: "requests", "tokens", or "all" if unnamed.

    *now* is wall-clock time in seconds, for gateways that send the time of the reset.
    """
    found: dict[str, dict[str, float | int]] = {}
    for name, value in headers.items():
        kind, field = _split(name.lower())
        if not field:
            continue
        number = _reset(value, now) if field.startswith("reset") else _number(value)
        if number is not None:
            facts = found.setdefault(kind, {})
            facts["reset" if field == "reset-at" else field.replace("-", "_")] = number
    for kind, facts in found.items():
        _, minutes = _without_time(kind)
        if minutes is not None:
            facts.setdefault("window_minutes", minutes)
    return {kind: RateLimit(**facts) for kind, facts in found.items()}  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def counted(kind: str) -> str:
    """Return what a limit of *kind* counts: "requests", "tokens", or "" for anything else.

    "requests-day" and "req-minute" count requests, "input-tokens" and "tokens-minute" tokens.
    """
    words, _ = _without_time(kind)
    last = words[-1] if words else "all"
    return "tokens" if last == "tokens" else "requests" if last in _REQUESTS else ""


def _without_time(kind: str) -> tuple[list[str], float | None]:
    """Return the words of *kind* before the time at its end, such as "5-minute", and that time in minutes."""
    words = kind.split("-")
    minutes = _MINUTES.get(words[-1])
    if minutes is None:
        return words, None
    del words[-1]
    if words and words[-1].isdecimal() and len(words[-1]) < 6:
        minutes *= int(words.pop())
    return words, minutes


def _split(name: str) -> tuple[str, str]:
    """Return the kind and the field in a header's name; both are empty for any other header."""
    if name.startswith("x-codex-"):
        codex = re.fullmatch(r"x-codex-(primary|secondary)-(used-percent|window-minutes|reset-at)", name)
        return (codex[1], codex[2]) if codex else ("", "")
    _, mark, rest = name.partition("ratelimit-")
    if not mark or not name.startswith(("x-ratelimit-", "ratelimit-", "anthropic-ratelimit-")):
        return "", ""
    words = rest.split("-")
    for at in (0, -1):  # OpenAI names the field first, Anthropic last
        if words[at] in _FIELDS:
            field = words.pop(at)
            return "-".join(words) or "all", field
    return "", ""


def _number(value: str) -> int | float | None:
    """Return the number in *value*, the first of "100, 100;w=60": proxies repeat headers, too."""
    try:
        number = float(value.partition(",")[0].partition(";")[0])
    except ValueError:
        return None
    if number != number or abs(number) == float("inf"):
        return None
    return int(number) if number.is_integer() else number


def _reset(value: str, now: float) -> float | None:
    """Return seconds from "6m0s", "20ms", "1.5", a Unix time in s or ms (OpenRouter), or an RFC 3339 time."""
    number = _number(value)
    if number is not None:
        if number > 1e11:  # milliseconds since 1970
            number /= 1000
        return max(number - now, 0.0) if number > 1e9 else float(number)
    parts = re.findall(_DURATION, value)
    if parts and "".join(number + unit for number, unit in parts) == value.strip():
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return max(moment.timestamp() - now, 0.0) if moment.tzinfo else None

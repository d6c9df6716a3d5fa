"""Read the rate limits of a gateway from its response headers.

| headers | sent by |
|---|---|
| `x-ratelimit-{limit,remaining,reset}-{requests,tokens,...}` | OpenAI, Azure, Groq, Together |
| `x-ratelimit-{limit,remaining,reset}` | OpenRouter |
| `ratelimit-{limit,remaining,reset}` | proxies that follow the IETF's draft |
| `anthropic-ratelimit-{requests,tokens,...}-{limit,remaining,reset}` | Anthropic |
| `x-codex-{primary,secondary}-{used-percent,window-minutes,reset-at}` | the chatgpt backend |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_FIELDS = ("limit", "remaining", "reset")
_DURATION = r"(\d+(?:\.\d+)?)(ms|us|[dhms])"  # `re` compiles it at the first reset
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
    return {kind: RateLimit(**facts) for kind, facts in found.items()}  # type: ignore[arg-type]


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
    try:
        number = float(value)
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

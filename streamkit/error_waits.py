"""How long a server asks to wait, in a field of an error body or in the words of its message: in seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from .error_facts import PAGE

_WAITS = {  # without separators, in lower case -> seconds of one unit
    **dict.fromkeys(("retryafter", "retryafterseconds", "retrydelay", "estimatedtime"), 1.0),
    "retryafterms": 0.001,
}
_STEP = (
    r"\s*(?:and\s+)?(\d{1,9}(?:\.\d{1,9})?)\s?"
    r"(?:(ms|milliseconds?)|(s(?:ec(?:ond)?s?)?)|(m(?:in(?:ute)?s?)?)|(h(?:(?:ou)?rs?)?)|(d(?:ays?)?))(?![a-z])"
)
_UNITS = (0.001, 1.0, 60.0, 3600.0, 86400.0)  # of the groups of _STEP
_ASKED = r"(?:(?:try again|retry) (?:in|after)|wait(?: for)?)(?: about| at least)? "


def wait_of(level: Mapping[str, Any]) -> float | None:
    """Return the seconds that a field asks for, here or in `details` (Google) or `metadata` (OpenRouter)."""
    places = [level]
    details, metadata = level.get("details"), level.get("metadata")
    places += [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    if isinstance(metadata, dict):
        headers = metadata.get("headers")
        places += [metadata, *([headers] if isinstance(headers, dict) else [])]
    for place in places:
        for name, value in place.items():
            unit = _WAITS.get(re.sub(r"[-_]", "", str(name)[:30].lower()))
            seconds = None if unit is None else seconds_of(value)
            if unit is not None and seconds is not None:
                return seconds * unit
    return None


def seconds_of(value: Any) -> float | None:
    """Return 3.5 for 3.5, "3.5", "3.5s" or `{"seconds": 3, "nanos": 500000000}`."""
    if isinstance(value, dict):
        whole, nanos = seconds_of(value.get("seconds", 0)), seconds_of(value.get("nanos", 0))
        return None if whole is None or nanos is None else whole + nanos / 1e9
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return _duration(value, 0) if isinstance(value, str) else None
    return number if isfinite(number) and number >= 0 else None


def _duration(text: str, at: int) -> float | None:
    """Return the seconds in "1.898s", "28ms", "35 seconds", "1m20s" or "1h2m3s" at index *at* of *text*."""
    total = None
    steps = re.compile(_STEP, re.I)  # `re` keeps it; compiling it takes 0.4 ms
    while step := steps.match(text, at):
        unit = next(unit for unit, name in zip(_UNITS, step.groups()[1:], strict=True) if name)
        total = (total or 0.0) + float(step[1]) * unit
        at = step.end()
    return total


def wait_in(message: str) -> float | None:
    """Return the seconds in "Please try again in 1.898s" (OpenAI), "retry after 35 seconds" (Azure)."""
    page = message[:PAGE]
    waits = (_duration(page, found.end()) for found in re.finditer(_ASKED, page, re.I))
    return next((wait for wait in waits if wait is not None), None)

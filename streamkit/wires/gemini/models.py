"""What each Gemini model accepts: the form of thinking, its levels and budgets, other parameters.

Source: Google's documentation of thinking and its guides to each model, as of 2026-11, and answers of the API
that public reports quote. A model that isn't in the tables is taken for one of the newest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..param_table import BuildContext

# "Thinking is not enabled for this model"
_NEVER_THINKS = re.compile(r"(.*/)?gemini-(1|2\.0|2\.5-flash-image)")
_HAS_BUDGET = re.compile(r"(.*/)?gemini-2\.5")
_BUDGETS = {
    "none": 0,
    "minimal": 128,
    "low": 2048,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
_SMALLEST = {"pro": 128, "lite": 512}  # of 2.5; its Flash takes any
_LARGEST = {"pro": 32768}  # of 2.5; the others take 24576
# "Thinking level MINIMAL is not supported for this model": these take it; `none` is the nearest to it.
_TAKES_MINIMAL = re.compile(r"(.*/)?gemini-3(\.\d+)?-flash-lite|(.*/)?gemini-3(\.[1-6])?-flash")
_LACKS_MEDIUM = re.compile(r"(.*/)?gemini-3-pro")  # so do the words of Google's endpoint for OpenAI's clients
_LEVELS = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}  # any other is HIGH
# "Penalty is not enabled for this model", from 2.5 on. "Multiple candidates is not enabled", from 3 on.
_PENALIZES = re.compile(r"(.*/)?gemini-(1|2\.0)|(?!(.*/)?gemini-)")
_COUNTS_ALONE = re.compile(r"(.*/)?gemini-([3-9]|2\.5-flash-image|(pro|flash|flash-lite)-latest)")
# "Function calling is not enabled for models/gemma-3-27b-it", "JSON mode is not enabled", "Developer
# instruction is not enabled" (the system text of Gemma goes elsewhere): by a field of the body.
_LACKS = {
    "tools": re.compile(r"(.*/)?gemma-[1-3]|.*-(image|tts)\b"),
    "responseMimeType": re.compile(r"(.*/)?gemma-[1-3]|.*gemini-2\.5-flash-(image|.*tts)\b"),
    "systemInstruction": re.compile(r".*-tts\b"),
}


def lacks(model: str) -> list[str]:
    """Return the fields of a body that *model* refuses."""
    return [field for field, models in _LACKS.items() if models.match(model)]


def penalizes(model: str) -> bool:
    """Return True if *model* takes penalties for words that it has said."""
    return _PENALIZES.match(model) is not None


def counts_alone(model: str) -> bool:
    """Return True if *model* gives one answer only."""
    return _COUNTS_ALONE.match(model) is not None


def _level(effort: str, model: str) -> str:
    """Return the level of *model* that is nearest to *effort*."""
    level = _LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and not _TAKES_MINIMAL.match(model):
        return "LOW"
    return "HIGH" if level == "MEDIUM" and _LACKS_MEDIUM.match(model) else level


def thinking_fields(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write an effort as a budget, or as a level for models from 3 on; the thoughts are shown."""
    effort, model, report = context.effort, context.request.model, context.report
    wanted = context.params.get("reasoning", {}).get("max_tokens")
    if isinstance(value, Mapping) and (rest := [key for key in value if key not in ("effort", "max_tokens")]):
        report.dropped.append(f"{name}: {', '.join(rest)}; the gemini API knows an effort or max_tokens")
    if effort is None and wanted is None:
        return {}
    if _NEVER_THINKS.match(model):
        report.dropped.append(f"{name}: {model} doesn't think")
        return {}
    if effort is not None and wanted is not None:
        report.dropped.append(f"reasoning_effort: {effort}, because reasoning.max_tokens is the budget")
    if wanted == 0 and not _HAS_BUDGET.match(model):  # refused as the level that a model lacks
        level = _level("none", model)
        report.repaired.append(f"reasoning.max_tokens: 0 is sent as the level {level}")
        return {"thinkingConfig": {"thinkingLevel": level, "includeThoughts": False}}
    if wanted is not None:  # models from 3 on take a budget too, instead of a level
        budget = _budget(wanted, model)
        if budget != wanted:
            report.repaired.append(f"reasoning.max_tokens: {wanted} is sent as {budget}")
        return {"thinkingConfig": {"thinkingBudget": budget, "includeThoughts": wanted != 0}}
    assert effort is not None
    if not _HAS_BUDGET.match(model):
        level = _level(effort, model)
        if level.lower() != effort:
            report.repaired.append(f"{name}: {effort} is sent as {level}")
        return {"thinkingConfig": {"thinkingLevel": level, "includeThoughts": effort != "none"}}
    if effort not in _BUDGETS:
        report.repaired.append(f"{name}: {effort} is sent as a budget of {_BUDGETS['medium']} tokens")
    budget = _budget(_BUDGETS.get(effort, _BUDGETS["medium"]), model)
    return {"thinkingConfig": {"thinkingBudget": budget, "includeThoughts": effort != "none"}}


def _budget(wanted: int, model: str) -> int:
    """Return the budget nearest to *wanted* that the model accepts: 0 is none, less lets it decide."""
    smallest = next((tokens for word, tokens in _SMALLEST.items() if word in model), 0)
    is_off = wanted == 0 and smallest != _SMALLEST["pro"]
    if not _HAS_BUDGET.match(model) or is_off or wanted < 0:
        return wanted
    return max(min(wanted, _LARGEST["pro"] if "pro" in model else _BUDGETS["max"]), smallest)

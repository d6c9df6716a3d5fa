"""Helpers of the wires' samples: usage counts, and the error for a part that no sample can contain."""

from __future__ import annotations

from typing import Any

from .._checks import got
from ..completion import Usage
from ..errors import UsageError
from ..items import CustomToolCall, Reasoning


def usage_counts(usage: Usage, input_name: str, output_name: str) -> dict[str, Any]:
    """Return the counts that *usage* has, under the API's names."""
    counts = {
        input_name: usage.input_tokens,
        output_name: usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def pieces_of(reasoning: Reasoning) -> list[str]:
    """Return the deltas of a thought: each text of its `content`, or its summary as one."""
    return list(filter(None, reasoning.content)) or [reasoning.text]


def not_a_part(part: Any) -> UsageError:
    """Return the error for *part*, which isn't text, reasoning or a function call."""
    hint = ""
    if isinstance(part, CustomToolCall):
        hint = "; for a custom call, write its payloads and pass them to sse()"
    return UsageError(f"parts: expected strings, Reasoning and FunctionCall, got {got(part, 80)}{hint}")

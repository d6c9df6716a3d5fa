"""Constructors of the delta events for the hot path, and the classes that make them fast.

The `__init__` of a frozen dataclass sets each field through `object.__setattr__`: 0.76 us for a delta. These
fill an instance of another class with the same slots, which isn't frozen, and then give it the event's class:
0.25 us. tests/test_events.py compares them with the ordinary constructors.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

from ..events import ReasoningDelta, TextDelta, ToolCallDelta


@cache
def blank(cls: type) -> Any:
    """Return a class whose instances, with all fields of *cls* set, can get the class *cls*."""
    return type(cls.__name__, (), {"__slots__": tuple(field.name for field in fields(cls))})


_Text, _Reasoning, _ToolCall = blank(TextDelta), blank(ReasoningDelta), blank(ToolCallDelta)


def text_delta(text: str, logprobs: Any, snapshot: Any, slot: int, choice: int, raw: Any) -> TextDelta:
    """Return a `TextDelta` of all its fields."""
    event = _Text()
    event.text, event.logprobs, event.snapshot = text, logprobs, snapshot
    event.slot, event.choice, event.raw = slot, choice, raw
    event.__class__ = TextDelta
    return event  # type: ignore[no-any-return]


def reasoning_delta(text: str, kind: str, snapshot: Any, slot: int, choice: int, raw: Any) -> ReasoningDelta:
    """Return a `ReasoningDelta` of all its fields."""
    event = _Reasoning()
    event.text, event.kind, event.snapshot = text, kind, snapshot
    event.slot, event.choice, event.raw = slot, choice, raw
    event.__class__ = ReasoningDelta
    return event  # type: ignore[no-any-return]


def tool_call_delta(
    call_id: str | None, name: str | None, arguments: str, snapshot: Any, slot: int, choice: int, raw: Any
) -> ToolCallDelta:
    """Return a `ToolCallDelta` of all its fields."""
    event = _ToolCall()
    event.call_id, event.name, event.arguments, event.snapshot = call_id, name, arguments, snapshot
    event.slot, event.choice, event.raw = slot, choice, raw
    event.__class__ = ToolCallDelta
    return event  # type: ignore[no-any-return]

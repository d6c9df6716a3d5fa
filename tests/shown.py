"""An answer to display, with reasoning, text and a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamkit import (
    Completed,
    Completion,
    Event,
    FunctionCall,
    ItemDone,
    ItemStarted,
    Message,
    Reasoning,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from streamkit.completion import Choice
from streamkit.testing import FakeClock


def ticking(events: Any, clock: FakeClock, seconds: float) -> Iterator[Event]:
    """Yield *events*, *seconds* apart on *clock*."""
    for event in events:
        clock.advance(seconds)
        yield event


CALL = FunctionCall("call_1", "tide", '{"port": "Brest"}')
USAGE = Usage(input_tokens=12, output_tokens=34, cached_input_tokens=5, reasoning_tokens=7, cost=0.0012)
ITEMS = [Reasoning(content=["Hm, tides."]), Message("assistant", "It is **high**."), CALL]
ANSWER = Completion(model="m", choices=[Choice(items=ITEMS, finish_reason="tool_calls")], usage=USAGE)
TURN: list[Event] = [
    ItemStarted("reasoning", slot=0),
    ReasoningDelta("Hm, ", snapshot="Hm, ", slot=0),
    ReasoningDelta("tides.", snapshot="Hm, tides.", slot=0),
    ItemStarted("message", slot=1),
    TextDelta("It is ", snapshot="It is ", slot=1),
    TextDelta("**high**.", snapshot="It is **high**.", slot=1),
    ItemStarted("function_call", name="tide", slot=2),
    ToolCallDelta("call_1", "tide", '{"port":', snapshot='{"port":', slot=2),
    ToolCallDelta("call_1", "tide", ' "Brest"}', snapshot='{"port": "Brest"}', slot=2),
    *(ItemDone(item, slot) for slot, item in enumerate(ITEMS)),
    Completed(ANSWER),
]
LINE = (
    "tool_calls · 12 + 34 tokens (5 cached, 7 reasoning), cost 0.0012 · "
    "2.6 s, first text after 1.0 s · 24 tokens/s"
)

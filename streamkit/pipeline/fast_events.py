"""Constructors of the three delta events for the hot path.

The `__init__` of a frozen dataclass sets each field through `object.__setattr__`: 0.76 us for a delta. These
fill an unfrozen twin with the same slots and then give it the event's class: 0.25 us.
tests/test_events.py compares them with the ordinary constructors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..events import ReasoningDelta, TextDelta, ToolCallDelta, UsageReport

if TYPE_CHECKING:
    from ..completion import Usage
    from ..events import Event
    from ..state.answer import AnswerState
    from ..state.open_items import OpenMessage
    from ..state.text_buffer import TextBuffer

D = TypeVar("D")
Further: TypeAlias = "Callable[[str, Any, Any], Event]"


def _twin(cls: type) -> Any:
    names = [field.name for field in fields(cls)]
    return make_dataclass(cls.__name__, names, slots=True, eq=False, repr=False)


def fast(cls: type[D]) -> Callable[..., D]:
    """Return a constructor of the frozen, slotted dataclass *cls* that takes every field by position."""
    twin = _twin(cls)

    def new(*values: Any) -> D:
        event = twin(*values)
        event.__class__ = cls
        return event  # type: ignore[no-any-return]

    return new


text_delta, reasoning_delta, tool_call_delta = fast(TextDelta), fast(ReasoningDelta), fast(ToolCallDelta)
new: Any = object.__new__
_text, _reasoning, _tool_call = _twin(TextDelta), _twin(ReasoningDelta), _twin(ToolCallDelta)


# -- further deltas of one item: (piece, raw, value next to it) -> event -------------------
#
# Each appends the piece to *part* of the item's *buffer*, as accumulate.py does. Written out, because a call
# more for each piece takes 0.05 us. The slots are set one by one, without an `__init__`: 0.1 us less.


def further_text(buffer: TextBuffer, part: Hashable, slot: int, choice: int) -> Further:
    """Return a function that makes text deltas without logprobs."""
    add = buffer.appender(part)

    def further(text: str, raw: Any, value: Any) -> TextDelta:
        if buffer.half or not text.isascii():
            text = buffer.encodable(text, part)
        event = new(_text)
        event.text, event.logprobs, event.snapshot = text, None, add(text)
        event.slot, event.choice, event.raw = slot, choice, raw
        event.__class__ = TextDelta
        return event  # type: ignore[no-any-return]

    return further


def further_logprobs(item: OpenMessage, part: Hashable, read: Callable[[Any], Any]) -> Further:
    """Return a function that makes text deltas with the logprobs that *read* finds in the value."""
    further = further_text(item.text, part, item.slot, item.choice)

    def with_logprobs(text: str, raw: Any, value: Any) -> Event:
        event: Any = further(text, raw, None)
        logprobs = item.add_logprobs(read(value))
        object.__setattr__(event, "logprobs", logprobs)
        return event  # type: ignore[no-any-return]

    return with_logprobs


def further_usage(state: AnswerState, read: Callable[[Any], Usage | None]) -> Callable[[Any, Any], Any]:
    """Return a function (value, raw) -> event for usage next to a piece; the event is None without news."""

    def report(value: Any, raw: Any) -> UsageReport | None:
        usage = read(value)
        if usage is None:
            return None
        state.usage = usage
        return UsageReport(usage, raw)

    return report


def further_reasoning(buffer: TextBuffer, part: Hashable, slot: int, choice: int, kind: str) -> Further:
    """Return a function that makes deltas of one kind of reasoning."""
    add = buffer.appender(part)

    def further(text: str, raw: Any, value: Any) -> ReasoningDelta:
        if buffer.half or not text.isascii():
            text = buffer.encodable(text, part)
        event = new(_reasoning)
        event.text, event.kind, event.snapshot = text, kind, add(text)
        event.slot, event.choice, event.raw = slot, choice, raw
        event.__class__ = ReasoningDelta
        return event  # type: ignore[no-any-return]

    return further


def further_arguments(
    buffer: TextBuffer, part: Hashable, slot: int, choice: int, call_id: str | None, name: str | None
) -> Further:
    """Return a function that makes deltas of one call."""
    add = buffer.appender(part)

    def further(text: str, raw: Any, value: Any) -> ToolCallDelta:
        if buffer.half or not text.isascii():
            text = buffer.encodable(text, part)
        event = new(_tool_call)
        event.call_id, event.name, event.arguments, event.snapshot = call_id, name, text, add(text)
        event.slot, event.choice, event.raw = slot, choice, raw
        event.__class__ = ToolCallDelta
        return event  # type: ignore[no-any-return]

    return further

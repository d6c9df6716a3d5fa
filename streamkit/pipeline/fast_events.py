"""Constructors of the three delta events for the hot path, and the classes that make them fast.

The `__init__` of a frozen dataclass sets each field through `object.__setattr__`: 0.76 us for a delta. These
fill an unfrozen twin with the same slots and then give it the event's class: 0.25 us.
tests/test_events.py compares them with the ordinary constructors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from functools import cache
from typing import Any, TypeVar

from ..events import ReasoningDelta, TextDelta, ToolCallDelta

D = TypeVar("D")


def fast(cls: type[D]) -> Callable[..., D]:
    """Return a constructor of the frozen, slotted dataclass *cls* that takes every field by position."""
    twin = _twin(cls, init=True)

    def new(*values: Any) -> D:
        event = twin(*values)
        event.__class__ = cls
        return event  # type: ignore[no-any-return]

    return new


@cache
def blank(cls: type) -> Any:
    """Return a class whose instances, with all fields of *cls* set, can get the class *cls*."""
    return _twin(cls, init=False)


def _twin(cls: type, *, init: bool) -> Any:
    names = [field.name for field in fields(cls)]
    return make_dataclass(cls.__name__, names, slots=True, eq=False, repr=False, init=init)


text_delta, reasoning_delta, tool_call_delta = fast(TextDelta), fast(ReasoningDelta), fast(ToolCallDelta)

"""The state of a run: the result so far, the calls that wait for their outputs, and the turn that comes next.

Rule: `AgentResult` never changes; `State.result` is replaced. The calls of a turn that the user passed over
in the conversation aren't pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from attrs import define, field, frozen

from ..client.observers import How, Observation
from ..completion import Completion, Usage
from ..events import Event
from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
)
from ..request.options import ToolSpec
from ..tools import Cancellation

Call: TypeAlias = FunctionCall | CustomToolCall | LocalShellCall
_CALLS = (FunctionCall, CustomToolCall, LocalShellCall)


class StreamLike(Protocol):
    """The part of a stream that a run uses."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...


@frozen
class AgentResult:
    """The result of a run, or its state so far.

    `conversation` is the input, every turn's items and every output. `completion` belongs to the last turn.
    `usage` is the sum over turns, or None if the server sent no counts. `pending` has the calls of the last
    turn that didn't run, because a tool has no function here or *approve* stopped the run. `stopped` is True
    after `StopRun` and after *stop_when*.
    """

    conversation: tuple[Item, ...] = ()
    completion: Completion | None = None
    usage: Usage | None = None
    turns: int = 0
    calls: int = 0
    pending: tuple[Call, ...] = ()
    stopped: bool = False

    @property
    def text(self) -> str:
        """The text of the last turn."""
        return self.completion.text if self.completion else ""


@define
class Turn:
    """The turn that comes next, which *before_turn* may change.

    `number` counts from 1. `run` is the result so far. A change of `conversation` stays in the run; `input`
    replaces the conversation in this turn's request only. `tools` and `options` (the model and parameters)
    are those of this turn; the next one begins again with the run's.
    """

    number: int
    run: AgentResult
    conversation: list[Any]
    tools: list[Any]
    options: dict[str, Any]
    input: Any = None


@define
class State:
    """The part of a run that changes."""

    result: AgentResult
    observation: Observation
    stream: Any = None  # the one that is open
    cancellation: Cancellation = field(factory=Cancellation)
    leaving: How = "abandoned"  # how the run ends if its generator is closed
    specs: Mapping[str, ToolSpec] = {}  # the tools of the turn, by the name that was sent
    ran: Counter[Any] = field(factory=Counter)  # the number of times that each call ran
    # Parameters that continue from the server's copy of the conversation, and its number of items.
    continued: Mapping[str, Any] = {}
    sent: int = 0


def unanswered(items: Iterable[Item]) -> tuple[Call, ...]:
    """Return the complete calls at the end of *items* that have no output."""
    pending: list[Call] = []
    for item in items:
        if isinstance(item, _CALLS):
            if item.status != "incomplete":
                pending.append(item)
        elif isinstance(item, FunctionCallOutput | CustomToolCallOutput):
            answered = next((call for call in pending if call.call_id == item.call_id), None)
            if answered is not None:
                pending.remove(answered)
        elif isinstance(item, Message) and item.role == "user":
            pending = []  # the user continued the conversation without them
    return tuple(pending)


def tokens_of(usage: Usage | None) -> int:
    """Return the tokens that the server counted."""
    if usage is None:
        return 0
    return usage.total_tokens or (usage.input_tokens or 0) + (usage.output_tokens or 0)

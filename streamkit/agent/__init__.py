"""Stream a turn, run its calls, stream the next one: the events of all turns as one iterator.

    run = agent.run(client, "What is the weather in Oslo?", [weather], model="...")
    for event in run: ...
    run.result().conversation

This file has the two ends: the arguments in, and the run that a program holds. turns.py repeats the turns.
However a run ends, `partial` has the conversation so far.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ..client.observers import Observation
from ..errors import StreamkitError, UsageError
from ..events import Event
from ..items import FunctionCall
from ..request.inputs import as_items
from ..request.options import Tool
from ..text_stream import TextStream, read_twice
from ..tools import StopRun
from .observed import observation_of, observed
from .plan import ClientLike, Condition, Plan, plan_of
from .progress import AgentResult, Call, State, StreamLike, Turn, unanswered
from .turns import read_turns

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..client.options import RunOptions

__all__ = ["AgentResult", "AgentRun", "Call", "ClientLike", "StopRun", "StreamLike", "Turn", "run"]


def run(
    client: ClientLike,
    conversation: Any,
    tools: Iterable[Tool | Callable[..., Any]] = (),
    *,
    model: str | None = None,
    max_turns: int = 10,
    max_calls: int | None = None,
    max_total_tokens: int | None = None,
    max_repeats: int | None = None,
    stop_when: Condition | Iterable[Condition] | None = None,
    before_turn: Callable[[Turn], object] | None = None,
    approve: Callable[[FunctionCall], bool | str] | None = None,
    on_tool_error: Literal["tell", "raise"] = "tell",
    executor: Executor | None = None,
    tool_timeout: float | None = None,
    max_output: int | None = 200_000,
    name: str | None = None,
    **options: Unpack[RunOptions],
) -> AgentRun:
    """Return a run: it streams a turn, runs its calls, and repeats until a turn ends without a call.

    A function among *tools* becomes a tool, as with `@tool`. *model* and *options* go to `client.stream` on
    every turn. A `tool_choice` that forces a call applies to the first turn only.

    *max_turns* limits the requests, *max_calls* the calls that run, *max_total_tokens* the tokens that the
    server counted. `LimitError` is raised before a turn that would exceed *max_turns*, and before calls that
    would exceed *max_calls*. *max_total_tokens* is checked between turns, because a turn's tokens are known
    at its end. So the last turn can exceed it; if that turn has calls, none of them runs.

    *stop_when* is a function or a list of functions of the result so far. They are called after the calls of
    a turn; the run ends if one returns true. With *stop_when*, *max_turns* is checked after them.
    *before_turn* is called with each `Turn` before its request, and may change it.

    *approve* is called for every call of a turn before one of them runs. True runs the call. False skips it,
    and so does a string, which becomes its output. `StopRun` in one of these functions or in a tool ends the
    run.

    A call with the same name and arguments runs at most *max_repeats* times. The model is told about one more
    ("tell"), or `LimitError` is raised ("raise").

    *on_tool_error* applies to wrong arguments, an unknown tool and a function that raises. "tell" makes the
    error the call's output, "raise" raises `UsageError` or `ToolError`. If a call isn't complete,
    "tell" appends a user message and asks again, "raise" raises `IncompleteResponseError`. That is also
    raised if the limit of tokens or a filter cut the only call of a turn.

    Calls run in order, or in parallel on *executor*; they finish in order. *tool_timeout* is in seconds: the
    model is told that the tool took longer, and the run goes on, although Python can't end the tool's thread.
    *max_output* limits the characters of a text output; the model is told that it was cut. If one call of a
    turn has no function here (a `ToolSpec` without one, a custom call), the run ends with all calls in
    `pending`. *name* is the agent's name in traces.
    """
    plan = plan_of(
        client,
        tools,
        name=name,
        limits={
            "max_turns": max_turns,
            "max_calls": max_calls,
            "max_total_tokens": max_total_tokens,
            "max_repeats": max_repeats,
        },
        approve=approve,
        stop_when=stop_when,
        before_turn=before_turn,
        on_tool_error=on_tool_error,
        executor=executor,
        tool_timeout=tool_timeout,
        max_output=max_output,
        options={**options, **({} if model is None else {"model": model})},
    )
    return AgentRun(plan, as_items(conversation, "conversation"))


class AgentRun:
    """The events of all turns, as an iterator: each turn ends in `Completed`, each call in `ToolFinished`."""

    def __init__(self, plan: Plan, conversation: tuple[Any, ...]) -> None:
        observation: Observation = observation_of(plan)
        self._state = State(AgentResult(conversation), observation)
        self._events = observed(read_turns(plan, self._state), plan, self._state)
        self._failure: BaseException | None = None

    def __iter__(self) -> AgentRun:
        return self

    def __next__(self) -> Event:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            return next(self._events)
        except StopIteration:
            raise
        except BaseException as error:
            if (twice := read_twice(error, "run")) is not None:
                raise twice from None
            self._failure = error
            if isinstance(error, StreamkitError):
                raise error.with_traceback(None)  # noqa: B904 - the same error, with fewer frames
            raise

    @property
    def partial(self) -> AgentResult:
        """The result so far, at any moment, also after an error."""
        return self._state.result

    @property
    def text_stream(self) -> TextStream:
        """The text of all turns, piece by piece. Its `close()` closes this run."""
        return TextStream(self)

    def until_done(self) -> AgentRun:
        """Read to the end, and return this run. Raises the same errors as iterating."""
        for _ in self:
            pass
        return self

    def result(self) -> AgentResult:
        """Read to the end, and return the result. Raises the same errors as iterating."""
        return self.until_done().partial

    def close(self) -> None:
        """End the run: release the connection, and start no further tool.

        If another thread is reading the run, this cancels it instead.
        """
        if self._state.leaving == "abandoned":
            self._state.leaving = "closed"
        has_ended = inspect.getgeneratorstate(self._events) == inspect.GEN_CLOSED
        try:
            self._events.close()
        except ValueError:  # "generator already executing"
            self.cancel()
            return
        last = self.partial.completion
        if not has_ended and (last is None or unanswered(last.items)):
            self._failure = UsageError(
                "this run was closed before its end; continue from run.partial.conversation", partial=last
            )

    def cancel(self) -> None:
        """Make the run raise `StreamCancelledError`, at once if it is blocked in a read.

        You can call it from any thread. No other tool starts. A tool that is running isn't interrupted, but
        for one that asked to be told with `tools.on_cancel`, as those of MCP servers do.
        """
        self._state.cancellation.cancel()
        stream = self._state.stream
        if stream is not None:
            stream.cancel()

    def __enter__(self) -> AgentRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._state.leaving = "interrupted"
        self.close()

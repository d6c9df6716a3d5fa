"""Stream a turn, run its calls, stream the next one: the events of all turns as one iterator.

    run = agent.run(client, "What is the weather in Oslo?", [weather], model="...")
    for event in run: ...
    run.result().conversation

Rules: the connection is closed before a tool runs. A call runs only if it is complete, known and approved.
The limits on turns and calls are checked before a turn or its calls begin, the token limit between turns.
However a run ends, `partial` has the conversation so far. If the conversation ends in unanswered calls, the
next run begins with them.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from attrs import define, evolve, field, frozen

from ._checks import FUNCTION, Kind, check, optional
from .completion import Completion, Usage
from .errors import (
    LimitError,
    StreamCancelledError,
    ToolError,
    TruncatedStreamError,
    UsageError,
)
from .events import Completed, Event, ToolFinished
from .items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
)
from .request.inputs import as_items
from .request.options import Tool, ToolSpec, as_tools, is_seconds
from .text_stream import TextStream, read_twice
from .tool_calls import Decision, Limits, outcomes
from .tools import Cancellation, StopRun, tool_of
from .wires.tool_specs import check_tool_names, sendable_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .client import RunOptions

logger = logging.getLogger("streamkit")

Call: TypeAlias = FunctionCall | CustomToolCall | LocalShellCall
_CALLS = (FunctionCall, CustomToolCall, LocalShellCall)


class StreamLike(Protocol):
    """The part of a stream that a run uses."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...


class ClientLike(Protocol):
    """The part of a client that a run uses: `stream(input, **options)`. Tests can pass a fake."""

    @property
    def stream(self) -> Callable[..., StreamLike]: ...


@frozen
class AgentResult:
    """The result of a run, or its state so far.

    `conversation` is the input, every turn's items and every output. `completion` belongs to the last turn.
    `usage` is the sum over turns, or None if the server sent no counts. `pending` has the calls of the last
    turn that didn't run, because a tool has no function here or *approve* stopped the run.
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


_CLIENT = Kind(
    "a Client", lambda value: callable(getattr(value, "stream", None)), "pass Client(...), not its class"
)
_APPROVE = optional(FUNCTION)
_EXECUTOR = optional(
    Kind("an executor", lambda value: hasattr(value, "submit"), "pass ThreadPoolExecutor(max_workers=)")
)


def run(
    client: ClientLike,
    conversation: Any,
    tools: Iterable[Tool | Callable[..., Any]] = (),
    *,
    model: str | None = None,
    max_turns: int = 10,
    max_calls: int | None = None,
    max_total_tokens: int | None = None,
    approve: Callable[[FunctionCall], bool | str] | None = None,
    on_tool_error: Literal["tell", "raise"] = "tell",
    executor: Executor | None = None,
    tool_timeout: float | None = None,
    max_output: int | None = 200_000,
    **options: Unpack[RunOptions],
) -> AgentRun:
    """Return a run: it streams a turn, runs its calls, and repeats until a turn ends without a call.

    A function among *tools* becomes a tool, as with `@tool`. *model* and *options* go to `client.stream` on
    every turn. A `tool_choice` that forces a call applies to the first turn only.

    *max_turns* limits the requests, *max_calls* the calls that run, *max_total_tokens* the tokens that the
    server counted. `LimitError` is raised before a turn that would exceed *max_turns*, and before calls that
    would exceed *max_calls*. *max_total_tokens* is checked between turns, because a turn's tokens are known
    at its end. So the last turn can exceed it; if that turn has calls, none of them runs.

    *approve* is called for every call of a turn before one of them runs. True runs the call. False skips it,
    and so does a string, which becomes its output. `StopRun` in *approve* or in a tool ends the run.

    *on_tool_error* applies to wrong arguments, an unknown tool and a function that raises. "tell" makes the
    error the call's output, "raise" raises `UsageError` or `ToolError`. If a call isn't complete,
    "tell" appends a user message and asks again, "raise" raises `IncompleteResponseError`.

    Calls run in order, or in parallel on *executor*; they finish in order. *tool_timeout* is in seconds: the
    model is told that the tool took longer, and the run goes on, although Python can't end the tool's thread.
    *max_output* limits the characters of a text output; the model is told that it was cut. If one call of a
    turn has no function here (a `ToolSpec` without one, a custom call), the run ends with all calls in
    `pending`.
    """
    check("client", client, _CLIENT)
    check("approve", approve, _APPROVE)
    check("executor", executor, _EXECUTOR)
    specs = as_tools(_as_spec(tool) for tool in _listed(tools))
    check_tool_names(specs)
    limits = {"max_turns": max_turns, "max_calls": max_calls, "max_total_tokens": max_total_tokens}
    if tool_timeout is not None and not is_seconds(tool_timeout):
        raise UsageError(f"tool_timeout: expected seconds above 0, or None, got {tool_timeout!r:.80}")
    for name, limit in {**limits, "max_output": max_output}.items():
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise UsageError(f"{name}: expected an integer of at least 1, got {limit!r:.80}")
    if on_tool_error not in ("tell", "raise"):
        raise UsageError(f"on_tool_error: expected 'tell' or 'raise', got {on_tool_error!r:.80}")
    plan = _Plan(
        client=client,
        tools=specs,
        specs={sendable_name(tool.name): tool for tool in specs if isinstance(tool, ToolSpec)},
        limits=limits,
        approve=approve,
        tell=on_tool_error == "tell",
        executor=executor,
        tool_limits=Limits(tool_timeout, max_output),
        options={**options, **({} if model is None else {"model": model})},
    )
    return AgentRun(plan, as_items(conversation))


@frozen
class _Plan:
    """The arguments of a run; they never change."""

    client: ClientLike
    tools: tuple[Tool, ...]
    specs: Mapping[str, ToolSpec]
    limits: Mapping[str, int | None]
    approve: Callable[[FunctionCall], bool | str] | None
    tell: bool
    executor: Executor | None
    tool_limits: Limits
    options: Mapping[str, Any]


def _listed(tools: Any) -> Iterable[Any]:
    is_list = isinstance(tools, Iterable) and not isinstance(tools, Mapping)
    return tools if is_list else as_tools(tools)  # which raises


def _as_spec(tool: Any) -> Any:
    """Return a function as a tool; anything else unchanged."""
    return tool_of(tool) if callable(tool) and not isinstance(tool, ToolSpec) else tool


class AgentRun:
    """The events of all turns, as an iterator: each turn ends in `Completed`, each call in `ToolFinished`."""

    def __init__(self, plan: _Plan, conversation: tuple[Item, ...]) -> None:
        self._state = _State(AgentResult(conversation))
        self._events = _run(plan, self._state)
        self._failure: BaseException | None = None

    def __iter__(self) -> AgentRun:
        return self

    def __next__(self) -> Event:
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._events)
        except StopIteration:
            raise
        except BaseException as error:
            if (twice := read_twice(error, "run")) is not None:
                raise twice from None
            self._failure = error
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
        has_ended = inspect.getgeneratorstate(self._events) == inspect.GEN_CLOSED
        try:
            self._events.close()
        except ValueError:  # "generator already executing"
            self.cancel()
            return
        last = self.partial.completion
        if not has_ended and (last is None or _unanswered(last.items)):
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
        self.close()


@define
class _State:
    """The part of a run that changes. `result` is replaced, never changed."""

    result: AgentResult
    stream: StreamLike | None = None
    cancellation: Cancellation = field(factory=Cancellation)
    # Parameters that continue from the server's copy of the conversation, and its number of items.
    continued: Mapping[str, Any] = {}
    sent: int = 0


def _run(plan: _Plan, state: _State) -> Generator[Event, None, None]:
    pending, told = _unanswered(state.result.conversation), None
    while True:
        # Checked before the calls run: without a turn that reads their outputs, they would run for no use.
        _check(plan, state, "max_turns", state.result.turns + 1)
        _check(plan, state, "max_total_tokens", _tokens(state.result.usage) + 1)
        if pending:
            state.result = evolve(state.result, pending=pending)
            decisions = _decide(plan, state, pending)
            if decisions is None:
                return
            try:
                yield from _answer(plan, state, decisions)
            except StopRun:
                state.result = evolve(state.result, stopped=True)
                return
        if told is not None:
            state.result = evolve(state.result, conversation=(*state.result.conversation, told))
        yield from _turn(plan, state)
        pending = _unanswered(state.result.conversation)
        told = _about_bad_calls(plan, state)
        if not pending and told is None:
            return


def _about_bad_calls(plan: _Plan, state: _State) -> Message | None:
    """Return a message about the calls of the turn that aren't complete; None if there are none.

    A turn that a limit or a filter cut isn't asked for again. Raises `IncompleteResponseError` if the run
    doesn't tell.
    """
    completion = state.result.completion
    if completion is None:
        return None
    reason, word = completion.finish_reason, str(completion.raw_finish_reason).lower()
    bad = completion.choices[0].incomplete_calls if completion.choices else ()
    if reason in ("length", "content_filter") or (reason == "error" and "call" not in word):
        return None
    if not bad and (reason not in ("tool_calls", "error") or completion.tool_calls):
        return None
    if not plan.tell:
        completion.raise_for_incomplete()
    names = ", ".join(call.name for call in bad if call.name) or "a tool"
    logger.warning("a turn has a tool call that isn't complete (%s); the model is told", names)
    return Message(
        "user",
        f"The call of {names} wasn't complete and didn't run. Send it again, with arguments in valid JSON.",
    )


def _unanswered(items: Iterable[Item]) -> tuple[Call, ...]:
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


def _check(plan: _Plan, state: _State, limit: str, needed: int) -> None:
    allowed = plan.limits[limit]
    if allowed is not None and needed > allowed:
        raise LimitError(
            f"run stopped: {limit}={allowed} reached; continue from error.result.conversation",
            limit=limit,
            allowed=allowed,
            result=state.result,
            partial=state.result.completion,
        )


def _check_cancelled(state: _State) -> None:
    if state.cancellation.is_cancelled:
        raise StreamCancelledError(
            "the run was cancelled; the run's .partial has the conversation so far",
            partial=state.result.completion,
        )


def _tokens(usage: Usage | None) -> int:
    if usage is None:
        return 0
    return usage.total_tokens or (usage.input_tokens or 0) + (usage.output_tokens or 0)


# -- a turn -------------------------------------------------------------------------------


def _turn(plan: _Plan, state: _State) -> Iterator[Event]:
    """Stream one turn. Its connection is closed before this ends."""
    options = dict(plan.options)
    if state.result.turns and options.get("tool_choice") not in (None, "auto", "none"):
        del options["tool_choice"]  # otherwise every turn would be a call
    conversation = state.result.conversation
    if state.continued:  # the server has the conversation up to its last answer
        options |= state.continued
        conversation = conversation[state.sent :]
    stream = plan.client.stream(list(conversation), tools=list(plan.tools), **options)
    state.stream = stream
    completion = None
    try:
        _check_cancelled(state)  # cancel() may have run before state.stream was set
        for event in stream:
            if isinstance(event, Completed):
                completion = event.completion
                _add_turn(state, completion, getattr(stream, "continue_from", None))
            yield event
    finally:
        state.stream = None
        stream.close()
    if completion is None:
        raise TruncatedStreamError("the stream ended without Completed; a client's stream must end with one")


def _add_turn(
    state: _State, completion: Completion, continue_from: Callable[[], Mapping[str, Any]] | None
) -> None:
    result = state.result
    usage = completion.usage
    if usage is not None and result.usage is not None:
        usage = result.usage + usage
    state.result = evolve(
        result,
        conversation=(*result.conversation, *completion.items),
        completion=completion,
        usage=usage or result.usage,
        turns=result.turns + 1,
        pending=(),
    )
    state.continued = continue_from() if continue_from is not None else {}
    state.sent = len(state.result.conversation)


# -- its calls ----------------------------------------------------------------------------


def _decide(plan: _Plan, state: _State, pending: tuple[Call, ...]) -> list[Decision] | None:
    """Return a decision about each call, before one runs; None if the run ends here."""
    decisions: list[Decision] = []
    for call in pending:
        spec = plan.specs.get(sendable_name(call.name)) if isinstance(call, FunctionCall) else None
        if not isinstance(call, FunctionCall) or (spec is not None and spec.function is None):
            return None  # the caller runs this one
        decisions.append(Decision(call, spec))
    if plan.approve is not None:
        try:
            decisions = [_approved(decision, plan.approve) for decision in decisions]
        except StopRun:
            state.result = evolve(state.result, stopped=True)
            return None
    _check(plan, state, "max_calls", state.result.calls + sum(d.skip is None for d in decisions))
    return decisions


def _approved(decision: Decision, approve: Callable[[FunctionCall], bool | str]) -> Decision:
    answer = approve(decision.call)
    if answer is True:
        return decision
    return evolve(decision, skip=answer if isinstance(answer, str) else "This call was not approved.")


def _answer(plan: _Plan, state: _State, decisions: list[Decision]) -> Iterator[Event]:
    """Run the calls. Each output is added to the conversation before its `ToolFinished` is yielded."""
    results = outcomes(
        decisions,
        plan.specs,
        plan.tool_limits,
        plan.executor,
        state.cancellation,
        lambda: _check_cancelled(state),
    )
    for decision, (output, error) in zip(decisions, results, strict=True):
        if error is not None and not plan.tell:
            error.partial = state.result.completion
            raise error
        if error is not None:
            logger.warning("tool call failed; its output is the error: %s", error)
        call, result = decision.call, state.result
        # A skipped call isn't an error: the caller decided to skip it.
        item = FunctionCallOutput(call.call_id, output, is_error=error is not None)
        state.result = evolve(
            result,
            conversation=(*result.conversation, item),
            calls=result.calls + (decision.skip is None),
            pending=result.pending[1:],
        )
        cause = error.__cause__ if isinstance(error, ToolError) else error
        yield ToolFinished(call, output, cause)

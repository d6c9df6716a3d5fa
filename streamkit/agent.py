"""Stream a turn, run its calls, stream the next one: the events of all turns as one iterator.

    run = agent.run(client, "What is the weather in Oslo?", [weather], model="...")
    for event in run: ...
    run.result().conversation

Rules: the connection is closed before a tool runs; nothing runs that was not complete, known and
approved; a limit is checked before it is passed; whatever ends a run, `partial` has the conversation
so far, and a conversation that ends in unanswered calls goes on with running them.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

from attrs import define, evolve, frozen

from .completion import Completion, Usage
from .errors import (
    LimitError,
    StreamCancelledError,
    ToolError,
    TruncatedStreamError,
    UsageError,
)
from .events import Completed, Event, TextDelta, ToolFinished
from .items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
    Part,
)
from .request.inputs import as_items
from .request.options import Tool, ToolSpec, as_tools
from .tools import call_tool, output_of

logger = logging.getLogger("streamkit")

Call: TypeAlias = FunctionCall | CustomToolCall | LocalShellCall
Outcome: TypeAlias = "tuple[str | tuple[Part, ...], UsageError | ToolError | None]"
_CALLS = (FunctionCall, CustomToolCall, LocalShellCall)


class StopRun(Exception):
    """Raise it in *approve* to end the run: nothing of this turn runs, and no error is raised."""


class StreamLike(Protocol):
    """What a run needs of a stream."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...


class ClientLike(Protocol):
    """What a run needs of a client: `stream(input, **options)`; a fake one in tests will do."""

    @property
    def stream(self) -> Callable[..., StreamLike]: ...


@frozen
class AgentResult:
    """What a run came to.

    `conversation` is all of it: the input, every turn's items, every output. `completion` is the last
    turn's; `usage` the sum over turns, None where no server counted. `pending` are the calls of the
    last turn that nothing here could run, or that *approve* stopped.
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


def run(
    client: ClientLike,
    conversation: Any,
    tools: Iterable[Tool] = (),
    *,
    max_turns: int = 10,
    max_calls: int | None = None,
    max_total_tokens: int | None = None,
    approve: Callable[[FunctionCall], bool | str] | None = None,
    on_tool_error: Literal["tell", "raise"] = "tell",
    executor: Executor | None = None,
    **options: Any,
) -> AgentRun:
    """Turns until one ends without a call; the calls of each are run in between.

    *options* go to `client.stream` on every turn (`model=`, `instructions=`, ...); a `tool_choice` that
    forces a call is for the first turn only. *max_turns* counts requests, *max_calls* calls run,
    *max_total_tokens* what servers counted; passing one raises `LimitError` before anything more is done.

    *approve* is asked about each call before any of its turn runs: True runs it, False or a string skips
    it (the string is what the model is told), and `StopRun` ends the run. *on_tool_error* decides what
    becomes of bad arguments, an unknown name and a function that raises: "tell" the model, or "raise"
    `UsageError` or `ToolError`. Calls run in order, or side by side on *executor*, and finish in order.
    A call without a function here (a `ToolSpec` without one, a custom call) ends the run, as `pending`.
    """
    tools = as_tools(tools)
    limits = {"max_turns": max_turns, "max_calls": max_calls, "max_total_tokens": max_total_tokens}
    for name, limit in limits.items():
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise UsageError(f"{name} takes an integer of at least 1, got {limit!r}")
    if on_tool_error not in ("tell", "raise"):
        raise UsageError(f"on_tool_error takes 'tell' or 'raise', got {on_tool_error!r}")
    plan = _Plan(
        client=client,
        tools=tools,
        specs={tool.name: tool for tool in tools if isinstance(tool, ToolSpec)},
        limits=limits,
        approve=approve,
        tell=on_tool_error == "tell",
        executor=executor,
        options=options,
    )
    return AgentRun(plan, as_items(conversation))


@frozen
class _Plan:
    """What was asked for; never changes."""

    client: ClientLike
    tools: tuple[Tool, ...]
    specs: Mapping[str, ToolSpec]
    limits: Mapping[str, int | None]
    approve: Callable[[FunctionCall], bool | str] | None
    tell: bool
    executor: Executor | None
    options: Mapping[str, Any]


class AgentRun:
    """The events of all turns, with `ToolFinished` between them; each turn ends in its `Completed`."""

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
            self._failure = error
            raise

    @property
    def partial(self) -> AgentResult:
        """The run so far, at any moment: after an error, too."""
        return self._state.result

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of all turns, piece by piece; all other events pass unseen."""
        return (event.text for event in self if type(event) is TextDelta and event.choice == 0)

    def until_done(self) -> AgentRun:
        """Read to the end, and return this run. Raises what iterating raises."""
        for _ in self:
            pass
        return self

    def result(self) -> AgentResult:
        """Read to the end; what the run came to. Raises what iterating raises."""
        return self.until_done().partial

    def close(self) -> None:
        """End the run: the connection is released, tools that have not begun do not begin.

        While another thread is in the middle of it, this cancels instead.
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
                "this run was closed before its end; .partial has the conversation so far", partial=last
            )

    def cancel(self) -> None:
        """Make the run raise `StreamCancelledError`, at once if it is blocked in a read.

        Safe from any thread. A tool that runs is not interrupted; nothing begins after it.
        """
        self._state.cancelled = True
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
    """What changes while a run goes on; `result` is replaced, never changed."""

    result: AgentResult
    stream: StreamLike | None = None
    cancelled: bool = False
    # Parameters that continue from the server's copy of the conversation, and its number of items.
    continued: Mapping[str, Any] = {}
    sent: int = 0


@frozen
class _Decision:
    """A call, the tool it means if there is one, and what to tell the model in place of running it."""

    call: FunctionCall
    spec: ToolSpec | None
    skip: str | None = None


def _run(plan: _Plan, state: _State) -> Generator[Event, None, None]:
    pending = _unanswered(state.result.conversation)
    while True:
        # Checked before the calls run, too: what they cost or change is for nothing without that turn.
        _check(plan, state, "max_turns", state.result.turns + 1)
        _check(plan, state, "max_total_tokens", _tokens(state.result.usage) + 1)
        if pending:
            state.result = evolve(state.result, pending=pending)
            decisions = _decide(plan, state, pending)
            if decisions is None:
                return
            yield from _answer(plan, state, decisions)
        yield from _turn(plan, state)
        pending = _unanswered(state.result.conversation)
        if not pending:
            return


def _unanswered(items: Iterable[Item]) -> tuple[Call, ...]:
    """The whole calls at the end of *items* that no output answers."""
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
            pending = []  # the conversation went on without them
    return tuple(pending)


def _check(plan: _Plan, state: _State, limit: str, needed: int) -> None:
    allowed = plan.limits[limit]
    if allowed is not None and needed > allowed:
        raise LimitError(
            f"the run reached {limit}={allowed}; .result.conversation can be gone on with",
            limit=limit,
            allowed=allowed,
            result=state.result,
            partial=state.result.completion,
        )


def _check_cancelled(state: _State) -> None:
    if state.cancelled:
        raise StreamCancelledError(
            "the run was cancelled; .partial of the run has the conversation so far",
            partial=state.result.completion,
        )


def _tokens(usage: Usage | None) -> int:
    if usage is None:
        return 0
    return usage.total_tokens or (usage.input_tokens or 0) + (usage.output_tokens or 0)


# -- a turn -------------------------------------------------------------------------------


def _turn(plan: _Plan, state: _State) -> Iterator[Event]:
    """Stream one turn; when it is over, so is its connection."""
    options = dict(plan.options)
    if state.result.turns and options.get("tool_choice") not in (None, "auto", "none"):
        del options["tool_choice"]  # else the model could never do anything but call
    conversation = state.result.conversation
    if state.continued:  # the server has the conversation up to its last answer
        options |= state.continued
        conversation = conversation[state.sent :]
    stream = plan.client.stream(list(conversation), tools=list(plan.tools), **options)
    state.stream = stream
    completion = None
    try:
        _check_cancelled(state)  # by somebody who saw no stream yet
        for event in stream:
            if isinstance(event, Completed):
                completion = event.completion
                _add_turn(state, completion, getattr(stream, "continue_from", None))
            yield event
    finally:
        state.stream = None
        stream.close()
    if completion is None:
        raise TruncatedStreamError("the stream ended without Completed")


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


def _decide(plan: _Plan, state: _State, pending: tuple[Call, ...]) -> list[_Decision] | None:
    """What is to be done about each call, before any runs; None where the run ends here."""
    decisions: list[_Decision] = []
    for call in pending:
        spec = plan.specs.get(call.name) if isinstance(call, FunctionCall) else None
        if not isinstance(call, FunctionCall) or (spec is not None and spec.function is None):
            return None  # the caller's own business
        decisions.append(_Decision(call, spec))
    if plan.approve is not None:
        try:
            decisions = [_approved(decision, plan.approve) for decision in decisions]
        except StopRun:
            state.result = evolve(state.result, stopped=True)
            return None
    _check(plan, state, "max_calls", state.result.calls + sum(d.skip is None for d in decisions))
    return decisions


def _approved(decision: _Decision, approve: Callable[[FunctionCall], bool | str]) -> _Decision:
    answer = approve(decision.call)
    if answer is True:
        return decision
    return evolve(decision, skip=answer if isinstance(answer, str) else "This call was not approved.")


def _answer(plan: _Plan, state: _State, decisions: list[_Decision]) -> Iterator[Event]:
    """Run the calls; each output joins the conversation as its `ToolFinished` is yielded."""
    for decision, (output, error) in zip(decisions, _outcomes(plan, state, decisions), strict=True):
        if error is not None and not plan.tell:
            error.partial = state.result.completion
            raise error
        if error is not None:
            logger.warning("tool call failed, and the model is told: %s", error)
        call, result = decision.call, state.result
        state.result = evolve(
            result,
            conversation=(*result.conversation, FunctionCallOutput(call.call_id, output)),
            calls=result.calls + (decision.skip is None),
            pending=result.pending[1:],
        )
        cause = error.__cause__ if isinstance(error, ToolError) else error
        yield ToolFinished(call, output, cause)


def _outcomes(plan: _Plan, state: _State, decisions: list[_Decision]) -> Iterator[Outcome]:
    """In the order of the calls, whichever finishes first."""
    known = ", ".join(plan.specs) or "none"
    if plan.executor is None:
        for decision in decisions:
            _check_cancelled(state)
            yield _outcome(decision, known)
        return
    futures = [plan.executor.submit(_outcome, decision, known) for decision in decisions]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _outcome(decision: _Decision, known: str) -> Outcome:
    """What the model is to see of a call, and what went wrong."""
    call = decision.call
    if decision.skip is not None:
        return decision.skip, None
    if decision.spec is None:
        error = UsageError(f"there is no tool {call.name!r}; there are: {known}")
        return f"Error: {error}", error
    try:
        value = call_tool(decision.spec, call)
    except (UsageError, ToolError) as exc:
        return f"Error: {exc}", exc
    try:
        return output_of(value), None
    except (TypeError, ValueError) as exc:
        failure = ToolError(f"tool {call.name!r} returned what has no JSON form: {exc}", call=call)
        failure.__cause__ = exc
        return f"Error: {failure}", failure

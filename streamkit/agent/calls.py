"""Decide about the calls of a turn, run them, and add their outputs to the conversation.

Rules: a call runs only if it is complete, known, approved and not repeated too often. The limit on calls is
checked before one of them runs.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from ..errors import LimitError, StreamCancelledError, ToolError
from ..events import Event, ToolFinished
from ..items import FunctionCall, FunctionCallOutput
from ..json_text import NotJSONError, loads
from ..wires.tool_specs import sendable_name
from .outcomes import Decision, outcomes
from .plan import Plan
from .progress import Call, State

logger = logging.getLogger("streamkit")


def check_limit(plan: Plan, state: State, limit: str, needed: int) -> None:
    """Raise `LimitError` if the run would exceed the limit of this name."""
    allowed = plan.limits[limit]
    if allowed is not None and needed > allowed:
        raise _limit_error(state, limit, allowed, f"{limit}={allowed} reached")


def _limit_error(state: State, limit: str, allowed: int, why: str) -> LimitError:
    return LimitError(
        f"run stopped: {why}; continue from error.result.conversation",
        limit=limit,
        allowed=allowed,
        result=state.result,
        partial=state.result.completion,
    )


def check_cancelled(state: State) -> None:
    """Raise `StreamCancelledError` if the run was cancelled."""
    if state.cancellation.is_cancelled:
        raise StreamCancelledError(
            "the run was cancelled; the run's .partial has the conversation so far",
            partial=state.result.completion,
        )


def decide(plan: Plan, state: State, pending: tuple[Call, ...]) -> list[Decision] | None:
    """Return a decision about each call, before one runs; None if the caller runs one of them."""
    decisions: list[Decision] = []
    for call in pending:
        spec = state.specs.get(sendable_name(call.name)) if isinstance(call, FunctionCall) else None
        if not isinstance(call, FunctionCall) or (spec is not None and spec.function is None):
            return None
        decisions.append(Decision(call, spec))
    decisions = _without_repeats(plan, state, decisions)
    if plan.approve is not None:
        decisions = [_approved(decision, plan.approve) for decision in decisions]
    running = [decision for decision in decisions if decision.runs]
    check_limit(plan, state, "max_calls", state.result.calls + len(running))
    state.ran.update(_identity(decision.call) for decision in running)
    return decisions


def _without_repeats(plan: Plan, state: State, decisions: list[Decision]) -> list[Decision]:
    """Refuse each call that ran as often as it may. Raises `LimitError` if the run doesn't tell."""
    most = plan.limits["max_repeats"]
    if most is None:
        return decisions
    ran = Counter(state.ran)
    allowed = []
    for decision in decisions:
        call = decision.call
        ran[_identity(call)] += 1
        if ran[_identity(call)] > most:
            why = f"{call.name} was called with the same arguments more than max_repeats={most} times"
            error = _limit_error(state, "max_repeats", most, why)
            if not plan.tell:
                raise error
            said = f"Error: {call.name} ran {most} times with these arguments; use its output or change them"
            decision = evolve(decision, skip=said, error=error)
        allowed.append(decision)
    return allowed


def _identity(call: FunctionCall) -> tuple[str, str]:
    """Return the call's name and arguments, in one spelling for all texts of the same JSON."""
    try:
        return call.name, json.dumps(loads(call.arguments), sort_keys=True)
    except (NotJSONError, RecursionError):
        return call.name, call.arguments


def _approved(decision: Decision, approve: Callable[[FunctionCall], bool | str]) -> Decision:
    if decision.skip is not None:
        return decision
    answer = approve(decision.call)
    if answer is True:
        return decision
    return evolve(decision, skip=answer if isinstance(answer, str) else "This call was not approved.")


def answer(plan: Plan, state: State, decisions: list[Decision]) -> Iterator[Event]:
    """Run the calls. Each output is added to the conversation before its `ToolFinished` is yielded."""
    results = outcomes(
        decisions,
        state.specs,
        plan.tool_limits,
        plan.executor,
        state.cancellation,
        state.observation,
        lambda: check_cancelled(state),
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
            calls=result.calls + decision.runs,
            pending=result.pending[1:],
        )
        cause: Any = error.__cause__ if isinstance(error, ToolError) else error
        yield ToolFinished(call, output, cause)

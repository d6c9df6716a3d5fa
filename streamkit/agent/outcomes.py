"""The calls of a turn, with their tools -> their outcomes, in the order of the calls.

Rules: a call runs only if it is known and approved. An error of a tool is an outcome, which the run tells or
raises. `StopRun` passes through. Every call has the context variables of the thread that reads the run.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, TypeAlias

from attrs import frozen

from .._threads import start
from ..client.observers import Observation, ToolEnded, ToolStarted, belonging_to, next_number
from ..errors import LimitError, ToolError, UsageError
from ..items import FunctionCall, Part
from ..request.options import ToolSpec
from ..tool_outputs import capped, output_of
from ..tools import CURRENT, Cancellation, ToolFailure, call_tool

Outcome: TypeAlias = "tuple[str | tuple[Part, ...], UsageError | ToolError | LimitError | None]"


@frozen
class Decision:
    """A call, its tool if there is one, and the output to use if the call is skipped.

    `error` is set if the run itself refuses the call.
    """

    call: FunctionCall
    spec: ToolSpec | None
    skip: str | None = None
    error: LimitError | None = None

    @property
    def runs(self) -> bool:
        """True if the call isn't skipped."""
        return self.skip is None


@frozen
class Limits:
    """The seconds that a tool may take, and the characters of its output; None is no limit."""

    seconds: float | None = None
    characters: int | None = None


def outcomes(
    decisions: Sequence[Decision],
    specs: Mapping[str, ToolSpec],
    limits: Limits,
    executor: Executor | None,
    cancellation: Cancellation,
    observation: Observation,
    check: Callable[[], None],
) -> Iterator[Outcome]:
    """Yield the outcome of each call. Without an executor, *check* runs before each one, and can raise.

    Observers get the facts of a call in the thread that runs it, with its context variables.
    """
    known = ", ".join(spec.name for spec in specs.values()) or "none"

    def outcome(decision: Decision) -> Outcome:
        CURRENT.set(cancellation)  # in a context of this call's own
        return _outcome(decision, known, limits, observation)

    if executor is None:
        for decision in decisions:
            check()
            yield contextvars.copy_context().run(outcome, decision)
        return
    futures = []
    try:
        for decision in decisions:
            futures.append(executor.submit(contextvars.copy_context().run, outcome, decision))
    except RuntimeError as exc:  # it was shut down
        raise UsageError(f"executor: expected one that accepts work, got {exc}; keep it open") from exc
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _outcome(decision: Decision, known: str, limits: Limits, observation: Observation) -> Outcome:
    """Return the output of a call, and the error if it failed."""
    call, spec = decision.call, decision.spec
    if decision.skip is not None:
        return decision.skip, decision.error
    if spec is None:
        error = UsageError(f"unknown tool {call.name!r}; the tools are: {known}")
        return f"Error: {error}", error
    number, began = next_number(), time.monotonic()
    observation.tell(ToolStarted(call, spec, number))
    try:
        with belonging_to(number):
            output, failure = _result(spec, call, limits)
    except BaseException as exc:
        observation.tell(ToolEnded(call, number, time.monotonic() - began, error=exc))
        raise
    observation.tell(ToolEnded(call, number, time.monotonic() - began, output, failure))
    return output, failure


def _result(spec: ToolSpec, call: FunctionCall, limits: Limits) -> Outcome:
    failed: UsageError | ToolError | None = None
    try:
        value = _in_time(spec, call, limits.seconds)
    except (UsageError, ToolError) as exc:
        if not isinstance(exc.__cause__, ToolFailure):
            return f"Error: {exc}", exc
        value, failed = exc.__cause__.output, exc
    try:
        return capped(output_of(value), limits.characters), failed
    except UsageError as exc:
        failure = ToolError(f"tool {call.name!r} returned a value that can't be sent: {exc}", call=call)
        failure.__cause__ = exc
        return f"Error: {failure}", failure


def _in_time(spec: ToolSpec, call: FunctionCall, seconds: float | None) -> Any:
    """Return the result of the call. Raises `ToolError` if it takes longer; Python can't end its thread."""
    if seconds is None:
        return call_tool(spec, call)
    results: list[Any] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call_tool(spec, call))
        except BaseException as exc:  # noqa: BLE001 - SystemExit, too: the run's thread raises it
            errors.append(exc)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    start(thread)
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise ToolError(f"tool {spec.name!r} didn't return within {seconds:g} s", call=call)
    return results[0]

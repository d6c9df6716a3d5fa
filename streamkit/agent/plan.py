"""The arguments of a run, checked: they never change while it runs. Rule: a wrong one is a `UsageError`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, Protocol, TypeAlias

from attrs import frozen

from .._checks import FUNCTION, TEXT, Kind, check, got, optional
from ..errors import UsageError
from ..items import FunctionCall
from ..request.options import Tool, ToolSpec, as_tools, is_seconds
from ..tools import tool_of
from ..wires.tool_specs import check_tool_names, sendable_name
from .outcomes import Limits
from .progress import AgentResult, Turn

Condition: TypeAlias = Callable[[AgentResult], object]


class ClientLike(Protocol):
    """The part of a client that a run uses: `stream(input, **options)`. Tests can pass a fake."""

    @property
    def stream(self) -> Callable[..., Any]: ...


@frozen
class Plan:
    """The arguments of a run."""

    client: ClientLike
    name: str | None
    tools: tuple[Tool, ...]
    limits: Mapping[str, int | None]
    approve: Callable[[FunctionCall], bool | str] | None
    stop_when: tuple[Condition, ...]
    before_turn: Callable[[Turn], object] | None
    tell: bool
    executor: Executor | None
    tool_limits: Limits
    options: Mapping[str, Any]


_CLIENT = Kind(
    "a Client",
    lambda value: not isinstance(value, type) and callable(getattr(value, "stream", None)),
    "pass Client(...), not its class",
)
_EXECUTOR = Kind(
    "an executor", lambda value: hasattr(value, "submit"), "pass ThreadPoolExecutor(max_workers=)"
)


def plan_of(
    client: ClientLike,
    tools: Any,
    *,
    name: str | None,
    limits: Mapping[str, int | None],
    approve: Callable[[FunctionCall], bool | str] | None,
    stop_when: Condition | Iterable[Condition] | None,
    before_turn: Callable[[Turn], object] | None,
    on_tool_error: str,
    executor: Executor | None,
    tool_timeout: float | None,
    max_output: int | None,
    options: Mapping[str, Any],
) -> Plan:
    """Return the plan. Raises `UsageError` for an argument of a wrong type or value."""
    check("client", client, _CLIENT)
    check("name", name, TEXT)
    check("approve", approve, optional(FUNCTION))
    check("before_turn", before_turn, optional(FUNCTION))
    check("executor", executor, optional(_EXECUTOR))
    if tool_timeout is not None and not is_seconds(tool_timeout):
        raise UsageError(f"tool_timeout: expected seconds above 0, or None, got {got(tool_timeout, 80)}")
    for each, limit in {**limits, "max_output": max_output}.items():
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise UsageError(f"{each}: expected an integer of at least 1, got {got(limit, 80)}")
    if not isinstance(on_tool_error, str) or on_tool_error not in ("tell", "raise"):
        raise UsageError(f"on_tool_error: expected 'tell' or 'raise', got {got(on_tool_error, 80)}")
    return Plan(
        client=client,
        name=name,
        tools=tools_of(tools),
        limits=limits,
        approve=approve,
        stop_when=_conditions(stop_when),
        before_turn=before_turn,
        tell=on_tool_error == "tell",
        executor=executor,
        tool_limits=Limits(tool_timeout, max_output),
        options=options,
    )


def tools_of(tools: Any) -> tuple[Tool, ...]:
    """Return the tools, with a function as the tool of that function."""
    is_list = isinstance(tools, Iterable) and not isinstance(tools, Mapping)
    listed: Iterable[Any] = tools if is_list else as_tools(tools)  # which raises
    specs = as_tools(
        tool_of(tool) if callable(tool) and not isinstance(tool, ToolSpec) else tool for tool in listed
    )
    check_tool_names(specs)
    return specs


def specs_of(tools: Iterable[Tool]) -> dict[str, ToolSpec]:
    """Return the functions by the names that are sent."""
    return {sendable_name(tool.name): tool for tool in tools if isinstance(tool, ToolSpec)}


def _conditions(stop_when: Any) -> tuple[Condition, ...]:
    if stop_when is None:
        return ()
    if callable(stop_when):
        return (stop_when,)
    conditions = tuple(stop_when) if isinstance(stop_when, Iterable) else (stop_when,)
    for condition in conditions:
        if not callable(condition):
            raise UsageError(
                f"stop_when: expected a function, or a list of functions, got {type(condition).__name__}; "
                "pass lambda run: ..."
            )
    return conditions

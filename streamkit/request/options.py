"""The options of a request that no API sees: timeouts, the retry policy, and functions as tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic

from attrs import evolve, field, frozen

from .._checks import got
from .._fields import BOOLEAN, TEXT, optional
from ..errors import UsageError
from .objects import as_data

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, TypeVar

    # With these defaults, a bare `ToolSpec` in an annotation stands for a tool of any function.
    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any, covariant=True)
else:
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)


_LONGEST = 1e15  # no clock, sleep or counter takes more, and an int can be larger than every float


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < _LONGEST


def is_seconds(value: Any) -> bool:
    """Return True for a number above 0, and below the longest time that Python can wait."""
    return _is_number(value) and 0 < value < 1e9


def _seconds(instance: Any, attribute: Any, value: Any) -> None:
    if value is not None and not is_seconds(value):
        raise UsageError(f"{attribute.name}: expected seconds above 0, or None, got {got(value, 40)}")


def _wait(instance: Any, attribute: Any, value: Any) -> None:
    if not (_is_number(value) and 0 <= value < 1e9):
        raise UsageError(f"{attribute.name}: expected seconds, 0 or more, got {got(value, 40)}")


def _count(instance: Any, attribute: Any, value: Any) -> None:
    if not (_is_number(value) and value >= 0 and isinstance(value, int)):
        raise UsageError(f"{attribute.name}: expected a whole number, 0 or more, got {got(value, 40)}")


@frozen
class Timeouts:
    """The clocks of one request, in seconds; None switches a clock off.

    *connect* measures until the connection is open, TLS included, and then each step of sending.
    *first_event* measures from sending the request to the first data event. *idle* measures between data
    events; keep-alive comments don't reset it. *bytes* measures between any two reads. *deadline* covers the
    whole call with its retries. It is off by default, because a total limit ends long answers that are
    healthy.
    """

    connect: float | None = field(default=10, validator=_seconds)
    first_event: float | None = field(default=120, validator=_seconds)
    idle: float | None = field(default=120, validator=_seconds)
    bytes: float | None = field(default=None, validator=_seconds)
    deadline: float | None = field(default=None, validator=_seconds)


def as_timeouts(value: Timeouts | None, default: Timeouts) -> Timeouts:
    """Return *value*, or *default* if it is None. Raises `UsageError` for anything else, such as a number."""
    if value is not None and not isinstance(value, Timeouts):
        hint = "pass Timeouts(connect=, first_event=, idle=, bytes=, deadline=)"
        raise UsageError(f"timeouts: expected Timeouts or None, got {got(value, 80)}; {hint}")
    return default if value is None else value


@frozen
class RetryPolicy:
    """The number of retries, and the longest wait before each, in seconds.

    A retry happens only before the first output. If a server asks for a longer wait than *max_wait*, its
    error is raised at once, with `.retry_after`.
    """

    max_retries: int = field(default=4, validator=_count)
    max_wait: float = field(default=60, validator=_wait)


def as_retry_policy(value: RetryPolicy | None, default: RetryPolicy) -> RetryPolicy:
    """Return *value*, or *default* if it is None. Raises `UsageError` for anything else, such as a number."""
    if value is not None and not isinstance(value, RetryPolicy):
        hint = "pass RetryPolicy(max_retries=, max_wait=)"
        raise UsageError(f"retry: expected RetryPolicy or None, got {got(value, 80)}; {hint}")
    return default if value is None else value


def _amount(instance: Any, attribute: Any, value: Any) -> None:
    if value is not None and not (_is_number(value) and value > 0):
        raise UsageError(f"{attribute.name}: expected a number above 0, or None, got {got(value, 40)}")


def _whole(instance: Any, attribute: Any, value: Any) -> None:
    if value is not None and not (isinstance(value, int) and _is_number(value) and value > 0):
        raise UsageError(f"{attribute.name}: expected a whole number above 0, or None, got {got(value, 40)}")


@frozen
class Limits:
    """Your own limits of a client or of a job; None leaves a limit to the server, or sets none.

    *requests_per_minute* and *tokens_per_minute* (input and output) set the pace. *concurrency* is the number
    of streams open at once. *cost* (in the currency of `Usage.cost`), *tokens* and *failures* are budgets: a
    spent one raises `LimitError` before the next request, and requests under way go on.
    """

    requests_per_minute: float | None = field(default=None, validator=_amount)
    tokens_per_minute: float | None = field(default=None, validator=_amount)
    concurrency: int | None = field(default=None, validator=_whole)
    cost: float | None = field(default=None, validator=_amount)
    tokens: int | None = field(default=None, validator=_whole)
    failures: int | None = field(default=None, validator=_whole)

    def divided(self, lanes: int) -> Limits:
        """Return the share of one of *lanes* processes; failures aren't divided."""
        return Limits(
            requests_per_minute=self.requests_per_minute and self.requests_per_minute / lanes,
            tokens_per_minute=self.tokens_per_minute and self.tokens_per_minute / lanes,
            concurrency=self.concurrency and max(self.concurrency // lanes, 1),
            cost=self.cost and self.cost / lanes,
            tokens=self.tokens and max(self.tokens // lanes, 1),
            failures=self.failures,
        )


def as_limits(value: Limits | None, default: Limits) -> Limits:
    """Return *value*, or *default* if it is None. Raises `UsageError` for anything else, such as a number."""
    if value is not None and not isinstance(value, Limits):
        hint = (
            "pass Limits(requests_per_minute=, tokens_per_minute=, concurrency=, cost=, tokens=, failures=)"
        )
        raise UsageError(f"limits: expected Limits or None, got {got(value, 80)}; {hint}")
    return default if value is None else value


def _name(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"name: expected the name of a tool, got {got(value, 40)}; pass a string")


def _parameters(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise UsageError(f"parameters: expected the JSON schema of an object, got {got(value, 60)}")


def _callable(instance: Any, attribute: Any, value: Any) -> None:
    if not callable(value):
        raise UsageError(f"{attribute.name}: expected a function, got {got(value)}; pass the function itself")


def _no_arguments() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


@frozen
class ToolSpec(Generic[P, R]):
    """A tool that the model may call: its name, its description, and a JSON schema of its arguments.

    *strict* asks the server to enforce the schema, which is then sent in its strict form. *function* runs
    when the model calls the tool (see `tools.py`); it is never sent. Type checkers check the arguments and
    the result of a direct call: a `ToolSpec[P, R]` takes the parameters *P* and returns *R*.
    """

    name: str = field(validator=_name)
    description: str = field(default="", validator=TEXT)
    parameters: Mapping[str, Any] = field(factory=_no_arguments, hash=False, validator=_parameters)
    strict: bool | None = field(default=None, validator=optional(BOOLEAN))
    function: Callable[P, R] | None = field(default=None, repr=False, validator=optional(_callable))
    is_method: bool = field(default=False, repr=False, kw_only=True)  # *function* takes the object first

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, as if it weren't a tool. Raises `UsageError` if the tool has none."""
        if self.function is None:
            raise UsageError(f"tool {self.name!r} has no function to call; pass function= to ToolSpec")
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> ToolSpec[..., R]:
        """Return the tool of a method for the object that it is read from, as Python does with functions."""
        if instance is None or not self.is_method or self.function is None:
            return self
        return evolve(self, function=MethodType(self.function, instance), is_method=False)


Tool = ToolSpec | Mapping[str, Any]  # a mapping is a hosted tool, or a tool as the API writes it


# Keys by which a tool without a type is known: Anthropic's, and Gemini's lists. Gemini's other tools are
# objects under their names, which no table can list: `{"googleSearch": {}}`.
_OWN_FORMS = frozenset(
    ("input_schema", "functionDeclarations", "function_declarations", "mcpServers", "mcp_servers")
)


def _is_own_form(tool: Mapping[str, Any]) -> bool:
    names_a_kind = "function" in tool or "custom" in tool or "name" in tool
    return bool(_OWN_FORMS & tool.keys()) or (
        bool(tool) and not names_a_kind and all(isinstance(value, Mapping) for value in tool.values())
    )


def listed_tools(tools: Iterable[Tool] | None) -> tuple[Tool, ...] | None:
    """Return *tools* as a tuple, which can be read twice. Raises `UsageError` if they aren't a list."""
    if tools is None:
        return None
    if isinstance(tools, Mapping | str | bytes | type) or not isinstance(tools, Iterable):
        raise UsageError(f"tools: expected a list of tools, got {got(tools, 100)}; pass [tool]")
    return tuple(
        tool if isinstance(tool, ToolSpec) else as_data(tool, f"tools[{position}]")
        for position, tool in enumerate(tools)
    )


def as_tools(tools: Iterable[Tool] | None) -> tuple[Tool, ...]:
    """Return *tools* as a tuple. Raises `UsageError` if one isn't a tool, or if two have the same name."""
    tools = listed_tools(tools) or ()
    for position, tool in enumerate(tools):
        if not isinstance(tool, ToolSpec | Mapping):
            raise UsageError(
                f"tools[{position}]: expected a ToolSpec or a dict in the API's own form, "
                f"got {type(tool).__name__}; decorate a function with @tool"
            )
        if isinstance(tool, ToolSpec) and tool.is_method:
            raise UsageError(
                f"tools[{position}]: expected the tool of an object, got the method {tool.name!r:.60} of a "
                f"class; pass obj.{tool.name}"
            )
        if isinstance(tool, Mapping) and not (isinstance(tool.get("type"), str) or _is_own_form(tool)):
            raise UsageError(
                f"tools[{position}]: expected a dict with a type, got the keys {got(list(tool), 80)}; "
                "add a type such as 'function'"
            )
    names = [tool.name for tool in tools if isinstance(tool, ToolSpec)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"tools: expected different names, got two tools called {twice!r}; rename one")
    return tools

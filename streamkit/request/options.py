"""The options of a request that no API sees: timeouts, the retry policy, tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, validators

from ..errors import UsageError

if TYPE_CHECKING:
    pass


_seconds: Any = validators.optional([validators.instance_of((int, float)), validators.gt(0)])


@frozen
class Timeouts:
    """The clocks of one request, in seconds; None switches a clock off.

    *connect*: until the socket (and TLS) is up. *first_event*: from sending the request to the first
    data event. *idle*: between data events, which keep-alive comments do not feed. *bytes*: between
    any bytes at all. *deadline*: for the whole call, retries included; none by default, because a
    total limit kills healthy long answers.
    """

    connect: float | None = field(default=10, validator=_seconds)
    first_event: float | None = field(default=120, validator=_seconds)
    idle: float | None = field(default=120, validator=_seconds)
    bytes: float | None = field(default=None, validator=_seconds)
    deadline: float | None = field(default=None, validator=_seconds)


@frozen
class RetryPolicy:
    """How often, and how long at most in seconds, to wait before trying again.

    Retries happen before the first output only. A server that asks for more than *max_wait* is
    raised at once, with `.retry_after`.
    """

    max_retries: int = field(default=4, validator=[validators.instance_of(int), validators.ge(0)])
    max_wait: float = field(default=60, validator=[validators.instance_of((int, float)), validators.ge(0)])


def _no_arguments() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


@frozen
class ToolSpec:
    """A tool that the model may call: its name, what it does, and a JSON schema of its arguments.

    *strict* asks the server to keep to the schema, which is then sent in the strict form. *function*
    is what runs when the model calls (see `tools.py`); it is never sent.
    """

    name: str = field(validator=validators.matches_re(r"\S+"))
    description: str = field(default="", validator=validators.instance_of(str))
    parameters: Mapping[str, Any] = field(factory=_no_arguments, hash=False)
    strict: bool | None = field(default=None, validator=validators.optional(validators.instance_of(bool)))
    function: Callable[..., Any] | None = field(default=None, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as if it had never become a tool."""
        if self.function is None:
            raise UsageError(f"tool {self.name!r} has no function to call")
        return self.function(*args, **kwargs)


Tool = ToolSpec | Mapping[str, Any]  # a mapping is a hosted tool, or one in the API's own words


def as_tools(tools: Iterable[Tool] | None) -> tuple[Tool, ...]:
    """*tools* as a tuple, each one a tool. Raises `UsageError`, also for two of one name."""
    if tools is not None and (isinstance(tools, Mapping) or not isinstance(tools, Iterable)):
        raise UsageError(f"tools takes a list of tools, got {tools!r:.100}")
    tools = tuple(tools or ())
    for position, tool in enumerate(tools):
        if not isinstance(tool, ToolSpec | Mapping):
            raise UsageError(
                f"tools[{position}] is a {type(tool).__name__}; a tool is a ToolSpec "
                "(decorate a function with @tool) or the API's own object"
            )
        if isinstance(tool, Mapping) and not isinstance(tool.get("type"), str):
            raise UsageError(f"tools[{position}] has no type, got {dict(tool)!r}")
    names = [tool.name for tool in tools if isinstance(tool, ToolSpec)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two tools are called {twice!r}; the model could not tell them apart")
    return tools

"""What the caller asks for, validated before anything is sent, and what is sent for it.

    Request(input, model=..., **...)  --  wires.building.prepare(request, wire, profile)  ->  PreparedRequest

Rules: a Request says nothing of any API: the same one goes to every wire. What a wire had to leave out
or put right is in the `BuildReport`; nothing is changed in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen, validators

from .conversation import as_items
from .errors import UsageError
from .items import Item
from .parameters import check_params

if TYPE_CHECKING:
    from .schema import ResponseFormat

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


def _mapping(value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(f"extra_body takes a mapping, got {value!r}")
    return dict(value or {})


@frozen
class Request:
    """One turn to be asked for. Every field is checked here: a wrong one raises `UsageError`.

    *input* is a string, an item, or a list of items, strings and chat-style dicts. *params* are those of
    `parameters.Params`. *extra_body* is merged into the body last, objects into objects, and wins.
    """

    input: tuple[Item, ...] = field(converter=as_items)
    model: str = field(kw_only=True)
    instructions: str | None = field(default=None, kw_only=True)
    tools: tuple[Tool, ...] = field(default=(), converter=as_tools, kw_only=True)
    params: Mapping[str, Any] = field(factory=dict, converter=check_params, kw_only=True)
    extra_body: Mapping[str, Any] = field(default=None, converter=_mapping, kw_only=True)

    @model.validator
    def _check_model(self, _: Any, model: Any) -> None:
        if not isinstance(model, str) or not model.strip():
            raise UsageError(f"model takes the name of a model, got {model!r}")

    @instructions.validator
    def _check_instructions(self, _: Any, instructions: Any) -> None:
        if instructions is not None and not isinstance(instructions, str):
            raise UsageError(f"instructions takes a string, got {instructions!r}")

    @property
    def response_format(self) -> ResponseFormat | None:
        """The shape that the answer is asked to have."""
        return self.params.get("response_format")  # check_params made it one


@define
class BuildReport:
    """What a wire left out of the body, what it put right, and what it sent though it may be refused.

    One short sentence each; positions are those of `request.input`, from 0. Empty, and false, where the
    body says all that the request does.
    """

    dropped: list[str] = field(factory=list)
    mended: list[str] = field(factory=list)
    doubtful: list[str] = field(factory=list)

    def __bool__(self) -> bool:
        return bool(self.dropped or self.mended or self.doubtful)

    def __str__(self) -> str:
        lists = (("dropped", self.dropped), ("mended", self.mended), ("doubtful", self.doubtful))
        return "; ".join(f"{word}: {sentence}" for word, said in lists for sentence in said)


@frozen
class PreparedRequest:
    """A request in the words of one API: *body* is what goes over the network, to *path*."""

    request: Request
    wire: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    report: BuildReport

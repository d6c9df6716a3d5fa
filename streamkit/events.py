"""The events of a stream: one frozen dataclass per kind of event, and `Event`, their union.

| event | yielded when | its own fields |
|---|---|---|
| `Opened` | the response headers arrived (client only) | `status, request_id, headers, rate_limits` |
| `Retrying` | an attempt failed before output (client only) | `attempt, delay, error, source, resumed` |
| `Started` | the first chunk or `response.created` arrived | `id, model, created` |
| `ItemStarted` | an item appeared for the first time | `kind, item_id, name` |
| `TextDelta` | a piece of the answer's text arrived | `text, logprobs, snapshot` |
| `RefusalDelta` | a piece of a refusal arrived | `text, snapshot` |
| `ReasoningDelta` | a piece of reasoning or of its summary arrived | `text, kind, snapshot` |
| `ToolCallDelta` | a piece of a tool call arrived, in `arguments` | `call_id, name, arguments, snapshot` |
| `ItemDone` | an item is complete | `item` |
| `UsageReport` | the server counted tokens; the last report wins | `usage` |
| `KeepAlive` | the server sent an SSE comment, or a `ping` or `keepalive` event | `comment` |
| `BadFrame` | a frame isn't JSON, or doesn't have the API's shape | `data, error` |
| `Unknown` | a payload contains data that no other event carries | `payload` |
| `ToolFinished` | the agent ran a call | `call, output, error` |
| `Completed` | the turn is over; always last, exactly once | `completion` |

Every event has `raw`, the decoded payload behind it, or None if there isn't one. `raw` is left out of
repr and comparison. If an event is about an item, it also has `slot` and `choice`. `slot` is our number
for the item, in order of first appearance in the turn; `choice` is the gateway's choice index.

Rule: an event never changes after it is yielded, and it can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from .json_text import scan_object

if TYPE_CHECKING:
    from .completion import Completion, Usage
    from .errors import StreamkitError
    from .items import FunctionCall, Item

C = TypeVar("C", bound=type)


def _lazy(cls: C) -> C:
    """Build the `snapshot` and the `raw` of *cls* only when they are read.

    `snapshot` is stored as (buffer, end), and `raw` may be the text of the payload or of its event. Creating
    a delta costs O(1), however long the answer is; reading its snapshot costs O(n). The buffer only grows, so
    a stored event keeps its own snapshot. Copies and pickles read the attributes, so they contain the values.
    """
    stored = cls.__dict__["snapshot"]  # the slot's own descriptor

    def snapshot(self: Any) -> str:
        value = stored.__get__(self)
        if type(value) is tuple:
            buffer, end = value
            return str(buffer.getvalue()[:end])
        return str(value)

    cls.snapshot = property(  # type: ignore[attr-defined]
        snapshot, stored.__set__, doc="The text of this item up to and including this delta."
    )

    return _lazy_raw(cls)


def _lazy_raw(cls: C) -> C:
    """Decode the `raw` of *cls* only when it is read."""
    stored = cls.__dict__["raw"]

    def raw(self: Any) -> Any:
        value = stored.__get__(self)
        if type(value) is str:
            value = _payload_in(value)
            stored.__set__(self, value)
        return value

    cls.raw = property(raw, stored.__set__, doc="The decoded payload behind this event.")  # type: ignore[attr-defined]
    return cls


def _payload_in(text: str) -> dict[str, Any] | None:
    """Return the payload in *text*: its JSON, or the whole server-sent event, whose last line has it."""
    if text[0] != "{":
        lines = text.rstrip("\r\n")
        text = lines[lines.rfind("\n") + 1 :].removeprefix("data:").removeprefix(" ")
    return scan_object(text)


def _lazy_usage(cls: C) -> C:
    """Build the `usage` of *cls* only when it is read.

    It may be stored as (how to read the server's object, the text of that object).
    """
    stored = cls.__dict__["usage"]

    def usage(self: Any) -> Any:
        value = stored.__get__(self)
        if type(value) is tuple:
            read, text = value
            value = read(scan_object(text))
            stored.__set__(self, value)
        return value

    cls.usage = property(usage, stored.__set__, doc="The counts so far.")  # type: ignore[attr-defined]
    return cls


def _raw() -> Any:
    return field(default=None, repr=False, compare=False)


def _snapshot() -> Any:
    return field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """The response headers arrived. `rate_limits` has the limits that they contain, by kind; often empty."""

    status: int = 200
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limits: Mapping[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class Retrying:
    """Attempt number *attempt* (from 1) failed with *error*; the next starts in *delay* seconds.

    *source* is the profile that takes over (see `Fallback`), None if the same one is asked again. *resumed*
    is True if the answer itself continues after its connection broke: no text arrives twice.
    """

    attempt: int = 1
    delay: float = 0.0
    error: StreamkitError | None = None
    source: str | None = None
    resumed: bool = False
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class Started:
    """The model started to answer. A field is None if the server didn't send it."""

    id: str | None = None
    model: str | None = None
    created: float | None = None
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class ItemStarted:
    """The first sign of an item. `kind` is its `type`. If the server sent no id or name, they are None."""

    kind: str = "message"
    item_id: str | None = None
    name: str | None = None
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@_lazy
@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of text. `logprobs` is the gateway's list of token entries for it, or None."""

    text: str = ""
    logprobs: Any = field(default=None, hash=False)
    snapshot: str = _snapshot()
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@_lazy
@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of a refusal: text that declines the request and isn't part of the answer."""

    text: str = ""
    snapshot: str = _snapshot()
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@_lazy
@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's reasoning (`kind="text"`) or of a summary of it (`"summary"`)."""

    text: str = ""
    kind: Literal["text", "summary"] = "text"
    snapshot: str = _snapshot()
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@_lazy
@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. `call_id` and `name` are None until the server sends them."""

    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    snapshot: str = _snapshot()
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An item is complete. It can go into the next request unchanged."""

    item: Item
    slot: int = 0
    choice: int = 0
    raw: dict[str, Any] | None = _raw()


@_lazy_raw
@_lazy_usage
@dataclass(frozen=True, slots=True)
class UsageReport:
    """The server's token counts so far. Each report replaces the previous one; reports are never added."""

    usage: Usage
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """An SSE comment, without its colon and one leading space (OpenRouter: "OPENROUTER PROCESSING").

    Also an event called `ping` or `keepalive` that has no answer in it: `comment` is its name or its text.
    """

    comment: str = ""
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that couldn't be parsed: its text, and the reason."""

    data: str = ""
    error: str = ""
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A payload with data that no other event carries, such as a new feature of the API."""

    payload: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The agent ran *call*. The model gets `output`; `error` is set if the call failed."""

    call: FunctionCall
    output: Any = None
    error: BaseException | None = field(default=None, compare=False)
    raw: dict[str, Any] | None = _raw()


@dataclass(frozen=True, slots=True)
class Completed:
    """The turn is over. This is always the last event of a turn, and occurs exactly once."""

    completion: Completion
    raw: dict[str, Any] | None = _raw()


Event: TypeAlias = (
    Opened
    | Retrying
    | Started
    | ItemStarted
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ToolCallDelta
    | ItemDone
    | UsageReport
    | KeepAlive
    | BadFrame
    | Unknown
    | ToolFinished
    | Completed
)

"""What a wire says, one small fact at a time: `wire.normalize` yields these, `accumulate` reads them.

A fragment names its item by `key`, any hashable that the wire chooses and keeps to (a chat wire's
`("call", choice, n)`, a Responses wire's item id); `accumulate` numbers the items. `raw` is the
payload that said it.

Not frozen and not public: a fragment lives for one step of the chain.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from ..completion import FinishReason, Usage
from ..events import BadFrame, KeepAlive, Unknown
from ..items import Item

Payload: TypeAlias = dict[str, Any]


class Mark(Enum):
    """What stands between payloads and is none."""

    END = "[DONE]"


END: Final = Mark.END
PayloadOrNote: TypeAlias = Payload | KeepAlive | BadFrame | Literal[Mark.END]


@dataclass(slots=True)
class Head:
    """Whose answer this is: fields not said are None. The first one starts the turn.

    `extras` are top-level fields without a place of their own; the last value of each wins.
    """

    raw: Payload
    id: str | None = None
    model: str | None = None
    created: float | None = None
    status: str | None = None
    extras: Payload | None = None


@dataclass(slots=True)
class ChoiceSeen:
    """The first sign of a choice; the turn goes on until it has finished too."""

    choice: int


@dataclass(slots=True)
class ItemOpened:
    """The first sign of an item, where it comes before any of its content."""

    key: Hashable
    choice: int
    kind: str
    raw: Payload
    item_id: str | None = None
    name: str | None = None


@dataclass(slots=True)
class TextPiece:
    """A piece of a message's text. `part` tells the parts of one message apart."""

    key: Hashable
    choice: int
    text: str
    raw: Payload
    logprobs: Any = None
    part: Hashable = 0


@dataclass(slots=True)
class RefusalPiece:
    """A piece of a message's refusal."""

    key: Hashable
    choice: int
    text: str
    raw: Payload


@dataclass(slots=True)
class ReasoningPiece:
    """A piece of reasoning. `part` tells the parts of one kind apart: the summary's, the text's."""

    key: Hashable
    choice: int
    text: str
    raw: Payload
    kind: Literal["text", "summary"] = "text"
    part: Hashable = 0


@dataclass(slots=True)
class CallPiece:
    """A piece of a call. `call_id` and `name` are what the wire knows by now, or None."""

    key: Hashable
    choice: int
    raw: Payload
    arguments: str = ""
    call_id: str | None = None
    name: str | None = None
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    item_id: str | None = None


@dataclass(slots=True)
class Restated:
    """The server says the whole of a text (or arguments) whose pieces may have come already.

    What the pieces left out is yielded as a delta; what they contradict is replaced in the item. It
    is never added twice.
    """

    key: Hashable
    choice: int
    what: Literal["text", "refusal", "reasoning", "summary", "arguments"]
    text: str
    raw: Payload
    part: Hashable = 0
    logprobs: Any = None
    # arguments only:
    call_id: str | None = None
    name: str | None = None
    kind: Literal["function_call", "custom_tool_call"] = "function_call"


@dataclass(slots=True)
class Attached:
    """Something that belongs to an item and is no text.

    | what | value | where it goes |
    |---|---|---|
    | annotations | list | the message's last text part |
    | image | OutputImage | the message's content |
    | audio | dict with id, data, transcript | the message's one OutputAudio, pieces joined |
    | part | UnknownPart | the message's content |
    | details | list | `Reasoning.details`, in order |
    | encrypted | str | `Reasoning.encrypted_content` |
    | signature | str | `FunctionCall.signature` |
    | extra | dict | the item's `extra` |
    """

    key: Hashable
    choice: int
    what: Literal["annotations", "image", "audio", "part", "details", "encrypted", "signature", "extra"]
    value: Any
    raw: Payload
    kind: str = "message"  # of the item, should this be the first sign of it


@dataclass(slots=True)
class WholeItem:
    """The item as the server sums it up; it replaces what the pieces came to, and closes the item."""

    key: Hashable
    choice: int
    item: Item
    raw: Payload


@dataclass(slots=True)
class UsageCounted:
    """The server counted tokens."""

    usage: Usage
    raw: Payload


@dataclass(slots=True)
class ChoiceFinished:
    """A choice ended; all its items close."""

    choice: int
    reason: FinishReason
    raw_reason: str
    raw: Payload


@dataclass(slots=True)
class StreamEnded:
    """The stream's own ending: `[DONE]` (no payload), or a terminal event."""

    raw: Payload | None = None


@dataclass(slots=True)
class Leftover:
    """A payload that said nothing above; kept so that nothing is lost."""

    raw: Payload
    news: bool = False  # whether it holds something that is worth an `Unknown` event


Delta: TypeAlias = (
    Head
    | ChoiceSeen
    | ItemOpened
    | TextPiece
    | RefusalPiece
    | ReasoningPiece
    | CallPiece
    | Restated
    | Attached
    | WholeItem
    | UsageCounted
    | ChoiceFinished
    | StreamEnded
    | Leftover
    | KeepAlive
    | BadFrame
    | Unknown
)

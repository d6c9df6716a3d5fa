"""Deltas: the small facts that a wire reads from payloads. `wire.read` yields them, `accumulate` applies
them.

A delta names its item by `key`, any hashable value that the wire chooses and keeps using (chat uses
`("call", choice, n)`, Responses an item's number); `accumulate` numbers the items. `raw` is the payload that
the delta was read from. A *piece* extends the text of an open item.

Deltas are mutable and private: each lives for one step of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from ..completion import FinishReason, Usage
from ..events import BadFrame, KeepAlive, Unknown
from ..items import Item
from .text_buffer import TextBuffer

Payload: TypeAlias = dict[str, Any]


class Mark(Enum):
    """Marks between payloads."""

    END = "[DONE]"


END: Final = Mark.END
PayloadOrNote: TypeAlias = Payload | KeepAlive | BadFrame | Literal[Mark.END]


Path: TypeAlias = tuple[str | int, ...]


# -- the answer as a whole ----------------------------------------------------------------


@dataclass(slots=True)
class Head:
    """The answer's id, model and status; None if a payload doesn't contain one. The first head starts the
    turn.

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
    """The first sign of a choice; the turn isn't finished until this choice is."""

    choice: int


@dataclass(slots=True)
class UsageCounted:
    """The usage so far, merged by the wire."""

    usage: Usage
    raw: Payload


@dataclass(slots=True)
class ChoiceFinished:
    """A choice has its finish reason; its items close when usage or the end follows.

    `with_output`: the same payload carried output, as those of gateways that put a finish on every chunk.
    Some of them put usage there too, so usage in that payload isn't a sign of the end.
    """

    choice: int
    reason: FinishReason
    raw_reason: str
    raw: Payload
    with_output: bool = False


@dataclass(slots=True)
class ChoicesFolded:
    """The gateway numbered the blocks of one choice as choices: all items and the finish are choice 0's."""

    raw: Payload


@dataclass(slots=True)
class StreamEnded:
    """The stream's own ending: `[DONE]` (without a payload), or a terminal event."""

    raw: Payload | None = None


@dataclass(slots=True)
class Leftover:
    """A payload that no other delta carries; with `news`, it becomes an `Unknown` event."""

    raw: Payload
    news: bool = False


# -- one item -----------------------------------------------------------------------------


@dataclass(slots=True)
class ItemOpened:
    """The first sign of an item, if it arrives before any of the item's content."""

    key: Hashable
    choice: int
    kind: str  # the `type` of the item
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
    """A piece of reasoning. `part` tells the parts of one kind (text or summary) apart."""

    key: Hashable
    choice: int
    text: str
    raw: Payload
    kind: Literal["text", "summary"] = "text"
    part: Hashable = 0


@dataclass(slots=True)
class CallPiece:
    """A piece of a call's arguments. `call_id` and `name` are known so far; None if the wire knows none."""

    key: Hashable
    choice: int
    text: str
    raw: Payload
    call_id: str | None = None
    name: str | None = None
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    item_id: str | None = None


Piece: TypeAlias = TextPiece | RefusalPiece | ReasoningPiece | CallPiece


@dataclass(frozen=True, slots=True)
class NextTo:
    """A value next to the text of a `Repeat`, which differs from payload to payload and counts.

    `path` leads to an object or a list. `read` returns what it means; it changes nothing. With `is_usage`
    that is the usage so far. It must follow from the last such value alone, as nobody reads those before.
    With `only_news`, the same counts once more aren't reported. Without `is_usage`, it is the piece's
    logprobs.
    """

    path: Path
    read: Callable[[Any], Any]
    is_usage: bool = False
    only_news: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """How a payload may differ from one that was a single piece, and still be one: see pipeline/lane.py.

    `path` leads to the text in the payload, and each of `vary` to a string or a whole number that doesn't
    matter. `again` gets each further text before it counts; False sends its payload through the chain. At
    each of `echoes`, the payload has the text once more. `next_to` is a value that is read each time.
    """

    path: Path
    vary: tuple[Path, ...] = ()
    again: Callable[[str], bool] | None = None
    echoes: tuple[Path, ...] = ()
    next_to: NextTo | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """What more pieces like one would extend: a part of a text.

    All their events are of the class `event` and share the fields in `shared`. `keep_logprobs` keeps the
    logprobs of a piece of text, and returns them as the event has them.
    """

    event: type
    buffer: TextBuffer
    part: Hashable
    shared: dict[str, Any]
    keep_logprobs: Callable[[Any], Any] | None = None


@dataclass(slots=True)
class Restated:
    """The server repeats a text whole: `piece.text` is all of it, and its pieces may have arrived before.

    The part that the pieces lack becomes a delta. If they contradict it, it replaces them in the item.
    `announced`: the part numbers of this item can be trusted, since the server announced each part. If not,
    a new part with the text of all parts so far is a restatement of them under another number.
    `withdraws`: the pieces belonged to another item; `piece.text` takes their place even if it is shorter.
    `is_copy`: the pieces contain several copies of a call's arguments, and `piece.text` is the one that
    counts.
    """

    piece: Piece
    announced: bool = False
    withdraws: bool = False
    is_copy: bool = False


@dataclass(slots=True)
class Attached:
    """A value that belongs to an item and isn't text.

    | `what` | `value` | place in the item |
    |---|---|---|
    | annotations | list | the message's text part that `part` names, else its last one |
    | part | OutputImage, UnknownPart | the message's content |
    | part_extra | dict | the `extra` of the message's text part that `part` names |
    | audio | dict with id, data, transcript | the message's one OutputAudio, pieces joined |
    | details | list | `Reasoning.details`, in order |
    | encrypted | str | `Reasoning.encrypted_content` |
    | field_name | str | `Reasoning.field_name` |
    | signature | str | `FunctionCall.signature` |
    | extra | dict | the item's `extra`; the fields of an item of an unknown kind |
    | unread | dict | none: fields that may be a call's arguments, so that it isn't complete without others |
    | cut | `Cut` or None | none: a range that was split off the text of `part`; None forgets all of them |
    | input | str | a piece of the JSON in the `input` of a hosted tool's call |

    An item without that place keeps the value in its `extra`, under the name in `what`.
    """

    key: Hashable
    choice: int
    what: Literal[
        "annotations",
        "part",
        "part_extra",
        "audio",
        "details",
        "encrypted",
        "field_name",
        "signature",
        "extra",
        "unread",
        "cut",
        "input",
    ]
    value: Any
    raw: Payload
    kind: str = "message"  # of the item, if this is the first sign of it
    part: Hashable = None


@dataclass(slots=True)
class ItemClosed:
    """The server closes one item without restating it. A call whose arguments aren't complete stays open."""

    key: Hashable
    raw: Payload


@dataclass(slots=True)
class Withdrawn:
    """The item at *key* repeats another one, which shows when it is whole: the answer doesn't contain it."""

    key: Hashable


@dataclass(slots=True)
class WholeItem:
    """The server restates an item whole, which closes it. The item replaces the one built from pieces."""

    key: Hashable
    choice: int
    item: Item
    raw: Payload


Delta: TypeAlias = (
    Head
    | ChoiceSeen
    | UsageCounted
    | ChoiceFinished
    | ChoicesFolded
    | StreamEnded
    | Leftover
    | ItemOpened
    | Piece
    | Restated
    | Attached
    | ItemClosed
    | Withdrawn
    | WholeItem
    | KeepAlive
    | BadFrame
    | Unknown
)

"""What a whole turn came to: Completion, its choices, and the usage.

Rules: absent is None, never 0 and never an invented value; the raw spelling stays beside the normal
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import field, fields_dict, frozen

from ._lazy import lazy
from .errors import IncompleteResponseError
from .items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    Reasoning,
)

if TYPE_CHECKING:
    from .typed.schema import ResponseFormat

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"]
ToolCall: TypeAlias = FunctionCall | CustomToolCall


@frozen
class Usage:
    """Token counts as the server reported them; None where it said nothing.

    `cost` is in the gateway's own currency unit (OpenRouter: credits, US dollars); `raw` is the
    server's whole object. `a + b` sums what both or either know: for the turns of a conversation,
    never within one turn.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        sums: dict[str, Any] = {}
        for name in fields_dict(Usage):
            if name != "raw":
                sums[name] = _sum(getattr(self, name), getattr(other, name))
        return Usage(**sums)


def _sum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, float) or isinstance(b, float):
        from decimal import Decimal  # 3 ms that reading a stream does without

        return float(Decimal(str(a)) + Decimal(str(b)))  # 0.1 + 0.2 is 0.3 where it is money
    return a + b


def _items(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(items)


def _choices(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return tuple(choices)


@frozen
class Choice:
    """One candidate answer: its items in order of first appearance, and how it ended."""

    index: int = 0
    items: tuple[Item, ...] = field(default=(), converter=_items)
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None

    @property
    def text(self) -> str:
        """The text of all messages, joined without separator."""
        return "".join(i.text for i in self.items if isinstance(i, Message))

    @property
    def refusal(self) -> str:
        """The refusal, or an empty string."""
        return "".join(i.refusal for i in self.items if isinstance(i, Message))

    @property
    def reasoning(self) -> str:
        """The reasoning text (or summary) of all reasoning items, a blank line between items."""
        texts = (i.text for i in self.items if isinstance(i, Reasoning))
        return "\n\n".join(text for text in texts if text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The finished calls. A call that was cut off is in `items` only, with its status."""
        return tuple(
            i for i in self.items if isinstance(i, FunctionCall | CustomToolCall) and i.status != "incomplete"
        )


_EMPTY = Choice()

# The facades of Completion: each forwards to a lower floor, which is imported when it is first asked.
_parse_answer = lazy("typed.parse:parse_answer")
_to_jsonable = lazy("codec:to_jsonable")
_from_jsonable = lazy("codec:from_jsonable")
_write_chat_document = lazy("wires.chat.document:write_document")
_completion_html = lazy("display.render:completion_html")
_completion_markdown = lazy("display.render:completion_markdown")


@frozen
class Completion:
    """What a whole turn came to.

    `items`, `text`, `reasoning`, `refusal`, `tool_calls`, `finish_reason` and `raw_finish_reason` are
    those of the first choice; `choices[i]` has the same. `extras` holds the other top-level fields
    that the server sent (system_fingerprint, citations, timings, ...), the last value of each.
    """

    id: str | None = None
    model: str | None = None
    choices: tuple[Choice, ...] = field(default=(), converter=_choices)
    usage: Usage | None = None
    created: float | None = None
    status: str | None = None
    extras: Mapping[str, Any] = field(factory=dict, repr=False, hash=False)
    response_format: ResponseFormat | None = field(default=None, repr=False, eq=False)  # as asked for

    @property
    def _first(self) -> Choice:
        return self.choices[0] if self.choices else _EMPTY

    @property
    def items(self) -> tuple[Item, ...]:
        return self._first.items

    @property
    def text(self) -> str:
        return self._first.text

    @property
    def reasoning(self) -> str:
        return self._first.reasoning

    @property
    def refusal(self) -> str:
        return self._first.refusal

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self._first.tool_calls

    @property
    def finish_reason(self) -> FinishReason | None:
        return self._first.finish_reason

    @property
    def raw_finish_reason(self) -> str | None:
        return self._first.raw_finish_reason

    def raise_for_incomplete(self) -> Completion:
        """Return self, or raise `IncompleteResponseError` where any choice was cut.

        Cut means finish reason `length`, `content_filter` or `error`. No finish reason at all is no
        evidence of a cut: some gateways end a good answer with `[DONE]` alone.
        """
        for choice in self.choices:
            if choice.finish_reason in ("length", "content_filter", "error"):
                raise IncompleteResponseError(
                    f"the answer of choice {choice.index} was cut: finish reason "
                    f"{choice.raw_finish_reason!r}; .partial holds it",
                    partial=self,
                )
        return self

    def parsed(self, as_type: Any = None) -> Any:
        """The answer as an object of the class that was asked for, or of *as_type*.

        Raises `AnswerError` for a refusal, for text that is no JSON, and for JSON that does not fit;
        `IncompleteResponseError` where the answer was cut; `UsageError` where no class was named.
        """
        return _parse_answer(self, as_type)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data that `from_dict` reads back without loss."""
        return dict(_to_jsonable(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """The Completion that `to_dict` wrote."""
        completion: Completion = _from_jsonable(data, cls)
        return completion

    def to_chat_completion(self) -> dict[str, Any]:
        """The shape of a non-streamed Chat Completions answer, for code that expects one."""
        return dict(_write_chat_document(self))

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, with nothing in it that could run."""
        return str(_completion_html(self))

    def _repr_markdown_(self) -> str:
        """The same for what shows no HTML: blocks of code, since Markdown would let the answer bring some."""
        return str(_completion_markdown(self))

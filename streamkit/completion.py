"""The result of a whole turn: `Completion`, its choices, and the usage.

Rules: a missing value is None, never 0 and never an invented value. The raw spelling stays next to the
normal one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, overload

from attrs import field, fields_dict, frozen

from ._fields import BOOLEAN, TEXT, listed, of, optional
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
    from typing_extensions import TypeVar

    from .typed.response_format import ResponseFormat

    T = TypeVar("T", default=Any)  # with a bare `type` as argument, the result is Any

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"]
ToolCall: TypeAlias = FunctionCall | CustomToolCall


_count = optional(of("a whole number or None", int))
_maybe_text = optional(TEXT)


@frozen
class Usage:
    """Token counts of an answer; None for each that the server didn't send.

    `input_tokens` counts every input token, cached reads and cache writes included. `output_tokens` counts
    every generated token, reasoning included. `cached_input_tokens`, `cache_write_tokens` and
    `reasoning_tokens` are parts of these. If the server sends both and no total, `total_tokens` is their sum.

    `cost` is in the gateway's own currency unit (OpenRouter: credits, US dollars). If `cost_computed` is set,
    the server sent none, and it comes from `Client(prices=...)`. `raw` is the server's whole object.

    `a + b` is for the turns of a conversation, never within one turn: it adds the counts that both have, and
    copies those that only one has.
    """

    input_tokens: int | None = field(default=None, validator=_count)
    output_tokens: int | None = field(default=None, validator=_count)
    total_tokens: int | None = field(default=None, validator=_count)
    cached_input_tokens: int | None = field(default=None, validator=_count)
    cache_write_tokens: int | None = field(default=None, validator=_count)
    reasoning_tokens: int | None = field(default=None, validator=_count)
    cost: float | None = field(default=None, validator=optional(of("a number or None", int, float)))
    raw: Mapping[str, Any] = field(factory=dict, repr=False, eq=False, validator=of("a mapping", Mapping))
    cost_computed: bool = field(default=False, validator=BOOLEAN)

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        sums: dict[str, Any] = {}
        for name in fields_dict(Usage):
            if name not in ("raw", "cost_computed"):
                sums[name] = _sum(getattr(self, name), getattr(other, name))
        return Usage(**sums, cost_computed=self.cost_computed or other.cost_computed)


def _sum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, float) or isinstance(b, float):
        from decimal import Decimal  # takes 3 ms; reading a stream doesn't need it

        return float(Decimal(str(a)) + Decimal(str(b)))  # with money, 0.1 + 0.2 must be 0.3
    return a + b


def _items(items: Iterable[Item]) -> tuple[Item, ...]:
    return listed("items", items, get_args(Item), "items")


def _warnings(warnings: Iterable[str]) -> tuple[str, ...]:
    return listed("warnings", warnings, str, "strings")


def _choices(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return listed("choices", choices, Choice, "choices")


@frozen
class Choice:
    """One candidate answer: its items in order of first appearance, and how it ended."""

    index: int = field(default=0, validator=of("a whole number", int))
    items: tuple[Item, ...] = field(default=(), converter=_items)
    finish_reason: FinishReason | None = field(default=None, validator=_maybe_text)
    raw_finish_reason: str | None = field(default=None, validator=_maybe_text)

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
        """The complete calls. A truncated call is only in `items`, with status "incomplete"."""
        return tuple(
            i for i in self.items if isinstance(i, FunctionCall | CustomToolCall) and i.status != "incomplete"
        )

    @property
    def incomplete_calls(self) -> tuple[ToolCall, ...]:
        """The calls whose arguments aren't complete; they must not run."""
        return tuple(
            i for i in self.items if isinstance(i, FunctionCall | CustomToolCall) and i.status == "incomplete"
        )


_EMPTY = Choice()

# The facades of Completion: each forwards to a lower floor, which is imported at the first call.
_parse_answer = lazy("typed.parse:parse_answer")
_to_jsonable = lazy("codec:to_jsonable")
_from_jsonable = lazy("codec:from_jsonable")
_write_chat_document = lazy("wires.chat.document:write_document")
_is_drawn = lazy("display.notebook:is_drawn")
_completion_html = lazy("display.render:completion_html")
_completion_markdown = lazy("display.render:completion_markdown")


@frozen
class Completion:
    """The answer of a whole turn.

    `items`, `text`, `reasoning`, `refusal`, `tool_calls`, `finish_reason` and `raw_finish_reason` are
    those of the first choice; every `choices[i]` has them too. `extras` has the other top-level fields
    that the server sent (system_fingerprint, citations, timings, ...), each with its last value. `warnings`
    are faults of the stream that were tolerated, each `code: details`: bad_frame, incomplete_call,
    unread_call, no_call, annotations, finish_reason, connection_lost, grace.
    """

    id: str | None = field(default=None, validator=_maybe_text)
    model: str | None = field(default=None, validator=_maybe_text)
    choices: tuple[Choice, ...] = field(default=(), converter=_choices)
    usage: Usage | None = field(default=None, validator=optional(of("a Usage or None", Usage)))
    created: float | None = field(default=None, validator=optional(of("a number or None", int, float)))
    status: str | None = field(default=None, validator=_maybe_text)
    extras: Mapping[str, Any] = field(
        factory=dict, repr=False, hash=False, validator=of("a mapping", Mapping)
    )
    response_format: ResponseFormat | None = field(default=None, repr=False, eq=False)  # of the request
    warnings: tuple[str, ...] = field(default=(), converter=_warnings, repr=False, eq=False)

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
        """Return self, or raise `IncompleteResponseError` if a choice was cut.

        A choice was cut if its finish reason is `length`, `content_filter`, `error` or an unknown word, if it
        is `tool_calls` and there is no call, or if one of its calls isn't complete. A missing finish reason
        isn't evidence of a cut: some gateways end a good answer with `[DONE]` alone.
        """
        for choice in self.choices:
            reason = choice.finish_reason
            if reason in ("length", "content_filter", "error", "other"):
                fault = f"was cut with finish reason {choice.raw_finish_reason!r}"
            elif reason == "tool_calls" and not choice.tool_calls:
                fault = f"finished with {choice.raw_finish_reason!r}, but has no complete call"
            elif choice.incomplete_calls:
                fault = f"finished with {choice.raw_finish_reason!r}, but has a call that isn't complete"
            else:
                continue
            raise IncompleteResponseError(
                f"choice {choice.index} {fault}; .partial has the answer so far", partial=self
            )
        return self

    # A class, `list[T]` and `dict[K, V]` are each a `type[T]` to a type checker. A union, a Literal and other
    # special forms aren't, so their result is Any.
    @overload
    def parsed(self, as_type: type[T]) -> T: ...

    # mypy tries `T` from the context first: `x: list[str] = answer.parsed(list[int])` doesn't match above.
    # Without this overload it would take the last one, and report no mistake.
    @overload
    def parsed(self, as_type: type[object]) -> object: ...  # type: ignore[overload-cannot-match]

    @overload
    def parsed(self, as_type: Any = None) -> Any: ...

    def parsed(self, as_type: Any = None) -> Any:
        """Return the answer as an object of *as_type*, or of the request's `response_format`.

        Raises `AnswerError` for a refusal, for text that isn't JSON, and for JSON of another type. Raises
        `IncompleteResponseError` if the answer was cut, and `UsageError` if neither names a type.
        """
        return _parse_answer(self, as_type)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON data, which `from_dict` reads back without loss."""
        return dict(_to_jsonable(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """Return the Completion that `to_dict` wrote."""
        completion: Completion = _from_jsonable(data, cls)
        return completion

    def to_chat_completion(self) -> dict[str, Any]:
        """Return the answer as the JSON of a Chat Completions reply, for code that expects one."""
        return dict(_write_chat_document(self))

    def _ipython_display_(self) -> None:
        """Draw nothing if `show()` has just drawn this answer in the same cell. Else IPython draws it."""
        if not _is_drawn(self):
            raise NotImplementedError  # IPython then asks for the representations below

    def _repr_html_(self) -> str:
        """Return the answer for a notebook, as HTML that can't run code."""
        return str(_completion_html(self))

    def _repr_markdown_(self) -> str:
        """Return the answer for a frontend without HTML, as code blocks: Markdown could contain HTML."""
        return str(_completion_markdown(self))

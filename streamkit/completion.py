"""What a whole turn came to: Completion, its choices, and the usage.

Rules: absent is None, never 0 and never an invented value; the raw spelling stays beside the normal
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import field, fields_dict, frozen

from .errors import IncompleteResponseError, UsageError
from .items import CustomToolCall, FunctionCall, Item, Message, OutputAudio, OutputImage, Reasoning

if TYPE_CHECKING:
    from .schema import ResponseFormat

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "error", "other"]
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
        from .schema import ResponseFormat
        from .structure import parse_answer

        wanted = self.response_format if as_type is None else ResponseFormat.of(as_type)
        if wanted is None:
            raise UsageError("parsed() takes a class, unless the request had a response_format")
        return parse_answer(self, wanted)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data that `from_dict` reads back without loss."""
        from .codec import to_jsonable

        data = to_jsonable(self)
        assert isinstance(data, dict)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """The Completion that `to_dict` wrote."""
        from .codec import from_jsonable

        return from_jsonable(data, cls)

    def to_chat_completion(self) -> dict[str, Any]:
        """The shape of a non-streamed Chat Completions answer, for code that expects one."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [_chat_choice(choice) for choice in self.choices],
            "usage": _chat_usage(self.usage),
            **self.extras,
        }

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, with nothing in it that could run."""
        from .display import completion_html

        return completion_html(self)

    def _repr_markdown_(self) -> str:
        """The same for what shows no HTML: blocks of code, since Markdown would let the answer bring some."""
        from .display import completion_markdown

        return completion_markdown(self)


def _chat_choice(choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text or None,
        "refusal": choice.refusal or None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    details = [d for i in choice.items if isinstance(i, Reasoning) for d in i.details]
    if details:
        message["reasoning_details"] = details
    parts = [part for i in choice.items if isinstance(i, Message) for part in i.content]
    annotations = [a for part in parts for a in getattr(part, "annotations", ())]
    if annotations:
        message["annotations"] = annotations
    images = [part.image_url for part in parts if isinstance(part, OutputImage)]
    if images:
        message["images"] = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    for part in parts:
        if isinstance(part, OutputAudio):
            message["audio"] = {"id": part.id, "data": part.data, "transcript": part.transcript, **part.extra}
    calls = [_chat_call(call) for call in choice.tool_calls]
    if calls:
        message["tool_calls"] = calls
    logprobs = [entry for part in parts for entry in getattr(part, "logprobs", ())]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": {"content": logprobs} if logprobs else None,
        "finish_reason": choice.finish_reason,
    }


def _chat_call(call: ToolCall) -> dict[str, Any]:
    if isinstance(call, CustomToolCall):
        return {
            "id": call.call_id,
            "type": "custom",
            "custom": {"name": call.name, "input": call.input},
            **call.extra,
        }
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
        **call.extra,
    }


def _chat_usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    data: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    cache = {"cached_tokens": usage.cached_input_tokens, "cache_write_tokens": usage.cache_write_tokens}
    details = {name: count for name, count in cache.items() if count is not None}
    if details:
        data["prompt_tokens_details"] = details
    if usage.reasoning_tokens is not None:
        data["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.cost is not None:
        data["cost"] = usage.cost
    return data

"""What has arrived of one turn: items that open, grow and close, and how each choice ended.

`accumulate` writes it, whoever handed it in may ask it at any moment: `completion()` is the sum so
far (an error's `.partial`), `finished` says whether the server owes nothing but usage and `[DONE]`.

Rules: a text is kept in one growing buffer, never copied for a delta; nothing is invented; a call is
whole only when its arguments are complete JSON.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ..completion import Choice, Completion, FinishReason, Usage
from ..items import (
    Item,
)
from .open_items import AnyOpenItem, OpenCall

if TYPE_CHECKING:
    from ..typed.schema import ResponseFormat


class AnswerState:
    """All that has arrived of one turn."""

    def __init__(self, response_format: ResponseFormat | None = None) -> None:
        self.response_format = response_format  # as the request asked for, so that `parsed` knows
        self.id: str | None = None
        self.model: str | None = None
        self.created: float | None = None
        self.status: str | None = None
        self.extras: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.items: dict[Hashable, AnyOpenItem] = {}  # what each key stands for now
        self.order: list[AnyOpenItem] = []  # by slot
        self.open: dict[int, list[AnyOpenItem]] = {}  # what a choice's finish will close
        self.choices: set[int] = set()  # those of which there was a sign
        self.finishes: dict[int, tuple[FinishReason, str]] = {}
        self.signatures: dict[tuple[int, str], str] = {}  # encrypted reasoning by choice and call id
        self.started = False
        self.ended = False  # [DONE], or a terminal event
        self.pending: dict[str, Any] | None = None  # the last payload that ended something

    @property
    def finished(self) -> bool:
        """Every choice seen has its finish reason; only usage and `[DONE]` may still come."""
        return bool(self.finishes) and self.choices <= self.finishes.keys()

    def was_cut(self, choice: int) -> bool:
        """Whether *choice* ended before the model was done."""
        return self.finishes.get(choice, ("",))[0] in ("length", "content_filter", "error")

    def keep_signatures(self, choice: int, details: list[dict[str, Any]]) -> None:
        """Remember the encrypted *details* of reasoning by the id that they share with a call (OS-05)."""
        for detail in details:
            call_id, data = detail.get("id"), detail.get("data")
            if detail.get("type") == "reasoning.encrypted" and type(call_id) is type(data) is str:
                self.signatures[choice, call_id] = data

    def sign(self, call: OpenCall) -> None:
        """Give *call* the encrypted reasoning detail with its id, whichever came first."""
        if call.call_id:
            call.signature = self.signatures.get((call.choice, call.call_id), call.signature)

    def completion(self) -> Completion:
        """The sum of what has arrived. Calls that are not whole have `status="incomplete"`."""
        items: dict[int, list[Item]] = {index: [] for index in self.finishes}
        for growing_item in self.order:
            built = items.setdefault(growing_item.choice, [])
            if not (isinstance(growing_item, OpenCall) and growing_item.is_phantom):
                built.append(growing_item.build())
        if self.ended and not items:
            items[0] = []
        return Completion(
            id=self.id,
            model=self.model,
            choices=tuple(self._choice(index, items[index]) for index in sorted(items)),
            usage=self.usage,
            created=self.created,
            status=self.status,
            extras=dict(self.extras),
            response_format=self.response_format,
        )

    def _choice(self, index: int, items: list[Item]) -> Choice:
        reason, raw = self.finishes.get(index, (None, None))
        choice = Choice(index, items, reason, raw)
        # Gateways that end a turn with calls in "stop": what is to be done next counts (B-08).
        return (
            evolve(choice, finish_reason="tool_calls") if reason == "stop" and choice.tool_calls else choice
        )

"""One answer as far as it has arrived: its items, how each choice ended, the usage.

`accumulate` writes it; the code that passed it in may read it at any moment. `completion()` is the answer so
far (an error's `.partial`), and `is_finished` is True once the server owes only usage and `[DONE]`.

Rule: nothing is invented here; a field that the server hasn't sent is None.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ..completion import Choice, Completion, FinishReason, Usage
from ..items import Item, Origin
from .opaque import with_origin
from .open_items import AnyOpenItem, OpenCall

if TYPE_CHECKING:
    from ..typed.schema import ResponseFormat

_CUT = ("length", "content_filter", "error")  # finish reasons of an answer that stopped early


class AnswerState:
    """One answer as far as it has arrived."""

    def __init__(self, response_format: ResponseFormat | None = None) -> None:
        self.response_format = response_format  # as the request asked for, so that `parsed` knows
        self.origin: Origin | None = None  # of opaque state in this answer
        self.id: str | None = None
        self.model: str | None = None
        self.created: float | None = None
        self.status: str | None = None
        self.extras: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.items: dict[Hashable, AnyOpenItem] = {}  # by the key that the wire uses now
        self.in_order: list[AnyOpenItem] = []  # by slot
        self.of_choice: dict[int, list[AnyOpenItem]] = {}  # the items that a choice's finish will close
        self.choices: set[int] = set()  # all choices seen so far
        self.finishes: dict[int, tuple[FinishReason, str]] = {}
        self.has_started = False
        self.has_ended = False  # [DONE], or a terminal event
        self.last_raw: dict[str, Any] | None = None  # the last payload that finished or ended something

    @property
    def is_finished(self) -> bool:
        """True if every choice seen so far has its finish reason."""
        return bool(self.finishes) and self.choices <= self.finishes.keys()

    def was_cut(self, choice: int) -> bool:
        """Return True if *choice* stopped before the model was done."""
        return self.finishes.get(choice, ("",))[0] in _CUT

    def arguments(self, key: Hashable) -> str:
        """Return the arguments so far of the call at *key*; "" if there is none."""
        item = self.items.get(key)
        return str(item.arguments) if isinstance(item, OpenCall) else ""

    def completion(self) -> Completion:
        """Return the answer so far. Calls whose arguments aren't complete have `status="incomplete"`."""
        items: dict[int, list[Item]] = {index: [] for index in self.finishes}
        for item in self.in_order:
            built = items.setdefault(item.choice, [])
            if not item.is_phantom:
                built.append(item.build() if item.is_done else with_origin(item.build(), self.origin))
        if self.has_ended and not items:
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
        if reason == "stop" and choice.tool_calls:  # some gateways end a turn with calls in "stop"
            return evolve(choice, finish_reason="tool_calls")
        return choice

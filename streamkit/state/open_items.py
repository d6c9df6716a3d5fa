"""Items that are still arriving."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from attrs import evolve

from ..items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    UnknownItem,
)
from .join import join_audio, join_details
from .text_buffer import TextBuffer


class OpenItem:
    """An item that is arriving. `done` once it was handed out, `whole` once the server summed it up."""

    kind = ""

    def __init__(self, slot: int, choice: int, item_id: str | None = None) -> None:
        self.slot = slot
        self.choice = choice
        self.item_id = item_id
        self.done = False
        self.whole: Item | None = None
        self.extra: dict[str, Any] = {}

    def build(self) -> Item:
        """The item as far as it has come."""
        raise TypeError(f"{type(self).__name__} has no item of its own")


class OpenMessage(OpenItem):
    kind = "message"

    def __init__(self, slot: int, choice: int, item_id: str | None = None) -> None:
        super().__init__(slot, choice, item_id)
        self.text = TextBuffer()
        self.refusal = TextBuffer()
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []
        self.others: list[Part] = []  # images and unknown parts
        self.audio: list[dict[str, Any]] = []

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        texts = [OutputText(text) for text in self.text.parts().values()]
        if texts or self.annotations or self.logprobs:
            text = texts.pop().text if texts else ""
            texts.append(OutputText(text, self.annotations, self.logprobs))
        refusal = str(self.refusal)
        content: list[Part] = [*texts, *([Refusal(refusal)] if refusal else []), *self.others]
        if self.audio:
            content.append(join_audio(self.audio))
        return Message("assistant", content, id=self.item_id, extra=self.extra)


class OpenReasoning(OpenItem):
    kind = "reasoning"

    def __init__(self, slot: int, choice: int, item_id: str | None = None) -> None:
        super().__init__(slot, choice, item_id)
        self.text = TextBuffer()  # its parts are (kind, part)
        self.details: list[dict[str, Any]] = []
        self.encrypted: str | None = None

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        return Reasoning(
            id=self.item_id,
            summary=self.of_kind("summary"),
            content=self.of_kind("text"),
            encrypted_content=self.encrypted,
            details=join_details(self.details),
            extra=self.extra,
        )

    def of_kind(self, kind: str) -> list[str]:
        """The parts of the text ("text") or of the summary ("summary")."""
        parts = self.text.parts()
        return [text for part, text in parts.items() if isinstance(part, tuple) and part[0] == kind]


class OpenCall(OpenItem):
    def __init__(self, slot: int, choice: int, kind: str, item_id: str | None = None) -> None:
        super().__init__(slot, choice, item_id)
        self.kind = kind
        self.call_id: str | None = None
        self.name: str | None = None
        self.arguments = TextBuffer()
        self.signature: str | None = None

    def build(self) -> Item:
        status = None if self.done or self.is_whole(cut=True) else "incomplete"
        if isinstance(self.whole, FunctionCall | CustomToolCall):
            return self.whole if status is None else evolve(self.whole, status=status)
        return self._build(status)

    def finished(self) -> Item:
        """The item as it is handed out."""
        return self.whole if self.whole is not None else self._build(None)

    def _build(self, status: str | None) -> Item:
        text = str(self.arguments)
        if self.kind == "custom_tool_call":
            return CustomToolCall(self.call_id, self.name or "", text, self.item_id, status, self.extra)
        return FunctionCall(
            self.call_id, self.name or "", text, self.item_id, self.signature, status, self.extra
        )

    def is_whole(self, *, cut: bool) -> bool:
        """Whether there is a name, and the arguments are complete JSON.

        After a *cut* (length, EOF, error) only an object counts: no arguments at all may be arguments
        that never began, and `12` may be the beginning of `123`. Custom calls have free text, which
        only an ending that is no cut makes whole.
        """
        whole = self.whole
        if getattr(whole, "status", None) == "incomplete":
            return False
        if not (self.name or getattr(whole, "name", None)):
            return False
        if self.kind == "custom_tool_call":
            return whole is not None or not cut
        text = (whole.arguments if isinstance(whole, FunctionCall) else str(self.arguments)).strip()
        cut = cut and whole is None
        if text in ("", "null"):
            return not cut
        if cut and not text.startswith("{"):
            return False
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True

    @property
    def is_phantom(self) -> bool:
        """Nothing was ever said of it: a place that a gateway numbered and left empty."""
        return self.name is None and self.call_id is None and not str(self.arguments).strip()


class OpenOther(OpenItem):
    """An item of a kind that only its `whole` describes: hosted tools, news."""

    def __init__(
        self, slot: int, choice: int, kind: str, item_id: str | None, opening: dict[str, Any]
    ) -> None:
        super().__init__(slot, choice, item_id)
        self.kind = kind
        self._opening = opening

    def build(self) -> Item:
        if self.whole is not None:
            return self.whole
        item = self._opening.get("item")
        return UnknownItem(item if isinstance(item, dict) else {"type": self.kind, "id": self.item_id})


AnyOpenItem: TypeAlias = OpenMessage | OpenReasoning | OpenCall | OpenOther


def open_item(kind: str, slot: int, choice: int, item_id: str | None, raw: dict[str, Any]) -> AnyOpenItem:
    """An empty growing item of *kind* (an items' `type`)."""
    if kind == "message":
        return OpenMessage(slot, choice, item_id)
    if kind == "reasoning":
        return OpenReasoning(slot, choice, item_id)
    if kind in ("function_call", "custom_tool_call"):
        return OpenCall(slot, choice, kind, item_id)
    return OpenOther(slot, choice, kind, item_id, raw)

"""Payloads of the Responses API, written as briefly as the tests about them want to be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamkit import (
    Completion,
    Event,
    ItemDone,
    Message,
    Reasoning,
    StreamkitError,
    UnknownItem,
)
from streamkit.pipeline.accumulate import accumulate
from streamkit.profiles.known import GENERIC
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import PayloadOrNote
from streamkit.wires.responses.read import read as normalize

Payload = dict[str, Any]

CREATED: Payload = {
    "type": "response.created",
    "response": {"id": "resp_1", "model": "m-1", "created_at": 7, "status": "in_progress", "output": []},
}


def event(name: str, /, **fields: Any) -> Payload:
    """One event; `response.` stands before *name*."""
    return {"type": f"response.{name}", **fields}


def added(item: Payload, **names: Any) -> Payload:
    return event("output_item.added", item=item, **names)


def done(item: Payload, **names: Any) -> Payload:
    return event("output_item.done", item=item, **names)


def text(delta: str, **names: Any) -> Payload:
    return event("output_text.delta", delta=delta, **names)


def arguments(delta: str, **names: Any) -> Payload:
    return event("function_call_arguments.delta", delta=delta, **names)


def completed(*output: Payload, **fields: Any) -> Payload:
    response = {"id": "resp_1", "model": "m-1", "status": "completed", "output": list(output), **fields}
    return event("completed", response=response)


def message(content: str = "", item_id: str | None = None, **fields: Any) -> Payload:
    """A message item with one text part, or none for an empty text."""
    parts = [{"type": "output_text", "text": content, "annotations": []}] if content else []
    return _item("message", item_id, role="assistant", content=parts, **fields)


def call(arguments: str = "", item_id: str | None = None, **fields: Any) -> Payload:
    """A function call item: `call_1` of `f` unless *fields* say otherwise."""
    return _item(
        "function_call", item_id, **{"call_id": "call_1", "name": "f", "arguments": arguments} | fields
    )


def reasoning(summary: list[str], item_id: str | None = None, **fields: Any) -> Payload:
    parts = [{"type": "summary_text", "text": part} for part in summary]
    return _item("reasoning", item_id, summary=parts, **fields)


def _item(kind: str, item_id: str | None, **fields: Any) -> Payload:
    return {"type": kind, **({"id": item_id} if item_id else {}), **fields}


def read(payloads: Iterable[PayloadOrNote]) -> tuple[list[Event], StreamkitError | None]:
    """The events that *payloads* come to, and the error that ended them, if any."""
    events: list[Event] = []
    try:
        state = AnswerState()
        for one in accumulate(normalize(payloads, GENERIC, state), state):
            events.append(one)
    except StreamkitError as error:
        return events, error
    return events, None


def complete(*payloads: PayloadOrNote) -> Completion:
    """The Completion of payloads that have to come to one."""
    events, error = read(payloads)
    assert error is None, error
    return events[-1].completion  # type: ignore[union-attr]


def gist(completion: Completion) -> list[tuple[str, str]]:
    """(type, what it says) of each item."""
    return [_gist(item) for item in completion.items]


def handed_out(events: Iterable[Event]) -> list[tuple[str, str]]:
    return [_gist(one.item) for one in events if isinstance(one, ItemDone)]


def _gist(item: Any) -> tuple[str, str]:
    if isinstance(item, UnknownItem):
        return item.payload["type"], str(item.id)
    if isinstance(item, Message):
        return item.type, item.text or item.refusal
    if isinstance(item, Reasoning):
        return item.type, item.text
    return item.type, getattr(item, "arguments", getattr(item, "input", ""))

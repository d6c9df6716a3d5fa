"""Parts -> the payloads of a Responses stream, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...completion import Usage
from ...items import FunctionCall, Reasoning
from ..sample_parts import not_a_part, pieces_of, usage_counts
from ..wire import SamplePart


def sample(
    parts: Iterable[SamplePart],
    *,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "resp_fake",  # noqa: A002 - the API's own word
) -> list[dict[str, Any] | str]:
    """Return the events of each item and a terminal event; adjacent strings are deltas of one message.

    A *finish_reason* of "length" (or any other word but "completed") makes the response incomplete, with
    that word as its reason; "length" and "incomplete" become `max_output_tokens`.
    """
    events: list[dict[str, Any]] = []
    output: list[dict[str, Any]] = []
    for index, (item, deltas) in enumerate(_output_items(parts)):
        item = {"id": f"item_{index}", **item}
        events += _item_events(index, item, deltas)
        output.append(item)
    status = "completed" if finish_reason in (None, "completed", "stop", "tool_calls") else "incomplete"
    response: dict[str, Any] = {"id": id, "object": "response", "created_at": 0, "model": model}
    created = {**response, "status": "in_progress", "output": []}
    ended = {**response, "status": status, "output": output}
    if status == "incomplete":
        is_length = finish_reason in ("length", "incomplete")
        ended["incomplete_details"] = {"reason": "max_output_tokens" if is_length else finish_reason}
    if usage is not None:
        ended["usage"] = usage_counts(usage, "input_tokens", "output_tokens")
    events = [
        {"type": "response.created", "response": created},
        *events,
        {"type": f"response.{status}", "response": ended},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _output_items(parts: Iterable[SamplePart]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield (item, deltas) for each finished output item; *deltas* are the pieces of its text."""
    texts: list[str] = []

    def message() -> tuple[dict[str, Any], list[str]]:
        content = [{"type": "output_text", "text": "".join(texts), "annotations": []}]
        return {"type": "message", "role": "assistant", "status": "completed", "content": content}, texts

    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield message()
            texts = []
        match part:
            case Reasoning():
                summary = [{"type": "summary_text", "text": part.text}]
                yield {"type": "reasoning", "summary": summary}, pieces_of(part)
            case FunctionCall():
                call = {"type": "function_call", "status": "completed"}
                facts = {"call_id": part.call_id, "name": part.name, "arguments": part.arguments}
                yield {**call, **facts}, [part.arguments]
            case _:
                raise not_a_part(part)
    if texts:
        yield message()


# By item: the prefix of its events, the field with the whole text, and the fields that are empty at first.
_ITEM_EVENTS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "message": ("response.output_text", "text", {"content": []}),
    "reasoning": ("response.reasoning_summary_text", "text", {"summary": []}),
    "function_call": ("response.function_call_arguments", "arguments", {"arguments": ""}),
}


def _item_events(index: int, item: dict[str, Any], deltas: list[str]) -> Iterator[dict[str, Any]]:
    name, whole, empty = _ITEM_EVENTS[item["type"]]
    place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
    if item["type"] != "function_call":
        place["content_index" if item["type"] == "message" else "summary_index"] = 0
    unfinished = {"status": "in_progress"} if "status" in item else {}
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": {**item, **empty, **unfinished},
    }
    for delta in deltas:
        yield {"type": f"{name}.delta", **place, "delta": delta}
    yield {"type": f"{name}.done", **place, whole: "".join(deltas)}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}

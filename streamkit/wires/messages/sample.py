"""Parts -> the payloads of a Messages stream, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...completion import Usage
from ...items import FunctionCall, Reasoning
from ..sample_parts import not_a_part, pieces_of
from ..wire import SamplePart
from .document import usage_fields

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def sample(
    parts: Iterable[SamplePart],
    *,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "msg_fake",  # noqa: A002 - the API's own word
) -> list[dict[str, Any] | str]:
    """Return the events of each block, and the end of the message; adjacent strings are deltas of one block.

    Without a *finish_reason* the answer ends properly. A word of the API, such as "refusal", stays.
    """
    blocks = list(_blocks(parts))
    has_calls = any(block["type"] == "tool_use" for block, _ in blocks)
    word = _STOPS.get(finish_reason or ("tool_calls" if has_calls else "stop"), finish_reason)
    counts = usage_fields(usage) if usage is not None else {}
    start = {"id": id, "type": "message", "role": "assistant", "model": model, "content": []}
    message: dict[str, Any] = {**start, "stop_reason": None, "stop_sequence": None, "usage": {}}
    events: list[dict[str, Any] | str] = [{"type": "message_start", "message": message}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": word, "stop_sequence": None}
    # The official client reads the counts of each message_delta, so there is an object, if an empty one.
    events.append({"type": "message_delta", "delta": end, "usage": counts})
    return [*events, {"type": "message_stop"}]


def _blocks(parts: Iterable[SamplePart]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield (block at its start, deltas) for each block."""
    texts: list[str] = []

    def text() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": each} for each in texts]

    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield text()
            texts = []
        match part:
            case Reasoning():
                signature = next((each["signature"] for each in part.details if "signature" in each), "")
                thought = [{"type": "thinking_delta", "thinking": piece} for piece in pieces_of(part)]
                signed = [{"type": "signature_delta", "signature": signature}]
                yield {"type": "thinking", "thinking": "", "signature": ""}, thought + signed
            case FunctionCall():
                facts: dict[str, Any] = {"id": part.call_id, "name": part.name, "input": {}}
                yield (
                    {"type": "tool_use", **facts},
                    [{"type": "input_json_delta", "partial_json": part.arguments}],
                )
            case _:
                raise not_a_part(part)
    if texts:
        yield text()

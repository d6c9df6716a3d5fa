"""Parts -> the payloads of a Chat Completions stream, for tests."""

from __future__ import annotations

from collections.abc import Iterable
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
    id: str = "chatcmpl-fake",  # noqa: A002 - the API's own word
) -> list[dict[str, Any] | str]:
    """Return one payload per string, and two per call: its name, then its arguments. `[DONE]` is last.

    *finish_reason* defaults to `tool_calls` if *parts* contain a call, else to `stop`.
    """
    calls = 0
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for part in parts:
        match part:
            case str():
                deltas.append({"content": part})
            case Reasoning():
                deltas += [{"reasoning_content": piece} for piece in pieces_of(part)]
            case FunctionCall():
                function = {"name": part.name, "arguments": ""}
                call = {"index": calls, "id": part.call_id, "type": "function", "function": function}
                rest = {"index": calls, "function": {"arguments": part.arguments}}
                deltas += [{"tool_calls": [call]}, {"tool_calls": [rest]}]
                calls += 1
            case _:
                raise not_a_part(part)
    choices: list[dict[str, Any]]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    reason = finish_reason or ("tool_calls" if calls else "stop")
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    head = {"id": id, "object": "chat.completion.chunk", "created": 0, "model": model}
    payloads: list[dict[str, Any] | str] = [{**head, "choices": [choice]} for choice in choices]
    if usage is not None:
        counts = usage_counts(usage, "prompt_tokens", "completion_tokens")
        payloads.append({**head, "choices": [], "usage": counts})
    return [*payloads, "[DONE]"]

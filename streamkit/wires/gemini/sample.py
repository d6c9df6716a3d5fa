"""Parts -> the payloads of a Gemini stream, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...completion import Usage
from ...items import FunctionCall, Reasoning
from ...json_text import loads
from ..sample_parts import not_a_part, pieces_of
from ..wire import SamplePart
from .document import usage_fields

_STOPS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def sample(
    parts: Iterable[SamplePart],
    *,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "fake-response",  # noqa: A002 - the APIs' own word
) -> list[dict[str, Any] | str]:
    """Return a payload for each part, and one with the finish reason and the usage.

    Without a *finish_reason* the answer ends properly. A word of the API, such as "SAFETY", stays.
    """
    facts = {"modelVersion": model, "responseId": id}
    payloads: list[dict[str, Any] | str] = [
        {"candidates": [{"content": {"role": "model", "parts": [written]}, "index": 0}], **facts}
        for part in parts
        for written in _parts(part)
    ]
    word = _STOPS.get(finish_reason or "stop", finish_reason)
    last: dict[str, Any] = {"candidates": [{"finishReason": word, "index": 0}]}
    if usage is not None:
        last["usageMetadata"] = usage_fields(usage)
    return [*payloads, {**last, **facts}]


def _parts(part: SamplePart) -> list[dict[str, Any]]:
    """Return the parts of a payload each; a signature is on the last piece of a thought."""
    match part:
        case str():
            return [{"text": part}]
        case Reasoning():
            pieces: list[dict[str, Any]] = [{"text": piece, "thought": True} for piece in pieces_of(part)]
            pieces[-1] |= next((each for each in part.details if "thoughtSignature" in each), {})
            return pieces
        case FunctionCall():
            call_id = {"id": part.call_id} if part.call_id else {}
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            args = loads(part.arguments) if part.arguments.strip() else {}
            return [{"functionCall": {"name": part.name, "args": args, **call_id}, **signed}]
        case _:
            raise not_a_part(part)

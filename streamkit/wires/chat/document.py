"""A Completion <-> the JSON document of Chat Completions, the answer without `stream`."""

from __future__ import annotations

from typing import Any

from ..._checks import got
from ...completion import Choice, Completion, ToolCall, Usage
from ...error_bodies import api_error, is_refusal
from ...errors import NotAnEventStreamError
from ...items import CustomToolCall, Message, OutputAudio, OutputImage, Reasoning
from ...state.deltas import Payload
from ...state.join import split_blocks
from .usual_choices import usual_choices, with_usual_names


def read_document(body: Payload) -> list[Payload]:
    """Return the payloads that yield the same deltas as *body*, a plain Chat Completions answer.

    Raises `APIError` for an error body, and `NotAnEventStreamError` for any other object.
    """
    if type(body.get("choices")) is list or usual_choices(with_usual_names(body)):
        return [body]  # `read` decides if an error next to them counts
    if is_refusal(body) or type(body.get("message")) is str:
        raise api_error(body)
    raise NotAnEventStreamError(
        f"a JSON object, but neither a completion nor an error: keys {sorted(body)[:8]}", body=got(body, 500)
    )


def write_document(completion: Completion, ending: Payload | None = None) -> dict[str, Any]:
    """Return *completion* in the shape of a Chat Completions answer without `stream`."""
    document = {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": [_choice(choice) for choice in completion.choices],
        "usage": _usage(completion.usage),
    }
    return document | {name: value for name, value in completion.extras.items() if name not in document}


def _choice(choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text or None,
        "refusal": choice.refusal or None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    details = [d for i in choice.items if isinstance(i, Reasoning) for d in i.details]
    details, blocks = split_blocks(details)
    if details:
        message["reasoning_details"] = details
    if blocks:
        message["thinking_blocks"] = blocks
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
    calls = [_call(call) for call in choice.tool_calls]
    if calls:
        message["tool_calls"] = calls
    logprobs = [entry for part in parts for entry in getattr(part, "logprobs", ())]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": {"content": logprobs} if logprobs else None,
        "finish_reason": choice.finish_reason,
    }


def _call(call: ToolCall) -> dict[str, Any]:
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


def _usage(usage: Usage | None) -> dict[str, Any] | None:
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
    if usage.cost is not None and not usage.cost_computed:  # the server's document has no computed cost
        data["cost"] = usage.cost
    return data

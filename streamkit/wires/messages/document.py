"""A Completion <-> the JSON document of the Messages API, the answer without `stream`."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ..._checks import got
from ...completion import Completion, Usage
from ...error_bodies import api_error, is_refusal
from ...errors import NotAnEventStreamError
from ...items import Message
from ...profiles.known import GENERIC
from ...request import Request
from ...state.deltas import Payload
from ..call_pairs import answered
from ..opaque import without_foreign_state
from ..report import BuildReport
from .read import is_of_this_api
from .turns import build_turns


def read_document(body: Payload) -> list[Payload]:
    """Return the payloads that yield the same deltas as *body*, a plain Messages answer.

    Raises `APIError` for an error body, and `NotAnEventStreamError` for any other object.
    """
    kind = body.get("type")
    if is_of_this_api(body) and kind != "message":
        return [body]  # one event, without its frame
    is_message = type(body.get("content")) is list or (kind == "message" and "content" in body)
    if not is_message or is_refusal(body) or kind == "error":
        if is_refusal(body) or kind == "error" or type(body.get("message")) is str:
            raise api_error(body)
        raise NotAnEventStreamError(
            f"a JSON object, but neither a message nor an error: keys {sorted(body)[:8]}",
            body=got(body, 500),
        )
    return [{"type": "message_start", "message": body}, {"type": "message_stop"}]


_OWN_WORDS = frozenset(
    (
        *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "compaction"),
        "model_context_window_exceeded",
    )
)
# Our finish reason -> the API's word, if the recorded word isn't one of its own.
_WORDS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def write_document(completion: Completion, ending: Payload | None = None) -> dict[str, Any]:
    """Return *completion* in the shape of a message; *ending* adds nothing, since it never holds the content.

    Items that the API can't express, such as other servers' tools, are left out.
    """
    raw = completion.raw_finish_reason
    word = raw if raw in _OWN_WORDS else _WORDS.get(completion.finish_reason or "", raw)
    return {
        "id": completion.id,
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "content": answer_blocks(completion),
        "stop_reason": word,
        "stop_sequence": completion.extras.get("stop_sequence"),
        "usage": usage_fields(completion.usage),
    }


def answer_blocks(completion: Completion) -> list[dict[str, Any]]:
    """Return the content blocks of an answer, as a request sends them back, and unsigned thoughts too."""
    items = (Message("user", "?"), *answered(completion.items))
    profile = evolve(GENERIC, unsigned_thinking=True)
    request = Request(items, model=completion.model or "unknown")
    request = without_foreign_state(request, "messages", profile, BuildReport())
    _, messages = build_turns(request, profile, BuildReport(), is_answer=True)
    return [block for message in messages if message["role"] == "assistant" for block in message["content"]]


def usage_fields(usage: Usage | None) -> dict[str, Any]:
    """Return the counts as the API reports them: input without what the cache read and wrote."""
    usage = usage or Usage()
    read, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    fields: dict[str, Any] = {
        "input_tokens": max((usage.input_tokens or 0) - read - written, 0),
        "output_tokens": usage.output_tokens or 0,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }
    if usage.reasoning_tokens is not None:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.cost is not None:
        fields["cost"] = usage.cost
    return {k: v for k, v in fields.items() if v is not None}

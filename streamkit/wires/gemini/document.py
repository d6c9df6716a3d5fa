"""A Completion <-> the JSON document of Gemini, the answer of `generateContent`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._checks import got
from ...completion import Choice, Completion, Usage
from ...error_bodies import api_error, is_error, is_refusal
from ...errors import NotAnEventStreamError
from ...items import (
    Item,
    Message,
    Reasoning,
)
from ...profiles.known import GENERIC
from ...request import Request
from ...state.deltas import Payload
from ..call_pairs import answered
from ..finish_words import FINISH
from ..opaque import without_foreign_state
from ..report import BuildReport
from .read import is_of_this_api
from .turns import build_contents


def read_document(body: Payload) -> list[Payload]:
    """Return the payload that yields the same deltas as *body*, a whole answer; it has the same form.

    Raises `APIError` for an error body, and `NotAnEventStreamError` for any other object.
    """
    if is_of_this_api(body):
        return [body]
    if is_error(body.get("error")) or is_refusal(body) or type(body.get("message")) is str:
        raise api_error(body)
    raise NotAnEventStreamError(
        f"a JSON object, but neither an answer nor an error: keys {sorted(body)[:8]}", body=got(body, 500)
    )


# Our finish reason -> the API's word, if the recorded word isn't one of its own.
_WORDS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def write_document(completion: Completion, ending: Payload | None = None) -> dict[str, Any]:
    """Return *completion* in the shape of a whole answer; *ending* adds nothing.

    Items that the API can't express, such as other servers' tools, are left out.
    """
    body: dict[str, Any] = {"candidates": [_candidate(choice) for choice in completion.choices]}
    if completion.usage is not None:
        body["usageMetadata"] = usage_fields(completion.usage)
    if completion.model:
        body["modelVersion"] = completion.model
    if completion.id:
        body["responseId"] = completion.id
    return body


def _candidate(choice: Choice) -> dict[str, Any]:
    raw = choice.raw_finish_reason
    word = raw if raw and raw.lower() in FINISH and raw.isupper() else None
    return {
        "index": choice.index,
        "content": {"role": "model", "parts": answer_parts(choice.items)},
        "finishReason": word or _WORDS.get(choice.finish_reason or "", "OTHER"),
    }


def answer_parts(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Return the parts of an answer, as a request sends them back, and its thoughts too."""
    request = Request((Message("user", "?"), *answered(map(_shown, items))), model="unknown")
    request = without_foreign_state(request, "gemini", GENERIC, BuildReport())
    _, contents = build_contents(request, GENERIC, BuildReport())
    return [part for content in contents if content["role"] == "model" for part in content["parts"]]


def _shown(item: Item) -> Item:
    """Return *item*; a thought without a signature is marked as one, so that it is written."""
    if isinstance(item, Reasoning) and item.text and not item.details:
        return Reasoning(summary=[item.text], details=[{"thought": True}])
    return item


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Return the counts as the API reports them: output without the thoughts."""
    thoughts = usage.reasoning_tokens
    fields = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_input_tokens,
        "candidatesTokenCount": None
        if usage.output_tokens is None
        else usage.output_tokens - (thoughts or 0),
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": usage.total_tokens,
    }
    return {name: count for name, count in fields.items() if count is not None}

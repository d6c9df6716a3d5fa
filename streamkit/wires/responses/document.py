"""A Completion <-> the JSON document of the Responses API, the answer without `stream`."""

from __future__ import annotations

from typing import Any

from ...completion import Completion
from ...error_bodies import api_error, is_error
from ...errors import NotAnEventStreamError, StreamError
from ...items import (
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Message,
    OutputText,
    Reasoning,
)
from ...profiles.known import GENERIC
from ...request import Request
from ...state.deltas import Payload
from ..report import BuildReport
from .build import build
from .output_items import item_from_payload, object_in, objects_in
from .read import head_of, is_response, outcome_of


def read_document(body: Payload) -> list[Payload]:
    """A plain Responses answer as the payload that gives the same fragments.

    Raises the `APIError` that an error body means, `StreamError` for a completed response that says
    nothing at all (behaviours PS-27), and `NotAnEventStreamError` for any other object.
    """
    if type(body.get("type")) is str and object_in(body, "response"):
        return [body]  # a lone event, sent without its frame
    if not is_response(body):
        if is_error(body.get("error")) or "detail" in body or ("message" in body and "code" in body):
            raise api_error(body)
        keys = sorted(body)[:8]
        raise NotAnEventStreamError(
            f"a JSON object, but neither a response nor an error: keys {keys}", body=str(body)[:500]
        )
    outcome = outcome_of(None, body)
    if outcome == "completed" and not any(map(_says_something, objects_in(body, "output"))):
        facts = head_of(body, body)
        raise StreamError(
            "the response is completed, but its output says nothing",
            partial=Completion(facts.id, facts.model, created=facts.created, status=facts.status),
        )
    return [{"type": f"response.{outcome}", "response": body}]


def _says_something(item: Payload) -> bool:
    """Blank text and reasoning without content are nothing; every other item is something."""
    built = item_from_payload(item)
    if isinstance(built, Message):
        return bool(built.text.strip()) or any(not isinstance(part, OutputText) for part in built.content)
    if isinstance(built, Reasoning):
        return bool(built.text.strip() or built.encrypted_content)
    return True


def write_document(completion: Completion, ending: Payload | None = None) -> dict[str, Any]:
    """Return *completion* in the shape of a Responses answer without `stream`.

    If *ending* is a terminal event, that is the whole response as the server itself would have sent it;
    else the items are built like those of a request.
    """
    if ending is not None and object_in(ending, "response").get("output"):
        return object_in(ending, "response")
    # A request contains no call without an output, so each call gets one, which is left out again.
    outputs = [
        (FunctionCallOutput if isinstance(call, FunctionCall) else CustomToolCallOutput)(call.call_id)
        for call in completion.tool_calls
    ]
    request = Request((*completion.items, *outputs), model=completion.model or "unknown")
    written = build(request, GENERIC, BuildReport())["input"] if request.input else []
    is_cut = completion.finish_reason in ("length", "content_filter")
    return {
        "id": completion.id,
        "object": "response",
        "created_at": completion.created,
        "model": completion.model,
        "status": "incomplete" if is_cut else "completed",
        "output": [item for item in written if not item["type"].endswith("_output")],
        "usage": _usage(completion),
    }


def _usage(completion: Completion) -> dict[str, Any] | None:
    usage = completion.usage
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }

"""A Completion <-> the JSON document of the Responses API, the answer without `stream`."""

from __future__ import annotations

from typing import Any

from ..._checks import got
from ...completion import Completion
from ...error_bodies import api_error, is_refusal
from ...errors import NotAnEventStreamError, StreamError
from ...items import (
    Message,
    OutputText,
    Reasoning,
)
from ...profiles.known import GENERIC
from ...request import Request
from ...state.deltas import Payload
from ..call_pairs import answered
from ..fields import object_in
from ..opaque import without_foreign_state
from ..report import BuildReport
from .input_items import build_input
from .output_items import item_from_payload
from .read import head_of, is_response, outcome_of
from .usual_items import usual_output


def read_document(body: Payload) -> list[Payload]:
    """Return the payload that yields the same deltas as *body*, a plain Responses answer.

    Raises `APIError` for an error body, `StreamError` for a completed response without any output, and
    `NotAnEventStreamError` for any other object.
    """
    inner = object_in(body, "response")
    if inner and (type(body.get("type")) is str or is_response(inner)):
        return [body]  # one event, without its frame
    if not is_response(body):
        if is_refusal(body) or type(body.get("message")) is str:
            raise api_error(body)
        keys = sorted(body)[:8]
        raise NotAnEventStreamError(
            f"a JSON object, but neither a response nor an error: keys {keys}", body=got(body, 500)
        )
    outcome = outcome_of(None, body)
    if outcome == "completed" and not any(map(_has_content, usual_output(body))):
        facts = head_of(body, body)
        raise StreamError(
            "the response is completed, but its output is empty",
            partial=Completion(facts.id, facts.model, created=facts.created, status=facts.status),
        )
    return [{"type": f"response.{outcome}", "response": body}]


def _has_content(item: Payload) -> bool:
    """Return False for an item that has only blank text, or reasoning without text and encrypted content."""
    built = item_from_payload(item)
    if isinstance(built, Message):
        return bool(built.text.strip()) or any(not isinstance(part, OutputText) for part in built.content)
    if isinstance(built, Reasoning):
        return bool(built.text.strip() or built.encrypted_content)
    return True


def write_document(completion: Completion, ending: Payload | None = None) -> dict[str, Any]:
    """Return *completion* in the shape of a Responses answer without `stream`.

    If *ending* is a terminal event with the whole response, that is returned; else the items are written like
    those of a request.
    """
    if ending is not None and object_in(ending, "response").get("output"):
        return object_in(ending, "response")
    request = Request(answered(completion.items), model=completion.model or "unknown")
    request = without_foreign_state(request, "responses", GENERIC, BuildReport())
    written = build_input(request, GENERIC, BuildReport())
    is_cut = completion.finish_reason in ("length", "content_filter")
    return {
        "id": completion.id,
        "object": "response",
        "created_at": completion.created,
        "model": completion.model,
        "status": "incomplete" if is_cut else "completed",
        "output": [item for item in written if not str(item.get("type")).endswith("_output")],
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

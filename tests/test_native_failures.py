"""Errors in the middle of Messages and Gemini streams, in the words of other servers.

A proxy, or the host of the model, writes its own error into the stream when the answer breaks off. It is the
error to raise, not a truncated stream: its class decides whether a retry can help.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    APIError,
    OverloadedError,
    RateLimitError,
    ServerError,
    TruncatedStreamError,
    Unknown,
    read_events,
)

STARTS: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"type": "message_start", "message": {"id": "m", "model": "x", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}},
    ],
    "gemini": [{"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]}],
}
WIRES = pytest.mark.parametrize("wire", STARTS)


def read(wire: str, *payloads: dict[str, Any]) -> list[Any]:
    frames = [f"data: {json.dumps(payload)}\n\n".encode() for payload in (*STARTS[wire], *payloads)]
    events: list[Any] = []
    for event in read_events(frames, wire=wire):
        events.append(event)
    return events


@WIRES
@pytest.mark.parametrize(
    ("payload", "kind", "message"),
    [
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, RateLimitError, "rate limit"),
        ({"throttlingException": {"message": "slow"}}, RateLimitError, "slow"),
        ({"internalServerException": {"message": "boom"}}, ServerError, "boom"),
        ({"code": "Throttling", "message": "slow", "request_id": "r"}, RateLimitError, "slow"),
        ({"code": 503, "message": "unavailable"}, OverloadedError, "unavailable"),
        ({"object": "error", "message": "died", "code": 500}, ServerError, "died"),
        ({"type": "api_error", "message": "died"}, ServerError, "died"),
        ({"detail": "upstream died"}, APIError, "upstream died"),
        ({"success": False, "errors": [{"code": 1, "message": "no"}]}, APIError, "no"),
        ({"status": "error", "message": "failed"}, APIError, "failed"),
        ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, OverloadedError, "Overloaded"),
    ],
    ids=str,
)
def test_an_error_in_any_known_shape_is_raised(
    wire: str, payload: dict[str, Any], kind: type[APIError], message: str
) -> None:
    """The answer so far is in it."""
    with pytest.raises(APIError, match=message) as caught:
        read(wire, payload)
    assert type(caught.value) is kind
    assert caught.value.partial is not None
    assert caught.value.partial.text == "hi"


@WIRES
@pytest.mark.parametrize(
    "payload",
    [
        {"type": "note", "message": "halfway", "status": "processing"},
        {"status": "ok"},
        {"code": 0, "message": "success"},
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
    ],
    ids=str,
)
def test_other_foreign_payloads_are_no_error(wire: str, payload: dict[str, Any]) -> None:
    """They are passed on; what ends the stream here is its end."""
    with pytest.raises(TruncatedStreamError) as caught:
        read(wire, payload)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "hi"


def test_an_unknown_event_with_a_list_of_errors_is_passed_on() -> None:
    """Its type doesn't say that the answer failed."""
    event = {"type": "lint_result", "errors": ["E1"], "status": "failed", "message": "one error"}
    end = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    events = read("messages", event, *end)
    assert [each.payload for each in events if isinstance(each, Unknown)] == [event]
    assert events[-1].completion.text == "hi"


def test_a_payload_of_gemini_with_a_word_of_failure_is_its_own() -> None:
    """A field of the API's says that the payload is no proxy's."""
    usage = {"usageMetadata": {"promptTokenCount": 1}, "status": "failed", "message": "x"}
    end = {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}
    assert read("gemini", usage, end)[-1].completion.text == "hi"

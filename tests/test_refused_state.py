"""Servers that refuse their own signed or encrypted thoughts: the next attempt goes without them, once.

The words of the errors are those of public reports about each server.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    BadRequestError,
    Client,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Origin,
    Reasoning,
    RetryPolicy,
    UnknownItem,
)
from streamkit.testing import FakeTransport, refusal, stream_of

BOUND = (
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different"
    " conversation. Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior`."
)
CHANGED = (
    "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be"
    " modified. These blocks must remain as they were in the original response."
)
STAND_IN = "skip_thought_signature_validator"


def asked(
    wire: str, profile: str, model: str, answer: list[Item], *refusals: Any, **params: Any
) -> tuple[list[Any], Any]:
    """Return the bodies of all attempts, and the report of the last."""
    transport = FakeTransport(*[refusal(400, each) for each in refusals], stream_of(wire, "ok"))
    client = Client(profile, wire=wire, api_key="k", transport=transport, retry=RetryPolicy(max_retries=0))
    stream = client.stream([Message("user", "a"), *answer], model=model, **params)
    assert stream.result().text == "ok"
    return transport.bodies, stream.request.report


def thought(origin: Origin, **fields: Any) -> Reasoning:
    return Reasoning(origin=origin, **fields)


def anthropics(message: str) -> Any:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


HERE = Origin("messages", "anthropic")
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SECRET = {"type": "redacted_thinking", "data": "ZGF0YQ"}


@pytest.mark.parametrize(
    "message", [BOUND, CHANGED, "messages.3.content.1: Invalid `signature` in `thinking` block"]
)
def test_anthropics_thoughts(message: str) -> None:
    """All of them stay out: a request with some of them is refused, too. Text and calls stay."""
    answer = [
        thought(HERE, content=["Hm."], details=[SIGNED]),
        FunctionCall("t", "f", "{}"),
        FunctionCallOutput("t", "x"),
        thought(HERE, details=[SECRET]),
        Message("assistant", "b"),
        Message("user", "c"),
    ]
    (first, second), report = asked("messages", "anthropic", "claude-opus-5-5", answer, anthropics(message))
    kinds = [[block["type"] for block in message["content"]] for message in first["messages"]]
    assert kinds == [
        ["text"],
        ["thinking", "tool_use"],
        ["tool_result"],
        ["redacted_thinking", "text"],
        ["text"],
    ]
    kinds = [[block["type"] for block in message["content"]] for message in second["messages"]]
    assert kinds == [["text"], ["tool_use"], ["tool_result"], ["text"], ["text"]]
    assert [said for said in report.dropped if "which anthropic refuses" in said] == [
        "item 1 (reasoning): its signature or encrypted content, which anthropic refuses",
        "item 4 (reasoning): its signature or encrypted content, which anthropic refuses",
    ]


def test_a_budget_goes_with_the_thoughts_of_a_turn_that_goes_on() -> None:
    """Without a thought before its call, a turn can't go on with a budget."""
    call = [
        thought(HERE, content=["Hm."], details=[SIGNED]),
        FunctionCall("t", "f", "{}"),
        FunctionCallOutput("t", "x"),
    ]
    transport = FakeTransport(refusal(400, anthropics(BOUND)), stream_of("messages", "ok"))
    client = Client("anthropic", api_key="k", transport=transport)
    client.complete([Message("user", "a"), *call], model="claude-sonnet-4-5", reasoning_effort="high")
    assert ["thinking" in body for body in transport.bodies] == [True, False]


@pytest.mark.parametrize(
    "message",
    [
        "Corrupted thought signature.",
        "Invalid thought signature.",
        "Unable to submit request because Thought signature is not valid.. Learn more: https://x",
    ],
)
def test_geminis_signatures(message: str) -> None:
    """The call of this turn gets the documented stand-in; a text and code go back without."""
    here = Origin("gemini", "gemini")
    answer = [
        thought(here, summary=["Hm."], details=[{"thought": True, "thoughtSignature": "czA="}]),
        {"role": "model", "parts": [{"text": "b", "thoughtSignature": "czE="}]},
        UnknownItem({"executableCode": {"code": "1"}, "thoughtSignature": "czI="}, origin=here),
        FunctionCall("t", "f", "{}", signature="czM=", origin=here),
        FunctionCallOutput("t", "x"),
    ]
    error = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    (first, second), report = asked("gemini", "gemini", "gemini-3-pro", answer, error)
    signed = [part.get("thoughtSignature") for part in first["contents"][1]["parts"]]
    assert signed == ["czA=", "czE=", "czI=", "czM="]
    parts = second["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, None, STAND_IN]
    assert parts[:2] == [{"text": "b"}, {"executableCode": {"code": "1"}}]
    assert sum("which gemini refuses" in said for said in report.dropped) == 4


def test_openais_encrypted_content() -> None:
    """The thought stays out, and so do the ids that depend on it."""
    here = Origin("responses", "openai")
    answer = [
        thought(here, id="rs_1", encrypted_content="gAAA"),
        Message("assistant", "b", id="msg_1", origin=here),
        Message("user", "c"),
    ]
    message = "The encrypted content gAAA...DQ== could not be verified."
    error = {
        "error": {"message": message, "type": "invalid_request_error", "code": "invalid_encrypted_content"}
    }
    (first, second), report = asked("responses", "openai", "gpt-5", answer, error, store=False)
    assert [item.get("id") for item in first["input"]] == [None, "rs_1", "msg_1", None]
    assert [(item["type"], item.get("id")) for item in second["input"]] == [("message", None)] * 3
    assert "which openai refuses" in report.dropped[0]


def test_a_gateway_that_passes_the_refusal_on() -> None:
    """OpenRouter's reasoning details; the provider's error is inside its own."""
    here = Origin("chat", "openrouter")
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln"}]
    answer = [thought(here, content=["Hm."], details=details), Message("assistant", "b", origin=here)]
    answer.append(Message("user", "c"))
    raw = json.dumps(anthropics(BOUND))
    error = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    (first, second), _ = asked("chat", "openrouter", "anthropic/claude-opus-5.5", answer, error)
    assert first["messages"][1]["reasoning_details"] == details
    assert second["messages"][1] == {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param([Message("assistant", "b")], BOUND, id="nothing is signed"),
        pytest.param([Reasoning(details=[SIGNED]), Message("assistant", "b")], "No such model.", id="other"),
        pytest.param(
            [FunctionCall("t", "f", "{}", signature="c2ln"), FunctionCallOutput("t", "x")],
            "Function call is missing a thought_signature in functionCall parts.",
            id="missing",
        ),
    ],
)
def test_any_other_refusal_is_raised(answer: list[Item], message: str) -> None:
    """Nothing is taken away for it."""
    transport = FakeTransport(refusal(400, anthropics(message)))
    client = Client("anthropic", api_key="k", transport=transport)
    with pytest.raises(BadRequestError):
        client.complete([Message("user", "a"), *answer, Message("user", "c")], model="claude-opus-5-5")
    assert len(transport.calls) == 1


def test_a_second_refusal_is_raised() -> None:
    """There is nothing left to take away."""
    refused = refusal(400, anthropics(BOUND))
    transport = FakeTransport(refused, refused)
    client = Client("anthropic", api_key="k", transport=transport)
    items = [
        Message("user", "a"),
        Reasoning(details=[SIGNED]),
        Message("assistant", "b"),
        Message("user", "c"),
    ]
    with pytest.raises(BadRequestError):
        client.complete(items, model="claude-opus-5-5")
    assert len(transport.calls) == 2


def test_a_thought_alone_is_no_request_without_it() -> None:
    """What is left can't be sent, so the server's own error is raised."""
    transport = FakeTransport(refusal(400, {"error": {"message": "Invalid thought signature."}}))
    client = Client("gemini", api_key="k", transport=transport)
    with pytest.raises(BadRequestError):
        client.complete([Reasoning(details=[{"text": "Hm.", "thoughtSignature": "czA="}])], model="m")
    assert len(transport.calls) == 1

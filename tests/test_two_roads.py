"""House rule B: a fast path gives the events that its slow twin gives. Both roads run on random payloads.

Each fast path is a function that returns None when it is unsure; here it is replaced by one that always does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from streamkit import Event, StreamkitError, TextDelta, read_events
from streamkit.testing import sse
from streamkit.wires.chat.call_slots import CallSlots

from .recorded import EVERY, fixtures

NONE: Callable[..., None] = lambda *args: None  # noqa: E731
FAST_PATHS: dict[str, tuple[Any, str]] = {
    "chat": (import_module("streamkit.wires.chat.read"), "read_piece"),
    "chat details": (import_module("streamkit.wires.chat.read"), "read_detailed_piece"),
    "chat calls": (CallSlots, "continued"),
    "responses": (import_module("streamkit.wires.responses.read"), "read_piece"),
    "gemini": (import_module("streamkit.wires.gemini.read")._Answer, "read_piece"),
    "gemini usage": (import_module("streamkit.wires.gemini.usage"), "same_fields"),
    "messages": (import_module("streamkit.wires.messages.read"), "read_piece"),
    "accumulate": (import_module("streamkit.pipeline.accumulate"), "append"),
    "lane": (import_module("streamkit.pipeline"), "new_lane"),
}


Outcome = tuple[list[Event], list[Any], str]


def outcome(body: bytes, wire: str) -> Outcome:
    """All events, their raw payloads, and the error's class and text."""
    events: list[Event] = []
    error = ""
    try:
        for event in read_events([body], wire=wire):
            events.append(event)
    except StreamkitError as exc:
        error = f"{type(exc).__name__}: {exc} {exc.partial}"
    return events, [event.raw for event in events], error


ARGUMENTS = ['{"a"', ":1}", "{}", "", "null", None, '{"a":1}', '{"a": 1}', '{"a":', '{"a":1,"b"', 7]


def chat_payload(chance: random.Random, noise: float) -> dict[str, Any]:
    """A payload near the fast path: one choice with a delta, and with *noise* something next to it."""
    maybe = chance.random
    if maybe() < 0.3:
        entry: dict[str, Any] = {"index": 0, "function": {"arguments": chance.choice(['{"a"', ":1}", "x"])}}
        choice: dict[str, Any] = {"index": 0, "delta": {"tool_calls": [entry]}}
        return {"id": "i", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    delta: dict[str, Any] = {}
    if maybe() < 0.2:  # OpenRouter
        text = chance.choice(["hm", "m", "x", "yz"])
        kind, field = chance.choice([("reasoning.text", "text"), ("reasoning.summary", "summary")])
        detail: dict[str, Any] = {"type": kind, field: text if maybe() > noise else "x", "index": 0}
        if maybe() < noise:
            detail |= chance.choice(
                [{"id": "d"}, {"type": "reasoning.encrypted", "data": "e"}, {"type": None}]
            )
        delta = {"reasoning": text, "reasoning_details": [detail] * (1 if maybe() > noise else 2)}
        delta |= {"content": chance.choice(["", None])} if maybe() > noise else {}
    elif maybe() < 0.6:
        delta["content"] = chance.choice(["a", "bc", "", None, "{}"])
    if maybe() < noise:
        delta["content"] = chance.choice([0, 42, False, [{"type": "reasoning", "summary": [{"text": "hm"}]}]])
    if maybe() < 0.2:
        delta["reasoning_content"] = chance.choice(["hm", "", None])
    if maybe() < noise:
        delta["reasoning"] = chance.choice(["hm", None])
    if maybe() < noise:
        name = chance.choice(["thinking_blocks", "thinking_blocks", "reasoning_details", "reasoning_text"])
        block = {"type": "thinking", "thinking": "hm", "signature": chance.choice([None, "s"])}
        delta |= {name: {"reasoning_details": [{"text": "hm"}], "reasoning_text": "hm"}.get(name, [block])}
    if maybe() < 0.3:
        function = {"arguments": chance.choice(ARGUMENTS)}
        if maybe() < 0.2:
            function["name"] = chance.choice(["f", "g", "f<|x|>", ""])
        entry = {"index": chance.choice([0, 0, 0, 1, 1, 2, None, "1"]), "function": function}
        if maybe() < 0.2:
            entry["id"] = chance.choice(["c1", "c2", ""])
        if maybe() < noise:
            entry["extra_content"] = {"x": 1}
        if maybe() < noise:
            entry["custom"] = {}
        delta["tool_calls"] = [entry] * chance.choice([1, 1, 1, 2])
        if maybe() < noise:
            delta["tool_calls"] = entry
    if maybe() < 0.2:
        delta["role"] = "assistant"
    if maybe() < noise:
        names = ["refusal", "annotations", "audio", "images", "function_call", "usage"]
        delta[chance.choice(names)] = chance.choice(
            ["no", [{"type": "a"}], {"id": "x"}, None, {"name": "f", "arguments": "{}"}, {"prompt_tokens": 4}]
        )
    choice = {"index": chance.choice([0, 0, 0, 0, 0, 1]), "delta": delta}
    extra = {
        "finish_reason": chance.choice([None, None, None, "stop", "tool_calls", "length"]),
        "logprobs": chance.choice([None, {"content": [{"token": "a"}]}, []]),
        "usage": chance.choice([None, {"prompt_tokens": 3}]),
        "finishReason": chance.choice([None, "stop", "SAFETY"]),
        "message": {"content": chance.choice(["a", "abc"])},
        "matched_stop": None,
    }
    choice |= {name: value for name, value in extra.items() if maybe() < noise}
    if "message" in choice and maybe() < 0.5:
        del choice["delta"]
    payload: dict[str, Any] = {
        "id": "i",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [choice],
    }
    around = {
        "id": chance.choice(["i", "j"] if maybe() > noise else [None, "", 7, {"text": 7}]),
        "usage": chance.choice([None, {"prompt_tokens": 1, "completion_tokens": 2}]),
        "x_groq": chance.choice([{"id": "req"}, {"id": "req", "usage": {"prompt_tokens": 9}}]),
        "usage_metadata": chance.choice([{"input_tokens": 4}, {"input_tokens": 4}, {"output_tokens": 6}]),
        "metadata": chance.choice([{"usage": {"total_tokens": 9, "output_tokens": 8}}, {"user": "u"}]),
        "provider": chance.choice(["A", "A", "B"]),
        "system_fingerprint": chance.choice(["fp", None]),
        "error": chance.choice([None, {"message": "bad", "code": 500}]),
        "obfuscation": "x",
    }
    return payload | {name: value for name, value in around.items() if maybe() < noise}


def responses_payload(chance: random.Random, noise: float) -> dict[str, Any]:
    """An event about one of two messages or calls, named in one of several ways."""
    if chance.random() > noise * 4:
        here = {"item_id": "m1", "output_index": 0, "content_index": 0}
        return {"type": "response.output_text.delta", **here, "delta": chance.choice(["a", "bc", ""])}
    place: dict[str, Any] = {"item_id": chance.choice(["m1", "m1", "m2", None])}
    if chance.random() < 0.6:
        place["output_index"] = chance.choice([0, 0, 1])
    if chance.random() < 0.6:
        place["content_index"] = chance.choice([0, 0, 1, 2])
    text = chance.choice(["a", "bc", "", None, 5])
    item = {
        "type": "message",
        "id": "m1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}],
    }
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", **place, "delta": text},
        {"type": "response.output_text.delta", **place, "delta": text},
        {"type": "response.output_text.delta", **place, "delta": text},
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": [{"token": "a"}]},
        {"type": "response.output_text.done", **place, "text": chance.choice(["abc", "a", "bcbc"])},
        {"type": "response.content_part.added", **place, "part": {"type": "output_text", "text": ""}},
        {"type": "response.refusal.delta", **place, "delta": text},
        {"type": "response.reasoning_text.delta", **place, "delta": text},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", **place, "delta": '{"a"'},
    ]
    return chance.choice(events)


def stream(chance: random.Random, wire: str) -> bytes:
    """A stream of a few payloads: calm, or with little or much noise."""
    noise = chance.choice([0.0, 0.03, 0.15])
    payloads = [PAYLOADS[wire](chance, noise) for _ in range(chance.randrange(1, 14))]
    return sse(*payloads, *([ENDS[wire]] if chance.random() < 0.7 else []))


def gemini_payload(chance: random.Random, noise: float) -> dict[str, Any]:
    """A payload with a piece of text or a thought, and with *noise* something next to it."""
    maybe = chance.random
    part: dict[str, Any] = {
        "text": chance.choice(["a", "bc", "", None, 5] if maybe() < noise else ["a", "bc"])
    }
    if maybe() < 0.3:
        part["thought"] = chance.choice([True, True, True, False, None])
    if maybe() < noise:
        part["thoughtSignature"] = chance.choice(["s", "", None])
    if maybe() < noise:
        part = {"functionCall": {"name": "f", "args": {"a": 1}}}
    content: dict[str, Any] = {"parts": [part] * chance.choice([1, 1, 1, 1, 2, 0]), "role": "model"}
    candidate: dict[str, Any] = {"content": content}
    if maybe() < 0.5:
        candidate["index"] = chance.choice([0, 0, 0, 1, None] if maybe() < noise else [0])
    around = {
        "finishReason": chance.choice(["STOP", None, "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"]),
        "groundingMetadata": {"groundingChunks": [{"web": {"uri": "u"}}]},
        "safetyRatings": [{"category": "x"}],
        "finish_reason": "STOP",
    }
    candidate |= {name: value for name, value in around.items() if maybe() < noise}
    payload: dict[str, Any] = {"candidates": [candidate] * chance.choice([1, 1, 1, 1, 1, 2])}
    if maybe() < 0.8:
        payload |= {"modelVersion": "m", "responseId": "r"}
    if maybe() < 0.7:
        counts = {
            "promptTokenCount": 5,
            "candidatesTokenCount": chance.choice([1, 2, 3]),
            "totalTokenCount": 9,
        }
        odd = {
            "thoughtsTokenCount": chance.choice([1, 2, None, "3"]),
            "candidatesTokenCount": chance.choice([None, 1.5, True]),
            "cachedContentTokenCount": 2,
            "toolUsePromptTokenCount": 3,
            "total_token_count": 7,
            "trafficType": "ON_DEMAND",
        }
        payload["usageMetadata"] = counts | {
            name: value for name, value in odd.items() if maybe() < noise * 2
        }
    odd_top = {
        "responseId": chance.choice(["q", None]),
        "modelVersion": chance.choice(["n", None]),
        "createTime": "2026-01-01T00:00:00Z",
        "usageMetadata": chance.choice([None, {}, [], 5]),
        "error": {"code": 500, "message": "bad"},
        "promptFeedback": {"blockReason": "SAFETY"},
        "extra": 1,
    }
    return payload | {name: value for name, value in odd_top.items() if maybe() < noise / 2}


def messages_payload(chance: random.Random, noise: float) -> dict[str, Any]:
    """An event about one of two blocks; with *noise*, one that doesn't fit."""
    index = 0 if chance.random() > noise else chance.choice([0, 1, 1, None, "0"])
    text = chance.choice(["a", "bc", ""] if chance.random() > noise else ["a", None, 5])
    kinds = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
    kind = "text_delta" if chance.random() > noise else chance.choice([*kinds, "citations_delta"])
    piece = {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": kind, kinds.get(kind, "x"): text},
    }
    if chance.random() > 0.1 + noise:
        return piece
    block = chance.choice(
        [
            {"type": "text", "text": chance.choice(["", "a"])},
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        ]
    )
    others: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_stop", "index": index},
        {"type": "ping"},
        {"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": {}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        piece | {"extra": 1},
    ]
    return chance.choice(others)


ENDS = {
    "messages": {"type": "message_stop"},
    "gemini": {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]},
    "chat": {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    "responses": {"type": "response.completed", "response": {"id": "r", "output": []}},
}
PAYLOADS = {
    "gemini": gemini_payload,
    "chat": chat_payload,
    "messages": messages_payload,
    "responses": responses_payload,
}


@cache
def random_streams(wire: str) -> list[tuple[bytes, Outcome]]:
    """Random streams, each with its outcome on the fast roads: call it before one is closed."""
    bodies = [stream(random.Random(seed), wire) for seed in range(0, 800, EVERY)]
    return [(body, outcome(body, wire)) for body in bodies]


@cache
def known_streams() -> list[tuple[bytes, str, Outcome]]:
    """Every fixture with its wire, and its outcome on the fast roads."""
    return [(each.body, each.wire, outcome(each.body, each.wire)) for each in fixtures()]


@pytest.mark.parametrize("path", FAST_PATHS)
@pytest.mark.parametrize("wire", PAYLOADS)
def test_both_roads_give_the_same_events(wire: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """800 random streams on each road: the same events with the same raw, and the same error."""
    streams = random_streams(wire)
    monkeypatch.setattr(*FAST_PATHS[path], NONE)
    for body, fast in streams:
        assert outcome(body, wire) == fast, body.decode()


@pytest.mark.parametrize("path", FAST_PATHS)
def test_both_roads_read_the_fixtures_alike(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fixture, too."""
    streams = known_streams()
    monkeypatch.setattr(*FAST_PATHS[path], NONE)
    assert [outcome(body, wire) for body, wire, _ in streams] == [fast for _, _, fast in streams]


@pytest.mark.parametrize("path", FAST_PATHS)
def test_the_random_streams_take_the_fast_path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above compares two roads only if the fast one is taken: each is, many times."""
    owner, name = FAST_PATHS[path]
    real = getattr(owner, name)
    taken = 0

    def counting(*args: Any) -> Any:
        nonlocal taken
        result = real(*args)
        taken += result is not None
        return result

    monkeypatch.setattr(owner, name, counting)
    wire = path.partition(" ")[0] if path.partition(" ")[0] in PAYLOADS else "chat"
    for seed in range(4000):
        outcome(stream(random.Random(seed), wire), wire)
        if taken > 100:
            return
    pytest.fail(f"taken {taken} times")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"x_groq": {"id": "r", "usage": {"prompt_tokens": 3}}}, id="x_groq"),
        pytest.param({"choice": {"usage": {"prompt_tokens": 3}}}, id="choice"),
        pytest.param({"choice": {"delta": {"content": "a", "usage": {"prompt_tokens": 3}}}}, id="delta"),
        pytest.param({"usage_metadata": {"prompt_tokens": 3}}, id="another name"),
        pytest.param({"metadata": {"usage": {"prompt_tokens": 3}}}, id="metadata"),
    ],
)
def test_usage_next_to_text_is_read(place: dict[str, Any]) -> None:
    """Groq's last chunk and Moonshot's choice: 0.1.0 lost it on the fast path."""
    first = {
        "choices": [{"index": 0, "delta": {"content": "a"}}],
        **({"x_groq": {}} if "x_groq" in place else {}),
    }
    last = json.loads(json.dumps(first))
    last["choices"][0] |= place.get("choice", {})
    last |= {name: value for name, value in place.items() if name != "choice"}
    events, _, _ = outcome(sse(first, last, "[DONE]"), "chat")
    assert [event.usage.input_tokens for event in events if hasattr(event, "usage")] == [3]


def test_a_planted_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a fast path that overlooks usage in `x_groq`, as 0.1.0 did, is found."""
    owner, name = FAST_PATHS["chat"]
    real = getattr(owner, name)

    def hasty(payload: dict[str, Any], *rest: Any) -> Any:
        return real({key: value for key, value in payload.items() if key != "x_groq"}, *rest)

    bodies = [stream(random.Random(seed), "chat") for seed in range(3000)]
    slow = [outcome(body, "chat") for body in bodies]
    monkeypatch.setattr(owner, name, hasty)
    assert [outcome(body, "chat") for body in bodies] != slow


def test_a_call_that_the_end_closes_has_the_same_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `content_block_stop`, it is the payload with the finish, on either road."""
    block = {"type": "tool_use", "id": "k", "name": "f"}
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    body = sse(
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "content_block_start", "index": 2, "content_block": block},
        {"type": "content_block_delta", "index": 2, "delta": delta},
    )
    fast = outcome(body, "messages")
    monkeypatch.setattr(*FAST_PATHS["messages"], NONE)
    assert outcome(body, "messages") == fast


@pytest.mark.parametrize("first", [{"text": 7}, None, "", 7, True])
def test_the_first_id_that_is_text_counts(first: Any) -> None:
    """Also after ids that aren't text, on the fast path and in the lane."""
    payloads = [
        {"id": name, "choices": [{"index": 0, "delta": {"content": "a"}}]}
        for name in (first, first, first, "x", "y")
    ]
    end = {"id": "y", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    *_, last = read_events([sse(*payloads, end, "[DONE]")], wire="chat")
    assert last.completion.id == "x"


def test_an_error_next_to_text_comes_before_a_repeat() -> None:
    """MiniMax puts a refusal beside the text that it refuses: nothing after that payload is read."""
    refused = {
        "choices": [{"index": 0, "delta": {"content": "two"}}],
        "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"},
    }
    events, _, error = outcome(sse(refused, refused, refused), "chat")
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["two"]
    assert error.startswith("BadRequestError: output new_sensitive")

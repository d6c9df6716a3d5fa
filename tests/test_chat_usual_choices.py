"""Payloads without a list of choices, finishes under other names, and other marks of the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import TruncatedStreamError, Unknown, events_from_completion

from .chat_payloads import choice, chunk, read

HEAD = {"id": "i", "object": "chat.completion.chunk", "model": "m"}
STREAMS: dict[str, list[dict[str, Any]]] = {
    "a delta": [
        {**HEAD, "delta": {"role": "assistant", "content": "H"}},
        {**HEAD, "delta": {"content": "i"}},
        {**HEAD, "delta": {}, "finish_reason": "stop"},
    ],
    "a message": [{**HEAD, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "content": [{**HEAD, "content": "H"}, {**HEAD, "content": "i", "finish_reason": "stop"}],
    "Ollama": [
        {"model": "m", "message": {"role": "assistant", "content": "H"}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": "i"}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"},
    ],
    "Ollama without a reason": [
        {"model": "m", "response": "H", "done": False},
        {"model": "m", "response": "i", "done": True},
    ],
    "Cloudflare": [{"response": "H", "p": "a"}, {"response": "i", "p": "ab", "finish_reason": "stop"}],
    "Tencent": [
        {"Id": "i", "Choices": [{"Delta": {"Role": "assistant", "Content": "Hi"}, "FinishReason": "stop"}]}
    ],
    "JSON text": [{"choices": json.dumps([choice("stop", content="Hi")])}],
    "a list in a list": [{"choices": [[choice("stop", content="Hi")]]}],
    "one choice": [{"choice": choice("stop", content="Hi")}],
}


@pytest.mark.parametrize("payloads", STREAMS.values(), ids=STREAMS)
def test_a_choice_is_found_without_its_list(payloads: list[dict[str, Any]]) -> None:
    """Text and finish arrive, with [DONE] and without; they were news in an empty answer."""
    for done in (True, False):
        outcome = read(*payloads, done=done)
        assert outcome.error is None
        assert (outcome.completion.text, outcome.completion.finish_reason) == ("Hi", "stop")


def test_a_plain_answer_of_such_a_form_is_read() -> None:
    """As a whole body."""
    for body in (
        {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True},
        STREAMS["Tencent"][0],
        STREAMS["a message"][0],
        {"choices": json.dumps([{"message": {"content": "Hi"}, "finish_reason": "stop"}])},
    ):
        *_, last = events_from_completion(body, wire="chat")
        assert last.completion.text == "Hi"  # type: ignore[union-attr]


def test_calls_of_such_a_form_are_read() -> None:
    """Ollama sends objects, without ids."""
    function = {"name": "f", "arguments": {"x": 1}}
    message = {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    outcome = read({"message": message, "done": False}, {"message": {"content": ""}, "done": True})
    assert outcome.calls == [(None, "f", '{"x":1}')]
    assert outcome.completion.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "status", "content": "Searching"},
        {"event": "status", "content": "Searching"},
        {"status": "running", "response": "Searching"},
        {"type": "x", "delta": {"content": "Searching"}},
        {"message": "Searching"},
        {"delta": {"progress": 7}},
    ],
    ids=str,
)
def test_events_of_a_gateway_are_no_text(payload: dict[str, Any]) -> None:
    """They are news, as before."""
    outcome = read(chunk(content="A"), payload, chunk("stop"))
    assert outcome.completion.text == "A"
    assert len(outcome.of(Unknown)) == 1


FINISHES: list[dict[str, Any]] = [
    {"FinishReason": "length"},
    {"finish_details": {"type": "max_tokens"}},
    {"done_reason": "length"},
    {"stop_reason": "max_tokens"},
    {"stopReason": "maxTokens"},
    {"finish_reason": {"reason": "length"}},
    {"finish_reason": {"name": "MAX_TOKENS", "value": 2}},
    {"finish_reason": None, "stop_reason": "length"},
]


@pytest.mark.parametrize("finish", FINISHES, ids=str)
def test_a_finish_is_found_under_other_names(finish: dict[str, Any]) -> None:
    """Next to the last text, and alone, after pieces that take the fast path."""
    texts = [chunk(content=text) for text in ("A", "B", "C")]
    last = {"choices": [{"index": 0, "delta": {"content": "D"}, **finish}]}
    alone = {"choices": [{"index": 0, "delta": {}, **finish}]}
    inside = {"choices": [{"index": 0, "delta": {"content": "D", **finish}}]}
    assert read(*texts, last).completion.finish_reason == "length"
    assert read(*texts, alone).completion.finish_reason == "length"
    if not finish.keys() & {"stop_reason", "stopReason"}:
        outcome = read(*texts, inside)
        assert (outcome.completion.text, outcome.completion.finish_reason) == ("ABCD", "length")


@pytest.mark.parametrize("field", ["finish_reason", "finishReason", "done_reason"])
@pytest.mark.parametrize("choices", [[], [{"index": 0, "delta": {}}], [choice()]], ids=str)
def test_a_finish_next_to_the_choices_counts(field: str, choices: list[dict[str, Any]]) -> None:
    """If the choice has none of its own."""
    payload = {"choices": choices, field: "length"}
    assert read(chunk(content="A"), payload).completion.finish_reason == "length"
    own = {"choices": [choice("stop")], field: "length"}
    assert read(chunk(content="A"), own).completion.finish_reason == "stop"


@pytest.mark.parametrize("stop", ["END", "error", 128009, None])
def test_a_matched_stop_string_is_no_finish(stop: Any) -> None:
    """VLLM has it in `stop_reason`, next to the finish."""
    texts = [{"choices": [{**choice(content=text), "stop_reason": None}]} for text in ("A", "B", "C")]
    last = {"choices": [{**choice("stop"), "stop_reason": stop}]}
    completion = read(*texts, last).completion
    assert (completion.text, completion.finish_reason) == ("ABC", "stop")
    if stop not in ("error", "END"):
        alone = {"choices": [{**choice(), "stop_reason": stop}]}
        assert isinstance(read(*texts, alone).error, TruncatedStreamError)


@pytest.mark.parametrize("mark", ["[done]", "DONE", "[ DONE ]", "[DONE];", "[DONE]\0", "[Done]"])
def test_other_marks_of_the_end_are_one(mark: str) -> None:
    """They were bad frames, and the answer without a finish was truncated."""
    outcome = read(chunk(content="A"), mark)
    assert (outcome.error, outcome.completion.text, outcome.completion.warnings) == (None, "A", ())


def around(delta: Any, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, **fields}]}


@pytest.mark.parametrize(
    "delta", [{}, {"role": "assistant"}, {"content": None}, {"content": ""}, None], ids=str
)
def test_content_and_reasoning_next_to_the_delta_are_read(delta: Any) -> None:
    """Some gateways fill the delta with what they don't have; what it has counts first."""
    payloads = [around(delta, reasoning_content="B"), around(delta, content="C"), around(delta, content="D")]
    completion = read(*payloads, chunk("stop")).completion
    assert (completion.reasoning, completion.text) == ("B", "CD")
    both = [around({"content": text}, content="no") for text in ("A", "B", "C")]
    assert read(*both, chunk("stop")).completion.text == "ABC"


@pytest.mark.parametrize(
    "choice",
    [
        {"message": "Hi"},
        {"delta": {}, "message": {"role": "assistant", "content": "Hi"}},
        {"messages": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "Hi"}]},
        {"messages": [{"delta": {"content": "H"}}, {"delta": {"content": "i"}}]},
    ],
    ids=str,
)
def test_messages_of_other_forms_are_read(choice: dict[str, Any]) -> None:
    """Azure in front of its search lists them."""
    completion = read({"choices": [{"index": 0, **choice, "finish_reason": "length"}]}).completion
    assert (completion.text, completion.finish_reason) == ("Hi", "length")


def test_an_answer_without_output_names_a_payload_that_was_not_read() -> None:
    """A dialect of its own would look like a good answer that is empty."""
    outcome = read({"bits": ["A"]}, {"bits": ["B"]}, {"bits": ["C"]}, done=True)
    (warning,) = outcome.completion.warnings
    assert warning.startswith("no_output: ")
    assert "'bits'" in warning
    assert read(chunk(content="A"), {"bits": ["B"]}, done=True).completion.warnings == ()
    assert read(chunk(content=""), chunk("stop"), done=True).completion.warnings == ()


def test_a_plain_answer_of_an_unknown_form_is_no_good_empty_one() -> None:
    """Its first payload is its only one."""
    outcome = read({"picks": [{"words": "A"}]}, done=True)
    assert [warning[:11] for warning in outcome.completion.warnings] == ["no_output: "]

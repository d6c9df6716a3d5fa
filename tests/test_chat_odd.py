"""Chat payloads whose facts are in odd places: nothing is lost, and nothing is taken for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import Unknown, read_events

from .chat_payloads import STOP, A, call, calls, choice, chunk, collect, message, read


def test_an_extra_field_in_place_of_a_known_one_is_seen() -> None:
    """P23: as many keys as before, but one of them is news."""
    first = {"id": "i", "model": "m", "usage": None, **A}
    outcome = read(first, {"id": "i", "model": "m", "citations": ["u"], **STOP})
    assert outcome.completion.extras == {"citations": ["u"]}


WHOLE = call(0, "a", "f", '{"x":1}')


ODD_PLACES = {
    "a call next to the delta": [{"choices": [{**choice("tool_calls"), "tool_calls": [WHOLE]}]}],
    "a call next to a delta of null": [
        {"choices": [{**choice("tool_calls"), "delta": None, "tool_calls": [WHOLE]}]}
    ],
    "a call in a choice without a delta": [
        {"choices": [{"index": 0, "tool_calls": [WHOLE], "finish_reason": "stop"}]}
    ],
    "a call on both sides": [calls(WHOLE), {"choices": [{**choice("tool_calls"), "tool_calls": [WHOLE]}]}],
    "Snowflake: the delta is the call": [
        chunk(
            type="tool_use",
            tool_use_id="a",
            name="f",
            content_list=[{"tool_use_id": "a", "name": "f"}],
            text="",
        ),
        chunk(type="tool_use", input='{"x"', content_list=[{"input": '{"x"'}], text=""),
        chunk(type="tool_use", input=":1}", content_list=[{"input": ":1}"}], text=""),
        chunk("tool_calls"),
    ],
}


@pytest.mark.parametrize("payloads", ODD_PLACES.values(), ids=ODD_PLACES)
def test_a_call_in_an_odd_place_is_a_call(payloads: list[Any]) -> None:
    """It is yielded once."""
    outcome = read(*payloads, done=True)
    assert outcome.calls == [("a", "f", '{"x":1}')]
    assert len(outcome.done) == 1
    assert outcome.completion.finish_reason == "tool_calls"


def test_text_that_snowflake_sends_twice_counts_once() -> None:
    """`content`, `content_list` and `text` of a delta of its type `text` are the same text."""
    pieces = [
        {"type": "text", "content": t, "content_list": [{"type": "text", "text": t}], "text": t}
        for t in "ABC"
    ]
    assert read(*[chunk(**piece) for piece in pieces], STOP).completion.text == "ABC"


def test_a_choice_may_be_its_own_delta() -> None:
    """`content` without a delta around it."""
    outcome = read(*[{"choices": [{"index": 0, "content": text}]} for text in "ABC"], STOP)
    assert outcome.completion.text == "ABC"


@pytest.mark.parametrize("role", ["tool", "function"])
def test_the_result_of_a_tool_is_no_text(role: str) -> None:
    """Gateways that run tools themselves stream the results; they are events, and not the model's words."""
    result = chunk(role=role, content="21 degrees", tool_call_id="a")
    payloads = [chunk(role="assistant", content=text) for text in ("It ", "is ")]
    outcome = read(*payloads, result, chunk(role="assistant", content="warm."), STOP, done=True)
    assert outcome.completion.text == "It is warm."
    assert [event.raw for event in outcome.of(Unknown)] == [result]


def test_a_result_between_pieces_of_one_form_is_no_text() -> None:
    """Only the role differs from the pieces around it: nothing may take it for one of them."""
    texts = [chunk(role="assistant", content=f"{number} ") for number in range(9)]
    result = chunk(role="tool", content="x")
    outcome = read(*texts, result, *texts, STOP, done=True)
    assert outcome.completion.text == "".join(f"{number} " for number in range(9)) * 2
    assert len(outcome.of(Unknown)) == 1


BODY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(json.dumps({"choices": BODY["choices"][0]}), id="a lone choice without its list"),
        pytest.param(json.dumps(json.dumps(BODY)), id="encoded twice"),
        pytest.param(json.dumps("data: " + json.dumps(BODY) + "\n\ndata: [DONE]\n\n"), id="a stream"),
        pytest.param("\ufeff " + json.dumps(json.dumps(BODY)), id="encoded twice, with a mark"),
    ],
)
def test_a_plain_answer_of_another_form_is_read(raw: str) -> None:
    """A JSON body in place of a stream."""
    outcome = collect(read_events([raw.encode()]))
    assert outcome.error is None
    assert (outcome.completion.text, outcome.completion.finish_reason) == ("A", "stop")


def test_a_call_in_snowflakes_list_is_a_call() -> None:
    """Their plain answer lists it there, with its id inside of it, and only there."""
    tool = {"tool_use_id": "a", "name": "f", "input": {"x": 1}}
    listed = [{"type": "text", "text": "A"}, {"type": "tool_use", "tool_use": tool}]
    outcome = read(message("tool_calls", content="A", content_list=listed))
    assert outcome.completion.text == "A"
    assert outcome.calls == [("a", "f", '{"x":1}')]


NAMED = calls(call(0, "a", "f", ""))


STRAYS = {
    "a function next to the calls": [chunk(function={"arguments": each}) for each in ('{"x"', ":1}")],
    "arguments alone": [chunk(arguments=each) for each in ('{"x"', ":1}")],
    "another name for the calls": [chunk(calls_delta=[{"arguments": each}]) for each in (' {"x"', ":1}")],
    "an object": [chunk(tool_args={"x": 1})],
    "next to the delta": [{"choices": [{**choice(), "function": {"arguments": '{"x":1}'}}]}],
    "an event of its own": [{"type": "tool.delta", "arguments": '{"x":1}'}],
    "after the finish": [chunk("tool_calls"), {"type": "tool.delta", "arguments": '{"x":1}'}],
}


@pytest.mark.parametrize("strays", STRAYS.values(), ids=STRAYS)
def test_a_call_whose_arguments_went_elsewhere_is_not_complete(strays: list[Any]) -> None:
    """Law 5: it never runs with none. The payloads are events."""
    outcome = read(NAMED, *strays, chunk("tool_calls"), done=True)
    assert outcome.error is None
    assert outcome.completion.tool_calls == ()
    assert outcome.done == []
    assert any(warning.startswith("incomplete_call: f") for warning in outcome.completion.warnings)
    news = [payload for payload in strays if payload != chunk("tool_calls")]
    assert [event.raw for event in outcome.of(Unknown)] == news


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(chunk(provider_specific_fields={"x": 1}), id="fields of a provider"),
        pytest.param(chunk(status="generating", step=2), id="words"),
        pytest.param({"type": "tool.delta", "arguments": " {} "}, id="an empty object"),
        pytest.param({"type": "tool.delta", "arguments": {}}, id="an empty object, decoded"),
    ],
)
def test_news_that_are_no_arguments_change_no_call(payload: dict[str, Any]) -> None:
    """A call without arguments is complete at a good finish."""
    outcome = read(NAMED, payload, chunk("tool_calls"), done=True)
    assert outcome.calls == [("a", "f", "")]


def test_stray_arguments_concern_calls_before_them_only() -> None:
    """A call that begins after them, and one that has its own, are complete."""
    stray = chunk(arguments='{"x":1}')
    assert read(stray, NAMED, chunk("tool_calls"), done=True).calls == [("a", "f", "")]
    own = calls(call(0, "a", "f", '{"y":2}'))
    assert read(own, stray, chunk("tool_calls"), done=True).calls == [("a", "f", '{"y":2}')]

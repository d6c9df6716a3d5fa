"""A frame is lost while the arguments of a call arrive: the call is complete or it isn't (law 5)."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable
from typing import Any

import pytest

from streamkit import (
    BadFrame,
    Completed,
    FunctionCall,
    ItemDone,
    TruncatedStreamError,
    aggregate,
    read_events,
)

from .chat_payloads import body, call, calls, chunk, lines_run

TORN = '{"choices": [{"index": 0, "delta": {"tool_ca'
OPEN = calls(call(0, "c1", "send", '{"to": "ann", '))
REST = calls(call(0, arguments='"text": "hi"}'))
END = chunk("tool_calls")


def responses(*arguments: str | None, whole: str | None = None) -> bytes:
    """Return a Responses stream of one call: its pieces, None for a bad frame, and its restatement."""
    item: dict[str, Any] = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "send"}
    payloads: list[dict[str, Any] | str] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}}
    ]
    event = {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0}
    payloads += [TORN if text is None else {**event, "delta": text} for text in arguments]
    if whole is not None:
        done = {**item, "arguments": whole, "status": "completed"}
        payloads.append({"type": "response.output_item.done", "output_index": 0, "item": done})
    payloads.append({"type": "response.completed", "response": {"id": "r", "status": "completed"}})
    return body(*payloads)


def calls_of(stream: bytes, wire: str = "chat") -> tuple[list[str], Completed]:
    """Return the arguments of each call that was yielded as finished, and the end."""
    events = list(read_events(stream, wire=wire))
    last = events[-1]
    assert isinstance(last, Completed)
    assert any(isinstance(event, BadFrame) for event in events)
    yielded = [
        e.item.arguments for e in events if isinstance(e, ItemDone) and isinstance(e.item, FunctionCall)
    ]
    again = [e.item.arguments for e in aggregate(events) if isinstance(e, ItemDone)]  # type: ignore[union-attr]
    assert again == yielded
    assert yielded == [each.arguments for each in last.completion.tool_calls]  # type: ignore[union-attr]
    return yielded, last


LOST = {
    "between two pieces": body(OPEN, TORN, REST, END, done=True),
    "inside a string": body(
        calls(call(0, "c1", "f", '{"a": "x')), TORN, calls(call(0, arguments='z"}')), END
    ),
    "before the closing bracket": body(
        calls(call(0, "c1", "f", '{"a": 1')), TORN, calls(call(0, arguments="}")), END
    ),
    "after the finish": body(OPEN, END, TORN, REST, END, done=True),
    "after pieces that took the fast path": body(
        calls(call(0, "c1", "f", '{"a": "')),
        calls(call(0, arguments="b")),
        TORN,
        calls(call(0, arguments='c"}')),
        END,
    ),
    "twice": body(OPEN, TORN, TORN, REST, END),
    "in the first piece": body(
        calls(call(0, "c1", "f", "")), calls(call(0, arguments="{")), TORN, calls(call(0, arguments="}")), END
    ),
    "where arguments may have been": body(calls(call(0, "c1", "f", "")), TORN, END, done=True),
    "after a placeholder": body(calls(call(0, "c1", "f", "{}")), TORN, END, done=True),
    "in free text": body(
        calls({"index": 0, "id": "c1", "type": "custom", "custom": {"name": "f", "input": "SELECT"}}),
        TORN,
        END,
    ),
    "in a value that isn't an object": body(
        calls(call(0, "c1", "f", "1")), TORN, calls(call(0, arguments="2")), END
    ),
    "in one of two calls": body(
        calls(call(0, "c0", "g", '{"b":')), TORN, calls(call(0, arguments="1}")), chunk("stop"), done=True
    ),
}


@pytest.mark.parametrize("stream", LOST.values(), ids=LOST)
def test_a_call_with_a_lost_fragment_is_never_finished(stream: bytes) -> None:
    """Arguments can be valid JSON without the fragment in their middle; the call is still incomplete."""
    yielded, last = calls_of(stream)
    assert yielded == []
    (incomplete,) = last.completion.choices[0].incomplete_calls
    assert incomplete.status == "incomplete"
    (warning,) = [text for text in last.completion.warnings if text.startswith("incomplete_call")]
    assert "a frame was lost in its arguments" in warning


KEPT = {
    "before the call": body(TORN, OPEN, REST, END),
    "between its name and its arguments": body(
        calls(call(0, "c1", "send", "")), TORN, calls(call(0, arguments='{"to": "ann", ')), REST, END
    ),
    "after the whole arguments": body(OPEN, REST, TORN, END, done=True),
    "and the message restates the call": body(
        OPEN,
        TORN,
        REST,
        {
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {"tool_calls": [call(0, "c1", "send", '{"to": "ann", "text": "hi"}')]},
                }
            ]
        },
    ),
    "and a later copy is whole": body(
        OPEN, TORN, calls(call(0, "c1", "send", '{"to": "ann", "text": "hi"}')), END
    ),
}


@pytest.mark.parametrize("stream", KEPT.values(), ids=KEPT)
def test_a_lost_frame_outside_of_the_arguments_takes_no_call(stream: bytes) -> None:
    """Where the arguments can't have been cut, or were sent whole afterwards, the call stands."""
    yielded, _ = calls_of(stream)
    assert [json.loads(text) for text in yielded] == [{"to": "ann", "text": "hi"}]


def test_a_stream_that_ends_behind_a_bad_frame_says_so() -> None:
    """Some servers word their error in a frame of plain text, and close the connection."""
    with pytest.raises(TruncatedStreamError, match=r"; bad_frame: .*: 'Internal Server Error'$") as caught:
        list(read_events(body(chunk(content="A"), "Internal Server Error"), wire="chat"))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "A"
    with pytest.raises(TruncatedStreamError, match=r"the answer so far$"):
        list(read_events(body(chunk(content="A")), wire="chat"))


def test_only_the_call_that_was_arriving_is_lost() -> None:
    """A call that was whole before the bad frame stays; the one in the middle of its arguments doesn't."""
    whole, open_ = call(0, "c0", "f", '{"a": 1}'), call(1, "c1", "g", '{"b": "x')
    yielded, last = calls_of(body(calls(whole), calls(open_), TORN, calls(call(1, arguments='y"}')), END))
    assert yielded == ['{"a": 1}']
    assert [each.name for each in last.completion.choices[0].incomplete_calls] == ["g"]


def test_responses_needs_the_restatement_after_a_lost_delta() -> None:
    """`output_item.done` has the whole arguments, so nothing is missing; else the call is incomplete."""
    text = '{"to": "ann"}'
    assert calls_of(responses('{"to": ', None, '"ann"}', whole=text), "responses")[0] == [text]
    assert calls_of(responses('{"to": "a', None, "", whole=text), "responses")[0] == [text]
    assert calls_of(responses('{"to": ', None, '"ann"}'), "responses")[0] == []


USAGE = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def _open_calls(count: int) -> list[dict[str, Any]]:
    return [calls(call(n, f"c{n}", "f", '{"a": "')) for n in range(count)]


def _finished(count: int) -> list[Any]:
    more = [[calls(call(n, arguments="x"), finish="tool_calls"), USAGE] for n in range(count)]
    return [*_open_calls(count), *(payload for pair in more for payload in pair)]


def _one_grows(count: int) -> list[Any]:
    more = [[calls(call(0, arguments="x"), finish="stop"), USAGE] for _ in range(count)]
    return [*_open_calls(count), *(payload for pair in more for payload in pair)]


def _blank_calls(count: int) -> list[Any]:
    return [*(calls(call(n, f"c{n}", "f", ""), finish="stop") for n in range(count)), *[USAGE] * count]


def _torn(count: int) -> list[Any]:
    return [*_open_calls(count), *[TORN] * count, END]


def _torn_in_turn(count: int) -> list[Any]:
    more = [[calls(call(n, arguments="x")), TORN] for n in range(count)]
    return [*_open_calls(count), *(payload for pair in more for payload in pair), END]


def _choices(count: int) -> list[Any]:
    pairs = [[chunk(index=n, content="a"), chunk("stop", index=n), USAGE] for n in range(count)]
    return [payload for pair in pairs for payload in pair]


@pytest.mark.parametrize(
    "stream_of",
    [_finished, _one_grows, _blank_calls, _torn, _torn_in_turn, _choices],
    ids=lambda f: f.__name__,
)
def test_finishes_and_bad_frames_cost_linear_work(stream_of: Callable[[int], list[Any]]) -> None:
    """Law 10: a finish, usage or a bad frame looks only at the items that grew since the last one."""
    lines = []
    for size in (40, 40, 80, 160):  # the first one fills caches
        stream = body(*stream_of(size), done=True)
        lines.append(lines_run(lambda stream=stream: collections.deque(read_events([stream]), maxlen=0)))
    del lines[0]
    first, second = lines[1] - lines[0], lines[2] - lines[1]
    assert second == pytest.approx(2 * first, rel=0.02)

"""Final messages only: every item once and whole, in order of first appearance, `Completed` last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streamkit import (
    APIError,
    Completed,
    Completion,
    Event,
    FunctionCall,
    ItemDone,
    ItemStarted,
    Message,
    OutputText,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
    TruncatedStreamError,
    UsageError,
    aggregate,
    read_events,
)

from .chat_payloads import Outcome, body, call, calls, chunk, collect, lines_run
from .recorded import Recorded, fixtures

END = Completed(Completion())
STREAMS = [f for f in fixtures() if f.expected and f.expected["end"] == "completed"]


def final(*events: Event, mode: Any = "final") -> Outcome:
    return collect(aggregate(iter(events), mode))


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s.name)
def test_the_items_are_those_of_the_completion(stream: Recorded) -> None:
    """AG-01 to AG-09: nothing but ItemDone and one Completed; each item once, as in the completion."""
    outcome = collect(aggregate(read_events([stream.body], wire=stream.wire, profile=stream.profile)))
    assert outcome.error is None
    assert {type(event) for event in outcome.events[:-1]} <= {ItemDone}
    assert isinstance(outcome.events[-1], Completed)
    places = [(event.choice, event.slot) for event in outcome.of(ItemDone)]
    assert len(places) == len(set(places))
    for choice in outcome.completion.choices:
        done = [event for event in outcome.of(ItemDone) if event.choice == choice.index]
        calls_cut = [i for i in choice.items if isinstance(i, FunctionCall) and i.status == "incomplete"]
        whole = [item for item in choice.items if item not in calls_cut]
        assert [event.item for event in done] == whole
        assert [event.slot for event in done] == sorted(event.slot for event in done)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s.name)
def test_streaming_mode_passes_everything_on(stream: Recorded) -> None:
    """AG-05, AG-10: with "streaming" no event is lost or doubled; only ItemDone may wait for its turn."""
    events, _ = stream.events()
    outcome = collect(aggregate(iter(events), "streaming"))
    assert [e for e in outcome.events if type(e) is not ItemDone] == [
        e for e in events if type(e) is not ItemDone
    ]
    assert sorted(map(repr, outcome.of(ItemDone))) == sorted(repr(e) for e in events if type(e) is ItemDone)


def test_a_message_comes_before_the_call_that_followed_it() -> None:
    """AG-07: reasoning, message, call, though the call was handed out first."""
    done = [ItemDone(Reasoning(content="hm"), 0), ItemDone(Message("assistant", "A"), 1)]
    called = ItemDone(FunctionCall("a", "f", "{}"), 2)
    opened = [ItemStarted("reasoning"), ItemStarted("message", slot=1), ItemStarted("function_call", slot=2)]
    assert final(*opened, called, *reversed(done), END).events == [*done, called, END]


def test_items_without_item_done_are_put_together_from_their_deltas() -> None:
    """Events from elsewhere: text, refusal, both kinds of reasoning and calls."""
    outcome = final(
        ReasoningDelta("h", slot=0),
        ReasoningDelta("m", slot=0),
        ReasoningDelta("s", "summary", slot=0),
        TextDelta("Hel", slot=1),
        ToolCallDelta("a", "f", '{"x"', slot=2),
        TextDelta("lo", slot=1),
        ToolCallDelta(None, None, ":1}", slot=2),
        RefusalDelta("no", slot=3),
        END,
    )
    assert outcome.done == [
        Reasoning(content=["hm"], summary=["s"]),
        Message("assistant", [OutputText("Hello")]),
        FunctionCall("a", "f", '{"x":1}'),
        Message("assistant", [Refusal("no")]),
    ]


@pytest.mark.parametrize("arguments", ['{"x"', "", "12"])
def test_a_call_without_item_done_must_be_whole(arguments: str) -> None:
    """Law 5: nobody said that it ended."""
    assert final(ToolCallDelta("a", "f", arguments), END).events == [END]


def test_nothing_is_made_of_nothing() -> None:
    """AG-08, ST-06: no item, no fabricated empty text."""
    assert final(END).events == [END]


def test_a_second_item_done_is_ignored() -> None:
    """AG-06: what was handed out once is not handed out again."""
    done = ItemDone(Message("assistant", "A"), 0)
    assert final(done, done, END).events == [done, END]


def test_several_turns_in_one_iterable() -> None:
    """AG-14: after Completed it begins anew; slots of the next turn are its own."""
    turn = [TextDelta("A"), ItemDone(Message("assistant", "A"), 0), END]
    tool = ToolFinished(FunctionCall("a", "f", "{}"), "1")
    assert final(*turn, tool, *turn).events == [*turn[1:], *turn[1:]]


def test_events_that_just_stop_are_a_truncation() -> None:
    """AG-13: the buffers are not lost; `.partial` is what the deltas came to."""
    outcome = final(TextDelta("Hel"), TextDelta("lo"))
    assert isinstance(outcome.error, TruncatedStreamError)
    assert outcome.completion.text == "Hello"


def test_an_error_passes_after_the_items_that_are_whole() -> None:
    """AG-12, X-06: the calls that the stream handed out before its error come through."""
    stream = body(
        chunk(content="Hel"),
        calls(call(0, "a", "f", "{}"), call(1, "b", "g", "{")),
        {"error": {"message": "down", "code": 500}},
    )
    outcome = collect(aggregate(read_events([stream])))
    assert isinstance(outcome.error, APIError)
    assert [item.call_id for item in outcome.done] == ["a"]
    assert outcome.completion.text == "Hel"


def test_foreign_exceptions_pass_untouched() -> None:
    """Ctrl-C in the source is Ctrl-C here."""

    def interrupted() -> Iterator[Event]:
        yield TextDelta("A")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(aggregate(interrupted()))


def test_an_unknown_mode_is_the_callers_mistake() -> None:
    """Raised at the call, not at the first event."""
    with pytest.raises(UsageError, match="'final' or 'streaming'"):
        aggregate([], mode="both")  # type: ignore[arg-type]


def test_closing_closes_the_source() -> None:
    """Law 9 reaches through the wrapper."""
    closed = []

    def source() -> Iterator[Event]:
        try:
            while True:
                yield ItemDone(Message("assistant", "A"), 0)
        finally:
            closed.append(True)

    aggregated = aggregate(source())
    next(aggregated)
    aggregated.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_the_work_for_an_item_does_not_grow() -> None:
    """Law 10: ten times the items cost ten times the work."""

    def items(count: int) -> list[Event]:
        opened = [ItemStarted("message", slot=slot) for slot in range(count)]
        return [*opened, *(ItemDone(Message("assistant", "A"), slot) for slot in range(count)), END]

    few, many = (lines_run(lambda n=n: final(*items(n))) for n in (40, 400))  # type: ignore[misc]
    assert many < 11 * few

"""Fragments come to events: items open, grow and close once, and every ending closes what is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    APIError,
    BadFrame,
    Completed,
    Event,
    FunctionCall,
    IncompleteResponseError,
    ItemDone,
    ItemStarted,
    KeepAlive,
    Message,
    OutputText,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    TruncatedStreamError,
    Unknown,
    UsageReport,
    read_events,
)
from streamkit.completion import Usage
from streamkit.pipeline.accumulate import accumulate
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import (
    Attached,
    CallPiece,
    ChoiceFinished,
    Delta,
    Head,
    ItemOpened,
    Leftover,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    WholeItem,
)

from .chat_payloads import Outcome, body, call, calls, choice, chunk, collect, lines_run, read

RAW: dict[str, Any] = {"n": 1}
STOP = ChoiceFinished(0, "stop", "stop", RAW)
LOST = BadFrame('{"choices":[{"delta"', "not JSON")


def run(*fragments: Delta, **options: Any) -> Outcome:
    return collect(accumulate(fragments, AnswerState(), **options))


def text(words: str, key: Any = "m", slot: int = 0) -> TextPiece:
    return TextPiece(key, slot, words, RAW)


# -- each kind of fragment ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "events"),
    [
        pytest.param(text("A"), [ItemStarted("message"), TextDelta("A")], id="text"),
        pytest.param(
            RefusalPiece("m", 0, "no", RAW), [ItemStarted("message"), RefusalDelta("no")], id="CR-22 refusal"
        ),
        pytest.param(
            ReasoningPiece("r", 0, "hm", RAW),
            [ItemStarted("reasoning"), ReasoningDelta("hm", "text")],
            id="thought",
        ),
        pytest.param(
            ReasoningPiece("r", 0, "hm", RAW, "summary"),
            [ItemStarted("reasoning"), ReasoningDelta("hm", "summary")],
            id="summary",
        ),
        pytest.param(
            CallPiece("c", 0, '{"a"', RAW, "a", "f"),
            [ItemStarted("function_call", None, "f"), ToolCallDelta("a", "f", '{"a"')],
            id="call",
        ),
        pytest.param(
            CallPiece("c", 0, "", RAW), [ItemStarted("function_call")], id="an empty place for a call"
        ),
        pytest.param(
            ItemOpened("m", 0, "message", RAW, "msg_1"),
            [ItemStarted("message", "msg_1")],
            id="an announced item",
        ),
        pytest.param(
            Restated(TextPiece("m", 0, "A", RAW)),
            [ItemStarted("message"), TextDelta("A")],
            id="restated text",
        ),
        pytest.param(Restated(TextPiece("m", 0, "", RAW)), [], id="restated nothing"),
        pytest.param(Head(RAW, "i", "m", 7), [Started("i", "m", 7)], id="identity"),
        pytest.param(UsageCounted(Usage(1), RAW), [UsageReport(Usage(1))], id="usage"),
        pytest.param(Leftover(RAW), [], id="X-20 a payload that says nothing"),
        pytest.param(Leftover(RAW, news=True), [Unknown(RAW)], id="a payload with news"),
        pytest.param(KeepAlive("ping"), [KeepAlive("ping")], id="a comment passes through"),
    ],
)
def test_each_fragment_makes_its_events(fragment: Delta, events: list[Event]) -> None:
    """One fragment alone, before anything else has come."""
    assert run(fragment).events == events


def test_events_carry_the_payload_they_came_from() -> None:
    """Law 4: `raw` is the payload, the very object."""
    events = run(Head(RAW, "i"), text("A"), STOP, UsageCounted(Usage(1), RAW)).events
    assert [type(event) for event in events] == [
        Started,
        ItemStarted,
        TextDelta,
        ItemDone,
        UsageReport,
        Completed,
    ]
    assert all(event.raw is RAW for event in events)


def test_the_turn_starts_once() -> None:
    """CO-10: later identities complete the first, whose id may be empty, and replace nothing."""
    outcome = run(
        Head(RAW, None, None), Head(RAW, "i", "m", 5, extras={"a": 1}), Head(RAW, "j"), StreamEnded()
    )
    assert outcome.of(Started) == [Started(None, None, None)]
    completion = outcome.completion
    assert (completion.id, completion.model, completion.created) == ("i", "m", 5)
    assert completion.extras == {"a": 1}


# -- closing --------------------------------------------------------------------------------------


def test_items_close_in_order_of_appearance_at_the_finish() -> None:
    """X-07: at the finish every item of the choice closes by slot; the message is whole and one."""
    outcome = run(
        ReasoningPiece("r", 0, "hm", RAW),
        text("Hel"),
        CallPiece("c", 0, "{}", RAW, "a", "f"),
        text("lo"),
        STOP,
    )
    assert [type(item).__name__ for item in outcome.done] == ["Reasoning", "Message", "FunctionCall"]
    assert outcome.done[0] == Reasoning(content=["hm"])
    assert outcome.done[1] == Message("assistant", [OutputText("Hello")])
    assert isinstance(outcome.events[-1], Completed)


def test_usage_comes_between_the_items_and_completed() -> None:
    """Law 6, X-03, CL-03: usage that follows the finish is read, and Completed is last."""
    outcome = run(text("A"), STOP, UsageCounted(Usage(1, 2, 3), RAW), StreamEnded())
    assert [type(e).__name__ for e in outcome.events][-3:] == ["ItemDone", "UsageReport", "Completed"]
    assert outcome.completion.usage == Usage(1, 2, 3)


def test_the_last_usage_wins() -> None:
    """CR-04, P19: reports replace each other and are never summed."""
    outcome = run(UsageCounted(Usage(3), RAW), UsageCounted(Usage(3, 1), RAW), STOP)
    assert outcome.completion.usage == Usage(3, 1)
    assert len(outcome.of(UsageReport)) == 2


def test_absent_usage_is_none() -> None:
    """X-15: not zero."""
    assert run(text("A"), STOP).completion.usage is None


def test_the_first_finish_reason_of_a_choice_stands() -> None:
    """A gateway that repeats it beside the usage changes nothing, and nothing closes twice."""
    outcome = run(text("A"), ChoiceFinished(0, "length", "max_tokens", RAW), STOP)
    completion = outcome.completion
    assert (completion.finish_reason, completion.raw_finish_reason) == ("length", "max_tokens")
    assert len(outcome.of(ItemDone)) == 1


def test_text_after_a_finish_extends_the_open_message() -> None:
    """Some gateways put a finish reason on every chunk: a finish closes nothing until usage or the end."""
    outcome = run(text("A"), STOP, text("late"), STOP, StreamEnded())
    assert [item.text for item in outcome.done] == ["Alate"]
    assert outcome.completion.finish_reason == "stop"


def test_what_comes_after_finish_and_usage_is_an_item_of_its_own() -> None:
    """Usage after the finish closes the items, and no item changes after it was yielded."""
    outcome = run(text("A"), STOP, UsageCounted(Usage(1), RAW), text("late"), StreamEnded())
    assert [item.text for item in outcome.done] == ["A", "late"]
    assert outcome.completion.text == "Alate"
    assert [event.slot for event in outcome.of(ItemDone)] == [0, 1]


def test_the_finish_after_the_last_output_counts() -> None:
    """A gateway says stop on its first chunk, and length at the end: the answer was cut."""
    outcome = run(text(""), STOP, text("A"), ChoiceFinished(0, "length", "length", RAW), StreamEnded())
    assert outcome.completion.finish_reason == "length"


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("stop", "length", "length"),
        ("other", "stop", "stop"),
        ("length", "stop", "length"),
        ("tool_calls", "error", "error"),
        ("stop", "other", "stop"),
    ],
)
def test_of_two_finishes_in_a_row_the_worse_one_counts(first: Any, second: Any, counts: str) -> None:
    """Without output in between: a cut is never hidden, and an unknown word tells nothing."""
    finishes = [ChoiceFinished(0, reason, reason, RAW) for reason in (first, second)]
    outcome = run(text("A"), *finishes, StreamEnded())
    assert outcome.completion.finish_reason == counts


def test_a_restated_call_without_arguments_counts_only_if_no_frame_was_bad() -> None:
    """On Responses too: the pieces were in a frame that couldn't be read."""
    whole = WholeItem("c", 0, FunctionCall("c1", "f", ""), RAW)
    called = CallPiece("c", 0, "", RAW, "c1", "f")
    assert run(called, whole, STOP, StreamEnded()).of(ItemDone)
    assert not run(called, LOST, whole, STOP, StreamEnded()).of(ItemDone)


def test_a_finished_choice_closes_before_an_error() -> None:
    """The error follows the finish: the message was whole, with the finish's payload."""
    finish: dict[str, Any] = {"n": 2}
    outcome = run(text("A"), ChoiceFinished(0, "stop", "stop", finish), APIError("late"))
    assert [(event.item.text, event.raw) for event in outcome.of(ItemDone)] == [("A", finish)]  # type: ignore[union-attr]


@pytest.mark.parametrize("lost", [[], [LOST]])
@pytest.mark.parametrize("finish", ["stop", "tool_calls", "other", "length"])
def test_empty_arguments_count_only_if_nothing_shows_that_they_were_lost(lost: Any, finish: Any) -> None:
    """A call without arguments looks like one whose arguments were in a frame that couldn't be read."""
    called = CallPiece("c", 0, "", RAW, "c1", "delete_all")
    outcome = run(called, *lost, ChoiceFinished(0, finish, finish, RAW), StreamEnded())
    is_whole = not lost and finish in ("stop", "tool_calls")
    assert bool(outcome.of(ItemDone)) is is_whole
    warned = [warning.partition(":")[0] for warning in outcome.completion.warnings]
    assert ("incomplete_call" in warned) is not is_whole
    assert ("bad_frame" in warned) is bool(lost)


def test_arguments_without_a_name_may_be_those_of_an_empty_call() -> None:
    """They arrived under another key: neither is a call that can be run."""
    outcome = run(
        CallPiece("c", 0, "", RAW, "c1", "f"),
        CallPiece("d", 0, '{"path":"/"}', RAW),
        ChoiceFinished(0, "tool_calls", "tool_calls", RAW),
        StreamEnded(),
    )
    assert outcome.of(ItemDone) == []


def test_one_choice_finishing_closes_no_other() -> None:
    """Law 7."""
    outcome = run(
        text("A", "m0", 0), text("B", "m1", 1), STOP, text("C", "m1", 1), ChoiceFinished(1, "stop", "s", RAW)
    )
    assert [(e.choice, e.item.text) for e in outcome.of(ItemDone)] == [(0, "A"), (1, "BC")]
    assert [c.text for c in outcome.completion.choices] == ["A", "BC"]


def test_a_finish_by_error_hands_nothing_out() -> None:
    """What an error cut off is no message; it is in `.partial`."""

    def failing() -> Iterator[Delta]:
        yield text("Hel")
        yield CallPiece("c", 0, '{"a":1}', RAW, "a", "f")
        yield ChoiceFinished(0, "error", "error", RAW)
        raise APIError("down")

    outcome = collect(accumulate(failing(), AnswerState()))
    assert [item.type for item in outcome.done] == ["function_call"]
    assert outcome.completion.text == "Hel"
    assert outcome.completion.finish_reason == "error"


def test_a_whole_item_replaces_its_pieces() -> None:
    """Law 3: the server's sum is handed out at once; what the pieces left out comes as a delta first."""
    whole = Message("assistant", [OutputText("Hello")], id="msg")
    outcome = run(text("Hel"), WholeItem("m", 0, whole, RAW), StreamEnded())
    assert outcome.of(TextDelta) == [TextDelta("Hel"), TextDelta("lo")]
    assert outcome.done == [whole]
    assert outcome.completion.items == (whole,)


def test_an_item_is_summed_up_once() -> None:
    """A second sum of the same item is no second item."""
    whole = WholeItem("m", 0, Message("assistant", "A"), RAW)
    outcome = run(whole, whole, StreamEnded())
    assert outcome.done == [Message("assistant", "A")]


# -- what belongs to an item and is no text ----------------------------------------------------------


def test_annotations_belong_to_the_last_text() -> None:
    """P18: also where they come after it, alone."""
    outcome = run(text("A"), Attached("m", 0, "annotations", [{"url": "u"}], RAW), STOP)
    assert outcome.done == [Message("assistant", [OutputText("A", [{"url": "u"}])])]


def test_what_is_attached_after_the_finish_is_not_lost() -> None:
    """A gateway that sends annotations after the finish reason: they belong to the text."""
    outcome = run(text("A"), STOP, Attached("m", 0, "annotations", [{"url": "u"}], RAW), StreamEnded())
    assert outcome.done == [Message("assistant", [OutputText("A", [{"url": "u"}])])]


def test_logprobs_are_kept_with_the_text() -> None:
    """B-20: token entries of all pieces, in order; an older gateway's parallel lists as one entry."""
    one, two, old = [{"token": "A"}], [{"token": "B"}], {"tokens": ["C"]}
    outcome = run(
        TextPiece("m", 0, "A", RAW, one),
        TextPiece("m", 0, "B", RAW, two),
        TextPiece("m", 0, "C", RAW, old),
        STOP,
    )
    assert [d.logprobs for d in outcome.of(TextDelta)] == [one, two, old]
    assert outcome.done[0].content[0].logprobs == ({"token": "A"}, {"token": "B"}, {"tokens": ["C"]})


# -- endings ------------------------------------------------------------------------------------------


def test_an_end_without_ending_is_a_truncation() -> None:
    """CR-25, CL-20, CO-12, X-04: never success, never an invented "stop"; `.partial` has the text."""
    outcome = run(text("A"))
    assert isinstance(outcome.error, TruncatedStreamError)
    assert outcome.completion.text == "A"
    assert outcome.completion.finish_reason is None
    assert outcome.done == []


@pytest.mark.parametrize("eof", ["accept", "infer"])
def test_profiles_that_know_their_server_accept_an_end(eof: Any) -> None:
    """DESIGN "Ending": accept where the server never sends one; infer where every item was closed."""
    outcome = run(Head(RAW, "i"), WholeItem("m", 0, Message("assistant", "A"), RAW), eof=eof)
    assert outcome.error is None
    assert outcome.completion.finish_reason is None


@pytest.mark.parametrize("eof", ["accept", "infer"])
def test_an_empty_body_is_never_accepted(eof: Any) -> None:
    """Law 5: where nothing came, there is nothing to infer."""
    assert isinstance(run(eof=eof).error, TruncatedStreamError)


def test_an_open_item_is_not_inferred_to_be_closed() -> None:
    """P4: OpenRouter's rule needs every item closed."""
    assert isinstance(run(text("A"), eof="infer").error, TruncatedStreamError)


@pytest.mark.parametrize(
    ("error", "after_the_finish", "ends"),
    [
        pytest.param(APIConnectionError("reset"), False, "APIConnectionError", id="CR-23 in mid-stream"),
        pytest.param(APIConnectionError("reset"), True, "completed", id="P8 after every choice finished"),
        pytest.param(APIError("down"), True, "APIError", id="the server's own error counts always"),
        pytest.param(TruncatedStreamError("cut"), False, "TruncatedStreamError", id="truncated"),
    ],
)
def test_errors_of_the_source_pass_through(error: Any, after_the_finish: bool, ends: str) -> None:
    """A lost connection after the answer loses nothing; any other error is raised with `.partial`."""

    def failing() -> Iterator[Delta]:
        yield text("A")
        if after_the_finish:
            yield STOP
        raise error

    outcome = collect(accumulate(failing(), AnswerState()))
    assert (type(outcome.error).__name__ if outcome.error else "completed") == ends
    assert outcome.completion.text == "A"


def test_a_partial_that_the_error_brought_is_kept() -> None:
    """The first one to know stays."""
    known = run(text("known"), STOP).completion

    def failing() -> Iterator[Delta]:
        yield text("A")
        raise APIError("down", partial=known)

    assert collect(accumulate(failing(), AnswerState())).completion is known


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_strict_raises_for_a_cut_answer(reason: Any) -> None:
    """DESIGN section 5: after all events of the turn, with the whole answer as `.partial`."""
    outcome = run(text("A"), ChoiceFinished(0, reason, reason, RAW), UsageCounted(Usage(1), RAW), strict=True)
    assert isinstance(outcome.error, IncompleteResponseError)
    assert (outcome.completion.text, outcome.completion.usage) == ("A", Usage(1))


# -- linear work ---------------------------------------------------------------------------------------


def many_calls(n: int) -> list[Any]:
    return [calls(*[call(i, f"c{i}", "f", "{}") for i in range(n)]), chunk("tool_calls")]


def many_choices(n: int) -> list[Any]:
    opened = {"choices": [choice(index=i, content="x") for i in range(n)]}
    return [opened, {"choices": [choice("stop", index=i) for i in range(n)]}]


def many_finishes(n: int) -> list[Any]:
    return [chunk("stop", content="x") for _ in range(n)]


def many_details(n: int) -> list[Any]:
    detail = {"type": "reasoning.encrypted", "data": "d"}
    return [chunk(reasoning_details=[{**detail, "id": f"c{i}"} for i in range(n)]), *many_calls(n)]


@pytest.mark.parametrize("payloads", [many_calls, many_choices, many_finishes, many_details])
def test_the_work_for_an_item_does_not_grow(payloads: Callable[[int], list[Any]]) -> None:
    """Law 10, for items too: ten times the calls, choices, finish reasons or details cost ten times."""
    small, large = (body(*payloads(n)) for n in (40, 400))
    few, many = (lines_run(lambda b=b: list(read_events([b]))) for b in (small, large))  # type: ignore[misc]
    assert many < 11 * few


def test_ten_thousand_calls_come_out_whole() -> None:
    """A hostile or very eager model: every call is there, in order."""
    outcome = read(*many_calls(10_000))
    assert [c[0] for c in outcome.calls] == [f"c{i}" for i in range(10_000)]


# -- a finish and usage on every chunk ---------------------------------------------------------------------


def test_a_finish_and_usage_on_every_chunk_cut_no_item() -> None:
    """The answer is one message, and each count is reported in its place."""
    usage = {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    outcome = read(*(chunk("stop", content=letter) | usage for letter in "abc"), done=True)
    assert [item.text for item in outcome.done] == ["abc"]
    kinds = [type(event).__name__ for event in outcome.events]
    deltas = ["TextDelta", "UsageReport"] * 2
    assert kinds == ["Started", "ItemStarted", *deltas, "TextDelta", "ItemDone", "UsageReport", "Completed"]


def test_a_text_restated_after_its_items_closed_is_not_doubled() -> None:
    """Text, a finish, usage, more text, and then a `message` with all of it."""
    usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    stop = chunk("stop")
    for whole, last in (("AB", []), ("ABC", ["C"]), ("B", [])):
        message = {"choices": [{"index": 0, "message": {"content": whole}, "finish_reason": "stop"}]}
        outcome = read(chunk(content="A"), stop, usage, chunk(content="B"), stop, message, done=True)
        assert [event.text for event in outcome.of(TextDelta)] == ["A", "B", *last]
        assert outcome.completion.text == "".join(["A", "B", *last])


# -- half a surrogate pair with a restatement --------------------------------------------------------------


def _message(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": finish}]}


def _block(text: str, signature: str | None = None) -> dict[str, Any]:
    return chunk(thinking_blocks=[{"type": "thinking", "thinking": text, "signature": signature}])


HALVES = {
    "messages that grow": [_message("a\ud83d"), _message("a\U0001f600b", "stop")],
    "messages that continue": [_message("a\ud83d"), _message("\ude00b", "stop")],
    "a message after half a pair": [chunk(content="a\ud83d"), _message("a\U0001f600b", "stop")],
    "a prefix restated between the halves": [
        chunk(content="a\ud83d"),
        _message("a"),
        chunk("stop", content="\ude00b"),
    ],
}


@pytest.mark.parametrize("payloads", HALVES.values(), ids=HALVES)
def test_half_a_pair_survives_a_restatement(payloads: list[dict[str, Any]]) -> None:
    """Law 8: the two halves are joined, and no part of the text is lost or doubled."""
    outcome = read(*payloads, chunk("stop"), done=True)
    assert "".join(event.text for event in outcome.of(TextDelta)) == "a\U0001f600b"
    assert outcome.completion.text == "a\U0001f600b"


@pytest.mark.parametrize("last", ["c", "a\U0001f600b"], ids=["a piece", "the block once more"])
def test_thinking_blocks_cut_in_a_pair_are_joined(last: str) -> None:
    """The text and the block that goes back have the character, and nothing after it is lost."""
    outcome = read(_block("a\ud83d"), _block("\ude00b"), _block(last, "sig"), chunk("stop"), done=True)
    text = "a\U0001f600b" + ("c" if last == "c" else "")
    (item,) = outcome.done
    assert item.text == text
    assert item.details == ({"type": "thinking", "thinking": text, "signature": "sig"},)


@pytest.mark.parametrize("end", ['\ude00"}', '\ude00", "b": 1}'], ids=["equal", "longer"])
def test_a_second_copy_of_arguments_cut_in_a_pair(end: str) -> None:
    """The offsets of the copies count characters, not halves."""
    first = [calls(call(0, "c", "f", '{"a": "\ud83d')), calls(call(0, arguments='\ude00"}'))]
    again = [calls(call(0, arguments='{"a": "\ud83d')), calls(call(0, arguments=end))]
    outcome = read(*first, *again, chunk("tool_calls"), done=True)
    assert outcome.calls == [("c", "f", '{"a": "\U0001f600' + end[1:])]


def test_a_sign_of_life_is_valid_utf_8() -> None:
    """Law 8: half a surrogate pair in a comment becomes U+FFFD."""
    (noted, *_) = accumulate([KeepAlive("ping\ud83d"), StreamEnded()], AnswerState())
    assert isinstance(noted, KeepAlive)
    assert noted.comment == "ping\N{REPLACEMENT CHARACTER}"

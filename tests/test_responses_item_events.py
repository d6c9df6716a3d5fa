"""What events say of output items: pieces, restatements, whole items, calls."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from streamkit import (
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
    Unknown,
    UnknownItem,
    WebSearchCall,
)
from streamkit.profiles.known import GENERIC
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import Leftover, WholeItem
from streamkit.wires.responses.read import read as normalize

from .responses_payloads import (
    CREATED,
    added,
    arguments,
    call,
    complete,
    completed,
    done,
    event,
    gist,
    handed_out,
    message,
    read,
    reasoning,
    text,
)

AT = {"item_id": "i", "output_index": 0}


# -- pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("output_text.delta", TextDelta("a"), id="PS-03"),
        pytest.param("content_part.delta", TextDelta("a"), id="OpenRouter's documentation, text"),
        pytest.param("refusal.delta", RefusalDelta("a"), id="PS-04"),
        pytest.param("reasoning_summary_text.delta", ReasoningDelta("a", "summary"), id="PS-05"),
        pytest.param("reasoning_summary.delta", ReasoningDelta("a", "summary"), id="summary, older name"),
        pytest.param("reasoning_text.delta", ReasoningDelta("a", "text"), id="PS-06"),
        pytest.param("reasoning.delta", ReasoningDelta("a", "text"), id="reasoning, older name"),
        pytest.param("reasoning_content.delta", ReasoningDelta("a", "text"), id="reasoning, name of proxies"),
        pytest.param("function_call_arguments.delta", ToolCallDelta(arguments="a"), id="PS-08"),
        pytest.param("custom_tool_call_input.delta", ToolCallDelta(arguments="a"), id="custom call"),
    ],
)
def test_a_piece_is_a_delta(name: str, expected: Any) -> None:
    """Each kind of piece is its own event, with the payload as raw, after the item's beginning."""
    payload = event(name, delta="a", **AT)
    events, _ = read([CREATED, payload])
    assert [type(e) for e in events[1:]] == [ItemStarted, type(expected)]
    assert events[2] == expected
    assert events[2].raw is payload


@pytest.mark.parametrize("delta", [None, "", True, [], {}], ids=repr)
def test_a_piece_without_text_is_no_event(delta: Any) -> None:
    """An empty piece opens no item and is no delta (X-20); one with something else in it is news."""
    payload = event("output_text.delta", delta=delta, **AT)
    events, _ = read([CREATED, payload])
    assert events[1:] == ([Unknown(payload)] if delta is True else [])


def test_older_references_wrap_the_piece() -> None:
    """`delta: {text}` is read as the text."""
    assert (
        complete(CREATED, event("reasoning.delta", delta={"text": "Hm"}, **AT), completed()).reasoning == "Hm"
    )


def test_summary_parts_keep_their_boundaries() -> None:
    """PS-05: two summary parts are two strings, also where no item sums them up."""
    pieces = [
        event("reasoning_summary_text.delta", delta=piece, summary_index=index, **AT)
        for index, piece in ((0, "Add"), (0, "ing"), (1, "Checking"))
    ]
    assert complete(CREATED, *pieces, completed()).items == (
        Reasoning(id="i", summary=("Adding", "Checking")),
    )


def test_text_parts_keep_their_boundaries() -> None:
    """Two parts of one message are two parts, however quickly their pieces follow each other."""
    pieces = [
        text(piece, item_id="i", output_index=0, content_index=index)
        for index, piece in ((0, "Add"), (0, "ing"), (1, "Check"), (1, "ing"), (0, "!"))
    ]
    (item,) = complete(CREATED, *pieces, completed()).items
    assert isinstance(item, Message)
    assert item.content == (OutputText("Adding!"), OutputText("Checking"))


def test_logprobs_come_with_their_piece() -> None:
    """A non-empty list of token entries stays with its delta and its message."""
    entry = {"token": "a", "logprob": -0.5}
    events, _ = read([CREATED, text("a", logprobs=[entry], **AT), text("b", logprobs=[], **AT), completed()])
    assert [e.logprobs for e in events if isinstance(e, TextDelta)] == [[entry], None]


# -- restatements -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said", "gist_"),
    [
        pytest.param("output_text.done", {"text": "ab"}, ("message", "ab"), id="text"),
        pytest.param("refusal.done", {"refusal": "ab"}, ("message", "ab"), id="refusal"),
        pytest.param("reasoning_text.done", {"text": "ab"}, ("reasoning", "ab"), id="reasoning"),
        pytest.param("reasoning_summary_text.done", {"text": "ab"}, ("reasoning", "ab"), id="summary"),
        pytest.param(
            "content_part.done", {"part": {"type": "output_text", "text": "ab"}}, ("message", "ab"), id="part"
        ),
        pytest.param(
            "content_part.done",
            {"part": {"type": "refusal", "refusal": "ab"}},
            ("message", "ab"),
            id="refusal part",
        ),
        pytest.param(
            "reasoning_summary_part.done",
            {"part": {"type": "summary_text", "text": "ab"}},
            ("reasoning", "ab"),
            id="summary part",
        ),
        pytest.param(
            "reasoning_part.done",
            {"part": {"type": "reasoning_text", "text": "ab"}},
            ("reasoning", "ab"),
            id="vLLM",
        ),
    ],
)
@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_a_restatement_adds_what_was_left_out(
    name: str, said: dict[str, Any], gist_: tuple[str, str], before: str
) -> None:
    """PS-28, law 3: whether all, some or none of it came in pieces, the text is there once."""
    kinds = {
        "output_text.done": "output_text.delta",
        "refusal.done": "refusal.delta",
        "reasoning_text.done": "reasoning_text.delta",
        "reasoning_part.done": "reasoning_text.delta",
        "reasoning_summary_text.done": "reasoning_summary_text.delta",
        "reasoning_summary_part.done": "reasoning_summary_text.delta",
        "content_part.done": "refusal.delta" if "refusal" in str(said) else "output_text.delta",
    }
    pieces = [event(kinds[name], delta=before, **AT)] if before else []
    completion = complete(CREATED, *pieces, event(name, **said, **AT), completed())
    assert gist(completion) == [gist_]


def test_an_earlier_part_that_is_restated_longer_is_no_delta() -> None:
    """Law 3: the rest of part 0 can't follow the text of part 1, so the item gets it and the deltas don't."""
    parts = [text(piece, item_id="i", output_index=0, content_index=n) for n, piece in enumerate("ab")]
    longer = event("output_text.done", text="ax", content_index=0, item_id="i", output_index=0)
    events, error = read([CREATED, *parts, longer, completed()])
    assert error is None
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["a", "b"]
    (item,) = events[-1].completion.items  # type: ignore[union-attr]
    assert item.content == (OutputText("ax"), OutputText("b"))


@pytest.mark.parametrize("name", ["output_text.done", "content_part.done", "content_part.added"])
def test_an_empty_restatement_takes_nothing_back(name: str) -> None:
    """Gateways that leave the text of a done event empty do not wipe it (pains P4)."""
    empty = event(name, text="", part={"type": "output_text", "text": "", "annotations": []}, **AT)
    events, _ = read([CREATED, text("ab", **AT), empty, completed()])
    assert gist(events[-1].completion) == [("message", "ab")]  # type: ignore[union-attr]
    assert not [e for e in events if isinstance(e, Unknown)]


MESSAGE = added(message("", "i"), output_index=0)


def _growing(kind: str, field: str) -> list[dict[str, Any]]:
    """Three deltas under three indexes, and the whole under the next one: vLLM."""
    pieces = [
        event(f"{kind}.delta", delta=p, **AT, **{field: n}) for n, p in enumerate(("Low ", "at ", "six"))
    ]
    return [*pieces, event(f"{kind}.done", text="Low at six", **AT, **{field: 3})]


@pytest.mark.parametrize(
    ("kind", "field", "item"),
    [
        pytest.param("output_text", "content_index", message("Low at six", "i"), id="text"),
        pytest.param(
            "reasoning_text",
            "content_index",
            reasoning([], "i", content=[{"type": "reasoning_text", "text": "Low at six"}]),
            id="reasoning",
        ),
        pytest.param("reasoning_summary_text", "summary_index", reasoning(["Low at six"], "i"), id="summary"),
    ],
)
@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "not announced"])
@pytest.mark.parametrize("end", ["cut", "no output", "item done", "output"])
def test_a_text_whose_index_grows_is_there_once(
    kind: str, field: str, item: dict[str, Any], is_announced: bool, end: str
) -> None:
    """vllm-project/vllm 35184: the deltas add up to the text, which is one part of one item."""
    empty = {"type": item["type"], "id": "i", "content": [], "summary": []}
    payloads = [*([added(empty, output_index=0)] if is_announced else []), *_growing(kind, field)]
    payloads += [done(item, output_index=0)] if end == "item done" else []
    payloads += [] if end == "cut" else [completed(*([item] if end == "output" else []))]
    events, error = read([CREATED, *payloads])
    completion = error.partial if error else events[-1].completion  # type: ignore[union-attr]
    assert completion is not None
    assert [e.text for e in events if isinstance(e, TextDelta | ReasoningDelta)] == ["Low ", "at ", "six"]
    assert gist(completion) == [(item["type"], "Low at six")]
    (whole,) = completion.items
    assert len(getattr(whole, "content", ())) + len(getattr(whole, "summary", ())) == 1


@pytest.mark.parametrize("names", ["announced", "own deltas"])
def test_two_parts_may_have_one_text(names: str) -> None:
    """A part that was announced, or has deltas, is a part, even if it repeats the one before it."""
    payloads: list[dict[str, Any]] = [MESSAGE]
    for number in (0, 1):
        here = AT | {"content_index": number}
        if names == "announced":
            payloads.append(event("content_part.added", part={"type": "output_text", "text": ""}, **here))
        if names == "own deltas" or number == 0:
            payloads.append(text("Yes", **here))
        payloads.append(event("output_text.done", text="Yes", **here))
        payloads.append(event("content_part.done", part={"type": "output_text", "text": "Yes"}, **here))
    events, _ = read([CREATED, *payloads, completed()])
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "YesYes"
    (item,) = events[-1].completion.items  # type: ignore[union-attr]
    assert item.content == (OutputText("Yes"), OutputText("Yes"))


SHORTER = [
    pytest.param(event("output_text.done", text="hot", **AT), id="text"),
    pytest.param(event("content_part.done", part={"type": "output_text", "text": "hot"}, **AT), id="part"),
    pytest.param(done(message("hot", "i"), output_index=0), id="item"),
    pytest.param(completed(message("hot", "i")), id="output"),
]


@pytest.mark.parametrize("restatement", SHORTER)
def test_a_shorter_restatement_takes_nothing_back(restatement: dict[str, Any]) -> None:
    """open-responses-server: the user was shown more than the done events hold; the completion has it."""
    pieces = [text(piece, **AT) for piece in ("hot ", "will change")]
    completion = complete(CREATED, MESSAGE, *pieces, restatement, completed())
    assert gist(completion) == [("message", "hot will change")]


def test_a_shorter_item_keeps_its_other_fields() -> None:
    """The rest of the text goes into the item's own last part: annotations and other parts stay."""
    citation, refused = {"type": "url_citation"}, {"type": "refusal", "refusal": "No."}
    part = {"type": "output_text", "text": "hot", "annotations": [citation]}
    item = message("", "i") | {"content": [part, refused], "phase": "final"}
    events = [text("hot will change", **AT), done(item, output_index=0)]
    assert complete(CREATED, *events, completed()).items == (
        Message(
            "assistant",
            [OutputText("hot will change", [citation]), Refusal("No.")],
            id="i",
            extra={"phase": "final"},
        ),
    )


def test_annotations_of_events_stay_if_the_item_has_none() -> None:
    """An item with fewer annotations than their events takes none back; its own come first."""
    one, two = {"type": "a"}, {"type": "b"}
    told = [event("output_text.annotation.added", annotation=each, **AT) for each in (one, two)]
    for known in ([], [one], [one, two]):
        part = {"type": "output_text", "text": "Low", "annotations": known}
        whole = done(message("", "i") | {"content": [part]}, output_index=0)
        (item,) = complete(CREATED, text("Low", **AT), *told, whole, completed()).items
        assert item.content == (OutputText("Low", [one, two]),)  # type: ignore[union-attr]


def test_reasoning_restated_as_a_text_part_is_no_message() -> None:
    """A part.done at the place of reasoning with its text, as output_text, adds no message."""
    whole = event("content_part.done", part={"type": "output_text", "text": "Hm"}, **AT)
    events, _ = read([CREATED, event("reasoning_text.delta", delta="Hm", **AT), whole, completed()])
    assert gist(events[-1].completion) == [("reasoning", "Hm")]  # type: ignore[union-attr]
    assert Unknown(whole) in events


def test_news_in_a_restatement_is_told() -> None:
    """Law 4: a field that nobody knows is not lost with an event that adds nothing."""
    payload = event("output_text.done", text="ab", vendor="x", **AT)
    events, _ = read([CREATED, text("ab", **AT), payload, completed()])
    assert Unknown(payload) in events


@pytest.mark.parametrize("name", ["output_text.annotation.added", "output_text_annotation.added"])
def test_an_annotation_counts_once(name: str) -> None:
    """P18: told one by one, once more in the part and in the item, it is one annotation. The second name is
    that of OpenAI's packages in spring 2025, which servers copied.
    """
    citation = {"type": "url_citation", "url": "https://tides.example"}
    other = {"type": "file_citation", "file_id": "f"}
    single = event(name, annotation=citation, content_index=0, **AT)
    part = {"type": "output_text", "text": "Low.", "annotations": [citation, other]}
    whole = event("content_part.done", part=part, content_index=0, **AT)
    events, _ = read([CREATED, text("Low.", **AT), single, whole, completed()])
    assert Unknown(single) in events  # told when it came
    assert events[-1].completion.items == (  # type: ignore[union-attr]
        Message("assistant", (OutputText("Low.", (citation, other)),), id="i"),
    )


# -- whole items ------------------------------------------------------------------------------


def test_an_item_without_pieces_is_told_whole() -> None:
    """PS-12: the text of a message that comes only as `output_item.done` is a delta too."""
    events, _ = read([CREATED, done(message("Whole", "a")), completed()])
    assert [type(e).__name__ for e in events] == [
        "Started",
        "ItemStarted",
        "TextDelta",
        "ItemDone",
        "Completed",
    ]
    assert handed_out(events) == [("message", "Whole")]


def test_a_sum_without_text_keeps_the_pieces() -> None:
    """An `output_item.done` whose content is empty wipes nothing."""
    completion = complete(CREATED, text("Kept", **AT), done(message("", "i")), completed())
    assert gist(completion) == [("message", "Kept")]


def test_a_sum_without_reasoning_keeps_the_pieces() -> None:
    """An `output_item.done` with an empty summary and no content wipes neither."""
    pieces = [
        event("reasoning_summary_text.delta", delta="In short.", summary_index=0, **AT),
        event("reasoning_text.delta", delta="At length.", content_index=0, **AT),
    ]
    for whole in (done(reasoning([], "i")), completed(reasoning([], "i"))):
        assert complete(CREATED, *pieces, whole, completed()).items == (
            Reasoning("i", ("In short.",), ("At length.",)),
        )


def test_reasoning_keeps_all_that_is_to_be_sent_back() -> None:
    """PS-11, P15: summary parts, raw text and encrypted content are one item, as it came."""
    item = reasoning(["One", "Two"], "rs_1", content=[{"type": "reasoning_text", "text": "Hm"}])
    item |= {"encrypted_content": "enc==", "status": "completed", "vendor": {"x": 1}}
    piece = event("reasoning_summary_text.delta", delta="One", item_id="rs_1", summary_index=0)
    events, _ = read([CREATED, piece, done(item), completed(item)])
    expected = Reasoning(
        "rs_1", ("One", "Two"), ("Hm",), "enc==", status="completed", extra={"vendor": {"x": 1}}
    )
    assert [e.item for e in events if isinstance(e, ItemDone)] == [expected]


@pytest.mark.parametrize(
    "kind",
    [
        *("file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call", "mcp_list_tools"),
        *(
            "mcp_approval_request",
            "computer_call",
            "shell_call",
            "apply_patch_call",
            "compaction",
            "hologram",
        ),
    ],
)
def test_items_without_a_class_are_kept_whole(kind: str) -> None:
    """PS-13: hosted tools and news are `ItemStarted` and `ItemDone` with the item verbatim."""
    item = {"type": kind, "id": "h", "status": "completed", "result": {"deep": [1, None]}}
    events, _ = read([CREATED, added({"type": kind, "id": "h"}), done(item), completed(item)])
    assert events[1:3] == [ItemStarted(kind, "h"), ItemDone(UnknownItem(item))]


def test_an_item_that_was_only_announced_is_kept() -> None:
    """A hosted call whose sum never comes is in the completion; so are a message's own fields."""
    search = {"type": "web_search_call", "id": "ws", "status": "in_progress", "action": {"query": "tide"}}
    phased = message("", "m", phase="final_answer", status="in_progress")
    completion = complete(CREATED, added(search), added(phased), text("Low.", item_id="m"), completed())
    assert completion.items == (
        WebSearchCall("ws", action={"query": "tide"}),
        Message("assistant", "Low.", id="m", extra={"phase": "final_answer"}),
    )


def test_what_is_told_again_is_news_only_where_it_differs() -> None:
    """Law 4: a second announcement or sum is silent, unless it says something else."""
    first = [CREATED, added(message("", "m")), added(call("", "c", status="in_progress"))]
    finish = event("function_call_arguments.done", arguments="{}", item_id="c")
    whole = call("{}", "c", status="completed")
    events, _ = read([*first, added(message("", "m")), finish, done(whole), completed()])
    assert not [e for e in events if isinstance(e, Unknown)]
    others = [added(message("", "m", phase="final")), done(whole | {"vendor": 1})]
    events, _ = read([*first, others[0], finish, others[1], completed()])
    assert [e.payload for e in events if isinstance(e, Unknown)] == others


def test_an_announcement_behind_the_first_piece_is_told() -> None:
    """Law 4: it opens nothing any more, so no other event would carry it."""
    late = added(message("", "m", phase="final"))
    events, _ = read([CREATED, text("a", item_id="m"), late, completed()])
    assert Unknown(late) in events
    assert gist(events[-1].completion) == [("message", "a")]  # type: ignore[union-attr]


def test_an_announced_text_is_news_until_it_is_said() -> None:
    """content_part.added brackets pieces; only one that holds text is told."""
    payload = event("content_part.added", part={"type": "output_text", "text": "Pre"}, **AT)
    events, _ = read([CREATED, payload])
    assert events[1:] == [Unknown(payload)]


# -- calls ------------------------------------------------------------------------------------


def test_a_call_is_handed_out_when_its_arguments_are_done() -> None:
    """NR-05, PS-09: before anything behind `arguments.done` is read; with all its own fields, once."""
    item = call("", "fc_1", status="in_progress", namespace="tides")
    until_done = [
        CREATED,
        added(item, output_index=0),
        arguments('{"n"', item_id="fc_1"),
        event("function_call_arguments.done", arguments='{"n":1}', item_id="fc_1"),
    ]
    events, _ = read([*until_done, text("Later", item_id="m")])
    expected = FunctionCall(
        "call_1", "f", '{"n":1}', "fc_1", status="completed", extra={"namespace": "tides"}
    )
    assert events.index(ItemDone(expected)) < events.index(TextDelta("Later", slot=1))
    assert [e.arguments for e in events if isinstance(e, ToolCallDelta)] == ["", '{"n"', ":1}"]
    whole = item | {"arguments": '{"n":1}', "status": "completed"}
    events, _ = read([*until_done, done(whole, output_index=0), completed(whole)])
    assert handed_out(events) == [("function_call", '{"n":1}')]
    assert not [e for e in events if isinstance(e, Unknown)]


def test_a_custom_call_is_handed_out_when_its_input_is_done() -> None:
    """Its input is free text: nothing has to be JSON."""
    item = {"type": "custom_tool_call", "id": "c", "call_id": "call_c", "name": "sql", "input": ""}
    finish = event("custom_tool_call_input.done", input="SELECT *", item_id="c")
    events, _ = read([CREATED, added(item), finish])
    assert handed_out(events) == [("custom_tool_call", "SELECT *")]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param(None, '{"n":1}', id="whose call it is, is not known yet"),
        pytest.param(call(item_id="fc_1"), '{"n":', id="arguments that are no JSON"),
        pytest.param(call(item_id="fc_1"), "", id="nothing said"),
    ],
)
def test_done_arguments_that_make_no_call_wait(item: dict[str, Any] | None, said: str) -> None:
    """Law 5: `arguments.done` hands out nothing that is not a whole call; `output_item.done` does."""
    finish = event("function_call_arguments.done", arguments=said, item_id="fc_1")
    before = [CREATED, *([added(item)] if item else []), finish]
    assert not [f for f in normalize(before, GENERIC, AnswerState()) if isinstance(f, WholeItem)]
    events, _ = read([*before, done(call('{"n":1}', "fc_1"))])
    assert handed_out(events) == [("function_call", '{"n":1}')]


def test_a_call_whose_name_comes_last_is_handed_out() -> None:
    """Newer servers repeat the name on `arguments.done`; the call_id was announced."""
    finish = event("function_call_arguments.done", arguments="{}", name="late", item_id="fc_1")
    events, _ = read([CREATED, added(call(item_id="fc_1", name="")), finish])
    assert [e.item.name for e in events if isinstance(e, ItemDone)] == ["late"]  # type: ignore[union-attr]


def test_arguments_may_be_an_object() -> None:
    """Gateways that parse arguments send an object: it is written as JSON again."""
    completion = complete(CREATED, done(call(item_id="a") | {"arguments": {"port": "Brest"}}), completed())
    assert gist(completion) == [("function_call", '{"port":"Brest"}')]


def test_arguments_that_were_only_announced_count() -> None:
    """A call announced whole, with neither pieces nor sum, is there; announced and told, it is there once."""
    whole = call('{"n":1}', "a")
    assert gist(complete(CREATED, added(whole), completed())) == [("function_call", '{"n":1}')]
    told = complete(CREATED, added(whole), arguments('{"n":1}', item_id="a"), completed())
    assert gist(told) == [("function_call", '{"n":1}')]


def test_pieces_win_over_announced_arguments() -> None:
    """Gateways that announce `{}` where arguments are still to come."""
    completion = complete(CREATED, added(call("{}", "a")), arguments('{"n":1}', item_id="a"), completed())
    assert gist(completion) == [("function_call", '{"n":1}')]


def test_an_announced_call_whose_pieces_are_cut_is_not_handed_out() -> None:
    """Law 5: neither is it when the response calls itself completed."""
    events, _ = read([CREATED, added(call("", "a")), arguments('{"n"', item_id="a"), completed()])
    assert handed_out(events) == []
    assert events[-1].completion.tool_calls == ()  # type: ignore[union-attr]


def test_both_ids_of_a_call_are_kept() -> None:
    """PS-29: the item's id and the call's id are two things, and both are sent back."""
    item = complete(CREATED, done(call("{}", "fc_1", call_id="call_9")), completed()).items[0]
    assert isinstance(item, FunctionCall)
    assert (item.id, item.call_id) == ("fc_1", "call_9")


STARTED = added(call("", "i", status="in_progress"), output_index=0)


def _arguments_done(arguments: str) -> dict[str, Any]:
    return event("function_call_arguments.done", arguments=arguments, **AT)


@pytest.mark.parametrize("restated", ['{"n"', "{}", "", "null", "undefined"])
def test_arguments_restated_with_less_keep_the_pieces(restated: str) -> None:
    """Law 3: in each event that restates a call, and in all of them together."""
    start = [CREATED, STARTED, arguments('{"n"', **AT), arguments(":1}", **AT)]
    whole = call(restated, "i", status="completed")
    by_text, by_item, at_end = [_arguments_done(restated)], [done(whole, output_index=0)], [completed(whole)]
    for events in (by_text, by_item, at_end, by_text + by_item + at_end):
        completion = complete(*start, *events, *([] if events[-1] is at_end[0] else [completed()]))
        assert [(c.call_id, c.arguments) for c in completion.tool_calls] == [("call_1", '{"n":1}')]


@pytest.mark.parametrize("restated", ["{}", "null", '{"n"', "undefined"])
def test_no_call_is_made_of_lost_arguments(restated: str) -> None:
    """Law 5: pieces that were cut and a restatement without them are no call to run."""
    whole = done(call(restated, "i", status="completed"), output_index=0)
    start = [CREATED, STARTED, arguments('{"n":', **AT)]
    events, _ = read([*start, _arguments_done(restated), whole, completed()])
    assert handed_out(events) == []
    assert events[-1].completion.tool_calls == ()  # type: ignore[union-attr]


def test_a_later_restatement_completes_a_call() -> None:
    """Truncated in output_item.done, whole in a second one or in the output: one call, which is whole."""
    for names in ({"item_id": "i", "output_index": 0}, {"output_index": 0}):
        item_id = names.get("item_id")
        start = [CREATED, added(call("", item_id), output_index=0), arguments('{"n"', **names)]
        short, whole = done(call('{"n"', item_id), output_index=0), call('{"n":1}', item_id)
        for last in ([done(whole, output_index=0), completed()], [completed(whole)]):
            events, _ = read([*start, short, *last])
            assert handed_out(events) == [("function_call", '{"n":1}')]
            assert len(events[-1].completion.items) == 1  # type: ignore[union-attr]


def test_empty_arguments_wait_for_the_end_of_the_response() -> None:
    """Law 5: a call with "" in output_item.done is whole if the response completes, and not if it is cut."""
    start = [CREATED, STARTED, done(call("", "i", status="completed", vendor=1), output_index=0)]
    assert handed_out(read(start)[0]) == []
    events, _ = read([*start, completed()])
    assert [e.item for e in events if isinstance(e, ItemDone)] == [
        FunctionCall("call_1", "f", "", "i", status="completed", extra={"vendor": 1})
    ]
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    for output in ([], [call("", "i", status="completed")]):
        events, _ = read([*start, event("incomplete", response=cut | {"output": output})])
        assert handed_out(events) == []
        assert events[-1].completion.tool_calls == ()  # type: ignore[union-attr]


def test_an_incomplete_call_is_no_call() -> None:
    """An item with status incomplete isn't handed out, even if its arguments look whole."""
    whole = call('{"n":1}', "i", status="incomplete")
    for last in ([completed()], [completed(whole)]):
        events, _ = read([CREATED, STARTED, arguments('{"n":1}', **AT), done(whole, output_index=0), *last])
        assert handed_out(events) == []
        assert events[-1].completion.tool_calls == ()  # type: ignore[union-attr]


def test_call_ids_minted_for_each_event_are_one_call() -> None:
    """The index tells that it is one call."""
    payloads = [
        added(call("", "x1", call_id="c1"), output_index=0),
        arguments('{"n":1}', item_id="x2", output_index=0, call_id="c2"),
        done(call('{"n":1}', "x3", call_id="c3"), output_index=0),
        completed(call('{"n":1}', "x4", call_id="c4")),
    ]
    events, _ = read([CREATED, *payloads])
    assert handed_out(events) == [("function_call", '{"n":1}')]


# -- what is nobody's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "web_search_call.searching",
        "file_search_call.completed",
        "code_interpreter_call_code.delta",
        "image_generation_call.partial_image",
        "mcp_call_arguments.done",
        "mcp_call.failed",
        "shell_call_command.delta",
        "apply_patch_call_operation_diff.delta",
        "sparkle.delta",
    ],
)
def test_progress_and_news_are_unknown(name: str) -> None:
    """PS-02: what no other event carries comes as `Unknown`, and disturbs nothing."""
    payload = event(name, delta="x", **AT)
    events, _ = read([CREATED, payload, done(message("Plain")), completed()])
    assert events[1] == Unknown(payload)
    assert handed_out(events) == [("message", "Plain")]


def test_every_payload_is_told_or_silent() -> None:
    """Law 4: each payload gives at least one fragment, so none can get lost without a decision."""
    payloads = [
        CREATED,
        event("in_progress", response=CREATED["response"]),
        added(call(item_id="a")),
        event("content_part.added", part={"type": "output_text", "text": ""}, **AT),
        event("function_call_arguments.done", arguments="{}", item_id="a"),
        done(call("{}", "a")),
        event("keepalive"),
    ]
    for length in range(1, len(payloads) + 1):
        shorter = len(list(normalize(payloads[: length - 1], GENERIC, AnswerState())))
        assert len(list(normalize(payloads[:length], GENERIC, AnswerState()))) > shorter
    silent = [
        f.raw["type"]
        for f in normalize(payloads, GENERIC, AnswerState())
        if isinstance(f, Leftover) and not f.news
    ]
    assert silent == ["response.content_part.added", "response.output_item.done"]


HOSTILE: list[Any] = [None, "", "x", 0, -1, 1.5, True, [], ["x"], {}, {"x": [1]}, [{}], [None]]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    return found + list(itertools.chain.from_iterable(_places(v, (*path, k)) for k, v in inner))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


TYPICAL = [
    CREATED,
    added(reasoning([], "r"), output_index=0),
    event("reasoning_summary_text.delta", delta="Hm", item_id="r", output_index=0, summary_index=0),
    done(reasoning(["Hm"], "r", encrypted_content="e"), output_index=0),
    added(message("", "m"), output_index=1),
    text("Low", item_id="m", output_index=1, content_index=0, logprobs=[{"token": "Low"}]),
    event("output_text.annotation.added", item_id="m", output_index=1, annotation={"type": "t"}),
    event("content_part.done", item_id="m", output_index=1, part={"type": "output_text", "text": "Low"}),
    done(message("Low", "m"), output_index=1),
    added(call("", "c", status="in_progress"), output_index=2),
    arguments("{", item_id="c", output_index=2),
    event("function_call_arguments.done", item_id="c", output_index=2, arguments="{}"),
    done(call("{}", "c"), output_index=2),
    completed(
        message("Low", "m"), call("{}", "c"), usage={"input_tokens": 1, "output_tokens_details": {"x": 1}}
    ),
]


@pytest.mark.parametrize("position", range(len(TYPICAL)), ids=lambda n: TYPICAL[n]["type"])
def test_no_field_has_to_have_its_type(position: int) -> None:
    """PS-01, PS-15: whatever a field holds, the turn completes or raises one of our errors."""
    for path in _places(TYPICAL[position]):
        for value in HOSTILE:
            payloads = [*TYPICAL]
            payloads[position] = _with(payloads[position], path, value)
            events, error = read(payloads)
            assert (error is None) == (type(events[-1]).__name__ == "Completed"), (path, value)


# -- pieces of arguments under another name ---------------------------------------------------


def call_in_pieces(**pieces: list[str]) -> list[dict[str, Any]]:
    """A call that only an announcement and events with these pieces, by field, describe."""
    item = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": ""}
    added = event("output_item.added", item=item, output_index=0)
    told = [
        event("function_call_arguments.delta", **AT, **{field: piece})
        for field, each in pieces.items()
        for piece in each
    ]
    return [CREATED, added, *told, completed()]


def test_a_piece_of_arguments_may_be_called_arguments() -> None:
    """`arguments` in place of `delta`."""
    completion = complete(*call_in_pieces(arguments=['{"x"', ":1}"]))
    assert [(call.name, getattr(call, "arguments", "")) for call in completion.tool_calls] == [
        ("f", '{"x":1}')
    ]


def test_a_call_with_pieces_that_cannot_be_read_is_not_complete() -> None:
    """Law 5: its arguments aren't empty, they are lost. Those of a call that the server restates aren't."""
    payloads = call_in_pieces(fragment=['{"x"', ":1}"])
    events, _ = read(payloads)
    completion = events[-1].completion  # type: ignore[union-attr]
    assert completion.tool_calls == ()
    assert [warning.partition(":")[0] for warning in completion.warnings] == ["incomplete_call"]
    assert [each for each in events if isinstance(each, Unknown)] == [Unknown(each) for each in payloads[2:4]]
    restated = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": ""}
    whole = complete(*payloads[:-1], event("output_item.done", item=restated, output_index=0), completed())
    assert [call.name for call in whole.tool_calls] == ["f"]


def test_an_empty_piece_with_other_fields_loses_nothing() -> None:
    """The pieces around it are the arguments."""
    payloads = call_in_pieces(delta=['{"x"', ":1}"])
    note = event("function_call_arguments.delta", delta="", note="thinking", **AT)
    completion = complete(*payloads[:3], note, *payloads[3:])
    assert [getattr(call, "arguments", "") for call in completion.tool_calls] == ['{"x":1}']

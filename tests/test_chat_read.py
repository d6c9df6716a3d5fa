"""Chat Completions payloads of every dialect: their events, in which order, and that nothing is lost.

test_chat_finish.py has the finish reasons, test_chat_odd.py facts in odd places.

Rows of behaviours: CR, CL, CO, OS, X; of pains: P1, P2, P16 to P23.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import (
    APIError,
    BadRequestError,
    Completed,
    ItemDone,
    ItemStarted,
    Message,
    OutputImage,
    OutputText,
    RateLimitError,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ServerError,
    Started,
    TextDelta,
    ToolCallDelta,
    Unknown,
    UnknownPart,
    Usage,
    UsageReport,
)

from .chat_payloads import STOP, A, B, call, calls, choice, chunk, message, read

# -- content --------------------------------------------------------------------------------------

CONTENT = {
    "CR-21 text": ([A, B, STOP], "AB"),
    "CR-21 empty text makes nothing": ([chunk(content=""), A, STOP], "A"),
    "X-20 role only": ([chunk(role="assistant"), A, STOP], "A"),
    "CR-02 parts": (
        [chunk(content=[{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]), STOP],
        "AB",
    ),
    "P18 a lone part": ([chunk(content={"type": "text", "text": "A"}), STOP], "A"),
    "P18 strings in a list": ([chunk(content=["A", "B"]), STOP], "AB"),
    "CR-02 a choice without delta": (
        [{"choices": [{"index": 0, "content_filter_results": {}}]}, A, STOP],
        "A",
    ),
    "CR-02 choices null": ([{"choices": None}, A, STOP], "A"),
    "CO-01 no id, created, object, index": ([{"choices": [{"delta": {"content": "A"}}]}, STOP], "A"),
    "a delta that is a string": ([{"choices": [{"index": 0, "delta": "A"}]}, STOP], "A"),
    "the older completions API": ([{"choices": [{"index": 0, "text": "A"}]}, STOP], "A"),
    "CL-04 error null": ([{**A, "error": None}, {**B, "error": ""}, STOP], "AB"),
    "P2 error {}": ([{**A, "error": {}}, STOP], "A"),
    "CL-18 an empty finish is none": ([chunk("", content="A"), B, STOP], "AB"),
    "X-03 text with the finish": ([chunk("stop", content="A")], "A"),
    "a message alone": ([message("stop", content="A")], "A"),
    "a message restates its deltas": ([A, B, message("stop", content="AB")], "AB"),
    "a message says what its deltas left out": ([A, message("stop", content="AB")], "AB"),
    "the whole message beside every delta": (
        [
            {"choices": [{"index": 0, "delta": {"content": text}, "message": {"content": whole}}]}
            for text, whole in zip("ABC", ("A", "AB", "ABC"), strict=True)
        ]
        + [STOP],
        "ABC",
    ),
    "the message of the chunk before beside every delta": (
        [
            {"choices": [{"index": 0, "delta": {"content": text}, "message": {"content": whole}}]}
            for text, whole in zip("ABC", ("", "A", "AB"), strict=True)
        ]
        + [message("stop", content="ABC")],
        "ABC",
    ),
    "numbers that a gateway decoded": (
        [chunk(content=4), chunk(content=0), chunk(content=" and "), chunk(content=1.5), STOP],
        "40 and 1.5",
    ),
    "a word of JSON that a gateway decoded": ([A, chunk(content=False), STOP], "Afalse"),
    "numbers in parts": ([chunk(content=[7, {"type": "text", "text": 0}]), STOP], "70"),
    "a number in the older completions API": ([{"choices": [{"index": 0, "text": 0}]}, STOP], "0"),
    "a number in a message": ([message("stop", content=42)], "42"),
    "messages that are increments": (
        [message(content="A"), message(content="B"), message(content="B"), message("stop", content="A")],
        "ABBA",
    ),
    "increments after a message with a role only": (
        [message(role="assistant", content=""), message(content="A"), message("stop", content="B")],
        "AB",
    ),
    "increments, then the whole": (
        [message(content="A"), message(content="B"), message("stop", content="AB")],
        "AB",
    ),
    "increments next to deltas with a role only": (
        [
            {"choices": [{"index": 0, "delta": {"role": "assistant"}, "message": {"content": text}}]}
            for text in "ABC"
        ]
        + [STOP],
        "ABC",
    ),
    "messages that repeat all before": (
        [message(content="A"), message(content="AB"), message(content="AB"), message("stop", content="ABC")],
        "ABC",
    ),
    "half a surrogate pair": ([r'{"choices":[{"index":0,"delta":{"content":"A\ud83d"}}]}', STOP], "A\ufffd"),
    "a surrogate pair in two chunks": (
        [
            r'{"choices":[{"index":0,"delta":{"content":"A\ud83d"}}]}',
            r'{"choices":[{"index":0,"delta":{"content":"\ude00B"}}]}',
            STOP,
        ],
        "A\U0001f600B",
    ),
    "two halves with text between": (
        [
            r'{"choices":[{"index":0,"delta":{"content":"A\ud83d"}}]}',
            r'{"choices":[{"index":0,"delta":{"content":"B\ude00"}}]}',
            STOP,
        ],
        "A\ufffdB\ufffd",
    ),
}


@pytest.mark.parametrize("case", CONTENT.values(), ids=CONTENT)
def test_text_in_every_dialect(case: tuple[list[Any], str]) -> None:
    """One message, its text joined; never a chunk lost because of one unexpected field (CR-02)."""
    payloads, text = case
    outcome = read(*payloads)
    assert outcome.error is None
    assert outcome.completion.text == text
    assert [item.type for item in outcome.completion.items] == ["message"]
    assert all(delta.text for delta in outcome.of(TextDelta))


REASONING: dict[str, tuple[list[Any], Reasoning]] = {
    "CR-20 reasoning_content": (
        [chunk(reasoning_content="a"), chunk(reasoning_content="b")],
        Reasoning(content="ab"),
    ),
    "OS-04 reasoning": ([chunk(reasoning="a")], Reasoning(content="a")),
    "CL-08 an object with text": ([chunk(reasoning={"text": "a"})], Reasoning(content="a")),
    "CL-08 an object with content": ([chunk(reasoning={"text": "", "content": "a"})], Reasoning(content="a")),
    "CL-09 on the message": ([message(reasoning="a")], Reasoning(content="a")),
    "CL-09 on the message, as an object": (
        [message(reasoning={"text": "", "content": "a"})],
        Reasoning(content="a"),
    ),
    "CL-09 on the message after deltas": (
        [chunk(reasoning="a"), message(reasoning="a")],
        Reasoning(content="a"),
    ),
    "P16 two spellings of one text": ([chunk(reasoning="a", reasoning_content="a")], Reasoning(content="a")),
    "P16 thinking parts": (
        [chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}])],
        Reasoning(content="a"),
    ),
    "OS-04 details only": (
        [chunk(reasoning_details=[{"type": "reasoning.text", "text": "a"}])],
        Reasoning(content="a", details=[{"type": "reasoning.text", "text": "a"}]),
    ),
    "OS-06 text and its details": (
        [
            chunk(reasoning="a", reasoning_details=[{"type": "reasoning.text", "text": "a", "index": 0}]),
            chunk(reasoning_details=[{"type": "reasoning.text", "signature": "s", "index": 0}]),
        ],
        Reasoning(
            content="a", details=[{"type": "reasoning.text", "text": "a", "index": 0, "signature": "s"}]
        ),
    ),
    "OS-06 a summary": (
        [chunk(reasoning="a", reasoning_details=[{"type": "reasoning.summary", "summary": "a"}])],
        Reasoning(summary="a", details=[{"type": "reasoning.summary", "summary": "a"}]),
    ),
    "reasoning_text": (
        [chunk(reasoning_text="a"), chunk(reasoning_text="b")],
        Reasoning(content="ab"),
    ),
    "a part with a summary": (
        [
            chunk(content=[{"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}]),
            chunk(content=[{"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}]}]),
        ],
        Reasoning(summary="ab"),
    ),
    "a summary that a field repeats": (
        [chunk(reasoning="a", content=[{"type": "reasoning", "summary": [{"text": "a"}]}])],
        Reasoning(content="a"),
    ),
    "details without a type": (
        [chunk(reasoning_details=[{"text": "a"}]), chunk(reasoning_details=[{"text": "b"}])],
        Reasoning(content="ab", details=[{"text": "ab"}]),
    ),
    "details at the end repeat the field": (
        [chunk(reasoning="a"), chunk(reasoning="b"), chunk(reasoning_details=[{"text": "ab"}])],
        Reasoning(content="ab", details=[{"text": "ab"}]),
    ),
    "the field at the end repeats the details": (
        [chunk(reasoning_details=[{"text": "ab"}]), chunk(reasoning_content="ab")],
        Reasoning(content="ab", details=[{"text": "ab"}]),
    ),
    "thinking blocks in pieces": (
        [
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "a"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "b", "signature": None}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "", "signature": "s"}]),
        ],
        Reasoning(content="ab", details=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
    ),
    "a signed block that repeats its pieces": (
        [
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "a"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "b"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
        ],
        Reasoning(content="ab", details=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
    ),
    "two blocks with a redacted one between": (
        [
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "a", "signature": "s"}]),
            chunk(thinking_blocks=[{"type": "redacted_thinking", "data": "d"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "b"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "", "signature": "t"}]),
        ],
        Reasoning(
            content="ab",
            details=[
                {"type": "thinking", "thinking": "a", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "thinking", "thinking": "b", "signature": "t"},
            ],
        ),
    ),
    "a whole block at the end repeats the field": (
        [
            chunk(reasoning_content="a"),
            chunk(reasoning_content="b"),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
        ],
        Reasoning(content="ab", details=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
    ),
    "the field at the end repeats the blocks": (
        [chunk(thinking_blocks=[{"type": "thinking", "thinking": "ab"}]), chunk(reasoning_content="ab")],
        Reasoning(content="ab", details=[{"type": "thinking", "thinking": "ab"}]),
    ),
    "blocks on the message": (
        [
            message(
                thinking_blocks=[
                    {"type": "thinking", "thinking": "ab", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                ]
            )
        ],
        Reasoning(
            content="ab",
            details=[
                {"type": "thinking", "thinking": "ab", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
            ],
        ),
    ),
    "blocks on the message after deltas": (
        [
            chunk(reasoning_content="ab", thinking_blocks=[{"type": "thinking", "thinking": "ab"}]),
            chunk(thinking_blocks=[{"type": "thinking", "thinking": "", "signature": "s"}]),
            message(thinking_blocks=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
        ],
        Reasoning(content="ab", details=[{"type": "thinking", "thinking": "ab", "signature": "s"}]),
    ),
    "OS-12 an unknown kind of detail": (
        [chunk(reasoning_details=[{"type": "reasoning.new", "x": 1}])],
        Reasoning(details=[{"type": "reasoning.new", "x": 1}]),
    ),
    "P15 an encrypted detail": (
        [chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "d", "id": "rs_1"}])],
        Reasoning(details=[{"type": "reasoning.encrypted", "data": "d", "id": "rs_1"}]),
    ),
}


@pytest.mark.parametrize("case", REASONING.values(), ids=REASONING)
def test_reasoning_in_every_dialect(case: tuple[list[Any], Reasoning]) -> None:
    """X-13: all sources, one item, each text once, details kept for replay."""
    payloads, item = case
    outcome = read(*payloads, STOP)
    assert outcome.completion.items == (item,)
    assert "".join(d.text for d in outcome.of(ReasoningDelta)) == item.text


@pytest.mark.parametrize("name", ["reasoning_text", "thought", "thoughts", "thinking", "thinking_content"])
def test_reasoning_has_several_names(name: str) -> None:
    outcome = read(chunk(**{name: "Hm"}), chunk(**{name: "m."}), A, STOP)
    assert (outcome.completion.reasoning, outcome.completion.text) == ("Hmm.", "A")


@pytest.mark.parametrize("value", [0, 0.5, False, ""], ids=repr)
def test_a_number_next_to_the_text_is_read_on_both_roads(value: Any) -> None:
    """A token such as 0 that a gateway decoded as a number is text, in a reasoning field too."""
    outcome = read(A, chunk(content="b", reasoning_content=value), STOP)
    assert outcome.completion.text == "Ab"
    assert outcome.completion.reasoning == {0: "0", 0.5: "0.5"}.get(value, "") * (value is not False)


SUMMARIES = [{"type": "reasoning", "summary": [{"text": "a"}, "b"], "encrypted_content": "e"}]


@pytest.mark.parametrize("payload", [chunk(content=SUMMARIES), message(content=SUMMARIES)])
def test_each_entry_of_a_summary_is_a_part(payload: dict[str, Any]) -> None:
    """A content part of type reasoning has the fields of the Responses API's item."""
    outcome = read(payload, STOP)
    assert outcome.completion.items == (Reasoning(summary=["a", "b"], encrypted_content="e"),)
    assert [d.text for d in outcome.of(ReasoningDelta)] == ["a", "b"]


def test_messages_that_are_increments_have_increments_of_everything() -> None:
    """Reasoning, text and arguments, in a stream without deltas."""
    outcome = read(
        message(reasoning_content="h"),
        message(reasoning_content="m"),
        message(content="A"),
        message(content="B"),
        message(tool_calls=[call(0, "a", "f", "")]),
        message(tool_calls=[call(0, None, None, '{"x"')]),
        message("tool_calls", tool_calls=[call(0, None, None, ":1}")]),
    )
    assert (outcome.completion.reasoning, outcome.completion.text) == ("hm", "AB")
    assert outcome.calls == [("a", "f", '{"x":1}')]


def test_messages_that_repeat_all_before_repeat_the_calls() -> None:
    """The other kind of stream without deltas."""
    outcome = read(
        message(content="A", tool_calls=[call(None, "a", "f", '{"x":')]),
        message("tool_calls", content="AB", tool_calls=[call(None, "a", "f", '{"x":1}')]),
    )
    assert outcome.completion.text == "AB"
    assert outcome.calls == [("a", "f", '{"x":1}')]


REFUSALS = {
    "CR-22 refusal": [chunk(refusal="n"), chunk(refusal="o"), STOP],
    "a refusal part": [chunk(content=[{"type": "refusal", "refusal": "no"}]), STOP],
    "on the message": [message("stop", refusal="no")],
    "on the message after deltas": [chunk(refusal="no"), message("stop", refusal="no")],
}


@pytest.mark.parametrize("payloads", REFUSALS.values(), ids=REFUSALS)
def test_refusals_are_no_text(payloads: list[Any]) -> None:
    """X-14, P18: an event and a part of their own."""
    outcome = read(*payloads)
    assert outcome.completion.items == (Message("assistant", [Refusal("no")]),)
    assert outcome.completion.text == ""
    assert "".join(d.text for d in outcome.of(RefusalDelta)) == "no"


PARTS = {
    "OS-18 images": (
        chunk(content="A", images=[{"type": "image_url", "image_url": {"url": "data:x"}}]),
        [OutputText("A"), OutputImage("data:x")],
    ),
    "an image part": (chunk(content=[{"type": "image_url", "image_url": "u"}]), [OutputImage("u")]),
    "P18 an unknown part": (
        chunk(content=[{"type": "text", "text": "A"}, {"type": "new", "x": 1}]),
        [OutputText("A"), UnknownPart({"type": "new", "x": 1})],
    ),
    "an empty part says nothing": (chunk(content=[{}, {"type": "text", "text": "A"}]), [OutputText("A")]),
    "P18 annotations": (chunk(content="A", annotations=[{"url": "u"}]), [OutputText("A", [{"url": "u"}])]),
}


CITED = [{"type": "url_citation", "url_citation": {"url": "u", "start_index": 0}}]


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([chunk(content="A", annotations=CITED[0]), STOP], id="a lone one"),
        pytest.param(
            [chunk(content="A", annotations=CITED), chunk("stop", annotations=CITED)], id="in each chunk"
        ),
        pytest.param([A, {"choices": [{**choice("stop"), "annotations": CITED}]}], id="next to the delta"),
        pytest.param(
            [
                chunk(content="A", annotations=CITED),
                {"choices": [{**choice("stop"), "message": {"annotations": CITED}}]},
            ],
            id="restated in a message",
        ),
    ],
)
def test_an_annotation_counts_once(payloads: list[Any]) -> None:
    """OpenRouter and others repeat annotations, and put them next to the delta."""
    assert read(*payloads).completion.items == (Message("assistant", [OutputText("A", CITED)]),)


def test_an_image_counts_once() -> None:
    """The last chunk may repeat the images of the ones before; another image is another part."""
    one, two = ({"type": "image_url", "image_url": {"url": url}} for url in ("data:x", "data:y"))
    outcome = read(chunk(images=[one]), chunk("stop", images=[one, two]))
    assert outcome.completion.items == (Message("assistant", [OutputImage("data:x"), OutputImage("data:y")]),)


@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_other_parts_of_a_message(case: tuple[dict[str, Any], list[Any]]) -> None:
    """P18: known parts are mapped, unknown ones stay verbatim."""
    payload, parts = case
    assert read(payload, STOP).completion.items == (Message("assistant", parts),)


# -- order, choices ---------------------------------------------------------------------------------


def test_the_order_within_a_payload() -> None:
    """Law 6, X-07: reasoning, text, refusal, calls by index, items closing, usage."""
    everything = choice(
        "stop",
        tool_calls=[call(1, "b", "g", "{}"), call(0, "a", "f", "{}")],
        refusal="no",
        content="A",
        reasoning="hm",
    )
    outcome = read({"usage": {"prompt_tokens": 1}, "choices": [everything]})
    kinds = [type(e) for e in outcome.events if type(e) is not ItemStarted]
    deltas = [ReasoningDelta, TextDelta, RefusalDelta, ToolCallDelta, ToolCallDelta]
    assert kinds == [Started, *deltas, *[ItemDone] * 4, UsageReport, Completed]
    assert [c[0] for c in outcome.calls] == ["a", "b"]


def test_choices_go_by_their_index() -> None:
    """CR-06, X-12: not by their place in the list."""
    outcome = read({"choices": [choice("stop", index=1, content="B"), choice("stop", index=0, content="A")]})
    assert [(c.index, c.text) for c in outcome.completion.choices] == [(0, "A"), (1, "B")]


@pytest.mark.parametrize("indexes", [("0", "1"), (0.0, 1.0)], ids=["text", "fractions"])
def test_the_index_of_a_choice_may_be_of_another_type(indexes: tuple[Any, Any]) -> None:
    """Law 7: choices stay apart whatever the type of their index is."""
    first, second = indexes
    pieces = [chunk(content=text, index=index) for text, index in [("A", first), ("B", second), ("C", first)]]
    outcome = read(*pieces, chunk("stop", index=first), chunk("length", index=second))
    found = [(each.index, each.text, each.finish_reason) for each in outcome.completion.choices]
    assert found == [(0, "AC", "stop"), (1, "B", "length")]


def test_a_lone_choice_may_come_without_its_list() -> None:
    """`choices` is an object."""
    outcome = read({"choices": choice(content="A")}, {"choices": choice("stop")})
    assert (outcome.completion.text, outcome.completion.finish_reason) == ("A", "stop")


def test_a_zebra_comes_out_of_two_choices() -> None:
    """rig d094fe1e7: "Z","H","arm","ebra","ony" of choices 0, 1, 1, 0, 1."""
    pieces = [(0, "Z"), (1, "H"), (1, "arm"), (0, "ebra"), (1, "ony")]
    payloads = [chunk(index=index, content=text) for index, text in pieces]
    outcome = read(*payloads, STOP, chunk("stop", index=1))
    assert [c.text for c in outcome.completion.choices] == ["Zebra", "Harmony"]


def test_a_negative_index_is_choice_0() -> None:
    """Law 7: `.text` is that of choice 0, which no number comes before."""
    outcome = read(chunk(content="A", index=-1), chunk("stop", index=-1))
    assert [(each.index, each.text) for each in outcome.completion.choices] == [(0, "A")]


@pytest.mark.parametrize("kind", ["text", "summary"])
def test_a_choice_may_begin_with_a_detailed_thought(kind: str) -> None:
    """Its first payload repeats the head of another choice's, and nothing of its own came before."""
    details = [{"type": f"reasoning.{kind}", kind: "Hm"}]
    one = chunk(index=1, content="", reasoning="Hm", reasoning_details=details)
    completion = read(A, one, one, chunk("stop"), chunk("stop", index=1)).completion
    assert [(each.text, each.reasoning) for each in completion.choices] == [("A", ""), ("", "HmHm")]


# -- blocks that are numbered as choices ---------------------------------------------------------------


def blocks(*numbered: tuple[int, dict[str, Any]]) -> list[Any]:
    """Return a payload for each (choice index, delta)."""
    return [{"choices": [{"index": index, "delta": delta}]} for index, delta in numbered]


WHOLE_CALL = {"tool_calls": [call(0, "a", "f", '{"x":1}')]}
IN_PIECES = [{"tool_calls": [call(0, "a", "f", '{"x"')]}, {"tool_calls": [call(0, None, None, ":1}")]}]
NUMBERED = {
    "text 0, call 1": (blocks((0, {"content": "A"}), (1, WHOLE_CALL)), chunk("tool_calls")),
    "text 0, call 1 in pieces, finish stop": (
        blocks((0, {"content": "A"}), *((1, piece) for piece in IN_PIECES)),
        chunk("stop"),
    ),
    "reasoning 0, text 1, call 2": (
        blocks((0, {"reasoning": "h"}), (1, {"content": "A"}), (2, WHOLE_CALL)),
        chunk("tool_calls"),
    ),
    "call 0, text 1": (blocks((0, WHOLE_CALL), (1, {"content": "A"})), chunk("tool_calls")),
    "text 0, call 1, finish at 1": (
        blocks((0, {"content": "A"}), (1, WHOLE_CALL)),
        chunk("tool_calls", index=1),
    ),
}


@pytest.mark.parametrize("case", NUMBERED.values(), ids=NUMBERED)
def test_blocks_that_are_numbered_as_choices_are_one_choice(case: tuple[list[Any], Any]) -> None:
    """Copilot in front of Claude: only one of them finishes, and no kind is in two of them."""
    payloads, finish = case
    outcome = read(*payloads, finish, done=True)
    assert outcome.error is None
    assert [one.index for one in outcome.completion.choices] == [0]
    assert outcome.completion.finish_reason == "tool_calls"
    assert outcome.completion.text == "A"
    assert outcome.calls == [("a", "f", '{"x":1}')]
    assert sorted(map(str, outcome.done)) == sorted(map(str, outcome.completion.items))


@pytest.mark.parametrize("first", [0, 1], ids=["calls alone", "after text"])
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_each_call_may_be_a_block(first: int, finish: str) -> None:
    """Two calls as choices 0 and 1, or as 1 and 2 after the text."""
    text = [chunk(content="A", role="assistant")] * first
    two = [calls(call(n, call_id, "f", "{}"), index=first + n) for n, call_id in enumerate(("a", "b"))]
    outcome = read(*text, *two, chunk(finish), done=True)
    assert len(outcome.completion.choices) == 1
    assert outcome.completion.finish_reason == "tool_calls"
    assert outcome.calls == [("a", "f", "{}"), ("b", "f", "{}")]


@pytest.mark.parametrize(
    ("payloads", "texts"),
    [
        pytest.param(
            [*blocks((0, {"content": "A"}), (1, {"content": "B"})), STOP], ["A", "B"], id="text in both"
        ),
        pytest.param(
            [*blocks((0, {"content": "A"}), (1, WHOLE_CALL)), STOP, chunk("tool_calls", index=1)],
            ["A", ""],
            id="both finish",
        ),
    ],
)
def test_real_choices_stay_apart(payloads: list[Any], texts: list[str]) -> None:
    """Law 7."""
    outcome = read(*payloads, done=True)
    assert [one.text for one in outcome.completion.choices] == texts


def test_a_choice_after_folded_blocks_is_choice_0() -> None:
    """A gateway that numbers blocks as choices goes on after the finish; the end of the body completes it."""
    outcome = read(
        A, calls(call(0, "c1", "f", "{}"), index=1), chunk("tool_calls"), chunk(index=2, content=" and B")
    )
    assert outcome.error is None
    (only,) = outcome.completion.choices
    assert (only.index, only.finish_reason, only.text) == (0, "tool_calls", "A and B")
    assert [item.call_id for item in only.tool_calls] == ["c1"]


@pytest.mark.parametrize("last", ["stop", "length"])
def test_output_after_folded_blocks_opens_the_turn_again(last: str) -> None:
    """The finish that folded them was advisory, as any other: the last one counts."""
    found = calls(call(0, "c1", "f", "{}"), index=1)
    outcome = read(A, found, chunk("tool_calls"), chunk(content=" and B"), chunk(last))
    (only,) = outcome.completion.choices
    assert (only.text, only.raw_finish_reason) == ("A and B", last)
    (message,) = [item for item in outcome.done if item.type == "message"]
    assert message.text == "A and B"


def test_choices_that_both_have_text_are_no_blocks() -> None:
    """A finish of tool_calls without a call folds nothing if another choice has a text of its own."""
    found = [A, chunk(index=1, content="B"), calls(call(0, "c1", "f", "{}"), index=1)]
    completion = read(*found, chunk("tool_calls"), chunk("tool_calls", index=1)).completion
    assert [(each.text, len(each.tool_calls)) for each in completion.choices] == [("A", 0), ("B", 1)]


def test_a_connection_lost_before_a_choice_finished_is_no_sign_of_blocks() -> None:
    """Without `[DONE]`, the second of two choices may have been cut off."""
    outcome = read(*blocks((0, {"content": "A"}), (1, WHOLE_CALL)), STOP)
    assert type(outcome.error).__name__ == "TruncatedStreamError"
    assert len(outcome.completion.choices) == 2


# -- usage, head ---------------------------------------------------------------------------------------

COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
COUNTED = Usage(10, 5, 15)
USAGES = {
    "CR-05 usage alone": [A, STOP, {"choices": [], "usage": COUNTS}],
    "CL-03 after the finish": [A, chunk("stop"), {"choices": [], "usage": COUNTS}],
    "P19 beside the last text": [{**A, "usage": COUNTS}, STOP],
    "P19 beside the finish": [A, {**STOP, "usage": COUNTS}],
    "US-04 null, then counts": [{**A, "usage": None}, STOP, {"choices": [], "usage": COUNTS}],
    "P19 cumulative": [{**A, "usage": {"prompt_tokens": 10}}, {**STOP, "usage": COUNTS}],
    "P7 a chunk behind it": [A, STOP, {"choices": [], "usage": COUNTS}, {"choices": []}],
    "no choices at all": [A, STOP, {"usage": COUNTS}],
    "Groq": [A, {**STOP, "x_groq": {"id": "req", "usage": COUNTS}}],
    "in the delta": [A, {"choices": [choice("stop", usage=COUNTS)]}],
    "in a message": [A, {"choices": [{**choice("stop"), "message": {"usage": COUNTS}}]}],
    "in metadata": [A, {**STOP, "metadata": {"usage": COUNTS}}],
    "in a response": [A, STOP, {"choices": [], "response": {"usage": COUNTS}}],
    "another name": [A, STOP, {"choices": [], "usage_metadata": COUNTS}],
    "a capital": [A, STOP, {"Usage": COUNTS}],
    "as text": [A, {**STOP, "usage": json.dumps(COUNTS)}],
    "in a list": [A, {**STOP, "usage": [COUNTS]}],
    "in two parts": [{**A, "usage": {"prompt_tokens": 10}}, {**STOP, "usage": {"completion_tokens": 5}}],
    "zeros for one part": [
        {**A, "usage": {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}},
        {**STOP, "usage": {"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 5}},
    ],
    "Moonshot, in the choice": [A, {"choices": [{**choice("stop"), "usage": COUNTS}]}],
}


@pytest.mark.parametrize("payloads", USAGES.values(), ids=USAGES)
def test_usage_wherever_it_stands(payloads: list[Any]) -> None:
    """P19: the last report wins, is never summed, and swallows no text."""
    outcome = read(*payloads, done=True)
    assert outcome.completion.usage == COUNTED
    assert outcome.completion.text == "A"
    assert outcome.completion.finish_reason == "stop"


@pytest.mark.parametrize("choices", [[], [choice()], [choice(content="")], None])
def test_usage_alone_is_one_event(choices: Any) -> None:
    """The payload has no news beside it, so there is no `Unknown`."""
    events = read(A, STOP, {"choices": choices, "usage": COUNTS}, done=True).events
    assert [type(event).__name__ for event in events[-3:]] == ["ItemDone", "UsageReport", "Completed"]


def test_the_head_is_kept() -> None:
    """CR-26, CO-10, B-20: id, model and created where first said; the rest in `extras`, the last one."""
    outcome = read(
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"x": 1}]},
        {"id": "i", "model": "m", "created": 7, "system_fingerprint": "fp", "provider": "P", **A},
        {"id": "i", "model": "m", "created": 8, "service_tier": "flex", "provider": "Q", **STOP},
    )
    completion = outcome.completion
    assert (completion.id, completion.model, completion.created) == ("i", "m", 7)
    assert completion.extras == {
        "prompt_filter_results": [{"x": 1}],
        "system_fingerprint": "fp",
        "service_tier": "flex",
        "provider": "Q",
    }


def test_news_in_the_head_takes_no_place_in_the_document() -> None:
    """A field of another API with the name of one of the document's own stays in `extras`."""
    outcome = read({"type": "response.completed", "id": "r", "choices": [7]}, wire="responses")
    assert outcome.completion.extras["choices"] == [7]
    document = outcome.completion.to_chat_completion()
    assert document["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("payload", "unknown"),
    [
        pytest.param({"choices": []}, False, id="empty choices"),
        pytest.param({"choices": [choice(role="assistant", content="")]}, False, id="role only"),
        pytest.param({"choices": [choice(news=1)]}, True, id="news in the delta"),
        pytest.param({"choices": [{**choice(), "news": 1}]}, True, id="news in the choice"),
        pytest.param({"news": 1, "choices": []}, True, id="news at the top"),
        pytest.param({"choices": [{"index": 0, "delta": 5}]}, True, id="a delta of a wrong type"),
        pytest.param({"choices": [{"index": 0, "delta": ["A"]}]}, True, id="a delta that is a list"),
        pytest.param({"choices": 5}, True, id="choices of a wrong type"),
        pytest.param({"choices": ["A"]}, True, id="a choice of a wrong type"),
        pytest.param({"choices": [], "usage": "12"}, True, id="usage of a wrong type"),
        pytest.param({"choices": [choice(content=[[None]])]}, True, id="content of a wrong type"),
        pytest.param({"choices": [choice(tool_calls=[5])]}, True, id="a call of a wrong type"),
        pytest.param(
            {"choices": [choice(reasoning=[[[[[[[[[["A"]]]]]]]]]])]}, True, id="nested out of sight"
        ),
    ],
)
def test_what_no_other_event_carries_is_unknown(payload: dict[str, Any], unknown: bool) -> None:
    """Law 4: news and wrong types are an `Unknown`; an empty chunk is no event at all (X-20)."""
    outcome = read(A, payload, STOP)
    assert outcome.error is None
    assert [event.payload for event in outcome.of(Unknown)] == ([payload] if unknown else [])


# -- errors in the stream --------------------------------------------------------------------------------

ERRORS = {
    "CR-03 an object": ({"error": {"message": "boom"}}, APIError),
    "CL-04 a string": ({"error": "boom"}, APIError),
    "OS-03 without id and choices": ({"error": {"message": "boom", "code": 500}}, ServerError),
    "OS-02 beside finish error": (
        {"error": {"message": "boom", "code": 502}, "choices": [choice("error")]},
        ServerError,
    ),
    "OS-01 a code that is a word": (
        {"error": {"message": "boom", "code": "rate_limit_exceeded"}},
        RateLimitError,
    ),
    "in the choice": (
        {"choices": [{**choice("error"), "error": {"message": "boom", "code": 400}}]},
        BadRequestError,
    ),
    "in a choice that goes on": (
        {"choices": [{**choice(), "error": {"message": "boom", "code": 502}}]},
        ServerError,
    ),
    "in a choice without a delta": ({"choices": [{"index": 0, "error": "boom"}]}, APIError),
    "X-05 choices empty": ({"error": {"message": "boom"}, "choices": []}, APIError),
    "X-05 choices null": ({"error": {"message": "boom"}, "choices": None}, APIError),
    "X-05 choices that say nothing": (
        {"error": {"message": "boom"}, "choices": [choice(content="")]},
        APIError,
    ),
    "beside usage": ({"error": {"message": "boom"}, "usage": COUNTS}, APIError),
    "LM Studio": ({"error": {"message": "boom"}, "message": "boom"}, APIError),
    "FastAPI": ({"detail": "boom"}, APIError),
    "an envelope": ({"success": False, "message": "boom", "data": None}, APIError),
    "code and message": ({"code": 500, "message": "boom"}, ServerError),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_an_error_in_the_stream_is_raised(case: tuple[dict[str, Any], type[APIError]]) -> None:
    """X-05, P2: by the narrowest class, with the payload as body; never success (must-beat 2)."""
    payload, cls = case
    outcome = read(A, payload, done=True)
    assert type(outcome.error) is cls
    assert outcome.error.message == "boom"
    assert outcome.completion.text == "A"
    assert outcome.done == []


def test_what_the_payload_of_an_error_carries_comes_first() -> None:
    """X-05, X-06: its text, then the calls that are whole, then the error."""
    last = {"error": {"message": "down", "code": 502}, "choices": [choice("error", content="B")]}
    outcome = read(A, calls(call(0, "a", "f", "{}"), call(1, "b", "g", "{")), last)
    assert isinstance(outcome.error, ServerError)
    assert outcome.completion.text == "AB"
    assert [item.call_id for item in outcome.done] == ["a"]
    assert outcome.completion.finish_reason == "error"


@pytest.mark.parametrize("beside", [choice(content="B"), choice("stop")], ids=["text", "a finish"])
def test_an_error_in_a_good_choice_is_a_note(beside: dict[str, Any]) -> None:
    """A choice with text or a finish of its own is an answer; its error stays in `raw`."""
    outcome = read(A, {"choices": [{**beside, "error": {"message": "slow"}}]}, STOP)
    assert outcome.error is None
    assert outcome.completion.finish_reason == "stop"


@pytest.mark.parametrize("beside", [A, STOP], ids=["text", "a finish"])
def test_an_error_beside_a_good_choice_is_a_note(beside: dict[str, Any]) -> None:
    """X-05: the answer goes on; the note stays in `extras`."""
    outcome = read(A, {**beside, "error": {"message": "slow"}}, STOP)
    assert outcome.error is None
    assert outcome.completion.extras == {"error": {"message": "slow"}}

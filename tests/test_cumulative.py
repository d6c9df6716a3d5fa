"""Deltas that each repeat all of the text before them: the text counts once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from streamkit import Completed, Completion, Reasoning, ReasoningDelta, TextDelta, Unknown, read_events
from streamkit.profiles.profile import Profile, ThinkTags
from streamkit.state.cumulative import CumulativeText

from .chat_payloads import Outcome, body, call, calls, chunk, collect, lines_run, read
from .responses_payloads import CREATED, complete, completed, done, event, message

WORDS = ["The", "tide", "is", "high", "in", "Brest", "at", "noon", "today."]
WHOLE = " ".join(WORDS)
GROWING = [" ".join(WORDS[: n + 1]) for n in range(len(WORDS))]
STOP = chunk("stop")


def texts(field: str, pieces: list[str]) -> list[dict[str, Any]]:
    return [chunk(**{field: piece}) for piece in pieces]


def shown(outcome: Outcome, kind: type) -> list[str]:
    return [event.text for event in outcome.of(kind)]


@pytest.mark.parametrize("field", ["content", "reasoning_content", "reasoning"])
def test_each_delta_has_the_whole_text_so_far(field: str) -> None:
    """From the third piece on, only the new part is a delta; the text is right."""
    kind = TextDelta if field == "content" else ReasoningDelta
    outcome = read(chunk(role="assistant", content=""), *texts(field, GROWING), STOP, done=True)
    found = outcome.completion.text if field == "content" else outcome.completion.reasoning
    assert found == WHOLE
    assert shown(outcome, kind) == [
        "The",
        "The tide",
        " is",
        " high",
        " in",
        " Brest",
        " at",
        " noon",
        " today.",
    ]


@pytest.mark.parametrize("field", ["text", "delta"])
def test_texts_outside_of_a_delta_repeat_too(field: str) -> None:
    """The older completions API, and deltas that are texts."""
    payloads = [{"choices": [{"index": 0, field: piece}]} for piece in GROWING]
    assert read(*payloads, STOP, done=True).completion.text == WHOLE
    words = [{"choices": [{"index": 0, field: word + " "}]} for word in WORDS]
    whole = {"choices": [{"index": 0, field: WHOLE + " ", "finish_reason": "stop"}]}
    assert read(*words, whole, done=True).completion.text == WHOLE + " "


def test_both_texts_of_a_choice_and_both_choices_are_apart() -> None:
    """Reasoning, then text, and another choice whose pieces are plain."""
    other = [chunk(content=word, index=1) for word in ("It", " is", " so")]
    stops = [STOP, chunk("stop", index=1)]
    outcome = read(*texts("reasoning", GROWING), *other, *texts("content", GROWING), *stops, done=True)
    first, second = outcome.completion.choices
    assert (first.reasoning, first.text, second.text) == (WHOLE, WHOLE, "It is so")


def test_a_call_between_the_pieces_changes_nothing() -> None:
    """The text that follows a call still repeats the text before it."""
    pieces = texts("content", GROWING)
    outcome = read(*pieces[:5], calls(call(0, "a", "f", "{}")), *pieces[5:], chunk("tool_calls"), done=True)
    assert outcome.completion.text == WHOLE
    assert outcome.calls == [("a", "f", "{}")]


def test_a_piece_may_add_nothing() -> None:
    """The last chunk often has the finish and the text once more; it is no event of its own."""
    outcome = read(*texts("content", [*GROWING[:4], GROWING[3], *GROWING[4:]]), chunk("stop", content=WHOLE))
    assert outcome.completion.text == WHOLE
    assert outcome.completion.finish_reason == "stop"


def test_a_piece_may_change_the_text_before() -> None:
    """Half a character became a whole one: the new text counts, and its payload is an event."""
    last = WHOLE.replace("Brest", "Br\u00eat")
    outcome = read(*texts("content", [*GROWING, last, last + " Yes."]), STOP, done=True)
    assert outcome.completion.text == last + " Yes."
    assert outcome.of(Unknown)[0].raw == chunk(content=last)


def test_a_cut_stream_has_the_text_so_far() -> None:
    """The partial answer of a truncated body is right at every byte after the third piece."""
    data = body(*texts("content", GROWING))
    for end in range(len(body(*texts("content", GROWING[:3]))), len(data)):
        outcome = collect(read_events([data[:end]]))
        assert outcome.completion.text in GROWING, end


LONG = ["The tide is high in Brest.", "The tide is high in Brest. At noon it is low."]


def test_two_long_pieces_are_enough() -> None:
    """No model writes so many characters twice in a row, the second time in one piece."""
    outcome = read(*texts("content", LONG), STOP, done=True)
    assert outcome.completion.text == LONG[1]
    assert shown(outcome, TextDelta) == [LONG[0], " At noon it is low."]


def detail(text: str, **fields: Any) -> dict[str, Any]:
    return chunk(reasoning_details=[{"type": "reasoning.text", "text": text, "index": 0, **fields}])


def block(text: str, **fields: Any) -> dict[str, Any]:
    return chunk(thinking_blocks=[{"type": "thinking", "thinking": text, **fields}])


@pytest.mark.parametrize("payload", [detail, block])
def test_details_repeat_too(payload: Any) -> None:
    """So does the text that goes back to the server."""
    outcome = read(*map(payload, GROWING), chunk(content="Yes."), STOP, done=True)
    assert outcome.completion.reasoning == WHOLE
    (thought, _) = outcome.completion.items
    assert isinstance(thought, Reasoning)
    assert [each.get("text") or each.get("thinking") for each in thought.details] == [WHOLE]


def test_a_block_after_a_signed_one_is_another_text() -> None:
    """Its pieces extend the thought, whatever they begin with."""
    payloads = [block("The tide"), block(" is high."), block("", signature="s"), block("The"), block(" sea")]
    outcome = read(*payloads, STOP, done=True)
    assert outcome.completion.reasoning == "The tide is high.The sea"


PIECES = ["The tide is high", " in Brest", " today."]


@pytest.mark.parametrize(
    "last",
    [
        [chunk("stop", content="".join(PIECES) + " Yes.")],
        [STOP, chunk(content="".join(PIECES) + " Yes.")],
        [STOP, chunk(content="".join(PIECES)), chunk(content=" Yes.")],
    ],
    ids=["next to the finish", "behind it", "behind it, apart"],
)
def test_a_text_that_is_told_again_at_the_end_may_go_on(last: list[dict[str, Any]]) -> None:
    """Only its end is new."""
    outcome = read(*texts("content", PIECES), *last, done=True)
    assert outcome.completion.text == "".join(PIECES) + " Yes."
    assert shown(outcome, TextDelta) == [*PIECES, " Yes."]


def test_another_turn_may_begin_like_the_one_before_its_tools() -> None:
    """A gateway that runs tools itself goes on after the finish, maybe in the same words."""
    outcome = read(*texts("content", PIECES), chunk("tool_calls"), chunk(content="".join(PIECES)), STOP)
    assert outcome.completion.text == 2 * "".join(PIECES)


def responses(name: str, texts: list[str], *last: dict[str, Any], **place: Any) -> Completion:
    deltas = (event(f"{name}.delta", delta=text, output_index=0, item_id="m", **place) for text in texts)
    return complete(CREATED, *deltas, *last)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("output_text", "text"),
        ("reasoning_text", "reasoning"),
        ("reasoning_summary_text", "reasoning"),
    ],
)
def test_deltas_of_the_responses_api_repeat_too(name: str, kind: str) -> None:
    """As on Chat Completions; a plain text that arrives likewise is left as it is."""
    assert getattr(responses(name, GROWING, completed()), kind) == WHOLE
    assert getattr(responses(name, PIECES, completed()), kind) == "".join(PIECES)
    assert getattr(responses(name, ["1", "10", "100"], completed()), kind) == "110100"


def test_a_restatement_of_half_of_the_deltas_counts() -> None:
    """The last delta was all of the text once more, so the text that the server states is right."""
    whole = "".join(PIECES)
    end = event("output_text.done", text=whole, output_index=0, item_id="m")
    for last in ([end], [done(message(whole, "m"), output_index=0)], []):
        assert responses("output_text", [*PIECES, whole], *last, completed(message(whole, "m"))).text == whole
    cut = event("output_text.done", text="The", output_index=0, item_id="m")
    assert responses("output_text", ["The", "The"], cut, completed()).text == "TheThe"


PLAIN = {
    "a number": ["1", "10", "100", "1000"],
    "a ruler": ["-", "--", "---", "-----", "--------"],
    "a word twice": ["no", "no no", "no no no"],
    "rows that repeat": ["a,b,c,d\n", "a,b,c,d\na,b,c,d\n", "a,b,c,d\na,b,c,d\na,b,c,d\n"],
    "two pieces": ["The tide", "The tide is high"],
    "the third one differs": ["The", "The tide", "The moon"],
    "it begins later": ["So: ", "The", "The tide", "The tide is"],
    "equal pieces": ["ha, ", "ha, ", "ha, ", "ha, ", "ha, ha, "],
}


@pytest.mark.parametrize("pieces", PLAIN.values(), ids=PLAIN)
def test_pieces_that_only_look_alike_are_pieces(pieces: list[str]) -> None:
    """A model may write all of these; nothing is taken away."""
    outcome = read(*texts("content", pieces), STOP, done=True)
    assert outcome.completion.text == "".join(pieces)
    assert shown(outcome, TextDelta) == pieces


def test_texts_of_a_model_are_never_cut() -> None:
    """2,000 random texts of few words, cut at random places, stay what they are."""
    chance = random.Random(5)
    for _ in range(2000):
        text = " ".join(chance.choices(["a", "an", "ant", "the", "then", "1", "11", "\n"], k=20))
        cuts = sorted(chance.sample(range(1, len(text)), 6))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        before = CumulativeText()
        assert [before.repeated(piece) for piece in pieces] == [0] * len(pieces), pieces


# -- once more at the end ------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
def test_the_whole_text_next_to_the_finish_is_a_repeat(finish: str) -> None:
    """Cohere behind a gateway: the pieces, then all of them in the chunk with the finish."""
    pieces = [word + " " for word in WORDS]
    outcome = read(*texts("content", pieces), chunk(finish, content="".join(pieces)), done=True)
    assert outcome.completion.text == "".join(pieces)
    assert shown(outcome, TextDelta) == pieces
    assert outcome.completion.raw_finish_reason == finish


def test_all_of_the_reasoning_next_to_the_finish_is_a_repeat() -> None:
    """With the text, or without it."""
    thoughts = [chunk(reasoning_content=word + " ") for word in WORDS]
    said = [chunk(content=word + " ") for word in WORDS]
    for again in ({}, {"content": WHOLE + " "}):
        last = chunk("stop", reasoning_content=WHOLE + " ", **again)
        completion = read(*thoughts, *said, last, done=True).completion
        assert (completion.reasoning, completion.text) == (WHOLE + " ", WHOLE + " ")


@pytest.mark.parametrize(
    ("pieces", "last"),
    [
        pytest.param(["ha", "ha", " ha"], "haha ha", id="a short text"),
        pytest.param(["The tide is ", "high in Brest."], "The tide is high", id="a part of it"),
        pytest.param(["The tide is high in Brest."], "The tide is high in Brest.", id="one piece"),
    ],
)
def test_other_text_next_to_the_finish_counts(pieces: list[str], last: str) -> None:
    """A model may end like this."""
    outcome = read(*texts("content", pieces), chunk("stop", content=last), done=True)
    assert outcome.completion.text == "".join([*pieces, last])


def test_all_of_the_text_without_a_finish_counts() -> None:
    """Only next to a finish does the server repeat; a model that repeats itself may stop later."""
    outcome = read(
        *texts("content", ["The tide is ", "high in Brest. ", "The tide is high in Brest. "]), STOP
    )
    assert outcome.completion.text == "The tide is high in Brest. " * 2


def test_deciding_costs_nothing_later() -> None:
    """Each further plain piece is read on the fast road: the lines per piece don't grow."""

    def work(count: int) -> int:
        payloads = [body(chunk(content=f"w{number} ")) for number in range(count)]
        return lines_run(lambda: collect(read_events([*payloads, body(STOP)])))

    assert work(400) - work(200) <= (work(200) - work(100)) * 2 + 200


@pytest.mark.parametrize("mode", ["start", "anywhere"])
def test_a_shorter_text_replaces_the_one_before_also_where_tags_are_split(mode: Any) -> None:
    """The same text comes of it with think_tags as without, if it has no tags."""
    pieces = [*GROWING[:6], WHOLE[: len(GROWING[3])], WHOLE]
    profile = Profile("tagged", think_tags=ThinkTags(mode))
    stream = body(*texts("content", pieces), STOP, done=True)
    *_, plain = read_events(stream)
    *_, split = read_events(stream, profile=profile)
    assert isinstance(plain, Completed)
    assert isinstance(split, Completed)
    assert (plain.completion.text, split.completion.text) == (WHOLE, WHOLE)


@pytest.mark.parametrize("mode", ["start", "anywhere"])
def test_a_thought_in_tags_is_split_off_a_text_that_repeats(mode: Any) -> None:
    """However the tags are cut: the next piece goes on from the end of the correction."""
    profile = Profile("tagged", think_tags=ThinkTags(mode))
    for seed in range(150):
        chance = random.Random(seed)
        thought, text = (" ".join(chance.choices(WORDS, k=chance.randrange(1, 9))) for _ in range(2))
        whole = f"<think>{thought}</think>{text}"
        ends = sorted({*chance.sample(range(1, len(whole)), 6), len(whole)})
        pieces = [whole[:end] for end in ends]
        *_, last = read_events(body(*texts("content", pieces), STOP, done=True), profile=profile)
        assert isinstance(last, Completed)
        assert (last.completion.reasoning, last.completion.text) == (thought, text), pieces

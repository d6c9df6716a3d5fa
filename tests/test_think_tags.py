"""think_tags: tagged thinking in a message's text becomes reasoning, in every cutting."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from streamkit import PROFILES, APIError, Reasoning, events_from_completion, read_events
from streamkit.events import ReasoningDelta, TextDelta
from streamkit.items import Message, OutputText
from streamkit.pipeline.tag_splitter import Splitter, _Finder
from streamkit.pipeline.think_tags import split_thinking
from streamkit.profiles.profile import ThinkTags
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import (
    CallPiece,
    ChoiceFinished,
    Delta,
    Leftover,
    ReasoningPiece,
    Restated,
    StreamEnded,
    TextPiece,
    WholeItem,
)

from .chat_payloads import Outcome, body, chunk, collect, read

START = ThinkTags("start")
ANYWHERE = ThinkTags("anywhere")
INSIDE = ThinkTags("start", begins_inside=True)
RAW: dict[str, Any] = {}


def with_tags(tags: Any) -> Any:
    return evolve(PROFILES["generic"], think_tags=tags)


def split(*pieces: str, tags: ThinkTags = START) -> tuple[str, str]:
    """Return (reasoning, text) of the pieces as accumulate understands them."""
    outcome = read(*(chunk(content=piece) for piece in pieces), chunk("stop"), profile=with_tags(tags))
    return outcome.completion.reasoning, outcome.completion.text


def texts(deltas: list[Delta], kind: type) -> list[str]:
    return [delta.text for delta in deltas if isinstance(delta, kind)]  # type: ignore[union-attr]


MOON = "\N{WHITE LEFT-POINTING TRIANGLE}think\N{WHITE RIGHT-POINTING TRIANGLE}"
MOON_END = MOON.replace("think", "/think")
CUSTOM = ThinkTags("start", tags={"<<plan>>": "<</plan>>", "(": ")"})

CASES = [
    pytest.param("<think>hm</think>Hi", START, ("hm", "Hi"), id="thinking, then text"),
    pytest.param("<think>\nhm\n</think>\n\nHi", START, ("hm\n", "Hi"), id="white space after a tag"),
    pytest.param(" \n<think>hm</think>Hi", START, ("hm", "Hi"), id="white space before it"),
    pytest.param("<think></think>Hi", START, ("", "Hi"), id="empty thinking"),
    pytest.param("Hi", START, ("", "Hi"), id="no tag"),
    pytest.param(" Hi ", START, ("", " Hi "), id="no tag, white space stays"),
    pytest.param("Hi <think>hm</think>", START, ("", "Hi <think>hm</think>"), id="a text about the tag"),
    pytest.param("Hi <think>hm</think>!", ANYWHERE, ("hm", "Hi !"), id="anywhere"),
    pytest.param("<think>a</think>b<think>c</think>d", ANYWHERE, ("ac", "bd"), id="twice, anywhere"),
    pytest.param(
        "<think>a</think>b<think>c</think>d", START, ("a", "b<think>c</think>d"), id="twice, at start"
    ),
    pytest.param("<think>a</think>b</think>c", START, ("a", "b</think>c"), id="a second closing tag is text"),
    pytest.param("<think>a</think>b</think>c", ANYWHERE, ("a", "b</think>c"), id="and anywhere"),
    pytest.param("<think>hm", START, ("hm", ""), id="never closed"),
    pytest.param("<think>a < b </thin", START, ("a < b </thin", ""), id="the beginning of a closing tag"),
    pytest.param("<thin ice", START, ("", "<thin ice"), id="not a tag"),
    pytest.param("<", START, ("", "<"), id="a beginning at the end"),
    pytest.param("  ", START, ("", "  "), id="white space alone"),
    # attributes
    pytest.param('<think budget="9">hm</think>Hi', START, ("hm", "Hi"), id="an attribute"),
    pytest.param("<thinker>hm", START, ("", "<thinker>hm"), id="another name"),
    pytest.param(
        "<think " + "x" * 90 + ">", START, ("", "<think " + "x" * 90 + ">"), id="too long for a tag"
    ),
    pytest.param("<think <b>hm", START, ("", "<think <b>hm"), id="a tag in a tag"),
    # other tags
    pytest.param("<reasoning>hm</reasoning>Hi", START, ("hm", "Hi"), id="reasoning"),
    pytest.param("<thought>hm</thought>\nHi", START, ("hm", "Hi"), id="thought"),
    pytest.param(f"{MOON}hm{MOON_END}Hi", START, ("hm", "Hi"), id="Kimi's"),
    pytest.param("[THINK]hm[/THINK]Hi", START, ("hm", "Hi"), id="Magistral's"),
    pytest.param("<thinking>a</think>b</thinking>Hi", START, ("a</think>b", "Hi"), id="its own closing tag"),
    pytest.param("<<plan>>hm<</plan>>Hi", CUSTOM, ("hm", "Hi"), id="custom"),
    pytest.param("(hm)Hi", CUSTOM, ("hm", "Hi"), id="custom, one character"),
    pytest.param("<think>hm</think>Hi", CUSTOM, ("", "<think>hm</think>Hi"), id="custom tags only"),
    # a thought without its opening tag
    pytest.param("I think</think>\n\nThe answer", START, ("I think", "The answer"), id="only a closing tag"),
    pytest.param("I think</reasoning>Hi", START, ("I think", "Hi"), id="only a closing tag of another kind"),
    pytest.param("</think>\n\nHi", START, ("", "Hi"), id="only a closing tag, nothing thought"),
    pytest.param("a</think>b<think>c</think>d", ANYWHERE, ("ac", "bd"), id="and then a complete thought"),
    pytest.param("a</think>b</think>c", START, ("a", "b</think>c"), id="only the first closing tag counts"),
    pytest.param('is it "42"</think>Yes', START, ('is it "42"', "Yes"), id="a thought that ends in a quote"),
    pytest.param("Use `</think>` here", START, ("", "Use `</think>` here"), id="a quoted tag is text"),
    pytest.param(
        "Use '</think>'</think>Hi", START, ("Use '</think>'", "Hi"), id="a quoted tag in the thought"
    ),
    pytest.param("Use `</think>", START, ("", "Use `</think>"), id="a quote that never ends"),
    # begins inside
    pytest.param("I think</think>\n\nHi", INSIDE, ("I think", "Hi"), id="inside"),
    pytest.param("I think", INSIDE, ("I think", ""), id="inside, never closed"),
    pytest.param("\nI think</think>Hi", INSIDE, ("I think", "Hi"), id="inside, the template's line end"),
    pytest.param("<think>\nhm</think>Hi", INSIDE, ("hm", "Hi"), id="inside, and yet an opening tag"),
    pytest.param("a <think> b</think>Hi", INSIDE, ("a <think> b", "Hi"), id="inside, an opening tag later"),
    pytest.param("hm</thought>Hi", INSIDE, ("hm", "Hi"), id="inside, any closing tag"),
    pytest.param("", INSIDE, ("", ""), id="inside, no text"),
]


@pytest.mark.parametrize(("text", "tags", "expected"), CASES)
def test_thinking_is_split_off(text: str, tags: ThinkTags, expected: tuple[str, str]) -> None:
    """The result is the same for one piece, for single characters and for every two pieces."""
    assert split(text, tags=tags) == expected
    assert split(*text, tags=tags) == expected
    for place in range(1, len(text)):
        assert split(text[:place], text[place:], tags=tags) == expected


@pytest.mark.parametrize(("text", "tags", "expected"), CASES)
def test_the_deltas_add_up_to_the_partial_answer(text: str, tags: ThinkTags, expected: Any) -> None:
    """Law 1: at every length, `.partial` is the deltas; a late closing tag restates the text once."""
    for end in range(len(text) + 1):
        outcome = read(*(chunk(content=character) for character in text[:end]), "{", profile=with_tags(tags))
        partial = outcome.error.partial if outcome.error else None
        assert partial is not None
        texts_sent = "".join(e.text for e in outcome.events if isinstance(e, TextDelta))
        assert partial.reasoning == "".join(e.text for e in outcome.events if isinstance(e, ReasoningDelta))
        assert texts_sent.endswith(partial.text)
        assert partial.reasoning.startswith(texts_sent.removesuffix(partial.text))


def test_a_thought_without_its_opening_tag_streams_as_reasoning_if_the_profile_knows() -> None:
    """With `begins_inside` no text is taken back."""
    outcome = read(
        chunk(content="I "),
        chunk(content="think</think>"),
        chunk(content="Hi"),
        chunk("stop"),
        profile=with_tags(INSIDE),
    )
    assert [(e.text, type(e)) for e in outcome.events if isinstance(e, TextDelta | ReasoningDelta)] == [
        ("I ", ReasoningDelta),
        ("think", ReasoningDelta),
        ("Hi", TextDelta),
    ]


def test_only_the_first_message_of_an_answer_begins_inside() -> None:
    """The template's opening tag is read once a turn; each choice has its own."""
    pieces = [TextPiece(1, 0, "a</think>b", RAW), TextPiece(2, 0, "c", RAW), TextPiece(3, 1, "d", RAW)]
    found = list(split_thinking(pieces, INSIDE))
    assert texts(found, ReasoningPiece) == ["a", "d"]
    assert texts(found, TextPiece) == ["b", "c"]


# -- thoughts that arrive twice -----------------------------------------------------------


def both(*pairs: tuple[str, str], tags: ThinkTags = START) -> tuple[str, str]:
    """Return (reasoning, text) of chunks with a reasoning field and a content."""
    chunks = []
    for field, content in pairs:
        delta = {"reasoning_content": field} if field else {}
        chunks.append(chunk(**delta, **({"content": content} if content else {})))
    outcome = read(*chunks, chunk("stop"), profile=with_tags(tags))
    return outcome.completion.reasoning, outcome.completion.text


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param(
            [("I ", "<think>I "), ("think", "think"), ("", "</think>Hi")],
            ("I think", "Hi"),
            id="side by side",
        ),
        pytest.param(
            [("I think", ""), ("", "<think>I think</think>Hi")], ("I think", "Hi"), id="field first"
        ),
        pytest.param(
            [("I think", ""), ("", "<think>I"), ("", " think</"), ("", "think>Hi")],
            ("I think", "Hi"),
            id="field first, tags in pieces",
        ),
        pytest.param([("", "<think>I think</think>"), ("I think", "Hi")], ("I think", "Hi"), id="tags first"),
        pytest.param(
            [("I", "<think>I th"), (" think", "ink</think>Hi")],
            ("I think", "Hi"),
            id="now one is ahead, now the other",
        ),
        pytest.param(
            [("I think\n", ""), ("", "<think>\nI think\n\n</think>\n\nHi")],
            ("I think\n", "Hi"),
            id="other white space at the ends",
        ),
        pytest.param(
            [("I ", ""), ("", "<think>I think</think>Hi")], ("I think", "Hi"), id="the field is shorter"
        ),
        pytest.param(
            [("I think", ""), ("", "<think>I wonder</think>Hi")],
            ("I thinkI wonder", "Hi"),
            id="another thought",
        ),
        pytest.param(
            [("I think", ""), ("", "I think</think>Hi")], ("I think", "Hi"), id="without an opening tag"
        ),
        pytest.param(
            [("I think", ""), ("", "An answer</think>"), ("", "!")],
            ("I think", "An answer</think>!"),
            id="an answer with a stray tag",
        ),
        pytest.param(
            [("I think", ""), ("", "</think>\n\nHi")], ("I think", "Hi"), id="a tag that the server left"
        ),
        pytest.param([("", "Hi"), ("late", "!")], ("late", "Hi!"), id="a field after the text"),
    ],
)
def test_a_thought_in_a_field_and_in_tags_counts_once(pairs: Any, expected: tuple[str, str]) -> None:
    """Whichever is first, and also if the server repeats it in a whole message at the end."""
    assert both(*pairs) == expected


def test_with_a_field_before_the_text_the_text_does_not_begin_inside() -> None:
    """The server splits thoughts off itself, so the text is the answer."""
    assert both(("hm", ""), ("", "Hi"), tags=INSIDE) == ("hm", "Hi")


def test_both_in_a_plain_answer_count_once() -> None:
    """A document with the field and the tags; another thought in the text is kept."""

    def answer(content: str) -> Outcome:
        message = {"role": "assistant", "reasoning_content": "hm", "content": content}
        whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return collect(events_from_completion(whole, profile=with_tags("start")))

    for content, reasoning in (("<think>\nhm\n</think>Hi", "hm"), ("<think>no</think>Hi", "hmno")):
        outcome = answer(content)
        assert (outcome.completion.reasoning, outcome.completion.text) == (reasoning, "Hi")


def test_random_streams_never_double_a_thought() -> None:
    """Field and tags advance at random, one thought in both: it is the reasoning, once."""
    dice = random.Random(7)
    for _ in range(300):
        thought = "".join(dice.choice("ab c\n<") for _ in range(dice.randrange(1, 30))).strip() or "a"
        rest = {"field": thought, "tags": f"<think>{thought}</think>Hi"}
        pairs = []
        while any(rest.values()):
            pair = {}
            for source in rest:
                size = dice.randrange(0, 6)
                pair[source], rest[source] = rest[source][:size], rest[source][size:]
            pairs.append((pair["field"], pair["tags"]))
        assert both(*pairs) == (thought, "Hi"), pairs


@pytest.mark.parametrize("tags", [START, ANYWHERE, INSIDE], ids=["start", "anywhere", "inside"])
def test_both_roads_yield_the_same_deltas(tags: ThinkTags, monkeypatch: pytest.MonkeyPatch) -> None:
    """House rule B: a piece that passes unchanged gives the deltas of the slow road."""
    dice = random.Random(11)
    words = ["word", " ", "\n", "<", "<think>", "</think>", "think>", "`", "[THINK]", "a<b", "", "</"]
    streams: list[list[Delta]] = []
    for _ in range(400):
        pieces: list[Delta] = [
            TextPiece(
                "m",
                0,
                "".join(dice.choices(words, k=dice.randrange(1, 3))),
                {"n": n},
                [n],
                dice.random() < 0.05,
            )
            for n in range(dice.randrange(12))
        ]
        if dice.random() < 0.3:
            pieces.insert(0, ReasoningPiece(("reasoning", "m"), 0, "word", RAW))
        streams.append([*pieces, StreamEnded()])
    fast = [list(split_thinking(copy.deepcopy(stream), tags)) for stream in streams]
    monkeypatch.setattr(Splitter, "passes", lambda self, piece: False)
    slow = [list(split_thinking(copy.deepcopy(stream), tags)) for stream in streams]
    assert fast == slow


# -- order, payloads, errors --------------------------------------------------------------


def test_other_deltas_keep_their_place() -> None:
    """Held text is yielded before the finish of its choice, and before a call."""
    finished = ChoiceFinished(0, "stop", "stop", RAW)
    call = CallPiece("c", 0, "{}", RAW, "c1", "f")
    for after in (finished, call):
        found = list(split_thinking([TextPiece("m", 0, "<thi", RAW), after, StreamEnded()], START))
        assert found == [TextPiece("m", 0, "", RAW), TextPiece("m", 0, "<thi", RAW), after, StreamEnded()]


def test_the_finish_of_a_choice_does_not_flush_another() -> None:
    """Choices are independent: half a tag of choice 1 waits for the finish of choice 1."""
    fragments: list[Delta] = [
        TextPiece(1, 1, "<thi", RAW),
        ChoiceFinished(0, "stop", "stop", RAW),
        TextPiece(1, 1, "nk>hm</think>Hi", RAW),
    ]
    said = list(split_thinking(fragments, START))
    assert [(f.text, f.choice) for f in said if isinstance(f, ReasoningPiece) and f.text] == [("hm", 1)]
    assert [(f.text, f.choice) for f in said if isinstance(f, TextPiece)] == [("Hi", 1)]


def test_held_text_is_yielded_before_an_error() -> None:
    """`.partial` must contain it too."""

    def failing() -> Iterator[Delta]:
        yield TextPiece("m", 0, "<th", RAW)
        raise APIError("down")

    seen = []
    with pytest.raises(APIError):
        for fragment in split_thinking(failing(), START):
            seen.append(fragment)
    assert "".join(texts(seen, TextPiece)) == "<th"


def test_every_payload_is_in_a_delta() -> None:
    """Law 4: a payload with only a tag, or with a repeat, gets a delta without text."""
    contents = ["<think>", "\n", "hm", "</think>", "\n\n", "Hi"]
    pieces: list[Delta] = [TextPiece(0, 0, content, {"content": content}) for content in contents]
    found = list(split_thinking([*pieces, StreamEnded()], START))
    raws = [d.raw["content"] for d in found if isinstance(d, TextPiece | ReasoningPiece)]
    assert raws == contents
    nothing = list(split_thinking([*pieces[:2], pieces[3], StreamEnded()], START))
    assert [d.raw["content"] for d in nothing if isinstance(d, Leftover) and d.news] == [
        "<think>",
        "\n",
        "</think>",
    ]


def test_logprobs_and_parts_are_kept() -> None:
    """The log probabilities of a piece go with its first text; a tag doesn't cross parts."""
    piece = TextPiece("m", 0, "a<think>b</think>c", RAW, [1], part=2)
    found = list(split_thinking([piece], ANYWHERE))
    assert [(d.text, d.logprobs, d.part) for d in found if isinstance(d, TextPiece)] == [
        ("a", [1], 2),
        ("c", None, 2),
    ]
    parts = [TextPiece("m", 0, "a <th", RAW, part=0), TextPiece("m", 0, "ink>b", RAW, part=1)]
    found = list(split_thinking(parts, ANYWHERE))
    assert [(d.text, d.part) for d in found if isinstance(d, TextPiece)] == [
        ("a ", 0),
        ("<th", 0),
        ("ink>b", 1),
    ]


# -- whole messages -----------------------------------------------------------------------


def test_a_whole_message_is_split_too() -> None:
    """A message next to its deltas, or a plain JSON answer, gives the same items."""
    whole = Restated(TextPiece(0, 0, "<think>hm</think>Hi", RAW))
    assert list(split_thinking([whole], START)) == [
        Restated(ReasoningPiece(("reasoning", 0), 0, "hm", RAW)),
        Restated(TextPiece(0, 0, "Hi", RAW)),
    ]


def test_a_whole_item_is_split_too() -> None:
    """The Responses API restates the message as an item; its other parts keep their place."""
    item = Message("assistant", [OutputText("<think>hm</think>Hi"), OutputText("<think>")], id="m1")
    found = list(split_thinking([WholeItem(3, 0, item, RAW)], START))
    assert found == [
        Restated(ReasoningPiece(("reasoning", 3), 0, "hm", RAW)),
        WholeItem(3, 0, evolve(item, content=[OutputText("Hi"), OutputText("<think>")]), RAW),
    ]


def test_a_whole_reasoning_item_is_not_repeated() -> None:
    """On the Responses API the field is an item of its own; tags that repeat it give no second one."""
    thought = WholeItem(0, 0, Reasoning(content=["hm"]), RAW)
    message = WholeItem(1, 0, Message("assistant", [OutputText("<think>hm</think>Hi")]), RAW)
    found = list(split_thinking([thought, message], START))
    assert found[0] == thought
    assert [type(delta) for delta in found] == [WholeItem, WholeItem]
    assert found[1].item.text == "Hi"  # type: ignore[union-attr]


def test_a_message_restated_while_a_tag_is_cut() -> None:
    """Perplexity sends the text so far next to each delta: half a tag waits there, too."""
    so_far, payloads = "", []
    for piece in ("<th", "ink>h", "m</thi", "nk>", "\n\nH", "i"):
        so_far += piece
        payload = chunk(content=piece)
        payload["choices"][0]["message"] = {"role": "assistant", "content": so_far}
        payloads.append(payload)
    outcome = read(*payloads, chunk("stop"), profile=with_tags("start"))
    assert (outcome.completion.reasoning, outcome.completion.text) == ("hm", "Hi")
    assert "".join(e.text for e in outcome.events if isinstance(e, TextDelta)) == "Hi"


RESPONSES = [
    {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m"}},
    *(
        {
            "type": "response.output_text.delta",
            "item_id": "m",
            "output_index": 0,
            "content_index": 0,
            "delta": piece,
        }
        for piece in ("<thi", "nk>hm</th", "ink>", "Hi")
    ),
    {
        "type": "response.output_text.done",
        "item_id": "m",
        "output_index": 0,
        "content_index": 0,
        "text": "<think>hm</think>Hi",
    },
    {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "<think>hm</think>Hi", "annotations": []}],
        },
    },
    {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
]


def test_the_responses_api_is_split_too() -> None:
    """Deltas, the restated text and the restated item agree."""
    events = list(read_events(body(*RESPONSES), wire="responses", profile=with_tags("start")))
    completion = events[-1].completion  # type: ignore[union-attr]
    assert (completion.reasoning, completion.text) == ("hm", "Hi")
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hi"
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "hm"


MESSAGE = {"role": "assistant", "content": "<think>hm</think>Hi"}


def answers() -> Iterator[Any]:
    profile = with_tags("start")
    yield pytest.param(
        lambda: read(chunk(content=MESSAGE["content"]), chunk("stop"), profile=profile), id="deltas"
    )
    whole = {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
    yield pytest.param(lambda: collect(events_from_completion(whole, profile=profile)), id="a plain answer")
    yield pytest.param(
        lambda: read(chunk(content="<think>hm</think>"), chunk(content="Hi"), whole, profile=profile),
        id="both",
    )


@pytest.mark.parametrize("answer", list(answers()))
def test_a_profile_turns_it_on(answer: Any) -> None:
    """With `Profile.think_tags`, reasoning and text are yielded once each."""
    outcome: Outcome = answer()
    assert (outcome.completion.reasoning, outcome.completion.text) == ("hm", "Hi")
    assert [item.type for item in outcome.completion.items] == ["reasoning", "message"]


def test_off_is_the_default() -> None:
    """A text may be about the tag."""
    assert read(chunk(content=MESSAGE["content"]), chunk("stop")).completion.text == "<think>hm</think>Hi"


# -- linear work --------------------------------------------------------------------------


def work_of(pieces: list[Delta], tags: ThinkTags, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the calls, and the characters that were searched, joined or compared."""
    work = 0
    feed, find, plain = Splitter.feed, _Finder.find, Splitter._plain

    def counted_feed(self: Splitter, piece: str) -> Any:
        nonlocal work
        work += len(self._held) + len(piece)
        return feed(self, piece)

    def counted_find(self: _Finder, text: str, at: int) -> Any:
        nonlocal work
        found = find(self, text, at)
        work += (len(text) if found is None else found[1]) - at
        return found

    def counted_plain(self: Splitter, text: str, end: int) -> Any:
        nonlocal work
        kind, whole = plain(self, text, end)
        work += len(whole)
        return kind, whole

    def profiler(frame: Any, event: str, arg: Any) -> None:
        nonlocal work
        work += 1

    with monkeypatch.context() as patch:
        patch.setattr(Splitter, "feed", counted_feed)
        patch.setattr(_Finder, "find", counted_find)
        patch.setattr(Splitter, "_plain", counted_plain)
        sys.setprofile(profiler)
        try:
            for _ in split_thinking(pieces, tags):
                pass
        finally:
            sys.setprofile(None)
    return work


def text_pieces(*pieces: str) -> list[Delta]:
    return [TextPiece(0, 0, piece, RAW) for piece in pieces]


GROWTHS: list[Any] = [
    pytest.param(lambda n: text_pieces(*[" "] * n), START, id="white space at the start"),
    pytest.param(lambda n: text_pieces("<think>", *[" "] * n), START, id="white space after a tag"),
    pytest.param(lambda n: text_pieces("<think>a</think>b" * n), ANYWHERE, id="many thoughts in a chunk"),
    pytest.param(
        lambda n: text_pieces(*["<think>a</think>b"] * n), ANYWHERE, id="many chunks with a thought"
    ),
    pytest.param(lambda n: text_pieces("`</think>`" * n), START, id="many quoted tags in a chunk"),
    pytest.param(lambda n: text_pieces(*"`</think>`" * n), START, id="many quoted tags, by character"),
    pytest.param(lambda n: text_pieces("</think>" * n), ANYWHERE, id="many closing tags"),
    pytest.param(lambda n: text_pieces("<think " * n), ANYWHERE, id="many beginnings in a chunk"),
    pytest.param(lambda n: text_pieces(*["<think "] * n), ANYWHERE, id="many chunks with a beginning"),
    pytest.param(lambda n: text_pieces(*["<"] * n), START, id="many half tags"),
    pytest.param(
        lambda n: text_pieces(*["word "] * n, "</think>", *["x"] * n), START, id="a late closing tag"
    ),
    pytest.param(lambda n: text_pieces(*["word "] * n), INSIDE, id="inside"),
    pytest.param(
        lambda n: [
            ReasoningPiece(("reasoning", 0), 0, "word " * n, RAW),
            *text_pieces("<think>", *["word "] * n),
        ],
        START,
        id="a repeat of a long field, in pieces",
    ),
    pytest.param(
        lambda n: [
            *(ReasoningPiece(("reasoning", 0), 0, "word ", RAW) for _ in range(n)),
            *text_pieces("<think>" + "word " * n),
        ],
        START,
        id="a long repeat of a field in pieces",
    ),
    pytest.param(
        lambda n: [
            each
            for _ in range(n)
            for each in (ReasoningPiece(("reasoning", 0), 0, "a", RAW), *text_pieces("</think>"))
        ],
        START,
        id="a field and stray tags",
    ),
    pytest.param(lambda n: [TextPiece(k, 0, "<", RAW) for k in range(n)], START, id="many messages"),
    pytest.param(
        lambda n: [
            *(TextPiece(k, k, "Hi", RAW) for k in range(n)),
            *(CallPiece(("c", k), k, "{}", RAW) for k in range(n)),
        ],
        START,
        id="many choices with calls",
    ),
]


@pytest.mark.parametrize(("growth", "tags"), GROWTHS)
def test_the_work_is_linear(
    growth: Callable[[int], list[Delta]], tags: ThinkTags, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 10: twice the input costs twice the work, at n, 2n and 4n."""
    small, double, large = (work_of(growth(n), tags, monkeypatch) for n in (150, 300, 600))
    assert double < 2.2 * small
    assert large < 2.2 * double


# -- a finish on every chunk -------------------------------------------------------------------------------

USAGE = {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}
STYLES: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "a finish": lambda piece: [chunk("stop", content=piece)],
    "a finish and usage": lambda piece: [chunk("stop", content=piece) | USAGE],
    "a finish in a chunk of its own": lambda piece: [chunk(content=piece), chunk("stop")],
    "usage": lambda piece: [chunk(content=piece) | USAGE],
}


@pytest.mark.parametrize("tags", [START, ANYWHERE, INSIDE], ids=["start", "anywhere", "inside"])
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_finish_after_every_piece_cuts_no_tag(style: Callable[[str], Any], tags: ThinkTags) -> None:
    """Gateways that put a finish on every chunk: the text held before it waits for the next piece."""
    for text, expected in {
        "<think>hm</think>Hi": ("hm", "Hi"),
        "<think>\nhm</think>\n\nHi <": ("hm", "Hi <"),
        "<think>a</think>\n<think>b</think>c": ("ab", "c"),
    }.items():
        for size in (1, 2, 3, 5):
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            payloads = [payload for piece in pieces for payload in style(piece)]
            outcome = read(*payloads, chunk("stop"), done=True, profile=with_tags(tags))
            assert (outcome.completion.reasoning, outcome.completion.text) == expected
            assert [type(item) for item in outcome.done] == [Reasoning, Message]


def test_text_and_its_finish_wait_together() -> None:
    """The finish comes after the text that was held before it, so it isn't taken for an early one."""
    state = AnswerState()
    events = read_events([body(chunk(content="a <"), chunk("stop"))], profile=with_tags(START), state=state)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a ", "<"]
    assert not state.was_reopened
    assert state.finish_of(0) == "stop"

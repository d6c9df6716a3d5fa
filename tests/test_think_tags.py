"""think_tags: tagged thinking in a message's text becomes reasoning, in every cutting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from streamkit import PROFILES, APIError, events_from_completion
from streamkit.pipeline.think_tags import split_thinking
from streamkit.state.deltas import ChoiceFinished, Delta, ReasoningPiece, Restated, StreamEnded, TextPiece

from .chat_payloads import Outcome, chunk, collect, read

START = evolve(PROFILES["generic"], think_tags="start")
RAW: dict[str, Any] = {}


def split(*pieces: str, anywhere: bool = False) -> tuple[str, str]:
    """Return (reasoning, text) of the pieces."""
    said = list(split_thinking([TextPiece("m", 0, piece, RAW) for piece in pieces], anywhere=anywhere))
    thoughts = "".join(f.text for f in said if isinstance(f, ReasoningPiece))
    return thoughts, "".join(f.text for f in said if isinstance(f, TextPiece))


CASES = [
    pytest.param("<think>hm</think>Hi", False, ("hm", "Hi"), id="thinking, then text"),
    pytest.param(
        "<think>\nhm\n</think>\n\nHi", False, ("hm\n", "Hi"), id="white space after a tag belongs to it"
    ),
    pytest.param(" \n<think>hm</think>Hi", False, ("hm", " \nHi"), id="white space before it"),
    pytest.param("<think></think>Hi", False, ("", "Hi"), id="empty thinking"),
    pytest.param("Hi", False, ("", "Hi"), id="no tag"),
    pytest.param("Hi <think>hm</think>", False, ("", "Hi <think>hm</think>"), id="a text about the tag"),
    pytest.param("Hi <think>hm</think>!", True, ("hm", "Hi !"), id="anywhere"),
    pytest.param("<think>a</think>b<think>c</think>d", True, ("ac", "bd"), id="twice, anywhere"),
    pytest.param(
        "<think>a</think>b<think>c</think>d", False, ("a", "b<think>c</think>d"), id="twice, at start"
    ),
    pytest.param("<think>hm", False, ("hm", ""), id="never closed"),
    pytest.param("<think>a < b </thin", False, ("a < b </thin", ""), id="the beginning of a closing tag"),
    pytest.param("<thin ice", False, ("", "<thin ice"), id="not a tag"),
    pytest.param("</think>Hi", False, ("", "</think>Hi"), id="a closing tag alone is text"),
    pytest.param("  ", False, ("", "  "), id="white space alone"),
]


@pytest.mark.parametrize(("text", "anywhere", "expected"), CASES)
def test_thinking_is_split_off(text: str, anywhere: bool, expected: tuple[str, str]) -> None:
    """The result is the same for one piece, for single characters and for every two pieces."""
    assert split(text, anywhere=anywhere) == expected
    assert split(*text, anywhere=anywhere) == expected
    for place in range(len(text)):
        assert split(text[:place], text[place:], anywhere=anywhere) == expected


def test_other_deltas_keep_their_place() -> None:
    """Held text is yielded before the finish of its choice."""
    finished = ChoiceFinished(0, "stop", "stop", RAW)
    assert list(
        split_thinking([TextPiece("m", 0, "<thi", RAW), finished, StreamEnded()], anywhere=False)
    ) == [
        TextPiece("m", 0, "<thi", RAW),
        finished,
        StreamEnded(),
    ]


def test_the_finish_of_a_choice_does_not_flush_another() -> None:
    """Choices are independent: half a tag of choice 1 waits for the finish of choice 1."""
    fragments: list[Delta] = [
        TextPiece(1, 1, "<thi", RAW),
        ChoiceFinished(0, "stop", "stop", RAW),
        TextPiece(1, 1, "nk>hm</think>Hi", RAW),
    ]
    said = list(split_thinking(fragments, anywhere=False))
    assert [(f.text, f.choice) for f in said if isinstance(f, ReasoningPiece)] == [("hm", 1)]
    assert [(f.text, f.choice) for f in said if isinstance(f, TextPiece)] == [("Hi", 1)]


def test_held_text_is_yielded_before_an_error() -> None:
    """`.partial` must contain it too."""

    def failing() -> Iterator[Delta]:
        yield TextPiece("m", 0, "<th", RAW)
        raise APIError("down")

    seen = []
    with pytest.raises(APIError):
        for fragment in split_thinking(failing(), anywhere=False):
            seen.append(fragment)
    assert seen == [TextPiece("m", 0, "<th", RAW)]


def test_a_whole_message_is_split_too() -> None:
    """A message next to its deltas, or a plain JSON answer, gives the same items."""
    whole = Restated(TextPiece(0, 0, "<think>hm</think>Hi", RAW))
    assert list(split_thinking([whole], anywhere=False)) == [
        Restated(ReasoningPiece(("reasoning", 0), 0, "hm", RAW)),
        Restated(TextPiece(0, 0, "Hi", RAW)),
    ]


MESSAGE = {"role": "assistant", "content": "<think>hm</think>Hi"}


def answers() -> Iterator[Any]:
    yield pytest.param(
        lambda: read(chunk(content=MESSAGE["content"]), chunk("stop"), profile=START), id="deltas"
    )
    body = {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
    yield pytest.param(lambda: collect(events_from_completion(body, profile=START)), id="a plain answer")
    yield pytest.param(
        lambda: read(chunk(content="<think>hm</think>"), chunk(content="Hi"), body, profile=START), id="both"
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

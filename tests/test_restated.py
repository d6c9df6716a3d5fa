"""restated: what counts after a server has sent an item once more."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import InputText, OutputText, Refusal
from streamkit.state.join import join_details
from streamkit.state.restated import settled_arguments, with_annotations, with_rest, with_texts


@pytest.mark.parametrize(
    ("whole", "pieces", "expected"),
    [
        pytest.param(["ab"], ["ab"], ["ab"], id="equal"),
        pytest.param(["abc"], ["ab"], ["abc"], id="the pieces lack its end"),
        pytest.param(["xy"], ["ab"], ["xy"], id="another text"),
        pytest.param(["a"], ["abc"], ["abc"], id="it lacks the end"),
        pytest.param(["ab"], ["ab", "c"], ["ab", "c"], id="it lacks the last part"),
        pytest.param(["ab", "c"], ["abcd"], ["ab", "cd"], id="the end goes to its last part"),
        pytest.param(["a", "b", "c"], ["abcd"], ["a", "b", "cd"], id="of three parts"),
        pytest.param(["ab", "c"], ["ab", "c", "d"], ["ab", "c", "d"], id="its parts are the first pieces"),
        pytest.param(["a", "bc"], ["ab", "cd"], ["a", "bcd"], id="cut in other places"),
        pytest.param(["ab", "c"], ["a", "bc"], ["ab", "c"], id="as long, cut in other places"),
    ],
)
def test_a_restatement_takes_nothing_back(whole: list[str], pieces: list[str], expected: list[str]) -> None:
    """Law 3: it wins, unless it is a proper prefix of the pieces."""
    assert with_rest(whole, pieces) == expected
    content = [OutputText(text) for text in whole]
    assert [part.text for part in with_texts(content, pieces)] == expected  # type: ignore[union-attr]


def test_a_restated_message_keeps_its_other_parts() -> None:
    """The texts come first; what a text part has beside its text stays."""
    cited = OutputText("a", [{"type": "x"}])
    refusal = Refusal("no")
    assert with_texts([cited, refusal], ["abc"]) == [OutputText("abc", [{"type": "x"}]), refusal]
    assert with_texts([cited, refusal], ["a", "b"]) == [cited, OutputText("b"), refusal]
    assert with_texts([cited, refusal], ["a"]) == [cited, refusal]


def test_text_of_the_wrong_kind_is_text() -> None:
    """A server that restates its answer as `input_text` doesn't double it."""
    assert with_texts([InputText("ab")], ["a", "b"]) == [InputText("ab")]
    assert with_texts([InputText("a")], ["ab"]) == [InputText("ab")]


A, B, C = ({"type": name} for name in "abc")


@pytest.mark.parametrize(
    ("known", "pieces", "expected"),
    [
        pytest.param([], [A, B], [A, B], id="none restated"),
        pytest.param([A], [A, B], [A, B], id="the first of them"),
        pytest.param([A, B], [A, B], [A, B], id="all"),
        pytest.param([A, B], [A], [A, B], id="more"),
        pytest.param([B], [A, B], [B], id="others"),
        pytest.param([C], [A, B], [C], id="another"),
    ],
)
def test_annotations_that_a_restatement_lacks_are_kept(
    known: list[Any], pieces: list[Any], expected: list[Any]
) -> None:
    """If it has the first ones only, the rest goes to its last text."""
    content = [OutputText("a", known), Refusal("no")]
    assert with_annotations(content, pieces) == [OutputText("a", expected), Refusal("no")]


def test_annotations_go_to_the_last_text() -> None:
    content = [OutputText("a", [A]), OutputText("b", [B])]
    found = with_annotations([*content], [A, B, C])
    assert found == [OutputText("a", [A]), OutputText("b", [B, C])]
    assert with_annotations([Refusal("no")], [A]) == [Refusal("no")]


@pytest.mark.parametrize(
    ("pieces", "whole", "kind", "expected"),
    [
        ('{"a":1', '{"a":1}', "function_call", '{"a":1}'),
        ('{"a":1}', '{"a"', "function_call", '{"a":1}'),
        ('{"a":1}', '{"a":2', "function_call", '{"a":1}'),
        ('{"a":1}', "{}", "function_call", '{"a":1}'),
        ('{"a":1}', "null", "function_call", '{"a":1}'),
        ('{"a":', "{}", "function_call", '{"a":'),
        ("{}", "", "function_call", "{}"),
        ('{"a":1}{"a":1}', '{"a":1}', "function_call", '{"a":1}'),
        ("oops", "{}", "function_call", "{}"),
        ("ls -l", "ls", "custom_tool_call", "ls -l"),
        ("ls", "ls -l", "custom_tool_call", "ls -l"),
        ("ls", "cat", "custom_tool_call", "cat"),
        ('{"a":1}', "x", "custom_tool_call", "x"),
    ],
)
def test_restated_arguments_count_if_they_are_better(
    pieces: str, whole: str, kind: str, expected: str
) -> None:
    """A restatement that isn't JSON, or is empty, never replaces arguments; free text has no such rule."""
    assert settled_arguments(whole, pieces, kind) == expected


def test_null_in_a_later_detail_takes_nothing_back() -> None:
    """OpenRouter repeats the fields of a block with null in its next pieces."""
    kind = "reasoning.text"
    first = {"type": kind, "text": "a", "index": 0, "format": "anthropic", "signature": None}
    more = {"type": kind, "text": "b", "index": 0, "format": None, "signature": None}
    (joined,) = join_details([first, more, {"type": kind, "index": 0, "signature": "s"}])
    assert joined == {"type": kind, "text": "ab", "index": 0, "format": "anthropic", "signature": "s"}

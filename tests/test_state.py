"""What has arrived of a turn: texts that grow and are restated, calls that are whole, choices that end."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from streamkit import (
    FunctionCall,
    Message,
    OutputAudio,
    OutputText,
    TextDelta,
    ToolCallDelta,
    UnknownItem,
    read_events,
)
from streamkit.pipeline.accumulate import accumulate
from streamkit.state.answer import AnswerState
from streamkit.state.deltas import CallPiece, Restated, StreamEnded, WholeItem
from streamkit.state.encodable import encodable_item
from streamkit.state.join import join_details
from streamkit.state.open_call import OpenCall
from streamkit.state.restated import settled_arguments
from streamkit.state.text_buffer import TextBuffer

from .chat_payloads import body, call, calls, choice, chunk, lines_run, read

# -- texts ------------------------------------------------------------------------------------


def growing_text(*pieces: str) -> TextBuffer:
    text = TextBuffer()
    for piece in pieces:
        text.add(piece, 0)
    return text


@pytest.mark.parametrize(
    ("pieces", "whole", "missing", "comes_to"),
    [
        pytest.param(["Hel", "lo"], "Hello", "", "Hello", id="the same"),
        pytest.param(["Hel"], "Hello", "lo", "Hello", id="the pieces are its beginning"),
        pytest.param([], "Hello", "Hello", "Hello", id="no pieces"),
        pytest.param(["Help"], "Hello", "", "Hello", id="contradicted"),
        pytest.param(["Hello "], "Hello", "", "Hello ", id="shortened"),
        pytest.param(["Hello"], "", "", "Hello", id="withdrawn"),
        pytest.param(["hot ", "will change"], "hot", "", "hot will change", id="the first word only"),
    ],
)
def test_restating_a_text_never_adds_it_twice(
    pieces: list[str], whole: str, missing: str, comes_to: str
) -> None:
    """Law 3: a restatement adds its missing end, or wins if it contradicts; a prefix takes nothing back."""
    text = growing_text(*pieces)
    rest = text.missing(whole, 0)
    assert rest == missing
    if rest:
        text.add(rest, 0)
    assert str(text) == comes_to


def test_pieces_after_a_correction_go_on_from_it() -> None:
    """Nothing is lost: a piece that follows a contradicting statement is part of the text."""
    text = growing_text("Help")
    assert text.missing("Hello", 0) == ""
    text.add(" you", 0)
    assert str(text) == "Hello you"


def test_a_statement_that_lags_behind_is_put_right_by_the_next() -> None:
    """A gateway that restates the whole in every chunk may be a chunk behind its own deltas."""
    text = growing_text("Hel", "lo")
    assert text.missing("Hel", 0) == ""
    text.add(" you", 0)
    assert text.missing("Hello you", 0) == ""
    assert str(text) == "Hello you"


def test_parts_are_told_apart_and_may_take_turns() -> None:
    """Parts of one message come in order of first appearance, whatever the order of their pieces."""
    text = TextBuffer()
    for part, piece in [("a", "1"), ("b", "x"), ("a", "2"), ("b", "y")]:
        text.add(piece, part)
    assert text.parts() == {"a": "12", "b": "xy"}
    assert text.missing("xyz", "b") == "z"
    assert text.missing("12", "a") == ""


def test_pieces_after_a_correction_of_an_earlier_part_go_on_with_their_own() -> None:
    """The server contradicts a part that is over, while another one grows."""
    text = TextBuffer()
    text.add("Hi", "a")
    text.add("you", "b")
    assert text.missing("Hello ", "a") == ""
    text.add(" there", "b")
    assert text.parts() == {"a": "Hello ", "b": "you there"}
    text.add("dear ", "a")
    assert text.parts() == {"a": "Hello dear ", "b": "you there"}
    assert str(text) == "Hello dear you there"


@pytest.mark.parametrize(
    ("pieces", "part", "whole", "missing", "parts"),
    [
        pytest.param("ab", 2, "ab", "", {0: "ab"}, id="all of it under a new number"),
        pytest.param("ab", 1, "ab", "", {0: "ab"}, id="under the last number"),
        pytest.param("ab", 0, "ab", "", {0: "ab"}, id="under the first number"),
        pytest.param("aa", 1, "aa", "", {0: "aa"}, id="pieces that repeat"),
        pytest.param("ab", 2, "abc", "c", {0: "abc"}, id="a piece was lost"),
        pytest.param("abc", 3, "ab", "", {0: "abc"}, id="shortened"),
        pytest.param("a", 1, "a", "", {0: "a"}, id="one piece"),
        pytest.param("a", 1, "ab", "ab", {0: "a", 1: "ab"}, id="a second part that begins alike"),
        pytest.param("ab", 2, "cd", "cd", {0: "a", 1: "b", 2: "cd"}, id="a third part"),
    ],
)
def test_the_text_of_all_parts_restated_as_one_part_is_one_text(
    pieces: str, part: int, whole: str, missing: str, parts: dict[int, str]
) -> None:
    """vLLM numbers each piece and then restates the whole: it is added once, and there is one part."""
    text = TextBuffer()
    for number, piece in enumerate(pieces):
        text.add(piece, number)
    for again in (missing, ""):  # content_part.done follows output_text.done
        assert text.missing(whole, part) == again
        if again:
            text.add(again, part)
    assert text.parts() == parts


def test_an_announced_part_with_an_equal_text_stays() -> None:
    """Two parts may have one text, if the server announced them or sent pieces of each."""
    text = TextBuffer()
    text.add("Yes", 0)
    assert text.missing("Yes", 1, announced=True) == "Yes"
    text.add("Yes", 1)
    assert text.missing("Yes", 1) == ""
    assert text.parts() == {0: "Yes", 1: "Yes"}


def test_kinds_of_parts_are_compared_apart() -> None:
    """A summary that equals the reasoning before it is no restatement of the reasoning."""
    text = TextBuffer(lambda part: part[0])
    text.add("Hm", ("text", 0))
    assert text.missing("Hm", ("summary", 0)) == "Hm"
    text.add("H", ("summary", 0))
    text.add("m", ("summary", 1))
    assert text.missing("Hm", ("summary", 2)) == ""
    assert text.parts() == {("text", 0): "Hm", ("summary", 0): "Hm"}


@pytest.mark.parametrize(
    "grow",
    [
        pytest.param(lambda text, n: text.missing("ab" * 20, n), id="each part is restated"),
        pytest.param(lambda text, n: text.missing("ab" * n, -1), id="the whole is restated, each time"),
        pytest.param(lambda text, n: text.missing("x", 0), id="a contradiction, each time"),
        pytest.param(lambda text, n: text.missing("a", n // 2), id="prefixes"),
        pytest.param(lambda text, n: text.missing("new", -n - 1), id="always a new part"),
        pytest.param(lambda text, n: text.missing("ab", -n - 1), id="always united"),
    ],
)
def test_a_restatement_costs_as_much_as_it_is_long(grow: Callable[[TextBuffer, int], str]) -> None:
    """Law 10: with n parts and n restatements, lines run and characters read grow linearly."""

    def cost(count: int) -> int:
        text = TextBuffer()

        def work() -> None:
            for number in range(count):
                for _ in range(20):
                    text.add("ab", number)
                grow(text, number)

        return lines_run(work)

    small, large = cost(100), cost(400)
    assert large < 4.4 * small


@pytest.mark.parametrize(
    ("pieces", "whole", "expected"),
    [
        pytest.param('{"a":1}', '{"a":2}', '{"a":2}', id="contradicted"),
        pytest.param('{"a":1}', '{"a"', '{"a":1}', id="truncated"),
        pytest.param('{"a":1}', '{"a": 1', '{"a":1}', id="written anew and truncated"),
        pytest.param('{"a":1}', "[object Object]", '{"a":1}', id="not JSON"),
        pytest.param('{"a":1}', "12", '{"a":1}', id="JSON, but no object"),
        pytest.param('{"a":1}', "{ }", '{"a":1}', id="empty"),
        pytest.param('{"a":', "{}", '{"a":', id="empty, and the pieces were cut"),
        pytest.param('{"a":', "null", '{"a":', id="null, and the pieces were cut"),
        pytest.param('{"a":', '{"a":1}', '{"a":1}', id="longer"),
        pytest.param("{", "{}", "{}", id="an empty object, whose end was missing"),
        pytest.param("Zx9aQ+", "{}", "{}", id="pieces that never were JSON (Copilot's ciphertext)"),
        pytest.param("", "{}", "{}", id="no pieces"),
    ],
)
def test_restated_arguments(pieces: str, whole: str, expected: str) -> None:
    """Law 3: a restatement wins, unless it has less than the pieces; both ways to restate a call agree."""
    assert settled_arguments(whole, pieces) == expected
    for is_item in (False, True):
        state = AnswerState()
        deltas: list[Any] = [CallPiece("k", 0, pieces, {}, "c", "f")]
        if is_item:
            deltas.append(WholeItem("k", 0, FunctionCall("c", "f", whole), {}))
        else:
            deltas.append(Restated(CallPiece("k", 0, whole, {}, "c", "f")))
        list(accumulate([*deltas, StreamEnded()], state))
        assert [item.arguments for item in state.completion().items] == [expected]  # type: ignore[union-attr]


# -- calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "at_the_end", "after_a_cut"),
    [
        ('{"a":1}', True, True),
        (' {"a":1}\n', True, True),
        ('{"a":', False, False),
        ('{"a":1}}', False, False),
        ('{"a":NaN}', False, False),
        ("", False, False),
        ("  ", False, False),
        ("null", False, False),
        ("12", True, False),
        ("[1]", True, False),
        ('"x"', True, False),
        ("nul", False, False),
        ("[" * 100_000, False, False),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
def test_whether_arguments_are_whole(arguments: str, at_the_end: bool, after_a_cut: bool) -> None:
    """Law 5: complete JSON; after a cut only an object, since anything else may go on."""
    item = OpenCall("function_call", 0, 0)
    item.name = "f"
    item.arguments.add(arguments, 0)
    assert item.is_complete(cut=False) is at_the_end
    assert item.is_complete(cut=True) is after_a_cut


@pytest.mark.parametrize("arguments", ["", " \n", "null"])
def test_empty_arguments_are_whole_only_if_they_are_trusted(arguments: str) -> None:
    """They may be lost; after a cut they are never whole."""
    item = OpenCall("function_call", 0, 0)
    item.name = "f"
    item.arguments.add(arguments, 0)
    assert item.is_complete(cut=False, trusts_empty=True)
    assert not item.is_complete(cut=True, trusts_empty=True)


def test_a_restated_call_without_facts_is_no_phantom() -> None:
    """A place that was only numbered is left out of the answer; an item that the server sent is not."""
    item = OpenCall("function_call", 0, 0)
    assert item.is_phantom
    item.restate(FunctionCall(None, "", "", id="fc"))
    assert not item.is_phantom
    assert item.build() == FunctionCall(None, "", "", id="fc", status="incomplete")


def test_free_text_is_whole_only_where_nothing_was_cut() -> None:
    """Nobody can tell whether a custom call's text was cut."""
    item = OpenCall("custom_tool_call", 0, 0)
    item.name = "shell"
    item.arguments.add('{"a":1}', 0)
    assert item.is_complete(cut=False)
    assert not item.is_complete(cut=True)


# -- the turn ---------------------------------------------------------------------------------


def test_nothing_has_come_to_an_empty_completion() -> None:
    """A turn before its first payload has no choice, no id, no usage."""
    completion = AnswerState().completion()
    assert (completion.choices, completion.id, completion.usage) == ((), None, None)
    assert completion.finish_reason is None


@pytest.mark.parametrize(
    ("payloads", "finished"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([chunk(content="A")], False, id="text"),
        pytest.param([chunk("stop")], True, id="an empty answer"),
        pytest.param([chunk(content="A"), chunk("stop")], True, id="one choice"),
        pytest.param([{"choices": [choice("stop"), choice(index=1, content="B")]}], False, id="one of two"),
        pytest.param(
            [chunk(role="assistant"), chunk(index=1, role="assistant"), chunk("stop", content="A")],
            False,
            id="the other one has only shown its role",
        ),
        pytest.param(
            [
                chunk(role="assistant"),
                chunk(index=1, role="assistant"),
                chunk("stop"),
                chunk("stop", index=1),
            ],
            True,
            id="both",
        ),
    ],
)
def test_a_turn_is_finished_when_every_choice_seen_is(payloads: list[Any], finished: bool) -> None:
    """DESIGN "Ending": an end of the body before that is a truncation, and no grace period begins."""
    turn = AnswerState()
    outcome = read(*payloads, state=turn)
    assert turn.is_finished is finished
    assert (outcome.error is None) is finished


def test_output_after_a_finish_opens_its_choice_alone() -> None:
    """The finish is advisory: that choice isn't finished any more, as long as no other finish follows."""
    turn = AnswerState()
    two = [chunk(content="A"), chunk(content="B", index=1), chunk("stop"), chunk("stop", index=1)]
    seen = []
    stream = [body(each) for each in (*two, chunk(content="C", index=1), chunk("stop", index=1))]
    deltas = read_events((seen.append(state_of(turn)) or part for part in stream), state=turn)  # type: ignore[func-returns-value]
    assert list(deltas)
    assert seen[4:] == [(True, False, False), (False, False, True)]
    assert state_of(turn) == (True, False, False)
    assert turn.was_reopened


def state_of(turn: AnswerState) -> tuple[bool, bool, bool]:
    """Whether all is finished, and which of two choices is open again."""
    return turn.is_finished, turn.is_reopened(0), turn.is_reopened(1)


def test_the_caller_may_ask_at_any_moment() -> None:
    """`.partial` at each event is what had arrived by then, a cut call marked as such."""
    turn = AnswerState()
    stream = body(chunk(content="A"), calls(call(0, "a", "f", '{"x"')), calls(call(0, None, None, ":1}")))
    seen = []
    for event in read_events([stream], state=turn):
        if isinstance(event, TextDelta | ToolCallDelta):
            completion = turn.completion()
            seen.append(
                (completion.text, [c.status for c in completion.items if isinstance(c, FunctionCall)])
            )
            if len(seen) == 3:
                break
    assert seen == [("A", []), ("A", ["incomplete"]), ("A", [None])]


def test_an_answer_has_a_first_choice() -> None:
    """An empty answer has choice 0. One that only has choice 1 is that choice's, unless it broke off."""
    empty = read({"id": "i", "choices": []}, done=True).completion
    assert [(each.index, each.items) for each in empty.choices] == [(0, ())]
    other = chunk(index=1, content="B")
    for outcome in (read(other, done=True), read(other, chunk("stop", index=1))):
        assert outcome.error is None
        assert (outcome.completion.text, len(outcome.completion.choices)) == ("B", 1)
    cut = read(other)
    assert cut.error is not None
    assert (cut.completion.text, [each.index for each in cut.completion.choices]) == ("", [0, 1])


def test_stop_with_calls_means_tool_calls() -> None:
    """B-08: what is to be done next counts; the server's word stays in `raw_finish_reason`."""
    completion = read(calls(call(0, "a", "f", "{}")), chunk("stop")).completion
    assert (completion.finish_reason, completion.raw_finish_reason) == ("tool_calls", "stop")


def test_stop_with_a_cut_call_stays_stop() -> None:
    """Law 5: a call that is not handed out changes no finish reason."""
    completion = read(calls(call(0, "a", "f", '{"x')), chunk("stop")).completion
    assert completion.finish_reason == "stop"


# -- what has to be sent back -----------------------------------------------------------------

TEXT, SUMMARY = "reasoning.text", "reasoning.summary"
THINKING = "thinking"


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        pytest.param(
            [{"type": TEXT, "text": "a", "index": 0}, {"type": TEXT, "text": "b", "index": 0}],
            [{"type": TEXT, "text": "ab", "index": 0}],
            id="pieces of one text",
        ),
        pytest.param(
            [{"type": TEXT, "text": "a", "index": 0}, {"type": TEXT, "signature": "s", "index": 0}],
            [{"type": TEXT, "text": "a", "index": 0, "signature": "s"}],
            id="OS-06 the signature comes last, alone",
        ),
        pytest.param(
            [{"type": TEXT, "text": "a", "index": 0}, {"type": TEXT, "text": "b", "index": 1}],
            [{"type": TEXT, "text": "a", "index": 0}, {"type": TEXT, "text": "b", "index": 1}],
            id="two texts",
        ),
        pytest.param(
            [{"type": TEXT, "text": "a", "signature": "s"}, {"type": TEXT, "text": "b"}],
            [{"type": TEXT, "text": "a", "signature": "s"}, {"type": TEXT, "text": "b"}],
            id="a signature closes its block",
        ),
        pytest.param(
            [{"type": SUMMARY, "summary": "a"}, {"type": SUMMARY, "summary": "b"}],
            [{"type": SUMMARY, "summary": "ab"}],
            id="a summary",
        ),
        pytest.param(
            [{"type": "reasoning.encrypted", "data": "x"}, {"type": "reasoning.encrypted", "data": "y"}],
            [{"type": "reasoning.encrypted", "data": "x"}, {"type": "reasoning.encrypted", "data": "y"}],
            id="encrypted blocks are never joined",
        ),
        pytest.param(
            [{"type": "reasoning.new", "text": "x"}, {"nothing": "known"}],
            [{"type": "reasoning.new", "text": "x"}, {"nothing": "known"}],
            id="OS-12 an unknown kind stays verbatim",
        ),
        pytest.param(
            [
                {"type": THINKING, "thinking": "a", "signature": ""},
                {"type": TEXT, "text": "a", "index": 0},
                {"type": THINKING, "thinking": "b"},
                {"type": TEXT, "text": "b", "index": 0},
                {"type": THINKING, "signature": "s"},
            ],
            [
                {"type": THINKING, "thinking": "ab", "signature": "s"},
                {"type": TEXT, "text": "ab", "index": 0},
            ],
            id="thinking blocks and details in turns",
        ),
        pytest.param(
            [{"text": "a"}, {"text": "b"}, {"summary": "c"}],
            [{"text": "ab"}, {"summary": "c"}],
            id="details without a type",
        ),
    ],
)
def test_details_become_the_blocks_to_send_back(pieces: list[Any], joined: list[Any]) -> None:
    """P15: `reasoning_details` as OpenRouter wants them back, none lost, none changed."""
    assert join_details(pieces) == joined


ENCRYPTED = chunk(reasoning_details=[{"type": "reasoning.encrypted", "id": "c1", "data": "enc"}])
CALL = calls(call(0, "c1", "f", "{}"))


@pytest.mark.parametrize("payloads", [[ENCRYPTED, CALL], [CALL, ENCRYPTED]], ids=["before", "after"])
def test_an_encrypted_detail_signs_its_call(payloads: list[Any]) -> None:
    """OS-05: by id, whichever comes first; the detail stays in the reasoning item too."""
    completion = read(*payloads, chunk("tool_calls")).completion
    (signed,) = completion.tool_calls
    assert isinstance(signed, FunctionCall)
    assert signed.signature == "enc"
    assert [list(i.details) for i in completion.items if i.type == "reasoning"] == [
        [{"type": "reasoning.encrypted", "id": "c1", "data": "enc"}]
    ]


def test_an_encrypted_detail_signs_no_other_call() -> None:
    """Law 7 and OS-05: neither another id nor another choice."""
    other = chunk(index=1, reasoning_details=[{"type": "reasoning.encrypted", "id": "c1", "data": "enc"}])
    completion = read(other, CALL, calls(call(1, "c2", "f", "{}")), chunk("stop"), chunk("stop", index=1))
    assert [c.signature for c in completion.completion.tool_calls] == [None, None]  # type: ignore[union-attr]


def test_audio_is_joined_from_its_pieces() -> None:
    """Each piece's data is base64 of its own; the transcript comes in pieces too."""
    first, second = base64.b64encode(b"12345").decode(), base64.b64encode(b"678").decode()
    outcome = read(
        chunk(audio={"id": "au", "transcript": "Hel"}),
        chunk(audio={"data": first}),
        chunk(audio={"data": second, "transcript": "lo"}),
        chunk(audio={"expires_at": 9}),
        chunk("stop"),
    )
    (message,) = outcome.completion.items
    assert message.content == (  # type: ignore[union-attr]
        OutputAudio("au", base64.b64encode(b"12345678").decode(), "Hello", {"expires_at": 9}),
    )


def test_audio_cut_inside_a_piece_is_joined_as_text() -> None:
    """Data that is no base64 by itself was cut as text, and comes out as it was."""
    outcome = read(chunk(audio={"data": "MTI"}), chunk(audio={"data": "zNDU="}), chunk("stop"))
    (message,) = outcome.completion.items
    assert message.content == (OutputAudio(None, "MTIzNDU="),)  # type: ignore[union-attr]


# -- texts of restated items --------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (FunctionCall("c\ud83d", "f", "{}"), FunctionCall("c\ufffd", "f", "{}")),
        (
            Message("assistant", [OutputText("a\udc00", [{"url": "\ud83d"}])], id="m"),
            Message("assistant", [OutputText("a\ufffd", [{"url": "\ufffd"}])], id="m"),
        ),
        (UnknownItem({"type": "x", "deep": [["\ud83d\ude00", "\ud83d"]]}), None),
        (Message("assistant", [OutputText("a", [{"url": "b"}])]), None),
    ],
    ids=["a field", "a part", "a pair and a half", "nothing to change"],
)
def test_a_restated_item_is_valid_utf_8(item: Any, expected: Any) -> None:
    """Law 8: half a pair becomes U+FFFD; an item without one is the same object."""
    found = encodable_item(item)
    if isinstance(item, UnknownItem):
        assert found == UnknownItem({"type": "x", "deep": [["\U0001f600", "\ufffd"]]})
    elif expected is None:
        assert found is item
    else:
        assert found == expected

"""Pieces: a text that is held once, whatever was written, stored and joined, and whoever reads meanwhile."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import streamkit.state.pieces
from streamkit.state.deltas import CallPiece, ReasoningPiece, TextPiece
from streamkit.state.open_call import OpenCall
from streamkit.state.open_items import OpenReasoning
from streamkit.state.open_message import OpenMessage
from streamkit.state.pieces import Pieces, new_pieces
from streamkit.state.text_buffer import TextBuffer

ALPHABETS = ["abc \n", "aé\r\n", "a–北", "a👍é", "\ud83dx"]


@pytest.mark.parametrize("seed", range(40))
def test_reading_gives_the_text_that_was_written(seed: int) -> None:
    """However the pieces are held, the text and every part of it are the same."""
    chance = random.Random(seed)
    begin = chance.choice(["", "é👍"])
    pieces, text = new_pieces(begin), begin
    write = pieces.write  # it stays valid: the lane keeps it
    for _ in range(chance.randrange(60)):
        piece = "".join(chance.choices(chance.choice(ALPHABETS), k=chance.choice([0, 1, 4, 200])))
        assert write(piece) == len(piece)
        text += piece
        start, end = sorted(chance.choices(range(len(text) + 3), k=2))
        how = chance.choice(["", "store", "join", "part", "part"])
        if how in ("store", "join"):
            getattr(pieces, how)()
        elif how == "part":
            part = pieces.join(start, end)
            assert part == text[start:end]
            assert part is pieces.join(start, end) or not part
            assert part is pieces.between(start, end) or not part
        assert pieces.between(start, end) == text[start:end]
        assert (pieces.length, pieces.getvalue()) == (len(text), text)
    assert pieces.join() == text


def test_a_joined_text_is_one_object() -> None:
    """The text is there once, for every reader, until more of it arrives."""
    pieces = new_pieces()
    pieces.write("a" * 100)
    pieces.store()
    pieces.write("👍" * 100)
    text = pieces.join()
    assert text is pieces.join() is pieces.getvalue() is pieces.between(0, 200) is pieces.between(0, 300)
    pieces.write("b")
    assert pieces.getvalue() == text + "b"


def test_snapshots_in_a_row_decode_the_stored_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading each snapshot costs a copy, not decoding; and the copy is dropped when the text is joined."""
    decoded = 0
    decode = streamkit.state.pieces._decoded

    def counted(data: bytes) -> str:
        nonlocal decoded
        decoded += len(data)
        return decode(data)

    monkeypatch.setattr(streamkit.state.pieces, "_decoded", counted)
    pieces = new_pieces()
    for number in (1, 2, 3):
        pieces.write("word " * 1000 + "👍")
        pieces.store()
        before = decoded
        for _ in range(100):
            pieces.write("x")
            assert pieces.getvalue().endswith("👍" + "x" * pieces.tell())
        assert decoded - before == number * 5004 + (number - 1) * 100
    text = pieces.join()
    assert pieces._shown is None
    assert pieces.getvalue() is text


def test_a_stored_text_with_an_emoji_takes_the_bytes_of_its_utf_8() -> None:
    """One character beyond the BMP doesn't make all others four times as large."""

    def stored(text: str) -> Any:
        pieces = new_pieces()
        pieces.write(text)
        pieces.store()
        return pieces._stored[0][1]

    assert stored("word " * 1000 + "👍") == ("word " * 1000 + "👍").encode()
    for kept in (  # smaller gains aren't worth it
        "word " * 1000,
        "wörd " * 1000,
        "word – " * 1000,
        "北京" * 1000,
        "👍" * 1000,
    ):
        assert stored(kept) == kept


def test_a_thread_that_reads_sees_each_piece_once() -> None:
    """If the writing thread stores the loose pieces between two steps of a reader, the reader looks again."""

    class Interrupted(Pieces):
        """A text whose loose pieces are stored after the first look at `_stored`."""

        looks = 0

        @property
        def _stored(self) -> Any:  # type: ignore[override]
            before = self.__dict__.get("now", ())
            self.looks += 1
            if self.looks == 1:
                Pieces.store(self)
            return before

        @_stored.setter
        def _stored(self, value: Any) -> None:
            self.__dict__["now"] = value

    pieces = Interrupted(newline="\n")
    pieces.write("once")
    assert pieces.getvalue() == "once"
    assert pieces.looks > 1


def test_a_thread_that_reads_a_text_takes_the_length_that_it_knew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps of `store` the pieces are there twice; a reader cuts off the second time."""
    buffer = TextBuffer()
    buffer.add("word", 0)
    monkeypatch.setattr(buffer.pieces, "_stored", ((4, "word"),))
    assert str(buffer) == "word"


@pytest.mark.parametrize(
    ("item", "piece"),
    [
        (OpenMessage("message", 0, 0), TextPiece("k", 0, "é" * 5000, {}, None, 0)),
        (OpenReasoning("reasoning", 0, 0), ReasoningPiece("k", 0, "é" * 5000, {}, "text", 0)),
        (OpenCall("custom_tool_call", 0, 0), CallPiece("k", 0, "é" * 5000, {}, "c", "f", "custom_tool_call")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_closed_item_shares_its_text_with_its_snapshots(item: Any, piece: Any) -> None:
    """An event that is kept holds no second copy of a long text."""
    buffer, part = item.buffer_for(piece)
    pieces, _ = buffer.add(piece.text, part)
    buffer.add(piece.text, part)
    built = item.final()
    text = built.input if isinstance(item, OpenCall) else built.text
    assert text == piece.text * 2
    assert pieces.getvalue() is text


@pytest.mark.parametrize("seed", range(20))
def test_parts_are_the_same_however_they_are_held(seed: int) -> None:
    """Few runs of parts or many, settled in between or not."""
    chance = random.Random(seed)
    buffer, texts = TextBuffer(), dict[int, str]()
    for _ in range(chance.choice([5, 60, 90])):
        part, piece = chance.randrange(4), "".join(chance.choices("aé👍 ", k=chance.choice([0, 3, 5000])))
        buffer.add(piece, part)
        texts[part] = texts.get(part, "") + piece
        chance.choice([lambda: None, lambda: None, buffer.store, buffer.settle])()
        assert buffer.parts() == texts
    assert len(buffer) == sum(map(len, texts.values()))


def test_a_short_text_is_left_alone() -> None:
    """Most answers are short; no string is made of them before it's needed."""
    item = OpenMessage("message", 0, 0)
    item.text.add("short", 0)
    assert item.final().text == "short"  # type: ignore[union-attr]
    assert not item.text.pieces.has_stored


def test_few_strings_hold_a_long_text() -> None:
    """A million pieces are a few hundred strings, and the loose ones are a small share."""
    buffer = TextBuffer()
    for _ in range(1_000_000):
        buffer.add("abcd", 0)
    assert len(buffer.pieces._stored) < 600
    assert buffer.pieces.tell() <= len(buffer) >> 7
    assert sys.getsizeof(buffer.pieces.join()) < len(buffer) + 100


def test_a_look_at_the_parts_of_a_text_while_another_one_begins() -> None:
    """The thread that writes may begin a part between any two steps of a thread that reads."""

    class Growing(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield from [self[n] for n in range(len(self))]
            self.append((len(self), buffer.length))

    buffer = TextBuffer()
    buffer.add("a", 0)
    buffer.add("b", 1)
    buffer._starts = Growing(buffer._starts)
    assert buffer.parts() == {0: "a", 1: "b"}

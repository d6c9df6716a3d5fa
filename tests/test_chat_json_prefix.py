"""The scanner agrees with the JSON decoder about every beginning of every text."""

from __future__ import annotations

import json
import random

import pytest

from streamkit.wires.chat.json_prefix import JsonPrefix

from .chat_payloads import lines_run
from .test_chat_call_slots import cut, some_object


@pytest.mark.parametrize("seed", range(200))
def test_a_beginning_of_json_is_never_broken(seed: int) -> None:
    """Each piece of a text passes, and only the last one makes it whole."""
    chance = random.Random(seed)
    value = some_object(chance) | {"end": [1.5e-3, True, None]}
    text = json.dumps(value, indent=chance.choice([None, 1]), ensure_ascii=chance.random() < 0.5)
    scanner, read = JsonPrefix(), 0
    for piece in cut(chance, text):
        assert scanner.feed(piece)
        read += len(piece)
        assert scanner.is_whole == (read == len(text))


@pytest.mark.parametrize("seed", range(200))
def test_json_is_never_reported_as_broken(seed: int) -> None:
    """A text with one character changed: if the decoder accepts it, so does the scanner."""
    chance = random.Random(seed)
    letters = list(json.dumps(some_object(chance) | {"end": [1, "a"]}))
    letters[chance.randrange(len(letters))] = chance.choice('{}[]",:x1\\')
    text = "".join(letters)
    try:
        json.loads(text)
    except ValueError:
        return
    assert JsonPrefix(text).is_whole


@pytest.mark.parametrize(
    "text",
    ['{"a":{"a":1,{', '{"a"{', '{"a":1}{', '{"a":"x{"a', '{"a":nulx', "{]", "[}", '{"a":1,}', "{1", '{"a":,'],
)
def test_broken_text_is_reported(text: str) -> None:
    """No text that follows can make these JSON. (A trailing comma is broken once the bracket closes.)"""
    assert JsonPrefix(text).is_broken
    assert not JsonPrefix(text).is_whole


@pytest.mark.parametrize("text", ["[1]", "1", '"a"', "null", " ", "{", '{"a":1'])
def test_only_a_complete_object_is_whole(text: str) -> None:
    """Arguments are an object."""
    assert not JsonPrefix(text).is_whole
    assert not JsonPrefix(text).is_broken


def test_the_scanner_is_linear() -> None:
    """Law 10: twice the pieces, twice the work, for strings, escapes, numbers and nesting."""
    for piece in ("word ", "\\n", "1", "[", "{"):
        costs = []
        for count in (500, 1000):
            scanner = JsonPrefix('{"a":' if piece in "1[" else '{"a":"')

            def work(scanner: JsonPrefix = scanner, count: int = count, piece: str = piece) -> None:
                for _ in range(count):
                    scanner.feed(piece)

            costs.append(lines_run(work))
        assert costs[1] < 2.2 * costs[0]

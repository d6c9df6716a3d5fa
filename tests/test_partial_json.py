"""partial_json: incomplete JSON is right at every moment, in linear time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamkit import Client
from streamkit.errors import AnswerError
from streamkit.pipeline.partial_json import PartialJSON
from streamkit.testing import FakeTransport, chat_stream

DOCUMENTS = [
    '{"a": [1, 2.5e3, -0], "b": {"c": "x\\n\\ud83d\\ude00\\u00e9 y", "d": null}, "e": true, "f": false}',
    '[[], {}, [[{}]], "", "\\"", "\\\\", "\\/"]',
    ' \r\n\t{"long key" : "b" } \n',
    '{"lone": "\\ud83d", "pair": "\\uD83D\\uDE00", "half": "\\ud83dx", "twice": "\\ud83d\\ud83d\\ude00"}',
    '"just text"',
    "[-1.5E-3, 0, 10, true, null]",
    '{"a": 1, "a": 2}',
]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_final_value_is_that_of_the_json_module(document: str, step: int) -> None:
    """It's the same in every cutting, and whether or not `value` was read in between."""
    watched, blind = PartialJSON(), PartialJSON()
    for start in range(0, len(document), step):
        watched.feed(document[start : start + step])
        _ = watched.value
        blind.feed(document[start : start + step])
    assert watched.value == blind.value == json.loads(document)
    assert watched.complete


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{", {}),
        ('{"ti', {}),
        ('{"title"', {}),
        ('{"title": ', {}),
        ('{"title": "', {"title": ""}),
        ('{"title": "He', {"title": "He"}),
        ('{"title": "He\\', {"title": "He"}),
        ('{"title": "He\\u00', {"title": "He"}),
        ('{"title": "He\\ud83d', {"title": "He"}),
        ('{"title": "He\\ud83d\\ude', {"title": "He"}),
        ('{"n": 12', {}),
        ('{"n": 12,', {"n": 12}),
        ('{"n": tru', {}),
        ('{"n": [1, 2', {"n": [1]}),
        ('{"n": [1, "a', {"n": [1, "a"]}),
        ('{"n": [{"a": 1}, {', {"n": [{"a": 1}, {}]}),
        ("12", None),
    ],
)
def test_only_certain_parts_are_shown(text: str, value: Any) -> None:
    """No key before its value begins, no number that may have more digits, no half of an escape."""
    partial = PartialJSON().feed(text)
    assert partial.value == value
    assert not partial.complete


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("nope", 0),
        ("{a", 1),
        ("[1,,", 3),
        ("[1 2", 3),
        ('{"a" 1', 5),
        ('{"a":}', 5),
        ("[1]]", 3),
        ("[1}", 2),
        ('{"a": 1]', 7),
        ("[01]", 1),
        ("[1,]", 3),
        ('{"a":1,}', 7),
        ("[NaN]", 1),
        ('"\\x"', 1),
        ('"a\nb"', 2),
        ("Sure! {", 0),
        ("```json", 0),
        ("{} {", 3),
    ],
)
@pytest.mark.parametrize("step", [1, 100])
def test_text_that_is_not_json_raises(text: str, place: int, step: int) -> None:
    """The error has the position of the first wrong token."""
    partial = PartialJSON()
    with pytest.raises(AnswerError, match=f"the answer isn't JSON at character {place}:"):
        for start in range(0, len(text), step):
            partial.feed(text[start : start + step])


def test_a_partial_value_is_not_a_container() -> None:
    """It has no keys and no items, so that it can't be mistaken for the final object."""
    partial = PartialJSON().feed('{"confirm": false, ')
    with pytest.raises(TypeError):
        partial["confirm"]  # type: ignore[index]
    assert repr(partial) == "PartialJSON({'confirm': False}, complete=False)"


def test_feeding_is_linear() -> None:
    """A string of n pieces is stored as n pieces, which are joined only when `value` is read."""
    partial = PartialJSON().feed('{"a": "')
    for _ in range(1000):
        partial.feed("xy")
    assert partial._string is not None
    assert len(partial._string) == 1000
    assert partial.value == {"a": "xy" * 1000}
    assert len(partial._string) == 1


def test_a_stream_shows_its_object_as_it_grows() -> None:
    """`stream.json_partial()` grows with every piece of text; `parsed()` is the strict final value."""
    transport = FakeTransport(chat_stream('{"city": "O', 'slo", "n"', ": 1", "}"))
    client = Client("generic", base_url="http://fake/v1", transport=transport)
    with client.stream("hi", model="m", response_format="json_object") as stream:
        seen = [(json.dumps(partial.value), partial.complete) for partial in stream.json_partial()]
    assert seen == [
        ('{"city": "O"}', False),
        ('{"city": "Oslo"}', False),
        ('{"city": "Oslo"}', False),
        ('{"city": "Oslo", "n": 1}', True),
    ]
    assert stream.result().parsed() == {"city": "Oslo", "n": 1}


@pytest.mark.parametrize("step", [1, 100])
def test_invisible_characters_around_the_value_are_skipped(step: int) -> None:
    """Some models begin with a byte order mark; inside of a string it is text."""
    text = '\ufeff\u200b{"a": "\ufeffb"}\u200b\n'
    partial = PartialJSON()
    for at in range(0, len(text), step):
        partial.feed(text[at : at + step])
    assert (partial.value, partial.complete) == ({"a": "\ufeffb"}, True)
    with pytest.raises(AnswerError):
        PartialJSON().feed('{\ufeff"a": 1}')

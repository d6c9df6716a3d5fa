"""json_text: lenient decoding with one exception, and encoding that is always valid UTF-8."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from streamkit.json_text import NotJSONError, dumps, encode, encode_compact, loads, scan_object


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(' {"a": [1, 2.5, true, null]}\n', {"a": [1, 2.5, True, None]}, id="white space around"),
        pytest.param('"a\tb\nc\x00"', "a\tb\nc\x00", id="raw control characters in a string"),
        pytest.param('"\\ud83d"', "\ud83d", id="a lone surrogate"),
        pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="the last of two equal names"),
        pytest.param('"é"'.encode(), "é", id="bytes"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="bytes with a byte order mark"),
    ],
)
def test_json_text_is_decoded(text: str | bytes, value: Any) -> None:
    """`loads` accepts text and UTF-8, and strings as models write them."""
    assert loads(text) == value


NOT_JSON: dict[str, str | bytes] = {
    "nothing": "",
    "white space": " \n",
    "text": "not JSON",
    "cut off": '{"a":',
    "two values": "{}{}",
    "a byte order mark in text": "\ufeff{}",
    "nested too deeply": "[" * 100_000,
    "objects nested too deeply": '{"a":' * 100_000,
    "a number of too many digits": "1" * 5000,
    "bytes that aren't UTF-8": b'"\xff"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_one_exception_says_that_a_text_is_not_json(text: str | bytes) -> None:
    """Every reason is a `NotJSONError`, which is a ValueError and has a message."""
    with pytest.raises(NotJSONError, match=r"."):
        loads(text)
    assert issubclass(NotJSONError, ValueError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": "x\ty"}', {"a": "x\ty"}),
        ("{}", {}),
        (' {"a": 1}', None),
        ('{"a": 1}\n', None),
        ("{}{}", None),
        ("[1]", None),
        ("1", None),
        ("null", None),
        ("", None),
        ("{", None),
        ('{"a":' + "[" * 100_000, None),
        ('{"a":' + "1" * 5000 + "}", None),
    ],
    ids=repr,
)
def test_scan_object_returns_an_object_or_none(text: str, value: dict[str, Any] | None) -> None:
    """The fast road takes exactly the texts that are one object; it never raises."""
    assert scan_object(text) == value


def test_scan_object_agrees_with_loads() -> None:
    """On random texts, `scan_object` returns None or the value of `loads`."""
    dice = random.Random("json")
    pieces = ['"x\t"', "}", "{}", "[", "]", ",", " ", "\\", "null", "1", '"a":']
    sure = 0
    for _ in range(5000):
        text = dice.choice(["{", '{"a":', '{"a":{"b":']) + "".join(dice.choices(pieces, k=dice.randrange(4)))
        value = scan_object(text + "}")
        if value is not None:
            sure += 1
            assert loads(text + "}") == value
    assert sure > 200


@pytest.mark.parametrize(
    ("value", "spaced", "compact"),
    [
        ({"a": [1, None]}, '{"a": [1, null]}', '{"a":[1,null]}'),
        ("é\u2028", '"é\u2028"', '"é\u2028"'),
        ({"\ud83d": "x\udc00"}, '{"\\ud83d": "x\\udc00"}', '{"\\ud83d":"x\\udc00"}'),
    ],
    ids=["an object", "beyond ASCII", "lone surrogates"],
)
def test_a_value_is_encoded(value: Any, spaced: str, compact: str) -> None:
    """The text is UTF-8, a lone surrogate is escaped, and decoding returns the same value."""
    assert dumps(value) == spaced
    assert encode(value) == spaced.encode()
    assert encode_compact(value) == compact.encode()
    assert json.loads(spaced) == json.loads(compact) == value


@pytest.mark.parametrize("write", [dumps, encode, encode_compact])
def test_a_value_without_a_json_form_is_refused(write: Any) -> None:
    """As in the standard library: TypeError for a foreign type, ValueError for a cycle."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(TypeError):
        write({"a": object()})
    with pytest.raises(ValueError, match="Circular"):
        write(cycle)

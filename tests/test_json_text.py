"""json_text: lenient decoding with one exception, and encoding that is always valid UTF-8."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from streamkit import json_text
from streamkit.json_text import (
    MAX_DEPTH,
    NotJSONError,
    dumps,
    encode,
    encode_compact,
    loads,
    loads_strict,
    scan_first,
    scan_object,
)


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


def nested(levels: int, *, objects: bool = False) -> str:
    return '{"a":' * levels + "1" + "}" * levels if objects else "[" * levels + "]" * levels


@pytest.mark.parametrize("objects", [False, True], ids=["arrays", "objects"])
def test_deep_nesting_is_refused(objects: bool) -> None:
    """A text may have 100 levels, on both roads; one level more isn't JSON, however short the text is."""
    fits, too_deep = (nested(levels, objects=objects) for levels in (100, 101))
    assert loads(fits, MAX_DEPTH) == json.loads(fits)
    for refuse in (lambda text: loads(text, MAX_DEPTH), loads_strict):
        with pytest.raises(NotJSONError, match="nested deeper than 100 levels"):
            refuse(too_deep)
    assert scan_first(fits, 0) == (json.loads(fits), len(fits))
    assert scan_first(too_deep, 0) is None
    assert scan_object('{"a":' + nested(99, objects=objects) + "}") is not None
    assert scan_object('{"a":' + nested(100, objects=objects) + "}") is None


def test_our_own_files_may_be_nested_deeper() -> None:
    """A completion with the deepest payload that was read can be written and read again."""
    assert loads(nested(200)) == json.loads(nested(200))
    with pytest.raises(NotJSONError, match="nested deeper than 200 levels"):
        loads(nested(201))


def test_brackets_in_strings_and_in_a_row_are_no_nesting() -> None:
    """Only the depth counts: a long list of objects and a text full of brackets are read."""
    for text in (
        json.dumps({"a": [{}] * 5000}),
        json.dumps({"a": "[{" * 5000}),
        '{"a":[' + "[],\n" * 500 + "[]]}",
    ):
        assert scan_object(text) == loads(text) == json.loads(text)


def test_scan_object_agrees_with_loads_near_the_limit() -> None:
    """On random texts of about the deepest nesting, `scan_object` accepts exactly the texts of `loads`."""
    dice = random.Random("depth")
    refused = 0
    for _ in range(2000):
        openings = dice.choices(['{"":', '{"a": ', "[", "[ ", "[0,"], k=dice.randrange(90, 112))
        text = '{"":' + "".join(openings) + "0"
        text += "".join("}" if each[0] == "{" else "]" for each in reversed(openings)) + "}"
        try:
            value = loads(text, MAX_DEPTH)
        except NotJSONError:
            value = None
            refused += 1
        assert scan_object(text) == value
        assert (value is None) == (len(openings) + 1 > 100)
    assert 500 < refused < 1500


def test_the_depth_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MAX_DEPTH` is the one place."""
    monkeypatch.setattr(json_text, "MAX_DEPTH", 3)
    assert loads("[" * 6 + "]" * 6)
    with pytest.raises(NotJSONError, match="6 levels"):
        loads("[" * 7 + "]" * 7)
    assert scan_object('{"a":[{}]}') == {"a": [{}]}
    assert scan_object('{"a":[{"b":[]}]}') is None


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
def test_numbers_without_a_json_form(text: str) -> None:
    """NaN is read, because servers send it; it is never written, because other programs refuse it."""
    value = loads(text)
    assert json.loads(encode(value), parse_constant=pytest.fail) == json.loads(
        text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null")
    )
    assert b"null" in encode_compact(value)
    with pytest.raises(NotJSONError, match="isn't JSON"):
        loads_strict(text)


def test_a_deep_value_is_not_written() -> None:
    """A value that Python's recursion can't follow is a ValueError, as a cycle is."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        encode(value)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [("{}", True), ('{"a": NaN}', False), ("\u00a0{}", False), ("[" * 101 + "]" * 101, False), ("", False)],
)
def test_is_json_is_true_for_what_parsed_reads(text: str, is_read: bool) -> None:
    """Arguments that `FunctionCall.parsed` refuses are never those of a complete call."""
    assert json_text.is_json(text) is is_read

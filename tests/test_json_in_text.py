"""json_in_text: the JSON value in an answer's text, with fences and prose around it."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.json_text import NotJSONError
from streamkit.typed.json_in_text import read_json


def has_v(value: Any) -> bool:
    return isinstance(value, dict) and "v" in value


ONE = {"v": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"v": 1}', ONE),
        ('\n {"v": 1}\n', ONE),
        ('\ufeff{"v": 1}', ONE),
        ('\u200b \u2060{"v": 1}\u200b\n', ONE),
        ('\ufeff```json\n{"v": 1}\n```', ONE),
        ('```json\n{"v": 1}\n```', ONE),
        ('```JSON\n{"v": 1}```', ONE),
        ('```{"v": 1}```', ONE),
        ('```json {"v": 1} ```', ONE),
        ('Here:\n\n```json\n{"v": 1}\n```\nUse `parse()` on it, or ```x```.', ONE),
        ('`v` is the value:\n```json\n{"v": 1}\n```', ONE),
        ('```json\n{"v": "```sh\\nls\\n```"}\n```', {"v": "```sh\nls\n```"}),
        ('```sh\nls\n```\n```json\n{"v": 1}\n```', ONE),
        ('```json\n{"v": 1}\n```\nagain:\n```json\n{"v": 1.0}\n```', ONE),
        ('```json\n{"w": 2}\n```\n```json\n{"v": 1}\n```', ONE),
        ("```json\n5\n```", 5),
    ],
)
def test_fences(text: str, value: Any) -> None:
    """They are read whether or not a server enforces the schema."""
    assert read_json(text, has_v, in_prose=False) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('Sure! {"v": 1}', ONE),
        ('{"v": 1} is the answer.', ONE),
        ('As [1] says, {"v": 1}; see {x}.', ONE),
        ("The list: [1, 2]", [1, 2]),
        ('```json\n{"v": 1}', ONE),
    ],
)
def test_prose(text: str, value: Any) -> None:
    """It is read only if no server enforces the schema."""
    assert read_json(text, has_v, in_prose=True) == value
    with pytest.raises(NotJSONError):
        read_json(text, has_v, in_prose=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        '{"v": ',
        "5 apples",
        'So {"v": 1, "w": {"v": 2}',
        '[{"v": 1}, {"v": 2} or so',
        'So {"v": NaN}',
        '{"a": {"v": 1}, x}',
        '{"v": 1} or {"v": 2}',
        '```json\n{"v": 1}\n```\n```json\n{"v": 2}\n```',
    ],
)
def test_no_value_and_several_are_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(NotJSONError):
        read_json(text, has_v, in_prose=True)


def test_many_brackets_and_fences_end_soon() -> None:
    """The work is limited, whatever the text is."""
    for text in ("[" * 50_000, "[a" * 50_000, "```" * 50_000, "```json {" * 20_000):
        with pytest.raises(NotJSONError):
            read_json(text, has_v, in_prose=True)

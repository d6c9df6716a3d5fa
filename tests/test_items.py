"""What items check, and the values that they derive."""

from __future__ import annotations

import pytest

from streamkit import FunctionCall, InputText, Message, OutputText, UsageError


def test_arguments_are_strict_json() -> None:
    """Blank arguments and null are `{}`. Any other text that isn't JSON raises UsageError."""
    assert FunctionCall("c", "f", ' {"a": 1} ').parsed() == {"a": 1}
    assert FunctionCall("c", "f", " \n").parsed() == FunctionCall("c", "f", "null").parsed() == {}
    for cut in ('{"confirm": fal', '{"a": NaN}', "{'a': 1}", "[" * 100_000):
        with pytest.raises(UsageError, match="the arguments of call 'f' aren't JSON"):
            FunctionCall("c", "f", cut).parsed()


def test_a_string_becomes_the_part_that_fits_the_role() -> None:
    """A string of the model becomes output text, any other string input text."""
    assert Message("assistant", "a").content == (OutputText("a"),)
    assert Message("user", "a").content == (InputText("a"),)
    with pytest.raises(UsageError, match="content: expected parts such as InputText, got int"):
        Message("user", [5])  # type: ignore[list-item]

"""Docstrings of the three styles: the description, and the notes about parameters."""

from __future__ import annotations

import pytest

from streamkit.typed.docstrings import read_docstring

GOOGLE = """Do it.

For today.

Args:
    a: the first
        of two: always
    b (int): the second
    *rest: the others

Returns:
    c: not a parameter
"""

NUMPY = """Do it.

For today.

Parameters
----------
a : int
    the first
    of two: always
b
    the second
*rest
    the others

Returns
-------
c : int
"""

SPHINX = """Do it.

For today.

:param a: the first
    of two: always
:param int b: the second
:param rest: the others
:returns: c
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_three_styles_give_the_same_result(text: str) -> None:
    """The description ends at the first section; notes are one line each; results aren't parameters."""
    assert read_docstring(text) == (
        "Do it.\n\nFor today.",
        {"a": "the first of two: always", "b": "the second", "rest": "the others"},
    )


@pytest.mark.parametrize(
    ("text", "description"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("Do it: today.", "Do it: today.", id="no section"),
        pytest.param("Do it.\n\nRaises:\n    ValueError: never", "Do it.", id="no parameters"),
        pytest.param("Args:\n    a: the first", "", id="no description"),
        pytest.param("Args are few.\n\nNote: this one.", "Args are few.\n\nNote: this one.", id="plain text"),
    ],
)
def test_a_description_without_notes(text: str, description: str) -> None:
    """A docstring may lack sections or a description."""
    assert read_docstring(text)[0] == description

"""Law 12 as a matrix: a secret in each of 20 places times 20 provocations is never visible anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from .secret_matrix import KEY, PLACES, PROVOCATIONS, forms, leaks, shown


def test_the_matrix_has_400_cells() -> None:
    """Twenty places and twenty provocations; none is left out."""
    assert (len(PLACES), len(PROVOCATIONS)) == (20, 20)


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_never_visible(place: str, tmp_path: Path) -> None:
    """Neither in errors, tracebacks with locals, events, pickles, logs, objects nor the recording."""
    found = {}
    for name, script in PROVOCATIONS.items():
        if cell := leaks(shown(place, script, tmp_path)):
            found[name] = cell
    assert found == {}


@pytest.mark.parametrize("form", forms())
def test_the_checker_finds_a_planted_leak(form: str) -> None:
    """Each form of the key is found in a text; a text without it is clean."""
    assert leaks({"log": f"GET /?k={forms()[form]} 200"})
    assert not leaks({"log": "GET /?k=*** 200"})
    assert not leaks({"log": KEY[:10]})

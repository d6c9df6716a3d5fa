"""behaviours: each test that the table of behaviors names exists."""

from __future__ import annotations

from pathlib import Path

from .behaviours import exists, listed, main


def test_every_named_test_exists() -> None:
    """A test that is renamed or removed leaves no id behind."""
    references = [
        (name, each)
        for name, place in listed().items()
        if not place.startswith("argued: ")
        for each in place.split()
    ]
    assert [pair for pair in references if not exists(pair[1])] == []
    assert len(references) > 200


def test_a_row_without_a_test_is_found(tmp_path: Path) -> None:
    """The command fails for an id that no test names."""
    table = tmp_path / "table.md"
    table.write_text("| ID | rule |\n|---|---|\n| HTTP-01 | a |\n| ZZ" + "-98 | b |\n")
    assert main(table) == 1
    table.write_text("| HTTP-01 | a |\n| SSE-20 | argued |\n")
    assert main(table) == 0


def test_a_name_that_no_test_has_is_found() -> None:
    """`exists` looks for the whole name."""
    assert exists("test_behaviours.py::a_name_that_no_test_has_is_found")
    assert not exists("test_behaviours.py::a_name_that_no_test")
    assert not exists("test_nowhere.py::a_name")

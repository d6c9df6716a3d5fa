"""`python -m tests.behaviours TABLE`: which test keeps each numbered behavior of a table.

    takes    a Markdown file whose tables have an id in the first column, such as `| CR-16 | ...`
    prints   each id with its tests, or with the reason why none keeps it
    returns  1 if an id has neither

A test names an id in its docstring, in the id of a parameter or in a fixture's facts. `behaviours.txt` has
the tests of the other ids. tests/test_behaviours.py checks that each of those tests exists.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent
ROW = re.compile(r"^\|\s*([A-Z]{1,6}-\d+[a-z]?)\s*\|", re.MULTILINE)
ID = re.compile(r"\b[A-Z]{1,6}-\d{2}[a-z]?\b")


def listed() -> dict[str, str]:
    """Return the lines of `behaviours.txt` by id: references of tests, or `argued: ...`."""
    lines = (TESTS / "behaviours.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def cited() -> dict[str, list[str]]:
    """Return the files that name an id, by id: tests and the facts of fixtures."""
    found: dict[str, list[str]] = {}
    for path in sorted([*TESTS.rglob("*.py"), *(TESTS.parent / "fixtures").rglob("*.json")]):
        for name in sorted(set(ID.findall(path.read_text()))):
            found.setdefault(name, []).append(str(path.relative_to(TESTS.parent)))
    return found


def exists(reference: str) -> bool:
    """Return True if *reference*, file::test or file::case of a table, is in the tests."""
    file, _, name = reference.partition("::")
    path = TESTS / file
    text = path.read_text() if path.is_file() else ""
    return re.search(rf"^def test_{name}\(|^ +\"{name}\": Case\(", text, re.MULTILINE) is not None


def main(table: Path) -> int:
    """Print every id of *table*; return 1 if one has neither a test nor a reason."""
    by_hand, by_text = listed(), cited()
    missing = []
    for name in ROW.findall(table.read_text()):
        place = by_hand.get(name) or " ".join(by_text.get(name, ()))
        missing += [] if place else [name]
        sys.stdout.write(f"{name:8} {place or 'NONE'}\n")
    sys.stdout.write(f"{len(missing)} without a test or a reason: {' '.join(missing)}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

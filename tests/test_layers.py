"""Who may import whom: the rooms of the package, read from the AST of every file.

`ROOMS` is the rule. A file belongs to exactly one room and imports only from the rooms that its own room
names; imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "streamkit"


class Room(NamedTuple):
    files: str  # module names, `*` for any
    may_import: str  # rooms; its own only where files of it may lean on each other


ROOMS = {
    "words": Room(
        "_version errors events items completion classify frame fragments turn profiles request "
        "conversation parameters schema structure partial_json observe codec stats",
        "words",
    ),
    "stages": Room("stages stages.*", "words"),
    "wires": Room("wires wires.*", "words wires"),
    "pipeline": Room("pipeline", "words stages wires"),
    "net": Room("net net.*", "words net"),
    "telemetry": Room("telemetry", "words"),
    "views": Room("display display.*", "words views"),
    "client": Room("attempts stream client", "words stages wires pipeline net telemetry views client"),
    "tools": Room("tools agent history media", "words client tools"),
    "testing": Room(
        "serve testing testing.* playback pytest_plugin",
        "words stages pipeline net client testing",
    ),
    "front": Room("__init__", "words stages pipeline net client tools telemetry views testing"),
    "command line": Room(
        "__main__ cli cli.* demo demo.*",
        "words stages wires pipeline net client tools telemetry views testing front command-line",
    ),
}

# Imports that break a rule on purpose: (importer, imported) -> why.
EXCEPTIONS = {
    ("items", "display"): "an item shows itself in a notebook, which nobody pays for elsewhere",
    ("completion", "display"): "likewise",
    ("profiles", "pathlib"): "load_profiles reads the one file that its caller names",
}

# What these rooms leave to `net` and the rooms below it: sockets, clocks, disks, chance, threads.
PURE = "words stages wires pipeline"
OUTSIDE = "requests urllib3 http socket ssl select time os pathlib tempfile random threading subprocess"


class Import(NamedTuple):
    module: str  # "streamkit" itself is "__init__"
    line: int
    name: str
    is_own: bool


def rooms_of(module: str) -> list[str]:
    """The rooms whose patterns fit the module's name: one, if all is well."""
    return [name for name, room in ROOMS.items() if any(fnmatch(module, p) for p in room.files.split())]


def modules(package: Path) -> dict[str, Path]:
    """Dotted names inside the package to files; `__init__` stands for the package itself."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def imports(package: Path) -> Iterator[Import]:
    """Every import statement of the package, as absolute names."""
    known = modules(package)
    for module, path in known.items():
        base = [] if module == "__init__" else module.split(".")
        if path.name != "__init__.py":
            base = base[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                up = base[: len(base) - (node.level - 1)] if node.level else []
                source = ".".join(
                    (["streamkit", *up] if node.level else []) + ([node.module] if node.module else [])
                )
                names = [(source, alias.name) for alias in node.names]
            else:
                continue
            for source, name in names:
                if source.split(".")[0] != "streamkit":
                    yield Import(module, node.lineno, source, is_own=False)
                    continue
                inside = source.removeprefix("streamkit").removeprefix(".")
                deeper = f"{inside}.{name}".strip(".")
                yield Import(
                    module, node.lineno, deeper if deeper in known else inside or "__init__", is_own=True
                )


def violations(package: Path) -> list[str]:
    """One line for each file without one room, and for each import that its room does not allow."""
    rooms = {module: rooms_of(module) for module in modules(package)}
    wrong = [f"{m} is in {r or 'no room'}: give it one in ROOMS" for m, r in rooms.items() if len(r) != 1]
    for module, line, name, is_own in imports(package):
        if (module, name) in EXCEPTIONS:
            continue
        for room in rooms[module]:
            allowed = [r.replace("-", " ") for r in ROOMS[room].may_import.split()]
            if is_own and not set(rooms[name]) <= set(allowed):
                wrong.append(f"{module}:{line} ({room}) imports {name} ({', '.join(rooms[name])})")
            if not is_own and room in PURE.split() and name.split(".")[0] in OUTSIDE.split():
                wrong.append(f"{module}:{line} ({room}) imports {name}: that belongs below the client")
    return wrong


def test_no_file_imports_upward() -> None:
    """Each file imports only from the rooms that its own room names."""
    assert violations(PACKAGE) == []


def test_every_listed_exception_is_still_needed() -> None:
    """An exception that nobody uses any more goes."""
    used = {(i.module, i.name) for i in imports(PACKAGE)}
    assert set(EXCEPTIONS) <= used


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        pytest.param(
            "events.py", "from . import pipeline", "imports pipeline", id="word imports the pipeline"
        ),
        pytest.param(
            "stages/lines.py", "from .frames import read_frames", "imports stages.frames", id="stage, stage"
        ),
        pytest.param("wires/chat.py", "from ..stages import lines", "imports stages.lines", id="wire, stage"),
        pytest.param("net/retry.py", "import streamkit.pipeline", "imports pipeline", id="absolute"),
        pytest.param(
            "items.py",
            "def f():\n    from .stages.aggregate import aggregate",
            "imports stages.aggregate",
            id="lazy",
        ),
        pytest.param("turn.py", "from streamkit import read_events", "imports __init__", id="the front door"),
        pytest.param("stages/payloads.py", "import time", "imports time", id="a clock in a pure stage"),
    ],
)
def test_a_planted_upward_import_is_found(tmp_path: Path, file: str, line: str, complaint: str) -> None:
    """The test above can fail: each kind of wrong import is named with its file and line."""
    copy = tmp_path / "streamkit"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    found = violations(copy)
    assert len(found) == len(violations(PACKAGE)) + 1
    assert any(complaint in v and v.startswith(file.removesuffix(".py").replace("/", ".")) for v in found)


def test_a_file_without_a_room_is_found(tmp_path: Path) -> None:
    """A new file must be given its place."""
    (tmp_path / "utils.py").write_text("import json\nfrom . import errors\n", encoding="utf-8")
    (tmp_path / "errors.py").write_text("", encoding="utf-8")
    assert violations(tmp_path) == ["utils is in no room: give it one in ROOMS"]

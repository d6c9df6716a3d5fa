"""README.md: the example prints the output below it, commands are one line each, the layout is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from streamkit.recordings.demo import demo_recording
from streamkit.recordings.server import serve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def test_the_example_prints_the_output_below_it() -> None:
    """The ten lines run unchanged against a server on this machine, and print the block below them."""
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line]) == 10
    with serve(demo_recording("chat"), speed=0) as server:
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", example],
            env={"OPENROUTER_BASE_URL": server.url, "OPENROUTER_API_KEY": "sk-or-none", "PATH": ""},
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
    assert done.stderr == b""
    assert done.stdout.decode() == blocks("text")[0]


def test_there_are_two_commands_for_a_fresh_machine() -> None:
    """One command runs the demo and one the tests; each is a block of one line, to copy and paste."""
    commands = [block for block in blocks("sh") if "venv" in block]
    assert [command.count("\n") for command in commands] == [1, 1]
    assert commands[0].endswith(".venv/bin/streamkit demo\n")
    assert commands[1].endswith(".venv/bin/python -m pytest\n")


def test_commands_in_the_readme_exist() -> None:
    """Each `streamkit COMMAND --option` in the README is a known command with that option."""
    shown = re.findall(r"^(?:.*/)?streamkit (\w+)(.*?)(?:#.*)?$", "".join(blocks("sh")), re.MULTILINE)
    assert shown
    for command, rest in shown:
        done = subprocess.run(
            [sys.executable, "-m", "streamkit", command, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert [o for o in re.findall(r"--[\w-]+", rest) if o not in done.stdout] == []


def layout() -> dict[str, list[str]]:
    """Return each folder's words: `FOLDER/ WORD WORD ...`, and indented lines with more words."""
    found: dict[str, list[str]] = {}
    folder = ""
    for line in blocks("text")[-1].splitlines():
        words = [] if line.startswith("#") else line.split()
        if words and not line.startswith(" "):
            folder = words.pop(0)
        found.setdefault(folder, []).extend(words)
    return found


@pytest.mark.parametrize("side", ["missing from the layout", "in the layout only"])
def test_the_layout_matches_the_package(side: str) -> None:
    """Every file of the package is in the layout once, and every name in the layout exists."""
    files = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "streamkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "__init__.py"
    ]
    listed = [f + word for f, words in layout().items() if f.startswith("streamkit/") for word in words]
    assert len(listed) == len(set(listed))
    wrong = set(files) - set(listed) if side.startswith("missing") else set(listed) - set(files)
    assert ", ".join(sorted(wrong)) == ""
    assert [folder for folder in layout() if folder and not (ROOT / folder).exists()] == []

"""README.md: its programs run, its facts are true, its commands exist. The layout in docs/ is whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamkit import PROFILES
from streamkit.recordings.server import serve
from streamkit.testing import Recording

from .test_docs import ANSWERS, examples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LAYOUT = re.findall(
    r"^```text\n(# vocabulary\n.*?)^```$",
    (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def test_the_example_prints_the_output_below_it() -> None:
    """The first block has eight lines, runs without a key, and prints the block of text below it."""
    example = blocks("python")[0]
    assert len([line for line in example.splitlines() if line]) == 8
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", example],
        env={"PATH": ""},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout.decode().rstrip() == blocks("text")[0].rstrip()


def test_the_doors_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other blocks, and the program that the diff leads to, run against a server on this machine."""
    monkeypatch.chdir(tmp_path)
    with serve(*(Recording.of(body) for body in ANSWERS), speed=0) as server:
        for name in ("OPENROUTER", "OPENAI"):
            monkeypatch.setenv(f"{name}_API_KEY", "sk-none")
            monkeypatch.setenv(f"{name}_BASE_URL", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        program: dict[str, Any] = {}
        for example in list(examples(ROOT / "README.md"))[1:]:
            exec(example.code, program)
    assert program["answer"].text == "High tide in Brest is at 18:04."
    assert len((tmp_path / "tides.jsonl").read_text(encoding="utf-8").splitlines()) >= 2


def test_each_door_has_five_lines_at_most() -> None:
    """A door is a glance, not a page."""
    for example in blocks("python")[1:]:
        assert len(example.splitlines()) <= 5


def test_every_gateway_is_named() -> None:
    """The list of gateways is the table of profiles."""
    section = README.partition("## Gateways\n")[2].partition("\n## ")[0]
    named = re.findall(r"[a-z]+(?:-[a-z]+)*", section.partition("; and generic")[0])
    assert sorted([*named, "generic"]) == sorted(PROFILES)
    assert f"for {len(PROFILES)} gateways" in " ".join(README.split())


def test_the_facts_are_true() -> None:
    """Each proof exists; the figures are those of fixtures/ and benchmarks/RESULTS.md."""
    facts = README.partition("## Five facts")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in facts.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == 5
    for row in rows:
        for file in re.findall(r"`([\w/.]+)`", row[2]):
            assert (ROOT / file).is_file(), file
    count = len(list((ROOT / "fixtures").rglob("*.sse")))
    assert f"each of {count} recorded streams" in facts
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    for bar, figure in (
        ("cost per delta", r"cost ([\d.]+) times"),
        ("`import streamkit` /", r"([\d.]+) times `import"),
    ):
        (row,) = (line.split("|") for line in results.splitlines() if line.startswith(f"| {bar}"))
        (told,) = re.findall(figure, facts)
        assert row[3].strip() == told


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
    for line in LAYOUT.splitlines():
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

"""Types that callers see: README and docs pass mypy --strict and pyright, and planted mistakes don't.

The Python blocks of a page are one program. It becomes one file, whose lines have the numbers of the page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from .test_docs import PAGES, PROGRAMS, examples

ROOT = Path(__file__).parent.parent

# Each line with a mistake names the codes that mypy and pyright report for it; the other lines have none.
PLANTED = """\
from dataclasses import dataclass
from typing import Any, Literal, Union

from streamkit import Client, Completion, FunctionCall, RetryPolicy, Timeouts, ToolSpec, agent, tool


@dataclass
class Weather:
    city: str


@tool
def forecast(city: str, days: int = 1) -> Weather:
    return Weather(city)


@tool(name="sum", strict=True)
def add(numbers: list[int]) -> int:
    return sum(numbers)


client = Client("generic", timeouts=Timeouts(idle=5), retry=RetryPolicy(1))
Client("generic", timeouts=5)  # arg-type, reportArgumentType
Client("generic", retry=3)  # arg-type, reportArgumentType

# -- options of a request
client.stream("hi", model="m", temperature=0.5, tools=[forecast, add, {"type": "web_search"}])
client.stream("hi", model="m", temprature=3)  # call-arg, reportCallIssue
client.stream("hi", model="m", temperature="hot")  # arg-type, reportArgumentType
client.stream("hi", model="m", retry=3)  # arg-type, reportArgumentType
client.stream("hi", modle="m")  # call-arg, reportCallIssue
client.complete("hi", model="m", timeouts=Timeouts(), strict=True, record="run.jsonl", conversation="c")
client.complete("hi", model="m", temprature=3)  # call-arg, reportCallIssue
client.complete("hi", model="m", timeouts=5)  # arg-type, reportArgumentType
client.complete("hi", ask_agian=1)  # call-arg, reportCallIssue
agent.run(client, "hi", [forecast], model="m", max_turns=3, max_tokens=9, instructions="Be brief.")
agent.run(client, "hi", modle="m")  # call-arg, reportCallIssue
agent.run(client, "hi", model="m", temprature=3)  # call-arg, reportCallIssue
agent.run(client, "hi", model="m", retry=3)  # arg-type, reportArgumentType
agent.run(client, "hi", model="m", max_turns="3")  # arg-type, reportArgumentType
options: dict[str, Any] = {"model": "m"}
client.stream("hi", **options)
Client("generic", model="m", temperature=0.5).complete("hi", ask_again=1)
Client("generic", temprature=3)  # call-arg, reportCallIssue
client.complete("hi", **options)
agent.run(client, "hi", **options)

# -- tools
weather: Weather = forecast("Brest", days=2)
total: int = add([1, 2])
forecast(5)  # arg-type, reportArgumentType
forecast()  # call-arg, reportCallIssue
forecast("Brest", hours=2)  # call-arg, reportCallIssue
add(["1"])  # list-item, reportArgumentType
number: int = forecast("Brest")  # assignment, reportAssignmentType
any_tool: ToolSpec = forecast
by_hand = ToolSpec("elsewhere", parameters={"type": "object"})
all_tools: list[ToolSpec] = [forecast, add, by_hand, any_tool]

# -- structured answers
answer = Completion()
weather = answer.parsed(Weather)
many: list[Weather] = answer.parsed(list[Weather])
literal: str = answer.parsed(Literal["sun", "rain"])
either: Weather | int = answer.parsed(Union[Weather, int])
either = answer.parsed(Weather | int)
unnamed: Weather = answer.parsed()
arguments: dict[str, Any] = FunctionCall().parsed()
wrong: int = answer.parsed(Weather)  # assignment, reportAssignmentType
strings: list[str] = answer.parsed(list[Weather])  # assignment, reportAssignmentType
answer.parsed(Weather).town  # attr-defined, reportAttributeAccessIssue
"""


class Problem(NamedTuple):
    file: str
    line: int
    code: str
    message: str


def planted(column: int) -> set[tuple[int, str]]:
    """Line and code of each planted mistake; column 0 is mypy's code, 1 is pyright's."""
    found = set()
    for number, line in enumerate(PLANTED.splitlines(), start=1):
        if codes := re.search(r"  # ([\w-]+), (\w+)$", line):
            found.add((number, codes[column + 1]))
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One file for README and for each page with Python, and one with the planted mistakes.

    The program of a framework needs the framework: without it, every name of it is an error.
    """
    folder = tmp_path_factory.mktemp("programs")
    known = [page for page in PAGES if page.name not in PROGRAMS or find_spec(page.stem)]
    for page in [ROOT / "README.md", *known]:
        text = ""
        for example in examples(page):
            text += "\n" * (example.line - 1 - text.count("\n")) + example.code
        if text:
            name = page.relative_to(ROOT).with_suffix("").as_posix()
            (folder / f"{re.sub('[^a-z]', '_', name.lower())}.py").write_text(text, encoding="utf-8")
    (folder / "planted.py").write_text(PLANTED, encoding="utf-8")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def by_mypy(programs: list[Path]) -> list[Problem]:
    """The problems that one run of mypy reports."""
    pytest.importorskip("mypy", reason="needs mypy: install the extra check")
    folder = programs[0].parent
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml"]
    command += ["--cache-dir", folder / "cache", "--no-error-summary", "--hide-error-context", *programs]
    env = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    pattern = r"^(.+?)\.py:(\d+): error: (.*?)  \[([\w-]+)\]$"
    found = re.findall(pattern, done.stdout, re.MULTILINE)
    return [Problem(Path(file).name, int(line), code, message) for file, line, message, code in found]


@pytest.fixture(scope="module")
def by_pyright(programs: list[Path]) -> list[Problem]:
    """The problems that one run of pyright reports."""
    pytest.importorskip("pyright", reason="needs pyright: install the extra interop")
    folder = programs[0].parent
    settings = {"include": ["*.py"], "extraPaths": [str(ROOT)], "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    env = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [
        Problem(
            Path(each["file"]).stem, each["range"]["start"]["line"] + 1, each.get("rule", ""), each["message"]
        )
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    ]


# Of packages without types, such as pandas.
UNTYPED = ("import-untyped", "no-untyped-call", "reportMissingTypeStubs")


def outside_planted(problems: list[Problem]) -> list[Problem]:
    return [each for each in problems if each.file != "planted" and each.code not in UNTYPED]


def in_planted(problems: list[Problem]) -> set[tuple[int, str]]:
    return {(problem.line, problem.code) for problem in problems if problem.file == "planted"}


def test_every_page_is_a_program(programs: list[Path]) -> None:
    """The extraction finds README's block and those of the pages, at the page's line numbers."""
    assert {"readme.py", "docs_scripts.py", "docs_tools.py", "planted.py"} <= {path.name for path in programs}
    page = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8").splitlines()
    program = next(path for path in programs if path.name == "docs_tools.py").read_text(encoding="utf-8")
    lines = program.splitlines()
    assert len(lines) > 40
    assert [n for n, line in enumerate(lines) if line and line != page[n]] == []


def test_documentation_passes_mypy(by_mypy: list[Problem]) -> None:
    """README.md and every page pass `mypy --strict`."""
    assert "\n".join(map(str, outside_planted(by_mypy))) == ""


def test_mypy_reports_planted_mistakes(by_mypy: list[Problem]) -> None:
    """Each planted mistake is an error with the expected code, and the lines around them have none."""
    assert in_planted(by_mypy) == planted(0)


@pytest.mark.interop
def test_documentation_passes_pyright(by_pyright: list[Problem]) -> None:
    """README.md and every page pass pyright."""
    assert "\n".join(map(str, outside_planted(by_pyright))) == ""


@pytest.mark.interop
def test_pyright_reports_planted_mistakes(by_pyright: list[Problem]) -> None:
    """Each planted mistake is an error with the expected rule, and the lines around them have none."""
    assert in_planted(by_pyright) == planted(1)

"""The prose of docstrings, comments, errors and pages: limits on words that make a sentence hard to read.

Well-written Python libraries use these words rarely: h11, httpx, structlog, urllib3 and attrs stay below the
limits. If a rate is over its limit, the failure lists the sentences to rewrite. The counts aren't the goal: a
sentence must be clear when it is read once.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("streamkit", "docs", "examples")  # folders with Python files
PAGES = ("*.md", "docs/*.md", "examples/*.md", "benchmarks/*.md")


class Mark(NamedTuple):
    """Words to avoid, as a regular expression, and their limit per 1,000 words."""

    words: str
    limit: float
    rewrite: str  # the way out


MARKS = {
    "where": Mark(r"where", 3.0, "a condition takes if, when or unless"),
    "what, who": Mark(r"what|whatever|who|whoever", 3.0, "name the thing or the actor"),
    "say, tell": Mark(
        r"says?|said|saying|tells?|told", 1.7, "payloads contain, servers send, functions return"
    ),
    "is no": Mark(r"(?:is|are|was|were) no(?! longer\b| more\b)", 0.4, "negate the verb"),
    "nobody": Mark(r"nobody|somebody|everybody|nothing", 1.0, "name the actor, or negate the verb"),
    "comes": Mark(r"comes|came", 1.0, "events arrive, and a result is"),
    "odd words": Mark(
        r"anew|likewise|in vain|put right|mend(?:s|ed|ing)?|comes? to|came to|sums? up|summed up|hands? out"
        r"|handed out|goes on with|gone on with|the like|at hand|lies|a word|as (?:it is|they are)"
        r"|as well(?! as\b)",
        0.4,
        "use the field's word: mask, attach, buffer, discard, retry, repair",
    ),
}
CONDITIONS = r"if|when|unless"
LEAST_CONDITIONS = 8.0  # per 1,000 words; other libraries have 10 to 17

# Names of entries in documents outside of the repository, such as RQ-07, P12 or "behaviours X-08".
OUTSIDE = re.compile(
    r"\b(?!(?:UTF|SHA|ISO|GPT)-)[A-Z]{1,3}-\d{1,3}\b|\bP\d{1,2}\b|\b(?:pains|behaviours)(?= [A-Z])|\bDESIGN\b"
)


class Sentence(NamedTuple):
    """A sentence and its place."""

    place: str
    text: str

    def count(self, words: str) -> int:
        """Return how often *words*, a regular expression, occur."""
        return len(re.findall(rf"\b(?:{words})\b", self.text, re.IGNORECASE))


def sentences(root: Path) -> list[Sentence]:
    """Return the sentences of every docstring, comment, error and page below *root*, without inline code."""
    found = []
    for place, text in [*source_texts(root), *page_texts(root)]:
        plain = " ".join(re.sub(r"`[^`]*`", "CODE", text).split())
        found += [Sentence(place, sentence) for sentence in re.split(r"(?<=[.;:!?])\s", plain) if sentence]
    return found


def source_texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each docstring, comment and error message with its file and line."""
    for path in sorted(file for folder in SOURCES for file in (root / folder).rglob("*.py")):
        name, source = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield f"{name}:{getattr(node, 'lineno', 1)}", ast.get_docstring(node) or ""
            elif isinstance(node, ast.Raise) and node.exc is not None:
                yield f"{name}:{node.lineno}", error_text(node.exc)
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and not re.match(r"# *(?:noqa|type:|ruff:|fmt:)", token.string):
                yield f"{name}:{token.start[0]}", token.string.lstrip("# ")


def error_text(raised: ast.expr) -> str:
    """Return the message in `raise Error("message", ...)`; a placeholder of an f-string counts as a word."""
    if not isinstance(raised, ast.Call) or not raised.args:
        return ""
    message = raised.args[0]
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    words = [
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "CODE"
        for part in parts
    ]
    return "".join(words)


def page_texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the paragraphs of each page, without fenced code and without table rows of numbers."""
    for path in sorted(file for pattern in PAGES for file in root.glob(pattern)):
        name = path.relative_to(root).as_posix()
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for paragraph in re.split(r"\n\s*\n", text):
            lines = [line for line in paragraph.splitlines() if not is_row_of_numbers(line)]
            yield name, "\n".join(lines)


def is_row_of_numbers(line: str) -> bool:
    """Return True for a table row with a label and figures, or for the rule below the head of a table."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    figures = [re.fullmatch(r"[\d.,%-]*:?", cell) for cell in cells[1:]]
    return line.startswith("|") and bool(figures) and all(figures)


def rate(words: str, found: list[Sentence]) -> float:
    """Return how often *words* occur per 1,000 words."""
    total = sum(len(sentence.text.split()) for sentence in found)
    return 1000 * sum(sentence.count(words) for sentence in found) / total


def over_limit(mark: Mark, found: list[Sentence]) -> str:
    """Return "" if *mark* is within its limit, else the rate and the sentences to rewrite."""
    measured = rate(mark.words, found)
    if measured <= mark.limit:
        return ""
    hits = [f"{sentence.place}: {sentence.text}" for sentence in found if sentence.count(mark.words)]
    return "\n".join([f"{measured:.1f} per 1,000 words, limit {mark.limit}; {mark.rewrite}:", *hits])


@pytest.fixture(scope="module")
def ours() -> list[Sentence]:
    return sentences(ROOT)


@pytest.mark.parametrize("name", MARKS)
def test_words_that_hide_the_subject_are_rare(name: str, ours: list[Sentence]) -> None:
    """Each mark is within its limit, over all docstrings, comments, errors and pages."""
    assert over_limit(MARKS[name], ours) == ""


def test_conditions_are_conditions(ours: list[Sentence]) -> None:
    """Conditions use if, when and unless, about as often as in other libraries."""
    assert rate(CONDITIONS, ours) >= LEAST_CONDITIONS


def test_no_reference_leads_out_of_the_repository() -> None:
    """The package cites no entry of a document that the repository doesn't contain."""
    assert outside_references(ROOT) == []


def outside_references(root: Path) -> list[str]:
    """Return each reference that matches `OUTSIDE`, with its file and line."""
    return [
        f"{path.relative_to(root).as_posix()}:{number} {found[0]}"
        for path in sorted((root / "streamkit").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for found in OUTSIDE.finditer(line)
    ]


# -- the tests above can fail -------------------------------------------------------------

PLANTED = {
    "docstring": ('"""Tell what is where."""\n', ["where", "what, who", "say, tell"]),
    "comment": ("x = 1  # nobody comes\n", ["nobody", "comes"]),
    "error": ('raise ValueError(f"there is no {1} at hand")\n', ["odd words"]),
    "function": ('def f():\n    """This is no word."""\n', ["is no"]),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_text_is_found(kind: str, tmp_path: Path) -> None:
    """A docstring, a comment and an error each count, and the sentence is reported with its line."""
    source, names = PLANTED[kind]
    (tmp_path / "streamkit").mkdir()
    (tmp_path / "streamkit" / "planted.py").write_text(source, encoding="utf-8")
    found = sentences(tmp_path)
    for name in names:
        assert "streamkit/planted.py:1: " in over_limit(MARKS[name], found)
    assert rate(CONDITIONS, found) < LEAST_CONDITIONS


def test_a_page_counts_without_code_and_figures(tmp_path: Path) -> None:
    """Fenced code, inline code and table rows of numbers aren't prose; other table rows are."""
    page = "Call `what`.\n\n```sh\nsay where\n```\n\n| nobody | x |\n|---|--:|\n| nothing | 1.25 |\n"
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    assert [sentence.text for sentence in sentences(tmp_path)] == ["Call CODE.", "| nobody | x |"]


@pytest.mark.parametrize(
    ("line", "references"),
    [
        pytest.param("# see RQ-07", ["RQ-07"], id="two letters"),
        pytest.param('"""Calls (behaviours B-08)."""', ["behaviours", "B-08"], id="one letter"),
        pytest.param("# (pains P12)", ["pains", "P12"], id="pains"),
        pytest.param("# utf-8, UTF-8 and SHA-256", [], id="standards"),
    ],
)
def test_a_planted_reference_is_found(line: str, references: list[str], tmp_path: Path) -> None:
    """References to entries of other documents are found; names of standards aren't."""
    (tmp_path / "streamkit").mkdir()
    (tmp_path / "streamkit" / "planted.py").write_text(f"\n{line}\n", encoding="utf-8")
    found = {each.removeprefix("streamkit/planted.py:2 ") for each in outside_references(tmp_path)}
    assert found == set(references)

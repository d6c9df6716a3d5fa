"""docs/ is true: examples run and print what they say, links lead somewhere, the event page is fresh."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from streamkit import FunctionCall, Reasoning, Usage
from streamkit.recordings.server import serve
from streamkit.testing import Recording, chat_stream

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(DOCS.glob("*.md"))

# What the server on this machine answers, by model; two answers take turns.
TIDE = chat_stream(
    Reasoning(content=["The port is Brest, so the tide tables of Brittany."]),
    "High tide in Brest",
    " is at 18:04.",
    usage=Usage(input_tokens=21, output_tokens=34, total_tokens=55),
    model="deepseek/deepseek-r1",
)
CALL = FunctionCall("call_1", "tide", '{"port": "Brest"}')
ANSWERS = [
    TIDE,
    TIDE.replace(b"deepseek/deepseek-r1", b"gpt-5-mini"),
    chat_stream('{"port": "Brest", "hour"', ': 18, "minute": 4}', model="qwen/qwen3"),
    chat_stream(CALL, model="qwen/qwen3-coder"),
    chat_stream("At four ", "past six.", model="qwen/qwen3-coder"),
]


# Packages that a page's examples need.
NEEDS = {
    "telemetry.md": ["opentelemetry"],
    "dask.md": ["distributed"],
    "duckdb.md": ["duckdb", "pandas"],
    "spark.md": ["pandas"],
}


# Pages of frameworks: test_web_pages.py runs them, each as its framework does.
PROGRAMS = frozenset(("flask.md", "fastapi.md", "django.md", "gradio.md", "streamlit.md"))


class Example(NamedTuple):
    line: int
    code: str
    output: str | None  # the block of text that follows it, if one does


def blocks(page: Path) -> list[tuple[int, str, str]]:
    """Line, language and text of each fenced block."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start()) + 2, block[1], block[2]) for block in found]


def examples(page: Path) -> Iterator[Example]:
    """The Python of a page; of a diff, what it leads to."""
    all_blocks = blocks(page)
    for (line, language, text), after in zip_longest(all_blocks, all_blocks[1:], fillvalue=(0, "", "")):
        if language == "diff":
            kept = [row[1:] if row[:1] in "+ " else "" for row in text.splitlines() if row[:1] != "-"]
            language, text = "python", "\n".join(kept) + "\n"
        if language == "python":
            yield Example(line, text, after[2] if after[1] == "text" else None)


@pytest.fixture
def server_url() -> Iterator[str]:
    with serve(*(Recording.of(body) for body in ANSWERS), speed=0) as server:
        yield server.url


@pytest.fixture
def a_users_machine(server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys that open nothing, gateways that are the server on this machine, an empty directory."""
    for name in ("OPENROUTER", "OPENAI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-none")
        monkeypatch.setenv(f"{name}_BASE_URL", server_url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    Recording.of(TIDE).save(tmp_path / "tide.jsonl")
    return tmp_path


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if any(examples(p)) and p.name not in {"testing.md", *PROGRAMS}],
    ids=lambda page: page.name,
)
def test_examples_run_and_print_what_they_say(
    page: Path,
    a_users_machine: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a page are one program; each prints the text below it."""
    for module in NEEDS.get(page.name, ()):
        pytest.importorskip(module, reason=f"needs {module} (pip install '.[test,check]')")
    program = ModuleType(f"docs_{page.stem}")
    monkeypatch.setitem(sys.modules, program.__name__, program)  # where dataclasses look their types up
    for example in examples(page):
        padded = "\n" * (example.line - 1) + example.code  # so that a traceback names the page's line
        exec(compile(padded, str(page), "exec", dont_inherit=True), program.__dict__)
        printed = capsys.readouterr().out
        if example.output is not None:
            assert printed.strip() == example.output.strip(), f"{page.name}, line {example.line}"


def test_the_tests_of_the_testing_page_pass(a_users_machine: Path) -> None:
    """Its blocks are one file of tests, which pass beside a recording, and fail without."""
    code = "".join(example.code for example in examples(DOCS / "testing.md"))
    (a_users_machine / "test_page.py").write_text(code, encoding="utf-8")
    recordings = a_users_machine / "recordings"
    recordings.mkdir()
    Recording.of(TIDE).save(recordings / "weather.jsonl")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "8 passed" in done.stdout, done.stdout


def test_the_event_page_is_fresh() -> None:
    """docs/events.md is what make_events.py makes of the docstrings (P38)."""
    made = runpy.run_path(str(DOCS / "make_events.py"))["page"]()
    assert (DOCS / "events.md").read_text(encoding="utf-8") == made, "run python docs/make_events.py"


@pytest.mark.parametrize("name", ["cli", "demo"])
def test_pages_made_from_the_code_are_fresh(name: str) -> None:
    """docs/cli.md is what the parsers say; docs/demo.svg is the demo's recording."""
    script = runpy.run_path(str(DOCS / f"make_{name}.py"))
    made = script["page"]() if name == "cli" else script["picture"]()
    file = DOCS / ("cli.md" if name == "cli" else "demo.svg")
    assert file.read_text(encoding="utf-8") == made, f"run python docs/make_{name}.py"


def test_the_reference_has_every_public_name() -> None:
    """docs/reference/ is what make_reference.py writes; it refuses to leave a public name out."""
    made = runpy.run_path(str(DOCS / "make_reference.py"))["pages"]()
    found = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")}
    assert found == made, "run python docs/make_reference.py"


def test_the_site_has_every_page() -> None:
    """Each page, and each page of the reference, is in the navigation of mkdocs.yml once."""
    text = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^ +- (?:Home: )?([\w/-]+\.md)$", text, re.MULTILINE)
    pages = {page.relative_to(DOCS).as_posix() for page in [*PAGES, *(DOCS / "reference").glob("*.md")]}
    assert sorted(listed) == sorted(pages)


def test_llms_txt_lists_every_page() -> None:
    """The file for programs that read documentation has a line for each page, with a sentence."""
    text = runpy.run_path(str(DOCS / "site_hooks.py"))["llms_txt"]()
    for page in PAGES:
        assert page.stem == "README" or re.search(
            rf"^- \[{page.stem}\]\({page.stem}/\): .{{10,}}$", text, re.MULTILINE
        )
    assert text.startswith("# streamkit\n\n> ")


def test_the_site_is_built(tmp_path: Path) -> None:
    """mkdocs builds it without a warning, with search, a page for each page, and llms.txt."""
    pytest.importorskip("mkdocs", reason="needs mkdocs (pip install '.[docs]')")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings (pip install '.[docs]')")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "search" / "search_index.json").is_file()
    assert (tmp_path / "llms.txt").is_file()
    reference = (tmp_path / "reference" / "client" / "index.html").read_text(encoding="utf-8")
    assert "Client.stream" in reference or "stream" in reference


def test_every_page_is_listed_and_every_link_leads_somewhere() -> None:
    """Links between pages, and to files of the repository."""
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in PAGES} - {"README.md"}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), (page.name, target)


def test_the_error_tree_names_every_error() -> None:
    """The tree of errors.md is whole."""
    import streamkit

    tree = next(text for _, language, text in blocks(DOCS / "errors.md") if language == "text")
    errors = {name for name in streamkit.__all__ if name.endswith("Error")}
    assert errors - set(re.findall(r"\w+Error", tree)) == set()


def test_the_profile_page_names_every_field() -> None:
    """The table of profiles.md has a row for each field, and for nothing else."""
    from attrs import fields

    from streamkit import Profile

    page = (DOCS / "profiles.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(field.name for field in fields(Profile))


def test_commands_exist() -> None:
    """Each `streamkit COMMAND` of a page is one that the command line knows."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shell = "".join(code for page in PAGES for _, language, code in blocks(page) if language == "sh")
    named = {*re.findall(r"`streamkit (\w+)", text), *re.findall(r"^streamkit (\w+)", shell, re.MULTILINE)}
    command = [sys.executable, "-m", "streamkit", "--help"]
    known = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", known)] == []


def test_the_guides_of_contributing_lead_to_files_and_names_that_exist() -> None:
    """A row of "Small changes" and a section "Add ..." name files, and names that are defined in them."""
    page = (DOCS / "contributing.md").read_text(encoding="utf-8")
    guides = page[page.index("## Small changes") : page.index("## Layout")]
    rows = [line for line in guides.splitlines() if line.startswith("| ")]
    assert len(rows) > 10
    for row in [*rows[1:], *re.split(r"^## ", guides, flags=re.MULTILINE)[2:]]:
        named = re.findall(r"`([^`\n]+)`", row)
        files = [path for name in named if name.endswith(".py") for path in _files(name)]
        source = "".join(path.read_text(encoding="utf-8") for path in files)
        for name in named:
            if name.endswith(".py"):
                assert _files(name), f"{row}: no file {name}"
            elif re.fullmatch(r"_?[A-Za-z]+[A-Z_a-z.]*", name) and files:
                assert re.search(rf"\b{name.rpartition('.')[2]}\b", source), f"{row}: {name} is nowhere"


def _files(name: str) -> list[Path]:
    """The files that a page means: below the repository, the package or its tests; `<api>` is any."""
    pattern = re.sub(r"<\w+>", "*", name.removeprefix("streamkit/").removeprefix("python "))
    tests = [*(DOCS.parent / "tests").glob(pattern)] if "/" not in pattern else []
    return [*(DOCS.parent / "streamkit").glob(pattern), *DOCS.parent.glob(pattern), *tests]

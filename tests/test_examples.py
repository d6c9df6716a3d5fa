"""examples/ run: scripts against a server on this machine, the notebook from top to bottom in a kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamkit import FunctionCall
from streamkit.recordings.server import serve
from streamkit.testing import Recording, chat_stream

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_script(name: str, *arguments: str, answers: list[bytes], stdin: str = "") -> Any:
    with serve(*(Recording.of(body) for body in answers), speed=0) as server:
        return subprocess.run(
            [sys.executable, str(EXAMPLES / name), *arguments],
            input=stdin,
            env={
                **os.environ,
                "OPENROUTER_API_KEY": "sk-none",
                "OPENROUTER_BASE_URL": server.url,
                "NO_PROXY": "127.0.0.1",
                "PYTHONUTF8": "1",
            },
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )


def test_stream_shows_an_answer() -> None:
    """Text, then the line that says how it ended."""
    done = run_script("stream.py", "m", answers=[chat_stream("Because of ", "Rayleigh.")])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Because of Rayleigh.\nstop")


def test_stream_tells_of_a_cut() -> None:
    """What had arrived, the reason, and an exit status."""
    body = chat_stream("Because of ", "Rayleigh.")
    done = run_script("stream.py", "m", answers=[body[: body.index(b"Rayleigh")]])
    assert done.returncode == 1
    assert done.stdout.startswith("Because of \nTruncatedStreamError")
    assert done.stderr.startswith("TruncatedStreamError: ")


def test_batch_answers_each_line() -> None:
    """In the order of the questions, one line of JSON each."""
    done = run_script("batch.py", "m", answers=[chat_stream("Yes.")], stdin="One?\n\nTwo?\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"question": "One?", "text": "Yes."},
        {"question": "Two?", "text": "Yes."},
    ]


def test_batch_keeps_what_had_arrived() -> None:
    """A failed question is a line with its reason, and the exit status says so."""
    body = chat_stream("Ye", "s.")
    done = run_script("batch.py", "m", answers=[body[: body.index(b"s.")]], stdin="One?\n")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (line["text"], line["error"].split(":")[0]) == ("Ye", "TruncatedStreamError")


def test_the_agent_runs_its_tools() -> None:
    """The call, its output and the last turn's text are shown."""
    call = FunctionCall("call_1", "product", '{"numbers": [6, 7]}')
    done = run_script("agent.py", "m", answers=[chat_stream(call), chat_stream("It is 42.")])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == ['product({"numbers": [6, 7]})', "-> 42", "It is 42."]


# -- the notebook -------------------------------------------------------------------------

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The notebook after a run from top to bottom, the recording at fifty times its pace."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"needs {package} (pip install 'streamkit[notebook]')")
    folder = tmp_path_factory.mktemp("notebook")
    source = (EXAMPLES / "streaming.ipynb").read_text(encoding="utf-8")
    assert source.count("speed=1") == 1
    (folder / "in.ipynb").write_text(source.replace("speed=1", "speed=50"), encoding="utf-8")
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "IPYTHONDIR": str(folder), "JUPYTER_NO_CONFIG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(folder / "in.ipynb"), str(folder / "out.ipynb")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    executed: dict[str, Any] = json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))
    return executed


def outputs(notebook: dict[str, Any], beginning: str) -> list[dict[str, Any]]:
    """The outputs of the one cell whose source has *beginning* at the start of a line."""
    (cell,) = (c for c in notebook["cells"] if re.search(f"^{beginning}", "".join(c["source"]), re.MULTILINE))
    found: list[dict[str, Any]] = cell["outputs"]
    return found


def html_of(output: dict[str, Any]) -> str:
    return "".join(output["data"]["text/html"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_notebook_shows_an_answer_in_place(notebook: dict[str, Any]) -> None:
    """Reasoning folded, the text as HTML, two calls, and the last line: one output each, none twice."""
    reasoning, text, *calls, last = (html_of(output) for output in outputs(notebook, "answer = "))
    assert reasoning.startswith("<details><summary>Reasoning (")
    assert text.startswith("<p>Both, in this order:</p><ul><li><strong>Down on foot.</strong> From Graça")
    assert [re.findall(r"<strong>(.*?)</strong>", call) for call in calls] == [
        ["get_forecast"],
        ["get_tram_status"],
    ]
    assert last.startswith("<p><small>tool_calls · 187 + 149 tokens")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_notebook_keeps_a_broken_answer_on_view(notebook: dict[str, Any]) -> None:
    """The partial text, the reason, and what the cell printed of the error."""
    partial, reason, printed = outputs(notebook, "cut = ")
    assert html_of(partial) == "<p>Take the tram up and **walk</p>"
    assert "TruncatedStreamError" in html_of(reason)
    assert "'Take the tram up and **walk'" in "".join(printed["text"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_notebook_runs_nothing_that_a_model_wrote(notebook: dict[str, Any]) -> None:
    """No script, no image, no handler in any output."""
    pages = [
        html_of(o)
        for c in notebook["cells"]
        for o in c.get("outputs", [])
        if "text/html" in o.get("data", {})
    ]
    assert len(pages) > 8
    for page in pages:
        assert not re.search(r"<(script|img|iframe|style)|<[^>]* on\w+=|href=.javascript", page)


def test_the_notebook_is_stored_without_outputs() -> None:
    """What is committed is what somebody wrote, so that changes can be read."""
    cells = json.loads((EXAMPLES / "streaming.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)

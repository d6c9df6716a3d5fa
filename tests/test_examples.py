"""examples/: scripts run against a server on this machine, and the notebook in a kernel."""

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
    """The script prints the text, then a line with the ending."""
    done = run_script("stream.py", "m", answers=[chat_stream("Because of ", "Rayleigh.")])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Because of Rayleigh.\nstop")


def test_stream_reports_a_cut_answer() -> None:
    """The script prints the partial text and the error, and exits with status 1."""
    body = chat_stream("Because of ", "Rayleigh.")
    done = run_script("stream.py", "m", answers=[body[: body.index(b"Rayleigh")]])
    assert done.returncode == 1
    assert done.stdout.startswith("Because of \nTruncatedStreamError")
    assert done.stderr.startswith("TruncatedStreamError: ")


def test_batch_answers_each_line() -> None:
    """Each answer is a line of JSON, in the order of the questions."""
    done = run_script("batch.py", "m", answers=[chat_stream("Yes.")], stdin="One?\n\nTwo?\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"question": "One?", "text": "Yes."},
        {"question": "Two?", "text": "Yes."},
    ]


def test_batch_keeps_a_partial_answer() -> None:
    """A failed question is a line with the partial text and the error; the exit status is 1."""
    body = chat_stream("Ye", "s.")
    done = run_script("batch.py", "m", answers=[body[: body.index(b"s.")]], stdin="One?\n")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (line["text"], line["error"].split(":")[0]) == ("Ye", "TruncatedStreamError")


def test_the_agent_runs_its_tools() -> None:
    """The script prints the call, its output and the last turn's text."""
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
    """Run the notebook from top to bottom, with the recording at fifty times its pace; return the result."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"needs {package}: install the extra notebook")
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
    """Return the outputs of the only cell with a line that starts with *beginning*."""
    (cell,) = (c for c in notebook["cells"] if re.search(f"^{beginning}", "".join(c["source"]), re.MULTILINE))
    found: list[dict[str, Any]] = cell["outputs"]
    return found


def html_of(output: dict[str, Any]) -> str:
    return "".join(output["data"]["text/html"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_notebook_shows_an_answer_in_place(notebook: dict[str, Any]) -> None:
    """Folded reasoning, the text as HTML, two calls and the last line are one output each."""
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
def test_the_notebook_keeps_a_partial_answer_visible(notebook: dict[str, Any]) -> None:
    """The outputs are the partial text, the error, and the lines that the cell prints about it."""
    partial, reason, printed = outputs(notebook, "cut = ")
    assert html_of(partial) == "<p>Take the tram up and **walk</p>"
    assert "TruncatedStreamError" in html_of(reason)
    assert "'Take the tram up and **walk'" in "".join(printed["text"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_notebook_runs_no_text_of_a_model(notebook: dict[str, Any]) -> None:
    """No output contains a script, an image or an event handler."""
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
    """The committed notebook has no outputs, so that diffs stay readable."""
    cells = json.loads((EXAMPLES / "streaming.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.interop
def test_an_agent_uses_two_mcp_servers() -> None:
    """The script prints the tools, each call with its output, and the answer of the recorded model."""
    pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    done = run_script("mcp_agent.py", answers=[chat_stream("unused")])
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "tools: tides_next_one, trains_next_one",
            'tides_next_one({"place": "Brest"}) -> 18:04 at Brest',
            'trains_next_one({"place": "Brest"}) -> 17:20 to Brest',
            "Take the train at 17:20: high tide is at 18:04.",
        ],
    ), done.stderr

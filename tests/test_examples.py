"""examples/: scripts run against a server on this machine, and the notebook in a kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from streamkit import Client
from streamkit.recordings.server import serve
from streamkit.testing import FakeTransport, Recording, chat_stream

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


OUTPUTS = {
    "chat_loop.py": """\
> When is high tide in Brest?
High tide in Brest is at 18:04.
> And in Cherbourg?
In Cherbourg it is at 20:11.
""",
    "agent.py": """\
product({"numbers": [6, 7]})
-> 42
It is 42.
""",
    "extract_pdf.py": """\
invoice 2026-118: 41.50
  Tide table    12.00
  Chart         29.50
""",
    "batch_csv.py": """\
1 1 batches
1 1 asked neutral
1 2 asked neutral
1 3 asked neutral
2 0 batches
2 1 journal neutral
2 2 journal neutral
2 3 journal neutral
""",
    "map_csv.py": """\
1 1 asked neutral
1 2 asked neutral
1 3 asked neutral
2 1 journal neutral
2 2 journal neutral
2 3 journal neutral
""",
    "record_and_test.py": """\
recorded: tide.jsonl
whole: 18:04
cut after 200 bytes: ?
""",
    "change_wires.py": """\
chat: tide
messages: High tide in Brest is at 18:04.
left at home: item 1 (reasoning) has no signature, and generic accepts only signed ones
""",
}
PAGES = ("fastapi_page.py", "gradio_chat.py", "streamlit_chat.py")  # these run until they are stopped
OTHERS = ("connection.py", "stream.py", "consumer.py", "mcp_agent.py")  # tested below, and in their own files


def run_example(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        stdin=subprocess.DEVNULL,
        env={**kept, "PYTHONUTF8": "1", **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_every_example_is_tested_and_listed() -> None:
    """The folder has no other file, and its README names each one."""
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert files == {*OUTPUTS, *PAGES, *OTHERS}
    listed = re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(files - {"connection.py"})


def test_an_example_without_its_package_names_the_extra(tmp_path: Path) -> None:
    """Its servers are other processes, which fail without a word."""
    # Python imports this module first; a None in `sys.modules` is a package that isn't installed.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['mcp'] = None")
    done = run_example("mcp_agent.py", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the package mcp isn't installed; in a clone: pip install '.[mcp]'\n"


@pytest.mark.parametrize("name", OUTPUTS)
def test_examples_run_without_arguments(name: str) -> None:
    """Neither a key nor a network is needed: a server on this machine plays the answers."""
    done = run_example(name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(OUTPUTS[name])


@pytest.mark.parametrize("name", [*OUTPUTS, pytest.param("mcp_agent.py", marks=pytest.mark.interop)])
def test_examples_take_a_real_server(name: str) -> None:
    """With --base-url and --model, the request goes there."""
    if name == "mcp_agent.py":
        pytest.importorskip("mcp", reason="needs mcp: install the extra interop")
    text = '{"number": "7", "total": 1, "lines": []}' if name == "extract_pdf.py" else "At 19:59."

    with serve(Recording.of(chat_stream(text)), speed=0) as server:
        done = run_example(name, "--base-url", server.url, "--model", "real")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"extract_pdf.py": "invoice 7: 1.00"}.get(name, "19:59") in done.stdout


def test_the_pdf_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled invoice is a PDF with one page: its table of objects leads to each object."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    body: bytes = import_module("extract_pdf").page().read_bytes()
    start = int(body.rsplit(b"startxref\n", 1)[1].split()[0])
    rows = re.findall(rb"(\d{10}) 00000 n ", body[start:])
    assert body[start:].startswith(b"xref\n0 5\n")
    assert [body[int(row) :].startswith(b"%d 0 obj" % (n + 1)) for n, row in enumerate(rows)] == [True] * 4


@pytest.mark.interop
def test_the_page_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI's page has the form; /ask passes the pieces on; a broken answer ends with its error."""
    pytest.importorskip("fastapi", reason="needs fastapi: install the extra interop")
    pytest.importorskip("httpx", reason="needs httpx: install the extra interop")
    from starlette.testclient import TestClient

    monkeypatch.syspath_prepend(str(EXAMPLES))
    page = import_module("fastapi_page")
    body = chat_stream("High tide ", "is at 18:04.")
    transport = FakeTransport(body, body[: body.index(b"is at")])
    visitor = TestClient(
        page.make_app(Client("generic", base_url="http://x/v1", model="m", transport=transport))
    )
    assert "<form>" in visitor.get("/").text
    assert visitor.get("/ask", params={"q": "When?"}).text == "High tide is at 18:04."
    assert visitor.get("/ask", params={"q": "When?"}).text == (
        "High tide \n[the answer failed: TruncatedStreamError]"
    )


def test_the_gradio_chat_yields_growing_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's own list of messages, with its `metadata`, is the conversation."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    page = import_module("gradio_chat")
    transport = FakeTransport(page.ANSWER)
    client = Client("generic", base_url="http://x/v1", model="m", transport=transport)
    history = [{"role": "user", "content": "Hi", "metadata": None, "options": None}]
    texts = list(page.answer(client, "When?", history))
    assert texts == ["High tide ", "High tide in Brest ", "High tide in Brest is at 18:04."]
    assert [m["content"] for m in transport.bodies[0]["messages"]] == ["Hi", "When?"]


@pytest.mark.interop
def test_the_gradio_page_is_made() -> None:
    """In a process of its own: gradio leaves sockets and loops behind."""
    if find_spec("gradio") is None:
        pytest.skip("needs gradio: install the extra interop")
    code = "import sys, gradio_chat; print(type(gradio_chat.make_page(None)).__name__)"
    env = {**os.environ, "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{EXAMPLES.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.stdout.strip() == "ChatInterface", done.stderr


@pytest.mark.interop
def test_the_streamlit_chat_keeps_its_conversation() -> None:
    """A prompt and its answer are on the page; the next turn follows them."""
    if find_spec("streamlit") is None:
        pytest.skip("needs streamlit: install the extra interop")
    code = "import sys; sys.argv = ['streamlit_chat.py']; sys.path.insert(0, sys.orig_argv[-1])\n" + STREAMLIT
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLES)], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.stdout.splitlines()[-1:] == [str([["When?"], ["High tide in Brest is at 18:04."]] * 2)], (
        done.stderr
    )


STREAMLIT = """
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.path[0] + "/streamlit_chat.py", default_timeout=30).run()
for _ in range(2):
    app.chat_input[0].set_value("When?").run()
print([[m.value for m in message.markdown] for message in app.chat_message])
"""


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

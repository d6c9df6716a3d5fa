"""A real kernel: `.show()` draws once, and a stream shows its state before, during and after it is read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from streamkit.testing import chat_stream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kernels start slowly on Windows"),
]

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, allow_errors=True).execute()
nbformat.write(notebook, sys.argv[1])
"""
START = """
from streamkit import Client
from streamkit.testing import FakeTransport, FakeReply
answer = open("answer.sse", "rb").read()
client = Client("generic", base_url="http://127.0.0.1/v1", transport=FakeTransport(answer))
"""
STOPPED = """
def chunks():
    yield answer[:answer.index(b"Rayleigh")]
    raise KeyboardInterrupt
stopped = Client("generic", base_url="http://127.0.0.1/v1", transport=FakeTransport(FakeReply(chunks())))
stopped = stopped.stream("Why?", model="m")
stopped.show()
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Run the cells in one kernel; return the outputs of each by its source."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason="needs a kernel (pip install '.[notebook]')")
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "answer.sse").write_bytes(chat_stream("Because of ", "Rayleigh.", model="m"))
    cells = [
        START,
        'client.stream("Why?", model="m").show()',
        'answer_1 = client.stream("Why?", model="m").show()',
        "answer_1",
        'client.stream("Why?", model="m").result()',
        'stream = client.stream("Why?", model="m"); stream',
        "next(stream); next(stream); next(stream); next(stream); stream",
        "stream.until_done()",
        STOPPED,
        "stopped",
        "stopped.partial",
    ]
    nodes = [
        {"cell_type": "code", "metadata": {}, "source": c, "outputs": [], "execution_count": None}
        for c in cells
    ]
    path = folder / "cells.ipynb"
    path.write_text(json.dumps({"cells": nodes, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    subprocess.run([sys.executable, "-c", RUN, str(path)], cwd=folder, check=True, capture_output=True)
    done = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {"".join(cell["source"]): cell["outputs"] for cell in done}


def html(output: dict[str, Any]) -> str:
    return "".join(output["data"]["text/html"])


def test_show_as_the_last_line_draws_once(outputs: dict[str, list[dict[str, Any]]]) -> None:
    """The cell has the live view only; an answer that is named in a later cell is drawn as ever."""
    shown = outputs['client.stream("Why?", model="m").show()']
    assert [output["output_type"] for output in shown] == ["display_data", "display_data"]  # text, last line
    assert html(shown[0]) == "<p>Because of Rayleigh.</p>"
    for cell in ("answer_1", 'client.stream("Why?", model="m").result()'):
        (output,) = outputs[cell]
        assert output["output_type"] == "execute_result"
        assert html(output).startswith("<p>Because of Rayleigh.</p><p><small>m · stop")


@pytest.mark.parametrize(
    ("cell", "text", "state"),
    [
        ('stream = client.stream("Why?", model="m"); stream', "", "not sent yet: iterate over the stream"),
        (
            "next(stream); next(stream); next(stream); next(stream); stream",
            "<p>Because of</p>",
            "incomplete: the stream is still open",
        ),
        ("stream.until_done()", "<p>Because of Rayleigh.</p>", "m · stop"),
        ("stopped", "<p>Because of</p>", "incomplete: interrupted before its end"),
    ],
)
def test_a_stream_shows_its_state(
    outputs: dict[str, list[dict[str, Any]]], cell: str, text: str, state: str
) -> None:
    """Before it is sent, in the middle, at the end, and after an interrupt: the text so far and the state."""
    (output,) = outputs[cell]
    assert html(output).startswith(f"{text}<p><small>{state}")
    assert "Because of" not in text or "Because of" in "".join(output["data"]["text/markdown"])


def test_an_interrupt_leaves_the_text_and_a_short_traceback(outputs: dict[str, list[dict[str, Any]]]) -> None:
    """The live view has what arrived; the error is the last output of the cell."""
    *views, error = outputs[STOPPED]
    assert html(views[0]).strip() == "<p>Because of</p>"
    assert (error["output_type"], error["ename"]) == ("error", "KeyboardInterrupt")
    assert len(error["traceback"]) < 12

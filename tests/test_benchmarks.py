"""The benchmark runs: a tiny round of every section on the two contestants that are always there.

Nothing here is about time: what it takes is for `python -m benchmarks` to say.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import streamkit.pipeline

sys.path.append(str(Path(__file__).resolve().parent.parent))  # benchmarks/ is never installed

from benchmarks.__main__ import PLOT, main
from benchmarks.contestants import CONTESTANTS, Answer, Source
from benchmarks.counts import FILE, WORKLOADS, counts
from benchmarks.plot import draw
from benchmarks.report import Bar
from benchmarks.sections import SECTIONS
from benchmarks.worker import fault
from benchmarks.workloads import build

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """One small run of every section, in processes of its own, as a user starts it."""
    out = tmp_path_factory.mktemp("benchmarks") / "RESULTS.md"
    command = [sys.executable, "-m", "benchmarks", "--small", "--out", str(out)]
    subprocess.run(
        [*command, "--contestants", "floor", "streamkit", "--python", sys.executable],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return out


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_figure_of_streamkit(small_run, section):
    """No section loses its subject on the way: a fault takes a contestant out of a table silently enough."""
    text = small_run.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    assert "streamkit" in text or "accumulate" in text
    if section != "versions":  # older ones don't know every API
        assert "took no part" not in text


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_bar_is_measured(small_run):
    """Each bar ends in a verdict; those against openai need openai."""
    rows = small_run.read_text(encoding="utf-8").split("## Bars")[1].split("## ")[0].splitlines()
    verdicts = [row.split("|")[-2].strip() for row in rows if row.startswith("|")][2:]
    assert len(verdicts) >= 12
    assert set(verdicts) <= {"met", "**missed**"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_plot_is_an_svg_that_names_everybody(small_run):
    """It is written by hand, so a reader other than us has to accept it."""
    svg = ElementTree.parse(small_run.with_name(PLOT))
    texts = {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"floor", "streamkit"} <= texts


def test_a_contestant_that_is_not_installed_is_skipped_and_named(capsys):
    """Peers pin incompatible versions: hardly anybody has all of them."""
    assert main(["--small", "memory", "--contestants", "floor", "any-llm", "--python", sys.executable]) == 0
    assert "skipped: No module named" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "kinds"), [("messages", ("text", "thinking")), ("gemini", ("text",))])
def test_a_workload_of_another_api_says_what_it_holds(name, kinds):
    """The text and the thoughts to check against are what the events carry, and streamkit reads them."""
    work = build(name, 80)
    payloads = [json.loads(frame.partition(b"data: ")[2]) for frame in work.frames]
    pieces = [part for p in payloads for c in p.get("candidates", ()) for part in c["content"]["parts"]]
    pieces += [payload["delta"] for payload in payloads if payload.get("type") == "content_block_delta"]
    said = {kind: "".join(piece.get(kind, "") for piece in pieces) for kind in kinds}
    assert (said["text"], said.get("thinking", "")) == (work.text, work.reasoning)
    answer = CONTESTANTS["streamkit read_events"].load()(Source(work.api, work.frames)).answer()
    assert fault(answer, name, 80) == ""
    assert len(pieces) == work.deltas == 80


@pytest.mark.parametrize("name", ["text", "tools", "reasoning", "responses"])
def test_a_workload_is_the_same_every_time_and_says_what_it_holds(name):
    """Two processes build it from its name, and the text to check against is what the events carry."""
    work = build(name, 80)
    build.cache_clear()
    assert build(name, 80) == work
    payloads = [
        json.loads(frame.partition(b"data: ")[2]) for frame in work.frames if b"data: [DONE]" not in frame
    ]
    deltas = [choice["delta"] for payload in payloads for choice in payload.get("choices", ())]
    said = [p["delta"] for p in payloads if p.get("type") == "response.output_text.delta"]
    assert "".join([d.get("content") or "" for d in deltas] + said) == work.text
    assert "".join(d.get("reasoning_content") or "" for d in deltas) == work.reasoning
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    for n, arguments in enumerate(work.arguments):
        pieces = [call["function"]["arguments"] for call in calls if call["index"] == n]
        assert "".join(pieces) == arguments
        assert json.loads(arguments)["path"] == f"notes/{n}.md"
    assert work.deltas == 80


def test_an_answer_that_lost_something_is_a_fault():
    """Nobody wins by dropping a delta."""
    work = build("text", 10)
    assert fault(Answer(1, work.text, "", []), "text", 10) == ""
    assert fault(Answer(1), "text", 10) == ""  # it hands none of it out
    assert "characters" in fault(Answer(1, work.text[:-1]), "text", 10)
    assert "calls" in fault(Answer(1, None, None, ["{}"]), "tools", 16)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_streamkit_makes_the_same_answer_with_and_without_its_client(api):
    """What the pipeline costs and what the client costs are about the same work."""
    work = build("text" if api == "chat" else "responses", 30)
    source = Source(api, work.frames)
    by_client = CONTESTANTS["streamkit"].load()(source).answer()
    alone = CONTESTANTS["streamkit read_events"].load()(source).answer()
    assert by_client.text == alone.text == work.text
    assert by_client.events == alone.events + 1  # Opened


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        pytest.param(Bar("a", 1.4, [1.0, 1.4, 9.0]), "met", id="the median counts"),
        pytest.param(Bar("a", 1.4, [1.41]), "**missed**", id="above a limit"),
        pytest.param(Bar("a", 30, [31.0], at_least=True), "met", id="above what it has to reach"),
        pytest.param(Bar("a", 30, [29.0], at_least=True), "**missed**", id="below what it has to reach"),
        pytest.param(Bar("a", 3, [math.nan]), "not measured", id="memory elsewhere than on Linux"),
        pytest.param(Bar("a", 3, []), "not measured", id="a contestant that failed"),
    ],
)
def test_a_bar_says_whether_it_is_met(bar, verdict):
    """Met, missed, or not measured: never met for want of figures."""
    assert bar.cells()[-1] == verdict


def test_a_plot_of_nothing_is_nothing():
    """A run without the section on lengths draws no empty frame."""
    assert draw({}) == ""


def test_the_job_benchmark_loses_nothing():
    """A small run of rows with faults and of kills: every row of client.map has an answer."""
    command = [sys.executable, "-m", "benchmarks.jobs", "--small", "faults", "kills"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[1] for row in rows] == ["threads + complete", "client.map", "client.map"]
    assert [row[2] for row in rows if row[1] == "client.map"] == ["0", "0"]


# -- counted operations -------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{work}{what}" for work in WORKLOADS for what in ("", ", client")])
def test_a_delta_takes_no_more_operations_than_before(name):
    """Calls, decoded texts and memory for each delta, which don't depend on the machine.

    If growth is worth it, `python -m benchmarks.counts --write` keeps the new counts.
    """
    before = json.loads(FILE.read_text(encoding="utf-8"))[name]
    now = counts(name.removesuffix(", client"), client=name.endswith("client"))
    assert now.keys() == before.keys()
    grown = {what: (before[what], now[what]) for what in now if now[what] > 1.1 * before[what]}
    assert not grown


def test_more_operations_are_found(monkeypatch):
    """The counts can grow: without the lane, each delta decodes its payload and takes more calls."""
    before = counts("text", client=False)
    monkeypatch.setattr(streamkit.pipeline, "new_lane", lambda *args: None)
    now = counts("text", client=False)
    assert now["calls"] > 2 * before["calls"]
    assert (before["scans"], now["scans"]) == (0, 1)

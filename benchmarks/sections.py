"""The sections of the results: each function measures, and returns Markdown tables and bars.

A section takes the arena. `SECTIONS` lists the sections in the order in which they run. The limits of
the bars are this project's own. A section's docstring is printed below its heading.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import measure
from .measure import Arena, Figures, ratios
from .processes import run_json
from .report import Bar, figures_table, fresh_table, number, spread, table
from .server import DELIVERIES
from .stages import SCAN

WAYS = {
    "memory": "from memory, one chunk per event",
    "memory-bulk": "from memory, chunks of 64 KiB",
    **{name: f"over loopback HTTP, {what}" for name, what in DELIVERIES.items()},
}
CPU = "CPU µs/delta"
CLIENT = (0.55, 0.45)  # limit and goal of the client, over the floor
VERSIONS = {"0.1.0": "6e62e67"}  # the last commit of each


@dataclass
class Section:
    """The results of a section."""

    markdown: str
    bars: list[Bar] = field(default_factory=list)
    lines: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)  # for the plot


def answers(
    arena: Arena, workload: str, deltas: int, limits: Mapping[str, tuple[float, float | None]]
) -> Section:
    """Measure one workload in every delivery; *limits* maps some deliveries to (limit, goal).

    From memory they are those of `read_events`; the client has its own.
    """
    section = Section("")
    for delivery, what in WAYS.items():
        plan = arena.plan.closely() if delivery in limits else arena.plan
        figures = measure.costs(arena, f"{workload}, {delivery}", workload, deltas, delivery, plan)
        section.markdown += f"### {workload}, {what}\n\n{figures_table(figures, CPU)}\n"
        if delivery in limits:
            for name in ("streamkit", "streamkit read_events"):
                if name in figures.samples:
                    limit, goal = CLIENT if name == "streamkit" else limits[delivery]
                    claim = f"{workload}, {delivery}: `{name}` / floor"
                    section.bars.append(Bar(claim, limit, ratios(figures.samples, name), goal))
        if workload == "text" and delivery == "memory":
            section.bars += _peers(figures)
    return section


def _peers(figures: Figures) -> list[Bar]:
    return [
        Bar(
            f"text, memory: `{peer}` / `streamkit`",
            limit,
            ratios(figures.samples, peer, "streamkit"),
            at_least=True,
        )
        for peer, limit in (("openai stream", 60.0), ("openai create", 40.0))
        if peer in figures.samples
    ]


def text(arena: Arena) -> Section:
    limits = {"memory": (0.4, 0.32), "memory-bulk": (0.5, 0.4), "chunked": CLIENT}
    return answers(arena, "text", arena.plan.text, limits)


def tools(arena: Arena) -> Section:
    return answers(arena, "tools", arena.plan.tools, {"memory": (0.5, 0.43), "chunked": CLIENT})


def reasoning(arena: Arena) -> Section:
    return answers(arena, "reasoning", arena.plan.text, {"memory": (0.4, 0.31), "chunked": CLIENT})


def responses(arena: Arena) -> Section:
    return answers(arena, "responses", arena.plan.text, {"memory": (0.5, 0.45), "chunked": CLIENT})


def messages(arena: Arena) -> Section:
    return answers(arena, "messages", arena.plan.text, {"memory": (0.55, None), "chunked": CLIENT})


def gemini(arena: Arena) -> Section:
    """Each event has usage next to its text."""
    return answers(arena, "gemini", arena.plan.text, {"memory": (0.55, None), "chunked": CLIENT})


def versions(arena: Arena) -> Section:
    """Released versions of streamkit, each from its own commit, against this checkout."""
    return compare(arena, VERSIONS)


def compare(arena: Arena, revisions: dict[str, str]) -> Section:
    """Measure *revisions*, commits by their label, and this checkout in the same rounds."""
    section = Section("")
    with measure.with_revisions(arena, revisions) as (both, missing):
        for workload in ("text", "tools", "reasoning", "responses", "messages", "gemini"):
            deltas = arena.plan.tools if workload == "tools" else arena.plan.text
            for delivery in ("memory", "chunked"):
                figures = measure.costs(both, f"{workload}, {delivery}", workload, deltas, delivery)
                shown = figures_table(figures, CPU, base="streamkit")
                section.markdown += f"### {workload}, {WAYS[delivery]}\n\n{shown}\n"
    for label, why in missing.items():
        section.markdown += f"{label} took no part: {why}\n"
    return section


def long(arena: Arena) -> Section:
    """If a contestant is slow, only the section on lengths measures it."""
    markdown = ""
    for delivery in ("memory", "chunked"):
        figures = measure.costs(arena, f"long, {delivery}", "text", arena.plan.long, delivery, slow=False)
        markdown += (
            f"### text of {arena.plan.long:,} deltas, {WAYS[delivery]}\n\n{figures_table(figures, CPU)}\n"
        )
    rows, bars = [], []
    for name in ("floor", "streamkit"):
        if name in arena.workers:
            growth = measure.long_against_short(arena, name)
            rows.append([name, *spread(growth)])
            if name == "streamkit":
                claim = f"cost per delta, {arena.plan.long:,} deltas / {arena.plan.long // 10:,}"
                bars.append(Bar(claim, 1.05, growth))
    markdown += "Cost per delta, divided by the cost per delta of an answer a tenth as long, from memory:\n\n"
    return Section(markdown + table(["", "ratio", "min", "max"], rows), bars)


def short(arena: Arena) -> Section:
    """Answers of 20 deltas, on a client that has already read one."""
    markdown = ""
    for workload in ("text", "responses"):
        for delivery in ("memory", "chunked"):
            figures = measure.costs(
                arena, f"short {workload}, {delivery}", workload, 20, delivery, times=arena.plan.answers
            )
            shown = figures_table(figures, "CPU µs/answer", factor=20)
            markdown += f"### {workload} of 20 deltas, {WAYS[delivery]}\n\n{shown}\n"
    return Section(markdown)


def threads(arena: Arena) -> Section:
    """The same deltas, split over 1, 8 and 64 parallel streams, one per thread, over HTTP.

    If the cost doesn't depend on the number of streams, threads add no overhead.
    """
    markdown = ""
    for streams in arena.plan.threads:
        figures = measure.streams_in_threads(arena, streams)
        clock = Figures("clock", figures.walls, deltas=figures.deltas)
        markdown += f"### {streams} streams in threads\n\n{figures_table(figures, CPU)}\n"
        markdown += f"Wall time:\n\n{figures_table(clock, 'µs/delta')}\n"
    return Section(markdown)


def latency(arena: Arena) -> Section:
    """The time from the server's flush of a delta to its consumer, when deltas are 1 ms apart.

    If a contestant needs about 1 ms per delta, it falls behind, and its times grow with the answer.
    """
    section = Section("")
    for delivery in ("chunked", "close", "gzip"):
        plan = arena.plan.closely() if delivery == "chunked" else arena.plan
        middle, worst = measure.latencies(arena, delivery, plan)
        section.markdown += f"### time to event, {WAYS[delivery]}, deltas 1 ms apart\n\n"
        section.markdown += figures_table(middle, "p50 µs") + "\n" + figures_table(worst, "p99 µs") + "\n"
        if delivery == "chunked" and "streamkit" in middle.samples:
            for name, figures, limit in (("p50", middle, 1.05), ("p99", worst, 1.15)):
                claim = f"socket to event, {name}: `streamkit` / floor"
                section.bars.append(Bar(claim, limit, ratios(figures.samples, "streamkit")))
    return section


def memory(arena: Arena) -> Section:
    """The growth of the resident set during one long answer over HTTP."""
    section = Section("")
    for workload in ("text", "reasoning", "responses", "messages", "gemini"):
        rows = []
        for name, found in measure.memory(arena, workload).items():
            kept = found["characters"] > 0  # a floor doesn't join the text
            share = found["growth"] / found["text"] if kept else float("nan")
            rows.append(
                [
                    name,
                    f"{found['deltas']:,.0f}",
                    number(found["growth"] / 1e6),
                    number(found["text"] / 1e6) if kept else "",
                    number(share),
                ]
            )
            if name == "streamkit":
                claim = f"{workload}: peak memory of {found['deltas']:,.0f} deltas / their text"
                section.bars.append(Bar(claim, 2.5, [share]))
        head = [workload, "deltas", "peak growth MB", "its text MB", "growth / text"]
        section.markdown += table(head, rows) + "\n"
    section.markdown += "`its text` is the size of the text as a Python `str`, thoughts included.\n"
    kept_open = measure.open_streams(arena)
    rows = [[name, number(statistics.median(values) / 1000)] for name, values in kept_open.items()]
    section.markdown += f"\n### memory of one open stream\n\n{table(['', 'kB'], rows)}"
    if "streamkit" in kept_open:
        claim = "memory of an open stream, kB"
        section.bars.append(Bar(claim, 60, [value / 1000 for value in kept_open["streamkit"]]))
    return section


def fresh(arena: Arena) -> Section:
    """The cost of an import, and of the first answer, in a fresh process."""
    found = measure.imports(arena)
    keys = [("cpu", "CPU ms"), ("wall", "wall ms"), ("memory", "memory MB"), ("modules", "modules")]
    markdown = "### import, in a fresh process\n\n" + fresh_table(found, "import requests", keys) + "\n"
    bars = []
    ours = found.get("import streamkit")
    if ours:
        cpu = {name: figures["cpu"] for name, figures in found.items()}
        share = ratios(cpu, "import streamkit", "import requests")
        bars += [
            Bar("`import streamkit` / `import requests`, CPU", 0.75, share),
            Bar("modules that `import streamkit` loads", 269, ours["modules"]),
            Bar("memory of `import streamkit`, MB", 21, ours["memory"]),
        ]
    first = measure.first_answers(arena)
    keys = [("cpu", "CPU ms"), ("wall", "wall ms"), ("memory", "resident MB")]
    markdown += "### from the start of a process to the end of its first short answer, over HTTP\n\n"
    markdown += fresh_table(first, "floor", keys)
    by_hand = "requests + sseclient-py"
    for key in ("wall", "cpu") if {"streamkit", by_hand} <= first.keys() else ():
        share = ratios({name: figures[key] for name, figures in first.items()}, "streamkit", by_hand)
        bars.append(Bar(f"first answer of a fresh process, {key}: `streamkit` / `{by_hand}`", 1.5, share))
    return Section(markdown, bars)


def length(arena: Arena) -> Section:
    """CPU per delta against the length of the answer; the plot shows the same figures."""
    section = Section("")
    for workload in ("text", "tools"):
        lines = measure.against_length(arena, workload)
        lengths = sorted({length for line in lines.values() for length in line})
        rows = [
            [name, *(number(line[length]) if length in line else "" for length in lengths)]
            for name, line in lines.items()
        ]
        head = [f"{workload}, deltas:", *(f"{length:,}" for length in lengths)]
        section.markdown += (
            f"### {workload}: CPU µs/delta against length, from memory\n\n{table(head, rows)}\n"
        )
        section.lines[f"{workload}: CPU per delta"] = lines
    section.markdown += "A cell is empty if the run would have taken too long.\n"
    return section


def stages(arena: Arena) -> Section:
    """streamkit's own CPU profile: the chain up to each of its stages."""
    markdown = ""
    for workload, deltas in (
        ("text", arena.plan.text),
        ("tools", arena.plan.tools),
        ("responses", arena.plan.text),
        ("messages", arena.plan.text),
        ("gemini", arena.plan.text),
    ):
        python = arena.workers["streamkit"].python if "streamkit" in arena.workers else arena.pythons[0]
        found = run_json(
            python, "-m", "benchmarks.stages", workload, str(deltas), str(arena.plan.closely().rounds)
        )
        medians = {name: statistics.median(values) / 1000 for name, values in found.items()}
        whole = list(medians.values())[-1]
        rows, before = [], 0.0
        for name, cost in medians.items():
            own = cost if name == SCAN else cost - before
            before = 0.0 if name == SCAN else cost
            rows.append([name, f"{cost:.2f}", f"{own:.2f}", f"{own / whole:.0%}"])
        head = ["the chain up to", CPU, "this stage", "share of total"]
        markdown += f"### {workload}: CPU by stage\n\n{table(head, rows)}\n"
    markdown += (
        "The first row isn't a stage: it is the part of `read_payloads` that only a faster parser can save.\n"
    )
    return Section(markdown)


SECTIONS: dict[str, Callable[[Arena], Section]] = {
    "text": text,
    "tools": tools,
    "reasoning": reasoning,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
    "versions": versions,
    "long": long,
    "short": short,
    "threads": threads,
    "latency": latency,
    "memory": memory,
    "fresh": fresh,
    "length": length,
    "stages": stages,
}

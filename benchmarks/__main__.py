"""Run the benchmarks: `python -m benchmarks`. README.md in this directory explains the output."""

from __future__ import annotations

import argparse
import datetime
import inspect
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .contestants import CONTESTANTS
from .measure import Arena, Plan, say
from .plot import draw
from .processes import ROOT, running_server
from .report import bars_table, contestants_table
from .sections import SECTIONS, Section, compare

PLOT = "cost-against-length.svg"
SMALL = Plan(
    rounds=1,
    slow_seconds=0.02,
    patience=0.1,
    answers=2,
    paced=20,
    threads=(1, 2),
    threaded=80,
    fresh_rounds=1,
    text=400,
    tools=400,
    long=2_000,
    lengths=(100, 400),
    open=8,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested sections and print the report; write it to a file if `--out` is given."""
    options = _options(arguments)
    began = time.monotonic()
    pythons = [sys.executable, *(options.python or _peer_environments())]
    plan = SMALL if options.small else Plan()
    if options.rounds:
        plan = Plan(**{**vars(plan), "rounds": options.rounds})
    found: dict[str, Section] = {}
    with running_server() as server:
        arena = Arena(options.contestants or list(CONTESTANTS), pythons, server, plan)
        if options.compare:
            found["compare"] = compare(arena, {options.compare: options.compare})
        for name in options.sections or (() if options.compare else SECTIONS):
            say(f"{time.monotonic() - began:5.0f} s  {name}")
            found[name] = SECTIONS[name](arena)
        arena.close()
    report = _report(arena, found, time.monotonic() - began, options)
    print(report)
    if options.out:
        options.out.write_text(report, encoding="utf-8")
        for section in found.values():
            if section.lines:
                (options.out.parent / PLOT).write_text(draw(section.lines), encoding="utf-8")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; default: all"
    )
    parser.add_argument("--small", action="store_true", help="a few deltas and one round, as a smoke test")
    parser.add_argument(
        "--compare", metavar="REV", help="compare this checkout with another commit, in the same rounds"
    )
    parser.add_argument("--rounds", type=int, help="interleaved rounds")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, metavar="name", help="only these")
    parser.add_argument(
        "--python",
        nargs="+",
        help="interpreters to search for contestants, after this one; default: .venv-peers/*/bin/python",
    )
    parser.add_argument(
        "--out", type=Path, help=f"write the report to this file, and {PLOT} to the same directory"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    return options


def _peer_environments() -> list[str]:
    return [str(path) for path in sorted(ROOT.glob(".venv-peers/*/bin/python"))]


def _report(arena: Arena, found: dict[str, Section], seconds: float, options: argparse.Namespace) -> str:
    bars = [bar for section in found.values() for bar in section.bars]
    versions = {name: worker.hello["versions"] for name, worker in arena.workers.items()}
    pythons = sorted({worker.hello["python"] for worker in arena.workers.values()})
    parts = [
        "# Speed, compared with other clients\n",
        f"Made by `python -m benchmarks{' --small' if options.small else ''}` on {datetime.date.today()} in "
        f"{seconds:.0f} s, at {_commit()}. {_machine()}; Python {', '.join(pythons)}.\n",
        _METHOD.format(rounds=arena.plan.rounds, more=arena.plan.closely().rounds),
    ]
    if bars:
        parts += ["## Bars\n", _BARS, bars_table(bars)]
    parts += ["## Contestants\n", _CONTESTANTS, contestants_table(versions, arena.missing)]
    for name, section in found.items():
        parts += [
            f"## {name}\n",
            f"{inspect.getdoc(SECTIONS.get(name, compare))}\n" if SECTIONS.get(name, compare).__doc__ else "",
        ]
        if section.lines:
            parts.append(f"![CPU per delta against the length of the answer]({PLOT})\n")
        parts.append(section.markdown)
    return "\n".join(part for part in parts if part)


_METHOD = """\
CPU is the CPU time of the client process alone. There are {rounds} rounds, or {more} if a bar depends on the
figure. In each round, the contestants run one after the other. A ratio compares two figures of the same
round; the tables show its median, minimum and maximum. Compare ratios, because microseconds depend on the
machine and the day. If an SDK takes many times the floor's CPU, it gets fewer rounds. If the full answer
would take it too long, it gets a shorter one. Before timing, each contestant's output is checked against the
answer: the text, the arguments of each call, and the reasoning if the contestant returns it. `README.md` in
this directory defines the floor and lists the optimizations that were tried.
"""
_BARS = """\
A bar is a limit on a ratio or a size. It is met if the median of its rounds is within the limit. If a bar
has a goal, that is the value to reach next.
"""
_CONTESTANTS = """\
If a contestant reads from memory only, the tables of HTTP deliveries leave it out. If its API doesn't match
the workload, the tables of that workload leave it out.
"""


def _commit() -> str:
    """Return the checkout's commit, if it has one."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        found = ""
    return f"commit {found}" if found else "no commit"


def _machine() -> str:
    """Return the processor, cores, system and load of this machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}{load}"


if __name__ == "__main__":
    sys.exit(main())

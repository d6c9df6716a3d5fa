"""Turn figures into Markdown: tables, and a verdict for each bar. Ratios are medians over rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .contestants import CONTESTANTS
from .measure import OURS, Figures, ratios


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figures_table(figures: Figures, unit: str, *, base: str = "floor", factor: float = 1.0) -> str:
    """Return a table: each contestant's median times *factor*, and its ratio to *base*."""
    rows = []
    for name, samples in figures.samples.items():
        size = figures.deltas.get(name)
        rows.append(
            [
                f"**{name}**" if name in OURS else name,
                f"{size:,}" if size else "",
                number(statistics.median(samples) * factor),
                *spread(ratios(figures.samples, name, base)),
            ]
        )
    text = table(["", "deltas", unit, f"x {base}", "min", "max"], rows)
    for name, why in figures.faults.items():
        text += f"\n{name} took no part: {why}\n"
    return text


def fresh_table(found: dict[str, dict[str, list[float]]], base: str, keys: Sequence[tuple[str, str]]) -> str:
    """Return a table of fresh processes: medians of *keys* (key, heading), and the ratio of CPU to *base*."""
    rows = []
    for name, figures in found.items():
        cells = [number(statistics.median(figures[key])) for key, _ in keys]
        cpu = {n: f["cpu"] for n, f in found.items()}
        rows.append([f"`{name}`" if " " in base else name, *cells, *spread(ratios(cpu, name, base))])
    return table(["", *(heading for _, heading in keys), f"CPU x {base}", "min", "max"], rows)


def spread(values: Sequence[float]) -> list[str]:
    """Return median, min and max as cells."""
    if not values:
        return ["", "", ""]
    return [f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))]


def number(value: float) -> str:
    """Format *value* with about three digits, or as an empty string if it wasn't measured."""
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass
class Bar:
    """A limit on the median of *values*: an upper limit, or a lower one if `at_least` is set."""

    claim: str
    limit: float
    values: Sequence[float]
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Return True if the median is on the right side of the limit."""
        median = statistics.median(self.values)
        return median >= self.limit if self.at_least else median <= self.limit

    def cells(self) -> list[str]:
        """Return its row in the table."""
        goal = f" (goal {self.goal:g})" if self.goal is not None else ""
        limit = f"{'at least' if self.at_least else 'at most'} {self.limit:g}{goal}"
        if not self.values or any(map(math.isnan, self.values)):
            return [self.claim, limit, "", "", "not measured"]
        median = number(statistics.median(self.values))
        return [
            self.claim + (f" {self.note}" if self.note else ""),
            limit,
            median,
            f"{number(min(self.values))} to {number(max(self.values))}",
            "met" if self.is_met else "**missed**",
        ]


def bars_table(bars: Iterable[Bar]) -> str:
    """Return a table with one row per bar."""
    return table(["bar", "limit", "measured", "min to max", ""], [bar.cells() for bar in bars])


def contestants_table(versions: dict[str, dict[str, str]], missing: dict[str, str]) -> str:
    """Return a table of contestants: their versions, or the reason why they were skipped."""
    rows = []
    for name, entry in CONTESTANTS.items():
        if name in versions:
            shown = ", ".join(f"{package} {v}" for package, v in versions[name].items()) or "standard library"
        elif name in missing:
            shown = f"skipped: {missing[name]}"
        else:
            continue
        rows.append([name, entry.method, shown])
    return table(["", "method", "versions"], rows).replace("--:", "---")

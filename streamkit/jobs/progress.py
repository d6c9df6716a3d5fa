"""Show the progress of a job: `MapReport`s in, a bar or a line on standard error out."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from .report import MapReport

EVERY = 1.0  # seconds between two lines


class Progress(Protocol):
    """Shows reports."""

    def show(self, report: MapReport) -> None:
        """Show the state of the run, if it is time."""

    def close(self, report: MapReport) -> None:
        """Show the final state."""


def new_progress(total: int | None) -> Progress:
    """Return a tqdm bar, in a notebook its notebook form; without tqdm, a plain line on standard error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets, tqdm warns and uses text
            from tqdm.auto import tqdm
    except ImportError:
        return Line(total)
    return Bar(tqdm(total=total, unit="row", file=sys.stderr))


class Bar:
    """A tqdm bar."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._rows = 0

    def show(self, report: MapReport) -> None:
        """Advance the bar to the report's number of rows."""
        self._bar.update(report.rows - self._rows)
        self._rows = report.rows
        self._bar.set_postfix_str(_facts(report), refresh=False)

    def close(self, report: MapReport) -> None:
        """Leave the bar at its end."""
        self.show(report)
        self._bar.close()


class Line:
    """A line that is written over itself on a terminal, and written once a while elsewhere."""

    def __init__(
        self, total: int | None, *, out: Any = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = "" if total is None else f"/{total}"
        self._out = out or sys.stderr
        self._now = now
        self._shown_at = float("-inf")
        self._is_terminal = bool(getattr(self._out, "isatty", lambda: False)())

    def show(self, report: MapReport) -> None:
        """Write the line if the last one is old: a second on a terminal, ten elsewhere."""
        if self._now() - self._shown_at >= (EVERY if self._is_terminal else 10 * EVERY):
            self._write(report, "")

    def close(self, report: MapReport) -> None:
        """Write the last line."""
        self._write(report, "\n" if self._is_terminal else "")

    def _write(self, report: MapReport, end: str) -> None:
        self._shown_at = self._now()
        text = f"{report.rows}{self._total} rows, {_facts(report)}, {report.seconds:.0f} s"
        self._out.write(f"\r\x1b[K{text}{end}" if self._is_terminal else f"{text}\n")
        self._out.flush()


def _facts(report: MapReport) -> str:
    parts = [f"{report.failed} failed"]
    parts += [f"{report.refusals} refused"] if report.refusals else []
    parts += [f"cost {report.cost:.4f}"] if report.cost is not None else []
    return ", ".join(parts)

"""Run all fault cases and print their page: `python -m tests.fault_cases_page > docs/wire-cases.md`."""

from __future__ import annotations

import logging
import sys
import threading

from . import fault_cases_bodies, fault_cases_proxies, fault_cases_replies, fault_cases_time  # noqa: F401 - they register
from .fault_cases import CASES, problems, run_all, write_table

__all__ = ["CASES"]

if __name__ == "__main__":
    logging.getLogger("streamkit").setLevel(logging.CRITICAL)
    results = run_all(CASES)
    print("\n".join(write_table(results)))  # noqa: T201 - it writes the page
    for c in CASES:
        for problem in problems(c, results[c.name]):
            print(f"{c.name}: {problem}", file=sys.stderr)  # noqa: T201
    assert threading.active_count() == 1, threading.enumerate()

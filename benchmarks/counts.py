"""Count the operations for one delta: they hardly vary, not even between Pythons, so a test compares them.

    python -m benchmarks.counts            print the counts
    python -m benchmarks.counts --write    keep them in counts.json

| count | what |
|---|---|
| calls | Python functions called and generators resumed |
| c_calls | functions in C called |
| scans | JSON texts decoded |
| blocks | blocks of memory that one kept event holds |

A count is that of an answer of 400 deltas less that of one of 200, divided by 200. So what happens once for
each answer isn't in it. tests/test_benchmarks.py refuses growth of more than a tenth.
"""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .contestants import Source
from .contestants.ours import ReadEvents, StreamkitClient
from .workloads import build

WORKLOADS = ("text", "tools", "reasoning", "responses", "messages", "gemini")
FILE = Path(__file__).with_name("counts.json")
SMALL, LARGE = 200, 400


def counts(workload: str, *, client: bool) -> dict[str, float]:
    """Return the counts for one delta of *workload*, read with or without the client."""
    small, large = _counted(workload, SMALL, client), _counted(workload, LARGE, client)
    return {name: round((large[name] - small[name]) / (LARGE - SMALL), 2) for name in large}


def every_count() -> dict[str, dict[str, float]]:
    """Return the counts of every workload, by its name; those of the client end in ", client"."""
    found = {name: counts(name, client=False) for name in WORKLOADS}
    return found | {f"{name}, client": counts(name, client=True) for name in WORKLOADS}


def _counted(workload: str, deltas: int, client: bool) -> dict[str, int]:
    work = build(workload, deltas)
    source = Source(work.api, work.frames)

    def events() -> Iterable[Any]:
        return StreamkitClient(source).events() if client else ReadEvents(source).events()

    for _ in events():
        pass  # imports and caches
    seen: Counter[str] = Counter()

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            seen["calls"] += 1
            seen["scans"] += frame.f_code.co_name in ("scan_object", "loads")
        elif event == "c_call":
            seen["c_calls"] += 1

    stream = events()
    sys.setprofile(note)
    for _ in stream:
        pass
    sys.setprofile(None)
    return {name: seen[name] for name in ("calls", "c_calls", "scans")} | {"blocks": _kept(events)}


def _kept(events: Callable[[], Iterable[Any]]) -> int:
    gc.collect()
    gc.disable()
    before = sys.getallocatedblocks()
    kept = list(events())
    found = sys.getallocatedblocks() - before
    gc.enable()
    assert kept
    return found


def main() -> None:
    """Print the counts, or keep them."""
    found = every_count()
    for name, values in found.items():
        print(f"{name:18}", *(f"{what} {value:6.2f}" for what, value in values.items()))
    if "--write" in sys.argv[1:]:
        FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

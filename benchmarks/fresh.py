"""Measure the cost of an import, and of the first answer, in a fresh process.

    python -m benchmarks.fresh <contestant> <base_url> <monotonic ns at which the process was started>

prints {"wall", "cpu", "memory"} of the whole process, from its start to the end of a first short answer.
Every contestant's figure includes the start of the interpreter and the few modules of this harness.
"""

from __future__ import annotations

import json
import os
import sys
import time

from .contestants import CONTESTANTS, Source
from .process import resident_memory

# Run with `python -c`, so that no module of this harness loads before the clock starts. Memory needs Linux.
IMPORT = """
import sys, time
def memory():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return float("nan")
before, modules = memory(), len(sys.modules)
wall, cpu = time.perf_counter_ns(), time.process_time_ns()
{statement}
cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
after, modules = memory(), len(sys.modules) - modules
import json
print(json.dumps({{"cpu": cpu, "wall": wall, "memory": after - before, "modules": modules}}))
"""


def main() -> None:
    """Read one answer, print its cost, and exit without waiting for threads of libraries."""
    name, base_url, started = sys.argv[1:]
    entry = CONTESTANTS[name]
    client = entry.load()(Source(entry.apis[0], None, base_url))
    client.answer()
    wall, cpu = time.monotonic_ns() - int(started), time.process_time_ns()
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": resident_memory()}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()

"""Work -> its CPU time; and how fast a number such as this, or the lines that Python runs, grows."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any

from .kinds import KINDS


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the least CPU time of three runs."""
    times = []
    for _ in range(3):
        gc.collect()
        gc.disable()  # a collection takes time in proportion to all objects
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
        gc.enable()
    return min(times)


def exponent(name: str, n: int, measure: Callable[[Callable[[], Any]], float], *, noise: float) -> float:
    """Return the exponent with which the work grows over *n*, 2 *n* and 4 *n*: 1 is linear, 2 quadratic.

    Only the differences count, because every kind has a constant part. A difference below *noise* is none.
    """
    works = [KINDS[name](each) for each in (n, 2 * n, 4 * n)]
    KINDS[name](4 * n)[0]()  # imports and tables are made once; some only for a long line
    few, some, many = (measure(work) for work, _ in works)
    (_, small), (_, large), (_, larger) = works
    if many - some <= noise or larger <= large or large <= small:
        return 0.0
    return math.log((many - some) / max(some - few, noise)) / math.log((larger - large) / (large - small))

"""`python -m tests.growth`: each kind of growth with its exponent, worst first; of its CPU time, or lines."""

from __future__ import annotations

import argparse
import logging
import sys

from ..chat_payloads import lines_run
from .count import exponent, seconds_of
from .kinds import KINDS


def main() -> int:
    """Return 1 if a kind grows faster than the power 1.5."""
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only kinds whose name contains it")
    parser.add_argument("--n", type=int, default=1000, help="how many at first (default: %(default)s)")
    parser.add_argument("--lines", action="store_true", help="count lines, as the test does, instead of time")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    measure, noise = (lines_run, 20) if options.lines else (seconds_of, 0.0003)
    names = [name for name in KINDS if options.word in name]
    found = {name: exponent(name, options.n, measure, noise=noise) for name in names}
    for name, power in sorted(found.items(), key=lambda each: -each[1]):
        sys.stdout.write(f"{power:5.2f}  {name}\n")
    sys.stdout.write(f"{len(found)} kinds at {options.n} and {4 * options.n}\n")
    return 1 if any(power > 1.5 for power in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

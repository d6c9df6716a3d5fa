"""Print how long clocks, cancel, close and Ctrl-C take in every phase of a request, in milliseconds.

    python -m benchmarks.phases

The clock under test is at 500 ms, all others at ten minutes.
"""

from __future__ import annotations

import logging

from tests.phases import PHASES, fired, interrupted

CLOCK = 0.5  # seconds
WAYS = ("cancel", "close", "Ctrl-C")


def main() -> None:
    logging.getLogger("streamkit").setLevel(logging.CRITICAL)
    print(f"| phase | clock | fired after | waited | {' | '.join(WAYS)} |")
    print("|---|---|---|---|---|---|---|")
    for name, clock, phase in PHASES:
        cells = ["none", "-", "-"]
        if clock:
            with phase() as stuck:
                left = fired(stuck, clock, CLOCK)
            cells = [
                f"{getattr(left.error, 'phase', type(left.error).__name__)}",
                f"{left.seconds * 1000:.0f}",
                f"{getattr(left.error, 'waited', 0) * 1000:.0f}",
            ]
        for how in WAYS:
            with phase() as stuck:
                cells.append(f"{interrupted(stuck, how).seconds * 1000:.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

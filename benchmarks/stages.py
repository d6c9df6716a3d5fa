"""Profile streamkit by stage: run the chain up to each of its stages, from memory.

    python -m benchmarks.stages <workload> <deltas> <rounds>

prints {stage: [CPU ns per delta, one figure for each round]}. Each row includes the rows above it, so the
share of a stage is the difference to the row above; the rounds are interleaved. `read_events` passes most
events by the stages above it, so its difference is below zero.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from streamkit.pipeline import read_events
from streamkit.pipeline.accumulate import accumulate
from streamkit.pipeline.frames import FrameState, read_frames
from streamkit.pipeline.lines import read_lines
from streamkit.pipeline.payloads import read_payloads
from streamkit.profiles import find_profile
from streamkit.state.answer import AnswerState
from streamkit.wires import find_wire

from .contestants import Source
from .contestants.ours import StreamkitClient
from .workloads import Workload, build

SCAN = "JSON alone: raw_decode of each event's text"
LANE = "read_events, with the lane"


def chains(work: Workload) -> dict[str, Callable[[], Iterable[Any]]]:
    """Return a chain to exhaust for each row of the table."""
    profile = find_profile("openai")
    decode = json.JSONDecoder().raw_decode
    blocks = [frame.decode() for frame in work.frames if frame.rstrip() != b"data: [DONE]"]
    texts = [block[block.find("data: ") + 6 :] for block in blocks]
    client = StreamkitClient(Source(work.api, work.frames))

    def lines() -> Iterable[bytes]:
        return read_lines(work.frames)

    def frames() -> Iterable[Any]:
        return read_frames(lines(), FrameState())

    def payloads() -> Iterable[Any]:
        return read_payloads(frames())

    def deltas() -> Iterable[Any]:
        return find_wire(work.api).read(payloads(), profile, AnswerState())

    return {
        SCAN: lambda: map(decode, texts),
        "read_lines": lines,
        "read_frames": frames,
        "read_payloads": payloads,
        "wire.read": deltas,
        "accumulate": lambda: accumulate(deltas(), AnswerState()),
        LANE: lambda: read_events(work.frames, wire=work.api),
        "Client.stream, without a network": lambda: client.events(),
    }


def measure(work: Workload, rounds: int) -> dict[str, list[float]]:
    """Return the CPU nanoseconds per delta of each row, one figure for each round."""
    rows = chains(work)
    costs: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, chain in rows.items():
            gc.collect()
            began = time.process_time_ns()
            for _ in chain():
                pass
            costs[name].append((time.process_time_ns() - began) / work.deltas)
    return costs


def main() -> None:
    """Measure one workload."""
    name, deltas, rounds = sys.argv[1:]
    print(json.dumps(measure(build(name, int(deltas)), int(rounds))))


if __name__ == "__main__":
    main()

"""`streamkit demo`: a stream from a server on this machine, read as any other; no key, no network."""

from __future__ import annotations

import argparse

from ..client import Client
from ..display import find_view, usage_line
from ..events import Event, ItemDone
from ..http.session import new_session
from ..pipeline.aggregate import aggregate
from ..recordings.demo import demo_recording
from ..recordings.server import serve
from ..wires import WIRES
from .arguments import speed
from .describe import describe_item, describe_timing
from .output import print_line

PROMPT = "I have one day in Lisbon. Should I walk, or take the tram?"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    parser.description = (
        "Start a small HTTP server on this machine, stream a recording from it with the "
        "real client, and show it as it comes: reasoning, text, two tool calls; then the final messages, "
        "the usage and the timing."
    )
    parser.add_argument(
        "--wire", choices=tuple(WIRES), default=next(iter(WIRES)), help="the API (default: %(default)s)"
    )
    parser.add_argument(
        "--speed", type=speed, default=1.0, help="times as fast as real (default: 1; 0: without waiting)"
    )


def run(args: argparse.Namespace) -> int:
    """Stream the recording, then show what `aggregate` makes of the same events."""

    session = new_session()
    session.trust_env = False  # a proxy of the environment does not reach this machine
    with serve(demo_recording(args.wire), speed=args.speed) as server, session:
        client = Client("generic", base_url=server.url, wire=args.wire, session=session)
        print(f"client.stream(...) from {server.url}, which plays a recording\n\n> {PROMPT}\n", flush=True)
        view = find_view()
        seen: list[Event] = []
        with client.stream(PROMPT, model="demo") as stream:
            for event in stream:
                view.take(event)
                seen.append(event)
        view.end("")

    print("\nThe final messages, by aggregate(events):")
    for event in aggregate(seen):
        if isinstance(event, ItemDone):
            print_line(f"  {describe_item(event.item)}")
    completion = stream.result()
    print(f"\nFinish reason: {completion.finish_reason}")
    print(f"Usage: {usage_line(completion.usage)}")
    print(f"Timing: {describe_timing(stream.stats)}")
    return 0

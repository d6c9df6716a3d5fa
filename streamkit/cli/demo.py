"""`streamkit demo`: stream a bundled recording from a server on this machine, without a key or a network."""

from __future__ import annotations

import argparse
from importlib import resources

from ..client import Client
from ..display import find_view, usage_line
from ..events import Event, ItemDone
from ..http.session import new_session
from ..pipeline.aggregate import aggregate
from ..recordings import demo
from ..recordings.demo import demo_recording
from ..recordings.server import serve
from ..wires import WIRES
from .arguments import add_speed, set_help
from .describe import describe_item, describe_timing
from .output import print_line

PROMPT = "I have one day in Lisbon. Should I walk, or take the tram?"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    set_help(
        parser,
        "Start an HTTP server on this machine, stream a recording from it with the real client, and show "
        "the answer as it arrives: reasoning, text and two tool calls. Then print the final messages, the "
        "usage and the timing.",
    )
    wires = bundled_wires()
    parser.add_argument(
        "--wire", choices=wires, default=wires[0], help="the API of the recording (default: %(default)s)"
    )
    add_speed(parser)


def bundled_wires() -> list[str]:
    """Return the APIs for which streamkit ships a recording, in the order of the registry."""
    folder = resources.files(demo)
    return [wire for wire in WIRES if (folder / f"{wire}.jsonl").is_file()]


def run(args: argparse.Namespace) -> int:
    """Stream the recording, then print the same events as `aggregate` yields them."""
    session = new_session()
    session.trust_env = False  # a proxy from the environment can't reach this machine's loopback
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

    print("\nThe final messages, from aggregate(events):")
    for event in aggregate(seen):
        if isinstance(event, ItemDone):
            print_line(f"  {describe_item(event.item)}")
    completion = stream.result()
    print(f"\nFinish reason: {completion.finish_reason}")
    print(f"Usage: {usage_line(completion.usage)}")
    print(f"Timing: {describe_timing(stream.stats)}")
    return 0

"""`streamkit show FILE`: the bytes of a recorded answer in, its events out, one line each."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator

from ..codec import event_to_jsonable
from ..pipeline import read_events
from ..pipeline.aggregate import aggregate
from ..recordings.playback import replay
from ..wires import WIRES
from .describe import describe_event
from .output import print_line

_CHUNK = 64 << 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `show`."""
    parser.description = (
        "Print the events of a recorded answer, one line each. FILE is a recording, or the body "
        "of an HTTP response as it came: an event stream, or a plain JSON answer."
    )
    parser.epilog = (
        "examples:\n"
        "  streamkit show answer.sse\n"
        "  streamkit show answer.sse --final\n"
        "  curl -sN $URL -d @request.json | streamkit show - --json | jq .event\n"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="FILE", help="recording or body; - reads a body from standard input")
    parser.add_argument("--final", action="store_true", help="finished items and the end only, no deltas")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--wire",
        choices=("auto", *WIRES),
        default="auto",
        help="the API that the body was written by (default: told from its first payload)",
    )
    parser.add_argument("--profile", metavar="NAME", help="the gateway that wrote it (default: generic)")
    parser.add_argument(
        "--strict", action="store_true", help="fail on bad frames and on answers that were cut"
    )


def run(args: argparse.Namespace) -> int:
    """Print the events. Whatever arrived before an error is printed before it is raised."""

    how = {"wire": args.wire, "profile": args.profile, "strict": args.strict}
    events = read_events(_chunks(sys.stdin.fileno()), **how) if args.file == "-" else replay(args.file, **how)
    for event in aggregate(events) if args.final else events:
        if args.json:
            print(json.dumps(event_to_jsonable(event), ensure_ascii=False), flush=True)
        else:
            print_line(describe_event(event, whole=args.final))
    return 0


def _chunks(descriptor: int) -> Iterator[bytes]:
    """What is there, as soon as it is there."""
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk

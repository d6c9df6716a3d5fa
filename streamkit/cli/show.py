"""`streamkit show FILE`: print the events of a recorded answer, one line each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from ..codec import event_to_jsonable, to_jsonable
from ..errors import StreamkitError
from ..events import ItemDone
from ..items import Item
from ..pipeline import read_events
from ..pipeline.aggregate import aggregate
from ..recordings.playback import replay
from ..wires import WIRES
from .arguments import add_source, set_help
from .describe import describe_event, describe_unfinished, unfinished
from .output import print_json, print_line

_CHUNK = 64 << 10  # bytes of a read from standard input, at most


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `show`."""
    set_help(
        parser,
        "Print the events of a recorded answer, one line each. FILE is a recording, or the raw body of "
        "an HTTP response: an event stream, or a plain JSON answer.",
        "streamkit show answer.sse",
        "streamkit show answer.sse --final",
        "curl -sN $URL -d @request.json | streamkit show - --json | jq .event",
    )
    add_source(parser, stdin=True)
    parser.add_argument(
        "--final", action="store_true", help="print finished items and the ending only, no deltas"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument(
        "--wire",
        choices=("auto", *WIRES),
        default="auto",
        help="the API that the body belongs to (default: auto, detected from the first payload)",
    )
    parser.add_argument("--strict", action="store_true", help="fail on bad frames and cut-off answers")


def run(args: argparse.Namespace) -> int:
    """Print each event when it arrives, so that an error doesn't hide the events before it.

    With --final, the unfinished items of a broken stream follow, because no delta has shown them.
    """
    how = {"wire": args.wire, "profile": args.profile, "strict": args.strict}
    events = read_events(_chunks(sys.stdin.fileno()), **how) if args.file == "-" else replay(args.file, **how)
    shown: list[Item] = []
    try:
        for event in aggregate(events) if args.final else events:
            if args.json:
                print_json(event_to_jsonable(event))
            else:
                print_line(describe_event(event, whole=args.final))
            if isinstance(event, ItemDone):
                shown.append(event.item)
    except StreamkitError as error:
        if args.final and args.json:
            for choice, item in unfinished(error, shown):
                print_json({"event": "Unfinished", "choice": choice, "item": to_jsonable(item)})
        elif args.final:
            for line in describe_unfinished(error, shown):
                print_line(line)
        raise
    return 0


def _chunks(descriptor: int) -> Iterator[bytes]:
    """Yield bytes as soon as they can be read; `sys.stdin.buffer.read` would wait for a full buffer."""
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk

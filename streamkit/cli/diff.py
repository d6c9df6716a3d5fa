"""`streamkit diff A B`: compare two recorded answers, item by item or event by event."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator

from ..errors import StreamkitError
from ..events import ItemDone
from ..items import Item
from ..pipeline.aggregate import aggregate
from ..recordings.format import load_recording
from ..recordings.playback import replay
from .arguments import set_help
from .describe import describe_event, describe_unfinished
from .output import error_text, print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `diff`."""
    set_help(
        parser,
        "Compare the finished items of two recorded streams; the boundaries of their deltas don't matter. "
        "The exit status is 1 if the streams differ.",
    )
    parser.add_argument("old", metavar="A", help="a recording, or the body of a response")
    parser.add_argument("new", metavar="B", help="the other one")
    parser.add_argument("--events", action="store_true", help="compare every event, deltas included")


def run(args: argparse.Namespace) -> int:
    """Print a unified diff of the lines that `show` prints; return 1 if there is one."""
    old, new = (list(_lines(file, events=args.events)) for file in (args.old, args.new))
    differences = list(difflib.unified_diff(old, new, args.old, args.new, lineterm=""))
    for line in differences:
        print_line(line)
    return 1 if differences else 0


def _lines(file: str, *, events: bool) -> Iterator[str]:
    """Yield a line for each event or item; if the stream breaks off, the error is the last line."""
    source = replay(load_recording(file))
    shown: list[Item] = []
    try:
        for event in source if events else aggregate(source):
            yield from describe_event(event, whole=True).split("\n")
            if isinstance(event, ItemDone):
                shown.append(event.item)
    except StreamkitError as error:
        for line in describe_unfinished(error, shown):
            yield from line.split("\n")
        yield f"{type(error).__name__}: {error_text(error)}"

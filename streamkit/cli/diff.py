"""`streamkit diff A B`: what two recorded answers do not have in common."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable

from ..errors import StreamkitError
from ..pipeline.aggregate import aggregate
from ..recordings.format import load_recording
from ..recordings.playback import replay
from .describe import describe_event
from .output import print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `diff`."""
    parser.description = (
        "Compare what two recorded streams come to, item by item; how they were cut into pieces "
        "does not matter. Exit status 1 where they differ."
    )
    parser.add_argument("old", metavar="A", help="a recording, or the body of a response")
    parser.add_argument("new", metavar="B", help="another one")
    parser.add_argument("--events", action="store_true", help="compare event by event instead")


def run(args: argparse.Namespace) -> int:
    """A unified diff of the lines that `show` prints of each."""
    old, new = (list(_lines(file, events=args.events)) for file in (args.old, args.new))
    differences = list(difflib.unified_diff(old, new, args.old, args.new, lineterm=""))
    for line in differences:
        print_line(line)
    return 1 if differences else 0


def _lines(file: str, *, events: bool) -> Iterable[str]:
    """A line for each event or final item; an error is the last one."""

    source = replay(load_recording(file))
    try:
        for event in source if events else aggregate(source):
            yield from describe_event(event, whole=True).split("\n")
    except StreamkitError as error:
        yield f"{type(error).__name__}: {error}"

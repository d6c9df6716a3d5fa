"""`streamkit replay FILE`: a recorded answer, shown as it came."""

from __future__ import annotations

import argparse

from ..display import find_view
from ..recordings.playback import replay
from .arguments import speed


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `replay`."""
    parser.description = (
        "Show a recorded answer at the pace of the recording, the way `chat` shows a live one. "
        "A stream that was broken off is broken off again."
    )
    parser.add_argument("file", metavar="FILE", help="a recording, or the body of a response")
    parser.add_argument(
        "--speed", type=speed, default=1.0, help="times as fast (default: 1; 0: without waiting)"
    )
    parser.add_argument("--profile", metavar="NAME", help="the gateway that wrote it (default: generic)")


def run(args: argparse.Namespace) -> int:
    """Show the events on the terminal, with one line about the whole in the end."""

    view = find_view()
    try:
        for event in replay(args.file, speed=args.speed, profile=args.profile):
            view.take(event)
    finally:
        view.end("")
    return 0

"""`streamkit replay FILE`: a recorded answer, shown as it came."""

from __future__ import annotations

import argparse

from .arguments import speed


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of `replay`."""
    parser = commands.add_parser(
        "replay",
        help="watch a recording as it came",
        description="Show a recorded answer at the pace of the recording, the way `chat` shows a live one. "
        "A stream that was broken off is broken off again.",
    )
    parser.add_argument("file", metavar="FILE", help="a recording, or the body of a response")
    parser.add_argument(
        "--speed", type=speed, default=1.0, help="times as fast (default: 1; 0: without waiting)"
    )
    parser.add_argument("--profile", metavar="NAME", help="the gateway that wrote it (default: generic)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the events on the terminal, with one line about the whole in the end."""
    from ..display import find_view
    from ..playback import replay

    view = find_view()
    try:
        for event in replay(args.file, speed=args.speed, profile=args.profile):
            view.take(event)
    finally:
        view.end("")
    return 0

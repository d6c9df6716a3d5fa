"""`streamkit replay FILE`: show a recorded answer at its original pace."""

from __future__ import annotations

import argparse

from ..display import find_view
from ..recordings.playback import replay
from .arguments import add_source, add_speed, set_help


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `replay`."""
    set_help(
        parser,
        "Show a recorded answer at the pace of the recording, as `chat` shows a live one. "
        "If the recorded stream broke off, the replay breaks off at the same place.",
    )
    add_source(parser)
    add_speed(parser)


def run(args: argparse.Namespace) -> int:
    """Draw the events on the terminal as they arrive."""
    view = find_view()
    try:
        for event in replay(args.file, speed=args.speed, profile=args.profile):
            view.take(event)
    finally:
        view.end("")
    return 0

"""`streamkit stats FILE...`: print times, sizes and speed of recorded streams."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from typing import Any

from ..client.observers import Observation, Operation
from ..client.run import Run
from ..client.stats import Stats
from ..client.stream import Stream
from ..completion import Completion
from ..errors import StreamkitError
from ..http.clocks import Watch
from ..http.messages import Call
from ..profiles.known import GENERIC
from ..recordings.catalog import wire_of
from ..recordings.format import Recording, load_recording
from ..recordings.playback import NO_CLOCKS, ReplayTransport
from ..request.options import RetryPolicy
from .arguments import set_help
from .output import error_text, print_json, print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `stats`."""
    set_help(
        parser,
        "Print when the events of recorded streams arrived, how large the reads were, and whether a proxy "
        "seems to buffer events. Times are seconds since the request. The exit status is 1 if a recorded "
        "stream broke off.",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a recording")
    parser.add_argument("--json", action="store_true", help="print one JSON object per recording and line")


def run(args: argparse.Namespace) -> int:
    """Print a paragraph or a JSON object for each recording; return 1 if one of them broke off."""
    status = 0
    for number, recording in enumerate([load_recording(file) for file in args.files]):
        if number and not args.json:
            print()
        stream = as_if_live(recording)
        failure = ""
        try:
            stream.until_done()
        except StreamkitError as error:
            status = 1
            failure = f"{type(error).__name__}: {error_text(error)}"
        if args.json:
            print_json(_figures(recording.name, stream.stats, stream.partial, failure))
            continue
        print_line(recording.name)
        for line in _facts(stream.stats, stream.partial, failure):
            print_line(f"  {line}")
    return status


def as_if_live(recording: Recording) -> Stream:
    """Return the recording as a stream with the recorded times; its clock advances without waiting."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    watch = Watch(NO_CLOCKS, now=lambda: clock[0], sleep=sleep)
    watch.nap = math.inf
    wire = wire_of(recording)
    run = Run(
        ReplayTransport(recording, speed="recorded"),
        lambda: Call("http://recording", b""),
        watch=watch,
        retry=RetryPolicy(max_retries=0),
        wire=wire,
        profile=GENERIC,
        observation=Observation(Operation(wire, GENERIC.name, "")),
    )
    return Stream(run)


def _figures(name: str, stats: Stats, completion: Completion, failure: str) -> dict[str, Any]:
    """Return every public count and time, in seconds; a time that wasn't measured is null."""
    counts = {f.name: getattr(stats, f.name) for f in fields(stats) if f.repr and f.name != "attempts"}
    return {
        "name": name,
        **counts,
        "tokens_per_second": stats.tokens_per_second,
        "suspected_buffering": stats.suspected_buffering,
        "finish_reason": completion.finish_reason,
        "error": failure or None,
    }


def _facts(stats: Stats, completion: Completion, failure: str) -> list[str]:
    """Return the lines of a paragraph; times that weren't measured have none."""
    times = (
        ("headers", stats.headers_after),
        ("first event", stats.first_event),
        ("first text", stats.first_text),
        ("last event", stats.last_event),
        ("longest gap", stats.longest_gap),
    )
    facts = [f"{name:<15} {seconds:.3f} s" for name, seconds in times if seconds is not None]
    facts.append(f"{'events':<15} {stats.events} ({stats.comments} comments, {stats.bad_frames} bad frames)")
    facts.append(f"{'bytes':<15} {stats.bytes} in {stats.chunks} reads")
    if stats.output_tokens is not None:
        speed = stats.tokens_per_second
        facts.append(
            f"{'output tokens':<15} {stats.output_tokens}" + (f" ({speed:.1f} per second)" if speed else "")
        )
    facts.append(f"{'ended':<15} {failure or completion.finish_reason or 'without a finish reason'}")
    if stats.suspected_buffering:
        facts.append("each read contains many events: a proxy seems to buffer them")
    return facts

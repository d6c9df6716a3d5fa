"""`streamkit stats FILE...`: what the times and counts of a recording say about its gateway."""

from __future__ import annotations

import argparse

from ..client.stream import Stream
from ..errors import StreamkitError
from ..http.clocks import Watch
from ..http.messages import Call
from ..profiles import find_profile
from ..recordings.format import Recording, load_recording
from ..recordings.playback import NO_CLOCKS, ReplayTransport
from ..recordings.server import wire_of
from ..request.options import RetryPolicy
from .output import print_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `stats`."""
    parser.description = (
        "Tell when things happened in recorded streams, how large and how regular they came, and "
        "whether something on the way seems to hold events back. Times are seconds since the request."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a recording")


def run(args: argparse.Namespace) -> int:
    """A paragraph for each recording; status 1 where one of them did not come to its end."""

    status = 0
    for number, recording in enumerate([load_recording(file) for file in args.files]):
        if number:
            print()
        stream = as_if_live(recording)
        ending = ""
        try:
            stream.until_done()
        except StreamkitError as error:
            status = 1
            ending = f"{type(error).__name__}: {error}"
        print_line(recording.name)
        for line in _facts(stream, ending):
            print_line(f"  {line}")
    return status


def as_if_live(recording: Recording) -> Stream:
    """The recording as a stream with its own times, on a clock that no time passes on."""

    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    return Stream(
        ReplayTransport(recording, speed="recorded"),
        lambda: Call("http://recording", b""),
        watch=Watch(NO_CLOCKS, now=lambda: clock[0], sleep=sleep),
        retry=RetryPolicy(max_retries=0),
        wire=wire_of(recording),
        profile=find_profile("generic"),
    )


def _facts(stream: Stream, ending: str) -> list[str]:
    stats, completion = stream.stats, stream.partial
    times = (
        ("headers", stats.headers_after),
        ("first event", stats.first_event),
        ("first text", stats.first_text),
        ("last event", stats.last_event),
        ("longest gap", stats.longest_gap),
    )
    facts = [f"{what:<15} {seconds:.3f} s" for what, seconds in times if seconds is not None]
    facts.append(f"{'events':<15} {stats.events} ({stats.comments} comments, {stats.bad_frames} bad frames)")
    facts.append(f"{'bytes':<15} {stats.bytes} in {stats.chunks} reads")
    if stats.output_tokens is not None:
        speed = stats.tokens_per_second
        facts.append(
            f"{'output tokens':<15} {stats.output_tokens}" + (f" ({speed:.1f} a second)" if speed else "")
        )
    facts.append(f"{'ended':<15} {ending or completion.finish_reason or 'without a finish reason'}")
    if stats.suspected_buffering:
        facts.append("many events came in few reads: something on the way seems to hold them back")
    return facts

"""`streamkit serve FILE...`: serve recordings on this machine, as an API does."""

from __future__ import annotations

import argparse

from ..errors import APIError, StreamkitError, UsageError
from ..events import BadFrame, KeepAlive, Unknown
from ..recordings.format import Recording, load_recording
from ..recordings.playback import replay
from ..recordings.server import serve
from ..wires import WIRES
from .arguments import add_speed, port, set_help


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    set_help(
        parser,
        f"Serve recordings to clients of {', '.join(WIRES)} at the recorded pace. Press Ctrl-C to stop. "
        "If the request's `model` is a file's name without suffixes, or the recorded model, that recording "
        "is the answer. "
        "Otherwise the recordings of the requested API take turns. They answer the rows of batches, too.",
        "streamkit serve recordings/*.jsonl --port 8080",
        'streamkit chat "Say hi" --model any --base-url http://127.0.0.1:8080/v1',
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a recording, or the body of a response")
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind (default: %(default)s)")
    parser.add_argument("--port", type=port, default=0, help="the port to bind (default: a free one)")
    add_speed(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted. Raises `UsageError` for a file that contains no answer of a model."""
    recordings = [load_recording(file) for file in args.files]
    for file, recording in zip(args.files, recordings, strict=True):
        _check_answer(file, recording)
    with serve(*recordings, host=args.host, port=args.port, speed=args.speed) as server:
        print(f"{server.url} serves {', '.join(server.names)}; press Ctrl-C to stop", flush=True)
        server.wait()
    return 0


def _check_answer(file: str, recording: Recording) -> None:
    """Raise `UsageError` if a body alone isn't an answer: a wrong path must not publish a private file."""
    if recording.header.request is not None:
        return
    found = False
    try:
        found = any(not isinstance(event, _NO_ANSWER) for event in replay(recording))
    except StreamkitError as error:
        found = isinstance(error, APIError)  # a recorded refusal
    if not found:
        raise UsageError(f"FILE: expected a recording or the body of a response, got neither in {file}")


_NO_ANSWER = (BadFrame, KeepAlive, Unknown)

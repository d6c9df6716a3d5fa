"""`streamkit serve FILE...`: serve recordings on this machine, as an OpenAI-compatible server does."""

from __future__ import annotations

import argparse

from ..recordings.server import serve
from ..wires import WIRES
from .arguments import add_speed, set_help


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    set_help(
        parser,
        f"Serve recordings to clients of {', '.join(WIRES)} at the recorded pace. Press Ctrl-C to stop. "
        "If the request's `model` is a file's name without suffixes, or the recorded model, that recording "
        "is the answer. "
        "Otherwise the recordings of the requested API take turns.",
        "streamkit serve recordings/*.jsonl --port 8080",
        'streamkit chat "Say hi" --model any --base-url http://127.0.0.1:8080/v1',
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a recording, or the body of a response")
    parser.add_argument("--host", default="127.0.0.1", help="the address to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port to bind (default: a free one)")
    add_speed(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    with serve(*args.files, host=args.host, port=args.port, speed=args.speed) as server:
        print(f"{server.url} serves {', '.join(server.names)}; press Ctrl-C to stop", flush=True)
        server.wait()
    return 0

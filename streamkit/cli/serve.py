"""`streamkit serve FILE...`: recordings as an OpenAI-compatible server on this machine."""

from __future__ import annotations

import argparse

from ..recordings.server import serve
from .arguments import speed


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    parser.description = (
        "Answer POST /v1/chat/completions and /v1/responses with recordings, at their pace, "
        "until Ctrl-C. A recording answers where `model` is its file's name or the model recorded in it; "
        "else those of the API take turns."
    )
    parser.epilog = (
        "example:\n"
        "  streamkit serve fixtures/*.jsonl --port 8080\n"
        '  streamkit chat "Say hi" --model any --base-url http://127.0.0.1:8080/v1\n'
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("files", metavar="FILE", nargs="+", help="a recording, or the body of a response")
    parser.add_argument("--host", default="127.0.0.1", help="the address (default: this machine alone)")
    parser.add_argument("--port", type=int, default=0, help="the port (default: a free one)")
    parser.add_argument(
        "--speed", type=speed, default=1.0, help="times as fast (default: 1; 0: without waiting)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until somebody interrupts."""

    with serve(*args.files, host=args.host, port=args.port, speed=args.speed) as server:
        print(f"{server.url} serves {', '.join(server.names)}; Ctrl-C ends it", flush=True)
        server.wait()
    return 0

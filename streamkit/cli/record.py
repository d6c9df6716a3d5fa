"""`streamkit record FILE PROMPT`: the answer of a real server, kept byte for byte with its times."""

from __future__ import annotations

import argparse
import sys

from ..http.transport import RequestsTransport
from ..recordings.recorder import RecordingTransport
from .arguments import add_request
from .chat import client_of, options_of, show_answer


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `record`."""
    parser.description = (
        "Ask like `chat`, and keep the raw reply with its times in FILE, for show, replay, serve "
        "and stats. Keys and cookies are not in it; --mask hides what was said as well."
    )
    parser.epilog = (
        'example:\n  streamkit record hi.jsonl "Say hi" --model qwen3 --base-url http://127.0.0.1:8080/v1\n'
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="FILE", help="where to keep it; an older file is replaced")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to say (default: standard input)")
    parser.add_argument("--mask", action="store_true", help="keep xxx of the same length for every text")
    add_request(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, show, keep; what had arrived is kept where the stream breaks, too."""

    prompt = sys.stdin.read() if args.prompt is None else args.prompt
    transport = RecordingTransport(RequestsTransport(), args.file, mask=args.mask)
    with client_of(args, transport) as client:
        show_answer(client.stream(prompt, **options_of(args)), quiet=args.quiet)
    return 0

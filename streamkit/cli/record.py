"""`streamkit record FILE PROMPT`: save the reply of a server byte for byte, with its times."""

from __future__ import annotations

import argparse

from ..http.transport import RequestsTransport
from ..recordings.recorder import RecordingTransport
from .answer import form_of, show_answer
from .arguments import add_prompt, add_request, set_help
from .chat import client_of, options_of, prompt_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `record`."""
    set_help(
        parser,
        "Send a prompt as `chat` does, and save the raw reply with its times to FILE. The commands show, "
        "replay, serve and stats read that file. Keys and cookies are not saved; --mask also hides the text "
        "of the request and of the answer.",
        'streamkit record hi.jsonl "Say hi" --model qwen3 --base-url http://127.0.0.1:8080/v1',
    )
    parser.add_argument("file", metavar="FILE", help="the file to write; an existing one is replaced")
    add_prompt(parser)
    parser.add_argument(
        "--mask", action="store_true", help="mask prompts and answers: x for each letter, 1 for each digit"
    )
    add_request(parser)


def run(args: argparse.Namespace) -> int:
    """Send the prompt, show the answer and save the reply; if the stream breaks off, save the first part."""
    prompt = prompt_of(args)
    transport = RecordingTransport(RequestsTransport(), args.file, mask=args.mask)
    with client_of(args, transport) as client:
        show_answer(client.stream(prompt, **options_of(args)), form=form_of(args))
    return 0

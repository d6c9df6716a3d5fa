"""`streamkit convert FILE`: read a recorded stream and write the same answer in another format."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..codec import event_to_jsonable
from ..completion import Completion
from ..display import item_text
from ..errors import StreamkitError
from ..events import Completed
from ..items import Message, Reasoning
from ..recordings.playback import replay
from ..wires import WIRES, find_wire
from .arguments import add_source, set_help
from .output import print_json, print_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `convert`."""
    set_help(
        parser,
        "Write a recorded answer as the JSON document of an API, as plain text, as Markdown, "
        "or as its events, one JSON object per line.",
    )
    add_source(parser)
    parser.add_argument(
        "--to",
        choices=(*WIRES, *_WRITERS, "events"),
        default=next(iter(WIRES)),
        help="the format to write (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the answer when its stream has ended, or each event when it arrives.

    If the stream broke off, the answer so far is written before the error.
    """
    try:
        for event in replay(args.file, profile=args.profile):
            if args.to == "events":
                print_json(event_to_jsonable(event))
            elif isinstance(event, Completed):
                _write(args.to, event.completion)
    except StreamkitError as error:
        if args.to != "events" and error.partial is not None and error.partial.items:
            _write(args.to, error.partial)
        raise
    return 0


def _write(form: str, completion: Completion) -> None:
    if form in _WRITERS:
        print_text(_WRITERS[form](completion))
    else:
        print_json(find_wire(form).write_document(completion, None), indent=2)


def _markdown(completion: Completion) -> str:
    """Return reasoning as a quotation, text unchanged, and calls as code."""
    blocks = []
    for item in completion.items:
        text = item_text(item)
        if isinstance(item, Reasoning):
            text = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
        elif not isinstance(item, Message):
            text = "\n".join(f"    {line}" for line in text.split("\n"))
        blocks.append(text)
    return "\n\n".join(block for block in blocks if block.strip())


_WRITERS: dict[str, Callable[[Completion], str]] = {
    "text": lambda completion: completion.text,
    "markdown": _markdown,
}

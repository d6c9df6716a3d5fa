"""`streamkit convert FILE`: read a recorded stream and write the same answer in another format."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from ..codec import event_to_jsonable
from ..completion import Completion
from ..display import item_text
from ..events import Completed
from ..items import Message, Reasoning
from ..json_text import dumps, loads
from ..recordings.playback import replay
from ..wires import WIRES, find_wire
from .arguments import add_source, set_help


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
    """Write the answer when its stream has completed, or each event when it arrives."""
    for event in replay(args.file, profile=args.profile):
        if args.to == "events":
            print(_json(event_to_jsonable(event)))
        elif isinstance(event, Completed):
            print(_write(args.to, event.completion))
    return 0


def _write(form: str, completion: Completion) -> str:
    if form in _WRITERS:
        return _WRITERS[form](completion)
    return _json(find_wire(form).write_document(completion, None), indent=2)


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


def _json(data: Any, indent: int | None = None) -> str:
    if indent is None:
        return dumps(data)
    return json.dumps(loads(dumps(data)), ensure_ascii=False, indent=indent)  # null for NaN

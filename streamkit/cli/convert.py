"""`streamkit convert FILE`: a recorded stream -> the same answer in another form."""

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
from ..recordings.playback import replay
from ..wires import WIRES, find_wire


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `convert`."""
    parser.description = (
        "Write a recorded answer as the JSON document of either API, as its text, as Markdown, "
        "or as its events, one JSON object a line."
    )
    parser.add_argument("file", metavar="FILE", help="a recording, or the body of a response")
    parser.add_argument(
        "--to",
        choices=(*WIRES, *_WRITERS, "events"),
        default=next(iter(WIRES)),
        help="the form to write (default: %(default)s)",
    )
    parser.add_argument("--profile", metavar="NAME", help="the gateway that wrote it (default: generic)")


def run(args: argparse.Namespace) -> int:
    """Nothing but events is written of an answer that did not come to its end."""

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
    """Reasoning as a quotation, text as it is, calls as code."""

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
    return json.dumps(data, ensure_ascii=False, indent=indent)

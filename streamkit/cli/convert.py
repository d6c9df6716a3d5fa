"""`streamkit convert FILE`: a recorded stream -> the same answer in another form."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..completion import Completion


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of `convert`."""
    parser = commands.add_parser(
        "convert",
        help="write a recorded answer in another form",
        description="Write a recorded answer as the JSON document of either API, as its text, as Markdown, "
        "or as its events, one JSON object a line.",
    )
    parser.add_argument("file", metavar="FILE", help="a recording, or the body of a response")
    parser.add_argument(
        "--to", choices=(*_WRITERS, "events"), default="chat", help="the form to write (default: chat)"
    )
    parser.add_argument("--profile", metavar="NAME", help="the gateway that wrote it (default: generic)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Nothing but events is written of an answer that did not come to its end."""
    from ..codec import event_to_jsonable
    from ..events import Completed
    from ..playback import replay

    for event in replay(args.file, profile=args.profile):
        if args.to == "events":
            print(_json(event_to_jsonable(event)))
        elif isinstance(event, Completed):
            print(_WRITERS[args.to](event.completion))
    return 0


def _chat(completion: Completion) -> str:
    return _json(completion.to_chat_completion(), indent=2)


def _responses(completion: Completion) -> str:
    """The items are written by the wire, as if they went into the next request."""
    from ..items import CustomToolCallOutput, FunctionCall, FunctionCallOutput
    from ..profiles import find_profile
    from ..request import Request
    from ..wires.building import prepare

    # A request holds no call without an output, so each gets one, which then stays behind.
    outputs = [
        (FunctionCallOutput if isinstance(call, FunctionCall) else CustomToolCallOutput)(call.call_id)
        for call in completion.tool_calls
    ]
    request = Request((*completion.items, *outputs), model=completion.model or "unknown")
    written = prepare(request, "responses", find_profile("generic")).body["input"]
    output = [item for item in written if not item["type"].endswith("_output")]
    is_cut = completion.finish_reason in ("length", "content_filter")
    document = {
        "id": completion.id,
        "object": "response",
        "created_at": completion.created,
        "model": completion.model,
        "status": "incomplete" if is_cut else "completed",
        "output": output,
        "usage": _responses_usage(completion),
    }
    return _json(document, indent=2)


def _responses_usage(completion: Completion) -> dict[str, Any] | None:
    usage = completion.usage
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _markdown(completion: Completion) -> str:
    """Reasoning as a quotation, text as it is, calls as code."""
    from ..display import item_text
    from ..items import Message, Reasoning

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
    "chat": _chat,
    "responses": _responses,
    "text": lambda completion: completion.text,
    "markdown": _markdown,
}


def _json(data: Any, indent: int | None = None) -> str:
    return json.dumps(data, ensure_ascii=False, indent=indent)

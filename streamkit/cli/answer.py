"""Show an answer as it arrives: drawn on a terminal, as text to a pipe, or as one JSON object per event."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Literal, TypeAlias

from ..client.stream import Stream
from ..codec import event_to_jsonable
from ..completion import Completion
from ..display import View, find_view, usage_line
from ..events import Event, RefusalDelta, TextDelta
from .describe import describe_timing
from .output import one_line, print_json, print_text

Form: TypeAlias = Literal["screen", "text", "json"]


def form_of(args: argparse.Namespace) -> Form:
    """Return the form that --json or --quiet asks for."""
    return "json" if args.json else "text" if args.quiet else "screen"


def show_answer(stream: Stream, *, form: Form) -> Completion:
    """Show a stream as it arrives; then, unless *form* is text, print usage, timing and warnings on stderr.

    Raises `IncompleteResponseError` if the model wanted to call a tool, and a call isn't complete.
    """
    with stream:
        show_events(stream, form=form)
    completion = stream.result()
    if form != "text":
        print_warnings(completion)
    wanted = completion.finish_reason == "tool_calls" and not completion.tool_calls
    if wanted or any(choice.incomplete_calls for choice in completion.choices):
        completion.raise_for_incomplete()
    if form != "text":
        facts = (completion.model, completion.finish_reason, usage_line(completion.usage))
        line = ", ".join(filter(None, (*facts, describe_timing(stream.stats))))
        print(one_line(line), file=sys.stderr)
    return completion


def print_warnings(completion: Completion) -> None:
    """Print a line on stderr for each warning of the answer."""
    for warning in completion.warnings:
        print(f"streamkit: warning: {one_line(warning)}", file=sys.stderr)


def show_events(events: Iterable[Event], *, form: Form) -> None:
    """Draw all events on a terminal; print text if standard output isn't one; *form* can ask for JSON."""
    view: View
    if form == "json":
        view = _JsonLines()
    else:
        view = _TextOnly() if form == "text" or not sys.stdout.isatty() else find_view()
    try:
        for event in events:
            view.take(event)
    finally:
        view.end("")


class _TextOnly:
    """A view for pipes, files and --quiet: prints the text of the answer, or the refusal."""

    def __init__(self) -> None:
        self._in_line = False

    def take(self, event: Event) -> None:
        """Print the text of a delta of the first choice."""
        if isinstance(event, TextDelta | RefusalDelta) and event.choice == 0 and event.text:
            print_text(event.text, end="")
            self._in_line = not event.text.endswith("\n")

    def end(self, line: str) -> None:
        """End the last line."""
        if self._in_line:
            print(flush=True)


class _JsonLines:
    """A view for programs: prints every event as `show --json` does."""

    def take(self, event: Event) -> None:
        """Print *event* as a JSON object on a line of its own."""
        print_json(event_to_jsonable(event))

    def end(self, line: str) -> None:
        """Print nothing: the last event has the ending."""

"""Builders of chat payloads, and readers that collect the events of them, for the tests of the chain."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from streamkit import (
    Completed,
    Completion,
    Event,
    ItemDone,
    StreamkitError,
    read_events,
)

DONE = b"data: [DONE]\n\n"


def choice(finish: Any = None, *, index: int = 0, **delta: Any) -> dict[str, Any]:
    """Return one entry of `choices`."""
    return {"index": index, "delta": delta, "finish_reason": finish}


def chunk(finish: Any = None, *, index: int = 0, **delta: Any) -> dict[str, Any]:
    """Return a payload with one choice."""
    return {"choices": [choice(finish, index=index, **delta)]}


A, B, STOP = chunk(content="A"), chunk(content="B"), chunk("stop")


def message(finish: Any = None, **fields: Any) -> dict[str, Any]:
    """Return a payload whose choice has a `message` in place of a delta."""
    return {"choices": [{"index": 0, "message": fields, "finish_reason": finish}]}


def call(
    index: Any = None, call_id: Any = None, name: Any = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    """Return one entry of `tool_calls`, without the keys that are None."""
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    facts = {"index": index, "id": call_id, "function": function} | more
    return {key: value for key, value in facts.items() if value is not None}


def calls(*entries: dict[str, Any], finish: Any = None, index: int = 0) -> dict[str, Any]:
    """Return a payload whose delta contains these entries of `tool_calls`."""
    return chunk(finish, index=index, tool_calls=list(entries))


def body(*payloads: dict[str, Any] | str | bytes, done: bool = False) -> bytes:
    """Return the payloads as an event stream; bytes stay unchanged, a string is the data of a frame."""
    frames = []
    for payload in payloads:
        data = json.dumps(payload) if isinstance(payload, dict) else payload
        frames.append(data if isinstance(data, bytes) else f"data: {data}\n\n".encode())
    return b"".join(frames) + (DONE if done else b"")


@dataclass(frozen=True)
class Outcome:
    """All events of a stream, and the error that ended it, if any."""

    events: list[Event]
    error: StreamkitError | None

    @property
    def completion(self) -> Completion:
        """The final completion, or the error's partial one."""
        found = self.error.partial if self.error else None
        if self.error is None:
            assert isinstance(self.events[-1], Completed)
            found = self.events[-1].completion
        assert found is not None
        return found

    @property
    def calls(self) -> list[tuple[Any, str, str]]:
        """(id, name, arguments) of the finished calls of the first choice."""
        return [(c.call_id, c.name, getattr(c, "arguments", "")) for c in self.completion.tool_calls]

    @property
    def done(self) -> list[Any]:
        """The items that were yielded, in order."""
        return [event.item for event in self.events if isinstance(event, ItemDone)]

    def of(self, kind: type) -> list[Any]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


def collect(events: Iterable[Event]) -> Outcome:
    """Read *events* to their end."""
    seen: list[Event] = []
    try:
        for event in events:
            seen.append(event)
    except StreamkitError as error:
        return Outcome(seen, error)
    return Outcome(seen, None)


def read(*payloads: dict[str, Any] | str | bytes, done: bool = False, **options: Any) -> Outcome:
    """Read the payloads with `read_events`."""
    return collect(read_events([body(*payloads, done=done)], **options))


def lines_run(work: Callable[[], object]) -> int:
    """Count the Python lines that *work* runs: the same number on every machine."""
    count = 0

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
    finally:
        sys.settrace(before)
    return count

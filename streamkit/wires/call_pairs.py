"""The items of a conversation -> those that can be sent, every call beside the output it came to.

Both APIs refuse a call without output, an output without call, and arguments that are not JSON. Rules
(behaviours RL-15 to RL-21): pairs are made in order and per occurrence, so an id that is used again
is no trouble; only what cannot be paired is left out, never what stands beside it; nothing here
touches a message. Ids are minted for the body alone, where the server gave none or gave one twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from attrs import define

from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
    Note,
    UnknownItem,
)
from .report import BuildReport

CALLS = (FunctionCall, CustomToolCall, LocalShellCall)
OUTPUTS = (FunctionCallOutput, CustomToolCallOutput)


@define(eq=False)
class Entry:
    """An item on its way into a body; `position` is its place in the input.

    For calls and outputs, `call_id` is the id to send, and `output` is what a call came to.
    """

    position: int
    item: Item
    call_id: str | None = None
    output: Entry | None = None

    def __str__(self) -> str:
        name = getattr(self.item, "name", "")
        return f"item {self.position} ({self.item.type}{f' {name}' if name else ''})"


def pair(items: Iterable[Item], report: BuildReport, *, calls_elsewhere: bool = False) -> list[Entry]:
    """The entries to send, in their order; what was left out is in *report*.

    With *calls_elsewhere* an output without call is sent: the server has the call.
    """
    entries = [Entry(n, _as_output(item)) for n, item in enumerate(items) if not isinstance(item, Note)]
    waiting: dict[str | None, list[Entry]] = {}
    dropped: set[int] = set()
    for entry in entries:
        if isinstance(entry.item, CALLS):
            waiting.setdefault(entry.item.call_id, []).append(entry)
        elif is_output(entry.item):
            call_id = output_call_id(entry.item)
            calls = waiting.get(call_id)
            if calls:
                calls.pop(0).output = entry
            elif not (calls_elsewhere and call_id):
                dropped.add(entry.position)
                report.dropped.append(f"{entry} answers no call")
    for entry in entries:
        if isinstance(entry.item, CALLS):
            reason = _why_not(entry)
            if reason:
                report.dropped.append(f"{entry} {reason}")
                dropped.add(entry.position)
                if entry.output is not None:
                    dropped.add(entry.output.position)
    kept = [entry for entry in entries if entry.position not in dropped]
    _name_calls(kept, report)
    return kept


def is_output(item: Item) -> bool:
    """Whether *item* is what a call came to; also a hosted tool's, which has no class here."""
    if isinstance(item, UnknownItem):
        return str(item.payload.get("type")).endswith("_call_output") and "call_id" in item.payload
    return isinstance(item, OUTPUTS)


def output_call_id(item: Item) -> str | None:
    """The id of the call that the output *item* answers."""
    if isinstance(item, UnknownItem):
        value = item.payload.get("call_id")
        return value if isinstance(value, str) else None
    return item.call_id if isinstance(item, OUTPUTS) else None


def arguments_to_send(entry: Entry, report: BuildReport) -> str:
    """A call's arguments byte for byte; blank or null, which providers refuse, as `{}` (RL-20)."""
    assert isinstance(entry.item, FunctionCall)
    arguments = entry.item.arguments
    if arguments.strip() in ("", "null"):
        report.repaired.append(f"{entry} had no arguments; sent {{}}")
        return "{}"
    if not arguments.lstrip().startswith("{"):
        report.doubtful.append(f"{entry} has arguments that are no object: {arguments[:60]}")
    return arguments


def _as_output(item: Item) -> Item:
    """A message by a tool is an output that does not say of which call: the next one's (RL-31)."""
    if isinstance(item, Message) and item.role == "tool":
        return FunctionCallOutput(None, item.content)
    return item


def _why_not(call: Entry) -> str | None:
    """Why a call cannot be sent; None where it can."""
    item = call.item
    if getattr(item, "status", None) == "incomplete":
        return "was cut off, left out with its output" if call.output else "was cut off"
    if isinstance(item, FunctionCall) and not _is_json(item.arguments):
        reason = f"has arguments that are not JSON: {item.arguments[:60]!r}"
        return f"{reason}; left out with its output" if call.output else reason
    return None if call.output else "has no output"


def _is_json(arguments: str) -> bool:
    try:
        json.loads(arguments if arguments.strip() else "{}")
    except (ValueError, RecursionError):
        return False
    return True


def _name_calls(entries: list[Entry], report: BuildReport) -> None:
    """Give each pair the id it is sent with: its own, unless it has none or the id is still open."""
    taken = {e.item.call_id for e in entries if isinstance(e.item, (*CALLS, *OUTPUTS))}
    open_ids: set[str | None] = set()
    number = 0
    for entry in entries:
        if isinstance(entry.item, CALLS):
            entry.call_id = entry.item.call_id
            if entry.call_id is None or entry.call_id in open_ids:
                why = "has no id" if entry.call_id is None else "has the id of a call that is still open"
                while entry.call_id is None or entry.call_id in taken:
                    number += 1
                    entry.call_id = f"call{number:05}"  # nine letters and digits: Mistral takes no other
                report.repaired.append(f"{entry} {why}; sent {entry.call_id}")
                taken.add(entry.call_id)
            open_ids.add(entry.call_id)
            if entry.output is not None:
                entry.output.call_id = entry.call_id
        elif is_output(entry.item):
            entry.call_id = entry.call_id or output_call_id(entry.item)
            open_ids.discard(entry.call_id)

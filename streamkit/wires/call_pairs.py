"""The items of a conversation -> the entries that a body can contain, each call with its output.

Servers refuse a call without an output, an output without a call, and arguments that aren't JSON. Rules:

1. Calls and outputs are paired in order, one output for each call. So an id may be used again later, unless
   the API refuses that.
2. Only a call or an output without its partner is dropped, never a message and never another item.
3. A call without an id, with the id of a call that is still open, or with one that the server refuses, is
   sent with a minted id, and so is its output. The items themselves keep the ids that they have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import count
from math import isfinite
from typing import Any

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
from ..json_text import is_json, loads
from .parts import text_of
from .report import BuildReport

CALLS = (FunctionCall, CustomToolCall, LocalShellCall)
OUTPUTS = (FunctionCallOutput, CustomToolCallOutput)


@define(eq=False)
class Entry:
    """An item on its way into a body; `position` is its index in the input.

    `call_id` is the id to send, for calls and outputs. `output` is the output of a call.
    """

    position: int
    item: Item
    call_id: str | None = None
    output: Entry | None = None

    def __str__(self) -> str:
        name = getattr(self.item, "name", "")
        return f"item {self.position} ({self.item.type}{f' {name}' if name else ''})"

    @property
    def place(self) -> str:
        """The item's place in the input as errors name it, such as `input[2]`."""
        return f"input[{self.position}]"


def pair(
    items: Iterable[Item],
    report: BuildReport,
    *,
    call_ids: str | None = None,
    calls_elsewhere: bool = False,
    needs_ids: bool = True,
    ids_once: bool = False,
    only_functions: bool = False,
) -> list[Entry]:
    """Return the entries to send, in their order; *report* lists the items that were dropped.

    *call_ids* is the pattern of ids that the server accepts (see `Profile`). With *calls_elsewhere*, an
    output without a call is sent: the server has the call. Without *needs_ids*, ids stay as they are: the
    server pairs calls and outputs by their order. With *ids_once*, no two calls have the same id.
    With *only_functions*, the outputs of other tools, such as a shell, become those of functions.
    """
    given = [(n, _as_output(item)) for n, item in enumerate(items) if not isinstance(item, Note)]
    entries = [Entry(n, _of_function(item) if only_functions else item) for n, item in given]
    dropped: set[int] = set()
    for output in _link(entries):
        if not (calls_elsewhere and output_call_id(output.item)):
            report.dropped.append(f"{output} answers no call")
            dropped.add(output.position)
    for entry in entries:
        reason = _why_dropped(entry) if isinstance(entry.item, CALLS) else None
        if reason:
            report.dropped.append(f"{entry} {reason}")
            dropped.add(entry.position)
            if entry.output is not None:
                dropped.add(entry.output.position)
    kept = [entry for entry in entries if entry.position not in dropped]
    if needs_ids:
        _assign_ids(kept, report, call_ids, once=ids_once)
    return kept


def is_output(item: Item) -> bool:
    """Return True if *item* is the output of a call, also of a hosted tool, which has no class."""
    if isinstance(item, UnknownItem):
        return str(item.payload.get("type")).endswith("_call_output") and "call_id" in item.payload
    return isinstance(item, OUTPUTS)


def output_call_id(item: Item) -> str | None:
    """Return the id of the call that the output *item* answers."""
    if isinstance(item, UnknownItem):
        value = item.payload.get("call_id")
        return value if isinstance(value, str) else None
    return item.call_id if isinstance(item, OUTPUTS) else None


def arguments_to_send(entry: Entry, report: BuildReport) -> str:
    """Return a call's arguments byte for byte, or `{}` if they are blank or null, which servers refuse."""
    assert isinstance(entry.item, FunctionCall)
    arguments = entry.item.arguments
    if arguments.strip() in ("", "null"):
        report.repaired.append(f"{entry} had no arguments; sent {{}}")
        return "{}"
    if not arguments.lstrip().startswith("{"):
        report.doubtful.append(f"{entry} has arguments that aren't an object: {arguments[:60]}")
    return arguments


def arguments_object(entry: Entry, report: BuildReport) -> dict[str, Any]:
    """Return a call's arguments decoded, for an API that demands an object; *report* says if they weren't."""
    text = arguments_to_send(entry, BuildReport())
    value = loads(text)
    if _HUGE.search(text) and (finite := json.loads(text, parse_float=_finite)) != value:
        report.repaired.append(f"{entry} contains a number that no JSON can carry; sent null")
        value = finite
    if isinstance(value, dict):
        return value
    report.repaired.append(f'{entry} has arguments that aren\'t an object; sent {{"input": ...}}')
    return {"input": value}


_HUGE = re.compile(r"\d[eE]\+?\d{3}")  # may be larger than any float


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def answered(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return *items*, an answer, with an empty output for each call: a request drops calls without one."""
    answer = tuple(items)
    calls = (item for item in answer if isinstance(item, FunctionCall | CustomToolCall))
    outputs = (
        (FunctionCallOutput if isinstance(call, FunctionCall) else CustomToolCallOutput)(call.call_id)
        for call in calls
    )
    return (*answer, *outputs)


def report_is_error(entry: Entry, report: BuildReport) -> None:
    """Report the `is_error` of an output on an API without such a field, unless its text shows the error."""
    item = entry.item
    if not isinstance(item, OUTPUTS) or not item.is_error:
        return
    parts = (item.output,) if isinstance(item.output, str) else map(text_of, item.output)
    if not "".join(parts).lstrip().lower().startswith("error"):
        report.dropped.append(
            f'{entry}: its is_error, because the API has no such field; begin the text with "Error"'
        )


def _as_output(item: Item) -> Item:
    """Return a tool's message as an output. It names no call, so it answers the next one without an id."""
    if isinstance(item, Message) and item.role == "tool":
        return FunctionCallOutput(None, item.content)
    return item


def _of_function(item: Item) -> Item:
    """Return the output of a hosted tool's call, which has no class, as that of a function."""
    if not (isinstance(item, UnknownItem) and is_output(item)):
        return item
    return FunctionCallOutput(output_call_id(item), output_text(item))


def output_text(item: UnknownItem) -> str:
    """Return the output of a hosted tool's call as text; objects become JSON."""
    output = item.payload.get("output")
    if output is None or isinstance(output, str):
        return output or ""
    return json.dumps(output, ensure_ascii=False)


def _link(entries: Iterable[Entry]) -> list[Entry]:
    """Give each call its output, the next one with its id; return the outputs that are left."""
    waiting: dict[str | None, list[Entry]] = {}
    left = []
    for entry in entries:
        if isinstance(entry.item, CALLS):
            waiting.setdefault(entry.item.call_id, []).append(entry)
        elif is_output(entry.item):
            calls = waiting.get(output_call_id(entry.item))
            if calls:
                calls.pop(0).output = entry
            else:
                left.append(entry)
    return left


def _why_dropped(call: Entry) -> str | None:
    """Return the reason why a call can't be sent, or None."""
    item = call.item
    if getattr(item, "status", None) == "incomplete":
        return "was cut off, left out with its output" if call.output else "was cut off"
    if isinstance(item, FunctionCall) and not is_json(item.arguments if item.arguments.strip() else "{}"):
        reason = f"has arguments that are not JSON: {item.arguments[:60]!r}"
        return f"{reason}; left out with its output" if call.output else reason
    return None if call.output else "has no output"


def _why_minted(call_id: str | None, open_ids: set[str | None], accepted: str | None) -> str | None:
    """Return the reason why a call's own id can't be sent, or None."""
    if call_id is None:
        return "has no id"
    if call_id in open_ids:
        return "has the id of a call that is still open"
    if accepted is not None and re.fullmatch(accepted, call_id) is None:
        return "has an id that the server refuses"
    return None


def _assign_ids(
    entries: list[Entry], report: BuildReport, accepted: str | None, *, once: bool = False
) -> None:
    """Give each pair the id to send: the call's own, unless it has none, or one that can't be sent."""
    taken = {e.item.call_id for e in entries if isinstance(e.item, (*CALLS, *OUTPUTS))}
    minted = (f"call{n:05}" for n in count(1))  # nine letters and digits: Mistral accepts no other form
    open_ids: set[str | None] = set()
    for entry in entries:
        item = entry.item
        if isinstance(item, CALLS):
            entry.call_id = item.call_id
            why = _why_minted(item.call_id, open_ids, accepted)
            if once and item.call_id in open_ids:
                why = "has the id of a call before it"
            if why is not None:
                entry.call_id = next(call_id for call_id in minted if call_id not in taken)
                report.repaired.append(f"{entry} {why}; sent {entry.call_id}")
            open_ids.add(entry.call_id)
            if entry.output is not None:
                entry.output.call_id = entry.call_id
        elif is_output(item):
            entry.call_id = entry.call_id or output_call_id(item)
            if not once:
                open_ids.discard(entry.call_id)

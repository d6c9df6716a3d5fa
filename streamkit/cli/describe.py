"""Describe events, items and timing in one line of text each, for people."""

from __future__ import annotations

from collections.abc import Iterable

from ..client.stats import Stats
from ..completion import Completion
from ..display import item_text, usage_line
from ..errors import StreamkitError
from ..events import (
    BadFrame,
    Completed,
    Event,
    ItemDone,
    ItemStarted,
    KeepAlive,
    Opened,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolFinished,
    Unknown,
    UsageReport,
)
from ..items import Item


def describe_event(event: Event, *, whole: bool = False) -> str:
    """Return `KIND SLOT FACTS`, or `KIND SLOT/CHOICE FACTS` for a choice other than 0.

    If *whole* is set, a finished item is described in full. Otherwise the lines of its deltas did that.
    """
    slot, choice = getattr(event, "slot", ""), getattr(event, "choice", 0)
    place = f"{slot}/{choice}" if choice else f"{slot}"
    return f"{type(event).__name__:<15} {place:<4} {_facts(event, whole)}".rstrip()


def unfinished(error: StreamkitError, shown: Iterable[Item]) -> list[tuple[int, Item]]:
    """Return choice and item of everything in `error.partial` that isn't in *shown*: the cut-off items."""
    left = list(shown)
    found = []
    for choice in error.partial.choices if error.partial else ():
        for item in choice.items:
            if item in left:
                left.remove(item)
            else:
                found.append((choice.index, item))
    return found


def describe_unfinished(error: StreamkitError, shown: Iterable[Item]) -> list[str]:
    """Return a line like those of `describe_event` for each item that the stream left unfinished."""
    return [
        f"{'Unfinished':<15} {f'/{choice}' if choice else '':<4} {describe_item(item)}"
        for choice, item in unfinished(error, shown)
    ]


def _facts(event: Event, whole: bool) -> str:
    match event:
        case Opened():
            return _words(f"status {event.status}", event.request_id)
        case Retrying():
            return f"attempt {event.attempt} failed, next one in {event.delay:.1f} s: {event.error}"
        case Started():
            return _words(event.id, event.model)
        case ItemStarted():
            return _words(event.kind, event.name, event.item_id)
        case TextDelta() | RefusalDelta() | ReasoningDelta():
            return repr(event.text)
        case ToolCallDelta():
            return _words(event.name, event.call_id, repr(event.arguments))
        case ItemDone():
            return describe_item(event.item) if whole else _identity(event.item)
        case UsageReport():
            return usage_line(event.usage)
        case KeepAlive():
            return event.comment
        case BadFrame():
            return f"{event.error}: {event.data!r}"
        case Unknown():
            return repr(event.payload)
        case ToolFinished():
            return f"{event.call.name}: {event.error or event.output!r}"
        case Completed():
            return describe_ending(event.completion)


def _identity(item: Item) -> str:
    name, call_id, own = (getattr(item, key, None) for key in ("name", "call_id", "id"))
    return _words(item.type, name, call_id or own)


def describe_item(item: Item) -> str:
    """Return the type and the content of an item."""
    return f"{item.type} {item_text(item)}"


def describe_ending(completion: Completion) -> str:
    """Return the finish reason of each choice, and the number of items."""
    reasons = [
        f"{choice.finish_reason or 'no finish reason'}"
        + (f" ({choice.raw_finish_reason})" if choice.raw_finish_reason != choice.finish_reason else "")
        for choice in completion.choices
    ]
    count = sum(len(choice.items) for choice in completion.choices)
    return f"{', '.join(reasons) or 'no choice'}; {count} item{'' if count == 1 else 's'}"


def describe_timing(stats: Stats) -> str:
    """Return when events arrived, in seconds since the request, and the speed."""
    times = (
        ("first event", stats.first_event),
        ("first text", stats.first_text),
        ("last event", stats.last_event),
    )
    facts = [f"{name} after {seconds:.2f} s" for name, seconds in times if seconds is not None]
    if stats.tokens_per_second is not None:
        facts.append(f"{stats.tokens_per_second:.0f} tokens/s")
    if stats.suspected_buffering:
        facts.append("a proxy seems to buffer events")
    return ", ".join(facts) or "no event arrived"


def _words(*words: str | None) -> str:
    return " ".join(word for word in words if word)

"""When items close, and when usage is reported: the finish of a choice, usage, the end of the stream.

    takes    the state, and the delta that says so
    yields   ItemDone for each item that closes, UsageReport

Rules:
1. A call closes only if it is complete (`OpenCall.is_complete`). After an error or a cut, only calls that are
   certainly complete close. A call with empty arguments waits for the end (`AnswerState.trusts_empty`).
2. A finish is advisory: items close when usage or the end follows it. If output follows it, they stay open,
   and the next finish counts. Without output in between, only a worse finish counts (a cut after `stop`).
3. Usage next to output and a finish waits, because some gateways put all three on every chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..events import Event, ItemDone, UsageReport
from ..items import Item
from ..state.answer import AnswerState, Finish
from ..state.citations import lost_offsets
from ..state.deltas import ChoiceFinished, Payload, UsageCounted
from ..state.opaque import with_origin
from ..state.open_call import OpenCall
from ..state.open_items import AnyOpenItem, OpenReasoning
from ..state.open_message import OpenMessage
from ..surrogates import encodable_text
from .append import PIECES


def count_usage(delta: UsageCounted, state: AnswerState) -> Iterator[Event]:
    """Report the usage, and close the items before it, unless it waits (rule 3)."""
    finishes = [state.finishes[choice] for choice in state.unsettled]
    is_passing = any(finish.with_output and finish.raw is delta.raw for finish in finishes)
    yield from report_usage(state, is_end=not is_passing)
    state.counted, state.held_usage = delta.usage, delta
    if not is_passing:
        yield from report_usage(state, is_end=True)


def report_usage(state: AnswerState, *, is_end: bool) -> Iterator[Event]:
    """Yield the usage that waits, if any; before it, close the items if it *is_end*."""
    held, state.held_usage = state.held_usage, None
    if held is not None:
        if is_end:
            yield from settle(state)
        yield UsageReport(held.usage, held.raw)


def finish_choice(delta: ChoiceFinished, state: AnswerState) -> Iterator[Event]:
    """Note the finish of a choice if it counts (rule 2); the items of the other finished choices close."""
    yield from settle(state, but=delta.choice)
    choice = 0 if state.is_folded else delta.choice
    is_reopened = state.is_reopened(choice)
    is_first = choice not in state.finishes
    if is_first or is_reopened or delta.with_output or state.outweighs(delta.reason, choice):
        state.was_reopened = state.was_reopened or is_reopened
        raw_reason = encodable_text(delta.raw_reason)
        output = state.growth.steps(choice)
        state.finish(choice, Finish(delta.reason, raw_reason, output, delta.raw, delta.with_output))
        if delta.reason == "other":
            state.warnings.append(f"finish_reason: {raw_reason!r:.80} isn't a known word")
    state.last_raw = delta.raw


def settle(state: AnswerState, but: int | None = None) -> Iterator[Event]:
    """Close the items of the choices that finished, if no output followed the finish."""
    for choice in [choice for choice in state.unsettled if choice != but]:
        finish = state.finishes[choice]
        del state.unsettled[choice]
        if state.is_reopened(choice):
            state.was_reopened = True
        elif state.finish_of(choice) != "error":  # items that an error cut off stay open
            closing = state.closing.pop(choice, {})
            yield from close(state, [closing[slot] for slot in sorted(closing)], finish.raw)


def close(
    state: AnswerState,
    items: Iterable[AnyOpenItem],
    raw: Payload,
    *,
    torn: bool = False,
    is_end: bool = False,
) -> Iterator[Event]:
    """Yield the items that are complete, in slot order.

    *torn*: the stream broke off. *is_end*: it ended properly.
    """
    unsure = state.unsure_choices() if is_end else ()
    for item in items:
        if item.is_done or item.is_phantom:
            continue
        trusts_empty = (
            is_end and isinstance(item, OpenCall) and item.choice not in unsure and state.trusts_empty(item)
        )
        cut = torn or state.was_cut(item.choice)
        if item.is_complete(cut=cut, trusts_empty=trusts_empty):
            for half in item.lone_halves(None, raw):
                yield PIECES[type(half)][1](half, item)
            yield done(item, item.final(), raw, state)


def done(item: AnyOpenItem, whole: Item, raw: Payload, state: AnswerState) -> Event:
    """Close *item*, which is *whole*, and return its event."""
    item.whole = with_origin(whole, state.origin)  # kept: the completion holds the item that was yielded
    state.close(item)
    return ItemDone(item.whole, item.slot, item.choice, raw)


def warn_of_items(state: AnswerState) -> None:
    """Note each call that isn't complete, each finish of tool_calls without any call, lost offsets, and an
    answer without items whose payloads have an unknown form.
    """
    for item in state.in_order:
        if isinstance(item, OpenMessage) and (lost := item.lost_offsets):
            warning = lost_offsets(lost)
            if warning not in state.warnings:  # the whole item may have noted it
                state.warnings.append(warning)
        if isinstance(item, OpenCall) and not (item.is_done or item.is_phantom):
            state.warnings.append(_incomplete(item))
    with_calls = {
        item.choice
        for item in state.in_order
        if not (item.is_phantom or isinstance(item, OpenMessage | OpenReasoning))
    }
    for choice in sorted(state.finishes.keys() - with_calls):
        if state.finish_of(choice) == "tool_calls":
            state.warnings.append(f"no_call: choice {choice} finished with tool_calls, and has no call")
    if state.news is not None and all(item.is_phantom for item in state.in_order):
        state.warnings.append(f"no_output: no output was found in payloads such as {state.news!r:.120}")


def _incomplete(call: OpenCall) -> str:
    """Return the warning for a call that isn't complete."""
    name = call.name or getattr(call.whole, "name", None) or "without a name"
    return f"incomplete_call: {name}: {call.fault()}: {str(call.arguments)!r:.120}"

"""The entries of a conversation -> drafts: which items share one message, and which reasoning goes with it.

Strategy. Chat Completions has one assistant message for text, calls and reasoning; a conversation has an item
for each. `_runs` groups the entries: a run is a sequence of entries by the model, and an output or a message
by another party ends it. `_drafts` turns each run into drafts of assistant messages.

Rules for texts and calls:

D1. A call joins the last draft of its run.
D2. A text joins the last draft if that has only calls, else it begins a new draft.
D3. A text that repeats the last draft is dropped, because some programs store an answer twice.

Rules for reasoning, which goes back with one draft of its run:

R1. the draft after it, if that has calls: the reasoning led to them;
R2. else the draft before it;
R3. else the draft after it.

Reasoning in a run without drafts has no message. The report lists every item that is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import define, field, frozen

from ...items import InputText, Message, OutputAudio, OutputText, Reasoning
from ..call_pairs import CALLS, Entry, is_output
from ..parts import is_blank, is_text
from ..report import BuildReport
from .content import content_of


@define
class Draft:
    """An assistant message to write; `entry` is the first item in it.

    `fields` contains the content, refusal and audio, and the fields that the gateway added to them.
    """

    entry: Entry
    fields: dict[str, Any] = field(factory=dict)
    calls: list[Entry] = field(factory=list)
    reasoning: list[Reasoning] = field(factory=list)


@frozen
class OtherMessage:
    """A message to write that isn't by the model."""

    entry: Entry
    message: Message


Block: TypeAlias = Draft | OtherMessage


def group(entries: Iterable[Entry], report: BuildReport) -> tuple[list[Block], list[Entry]]:
    """Return the messages to write, in order, and the reasoning that has no message.

    Outputs aren't among the messages: an output is written with its call.
    """
    blocks: list[Block] = []
    left: list[Entry] = []
    for run in _runs(entries, report):
        drafts, without_draft = _drafts(run, report)
        blocks += drafts
        left += without_draft
        if run.then is not None:
            blocks.append(run.then)
    return blocks, left


@frozen
class _Run:
    """Entries by the model without anything between them, and the message that ended the run, if one did."""

    entries: tuple[Entry, ...]
    then: OtherMessage | None = None


def _runs(entries: Iterable[Entry], report: BuildReport) -> Iterator[_Run]:
    run: list[Entry] = []
    for entry in entries:
        item = entry.item
        if isinstance(item, (Reasoning, *CALLS)) or (isinstance(item, Message) and item.role == "assistant"):
            run.append(entry)
        elif is_output(item):
            yield _Run(tuple(run))
            run = []
        elif not isinstance(item, Message):
            report.dropped.append(f"{entry} has no form in the chat API")
        elif is_blank(item.content):
            report.dropped.append(f"{entry} is empty")
        else:
            yield _Run(tuple(run), OtherMessage(entry, item))
            run = []
    yield _Run(tuple(run))


def _drafts(run: _Run, report: BuildReport) -> tuple[list[Draft], list[Entry]]:
    """Return the drafts of a run, and its reasoning if there are none."""
    drafts: list[Draft] = []
    reasoning: list[tuple[Entry, int]] = []  # each with the number of drafts before it
    for entry in run.entries:
        if isinstance(entry.item, Reasoning):
            reasoning.append((entry, len(drafts)))
        elif isinstance(entry.item, Message):
            _add_text(drafts, entry, entry.item, report)
        else:
            if not drafts:
                drafts.append(Draft(entry))
            drafts[-1].calls.append(entry)  # D1
    if not drafts:
        return [], [entry for entry, _ in reasoning]
    for entry, count in reasoning:
        assert isinstance(entry.item, Reasoning)
        _draft_for_reasoning(drafts, count).reasoning.append(entry.item)
    return drafts, []


def _draft_for_reasoning(drafts: list[Draft], before: int) -> Draft:
    """Return the draft to attach a reasoning item to. *before* counts the drafts that precede it."""
    if before < len(drafts) and drafts[before].calls:  # R1
        return drafts[before]
    return drafts[before - 1] if before else drafts[0]  # R2, R3


def _add_text(drafts: list[Draft], entry: Entry, message: Message, report: BuildReport) -> None:
    fields = _fields(entry, message, report)
    last = drafts[-1] if drafts else None
    if not fields:
        report.dropped.append(f"{entry} is empty")
    elif last is not None and _repeats(fields, last):  # D3
        report.dropped.append(f"{entry} repeats the message before it")
    else:
        if last is None or last.fields:  # D2
            last = Draft(entry)
            drafts.append(last)
        extra = {} if message.id else message.extra  # next to an id, `extra` is in the form of another API
        last.fields |= {**extra, **fields}


def _is_file(annotation: Any) -> bool:
    return isinstance(annotation, Mapping) and annotation.get("type") == "file"


def _repeats(fields: dict[str, Any], last: Draft) -> bool:
    return "content" in fields and all(last.fields.get(name) == value for name, value in fields.items())


def _fields(entry: Entry, message: Message, report: BuildReport) -> dict[str, Any]:
    """Return the content, refusal and audio of a message by the model, without the fields that are empty."""
    fields: dict[str, Any] = {}
    if message.id and message.origin is None:
        report.leave_out(f"{entry}: its id, because a chat message has none")
    texts = [part for part in message.content if isinstance(part, InputText | OutputText)]
    if message.text.strip():
        is_marked = not message.id and any(part.extra for part in texts)
        fields["content"] = content_of(texts, f"{entry.place}.content") if is_marked else message.text
    files = [each for part in texts for each in getattr(part, "annotations", ()) if _is_file(each)]
    if files:
        fields["annotations"] = files
    if message.refusal:
        fields["refusal"] = message.refusal
    for part in message.content:
        if isinstance(part, OutputAudio) and part.id:
            fields["audio"] = {"id": part.id}
        elif isinstance(part, OutputAudio) and part.transcript:
            fields["content"] = "\n\n".join(filter(None, (message.text, part.transcript)))
        elif not is_text(part):
            report.dropped.append(f"{entry}: its {part.type}, which the chat API doesn't accept back")
    return fields

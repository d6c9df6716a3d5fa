"""The items of a conversation -> the `input` of a Responses call.

Rules: items keep their order. An item of the server goes back as it was received, because the server refuses
reasoning without the items next to it. So `extra` wins over the fields written here. Fields of another API
are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import evolve

from ...items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Reasoning,
    UnknownItem,
    WebSearchCall,
)
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import CALLS, Entry, arguments_to_send, pair, report_is_error
from ..parts import is_blank
from ..report import BuildReport
from ..tool_specs import sendable_name
from .content import flat_annotation, responses_parts

_Fields: TypeAlias = dict[str, Any]
# Items with fields that the server sends, and refuses in an input. See can1357/oh-my-pi#3202.
_INPUT_FIELDS: Mapping[str, frozenset[str]] = {
    "image_generation_call": frozenset(("type", "id", "status", "result")),
}
# Keys of messages and outputs that the API has, next to those that are written here.
_KNOWN_KEYS = frozenset(("created_by", "phase", "status"))
_CALL_IDS = r"(?s).{1,64}"  # the 400 names the limit
_WITH_OWN_ID = (Message, Reasoning, *CALLS, FunctionCallOutput, CustomToolCallOutput)
_CallOutput: TypeAlias = FunctionCallOutput | CustomToolCallOutput


def build_input(request: Request, profile: Profile, report: BuildReport) -> list[_Fields]:
    """Return the input items; *report* lists the items that can't be sent."""
    params = request.params
    has_calls_elsewhere = "previous_response_id" in params or "conversation" in params
    is_stored = params.get("store") is not False
    written: list[tuple[Entry, _Fields]] = []
    received: list[str] = []
    is_alone = False  # the reasoning of this answer isn't sent: ids that refer to it would be refused
    for entry in pair(request.input, report, call_ids=_CALL_IDS, calls_elsewhere=has_calls_elsewhere):
        reason = _why_dropped(entry.item, profile, is_stored=is_stored)
        if has_calls_elsewhere and reason is None and _is_received(entry.item):
            received.append(str(entry))
        if isinstance(entry.item, Reasoning) or not _is_of_model(entry.item):
            is_alone = isinstance(entry.item, Reasoning) and reason is not None
        item = _without_id(entry.item) if is_alone else entry.item
        if isinstance(item, _WITH_OWN_ID) and _is_refused(item, profile):
            report.leave_out(f"{entry}: its id, which {profile.name} doesn't accept back")
            item = _without_id(item)
        fields = _WRITERS[item.type](item, entry, report) if reason is None else {}
        if fields.get("content") == [] and "id" not in fields:  # none of its parts can be sent
            reason = "is empty"
        if reason is None:
            written.append((entry, fields))
        else:
            report.dropped.append(f"{entry} {reason}")
    if received:  # they may also be later than the response that goes on
        report.doubtful.append(
            f"{', '.join(received)}: the server refuses an item that is in the conversation that goes on"
        )
    return _without_lone_reasoning(written, report)


def _without_lone_reasoning(written: list[tuple[Entry, _Fields]], report: BuildReport) -> list[_Fields]:
    """Leave out the server's reasoning that nothing of its answer follows, as after a cut.

    The server refuses it: "provided without its required following item".
    """
    kept: list[_Fields] = []
    has_answer = False
    for entry, fields in reversed(written):
        item = entry.item
        if not isinstance(item, Reasoning):
            has_answer = not _ends_answer(item)
        elif not has_answer and (item.id or item.encrypted_content):
            report.dropped.append(
                f"{entry} is alone: the server refuses it without the item that followed it"
            )
            continue
        kept.append(fields)
    return kept[::-1]


def _ends_answer(item: Item) -> bool:
    """Return True for a message that isn't the model's, and for the output of a call."""
    if isinstance(item, UnknownItem):
        return str(item.payload.get("type")).endswith("_output")
    return not _is_of_model(item)


def _is_of_model(item: Item) -> bool:
    return isinstance(item, (Reasoning, WebSearchCall, *CALLS)) or getattr(item, "role", None) == "assistant"


def _is_received(item: Item) -> bool:
    """Return True for an item that the server made and gave an id: it refuses a second one."""
    if isinstance(item, UnknownItem):
        is_call = str(item.payload.get("type")).endswith("_call")
        return bool(item.id) and (is_call or item.origin is not None)
    return _is_of_model(item) and bool(getattr(item, "id", None))


def _is_refused(item: Item, profile: Profile) -> bool:
    """Return True if the server refuses the id of *item*: as its own, or as one that another program made."""
    if not (item_id := getattr(item, "id", None)):
        return False
    if not item_id.startswith(profile.item_id_prefixes.get(item.type, "")):
        return True
    return profile.item_ids is not None and not re.fullmatch(profile.item_ids, item_id)


def _without_id(item: Item) -> Item:
    """Return an item without its id: it refers to the reasoning before it, or the server refuses it."""
    return evolve(item, id=None) if isinstance(item, _WITH_OWN_ID) and item.id else item


def _why_dropped(item: Item, profile: Profile, *, is_stored: bool) -> str | None:
    """Return the reason why an item can't be sent, or None."""
    if isinstance(item, Message) and not item.id and is_blank(item.content):
        return "is empty"
    if isinstance(item, UnknownItem) and item.payload.get("type") == "image_generation_call":
        return None if item.payload.get("result") else "is an image_generation_call without a result"
    if not isinstance(item, Reasoning) or item.encrypted_content:
        return None
    if item.id and not _is_refused(item, profile):
        is_reference = not item.content and not is_stored
        return "is known by its id only, and store is False" if is_reference else None
    if profile.reasoning_replay == "off":
        return f"has no encrypted content, and {profile.name} accepts only its own reasoning"
    return None if item.text else "is empty"


def _fields(item: Item, fields: _Fields) -> _Fields:
    """Return *fields* with the type of *item*, its id and status, and its `extra` if that is of this API.

    A call or reasoning without an origin, an id and a status is from Chat Completions, and so is its `extra`.
    """
    known = {name: value for name in ("id", "status") if (value := getattr(item, name, None))}
    extra = {} if _is_from_chat(item) else getattr(item, "extra", {})
    return {"type": item.type, **fields, **known, **extra}


def _is_from_chat(item: Item) -> bool:
    is_made = isinstance(item, (*CALLS, Reasoning)) and item.origin is None
    return is_made and not (getattr(item, "id", None) or getattr(item, "status", None))


def _message(message: Message, entry: Entry, report: BuildReport) -> _Fields:
    content: list[Part] = []
    for part in map(_as_text, message.content):
        if message.role == "assistant" and isinstance(part, OutputImage | OutputAudio):
            report.dropped.append(f"{entry}: its {part.type}, which the responses API doesn't accept back")
        else:
            if any(flat_annotation(each) is None for each in getattr(part, "annotations", ())):
                report.dropped.append(
                    f"{entry}: its annotations in a form that the responses API doesn't have"
                )
            content.append(part)
    written = responses_parts(content, f"{entry.place}.content", role=message.role)
    if message.id:  # the API writes empty annotations, too, and requires them with an id
        written = [{"annotations": [], **p} if p.get("type") == "output_text" else p for p in written]
    if not message.id:  # its fields are the caller's own
        message = evolve(message, extra=report.keep_known(message.extra, _KNOWN_KEYS, entry, "responses"))
    return _fields(message, {"role": message.role, "content": written})


def _as_text(part: Part) -> Part:
    """Return the transcript if *part* is speech by the model."""
    return OutputText(part.transcript) if isinstance(part, OutputAudio) and part.transcript else part


def _reasoning(item: Reasoning, entry: Entry, report: BuildReport) -> _Fields:
    fields: _Fields = {"summary": [{"type": "summary_text", "text": text} for text in item.summary]}
    if item.content:
        fields["content"] = [{"type": "reasoning_text", "text": text} for text in item.content]
    if item.encrypted_content:
        fields["encrypted_content"] = item.encrypted_content
    return _fields(item, fields)


def _function_call(item: FunctionCall, entry: Entry, report: BuildReport) -> _Fields:
    arguments = arguments_to_send(entry, report)
    if _is_from_chat(item):
        report.keep_known(item.extra, (), entry, "responses")
    return _fields(item, {"call_id": entry.call_id, "name": sendable_name(item.name), "arguments": arguments})


def _custom_tool_call(item: CustomToolCall, entry: Entry, report: BuildReport) -> _Fields:
    return _fields(item, {"call_id": entry.call_id, "name": item.name, "input": item.input})


def _local_shell_call(item: LocalShellCall, entry: Entry, report: BuildReport) -> _Fields:
    return _fields(item, {"call_id": entry.call_id, "action": dict(item.action)})


def _call_output(item: _CallOutput, entry: Entry, report: BuildReport) -> _Fields:
    report_is_error(entry, report)
    if not item.id:
        item = evolve(item, extra=report.keep_known(item.extra, _KNOWN_KEYS, entry, "responses"))
    output: Any = item.output
    if not isinstance(output, str):
        output = responses_parts(output, f"{entry.place}.output")
    return _fields(item, {"call_id": entry.call_id, "output": output})


def _web_search_call(item: WebSearchCall, entry: Entry, report: BuildReport) -> _Fields:
    # The server refuses some of the nulls that packages write: "Unknown parameter: 'input[4].action.query'".
    action = {name: value for name, value in (item.action or {}).items() if value is not None}
    return _fields(item, {"action": action} if action else {})


def _unknown(item: UnknownItem, entry: Entry, report: BuildReport) -> _Fields:
    accepted = _INPUT_FIELDS.get(str(item.payload.get("type")), item.payload)
    if refused := ", ".join(name for name in item.payload if name not in accepted):
        report.leave_out(f"{entry}: its {refused}, which the API sends and doesn't accept")
    return {name: value for name, value in item.payload.items() if name in accepted}


_WRITERS: Mapping[str, Callable[[Any, Entry, BuildReport], _Fields]] = {
    Message.type: _message,
    Reasoning.type: _reasoning,
    FunctionCall.type: _function_call,
    CustomToolCall.type: _custom_tool_call,
    LocalShellCall.type: _local_shell_call,
    FunctionCallOutput.type: _call_output,
    CustomToolCallOutput.type: _call_output,
    WebSearchCall.type: _web_search_call,
    UnknownItem.type: _unknown,
}  # no Note: `pair` leaves notes out

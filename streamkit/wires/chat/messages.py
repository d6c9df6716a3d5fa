"""The items of a conversation -> the `messages` of a Chat Completions call.

Strategy. Items are walked once. What the model said without anybody speaking in between is one *run*;
within it, calls join the message before them, and a text that follows calls fills the gap in
their message or begins a new one. Closing a message writes it, its calls' outputs right behind it,
wherever in the input they stood. At the end of a run its reasoning is given to the run's messages.

Rules (behaviours RL-06 to RL-32): no user turn is ever lost; a message in which nothing is said is not
sent; an answer said twice in a run is sent once; and all of that is in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ...errors import UsageError
from ...items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    LocalShellCall,
    Message,
    OutputAudio,
    Reasoning,
)
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import CALLS, Entry, arguments_to_send, is_output, pair
from ..parts import is_text, says_nothing
from ..report import BuildReport
from .content import content_of, parts_of


def build_messages(
    request: Request, profile: Profile, report: BuildReport, *, system_role: str
) -> list[dict[str, Any]]:
    """The messages, instructions first. *system_role* is what the model knows system messages as.

    Raises `UsageError` where the input has no message that can be sent (RQ-05).
    """
    thread = _Thread(profile, report, system_role)
    instructions = {"role": system_role, "content": request.instructions}
    if request.instructions and request.instructions.strip():  # RL-02: an empty one is refused
        thread.messages.append(instructions)
    for entry in pair(request.input, report):
        thread.add(entry)
    thread.end_run()
    thread.attach_reasoning()
    if all(message is instructions for message in thread.messages):
        raise UsageError(f"there is no message to send; {report or 'the input is empty'}")
    return thread.messages


@define
class _Thread:
    """The messages so far, and the run that is under way."""

    profile: Profile
    report: BuildReport
    system_role: str
    messages: list[dict[str, Any]] = field(factory=list)
    current: dict[str, Any] | None = None  # the assistant message that may still grow
    calls: list[Entry] = field(factory=list)  # those of `current`
    run: list[Entry | dict[str, Any]] = field(factory=list)  # reasoning, and the messages around it
    thoughts: dict[int, list[Reasoning]] = field(factory=dict)  # by the id() of their message
    lost: list[tuple[int, Entry]] = field(factory=list)  # reasoning without message, and where it stood
    signed: dict[int, list[Entry]] = field(factory=dict)  # calls with a signature, likewise
    last_user: int = -1  # where in `messages`

    def add(self, entry: Entry) -> None:
        item = entry.item
        if isinstance(item, Reasoning):
            self.run.append(entry)
        elif isinstance(item, CALLS):
            message = self._open()
            message.setdefault("tool_calls", []).append(self._call(entry))
            self.calls.append(entry)
            if isinstance(item, FunctionCall) and item.signature:
                self.signed.setdefault(id(message), []).append(entry)
        elif is_output(item):
            self.end_run()  # which has written it, behind its call
        elif isinstance(item, Message) and item.role == "assistant":
            self._assistant(entry, item)
        elif isinstance(item, Message):
            self._spoken(entry, item)
        else:
            self.report.dropped.append(f"{entry} has no place on the chat wire")

    # -- what others say ------------------------------------------------------------------

    def _spoken(self, entry: Entry, message: Message) -> None:
        if says_nothing(message.content):
            self.report.dropped.append(f"{entry} says nothing")
            return
        self._report_moved(entry)
        self.end_run()
        role = message.role if message.role == "user" else self.system_role
        content = content_of(message.content, entry) if role == "user" else message.text
        self.messages.append({**message.extra, "role": role, "content": content})
        if role == "user":
            self.last_user = len(self.messages) - 1

    # -- what the model said --------------------------------------------------------------

    def _open(self) -> dict[str, Any]:
        if self.current is None:
            self.current = {"role": "assistant", "content": None}
            self.run.append(self.current)
        return self.current

    def _assistant(self, entry: Entry, message: Message) -> None:
        said = self._said(entry, message)
        if not said:
            self.report.dropped.append(f"{entry} says nothing")
            return
        if self.current is not None and self.current["content"] == said.get("content", ""):
            self.report.dropped.append(f"{entry} says what the message before it says")
            return
        if self.current is not None and not self._is_silent(self.current):
            self._report_moved(entry)
            self._close()
        extra = {} if message.id else message.extra  # with an id it is the Responses API's
        self._open().update({**extra, **said})

    def _is_silent(self, message: dict[str, Any]) -> bool:
        """Whether it has calls only, so that a text may still join them."""
        return message["content"] is None and message.keys() <= {"role", "content", "tool_calls"}

    def _said(self, entry: Entry, message: Message) -> dict[str, Any]:
        """The content, refusal and audio of a message by the model; only what is there."""
        said: dict[str, Any] = {}
        if message.text.strip():
            said["content"] = message.text
        if message.refusal:
            said["refusal"] = message.refusal
        for part in message.content:
            if isinstance(part, OutputAudio) and part.id:
                said["audio"] = {"id": part.id}
            elif isinstance(part, OutputAudio) and part.transcript:
                said["content"] = said.get("content", "") + part.transcript
            elif not is_text(part):
                self.report.dropped.append(f"{entry} holds {part.type}, which cannot be sent back on chat")
        return said

    def _call(self, entry: Entry) -> dict[str, Any]:
        """One entry of `tool_calls` (RQ-16, RL-28, RL-30)."""
        item = entry.item
        assert isinstance(item, CALLS)
        extra = {} if item.id else dict(item.extra)  # Gemini's extra_content, say
        if isinstance(item, FunctionCall):
            function = {"name": item.name, "arguments": arguments_to_send(entry, self.report)}
            return {**extra, "id": entry.call_id, "type": "function", "function": function}
        if isinstance(item, CustomToolCall):
            custom = {"name": item.name, "input": item.input}
            return {**extra, "id": entry.call_id, "type": "custom", "custom": custom}
        status = item.status or "completed"
        return {
            **extra,
            "id": entry.call_id,
            "type": LocalShellCall.type,
            "status": status,
            "action": item.action,
        }

    # -- closing --------------------------------------------------------------------------

    def _report_moved(self, entry: Entry) -> None:
        """Say which outputs come before *entry* that stand behind it in the input."""
        for call in self.calls:
            if call.output and call.output.position > entry.position:
                self.report.repaired.append(f"{call.output} moved before {entry}, behind its call")

    def _close(self) -> None:
        """Write the current message, and what its calls came to, in the order of the outputs."""
        if self.current is None:
            return
        self.messages.append(self.current)
        outputs = sorted((c.output for c in self.calls if c.output), key=lambda o: o.position)
        moved: list[Any] = []
        for output in outputs:
            content, others = self._output(output)
            extra = getattr(output.item, "extra", {})
            self.messages.append(
                {**extra, "role": "tool", "tool_call_id": output.call_id, "content": content}
            )
            moved += others
        if moved:
            self.messages.append({"role": "user", "content": moved})
        self.current, self.calls = None, []

    def _output(self, entry: Entry) -> tuple[Any, list[Any]]:
        """The content of a tool message, and the parts that have to follow in a user message."""
        item = entry.item
        if not isinstance(item, FunctionCallOutput | CustomToolCallOutput):  # a hosted tool's, verbatim
            output = getattr(item, "payload", {}).get("output")
            return output if isinstance(output, str) else str(output), []
        if isinstance(item.output, str):
            return item.output, []
        others = [part for part in item.output if not is_text(part)]
        texts = [getattr(part, "text", "") for part in item.output if is_text(part)]
        if not others:
            return "\n".join(texts), []
        if self.profile.tool_output_images:
            return parts_of(item.output, entry), []
        self.report.repaired.append(f"{entry} holds more than text; sent in a user message after it")
        text = "\n".join([*texts, "(see the next user message)"])
        lead = {"type": "text", "text": f"Output of call {entry.call_id}:"}
        return text, [lead, *parts_of(others, entry)]

    def end_run(self) -> None:
        """Close the message under way, and decide which message each reasoning item goes to."""
        self._close()
        for place, entry in enumerate(self.run):
            if not isinstance(entry, Entry):
                continue
            assert isinstance(entry.item, Reasoning)
            before = next((m for m in reversed(self.run[:place]) if isinstance(m, dict)), None)
            after = next((m for m in self.run[place:] if isinstance(m, dict)), None)
            # RL-11: with the call it led to, else with the message that it follows, else the next one.
            anchor = after if after and "tool_calls" in after else before or after
            if anchor is not None:
                self.thoughts.setdefault(id(anchor), []).append(entry.item)
            else:
                self.lost.append((len(self.messages), entry))
        self.run = []

    # -- reasoning ------------------------------------------------------------------------

    def attach_reasoning(self) -> None:
        """Put the reasoning into its messages, in the field that the profile names.

        Text goes with what was said since the last user message, since models throw older thinking
        away and some refuse it (RL-07); details are signed, and go everywhere, untouched.
        """
        where = self.profile.reasoning_replay
        if where == "off":
            return
        for index, message in enumerate(self.messages):
            reasonings = self.thoughts.get(id(message), [])
            if where == "reasoning_details":
                details = [detail for reasoning in reasonings for detail in _details(reasoning)]
                details += _signatures(self.signed.get(id(message), []), details)
                if details:
                    message["reasoning_details"] = details
                    continue
            text = "\n".join(r.text for r in reasonings if r.text.strip())
            if text and index > self.last_user:
                message["reasoning" if where == "reasoning_details" else where] = text
        for index, entry in self.lost:
            if index > self.last_user or where == "reasoning_details":
                self.report.dropped.append(f"{entry} belongs to no message that is sent")


def _details(reasoning: Reasoning) -> list[Any]:
    """OpenRouter's `reasoning_details`: verbatim, or made of what another wire signed (OQ-10)."""
    if reasoning.details:
        return list(reasoning.details)
    if not reasoning.encrypted_content:
        return []
    details: list[dict[str, Any]] = [{"type": "reasoning.summary", "summary": s} for s in reasoning.summary]
    details.append({"type": "reasoning.encrypted", "data": reasoning.encrypted_content})
    known_id = {"id": reasoning.id} if reasoning.id else {}
    return [{**detail, **known_id, "index": index} for index, detail in enumerate(details)]


def _signatures(calls: list[Entry], details: list[Any]) -> list[Any]:
    """A detail for each call's signature that *details* do not hold (OQ-11)."""
    known = {detail.get("data") for detail in details if isinstance(detail, Mapping)}
    return [
        {"type": "reasoning.encrypted", "id": call.call_id, "data": call.item.signature}
        for call in calls
        if isinstance(call.item, FunctionCall) and call.item.signature not in known
    ]

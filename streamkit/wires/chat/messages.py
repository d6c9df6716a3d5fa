"""The items of a conversation -> the `messages` of a Chat Completions call.

Strategy. `drafts.py` decides which items share a message. This file writes each draft, and the outputs of its
calls right after it: Chat Completions accepts no message between a call and its output.

Rules: every message of a user is sent. Reasoning text goes back only with messages since the last user
message, because models discard older text and some servers refuse it; details are signed, and always go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, TypeAlias

from attrs import frozen

from ...errors import UsageError
from ...items import REASONING_FIELDS, FunctionCall, InputFile, Part, Reasoning, UnknownItem
from ...profiles.profile import Profile, is_one_of
from ...request import Request
from ...state.join import split_blocks
from ..call_pairs import OUTPUTS, Entry, output_text, pair, report_is_error
from ..opaque import STAND_IN
from ..parts import is_text, text_of
from ..report import BuildReport
from .content import content_of, join_contents, parts_of
from .drafts import Block, Draft, OtherMessage, group
from .sequence import accepted_messages
from .tool_specs import written_call

_Message: TypeAlias = dict[str, Any]


def build_messages(
    request: Request, profile: Profile, report: BuildReport, *, system_role: str
) -> list[_Message]:
    """Return the messages, instructions first; *system_role* is the model's word for a system message.

    Raises `UsageError` if the input has no message that can be sent.
    """
    blocks, lost = group(pair(request.input, report, call_ids=profile.call_ids), report)
    users = [b.entry.position for b in blocks if isinstance(b, OtherMessage) and b.message.role == "user"]
    writer = _Writer(
        profile, report, system_role, max(users, default=-1), request.model, has_tools=bool(request.tools)
    )
    writer.report_lost(lost)
    if not blocks:
        raise UsageError(f"input: expected a message with content, got none; {report or 'it is empty'}")
    messages: list[_Message] = []
    if request.instructions and request.instructions.strip():  # servers refuse an empty system message
        messages.append({"role": system_role, "content": request.instructions})
    for block, following in zip_longest(blocks, blocks[1:]):
        written = writer.write(block, following)
        messages += [_with_known_keys(message, block, profile, report) for message in written]
    return accepted_messages(messages, request.model, profile, report)


# The keys of messages that the API has, and those that known gateways add to them: prefix
# (DeepSeek, Mistral), partial (Kimi), weight (fine-tuning), cache_control (as Anthropic has it).
_KNOWN_KEYS = frozenset(
    (
        "annotations",
        "audio",
        "cache_control",
        "content",
        "extra_content",
        "function_call",
        "images",
        "is_error",
        "name",
        "partial",
        "prefix",
        "reasoning_details",
        "refusal",
        "role",
        "thinking_blocks",
        "tool_call_id",
        "tool_calls",
        "weight",
        *REASONING_FIELDS,
    )
)


def _with_known_keys(message: _Message, block: Block, profile: Profile, report: BuildReport) -> _Message:
    """Return *message* without keys that no API knows, such as the `metadata` of a chat page."""
    unknown = [name for name in message if name not in _KNOWN_KEYS]
    if not unknown or profile.unknown_keys == "send":
        return message
    names = ", ".join(unknown)
    report.dropped.append(f"{block.entry}: its {names}, which no chat API knows; see unknown_keys")
    return {name: value for name, value in message.items() if name in _KNOWN_KEYS}


@frozen
class _Writer:
    """Writes blocks as messages; `last_user` is the position of the last user message in the input."""

    profile: Profile
    report: BuildReport
    system_role: str
    last_user: int
    model: str
    has_tools: bool

    def write(self, block: Block, following: Block | None) -> list[_Message]:
        """Return the messages of *block*; *following* is the block after it."""
        if isinstance(block, OtherMessage):
            return [self._other(block)]
        message = {"role": "assistant", "content": None, **block.fields}
        if not self.profile.replays_annotations and message.pop("annotations", None):
            self.report.leave_out(f"{block.entry}: its annotations, which the chat API doesn't accept back")
        if "refusal" in message and self.profile.refuses("refusal", self.model):
            texts = [text for text in (message["content"], message.pop("refusal")) if text]
            message["content"] = join_contents(texts)
            self.report.repaired.append(f"{block.entry}: its refusal is sent as text: no field has it here")
        if block.calls:
            message["tool_calls"] = self._calls(block)
        outputs = sorted((call.output for call in block.calls if call.output), key=lambda o: o.position)
        self._report_moved(outputs, following)
        return [message | self._reasoning(block), *self._outputs(outputs)]

    def _calls(self, draft: Draft) -> list[_Message]:
        """Return the entries of `tool_calls`; the first one is signed if the model demands that."""
        calls = [written_call(entry, self.profile, self.model, self.report) for entry in draft.calls]
        if is_one_of(self.profile.signed_models, self.model) and "extra_content" not in calls[0]:
            calls[0]["extra_content"] = {"google": {"thought_signature": STAND_IN}}
            self.report.repaired.append(f"{draft.calls[0]} has no signature; sent the documented stand-in")
        return calls

    def _other(self, block: OtherMessage) -> _Message:
        message, place = block.message, f"{block.entry.place}.content"
        if message.id and message.origin is None:
            self.report.leave_out(f"{block.entry}: its id, because a chat message has none")
        if message.role == "user":
            self._check_files(message.content, place)
            parts = self._with_text(message.content, block.entry)
            return {**message.extra, "role": "user", "content": content_of(parts, place)}
        for part in message.content:
            if not is_text(part):
                self.report.dropped.append(
                    f"{block.entry}: its {part.type}, because a system message on chat contains only text"
                )
        content = content_of(filter(is_text, self._with_text(message.content, block.entry)), place)
        return {**message.extra, "role": self.system_role, "content": content}

    def _with_text(self, parts: tuple[Part, ...], entry: Entry) -> list[Part]:
        """Return *parts* without empty texts, which Anthropic's models behind a gateway refuse."""
        kept = [part for part in parts if not is_text(part) or text_of(part)]
        if len(kept) < len(parts):
            self.report.leave_out(f"{entry}: its empty text")
        return kept

    def _check_files(self, parts: Iterable[Part], place: str) -> None:
        """Raise `UsageError` for the URL of a file, unless the gateway reads it."""
        for number, part in enumerate(parts):
            if isinstance(part, InputFile) and part.file_url and not self.profile.file_urls:
                raise UsageError(
                    f"{place}[{number}]: expected the data of a file, got its URL, which {self.profile.name} "
                    "reads on the responses API only; download it, or pass wire='responses'"
                )

    # -- reasoning ------------------------------------------------------------------------

    def _reasoning(self, draft: Draft) -> _Message:
        """Return the draft's reasoning, in the field that the profile names.

        Signed thinking blocks (LiteLLM) go back in theirs.
        """
        name: str = self.profile.reasoning_replay
        if name == "off":
            if draft.reasoning:
                self._leave_out(draft, "reasoning")
            return {}
        details, blocks = split_blocks(d for reasoning in draft.reasoning for d in reasoning.details)
        if name == "reasoning_details":
            if blocks:
                self._leave_out(draft, "thinking blocks")
            details += [d for reasoning in draft.reasoning for d in _encrypted_details(reasoning)]
            details += _signatures(draft.calls, details)
            return {name: details} if details else self._reasoning_text(draft, "reasoning")
        if details:
            self._leave_out(draft, "reasoning details")
        fields = self._thinking_blocks(draft, blocks)
        if fields and not any(reasoning.field_name for reasoning in draft.reasoning):
            return fields  # no other field carried the text
        return {**fields, **(self._reasoning_text(draft, name) or self._no_reasoning(draft, name))}

    def _no_reasoning(self, draft: Draft, name: str) -> _Message:
        """Return the field with a filler, if the model demands one of a message without reasoning."""
        is_checked = self.has_tools and (draft.calls or draft.entry.position > self.last_user)
        fillers = self.profile.reasoning_filler.items() if is_checked else ()
        return next(({name: text} for models, text in fillers if is_one_of(models, self.model)), {})

    def _thinking_blocks(self, draft: Draft, blocks: list[Any]) -> _Message:
        """Return the blocks in their field. Anthropic refuses one that was cut before its signature."""
        signed = [block for block in blocks if block.get("signature") or block.get("data")]
        if len(signed) < len(blocks):
            self.report.leave_out(f"{draft.entry}: its thinking blocks without a signature")
        return {"thinking_blocks": signed} if signed else {}

    def _reasoning_text(self, draft: Draft, name: str) -> _Message:
        """Return the text of the reasoning in the field *name*."""
        texts = [reasoning for reasoning in draft.reasoning if reasoning.text.strip()]
        if not texts:
            return {}
        if name == "received":
            name = next((each.field_name for each in texts if each.field_name), "reasoning")
        is_needed = bool(draft.calls) and self.profile.keeps_tool_reasoning
        if draft.entry.position > self.last_user or is_needed:
            return {name: "\n".join(reasoning.text for reasoning in texts)}
        self.report.leave_out(f"{draft.entry}: its reasoning, because a user message follows it")
        return {}

    def _leave_out(self, draft: Draft, what: str) -> None:
        self.report.leave_out(f"{draft.entry}: its {what}, which {self.profile.name} doesn't accept back")

    def report_lost(self, lost: list[Entry]) -> None:
        """Report the reasoning that has no message, unless it wouldn't be sent with one either."""
        where = self.profile.reasoning_replay
        for entry in lost:
            if where == "reasoning_details" or (where != "off" and entry.position > self.last_user):
                self.report.dropped.append(f"{entry} belongs to no message in the body")

    # -- outputs --------------------------------------------------------------------------

    def _report_moved(self, outputs: list[Entry], following: Block | None) -> None:
        """Report the outputs that come after *following* in the input."""
        for output in outputs:
            if following is not None and output.position > following.entry.position:
                self.report.repaired.append(f"{output} moved before {following.entry}, to follow its call")

    def _outputs(self, outputs: list[Entry]) -> list[_Message]:
        """Return a message for each output, and one more for the parts that tool messages can't contain."""
        messages: list[_Message] = []
        moved: list[_Message] = []
        for entry in outputs:
            report_is_error(entry, self.report)
            content, others = self._output(entry)
            extra = getattr(entry.item, "extra", {})
            messages.append({**extra, "role": "tool", "tool_call_id": entry.call_id, "content": content})
            moved += others
        return [*messages, {"role": "user", "content": moved}] if moved else messages

    def _output(self, entry: Entry) -> tuple[str | list[_Message], list[_Message]]:
        """Return the content of a tool message, and the parts that have to follow in a user message."""
        item = entry.item
        if isinstance(item, UnknownItem):  # a hosted tool's
            return output_text(item), []
        assert isinstance(item, OUTPUTS)
        if isinstance(item.output, str):
            return item.output, []
        texts = [text_of(part) for part in item.output if is_text(part)]
        marks = {name: None for part in item.output for name in getattr(part, "extra", ())}
        if len(texts) == len(item.output) and not (marks and self.profile.tool_output_images):
            if marks:
                reason = f"which {self.profile.name} doesn't accept in an output"
                self.report.dropped.append(f"{entry}: its {', '.join(marks)}, {reason}")
            return "\n".join(texts), []
        self._check_files(item.output, f"{entry.place}.output")
        parts = parts_of(item.output, f"{entry.place}.output")
        if self.profile.tool_output_images:
            return parts, []
        self.report.repaired.append(f"{entry} isn't text only; the rest is in a user message after it")
        others = [written for part, written in zip(item.output, parts, strict=True) if not is_text(part)]
        lead = {"type": "text", "text": f"Output of call {entry.call_id}:"}
        return "\n".join([*texts, "(see the next user message)"]), [lead, *others]


def _encrypted_details(reasoning: Reasoning) -> list[Any]:
    """Return details made from encrypted content without an origin, unless *reasoning* has details."""
    if reasoning.details or not reasoning.encrypted_content:
        return []
    details: list[_Message] = [{"type": "reasoning.summary", "summary": text} for text in reasoning.summary]
    details.append({"type": "reasoning.encrypted", "data": reasoning.encrypted_content})
    known_id = {"id": reasoning.id} if reasoning.id else {}
    return [{**detail, **known_id, "index": index} for index, detail in enumerate(details)]


def _signatures(calls: list[Entry], details: list[Any]) -> list[Any]:
    """Return a detail for each call's signature that *details* lack."""
    known = {detail.get("data") for detail in details if isinstance(detail, Mapping)}
    return [
        {"type": "reasoning.encrypted", "id": call.call_id, "data": call.item.signature}
        for call in calls
        if isinstance(call.item, FunctionCall) and call.item.signature and call.item.signature not in known
    ]

"""The items of a conversation -> the `system` blocks and the `messages` of a Messages call.

Strategy. ../turns.py makes the roles alternate. The outputs of calls are the first blocks of the user's next
message, as the API demands.

Rules: thinking goes back verbatim with its signature, or not at all. Blocks of the server's tools go back in
pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ...items import (
    CustomToolCall,
    FunctionCall,
    LocalShellCall,
    Message,
    Reasoning,
    UnknownItem,
    UnknownPart,
)
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import OUTPUTS, Entry, arguments_object, pair
from ..parts import is_text
from ..report import BuildReport
from ..turns import CONTINUES, Turn, TurnWriter, joined
from .block_pairs import HOSTED_CALLS, THOUGHTS, paired_tools, with_calls_last, without_last_thoughts
from .content import Block, assistant_blocks, known_keys, user_blocks
from .thinking import model_named

CALL_IDS = r"[a-zA-Z0-9_-]{1,64}"
# The blocks of an answer without a kind of item of their own, next to the results of tools.
_BLOCKS = frozenset((*THOUGHTS, *HOSTED_CALLS, "container_upload", "fallback", "image", "document"))
_CALL_KEYS = frozenset(("cache_control", "caller"))
_OUTPUT_KEYS = frozenset(("cache_control", "toolset_name"))
_MESSAGE_KEYS = frozenset(("role", "content"))
_SYSTEM_KEYS = ("clear_at", "output_config")  # of a system message in the conversation
_FAILED = "The tool failed."


def build_turns(
    request: Request, profile: Profile, report: BuildReport, *, is_answer: bool = False
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages; *report* lists the parts that were dropped or repaired.

    With *is_answer*, they are an answer of the server's, which may have what it refuses in a request: blocks
    of tools without a partner, a thought as the last block, white space at the end.

    Raises `UsageError` if there is no message to send.
    """
    writer = _Writer(request, profile, report)
    if request.instructions and request.instructions.strip():
        writer.system.append({"type": "text", "text": request.instructions})
    ids = profile.call_ids or CALL_IDS
    entries = pair(request.input, report, call_ids=ids, ids_once=not is_answer, only_functions=True)
    turns = writer.turns_of(entries)
    if not is_answer:
        turns = with_calls_last(paired_tools(turns, report), report)
        turns = joined(without_last_thoughts(turns, report))
    turns = joined(writer.placed(turns))
    writer.begin_with_user(turns, {"type": "text", "text": CONTINUES})
    if not is_answer:
        _strip_end(turns[-1], report)
    return writer.system, [{"role": turn.role, "content": turn.parts, **turn.fields} for turn in turns]


class _Writer(TurnWriter):
    """Writes entries as content blocks."""

    MODEL = "assistant"
    UNIT = "message"

    def __init__(self, request: Request, profile: Profile, report: BuildReport) -> None:
        super().__init__(request, profile, report)
        self._takes_system = profile.sends_betas and model_named(request.model).takes_system
        self._waiting: list[Entry] = []  # system messages that follow the next turn of the user

    def user_parts(self, message: Message, entry: Entry) -> list[Block]:
        blocks = user_blocks(message.content, f"{entry.place}.content", self.report, keys=known_keys(message))
        self._report_keys(entry, message.extra, _MESSAGE_KEYS)
        return blocks

    def system_parts(self, message: Message, entry: Entry) -> list[Block]:
        for part in message.content:
            if not (is_text(part) or isinstance(part, UnknownPart)):
                self.report.dropped.append(f"{entry}: its {part.type}; a system text is only text")
        texts = [part for part in message.content if is_text(part) or isinstance(part, UnknownPart)]
        return self.user_parts(evolve(message, content=texts), entry)

    def add_system(self, message: Message, entry: Entry) -> None:
        """Add a later system message as one, if the model accepts it: behind the user, before the answer."""
        if self._turns and self._takes_system:
            self._waiting.append(entry)
        else:
            super().add_system(message, entry)

    def end_turn(self, following: Entry | None = None) -> None:
        super().end_turn(following)
        if self._turns and self._turns[-1].role == self.MODEL and following is not None:
            return
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            assert isinstance(entry.item, Message)
            self._add_in_place(entry.item, entry)

    def _add_in_place(self, message: Message, entry: Entry) -> None:
        """Add a system message where it is, with the fields that such a one may have."""
        fields = {name: message.extra[name] for name in _SYSTEM_KEYS if message.extra.get(name) is not None}
        rest = {name: value for name, value in message.extra.items() if name not in _SYSTEM_KEYS}
        parts = self.system_parts(evolve(message, extra=rest), entry)
        if fields:
            self._turns.append(Turn("system", parts, fields=fields))
        else:
            self._turn("system").parts += self._filled(parts, message, entry)

    def placed(self, turns: list[Turn]) -> list[Turn]:
        """Return *turns* with each system message between the user and the answer, or last.

        One that no user is before goes to the system text instead.
        """
        left: list[Turn] = []
        held: list[Turn] = []
        for turn in [*turns, Turn(self.MODEL)]:
            if turn.role == "system":
                held.append(turn)
                continue
            if turn.role == self.MODEL and held and left and left[-1].role == "user":
                left += held
            elif turn.role == self.MODEL and held:
                self.report.repaired.append("a system message is sent at the beginning: no user is before it")
                self.system += [part for each in held for part in each.parts]
            held = held if turn.role == "user" else []
            left.append(turn)
        return left[:-1]

    # -- the model's items ----------------------------------------------------------------

    def model_parts(self, entry: Entry) -> list[Block]:
        item = entry.item
        match item:
            case Message():
                self._report_keys(entry, item.extra, _MESSAGE_KEYS)
                place = f"{entry.place}.content"
                return assistant_blocks(item.content, place, self.report, keys=known_keys(item))
            case Reasoning():
                return self._thinking(item, entry)
            case FunctionCall():
                extra = self._report_keys(entry, item.extra, _CALL_KEYS)
                value = arguments_object(entry, self.report)
                return [self._call(entry, value, extra)]
            case CustomToolCall():
                return [self._call(entry, {"input": item.input}, {})]
            case LocalShellCall():
                self.report.repaired.append(f"{entry} is sent as a call of the tool {item.type}")
                return [self._call(entry, dict(item.action), {})]
            case UnknownItem() if item.origin is not None or _is_block(item.payload):
                return [dict(item.payload)]
            case _:
                self.report.dropped.append(f"{entry} is of a kind that the messages API doesn't have")
                return []

    def _call(self, entry: Entry, value: Any, extra: Mapping[str, Any]) -> Block:
        return {"type": "tool_use", "id": entry.call_id, "name": self.name_of(entry), "input": value, **extra}

    def _thinking(self, item: Reasoning, entry: Entry) -> list[Block]:
        """Return the verbatim blocks of reasoning, in their order; only signed ones if the server checks."""
        if self.profile.reasoning_replay == "off":
            self.report.leave_out(f"{entry}: {self.profile.name} doesn't accept it back")
            return []
        blocks = [each for each in item.details if isinstance(each, Mapping) and each.get("type") in THOUGHTS]
        text = "".join(str(block.get("thinking") or "") for block in blocks)
        if blocks and item.content and text != "".join(item.content):
            self.report.dropped.append(f"{entry}: its text isn't the one that was signed")
            return []
        if all(block.get("signature") or block.get("data") for block in blocks) and blocks:
            return [dict(block) for block in blocks]
        if self.profile.unsigned_thinking and item.text.strip():
            return [{"type": "thinking", "thinking": item.text, "signature": ""}]
        self.report.dropped.append(
            f"{entry} has no signature, and {self.profile.name} accepts only signed ones"
        )
        return []

    # -- outputs --------------------------------------------------------------------------

    def answers(self, calls: list[Entry]) -> list[Turn]:
        pairs = [(call.output, call.item) for call in calls if call.output]
        results, moved = Turn("user", []), Turn("user", [])
        for each, call in sorted(pairs, key=lambda pair: pair[0].position):
            toolset = getattr(call, "extra", {}).get("toolset_name")
            block = {**({"toolset_name": toolset} if toolset else {}), **self._output(each)}
            if block.get("is_error"):
                moved.parts += self._only_text(block, each)
            results.parts.append(block)
        return [results, moved] if moved.parts else [results]

    def _only_text(self, block: Block, entry: Entry) -> list[Block]:
        """Leave only text in the result of a failed call, and at least some; return the rest.

        The API refuses anything else in one, and an empty one.
        """
        content = block["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        others = [each for each in blocks if each["type"] != "text"]
        texts = [each for each in blocks if each["type"] == "text" and each["text"].strip()]
        if not texts:
            block["content"] = _FAILED
            self.report.repaired.append(f"{entry} has no text, which the API demands; sent {_FAILED!r}")
        if not others:
            return []
        block["content"] = texts or _FAILED
        self.report.repaired.append(f"{entry} isn't text only; the rest is behind the outputs")
        return [{"type": "text", "text": f"Output of call {entry.call_id}:"}, *others]

    def _output(self, entry: Entry) -> Block:
        item = entry.item
        assert isinstance(item, OUTPUTS)
        content: Any = item.output
        if not isinstance(content, str):
            content = user_blocks(content, f"{entry.place}.output", self.report) or ""
        block = {"type": "tool_result", "tool_use_id": entry.call_id, "content": content}
        if item.is_error:
            block["is_error"] = True
        return {**block, **self._report_keys(entry, item.extra, _OUTPUT_KEYS)}

    def _report_keys(self, entry: Entry, extra: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
        """Return the keys in *extra* that the API has, and report the others.

        An item with an origin is the server's, or the caller wrote it in the API's own words: its keys are
        the API's, except a message's.
        """
        is_own = getattr(entry.item, "origin", None) is not None and not isinstance(entry.item, Message)
        return self.report.keep_known(extra, None if is_own else known, entry, "messages")


def _is_block(payload: Mapping[str, Any]) -> bool:
    """Return True for a block of this API, and False for an item of the Responses API.

    Both have compactions: only a block has its summary in `content`.
    """
    kind = str(payload.get("type"))
    if kind == "compaction":
        return "content" in payload
    return kind in _BLOCKS or kind.endswith("_tool_result")


def _strip_end(turn: Turn, report: BuildReport) -> None:
    """Remove white space from the end of an answer that the model is to continue: the API refuses it."""
    last = turn.parts[-1] if turn.role == "assistant" else {}
    if last.get("type") == "text" and last["text"] != last["text"].rstrip():
        turn.parts[-1] = {**last, "text": last["text"].rstrip()}
        report.repaired.append(
            "the last message ends with white space, which the API refuses; it is left out"
        )

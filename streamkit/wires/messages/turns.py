"""The items of a conversation -> the `system` blocks and the `messages` of a Messages call.

Strategy. All items between two turns of the user form one message of the assistant, in their order. The
outputs of its calls are the first blocks of the user's next message. So the roles alternate, and every call
is answered in the very next message, as the API demands.

Rules: text never moves, except that of later system messages, which the API accepts at the beginning only.
Thinking goes back verbatim with its signature, or not at all. Blocks of the server's tools go back in pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from ...errors import UsageError
from ...items import (
    CustomToolCall,
    FunctionCall,
    LocalShellCall,
    Message,
    Reasoning,
    UnknownItem,
)
from ...json_text import loads
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import CALLS, OUTPUTS, Entry, arguments_to_send, pair
from ..report import BuildReport
from ..tool_specs import sendable_name
from .content import Block, assistant_blocks, user_blocks

CALL_IDS = r"[a-zA-Z0-9_-]{1,64}"
_THOUGHTS = ("thinking", "redacted_thinking")
_HOSTED_CALLS = ("server_tool_use", "mcp_tool_use")
_CALL_KEYS = frozenset(("cache_control", "caller"))
_OUTPUT_KEYS = frozenset(("cache_control",))
_MESSAGE_KEYS = frozenset(("role", "content"))
_CONTINUES = "(The conversation continues.)"


@define
class Turn:
    """One message of the body; `calls` are the calls in it, whose outputs the next turn begins with."""

    role: str
    blocks: list[Block] = field(factory=list)
    calls: list[Entry] = field(factory=list)


def build_turns(
    request: Request, profile: Profile, report: BuildReport
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system blocks and the messages; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if there is no message to send.
    """
    writer = _Writer(profile, report)
    if request.instructions and request.instructions.strip():
        writer.system.append({"type": "text", "text": request.instructions})
    for entry in pair(request.input, report, call_ids=profile.call_ids or CALL_IDS):
        writer.write(entry)
    writer.answer_calls()
    turns = _joined(_paired_tools(_joined(writer.turns), report))
    if not turns:
        raise UsageError(f"input: expected a message with content, got none; {report or 'it is empty'}")
    if turns[0].role != "user":
        report.repaired.append(
            "the conversation begins with the assistant; a message of the user is before it"
        )
        turns.insert(0, Turn("user", [{"type": "text", "text": _CONTINUES}]))
    _strip_end(turns[-1], report)
    return writer.system, [{"role": turn.role, "content": turn.blocks} for turn in turns]


@frozen
class _Writer:
    """Writes entries as blocks of turns, in their order."""

    profile: Profile
    report: BuildReport
    system: list[Block] = field(factory=list)
    turns: list[Turn] = field(factory=list)
    _over: list[bool] = field(factory=lambda: [False])  # if an output followed the last turn's calls

    def write(self, entry: Entry) -> None:
        """Add the blocks of *entry*."""
        item = entry.item
        if isinstance(item, OUTPUTS):
            self._over[0] = True  # written after its call's turn
        elif isinstance(item, Message) and item.role != "assistant":
            self._write_message(item, entry)
        else:
            self._write_answer(entry)

    def _write_message(self, message: Message, entry: Entry) -> None:
        blocks = user_blocks(message.content, f"{entry.place}.content", self.report)
        self._report_keys(entry, message.extra, _MESSAGE_KEYS)
        if message.role == "user":
            self.answer_calls(entry)
            self._turn("user").blocks += blocks
            return
        if self.turns:
            self.report.repaired.append(f"{entry} is sent at the beginning, where the API accepts it")
        self.system.extend(blocks)

    def _write_answer(self, entry: Entry) -> None:
        """Add an item of the model; if outputs came before it, they end the turn before."""
        if self._over[0]:
            self.answer_calls(entry)
        turn = self._turn("assistant")
        turn.blocks += self._answer(entry)
        if isinstance(entry.item, CALLS):
            turn.calls.append(entry)

    def _turn(self, role: str) -> Turn:
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role))
        return self.turns[-1]

    def answer_calls(self, following: Entry | None = None) -> None:
        """Begin the user's turn with the outputs of the calls before it, in the order of the calls."""
        self._over[0] = False
        calls = self.turns[-1].calls if self.turns and self.turns[-1].role == "assistant" else []
        for call in calls:
            output = call.output
            assert output is not None  # `pair` drops a call without one
            if following is not None and output.position > following.position:
                self.report.repaired.append(f"{output} moved before {following}, to follow its call")
            self._turn("user").blocks.append(self._output(output))

    # -- the model's items ----------------------------------------------------------------

    def _answer(self, entry: Entry) -> list[Block]:
        item = entry.item
        match item:
            case Message():
                self._report_keys(entry, item.extra, _MESSAGE_KEYS)
                return assistant_blocks(item.content, f"{entry.place}.content", self.report)
            case Reasoning():
                return self._thinking(item, entry)
            case FunctionCall():
                extra = self._report_keys(entry, item.extra, _CALL_KEYS)
                return [self._call(entry, sendable_name(item.name), self._input(entry), extra)]
            case CustomToolCall():
                return [self._call(entry, sendable_name(item.name), {"input": item.input}, {})]
            case LocalShellCall():
                self.report.repaired.append(f"{entry} is sent as a call of the tool {item.type}")
                return [self._call(entry, item.type, dict(item.action), {})]
            case UnknownItem() if _is_block(item.payload):
                return [dict(item.payload)]
            case _:
                self.report.dropped.append(f"{entry} is of a kind that the messages API doesn't have")
                return []

    def _call(self, entry: Entry, name: str, value: Any, extra: Mapping[str, Any]) -> Block:
        return {"type": "tool_use", "id": entry.call_id, "name": name, "input": value, **extra}

    def _input(self, entry: Entry) -> Any:
        """Return the arguments of a call as the object that the API demands."""
        value = loads(arguments_to_send(entry, BuildReport()))
        if isinstance(value, dict):
            return value
        self.report.repaired.append(f'{entry} has arguments that aren\'t an object; sent {{"input": ...}}')
        return {"input": value}

    def _thinking(self, item: Reasoning, entry: Entry) -> list[Block]:
        """Return the verbatim blocks of reasoning, in their order; only signed ones if the server checks."""
        if self.profile.reasoning_replay == "off":
            self.report.leave_out(f"{entry}: {self.profile.name} doesn't accept it back")
            return []
        blocks = [
            each for each in item.details if isinstance(each, Mapping) and each.get("type") in _THOUGHTS
        ]
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
        """Return the keys in *extra* that the API has, and report the others."""
        unknown = [name for name in extra if name not in known]
        if unknown:
            self.report.dropped.append(
                f"{entry}: its {', '.join(unknown)}, which the messages API doesn't have"
            )
        return {name: value for name, value in extra.items() if name in known}


def _is_block(payload: Mapping[str, Any]) -> bool:
    """Return False for an item of the Responses API that has no origin."""
    kind = str(payload.get("type"))
    return not (kind.endswith(("_call", "_call_output")) or kind in ("item_reference", "message"))


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    """Return *turns* without the empty ones; neighbours of one role are one turn."""
    joined: list[Turn] = []
    for turn in turns:
        if not turn.blocks:
            continue
        if joined and joined[-1].role == turn.role:
            joined[-1].blocks += turn.blocks
        else:
            joined.append(turn)
    return joined


def _paired_tools(turns: list[Turn], report: BuildReport) -> list[Turn]:
    """Remove the server's tool calls without a result in their turn, and results without a call.

    The last turn may end in calls without results: the server paused, and goes on with them.
    """
    for number, turn in enumerate(turns):
        calls = {str(b.get("id")) for b in turn.blocks if b.get("type") in _HOSTED_CALLS}
        results = {str(b.get("tool_use_id")) for b in turn.blocks if _is_hosted_result(b)}
        is_last = number == len(turns) - 1 and turn.role == "assistant"
        kept = []
        for block in turn.blocks:
            is_lone_call = block.get("type") in _HOSTED_CALLS and str(block.get("id")) not in results
            is_lone_result = _is_hosted_result(block) and str(block.get("tool_use_id")) not in calls
            if is_lone_result or (is_lone_call and not is_last):
                what = "call has no result" if is_lone_call else "result has no call"
                report.dropped.append(f"a {block['type']} block: the {what} in its turn")
            else:
                kept.append(block)
        turn.blocks = kept
    return turns


def _is_hosted_result(block: Block) -> bool:
    kind = str(block.get("type"))
    return kind.endswith("_tool_result") and isinstance(block.get("tool_use_id"), str)


def _strip_end(turn: Turn, report: BuildReport) -> None:
    """Remove white space from the end of an answer that the model is to continue: the API refuses it."""
    last = turn.blocks[-1]
    if turn.role == "assistant" and last.get("type") == "text" and last["text"] != last["text"].rstrip():
        turn.blocks[-1] = {**last, "text": last["text"].rstrip()}
        report.repaired.append(
            "the last message ends with white space, which the API refuses; it is left out"
        )

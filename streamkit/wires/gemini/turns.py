"""The items of a conversation -> the `systemInstruction` and the `contents` of a Gemini call.

Strategy. All items between two turns of the user are parts of one content of the model, in their order. The
responses to its calls are a content of their own right after it, in the order of the calls. So the API pairs
them, with ids or without.

Rules: a signature goes back on the part that it arrived on. Ids go on a call and its response, or on neither.
Parts of the server's tools and of code go back verbatim.
"""

from __future__ import annotations

import re
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
from ...json_text import NotJSONError, loads
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import CALLS, OUTPUTS, Entry, arguments_to_send, pair
from ..parts import is_text, text_of
from ..report import BuildReport
from ..tool_specs import sendable_name
from .candidates import MINTED, SIGNATURE
from .content import Fields, gemini_parts

_DATA = frozenset(
    (
        *(
            "text",
            "inlineData",
            "fileData",
            "executableCode",
            "codeExecutionResult",
            "toolCall",
            "toolResponse",
        ),
        *("functionCall", "functionResponse"),
    )
)
_CHECKS_SIGNATURES = re.compile(r"(.*/)?gemini-([3-9]|\d\d)")
_STAND_IN = "skip_thought_signature_validator"  # documented: the server checks no signature
_CONTINUES = "(The conversation continues.)"


@define
class Turn:
    """One content of the body; `calls` are the calls in it, `answers` is True for their responses."""

    role: str
    parts: list[Fields] = field(factory=list)
    calls: list[Entry] = field(factory=list)
    answers: bool = False


def build_contents(
    request: Request, profile: Profile, report: BuildReport
) -> tuple[list[Fields], list[dict[str, Any]]]:
    """Return the parts of the system instruction, and the contents; *report* lists what was changed.

    Raises `UsageError` if there is no content to send.
    """
    writer = _Writer(profile, report, _CHECKS_SIGNATURES.match(request.model) is not None)
    if request.instructions and request.instructions.strip():
        writer.system.append({"text": request.instructions})
    for entry in pair(request.input, report, needs_ids=False):
        writer.write(entry)
    writer.answer_calls()
    turns = _joined(writer.turns)
    if not turns:
        raise UsageError(f"input: expected a message with content, got none; {report or 'it is empty'}")
    if turns[0].role != "user":
        report.repaired.append("the conversation begins with the model; a content of the user is before it")
        turns.insert(0, Turn("user", [{"text": _CONTINUES}]))
    if turns[-1].role == "model":
        report.doubtful.append("the last content is the model's, which newer models don't continue")
    if writer.checks_signatures:
        _sign(turns, report)
    return writer.system, [{"role": turn.role, "parts": turn.parts} for turn in turns]


@frozen
class _Writer:
    """Writes entries as parts of turns, in their order. `checks_signatures`: the model demands them."""

    profile: Profile
    report: BuildReport
    checks_signatures: bool
    system: list[Fields] = field(factory=list)
    turns: list[Turn] = field(factory=list)
    _over: list[bool] = field(factory=lambda: [False])  # if an output followed the last turn's calls

    def write(self, entry: Entry) -> None:
        """Add the parts of *entry*."""
        item = entry.item
        if isinstance(item, OUTPUTS):
            self._over[0] = True  # written after its call's turn
        elif isinstance(item, Message) and item.role != "assistant":
            self._write_message(item, entry)
        else:
            self._write_answer(entry)

    def _write_message(self, message: Message, entry: Entry) -> None:
        if message.extra:
            names = ", ".join(message.extra)
            self.report.dropped.append(f"{entry}: its {names}, which the gemini API doesn't have")
        place = f"{entry.place}.content"
        if message.role == "user":
            self.answer_calls(entry)
            self._turn("user").parts += gemini_parts(message.content, place, self.report)
            return
        if self.turns:
            self.report.repaired.append(f"{entry} is sent at the beginning, where the API accepts it")
        for part in message.content:
            if not is_text(part):
                self.report.dropped.append(f"{entry}: its {part.type}; a system instruction is only text")
        self.system.extend(gemini_parts(filter(is_text, message.content), place, self.report))

    def _write_answer(self, entry: Entry) -> None:
        """Add an item of the model; if outputs came before it, they end the turn before."""
        if self._over[0]:
            self.answer_calls(entry)
        turn = self._turn("model")
        turn.parts += self._answer(entry)
        if isinstance(entry.item, CALLS):
            turn.calls.append(entry)

    def _turn(self, role: str) -> Turn:
        last = self.turns[-1] if self.turns else None
        if last is None or last.role != role or last.answers:
            self.turns.append(Turn(role))
        return self.turns[-1]

    def answer_calls(self, following: Entry | None = None) -> None:
        """Add the responses to the calls of the last turn, in the order of the calls."""
        self._over[0] = False
        calls = self.turns[-1].calls if self.turns and self.turns[-1].role == "model" else []
        if not calls:
            return
        answers, files = Turn("user", answers=True), Turn("user")
        for call in calls:
            output = call.output
            assert output is not None  # `pair` drops a call without one
            if following is not None and output.position > following.position:
                self.report.repaired.append(f"{output} moved before {following}, to follow its call")
            response, moved = self._response(call, output)
            answers.parts.append(response)
            files.parts += moved
        self.turns.append(answers)
        if files.parts:
            self.turns.append(files)

    # -- the model's items ----------------------------------------------------------------

    def _answer(self, entry: Entry) -> list[Fields]:
        item = entry.item
        match item:
            case Message():
                return gemini_parts(item.content, f"{entry.place}.content", self.report)
            case Reasoning():
                return self._thoughts(item, entry)
            case FunctionCall():
                signed = {SIGNATURE: item.signature} if item.signature else {}
                return [{"functionCall": self._call(entry, self._args(entry)), **signed}]
            case CustomToolCall():
                return [{"functionCall": self._call(entry, {"input": item.input})}]
            case LocalShellCall():
                self.report.repaired.append(f"{entry} is sent as a call of the function {item.type}")
                return [{"functionCall": self._call(entry, dict(item.action))}]
            case UnknownItem() if item.payload.keys() & _DATA or item.origin is not None:
                return [dict(item.payload)]
            case _:
                self.report.dropped.append(f"{entry} is of a kind that the gemini API doesn't have")
                return []

    def _call(self, entry: Entry, args: Any) -> Fields:
        return {"name": name_of(entry), "args": args, **_sent_id(entry)}

    def _args(self, entry: Entry) -> Any:
        """Return the arguments of a call as the object that the API demands."""
        value = loads(arguments_to_send(entry, BuildReport()))
        if isinstance(value, dict):
            return value
        self.report.repaired.append(f'{entry} has arguments that aren\'t an object; sent {{"input": ...}}')
        return {"input": value}

    def _thoughts(self, item: Reasoning, entry: Entry) -> list[Fields]:
        """Return the parts that reasoning arrived in: a summary, a signature without text, a draft image."""
        own = [dict(each) for each in item.details if isinstance(each, Mapping) and "type" not in each]
        if not own or self.profile.reasoning_replay == "off":
            self.report.leave_out(f"{entry}: the gemini API needs only signed thoughts back")
            return []
        parts, text = [], item.text
        for detail in own:
            if detail.get("thought") is True and not detail.keys() & _DATA:
                detail, text = {"text": text, **detail}, ""
            parts.append(detail if detail.keys() & _DATA else {"text": "", **detail})
        return parts

    # -- responses ------------------------------------------------------------------------

    def _response(self, call: Entry, entry: Entry) -> tuple[Fields, list[Fields]]:
        """Return the response to a call, and the files in it that follow in a content of the user."""
        item: Any = entry.item
        parts = () if isinstance(item.output, str) else item.output
        text = (
            item.output if isinstance(item.output, str) else "\n".join(map(text_of, filter(is_text, parts)))
        )
        response: Fields = {
            **({"id": call_id} if (call_id := _sent_id(call).get("id")) else {}),
            "name": name_of(call),
            "response": {"error": text} if item.is_error else _as_object(text),
        }
        files = gemini_parts((p for p in parts if not is_text(p)), f"{entry.place}.output", self.report)
        if files and self.checks_signatures:  # the same generation reads files in a response
            return {"functionResponse": {**response, "parts": files}}, []
        if files:
            self.report.repaired.append(f"{entry} isn't text only; the rest is in a content after it")
            files.insert(0, {"text": f"Output of {name_of(call)}:"})
        return {"functionResponse": response}, files


def name_of(call: Entry) -> str:
    """Return the name of a call as it is sent: it begins with a letter or an underscore."""
    name = sendable_name(getattr(call.item, "name", "") or call.item.type)
    return name if name[0].isalpha() or name[0] == "_" else f"_{name}"


def _sent_id(call: Entry) -> dict[str, str]:
    """Return the id of a call, unless it has none of its own."""
    call_id = getattr(call.item, "call_id", None)
    return {} if not call_id or call_id.startswith(MINTED) else {"id": call_id}


def _as_object(text: str) -> Fields:
    try:
        value = loads(text)
    except NotJSONError:
        value = None
    return value if isinstance(value, dict) else {"output": text}


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    """Return *turns* without the empty ones; neighbours of one role are one turn, except for responses."""
    joined: list[Turn] = []
    for turn in turns:
        if not turn.parts:
            continue
        last = joined[-1] if joined else None
        if last and last.role == turn.role and not (last.answers or turn.answers):
            last.parts += turn.parts
            last.calls += turn.calls
        else:
            joined.append(turn)
    return joined


def _sign(turns: list[Turn], report: BuildReport) -> None:
    """Give the first call of each step since the user's last message the stand-in for a missing signature."""
    users = [n for n, turn in enumerate(turns) if turn.role == "user" and not turn.answers]
    for turn in turns[users[-1] if users else 0 :]:
        for part in turn.parts:
            if "functionCall" in part:
                if SIGNATURE not in part:
                    part[SIGNATURE] = _STAND_IN
                    name = part["functionCall"]["name"]
                    report.repaired.append(
                        f"the call of {name} has no signature; sent the documented stand-in"
                    )
                break

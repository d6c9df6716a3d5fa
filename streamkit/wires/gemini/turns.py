"""The items of a conversation -> the `systemInstruction` and the `contents` of a Gemini call.

Strategy. ../turns.py makes the roles alternate. The responses to calls are a content of their own, in the
order of the calls. So the API pairs them, with ids or without.

Rules: a signature goes back on the part that it arrived on. Ids go on a call and its response, or on neither.
Parts of the server's tools and of code go back verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...items import (
    CustomToolCall,
    FunctionCall,
    LocalShellCall,
    Message,
    Part,
    Reasoning,
    UnknownItem,
)
from ...json_text import NotJSONError, loads
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import Entry, arguments_object, pair
from ..opaque import STAND_IN, is_native
from ..parts import is_text, text_of
from ..report import BuildReport
from ..turns import CONTINUES, Turn, TurnWriter
from .calls import MINTED
from .candidates import DATA
from .content import Fields, gemini_parts, known_keys
from .fields import SIGNATURE, get
from .tool_specs import function_name

_DATA = frozenset(DATA)
# The models that demand signatures; the same ones read files in a response. An alias is one of them.
_CHECKS_SIGNATURES = re.compile(r"(.*/)?gemini-([3-9]|\d\d|(pro|flash|flash-lite)-latest)")
# "Developer instruction is not enabled for models/gemma-3-27b-it"
_HAS_NO_SYSTEM = re.compile(r"(.*/)?gemma-[1-3]")
# The fields of a response with no attribute of their own: of functions that go on while the model talks.
_RESPONSE_KEYS = frozenset(("willContinue", "scheduling"))


def build_contents(
    request: Request, profile: Profile, report: BuildReport
) -> tuple[list[Fields], list[dict[str, Any]]]:
    """Return the parts of the system instruction, and the contents; *report* lists what was changed.

    Raises `UsageError` if there is no content to send.
    """
    checks_signatures = _CHECKS_SIGNATURES.match(request.model) is not None
    writer = _Writer(request, profile, report, reads_files=checks_signatures)
    if request.instructions and request.instructions.strip():
        writer.system.append({"text": request.instructions})
    turns = writer.turns_of(pair(request.input, report, needs_ids=False, only_functions=True))
    writer.begin_with_user(turns, {"text": "" if _begins_blank(request) else CONTINUES})
    if turns[-1].role == "model":
        report.doubtful.append("the last content is the model's, which newer models don't continue")
    if checks_signatures:
        _sign(turns, report)
    if writer.system and _HAS_NO_SYSTEM.match(request.model):
        report.repaired.append(
            f"the system text begins the first content: {request.model} takes no system instruction"
        )
        turns[0].parts[:0], writer.system = writer.system, []
    return writer.system, [{"role": turn.role, "parts": turn.parts} for turn in turns]


class _Writer(TurnWriter):
    """Writes entries as parts. *reads_files*: the model reads files in a response."""

    MODEL = "model"
    UNIT = "content"

    def __init__(self, request: Request, profile: Profile, report: BuildReport, *, reads_files: bool) -> None:
        super().__init__(request, profile, report)
        self._reads_files = reads_files

    def user_parts(self, message: Message, entry: Entry) -> list[Fields]:
        return self._parts(message, message.content, entry)

    def system_parts(self, message: Message, entry: Entry) -> list[Fields]:
        for part in message.content:
            if not is_text(part):
                self.report.dropped.append(f"{entry}: its {part.type}; a system instruction is only text")
        return self._parts(message, filter(is_text, message.content), entry)

    def _parts(self, message: Message, parts: Iterable[Part], entry: Entry) -> list[Fields]:
        self.report.keep_known(message.extra, (), entry, "gemini")
        return gemini_parts(parts, f"{entry.place}.content", self.report, keys=known_keys(message))

    # -- the model's items ----------------------------------------------------------------

    def model_parts(self, entry: Entry) -> list[Fields]:
        item = entry.item
        match item:
            case Message():
                place = f"{entry.place}.content"
                return gemini_parts(item.content, place, self.report, keys=known_keys(item))
            case Reasoning():
                return self._thoughts(item, entry)
            case FunctionCall():
                signed = {SIGNATURE: item.signature} if item.signature else {}
                extra = self._call_extra(entry, item.extra)
                call = self._call(entry, arguments_object(entry, self.report))
                if not item.arguments and is_native(item):
                    del call["args"]  # the caller wrote none
                return [{"functionCall": {**call, **extra.pop("functionCall", {})}, **signed, **extra}]
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
        return {"name": self.name_of(entry), "args": args, **_sent_id(entry)}

    def name_of(self, call: Entry) -> str:
        """Return the name of a call as it is sent: it begins with a letter or an underscore."""
        return function_name(super().name_of(call))

    def _call_extra(self, entry: Entry, extra: Mapping[str, Any]) -> Fields:
        """Return the fields next to a call, and those in it under `functionCall`: the server's own, or in its
        words.
        """
        known = () if getattr(entry.item, "origin", None) is None else None
        return self.report.keep_known(extra, known, entry, "gemini")

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

    def answers(self, calls: list[Entry]) -> list[Turn]:
        responses, files = Turn("user", answers=True), Turn("user")
        for call in calls:
            assert call.output is not None
            response, moved = self._response(call, call.output)
            responses.parts.append(response)
            files.parts += moved
        return [responses, files] if files.parts else [responses]

    def _response(self, call: Entry, entry: Entry) -> tuple[Fields, list[Fields]]:
        """Return the response to a call, and the files in it that follow in a content of the user."""
        item: Any = entry.item
        parts = () if isinstance(item.output, str) else item.output
        text = (
            item.output if isinstance(item.output, str) else "\n".join(map(text_of, filter(is_text, parts)))
        )
        files = gemini_parts((p for p in parts if not is_text(p)), f"{entry.place}.output", self.report)
        names = {name for file in files if self._reads_files for name in _display_names(file)}
        response: Fields = {
            **({"id": call_id} if (call_id := _sent_id(call).get("id")) else {}),
            "name": self.name_of(call),
            "response": {"error": text} if item.is_error else self._as_object(text, names, entry),
            **self.report.keep_known(item.extra, _RESPONSE_KEYS, entry, "gemini"),
        }
        if files and self._reads_files:
            return {"functionResponse": {**response, "parts": files}}, []
        if files:
            self.report.repaired.append(f"{entry} isn't text only; the rest is in a content after it")
            files.insert(0, {"text": f"Output of {self.name_of(call)}:"})
        return {"functionResponse": response}, files

    def _as_object(self, text: str, names: set[str], entry: Entry) -> Fields:
        """Return the object that *text* is, else one with it.

        A `$ref` in the object is one of *names*, those of the response's files. The API refuses another, such
        as a JSON schema's: "does not match to a display_name in the function_response.parts". So that stays
        text.
        """
        try:
            value = loads(text)
        except NotJSONError:
            value = None
        if not isinstance(value, dict):
            return {"output": text}
        if not names.issuperset(_references(value)):
            self.report.repaired.append(f"{entry} is sent as text: the API takes its $ref for a file's name")
            return {"output": text}
        return value


def _begins_blank(request: Request) -> bool:
    """Return True if the caller's first content is empty: it stands for the user before a call."""
    first = request.input[0] if request.input else None
    return isinstance(first, Message) and first.role == "user" and not any(map(text_of, first.content))


def _sent_id(call: Entry) -> dict[str, str]:
    """Return the id of a call, unless it has none of its own."""
    call_id = getattr(call.item, "call_id", None)
    return {} if not call_id or call_id.startswith(MINTED) else {"id": call_id}


def _references(value: Any) -> Iterator[str]:
    """Yield each `$ref` in *value*, at any depth."""
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(each)


def _display_names(file: Fields) -> Iterator[str]:
    """Yield the name of a file in a part of a response."""
    for data in file.values():
        name = get(data, "displayName") if isinstance(data, Mapping) else None
        if isinstance(name, str):
            yield name


def _sign(turns: list[Turn], report: BuildReport) -> None:
    """Give the first call of each step since the user's last message the stand-in for a missing signature."""
    users = [n for n, turn in enumerate(turns) if turn.role == "user" and not turn.answers]
    for turn in turns[users[-1] if users else 0 :]:
        for part in turn.parts:
            if "functionCall" in part:
                if SIGNATURE not in part:
                    part[SIGNATURE] = STAND_IN
                    name = part["functionCall"]["name"]
                    report.repaired.append(
                        f"the call of {name} has no signature; sent the documented stand-in"
                    )
                break

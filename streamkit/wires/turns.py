"""The items of a conversation -> turns of the user and of the model that alternate, as some APIs demand.

    takes    the entries of `call_pairs.pair`: each call has its output
    returns  turns; an API writes the parts of each

Strategy. All items of the model between two messages of the user are one turn, in their order. The outputs of
its calls follow it, in the order of the calls. So every call is answered in the very next turn.

Rules: text never moves, except that of later system messages, which most of these APIs accept only at the
beginning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, TypeAlias

from attrs import define, field

from ..errors import UsageError
from ..items import Item, Message
from ..profiles.profile import Profile
from ..request import Request
from .call_pairs import CALLS, OUTPUTS, Entry
from .parts import is_blank
from .report import BuildReport
from .tool_specs import sendable_name, sent_names

Fields: TypeAlias = dict[str, Any]
CONTINUES = "(The conversation continues.)"


@define
class Turn:
    """One turn: its parts as the API writes them, and the calls in them.

    With `answers`, it contains only the outputs of the calls before it. `fields` are those of the turn
    itself, next to its parts. No other turn joins one with either.
    """

    role: str
    parts: list[Fields] = field(factory=list)
    calls: list[Entry] = field(factory=list)
    answers: bool = False
    fields: Fields = field(factory=dict)


class TurnWriter(ABC):
    """Writes entries as turns. An API says how it writes messages, items of the model, and outputs."""

    MODEL: ClassVar[str]  # the API's word for the role of the model
    UNIT: ClassVar[str]  # and for what a turn becomes

    def __init__(self, request: Request, profile: Profile, report: BuildReport) -> None:
        self.profile = profile
        self.report = report
        self._names = sent_names(request.tools)
        self.system: list[Fields] = []
        self._turns: list[Turn] = []
        self._has_outputs = False  # an output followed the calls of the last turn

    @abstractmethod
    def user_parts(self, message: Message, entry: Entry) -> list[Fields]:
        """Return the parts of a message of the user."""

    @abstractmethod
    def system_parts(self, message: Message, entry: Entry) -> list[Fields]:
        """Return the parts of a system message."""

    @abstractmethod
    def model_parts(self, entry: Entry) -> list[Fields]:
        """Return the parts of an item of the model; none if the API can't express it."""

    @abstractmethod
    def answers(self, calls: list[Entry]) -> list[Turn]:
        """Return the turns with the outputs of *calls*, in their order."""

    def turns_of(self, entries: Iterable[Entry]) -> list[Turn]:
        """Return the turns of *entries*; the system text is in `system`."""
        for entry in entries:
            item = entry.item
            if isinstance(item, OUTPUTS):
                self._has_outputs = True  # written after the turn of its call
            elif isinstance(item, Message) and item.role == "user":
                self._answer_calls(entry)
                self._turn("user").parts += self._filled(self.user_parts(item, entry), item, entry)
            elif isinstance(item, Message) and item.role != "assistant":
                self.add_system(item, entry)
            else:
                self._add_to_answer(entry)
        self.end_turn()
        return joined(self._turns)

    def add_system(self, message: Message, entry: Entry) -> None:
        """Add a system message to the system text; most APIs accept none in the conversation."""
        if self._turns:
            self.report.repaired.append(f"{entry} is sent at the beginning, where the API accepts it")
        self.system += self._filled(self.system_parts(message, entry), message, entry)

    def end_turn(self, following: Entry | None = None) -> None:
        """End the turns before an item of the model, *following*, or before the end."""
        if following is None or self._has_outputs:
            self._answer_calls(following)

    def _add_to_answer(self, entry: Entry) -> None:
        """Add an item of the model; if outputs came before it, they end the turn before."""
        self.end_turn(entry)
        turn = self._turn(self.MODEL)
        turn.parts += self._filled(self.model_parts(entry), entry.item, entry)
        if isinstance(entry.item, CALLS):
            turn.calls.append(entry)

    def _filled(self, parts: list[Fields], item: Item, entry: Entry) -> list[Fields]:
        """Return *parts*; report a message without any, which isn't sent, and an id that the caller wrote."""
        if isinstance(item, Message) and item.id and item.origin is None:
            self.report.leave_out(f"{entry}: its id, because a message has none on this API")
        if not parts and isinstance(item, Message) and is_blank(item.content):
            self.report.dropped.append(f"{entry} is empty")
        return parts

    def name_of(self, call: Entry) -> str:
        """Return the name of a call as it is sent: that of its tool, or one that every server accepts."""
        name = getattr(call.item, "name", "") or call.item.type
        return self._names.get(name) or sendable_name(name)

    def _turn(self, role: str) -> Turn:
        last = self._turns[-1] if self._turns else None
        if last is None or last.role != role or last.answers or last.fields:
            self._turns.append(Turn(role))
        return self._turns[-1]

    def _answer_calls(self, following: Entry | None = None) -> None:
        """Add the outputs of the calls in the last turn."""
        self._has_outputs = False
        calls = self._turns[-1].calls if self._turns and self._turns[-1].role == self.MODEL else []
        for call in calls:
            assert call.output is not None  # `pair` drops a call without one
            if following is not None and call.output.position > following.position:
                self.report.repaired.append(f"{call.output} moved before {following}, to follow its call")
        if calls:
            self._turns += self.answers(calls)

    def begin_with_user(self, turns: list[Turn], opening: Fields) -> None:
        """Let *turns* begin with the user; *opening* is the part of a turn that is added if they don't.

        Raises `UsageError` if there are no turns.
        """
        if not turns:
            raise UsageError(
                f"input: expected a message with content, got none; {self.report or 'it is empty'}"
            )
        if turns[0].role != "user":
            self.report.repaired.append(
                f"the conversation begins with the {self.MODEL}; a {self.UNIT} of the user is before it"
            )
            turns.insert(0, Turn("user", [opening]))


def joined(turns: Iterable[Turn]) -> list[Turn]:
    """Return *turns* without the empty ones; neighbours of one role are one turn."""
    found: list[Turn] = []
    for turn in turns:
        if not (turn.parts or turn.fields):
            continue
        last = found[-1] if found else None
        alone = last and (last.answers or turn.answers or last.fields or turn.fields)
        if last and last.role == turn.role and not alone:
            last.parts += turn.parts
            last.calls += turn.calls
        else:
            found.append(turn)
    return found

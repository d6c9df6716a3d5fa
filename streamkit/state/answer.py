"""One answer as far as it has arrived: its items, how each choice ended, the usage.

`accumulate` writes it; the code that passed it in may read it at any moment. `completion()` is the answer so
far (an error's `.partial`), and `is_finished` is True once the server owes only usage and `[DONE]`.

Rule: nothing is invented here; a field that the server hasn't sent is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve, frozen

from ..completion import Choice, Completion, FinishReason, Usage
from ..items import Item, Origin
from ..json_text import scan_object
from .deltas import Payload, Piece, Repeat, UsageCounted
from .growth import Growth
from .opaque import with_origin
from .open_call import OpenCall
from .open_items import AnyOpenItem, OpenReasoning
from .open_message import OpenMessage

if TYPE_CHECKING:
    from ..typed.response_format import ResponseFormat

# How to read the server's object, and its text.
LaterUsage: TypeAlias = tuple[Callable[[Any], Usage], str]

_GOOD = ("stop", "tool_calls")  # the finish reasons of an answer that the model ended itself


def _weight(reason: FinishReason) -> int:
    return 0 if reason == "other" else 1 if reason in _GOOD else 2


@frozen
class Finish:
    """How a choice finished, and how much output it had at that moment."""

    reason: FinishReason
    raw_reason: str
    output: int  # see `Growth.steps`
    raw: Payload
    with_output: bool  # in the same payload


class AnswerState:
    """One answer as far as it has arrived.

    A finish is advisory until the stream ends: some gateways send one on every chunk, or before the answer.
    So a choice whose output grows after its finish is open again.
    """

    def __init__(self, response_format: ResponseFormat | None = None) -> None:
        self.response_format = response_format  # as the request asked for, so that `parsed` knows
        self.origin: Origin | None = None  # of opaque state in this answer
        self.id: str | None = None
        self.model: str | None = None
        self.created: float | None = None
        self.status: str | None = None
        self.extras: dict[str, Any] = {}
        self.counted: Usage | LaterUsage | None = None  # the last report of usage
        self.held_usage: UsageCounted | None = None  # that isn't reported yet
        self.items: dict[Hashable, AnyOpenItem] = {}  # by the key that the wire uses now
        self.in_order: list[AnyOpenItem] = []  # by slot
        self.growth = Growth()
        self.choices: set[int] = set()  # all choices seen so far
        self._unfinished: set[int] = set()  # those without a finish reason
        self.finishes: dict[int, Finish] = {}
        self.unsettled: dict[int, None] = {}  # choices that finished, and whose items aren't closed yet
        self.closing: dict[int, dict[int, AnyOpenItem]] = {}  # these items of each choice, by slot
        self.is_folded = False  # the choices were blocks of choice 0
        self.was_reopened = False  # output followed a finish
        self.news: Payload | None = None  # the first payload that no item carries
        self.strays = 0  # items that had begun when a payload arrived that may contain arguments of one
        self.warnings: list[str] = []
        self.has_started = False
        self.has_ended = False  # [DONE], or a terminal event
        # For the lane: the last piece that was all of its payload, and how such a payload may repeat.
        self.lone: Piece | None = None
        self.lone_is_first = False  # in its place: what repeats at other places may not count any more
        self.repeat_of: Callable[[Any], Repeat | None] | None = None
        # Returns the function that tells if a further text stays one piece; None if that is unsure.
        self.passes_of: Callable[[Piece], Callable[[str], bool] | None] | None = None
        self.last_raw: dict[str, Any] | None = None  # the last payload that finished or ended something

    @property
    def usage(self) -> Usage | None:
        """The usage so far."""
        usage = self.counted
        if isinstance(usage, tuple):  # not kept: the thread that reads may have set a later one by now
            read, text = usage
            return read(scan_object(text))
        return usage

    @property
    def is_finished(self) -> bool:
        """True if every choice seen so far has its finish reason, and no output followed it."""
        return self.has_finishes and not self.growth.has_grown()

    @property
    def has_finishes(self) -> bool:
        """True if every choice seen so far has a finish reason."""
        return bool(self.finishes) and not self._unfinished

    def is_reopened(self, choice: int) -> bool:
        """Return True if output followed the finish of *choice*."""
        return choice in self.finishes and self.growth.has_grown(choice)

    def see(self, choice: int) -> int:
        """Note a sign of *choice*; return its number, which is 0 after `fold_choices`."""
        choice = 0 if self.is_folded else choice
        self.choices.add(choice)
        if choice not in self.finishes:
            self._unfinished.add(choice)
        return choice

    def finish(self, choice: int, finish: Finish) -> None:
        """Note how *choice* finished. Its items close when `_settle` finds that no output followed."""
        self.finishes[choice] = finish
        self._unfinished.discard(choice)
        self.unsettled[choice] = None
        self.closing.setdefault(choice, {}).update({i.slot: i for i in self.growth.finished(choice)})

    def close(self, item: AnyOpenItem) -> None:
        """Note that *item* was yielded."""
        item.is_done, item.is_plain = True, False

    def fold_choices(self) -> None:
        """Make all choices one, choice 0, which finished as the last of them did."""
        for item in self.in_order:
            item.choice = 0
        self.is_folded = True
        self.closing = {0: {item.slot: item for item in self.in_order if not item.is_done}}
        self.growth.fold()
        self.choices = {0}
        self._unfinished = set() if self.finishes else {0}
        if self.finishes:
            self.growth.finished(0)
            last = next(reversed(self.finishes.values()))
            self.finishes = {0: evolve(last, output=self.growth.steps(0))}
            self.unsettled = {0: None}

    def finish_of(self, choice: int) -> FinishReason | None:
        """Return the finish reason of *choice*, or None."""
        finish = self.finishes.get(choice)
        return finish.reason if finish else None

    def outweighs(self, reason: FinishReason, choice: int) -> bool:
        """Return True if *reason*, another finish without output in between, counts instead of the first.

        A known word counts more than an unknown one, and a cut more than a good end.
        """
        return _weight(reason) > _weight(self.finishes[choice].reason)

    def was_cut(self, choice: int) -> bool:
        """Return True if *choice* stopped before the model was done, as far as its finish reason shows."""
        return self.finish_of(choice) not in (None, *_GOOD)

    def trusts_empty(self, call: OpenCall) -> bool:
        """Return True if a call with empty arguments may have none, as far as this call shows.

        It needs a good finish reason.
        """
        return self.finish_of(call.choice) in _GOOD

    def note_stray(self, payload: Payload) -> None:
        """Note a payload that no item carries: it may contain the arguments of a call that has none."""
        if self.news is None:
            self.news = payload
        if may_contain_arguments(payload):
            self.strays = len(self.in_order)

    def unsure_choices(self) -> set[int]:
        """Return the choices with arguments that may belong to an empty call: they aren't a call's, don't
        fit it, or are in a place where nothing reads them. Some gateways mix up the pieces of two calls.
        """
        return {
            item.choice
            for item in self.in_order
            if isinstance(item, OpenCall)
            and (item.is_nameless or item.is_unfit or (item.is_empty and item.slot < self.strays))
        }

    def is_open(self, key: Hashable) -> bool:
        """Return True if the item at *key* takes more pieces: it wasn't yielded yet."""
        item = self.items.get(key)
        return item is not None and not item.is_done

    def arguments(self, key: Hashable) -> str:
        """Return the arguments so far of the call at *key*; "" if there is none."""
        item = self.items.get(key)
        return str(item.arguments) if isinstance(item, OpenCall) else ""

    def has_text(self, key: Hashable) -> bool:
        """Return True if the call or message at *key* has more than white space."""
        item = self.items.get(key)
        text = item.arguments if isinstance(item, OpenCall) else getattr(item, "text", "")
        return bool(str(text).strip())

    def thought(self, key: Hashable) -> str:
        """Return the text so far of the reasoning at *key*; "" if there is none."""
        item = self.items.get(key)
        return str(item.text) if isinstance(item, OpenReasoning) else ""

    def message_texts(self, choice: int, key: Hashable) -> tuple[str, str | None]:
        """Return the text of the messages of *choice* before *key*'s, and its own; None if that is closed."""
        growing = self.items.get(key)
        if not isinstance(growing, OpenMessage) or growing.is_done:
            return "", None
        before = (
            i for i in self.in_order[: growing.slot] if isinstance(i, OpenMessage) and i.choice == choice
        )
        return "".join(str(item.text) for item in before), str(growing.text)

    def completion(self) -> Completion:
        """Return the answer so far. Calls whose arguments aren't complete have `status="incomplete"`."""
        items: dict[int, list[Item]] = {index: [] for index in (*self.finishes, *self.choices)}
        for item in self.in_order:
            built = items.setdefault(item.choice, [])
            if not item.is_phantom:
                built.append(item.build() if item.is_done else with_origin(item.build(), self.origin))
        is_whole = self.has_ended or self.has_finishes
        if 0 not in items and bool(items) != is_whole:
            items[0] = []  # also if another choice began first: its text isn't that of choice 0
        return Completion(
            id=self.id,
            model=self.model,
            choices=tuple(self._choice(index, items[index]) for index in sorted(items)),
            usage=self.usage,
            created=self.created,
            status=self.status,
            extras=dict(self.extras),
            response_format=self.response_format,
            warnings=tuple(self.warnings),
        )

    def _choice(self, index: int, items: list[Item]) -> Choice:
        finish = self.finishes.get(index)
        if finish is None:
            return Choice(index, items)
        choice = Choice(index, items, finish.reason, finish.raw_reason)
        if finish.reason == "stop" and choice.tool_calls:  # some gateways end a turn with calls in "stop"
            return evolve(choice, finish_reason="tool_calls")
        return choice


def may_contain_arguments(value: Any, depth: int = 8) -> bool:
    """Return True if *value* contains a text that begins a JSON object with members, as arguments do, or an
    object under a name like theirs.
    """
    if isinstance(value, str):
        return _BEGINNING.match(value) is not None
    if isinstance(value, list):
        return depth > 0 and any(may_contain_arguments(each, depth - 1) for each in value)
    if not isinstance(value, dict) or not depth:
        return False
    return any(
        (isinstance(each, dict) and bool(each) and _LIKE_ARGUMENTS.search(name) is not None)
        or may_contain_arguments(each, depth - 1)
        for name, each in value.items()
    )


_BEGINNING = re.compile(r"\s*\{(?!\s*\}\s*$)")
_LIKE_ARGUMENTS = re.compile("(?i)arg|input")

"""Count the events of one attempt: statistics, clocks and limits; mask the server's own words.

    takes    an event of the chain
    returns  the event that the caller gets: mostly the same one

Strategy. Nearly all events are deltas, and only the first one of a kind needs a closer look. So `known` has
the kinds that attempts.py counts itself, with one addition.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from attrs import evolve

from ..completion import Completion
from ..errors import BadFrameError
from ..events import (
    BadFrame,
    Completed,
    Event,
    ItemStarted,
    KeepAlive,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Unknown,
    UsageReport,
)
from ..http.scrubbing import scrub
from .prices import priced, priced_answer

if TYPE_CHECKING:
    from .run import Run

MAX_ITEMS = 4096  # of one answer
MAX_COMMENTS = 100_000  # in a row: one a second for a day; the idle clock never fires in a flood of them
# Events without output. An attempt may be repeated until another kind of event is yielded.
_PRELUDE = (Started, KeepAlive, BadFrame, Unknown)
_DELTAS = (TextDelta, RefusalDelta, ReasoningDelta, ToolCallDelta)


class Counter:
    """The counts of one attempt. `known` are the kinds of events that need no more than a count."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._items = self._comments = 0
        self.known: set[type] = set()

    def count(self, event: Event) -> Event:
        """Return *event* after updating clocks and statistics. Raises `BadFrameError` at a limit."""
        run, kind = self._run, type(event)
        stats = run.stats
        stats.events += 1
        if isinstance(event, KeepAlive):
            self.known.clear()  # the next delta ends the row of comments
            stats.comments += 1
            stats.before += 1
            self._comments += 1
            if self._comments > MAX_COMMENTS:
                raise BadFrameError(f"the server sent more than {MAX_COMMENTS} comments in a row")
            return scrub_fields(event, run.secrets)
        self._comments = 0
        run.watch.data_arrived()
        stats.data()
        run.output = run.output or kind not in _PRELUDE
        if kind in _DELTAS:
            self.known.add(kind)
            if kind is TextDelta and stats.first_text is None:
                stats.text()
        elif kind is ItemStarted:
            self._items += 1
            if self._items > MAX_ITEMS:
                raise BadFrameError(f"the answer has more than {MAX_ITEMS} items; stopped reading")
        elif isinstance(event, UsageReport):
            return self._priced(event)
        elif isinstance(event, BadFrame | Unknown | Started):
            stats.bad_frames += kind is BadFrame
            return scrub_fields(event, run.secrets)
        elif isinstance(event, Completed):
            return self._completed(event)
        return event

    def _priced(self, event: UsageReport) -> UsageReport:
        run = self._run
        if run.prices is None:
            self.known.add(UsageReport)
            return event
        operation = run.observation.operation
        model = run.state.model or operation.model
        return replace(event, usage=priced(event.usage, model, operation, run.prices))

    def _completed(self, event: Completed) -> Completed:
        run = self._run
        completion = without_secrets(event.completion, run.secrets)
        if run.prices is not None:
            completion = priced_answer(completion, run.observation.operation, run.prices)
        run.completion = completion
        run.stats.output_tokens = completion.usage.output_tokens if completion.usage else None
        return event if completion is event.completion else replace(event, completion=completion)


def without_secrets(answer: Completion, secrets: tuple[str, ...]) -> Completion:
    """Return *answer* with the secrets masked in the parts that quote the server."""
    if not secrets or not (answer.extras or answer.warnings):
        return answer
    return evolve(answer, extras=scrub(answer.extras, secrets), warnings=scrub([*answer.warnings], secrets))


def scrub_fields(event: Event, secrets: tuple[str, ...]) -> Event:
    """Return an event that quotes the server with its secrets masked."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    changed = {name: new for name, value in values.items() if (new := scrub(value, secrets)) != value}
    return replace(event, **changed) if changed else event

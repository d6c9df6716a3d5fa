"""`Portion`s -> batches that have begun, and lines in the journal, so that no row is sent twice.

Strategy. A line that names the rows is written before the request that begins a batch, one with the
provider's id after it. If the reply is lost, or the process ends in between, it isn't known whether the batch
began. Before anything is sent again, the provider is asked for it (`BatchAPI.find`). If it can't be asked,
the error is raised, and the next run asks. An API that keeps no name of ours may have a batch that isn't
certain: its rows wait until its results show whose they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import evolve, frozen

from ..errors import APIError, StreamkitError
from ..wires.batch import BatchAPI, Found, Submission
from .batch_calls import Calls
from .batch_log import KeptBatch, begun_line, dropped_line, sent_line
from .batch_rows import Portion
from .journal import Journal

logger = logging.getLogger("streamkit")

LOOKS = 3  # for a batch whose reply was lost, after pauses of 1, 2 and 4 seconds
_UNSURE = (408, 409)  # refusals after which the first request may still have had its effect
_WORKING = (408, 504)  # a proxy lost its patience, not the server


@frozen
class Part:
    """One batch of the provider; *tag* is None if only its id is known."""

    id: str
    tag: str | None = None
    is_certain: bool = True


def parts_of(tag: str, found: tuple[Found, ...] | list[Found]) -> list[Part]:
    """Return the batches that the one with this *tag* may be."""
    return [Part(each.id, tag, each.is_certain) for each in found]


class Sender:
    """Begins the batches of one job. *journal* is open, or None: then a crash forgets the batches."""

    def __init__(
        self, calls: Calls, api: BatchAPI, journal: Journal | None, metadata: Mapping[str, str] | None
    ) -> None:
        self._calls = calls
        self._api = api
        self._journal = journal
        self._metadata = dict(metadata or {})
        self._begun: set[str] = set()  # ids

    def find_lost(self) -> None:
        """Ask for each batch of the journal of which it isn't known whether it began, and note the answer."""
        if self._journal is None:
            return
        for kept in self._journal.batches.open():
            if not kept.found:
                found = self._find(_submission_of(kept))
                self._note(begun_line(kept.tag, found) if found else dropped_line(kept.tag))

    def begin(self, portion: Portion) -> list[Part]:
        """Begin a batch, and return it. Raises the provider's error, and `UsageError` of the journal."""
        submission = Submission(
            portion.tag, portion.model, len(portion.rows), portion.rows, metadata=self._metadata
        )
        submission = evolve(submission, staged=self._calls.run(self._api.stage(submission)))
        kept = KeptBatch(portion.tag, portion.model, submission.staged, tuple(portion.names))
        self._note(sent_line(kept))
        found = self._send(submission, portion.features)
        self._begun |= {each.id for each in found}
        self._note(begun_line(portion.tag, found))
        names = ", ".join(each.id for each in found)
        logger.info("batches: %s has begun with %d rows", names, len(portion.rows))
        return parts_of(portion.tag, found)

    def _send(self, submission: Submission, features: Mapping[str, str]) -> list[Found]:
        attempt = 0
        while True:
            attempt += 1
            try:
                steps = self._api.begin(submission)
                return [Found(self._calls.run(steps, once=submission.tag, features=features))]
            except StreamkitError as error:
                wait = self._calls.wait_after(error, attempt)
                if _is_refusal(error):
                    if wait is None:
                        self._note(dropped_line(submission.tag))
                        raise
                else:
                    found = self._find_after(error, submission)
                    if found:
                        names = ", ".join(each.id for each in found)
                        logger.warning("batches: a reply was lost (%s), and its batch is %s", error, names)
                        return found
                    if wait is None or _may_be_working(error):
                        raise self._unsure(error) from error.__cause__
            self._calls.sleep(wait)

    def _find_after(self, error: StreamkitError, submission: Submission) -> list[Found]:
        """Return the batches that a failed request may have begun. Raises *error* if that can't be known."""
        try:
            return self._find(submission)
        except StreamkitError:
            raise self._unsure(error) from error.__cause__

    def _unsure(self, error: StreamkitError) -> StreamkitError:
        """Return *error* with words on what isn't known, and on the way."""
        way = "look for it there before you submit its rows again, or use a journal"
        way = way if self._journal is None else "call submit again with the same journal, which asks"
        error.message = f"{error.message}; it isn't known whether the provider began a batch: {way}"
        error.args = (error.message,)
        return error

    def _find(self, submission: Submission) -> list[Found]:
        """Look a few times: the provider may still be working on the request, or have it in no list yet."""
        known = self._begun | (self._journal.batches.ids() if self._journal else set())
        for number in range(LOOKS):
            self._calls.pause(number)
            found = self._calls.run(self._api.find(submission))
            ours = [each for each in found if each.id not in known]
            if ours:
                return ours
        return []

    def _note(self, line: Mapping[str, object]) -> None:
        if self._journal is not None:
            self._journal.note_batch(line)


def _submission_of(kept: KeptBatch) -> Submission:
    return Submission(kept.tag, kept.model, len(kept.names), staged=kept.staged)


def _may_be_working(error: StreamkitError) -> bool:
    """Return True if the batch may begin later than any look. Then nothing is repeated in this run."""
    return isinstance(error, APIError) and error.status in _WORKING


def _is_refusal(error: StreamkitError) -> bool:
    """Return True for a reply by which the batch surely didn't begin."""
    status = error.status if isinstance(error, APIError) else None
    return status is not None and 400 <= status < 500 and status not in _UNSURE

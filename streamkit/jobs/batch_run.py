"""`Batch`: batches that have begun, by their ids in; their state, and an `Answer` for each row, out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve

from .._checks import Kind, check, optional
from ..completion import Completion
from ..errors import APIConnectionError, APIError, StreamError, StreamkitError, UsageError
from ..wires.batch import OVER, Look, Result, Status
from .answer import Answer
from .batch_begin import Part
from .batch_results import SHOWN, is_final, objects_of, read_result
from .batch_rows import BatchJob
from .journal import Journal
from .rows import Row

EVERY = 60.0  # seconds between two looks at a batch
OUTAGE = 3600.0  # seconds without a look that succeeds
_SECONDS = Kind(
    "a number of seconds, 0 or more,", lambda value: _is_seconds(value), "pass seconds", is_number=True
)

logger = logging.getLogger("streamkit")


class Batch:
    """One or more batches of the provider that hold the rows of one job; `ids` are the provider's names."""

    def __init__(self, job: BatchJob, parts: list[Part]) -> None:
        self._job = job
        self._parts = parts
        self._looks: dict[str, Look] = {}
        self._unread: list[bytes] = []  # the beginnings of lines of the results that aren't one
        self.ids = tuple(part.id for part in parts)

    @property
    def id(self) -> str:
        """The name of the first batch; an empty string if every row was in the journal."""
        return self.ids[0] if self.ids else ""

    @property
    def status(self) -> Status:
        """The state, in OpenAI's words on every API: of several batches, the first one that isn't over.

        The words are validating, in_progress, finalizing and cancelling; and completed, failed, expired and
        cancelled, after which `results` can be called.
        """
        words = [self._look(name, fresh=True).status for name in self.ids]
        return next((word for word in words if word not in OVER), words[-1] if words else "completed")

    @property
    def raw_status(self) -> tuple[str, ...]:
        """The provider's own word for each batch, when `status` was read last."""
        return tuple(self._look(name).raw_status for name in self.ids)

    @property
    def counts(self) -> dict[str, int]:
        """The provider's counts of rows when `status` was read last: total, completed, failed."""
        looks = [self._look(name) for name in self.ids]
        return {kind: sum(look.counts[kind] for look in looks) for kind in ("total", "completed", "failed")}

    def wait(
        self,
        every: float = EVERY,
        *,
        timeout: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Batch:
        """Look at the batch *every* so many seconds until it is over, and return it.

        A look that fails for a reason which may pass is repeated, for up to an hour; then it's raised.
        Raises TimeoutError after *timeout* seconds; the batch goes on.
        """
        check("every", every, _SECONDS)
        check("timeout", timeout, optional(_SECONDS))
        began = seen = now()
        while True:
            word: str
            try:
                word = self.status
                seen = now()
            except StreamkitError as error:
                if not _may_pass(error) or now() - seen > OUTAGE:
                    raise
                logger.warning("batches: a look at %s failed, and is repeated: %s", self.id, error)
                word = "out of reach"
            if word in OVER:
                return self
            if timeout is not None and now() - began + every > timeout:
                raise TimeoutError(f"batch {self.id} is {word} after {timeout:g} s; call wait() again")
            sleep(every)

    def cancel(self) -> None:
        """Ask the provider to stop; rows that have answers keep them."""
        for part in self._parts:
            if self._look(part.id, fresh=True).is_over:
                continue
            if not part.is_certain:
                logger.warning("batches: %s isn't cancelled: it may be another program's", part.id)
                continue
            try:
                self._job.calls.run(self._job.api.cancel(part.id))
            except APIError:
                if not self._look(part.id, fresh=True).is_over:  # it may have ended in the meantime
                    raise

    def results(self) -> Iterator[Answer]:
        """Yield an answer for every row, and write each one to the journal before that.

        A row that expired or was cancelled, or whose line can't be read, has an error that isn't final:
        `client.map` or `submit` with the same journal asks it. Raises `UsageError` if the batch isn't over.
        An error of the provider is raised; call `results` again, which begins from the start.
        """
        waiting = [name for name in self.ids if not self._look(name, fresh=True).is_over]
        if waiting:
            raise UsageError(f"batch {waiting[0]} isn't over; call wait() first")
        yield from self._job.wrong
        journal = self._job.open_journal()
        left = dict(self._job.rows)
        failed: dict[str, StreamkitError] = {}  # another line, or another file, may have the answer
        self._unread.clear()
        try:
            yield from self._answered(journal)
            for part in self._parts:
                for name, result in self._results(part):
                    if name not in left:
                        continue
                    profile = self._job.client.profile
                    found = read_result(result, profile.wire, profile, self._job.wanted)
                    if is_final(found):
                        yield from self._answers(left.pop(name), found, journal)
                    else:
                        assert isinstance(found, StreamkitError)
                        failed[name] = found
            for name, rows in left.items():
                yield from self._answers(rows, failed.get(name) or self._missing(), journal)
        finally:
            if journal is not None:
                journal.close()

    def _answered(self, journal: Journal | None) -> Iterator[Answer]:
        """Yield the answers that the journal had before; they weren't kept in memory."""
        for row in self._job.answered:
            answer = self._job.answer_in(journal, row) if journal is not None else None
            error = StreamError("the journal was changed since, and has no answer for this row any more")
            yield answer or Answer(row.key, row.index, row.value, error=error)

    def _answers(
        self, rows: list[Row], found: Completion | StreamkitError, journal: Journal | None
    ) -> Iterator[Answer]:
        """Yield the answer of each row of one key; the journal gets the first."""
        completion, error = (None, found) if isinstance(found, StreamkitError) else (found, None)
        for position, row in enumerate(rows):
            answer = Answer(row.key, row.index, row.value, completion, error, attempts=1)
            if position:
                answer = evolve(answer, source="duplicate")
            elif journal is not None:
                journal.add(answer, row)
            yield answer

    def _results(self, part: Part) -> Iterator[tuple[str, Result]]:
        """Yield the results of a batch that are of this job, each with the name of its row.

        Raises `StreamError` if there are fewer than the provider counts, and `UsageError` if they are those
        of other rows. Otherwise the rows would seem to have no answer, and would be asked again.
        """
        look, unread = self._look(part.id), len(self._unread)
        names: set[str] = set()
        for source in self._job.api.sources(part.id, look):
            for each in self._file(source) if isinstance(source, str) else source:
                result = self._job.api.result(each) if isinstance(each, Mapping) else None
                if result is None:
                    self._unread.append(repr(each).encode()[:SHOWN])
                    continue
                name, _, tag = result.name.rpartition("-")
                names.add(name)
                if part.tag in (None, tag):
                    yield name, result
        count, counted = len(names) + len(self._unread) - unread, look.counts["completed"]
        if look.status == "completed" and count < counted:
            raise StreamError(
                f"batch {part.id} has {counted} answers, and its results have {count} lines; call results() "
                "again later, or client.batches.abandon"
            )
        if names and part.tag is None and self._job.rows and not any(map(self._job.has, names)):
            raise UsageError(
                f"rows: expected those of batch {part.id}, got others; pass the rows, the key and all other "
                "arguments as in submit"
            )

    def _file(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield the objects of a file; from its beginning once more if the connection breaks."""
        attempt = 0
        while True:
            attempt += 1
            reply = self._job.calls.open_file(path)
            try:
                yield from objects_of(reply.chunks, self._unread)
            except StreamkitError as error:
                wait = self._job.calls.wait_after(error, attempt)
                if wait is None:
                    raise
            else:
                return
            finally:
                reply.close()
            self._job.calls.sleep(wait)

    def _missing(self) -> StreamkitError:
        """Return the error of a row that no result is about."""
        looks = [self._look(name) for name in self.ids]
        problem = next((look for look in looks if look.problem is not None), None)
        if problem is not None and problem.problem is not None:
            words, code = problem.problem.get("message"), problem.problem.get("code")
            return APIError(f"the batch failed: {words}", code=code and str(code), body=problem.raw)
        if self._unread:
            return StreamError(
                f"the batch has no answer for this row; {len(self._unread)} of its lines can't be read, "
                f"such as {self._unread[0]!r}"
            )
        words = ", ".join(sorted({look.status for look in looks})) or "unknown"
        return APIError(f"the batch is {words}, and has no answer for this row", retryable=True)

    def _look(self, name: str, *, fresh: bool = False) -> Look:
        known = self._looks.get(name)
        if known is None or (fresh and not known.is_over):
            self._looks[name] = known = self._job.calls.run(self._job.api.look(name))
        return known

    def __repr__(self) -> str:
        return f"<Batch {', '.join(self.ids) or 'without rows'}>"


def _may_pass(error: StreamkitError) -> bool:
    """Return True for a failure of the network or the server, which a look at a batch survives."""
    if isinstance(error, APIError):
        return error.retryable
    return isinstance(error, APIConnectionError | StreamError)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")

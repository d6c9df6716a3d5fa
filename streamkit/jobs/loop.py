"""The loop of a job: rows in, answers out, while threads or processes ask.

Strategy. One generator does everything but asking: it reads rows, submits them, takes outcomes, writes the
journal and yields answers, all in the thread that iterates. So the rows may come from a database cursor,
nothing but a queue is shared, and an answer is in the journal before the caller has it. It reads a row for
each answer that it yields, so a slow caller slows the job, and memory stays flat.

Rules: every row ends in exactly one answer, or stays untouched. One row never ends the run; a spent budget, a
refusal of every row, or a journal that can't be written does, after the rows under way.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from attrs import evolve

from ..client.pace import Pace
from ..errors import LimitError, StreamCancelledError, StreamkitError, UsageError
from ..http.clocks import NAP
from .answer import Answer, Outcome
from .journal import Journal
from .journal_lines import is_fatal
from .progress import Progress
from .report import MapReport, Tally
from .rows import Row

logger = logging.getLogger("streamkit")

FATAL_AT_FIRST = 3  # refusals of every row, in succession, before any answer


class RunState:
    """The facts that a `MapRun` and its loop share; any thread may call `stop`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.tally = Tally()
        self.failed: list[Answer] = []
        self.stopping = threading.Event()
        self.cancel: Callable[[], None] = self.stopping.set
        self._now = now
        self._began = now()
        self._ended: float | None = None

    def stop(self, reason: str) -> None:
        """Read no more rows, for this *reason*."""
        if not self.stopping.is_set():
            self.tally.stopped = reason
            self.stopping.set()

    def end(self) -> None:
        """Stop the clock."""
        self._ended = self._now()

    def report(self) -> MapReport:
        """Return the counts so far."""
        return self.tally.report((self._ended or self._now()) - self._began)


class Lanes(Protocol):
    """Threads or processes that ask rows and deliver their outcomes.

    `ahead` is the number of rows to read before their answers are asked for. A remote lane counts what it
    spends in another process. `flush` sends rows that wait for others, `stop` begins no more rows.
    """

    ahead: int
    is_remote: bool

    def submit(self, row: Row) -> None: ...
    def flush(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Loop:
    """The loop of one run; `answers` is its generator."""

    def __init__(
        self,
        reader: Iterator[Row],
        *,
        results: SimpleQueue[Any],
        state: RunState,
        pace: Pace,
        journal: Journal | None,
        retry_failed: bool,
        wanted: Any,
        ordered: bool,
        fatal_later: int,
        progress: Progress | None,
    ) -> None:
        self._reader = reader
        self._lanes: Lanes
        self._results = results
        self._state = state
        self._pace = pace
        self._journal = journal
        self._retry_failed = retry_failed
        self._wanted = wanted
        self._ordered = ordered
        self._fatal_later = fatal_later
        self._progress = progress
        self._pulled = self._handed = self._under_way = 0
        self._exhausted = False
        self._ready: deque[Answer] = deque()
        self._heap: list[tuple[int, Answer]] = []  # with *ordered*: answers that wait for an earlier one
        self._waiting: dict[str | int, list[Row]] = {}  # by key: rows under way, and their duplicates
        self._refused = 0  # rows in succession whose refusal isn't about the row
        self._had_answer = False
        self._error: BaseException | None = None  # ends the run after the rows under way

    def use(self, lanes: Lanes) -> None:
        """Ask rows with *lanes*, which deliver their outcomes to this loop."""
        self._lanes = lanes

    def cancel(self) -> None:
        """End the run from another thread: the loop sees it with the next outcome."""
        self._error = self._error or StreamCancelledError("the run was closed in another thread")
        self._state.stop("close() was called")
        self._lanes.close()
        self._results.put(None)

    def answers(self) -> Generator[Answer, None, None]:
        """Return the generator of the answers, which at the end raises the error that ended the run.

        It has begun: only then does its `close`, or dropping it, close the journal.
        """
        answers = self._answers()
        next(answers)
        return answers  # type: ignore[return-value]  # only the first is None

    def _answers(self) -> Generator[Answer | None, None, None]:
        try:
            yield None
            while (answer := self._next()) is not None:
                self._handed += 1
                self._count(answer)
                yield answer
            if self._error is not None:
                if isinstance(self._error, LimitError):
                    self._error.result = self._state.report()
                raise self._error
        finally:
            self._lanes.close()
            if self._journal is not None:
                self._journal.close()
            self._state.end()
            if self._progress is not None:
                self._progress.close(self._state.report())

    def _next(self) -> Answer | None:
        """Return the next answer, or None at the end."""
        while True:
            self._pull()
            if self._ordered and self._heap and self._heap[0][0] == self._handed:
                return heapq.heappop(self._heap)[1]
            if self._ready:
                return self._ready.popleft()
            is_idle = self._results.empty()
            if is_idle and self._has_room:
                continue
            if not self._under_way:
                return heapq.heappop(self._heap)[1] if self._heap else None
            if is_idle:
                self._lanes.flush()
            result = self._wait()
            if result is None:
                return None
            if callable(result):
                result()
            else:
                self._settle(*result)

    def _wait(self) -> Any:
        """Return the next result; a wait without an end misses Ctrl-C on Windows and in some sandboxes."""
        while True:
            try:
                return self._results.get(timeout=NAP)
            except Empty:
                continue

    # -- rows -----------------------------------------------------------------------------

    @property
    def _has_room(self) -> bool:
        is_over = self._exhausted or self._error is not None or self._state.stopping.is_set()
        return not is_over and self._pulled - self._handed < self._lanes.ahead

    def _pull(self) -> None:
        """Read one row, if there is room for one, and submit it unless its answer is known."""
        if not self._has_room:
            return
        try:
            row = next(self._reader, None)
        except Exception as exc:  # noqa: BLE001 - the caller's iterator: those under way are still yielded
            self._error = exc
            self._state.stop(f"the rows raised {type(exc).__name__}")
            return
        if row is None:
            self._exhausted = True
            return
        self._pulled += 1
        answer = self._known(row)
        if answer is not None:
            self._put(answer)
        elif row.key in self._waiting:
            self._waiting[row.key].append(row)
        elif row.request is None:
            self._pace.failed()
            self._put(self._answer(row, Outcome(row.index, error=row.error)))
        else:
            if self._is_spent():
                return
            self._waiting[row.key] = []
            self._under_way += 1
            self._lanes.submit(row)

    def _is_spent(self) -> bool:
        """Return True if a budget is spent, which ends the run."""
        try:
            self._pace.check_budget()
        except StreamkitError as exc:
            self._end(exc)
            return True
        return False

    def _known(self, row: Row) -> Answer | None:
        """Return the answer that the journal or an earlier row has; None if the row must be asked."""
        entry = self._journal.find(row.key) if self._journal is not None else None
        if entry is None or self._journal is None:
            return None
        if entry.offset >= self._journal.began:  # this run asked
            answer = self._journal.answer(entry, row, self._wanted)
            return answer and evolve(answer, source="duplicate")
        if row.request is not None and entry.digest != row.digest:
            self._state.tally.changed()
            logger.warning("map: the row with key %r has changed since the journal; asking again", row.key)
            return None
        if not entry.is_done and (self._retry_failed or not entry.is_final):
            return None
        return self._journal.answer(entry, row, self._wanted)

    # -- outcomes -------------------------------------------------------------------------

    def deliver(self, row: Row, outcome: Outcome) -> None:
        """Take an outcome from the thread that has it: write it to the journal, and wake the loop.

        The line is written here, not when the caller asks for the answer, which may be much later.
        """
        answer = error = None
        if not (outcome.untouched or isinstance(outcome.error, StreamCancelledError)):
            answer = self._answer(row, outcome)
            try:
                if self._journal is not None and row.request is not None:
                    self._journal.add(answer, row)
            except UsageError as exc:
                error = exc
            except Exception as exc:  # noqa: BLE001 - the loop would wait for this row for ever
                error = UsageError(
                    f"journal: cannot write row {row.index}: {type(exc).__name__}: {exc!s:.200}"
                )
                error.__cause__ = exc
        self._results.put((row, outcome, answer, error))

    def _settle(
        self, row: Row, outcome: Outcome, answer: Answer | None, failure: StreamkitError | None
    ) -> None:
        self._state.tally.worked(outcome)
        error = outcome.error
        completion = outcome.completion or (error.partial if error is not None else None)
        if self._lanes.is_remote:
            self._pace.spend(
                completion.usage if completion else None, has_answer=outcome.completion is not None
            )
        if isinstance(error, LimitError) and not self._is_spent() and not self._state.stopping.is_set():
            self._lanes.submit(row)  # only the share of its process was spent
            return
        self._under_way -= 1
        duplicates = self._waiting.pop(row.key)
        if answer is None:
            self._end(error)
            return
        self._had_answer |= answer.ok
        self._refused = self._refused + 1 if error is not None and is_fatal(error) else 0
        if self._refused >= (self._fatal_later if self._had_answer else FATAL_AT_FIRST):
            self._end(error)
        self._end(failure)
        if not answer.ok:
            self._pace.failed()
        self._put(answer)
        for each in duplicates:
            self._put(evolve(answer, index=each.index, row=each.value, source="duplicate"))

    def _answer(self, row: Row, outcome: Outcome) -> Answer:
        completion = outcome.completion
        if completion is not None and completion.response_format is None and self._wanted is not None:
            completion = evolve(completion, response_format=self._wanted)
        return Answer(
            row.key, row.index, row.value, completion, outcome.error, outcome.attempts, outcome.seconds
        )

    def _put(self, answer: Answer) -> None:
        if self._ordered:
            heapq.heappush(self._heap, (answer.index, answer))
        else:
            self._ready.append(answer)

    def _count(self, answer: Answer) -> None:
        self._state.tally.answered(answer)
        if not answer.ok:
            self._state.failed.append(answer)
        if self._progress is not None:
            self._progress.show(self._state.report())

    def _end(self, error: BaseException | None) -> None:
        if self._error is None and error is not None:
            self._error = error
            self._state.stop(str(error) or type(error).__name__)
            self._lanes.stop()

"""`client.map`: checks its arguments, puts the parts of a job together, and returns its `MapRun`."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from attrs import fields_dict

from .._checks import FLAG, FUNCTION, PATH, TIMES, Kind, check, optional
from ..errors import UsageError
from ..request.options import Limits, as_limits
from ..text_stream import read_twice
from .answer import Answer
from .journal import Journal
from .local import Pool, Threads
from .loop import Lanes, Loop, RunState
from .progress import new_progress
from .question import question_of
from .remote import Job, Processes, lanes_of
from .report import MapReport
from .rows import read_rows

if TYPE_CHECKING:
    from ..client import Client

logger = logging.getLogger("streamkit")

FATAL_LATER = 3  # times the number of workers, after an answer: the key was revoked, the credit is used up

_COUNT = Kind(
    "a whole number above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "pass the number",
    is_number=True,
)
ROWS = Kind(
    "an iterable of rows",
    lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
    "pass a list or a generator",
)


class MapRun:
    """The answers of `client.map`, as they complete; an iterator, and a context manager that ends the run.

    Use it in a `with` block: its end, a break, an exception and Ctrl-C cancel the rows under way within two
    seconds. Those rows stay untouched. Only one thread at a time may ask for the next answer.
    """

    def __init__(self, answers: Generator[Answer, None, None], state: RunState) -> None:
        self._answers = answers
        self._state = state

    def __iter__(self) -> MapRun:
        return self

    def __next__(self) -> Answer:
        try:
            return next(self._answers)
        except ValueError as exc:
            if (twice := read_twice(exc, "run")) is not None:
                raise twice from None
            raise

    def stop(self) -> None:
        """Read no more rows. The answers under way are still yielded. Any thread may call this."""
        self._state.stop("stop() was called")

    def close(self) -> None:
        """End the run now: cancel the rows under way, which stay untouched. Further calls do no more."""
        try:
            self._answers.close()
        except ValueError:  # another thread waits for the next answer
            self._state.cancel()

    def __enter__(self) -> MapRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def counts(self) -> dict[str, int]:
        """The counts of rows: rows, done, failed; asked, from_journal, duplicates; changed."""
        return self._state.tally.counts

    @property
    def failed(self) -> tuple[Answer, ...]:
        """The answers with an error so far, with their rows. They are kept in memory."""
        return tuple(self._state.failed)

    def report(self) -> MapReport:
        """Return the counts, the tokens, the cost and the time so far; `str` makes one line of it."""
        return self._state.report()

    def __repr__(self) -> str:
        return f"<MapRun {self.report()}>"


def start(
    client: Client,
    rows: Iterable[Any],
    *,
    to_input: Callable[[Any], Any] | None,
    key: Callable[[Any], Any] | None,
    workers: int,
    executor: Any,
    chunk: int,
    journal: Any,
    retry_failed: bool,
    limits: Limits | None,
    ordered: bool,
    attempts: int,
    ask_again: int,
    progress: bool,
    options: Mapping[str, Any],
) -> MapRun:
    """Return the run of `client.map`. Raises `UsageError` for a wrong argument; no row is read yet."""
    for name, value, kind in (
        ("rows", rows, ROWS),
        ("to_input", to_input, optional(FUNCTION)),
        ("key", key, optional(FUNCTION)),
        ("workers", workers, _COUNT),
        ("chunk", chunk, _COUNT),
        ("attempts", attempts, _COUNT),
        ("ask_again", ask_again, TIMES),
        ("journal", journal, optional(PATH)),
        ("ordered", ordered, FLAG),
        ("retry_failed", retry_failed, FLAG),
        ("progress", progress, FLAG),
    ):
        check(name, value, kind)
    is_remote = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    if is_remote:
        lanes_of(executor)  # raises before the journal is opened
    question = question_of(client, options)
    if ask_again and question.wanted is None:
        raise UsageError("ask_again: expected a response_format to check the answers against; pass one")
    given = _merged(as_limits(limits, Limits()), client.limits)
    pace = client.new_pace(given) if limits is not None else client.pace
    state = RunState()
    job = Job(client, question.sending, given, workers, attempts, ask_again)
    asker = job.asker(client, pace)
    results: SimpleQueue[Any] = SimpleQueue()
    opened = None
    if journal is not None:
        opened = Journal(journal, question.header)
        _check_batches(opened)
    elif key is not None:  # answers for rows of the same key that come later, on disk
        opened = Journal(Path(tempfile.mkdtemp()) / "answers.jsonl", question.header, is_temporary=True)
    reader = read_rows(rows, client, to_input=to_input, key=key, options=question.options)
    loop = Loop(
        reader,
        results=results,
        state=state,
        pace=pace,
        journal=opened,
        retry_failed=retry_failed,
        wanted=question.wanted,
        ordered=ordered,
        fatal_later=FATAL_LATER * workers,
        progress=new_progress(len(rows) if isinstance(rows, Sized) else None) if progress else None,
    )
    lanes: Lanes
    if executor is None:
        lanes = Threads(asker, workers, loop.deliver, results.put)
    elif not is_remote:
        lanes = Pool(asker, executor, loop.deliver, results.put)
    else:
        lanes = Processes(job, executor, chunk, left=pace.left, deliver=loop.deliver, call=results.put)
    loop.use(lanes)
    state.cancel = loop.cancel
    return MapRun(loop.answers(), state)


def _check_batches(journal: Journal) -> None:
    """Raise `UsageError`, and close the journal, if the provider has some of its rows."""
    batches = journal.batches.open()
    if batches:
        journal.close()
        ids = ", ".join(found.id for batch in batches for found in batch.found) or "not known by id"
        raise UsageError(
            f"journal: {journal.path} has rows in batches that weren't read ({ids}); call "
            "client.batches.submit with it and read the results, or client.batches.abandon"
        )


def _merged(limits: Limits, others: Limits) -> Limits:
    """Return *limits*, with those of *others* for each that is None."""
    mine = {name: getattr(limits, name) for name in fields_dict(Limits)}
    return Limits(**{name: getattr(others, name) if v is None else v for name, v in mine.items()})

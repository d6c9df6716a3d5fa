"""`client.map`: checks its arguments, puts the parts of a job together, and returns its `MapRun`."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from attrs import fields_dict

from .._checks import FUNCTION, PATH, TEXT, TIMES, Kind, check, optional
from ..errors import UsageError
from ..request.options import Limits, as_limits, listed_tools
from ..text_stream import read_twice
from .answer import Answer
from .ask import Asker
from .journal import Journal
from .journal_lines import header_of
from .local import Pool, Threads
from .loop import Lanes, Loop, RunState
from .progress import new_progress
from .remote import Budget, Job, Processes, lanes_of
from .report import MapReport, Tally
from .rows import prepare_options, read_rows, send_options

if TYPE_CHECKING:
    from ..client import Client

logger = logging.getLogger("streamkit")

FATAL_AT_FIRST = 3  # refusals of every row, in a row, before any answer
FATAL_LATER = 3  # times the number of workers, after an answer: the key was revoked, the credit is used up

_COUNT = Kind(
    "a whole number above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "pass the number",
)
ROWS = Kind(
    "an iterable of rows",
    lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
    "pass a list or a generator",
)
NONE = Kind(
    "None", lambda value: value is None, "use journal=, because all rows would write to the same file"
)
_FLAG = Kind("True or False", lambda value: isinstance(value, bool), "pass one of them")


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
        ("ordered", ordered, _FLAG),
        ("retry_failed", retry_failed, _FLAG),
        ("progress", progress, _FLAG),
    ):
        check(name, value, kind)
    is_remote = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    if is_remote:
        lanes_of(executor)  # raises before the journal is opened
    tools = options.get("tools")
    options = {**options, "tools": listed_tools(tools)}
    request_options, sending = prepare_options(options), send_options(options)
    check("model", request_options.get("model"), TEXT)
    model = request_options.get("model") or client.defaults["model"]
    sample = client.prepare("a row", **{**request_options, "model": model or "of the rows"})
    client.send(sample, use_cache=False, **{**sending, "record": None}).close()  # raises for a wrong option
    check("record", sending.get("record"), NONE)
    wanted = sample.request.response_format
    if ask_again and wanted is None:
        raise UsageError("ask_again: expected a response_format to check the answers against; pass one")
    given = _merged(as_limits(limits, Limits()), client.limits)
    pace = client.new_pace(given) if limits is not None else client.pace
    state = RunState()
    asker = Asker(client, pace=pace, attempts=attempts, ask_again=ask_again, options=sending)
    results: SimpleQueue[Any] = SimpleQueue()
    asked = {**client.defaults, **request_options, "model": model}
    header = header_of(client.profile.name, client.profile.wire, asked)
    opened = None
    if journal is not None:
        opened = Journal(journal, header)
    elif key is not None:  # answers for rows of the same key that come later, on disk
        opened = Journal(Path(tempfile.mkdtemp()) / "answers.jsonl", header, is_temporary=True)
    reader = read_rows(rows, client, to_input=to_input, key=key, options=request_options)
    loop = Loop(
        reader,
        results=results,
        state=state,
        pace=pace,
        journal=opened,
        retry_failed=retry_failed,
        wanted=None if wanted is None else wanted.as_sent(takes_schema=client.profile.json_schema),
        ordered=ordered,
        fatal_later=FATAL_LATER * workers,
        progress=new_progress(len(rows) if isinstance(rows, Sized) else None) if progress else None,
    )
    lanes: Lanes
    if executor is None:
        lanes = Threads(asker, workers, loop.deliver)
    elif not is_remote:
        lanes = Pool(asker, executor, loop.deliver)
    else:
        job = Job(client, sending, given, workers, attempts, ask_again)
        budget = partial(_left, given, state.tally)
        lanes = Processes(job, executor, chunk, budget=budget, deliver=loop.deliver, call=results.put)
    loop.use(lanes)
    state.cancel = loop.cancel
    return MapRun(loop.answers(), state)


# -- limits -------------------------------------------------------------------------------


def _merged(limits: Limits, others: Limits) -> Limits:
    """Return *limits*, with those of *others* for each that is None."""
    mine = {name: getattr(limits, name) for name in fields_dict(Limits)}
    return Limits(**{name: getattr(others, name) if v is None else v for name, v in mine.items()})


def _left(limits: Limits, tally: Tally) -> Budget:
    """Return the rest of the budget, for a task in another process."""
    return Budget(
        None if limits.cost is None else max(limits.cost - tally.cost, 1e-12),
        None if limits.tokens is None else max(limits.tokens - tally.tokens, 1),
    )

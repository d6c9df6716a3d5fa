"""Ask rows in threads of this process: rows in, outcomes out.

    lanes.submit(row)      # *deliver* is called with the row and its outcome, by any thread, in any order

Threads are daemons, so one that waits for a server doesn't keep the process alive.

Rule: an exception that isn't an `Exception` (SystemExit, `pytest.fail`) is meant for the program. *call*
takes a function that raises it in the thread of the loop.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

from .._threads import start
from ..errors import StreamkitError
from .answer import Outcome
from .ask import Asker
from .rows import Row

Deliver = Callable[[Row, Outcome], None]
Call = Callable[[Callable[[], None]], None]

logger = logging.getLogger("streamkit")


class Threads:
    """A pool of at most *workers* threads, which start when there is work."""

    is_remote = False

    def __init__(self, asker: Asker, workers: int, deliver: Deliver, call: Call) -> None:
        self._asker = asker
        self._workers = workers
        self._deliver = deliver
        self._call = call
        self._rows: SimpleQueue[Row | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.ahead = 2 * workers

    def submit(self, row: Row) -> None:
        """Ask *row* as soon as a thread is free."""
        self._rows.put(row)
        if len(self._threads) < self._workers:
            context = contextvars.copy_context()  # the caller's span is the parent of ours
            name = f"streamkit-map-{len(self._threads)}"
            thread = threading.Thread(target=context.run, args=(self._work,), name=name, daemon=True)
            try:
                start(thread)
            except StreamkitError as error:
                if not self._threads:
                    raise
                self._workers = len(self._threads)
                logger.warning("map: %d threads ask the rows: %s", self._workers, error)
                return
            self._threads.append(thread)

    def flush(self) -> None:
        """Do nothing: every row was submitted at once."""

    def stop(self) -> None:
        """Ask no row that isn't under way: its outcome is untouched."""
        self._asker.stop()

    def close(self, seconds: float = 1.5) -> None:
        """Cancel the rows under way, and wait at most *seconds* for the threads."""
        self._asker.cancel()
        for _ in self._threads:
            self._rows.put(None)
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (row := self._rows.get()) is not None:
            _ask(self._asker, row, self._deliver, self._call)


class Pool:
    """The same on a ThreadPoolExecutor of the caller's, which stays open."""

    is_remote = False

    def __init__(self, asker: Asker, executor: ThreadPoolExecutor, deliver: Deliver, call: Call) -> None:
        self._asker = asker
        self._executor = executor
        self._deliver = deliver
        self._call = call
        self.ahead = 2 * executor._max_workers

    def submit(self, row: Row) -> None:
        """Ask *row* as soon as a thread is free. Raises RuntimeError if the executor was shut down."""
        self._executor.submit(_ask, self._asker, row, self._deliver, self._call)

    def flush(self) -> None:
        """Do nothing: every row was submitted at once."""

    def stop(self) -> None:
        """Ask no row that isn't under way: its outcome is untouched."""
        self._asker.stop()

    def close(self) -> None:
        """Cancel the rows under way; the threads are the caller's."""
        self._asker.cancel()


def _ask(asker: Asker, row: Row, deliver: Deliver, call: Call) -> None:
    try:
        outcome = asker.ask(row)
    except BaseException as exc:  # noqa: BLE001 - the loop's thread raises it
        call(partial(_raise, exc))
    else:
        deliver(row, outcome)


def _raise(exc: BaseException) -> None:
    raise exc

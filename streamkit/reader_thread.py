"""An iterator, read in a thread of its own -> futures of its values: the caller can wait with a limit.

Rules: nothing is read that wasn't asked for. The thread runs in the context of the code that made the reader,
as one read in that code would: spans, and variables that tools read, are the same. The caller closes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ._threads import start
from .text_stream import close_source, is_running

END: Any = object()  # the value after the last one


class ReaderThread:
    """Reads *values*, one at a time; `close` ends *source*, which they come from.

    A daemon, unlike the threads of a pool: a program that ends waits for no model. Raises `StreamkitError` if
    the program can't start another thread.
    """

    def __init__(self, values: Iterator[Any], source: object) -> None:
        self._values = values
        self._source = source
        self._context = copy_context()
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        start(Thread(target=_run, args=(self._work,), name="streamkit-reader", daemon=True))

    def ask(self) -> Future[Any]:
        """Return the future of the next value, or of `END`. Ask again only when it is done."""
        future: Future[Any] = Future()
        self._work.put(partial(_answer, future, partial(self._context.run, self._next)))
        return future

    def _next(self) -> Any:
        return next(self._values, END)

    def close(self) -> None:
        """Close the source at once; one that can't be closed while it is read, when its next value is there.

        A stream can, and a generator of the caller's around it can't.
        """
        try:
            close_source(self._source)
        except ValueError as error:
            if not is_running(error):
                raise
            self._work.put(partial(_answer, Future(), partial(close_source, self._source)))
        finally:
            self._work.put(None)


def _run(work: SimpleQueue[Callable[[], None] | None]) -> None:
    """Do what is in *work* until None is."""
    for each in iter(work.get, None):
        each()
        del each  # it holds the value while the thread waits for the next question


def _answer(future: Future[Any], call: Callable[[], Any]) -> None:
    """Set the result of *future*, or the exception, to that of *call*."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as exc:  # noqa: BLE001 - the reader gets it
        future.set_exception(exc)
    else:
        future.set_result(result)


async def read_async(values: Iterator[Any], source: object) -> AsyncIterator[Any]:
    """Yield *values* to an event loop, which isn't blocked while one of them is awaited."""
    import asyncio

    reader = ReaderThread(values, source)  # the loop's own pool has too few threads
    try:
        while (value := await asyncio.wrap_future(reader.ask())) is not END:
            yield value
    finally:
        reader.close()

"""An iterator, read in a thread of its own -> futures of its values: the caller can wait with a limit.

Rules: nothing is read that wasn't asked for. The thread runs in the context of the code that made the reader,
as one read in that code would: spans, and variables that tools read, are the same. The caller closes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .text_stream import close_source, is_running

if TYPE_CHECKING:
    from concurrent.futures import Future

END: Any = object()  # the value after the last one


class ReaderThread:
    """Reads *values*, one at a time; `close` ends *source*, which they come from."""

    def __init__(self, values: Iterator[Any], source: object) -> None:
        self._values = values
        self._source = source
        self._context = copy_context()
        self._thread = ThreadPoolExecutor(1, "streamkit-reader")

    def ask(self) -> Future[Any]:
        """Return the future of the next value, or of `END`. Ask again only when it is done."""
        return self._thread.submit(self._context.run, self._next)

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
            self._thread.submit(close_source, self._source)
        finally:
            self._thread.shutdown(wait=False)


async def read_async(values: Iterator[Any], source: object) -> AsyncIterator[Any]:
    """Yield *values* to an event loop, which isn't blocked while one of them is awaited."""
    import asyncio

    reader = ReaderThread(values, source)  # the loop's own pool has too few threads
    try:
        while (value := await asyncio.wrap_future(reader.ask())) is not END:
            yield value
    finally:
        reader.close()

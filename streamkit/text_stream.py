"""A stream or a run of events -> pieces of text for a web page or a loop; the error for two readers at once.

Rules:

- Python itself refuses to continue a generator that is running. So a read needs no lock and costs nothing;
  `read_twice` gives that refusal a name.
- WSGI servers close the iterable that they got. ASGI servers take an async iterable, and cancel it when the
  browser leaves. `Pieces` is both, and closes the stream behind it in either case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from typing import Protocol

from .errors import UsageError
from .events import Event, TextDelta


class Readable(Protocol):
    """A stream or a run, as far as its texts need it."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...


class Pieces(Iterator[str]):
    """Pieces of text from a generator that reads *source*, which `close()` closes."""

    def __init__(self, pieces: Generator[str, None, None], source: object) -> None:
        self._pieces = pieces
        self._source = source

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def __next__(self) -> str:
        return next(self._pieces)

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield the pieces to an async server. Each one is read in a thread that belongs to this body."""
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        thread = ThreadPoolExecutor(1)  # the loop's own pool has too few threads for readers that wait
        try:
            while True:
                loop = asyncio.get_running_loop()
                piece = await loop.run_in_executor(thread, next, self._pieces, None)
                if piece is None:
                    return
                yield piece
        finally:
            self.close()
            thread.shutdown(wait=False)

    def close(self) -> None:
        """Close the stream and its connection, also while another thread waits for the next piece."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


class TextStream(Pieces):
    """The texts of the first choice."""

    def __init__(self, source: Readable) -> None:
        super().__init__(texts_of(source), source)


def texts_of(events: Iterable[Event]) -> Generator[str, None, None]:
    """Yield the texts of the first choice."""
    return (event.text for event in events if type(event) is TextDelta and event.choice == 0)


def read_twice(error: BaseException, kind: str) -> UsageError | None:
    """Return the error for a read during another read, or None if *error* isn't Python's refusal of one."""
    if not isinstance(error, ValueError) or str(error) != "generator already executing":
        return None
    return UsageError(
        f"this {kind} is being read already, by another thread or further up in this one; "
        "let one thread at a time ask for the next event"
    )

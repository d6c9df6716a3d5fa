"""A stream or a run of events -> pieces of text for a web page or a loop; the error for two readers at once.

Rules:

- Python itself refuses to continue a generator that is running. So a read needs no lock;
  `read_twice` gives that refusal a name.
- WSGI servers close the iterable that they got. ASGI servers take an async iterable, and cancel it when the
  browser leaves. `Pieces` is both, and closes the stream behind it in either case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from typing import Protocol, TypeVar

from ._lazy import lazy
from .errors import UsageError
from .events import Event, TextDelta

T = TypeVar("T")

_read_in_thread = lazy("reader_thread:read_async")


class Readable(Protocol):
    """A stream or a run, as far as its texts need it."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...


class Pieces(Iterator[T]):
    """Pieces of a page, or events, from a generator that reads *source*, which `close()` closes."""

    def __init__(self, pieces: Generator[T, None, None], source: object) -> None:
        self._pieces = pieces
        self._source = source

    def __iter__(self) -> Iterator[T]:
        return self._pieces

    def __next__(self) -> T:
        return next(self._pieces)

    def __aiter__(self) -> AsyncIterator[T]:
        """Return the pieces for an async server. Each one is read in a thread that belongs to this body."""
        pieces: AsyncIterator[T] = _read_in_thread(self._pieces, self)
        return pieces

    def close(self) -> None:
        """Close the stream and its connection, also while another thread waits for the next piece."""
        close_source(self._source)
        try:
            self._pieces.close()
        except ValueError as error:  # it ends by itself, because its source is closed
            if not is_running(error):
                raise


class TextStream(Pieces[str]):
    """The texts of the first choice."""

    def __init__(self, source: Readable) -> None:
        super().__init__(texts_of(source), source)


def texts_of(events: Iterable[Event]) -> Generator[str, None, None]:
    """Yield the texts of the first choice."""
    return (event.text for event in events if type(event) is TextDelta and event.choice == 0)


def close_source(source: object) -> None:
    """Call the `close()` of *source*, if it has one."""
    close = getattr(source, "close", None)
    if close is not None:
        close()


def is_running(error: BaseException) -> bool:
    """Return True if *error* is Python's refusal to touch a generator that another thread is running."""
    return isinstance(error, ValueError) and str(error) == "generator already executing"


def read_twice(error: BaseException, kind: str) -> UsageError | None:
    """Return the error for a read during another read, or None if *error* isn't Python's refusal of one."""
    if not is_running(error):
        return None
    return UsageError(
        f"this {kind} is being read already, by another thread or further up in this one; "
        "let one thread at a time ask for the next event"
    )

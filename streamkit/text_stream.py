"""A stream or a run of events -> the texts in it; and the error for two readers at the same time.

Rule: Python itself refuses to continue a generator that is running. So a read needs no lock and costs
nothing; `read_twice` gives that refusal a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .errors import UsageError
from .events import Event, TextDelta


class Readable(Protocol):
    """A stream or a run, as far as its texts need it."""

    def __iter__(self) -> Iterator[Event]: ...
    def close(self) -> None: ...


class TextStream(Iterator[str]):
    """The texts of the first choice. Web servers call `close()`, which closes the stream behind it."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._texts = (event.text for event in source if type(event) is TextDelta and event.choice == 0)

    def __iter__(self) -> Iterator[str]:
        return self._texts

    def __next__(self) -> str:
        return next(self._texts)

    def close(self) -> None:
        """Close the stream and its connection; the answer so far stays in its `partial`."""
        self._source.close()


def read_twice(error: BaseException, kind: str) -> UsageError | None:
    """Return the error for a read during another read, or None if *error* isn't Python's refusal of one."""
    if not isinstance(error, ValueError) or str(error) != "generator already executing":
        return None
    return UsageError(
        f"this {kind} is being read already, by another thread or further up in this one; "
        "let one thread at a time ask for the next event"
    )

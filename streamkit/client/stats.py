"""What a stream measured about itself: counts, and times in seconds since its request went out."""

from __future__ import annotations

from dataclasses import dataclass, field

_MANY = 20  # data events before anything is said about buffering
_LUMP = 8  # data events a read from which on somebody on the way is likely to collect them
_LONG = 1.0  # seconds that the answer took at least: a short one may well come in one piece


@dataclass(slots=True)
class Stats:
    """Grows while the stream is read; times are None until the thing has happened.

    A *chunk* is what one read of the connection gave. *data* is everything but comments.
    """

    attempts: int = 0
    headers_after: float | None = None  # the first byte of the last attempt's reply, in effect
    first_event: float | None = None
    first_text: float | None = None
    last_event: float | None = None
    longest_gap: float = 0.0  # between chunks that held data
    events: int = 0
    data_events: int = 0
    comments: int = 0
    bad_frames: int = 0
    bytes: int = 0
    chunks: int = 0
    data_chunks: int = 0
    output_tokens: int | None = None
    began: float = field(default=0.0, repr=False)  # by the stream's own clock
    _arrived: float = field(default=0.0, repr=False)
    _fresh: bool = field(default=False, repr=False)

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens, by the server's count, over the time from the first to the last event."""
        if self.output_tokens is None or self.first_event is None or self.last_event is None:
            return None
        seconds = self.last_event - self.first_event
        return self.output_tokens / seconds if seconds > 0 else None

    @property
    def suspected_buffering(self) -> bool:
        """Whether a proxy seems to hold events back: many came in few lumps, and yet it took long."""
        return (
            self.data_events >= _MANY
            and self.data_events >= _LUMP * self.data_chunks
            and (self.last_event or 0.0) >= _LONG
        )

    # -- told by the stream ---------------------------------------------------------------

    def request_sent(self, at: float) -> None:
        """A new attempt: what the last one counted does not matter any more."""
        attempts = self.attempts + 1
        self.__init__()  # type: ignore[misc]
        self.attempts = attempts
        self.began = at

    def chunk(self, size: int, at: float) -> None:
        """A read gave *size* bytes at *at*."""
        self.bytes += size
        self.chunks += 1
        self._arrived = at - self.began
        self._fresh = True

    def data(self) -> None:
        """An event with data was read from the last chunk."""
        self.data_events += 1
        if not self._fresh:
            return
        self._fresh = False
        self.data_chunks += 1
        if self.last_event is None:
            self.first_event = self._arrived
        else:
            self.longest_gap = max(self.longest_gap, self._arrived - self.last_event)
        self.last_event = self._arrived

    def text(self) -> None:
        """The event is the first piece of the answer's text."""
        self.first_text = self._arrived

"""`Stats`: the counts of a stream, and its times in seconds since the request was sent."""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_DATA_EVENTS = 20  # fewer events are too few to judge buffering
EVENTS_PER_READ = 8  # above this, a proxy is probably buffering
MIN_SECONDS = 1.0  # a shorter answer may arrive in one piece without any buffering


@dataclass(slots=True)
class Stats:
    """Counts and times, updated while the stream is read. A time is None until its event has happened.

    A *chunk* is the result of one read of the connection. *data* is everything but comments.
    """

    attempts: int = 0
    refusals: int = 0  # attempts that a rate limit or an overload refused
    headers_after: float | None = None  # roughly the first byte of the last attempt's reply
    first_event: float | None = None
    first_text: float | None = None
    last_event: float | None = None
    longest_gap: float = 0.0  # between chunks that contain data
    events: int = 0
    comments: int = 0
    bad_frames: int = 0
    bytes: int = 0
    chunks: int = 0
    output_tokens: int | None = None
    began: float = field(default=0.0, repr=False)  # on the stream's own clock
    arrived: float = field(default=0.0, repr=False)  # the last chunk
    before: int = field(default=0, repr=False)  # the events before the last chunk, and its comments
    idle_chunks: int = field(default=0, repr=False)  # without data

    @property
    def data_chunks(self) -> int:
        """The chunks with data. The last one is among them until all of it has been read."""
        return self.chunks - self.idle_chunks

    @property
    def data_events(self) -> int:
        """The events that aren't comments."""
        return self.events - self.comments

    @property
    def tokens_per_second(self) -> float | None:
        """The server's count of output tokens, divided by the time from the first to the last event."""
        if self.output_tokens is None or self.first_event is None or self.last_event is None:
            return None
        seconds = self.last_event - self.first_event
        return self.output_tokens / seconds if seconds > 0 else None

    @property
    def suspected_buffering(self) -> bool:
        """True if a proxy probably buffers: a slow answer with many events arrived in few reads."""
        return (
            self.data_events >= MIN_DATA_EVENTS
            and self.data_events >= EVENTS_PER_READ * self.data_chunks
            and (self.last_event or 0.0) >= MIN_SECONDS
        )

    # -- called by the stream -------------------------------------------------------------

    def request_sent(self, at: float) -> None:
        """Start a new attempt: reset all counts but those of attempts and refusals."""
        attempts, refusals = self.attempts + 1, self.refusals
        self.__init__()  # type: ignore[misc]
        self.attempts, self.refusals = attempts, refusals
        self.began = at

    def data(self) -> None:
        """Note that an event with data was read from the last chunk."""
        if self.last_event is None:
            self.first_event = self.last_event = self.arrived
        if self.arrived - self.last_event > self.longest_gap:
            self.longest_gap = self.arrived - self.last_event
        self.last_event = self.arrived

    def text(self) -> None:
        """Set the time of the first piece of the answer's text."""
        self.first_text = self.arrived

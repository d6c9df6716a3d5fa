"""`Stream`: one answer as an iterator of events, with its request, result and statistics.

The generator in attempts.py does the work. Rules: the iterator stops only after `Completed`. After an error,
every further read raises the same error. Any thread may take the next event, but only one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import GeneratorType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .._lazy import lazy
from ..completion import Completion
from ..errors import AnswerError, StreamkitError, UsageError
from ..events import Event
from ..http.ratelimits import RateLimit
from ..text_stream import TextStream, read_twice
from ..wires import find_wire
from .attempts import read_attempts
from .run import Run
from .stats import Stats

T = TypeVar("T")

if TYPE_CHECKING:
    from ..pipeline.lane_loop import Deltas
    from ..pipeline.partial_json import PartialJSON
    from ..wires.prepare import PreparedRequest


class Stream:
    """One answer as it arrives: an iterator of events that ends after `Completed`, or raises.

    The request is sent when you ask for the first event. Any thread may ask for the next one, as web servers
    do; a thread that asks while another one waits gets a `UsageError`. The end of a `with` block, dropping
    the stream, `close()` and an exception all release the connection at once. `partial` keeps the answer so
    far. You can call `cancel()` from any thread.

    `Client.stream` makes one from a `Run`, which attempts.py describes.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events = read_attempts(run)
        # The deltas before the next one of the events: their generator, and what reads it. `chain` has no
        # `close`, so a loop that the caller leaves doesn't close the generator.
        self._deltas: Deltas | None = None
        self._reader: Iterator[Event] = iter(())

    # -- reading --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """Return an iterator of the events that nobody has read, cheaper than `next(stream)` for each."""
        events = _Events(self._read(), iter(self._end, None))
        events.close = self.close
        return events

    def _read(self) -> Iterator[Event]:
        while True:
            try:
                yield from self._reader
            except GeneratorExit:
                return
            except BaseException as exc:  # noqa: BLE001 - raised below
                failure = exc
                break
            event = next(self, None)
            if event is None:
                return
            yield event
        raise self._ended_by(failure)

    def __next__(self) -> Event:
        try:
            for event in self._reader:  # cheaper than next()
                return event
            for event_or_deltas in self._events:
                if not isinstance(event_or_deltas, GeneratorType):
                    return event_or_deltas
                self._deltas, self._reader = event_or_deltas, chain(event_or_deltas)
                return next(self)
        except BaseException as exc:  # noqa: BLE001 - raised below
            failure = exc
        else:
            self._end()
            raise StopIteration
        raise self._ended_by(failure)

    def _ended_by(self, failure: BaseException) -> BaseException:
        """Return what to raise: *failure* without the frames of the chain, or the error for a second reader.

        An exception that came from the deltas ends the attempt, as one of the chain has done.
        """
        if (twice := read_twice(failure, "stream")) is not None:
            return twice
        try:
            self._events.throw(failure)
        except StreamkitError as error:
            return error.with_traceback(None)
        except BaseException as exc:  # noqa: BLE001 - the caller raises it
            return exc
        return failure

    def _end(self) -> None:
        """Raise the error that ended the stream; do nothing after `Completed`."""
        run = self._run
        if run.completion is not None:
            return
        if run.failure is not None:
            raise run.failure.with_traceback(None)
        raise UsageError(
            "this stream was closed before its end; .partial has the answer so far", partial=self.partial
        )

    @property
    def text_stream(self) -> TextStream:
        """The text of the first choice, piece by piece. Its `close()` closes this stream."""
        return TextStream(self)

    def json_partial(self) -> Iterator[PartialJSON]:
        """Yield the answer's JSON so far, after every piece of its text; see `PartialJSON`.

        Raises `AnswerError` at the first character that can't be part of JSON, for a refusal, and if the JSON
        isn't whole at the end; `IncompleteResponseError` if the answer was truncated.
        """
        try:
            yield from _read_partials(self.text_stream, lambda: self.partial)
        except AnswerError as error:
            error.partial = error.partial or self.partial
            raise

    def elements(self, kind: type[T]) -> Iterator[T]:
        """Yield the entries of an answer that is a list, each as an object of *kind* as soon as it is whole.

        Ask for it with `response_format=list[kind]`, or for a class with a field of that type. Raises
        `AnswerError` for a refusal, for an entry that doesn't fit and for JSON that isn't whole at the end,
        and `IncompleteResponseError` if the answer was truncated; `.partial` has the answer so far.
        """
        try:
            yield from _read_elements(self.text_stream, kind, lambda: self.partial)
        except AnswerError as error:
            error.partial = error.partial or self.partial
            raise

    def aggregate(self, mode: Literal["final", "streaming"] = "final") -> Iterator[Event]:
        """Yield these events through `aggregate`: without deltas ("final"), or with them ("streaming")."""
        return iter(_aggregate(self, mode))

    def until_done(self) -> Stream:
        """Read to the end, and return this stream. Raises the same errors as iterating."""
        for _ in self:
            pass
        return self

    def result(self) -> Completion:
        """Read to the end, and return the whole answer. Raises the same errors as iterating."""
        self.until_done()
        assert self._run.completion is not None  # the iterator stops only after Completed
        return self._run.completion

    def show(self) -> Completion:
        """Read to the end in a live view, in a notebook or on a terminal, and return the whole answer.

        Raises the same errors as iterating; the part that arrived stays visible.
        """
        completion: Completion = _show(self)
        return completion

    def continue_from(self) -> Mapping[str, Any]:
        """Return the parameters that continue from the server's copy of this answer; {} if it has none."""
        if self._run.completion is None or self._run.request is None:
            return {}
        params = self._run.request.request.params
        return find_wire(self._run.wire).continue_from(params, self._run.completion)

    # -- leaving --------------------------------------------------------------------------

    def close(self) -> None:
        """Release the connection; the answer so far stays in `partial`. Further calls do no more.

        If another thread is reading, this cancels the stream instead.
        """
        if self._run.leaving == "abandoned":
            self._run.leaving = "closed"
        try:
            if self._deltas is not None:
                self._deltas.close()
            self._events.close()
        except ValueError:  # "generator already executing": in another thread, or under a signal handler
            self.cancel()

    def cancel(self) -> None:
        """Make the stream raise `StreamCancelledError`, at once if its thread is blocked in a read.

        You can call it from any thread and from a signal handler. The reading thread closes the connection.
        """
        self._run.watch.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._run.leaving = "interrupted"
        self.close()

    def add_fallbacks(self, streams: Iterable[Stream]) -> None:
        """Let *streams*, which weren't read yet, take over in order; see `Fallback`."""
        self._run.fallbacks += [stream._run for stream in streams]

    # -- asking ---------------------------------------------------------------------------

    @property
    def request(self) -> PreparedRequest | None:
        """The request: `.body` is the JSON sent, `.report` lists the parts dropped, repaired or doubtful."""
        return self._run.request

    @property
    def partial(self) -> Completion:
        """The answer so far, at any moment; the whole answer at the end."""
        return self._run.partial()

    @property
    def had_output(self) -> bool:
        """True after the first event with output: from then on, a stream isn't retried."""
        return self._run.output

    @property
    def stats(self) -> Stats:
        """Counts and times of the current attempt, or of the last one."""
        return self._run.stats

    @property
    def status(self) -> int | None:
        """The reply's HTTP status; None before the reply arrived, like `headers` and `request_id`."""
        return self._run.opened.status if self._run.opened else None

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The reply's headers, with names in lower case and cookies masked."""
        return self._run.opened.headers if self._run.opened else None

    @property
    def request_id(self) -> str | None:
        """The server's id for this request; quote it when you report a problem."""
        return self._run.opened.request_id if self._run.opened else None

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """The rate limits in the reply's headers, by kind ("requests", "tokens"); often empty."""
        return self._run.opened.rate_limits if self._run.opened else {}

    @property
    def _state(self) -> str:
        """The state in a word or three: `not sent yet`, `open`, `interrupted`, `failed: ...`."""
        run = self._run
        if run.completion is not None:
            return "completed"
        if run.failure is not None:
            return f"failed: {type(run.failure).__name__}"
        if run.leaving != "abandoned":
            return run.leaving
        if run.opened is not None:
            return "open"
        return "waiting for the server" if run.stats.attempts else "not sent yet"

    def __repr__(self) -> str:
        return f"<Stream {self._state}, {self._run.stats.events} events>"

    def _repr_markdown_(self) -> str:
        return str(_stream_markdown(self.partial, self._state, self._run.failure))

    def _repr_html_(self) -> str:
        """Return the answer so far for a notebook, as HTML that can't run code, and the stream's state."""
        return str(_stream_html(self.partial, self._state, self._run.failure))


class _Events(chain[Event]):
    """The iterator of one loop over a stream. Closing a generator that yields from it closes the stream."""

    __slots__ = ("close",)
    close: Callable[[], None]


# The facades of Stream.
_aggregate = lazy("pipeline.aggregate:aggregate")
_read_partials = lazy("typed.elements:read_partials")
_read_elements = lazy("typed.elements:read_elements")
_show = lazy("display:show")
_stream_html = lazy("display.render:stream_html")
_stream_markdown = lazy("display.render:stream_markdown")

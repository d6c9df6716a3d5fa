"""Test programs that use streamkit: build answers by hand, and send them through a fake transport.

    client = Client("generic", base_url="http://fake/v1", transport=FakeTransport(chat_stream("Hel", "lo")))

Everything here returns the bytes that a server would send. So a test runs all of streamkit, and gets the
real types.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from attrs import evolve, field, frozen

from ._checks import BODY, FLAG, FUNCTION, HEADERS, INDEX, NUMBER, SIZE, TEXT, Kind, check, got, optional
from ._fields import of
from .completion import Usage
from .errors import APIError, StreamkitError, UsageError
from .http.messages import Reply
from .json_text import encode, loads
from .recordings.batches.desk import BatchDesk, Ends
from .recordings.catalog import document_of
from .recordings.faults import corrupt_at, cut_at, drop_range, split_every, stall_at
from .recordings.format import Recording, event_block, load_recording
from .recordings.playback import ReplayTransport, Speed, replay, speed_factor
from .wires import find_wire
from .wires.batch import OVER
from .wires.chat.sample import sample as chat_sample
from .wires.responses.sample import sample as responses_sample
from .wires.wire import SamplePart

if TYPE_CHECKING:
    from .http.clocks import Watch
    from .http.messages import Call

__all__ = [
    "FakeBatches",
    "FakeClock",
    "FakeReply",
    "FakeTransport",
    "Recording",
    "ReplayTransport",
    "chat_stream",
    "chunkings",
    "corrupt_at",
    "cut_at",
    "drop_range",
    "load_recording",
    "refusal",
    "replay",
    "responses_stream",
    "split_every",
    "sse",
    "stall_at",
    "stream_of",
]

Part: TypeAlias = SamplePart
PlainAnswer: TypeAlias = "bytes | Iterable[bytes] | Recording | FakeReply | StreamkitError"
Answer: TypeAlias = "PlainAnswer | Callable[[Call], PlainAnswer]"


# -- bodies -------------------------------------------------------------------------------


def sse(*payloads: Any) -> bytes:
    """Return an event stream with one block for each payload: strings ("[DONE]") unchanged, all else as JSON.

    A payload with a `type`, as in the Responses API, gets its `event:` line.
    """
    try:
        return b"".join(map(event_block, payloads))
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"payloads: expected strings and values that JSON can express: {exc}") from exc


def stream_of(
    wire: str,
    *parts: SamplePart,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "fake-id",  # noqa: A002 - the name in the APIs
) -> bytes:
    """Return the body of a stream of the API called *wire*, for the parts of its answer.

    A string is a delta of the text; `Reasoning` and `FunctionCall` are items. *finish_reason* is a value of
    the API; without it the answer ends properly. Raises `UsageError` for an unknown wire or part.
    """
    _check_sample(finish_reason=finish_reason, usage=usage, model=model, id=id)
    payloads = find_wire(wire).sample(parts, finish_reason=finish_reason, usage=usage, model=model, id=id)
    return sse(*payloads)


def chat_stream(
    *parts: SamplePart,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "chatcmpl-fake",  # noqa: A002 - the name in the API
    done: bool = True,
) -> bytes:
    """Return the body of a Chat Completions stream; see `stream_of`. `done=False` leaves `[DONE]` out."""
    _check_sample(finish_reason=finish_reason, usage=usage, model=model, id=id)
    check("done", done, FLAG)
    payloads = chat_sample(parts, finish_reason=finish_reason, usage=usage, model=model, id=id)
    return sse(*payloads if done else payloads[:-1])


def responses_stream(
    *parts: SamplePart,
    status: str = "completed",
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "resp_fake",  # noqa: A002 - the name in the API
) -> bytes:
    """Return the body of a Responses stream; see `stream_of`.

    *status* is that of the terminal event: "completed", or "incomplete" (for `max_output_tokens`).
    """
    _check_sample(status=status, usage=usage, model=model, id=id)
    return sse(*responses_sample(parts, finish_reason=status, usage=usage, model=model, id=id))


def _check_sample(**arguments: Any) -> None:
    for name, value in arguments.items():
        check(name, value, _USAGE if name == "usage" else TEXT)


_USAGE = optional(Kind("a Usage", lambda value: isinstance(value, Usage), "pass Usage(input_tokens=)"))

# -- replies ------------------------------------------------------------------------------


def refusal(status: int, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Recording:
    """Return an error reply with *body* as JSON; None stands for an error object that names the status."""
    check("status", status, INDEX)
    check("headers", headers, HEADERS)
    if body is None:
        body = {"error": {"message": f"refused with status {status}", "type": "fake_error", "code": None}}
    try:
        data = encode(body)
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"body: expected a value that JSON can express, got {got(body)}") from exc
    return Recording.of(data, status=status, headers={"content-type": "application/json", **(headers or {})})


@frozen
class FakeReply:
    """A reply whose body is read while the test runs: pass it to `FakeTransport`.

    The stream pulls *chunks* one at a time; the time to produce a chunk counts against its timeouts. A chunk
    that is an exception is raised in its place. Pass a generator to run code between two chunks, for example
    `clock.sleep(30)`; it can answer one call.
    """

    chunks: Iterable[bytes | BaseException] = field(validator=of("an iterable of bytes", Iterable))
    status: int = field(default=200, validator=of("a whole number", int))
    headers: Mapping[str, str] = field(
        factory=lambda: {"content-type": "text/event-stream"}, validator=of("a mapping", Mapping)
    )


_counting = threading.Lock()  # threads may share a transport; it pickles


class FakeTransport:
    """Give the answers to calls, for `Client(transport=...)`: in order, then the last one repeatedly.

    An answer is the body's bytes, a list of chunks, or a `Recording` (from `refusal`, or a damaged one). It
    may also be a `FakeReply`, an error, which is raised instead of a reply, or a function that takes the
    `Call` and returns one of these. `calls` contains the calls so far, `bodies` their decoded JSON.
    """

    def __init__(self, *answers: Answer, speed: Speed = 0) -> None:
        if not answers:
            raise UsageError("answers: expected at least one answer, got none")
        speed_factor(speed)
        self._answers = [_as_answer(answer) for answer in answers]
        self._speed = speed
        self._closed: set[int] = set()
        self.calls: list[Call] = []

    @property
    def bodies(self) -> list[Any]:
        """The decoded JSON of each call."""
        return [loads(call.body) for call in self.calls]

    def open(self, call: Call, watch: Watch) -> Reply:
        """Return or raise the next answer."""
        watch.check_cancelled()
        with _counting:
            number = len(self.calls)
            self.calls.append(call)
        answer = self._answers[min(number, len(self._answers) - 1)]
        if not isinstance(answer, Recording | FakeReply | StreamkitError):
            answer = _as_reply(_read(watch, partial(answer, call)))
        if isinstance(answer, StreamkitError):
            raise answer
        if isinstance(answer, FakeReply):
            reply = Reply(answer.status, answer.headers, _play(answer.chunks, watch), lambda: None)
        else:
            reply = ReplayTransport(answer, speed=self._speed).open(call, watch)
        return evolve(reply, close=partial(self._closed.add, number))

    @property
    def closed(self) -> int:
        """The number of replies that the client closed."""
        return len(self._closed)


_Reply: TypeAlias = "Recording | FakeReply | StreamkitError"


def _as_answer(answer: Answer) -> _Reply | Callable[[Call], PlainAnswer]:
    return answer if callable(answer) else _as_reply(answer)


def _as_reply(answer: PlainAnswer) -> _Reply:
    if isinstance(answer, Recording | FakeReply | StreamkitError):
        return answer
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        raise UsageError(f"answers: expected bytes, a list of chunks or a Recording, got {got(answer)}")
    chunks = answer if isinstance(answer, bytes) else tuple(answer)
    wrong = [] if isinstance(chunks, bytes) else [each for each in chunks if not isinstance(each, bytes)]
    if wrong:
        raise UsageError(f"answers: expected chunks of bytes, got {got(wrong[0])}")
    return Recording.of(chunks)


def _play(chunks: Iterable[bytes | BaseException], watch: Watch) -> Iterator[bytes]:
    source = iter(chunks)
    while (chunk := _read(watch, partial(next, source, None))) is not None:
        if isinstance(chunk, BaseException):
            raise chunk
        yield chunk


def _read(watch: Watch, work: Callable[[], Any]) -> Any:
    """Return the result of *work*, which takes the place of a read from a socket under *watch*."""
    read = _Read(watch, work)
    try:
        watch.recv_into(read)
    except TimeoutError:
        raise watch.error() from None
    except ConnectionAbortedError:
        watch.check_cancelled()
        raise
    return read.result


class _Read:
    """The socket that a watch sees: one read, which takes the time that *work* takes."""

    def __init__(self, watch: Watch, work: Callable[[], Any]) -> None:
        self._now = watch.now
        self._work = work
        self._patience: float | None = None
        self.result: Any = None

    def settimeout(self, seconds: float | None) -> None:
        self._patience = seconds

    def recv_into(self) -> int:
        began = self._now()
        self.result = self._work()
        if self._patience is not None and self._now() - began > self._patience:
            raise TimeoutError
        return len(self.result) if isinstance(self.result, bytes) else 0


# -- batches ------------------------------------------------------------------------------


class FakeBatches:
    """A provider with batches, for `FakeTransport(FakeBatches())`, on every API that has them, and Mistral's.

    *answer* takes the last text of a row's prompt and returns the answer's text, or an `APIError` for a row
    that the provider refuses; by default the answer is "echo: " and the prompt. A batch is over after a few
    looks at it, and *ends* as completed, failed (not on Anthropic's API), expired or cancelled. In one that
    expires or is cancelled, the first *done* rows have answers.

    `calls` lists the requests so far, `asked` the prompts of the rows of all batches: a prompt that is in it
    twice was sent, and would be billed, twice.
    """

    def __init__(
        self,
        answer: Callable[[str], str | APIError] = "echo: {}".format,
        *,
        ends: Ends = "completed",
        done: int = 0,
    ) -> None:
        check("answer", answer, FUNCTION)
        check("ends", ends, _ENDS)
        check("done", done, INDEX)
        self._reply = answer
        self.desk = BatchDesk(self._answer, ends=ends, done=done)
        self.calls: list[str] = []

    @property
    def ends(self) -> Ends:
        """The state in which the batches end that aren't over yet; you can set it."""
        return self.desk.ends

    @ends.setter
    def ends(self, ends: Ends) -> None:
        check("ends", ends, _ENDS)
        self.desk.ends = ends

    @property
    def asked(self) -> list[str]:
        """The prompts of the rows of all batches, in the order in which they came."""
        return [_last_text(row.body) for kept in self.desk.batches.values() for row in kept.rows]

    def __call__(self, call: Call) -> FakeReply:
        """Answer a request, as `FakeTransport` asks for it."""
        path = urlsplit(call.url).path
        self.calls.append(f"{call.method} {path}")
        reply = self.desk.handle(call.method, path, urlencode(call.query), call.headers, call.body)
        if reply is None:
            raise UsageError(f"FakeBatches: expected a request about batches or files, got {self.calls[-1]}")
        return FakeReply([reply.content], reply.status, {"content-type": reply.kind})

    def _answer(self, wire: str, model: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        text = self._reply(_last_text(body))
        if isinstance(text, APIError):
            error = {"message": text.message, "type": text.type, "code": text.code}
            return text.status or 400, {"error": error}
        usage = Usage(input_tokens=10, output_tokens=5)
        return 200, document_of(Recording.of(stream_of(wire, text, usage=usage, model=model)), wire)


_ENDS = Kind(
    "completed, failed, expired or cancelled",
    lambda value: isinstance(value, str) and value in OVER,
    "pass one of them",
)


_PROMPTS = ("messages", "contents", "input", "content", "parts", "text")  # fields of bodies, and in them


def _last_text(value: Any) -> str:
    """Return the last text in a prompt of any API."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((text for name in _PROMPTS if (text := _last_text(value.get(name)))), "")
    inner = reversed(value) if isinstance(value, list) else ()
    return next((text for each in inner if (text := _last_text(each))), "")


# -- a clock ------------------------------------------------------------------------------


class FakeClock:
    """A clock that moves only when a test moves it, or when something sleeps on it. It never waits.

    Pass `now` instead of `time.monotonic`, and `sleep` instead of `time.sleep`:
    `replay(path, speed=1, now=clock.now, sleep=clock.sleep)`. `naps` lists the seconds of each sleep.
    """

    def __init__(self, start: float = 0.0) -> None:
        check("start", start, NUMBER)
        self._now = start
        self.naps: list[float] = []

    def now(self) -> float:
        """Return the time of this clock in seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock as a sleep of *seconds* would, and note it in `naps`."""
        self.advance(seconds)
        self.naps.append(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Raises `UsageError` for negative *seconds*: it is monotonic."""
        check("seconds", seconds, NUMBER)
        if not seconds >= 0:
            raise UsageError(f"seconds: expected 0 or more, got {seconds!r}; this clock is monotonic")
        self._now += seconds


# -- chunkings ----------------------------------------------------------------------------


class Chunking(tuple[bytes, ...]):
    """Chunks with a name for the way they were cut: `pytest.mark.parametrize(..., ids=str)`."""

    how: str

    def __new__(cls, chunks: Iterable[bytes], how: str) -> Chunking:
        self = super().__new__(cls, chunks)
        self.how = how
        return self

    def __str__(self) -> str:
        return self.how


def chunkings(body: bytes, *, cuts: int = 50) -> list[Chunking]:
    """Return *body* as a network may deliver it: whole, bytewise, in pieces, in two, with empty chunks.

    There are at most *cuts* divisions in two, at equal distances; a short body is divided at every byte.
    """
    check("body", body, BODY)
    check("cuts", cuts, SIZE)
    size = len(body)
    ways = [Chunking([body], "whole"), Chunking([b"", body, b""], "empty chunks around")]
    for piece in (1, 2, 3, 7, 64, 1024):
        if piece < size:
            chunks = [body[at : at + piece] for at in range(0, size, piece)]
            ways.append(Chunking(chunks, "bytewise" if piece == 1 else f"every {piece} bytes"))
    step = max(1, -(-(size - 1) // cuts))
    ways += [Chunking([body[:at], body[at:]], f"cut at {at}") for at in range(1, size, step)]
    return ways

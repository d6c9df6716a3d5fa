"""Test programs that use streamkit: build answers by hand, and send them through a fake transport.

    client = Client("generic", base_url="http://fake/v1", transport=FakeTransport(chat_stream("Hel", "lo")))

Everything here returns the bytes that a server would send. So a test runs all of streamkit, and gets the
real types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import StreamkitError, UsageError
from .json_text import encode, encode_compact, loads
from .recordings.faults import corrupt_at, cut_at, drop_range, split_every, stall_at
from .recordings.format import Recording, load_recording
from .recordings.playback import ReplayTransport, Speed, replay
from .wires import find_wire
from .wires.chat.sample import sample as chat_sample
from .wires.responses.sample import sample as responses_sample

if TYPE_CHECKING:
    from .completion import Usage
    from .http.clocks import Watch
    from .http.messages import Call, Reply
    from .wires.wire import SamplePart

__all__ = [
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

Answer: TypeAlias = "bytes | Iterable[bytes] | Recording | StreamkitError"


# -- bodies -------------------------------------------------------------------------------


def sse(*payloads: Any) -> bytes:
    """Return an event stream with one block for each payload: strings ("[DONE]") unchanged, all else as JSON.

    A payload with a `type`, as in the Responses API, gets its `event:` line.
    """
    return b"".join(map(_block, payloads))


def _block(payload: Any) -> bytes:
    if isinstance(payload, str):
        return b"".join(b"data: %b\n" % line for line in payload.encode().split(b"\n")) + b"\n"
    kind = payload.get("type") if isinstance(payload, Mapping) else None
    event = f"event: {kind}\n" if isinstance(kind, str) else ""
    return b"%bdata: %b\n\n" % (event.encode(), encode_compact(payload))


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
    return sse(*responses_sample(parts, finish_reason=status, usage=usage, model=model, id=id))


# -- replies ------------------------------------------------------------------------------


def refusal(status: int, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Recording:
    """Return an error reply with *body* as JSON; None stands for an error object that names the status."""
    if body is None:
        body = {"error": {"message": f"refused with status {status}", "type": "fake_error", "code": None}}
    data = encode(body)
    return Recording.of(data, status=status, headers={"content-type": "application/json", **(headers or {})})


class FakeTransport:
    """Give the answers to calls, for `Client(transport=...)`: in order, then the last one repeatedly.

    An answer is the body's bytes, a list of chunks, or a `Recording` (from `refusal`, or a damaged one).
    It may also be an error, which is raised instead of a reply. `calls` contains the calls so far, `bodies`
    their decoded JSON.
    """

    def __init__(self, *answers: Answer, speed: Speed = 0) -> None:
        if not answers:
            raise UsageError("answers: expected at least one answer, got none")
        self._answers = [_as_answer(answer) for answer in answers]
        self._speed = speed
        self.calls: list[Call] = []

    @property
    def bodies(self) -> list[Any]:
        """The decoded JSON of each call."""
        return [loads(call.body) for call in self.calls]

    def open(self, call: Call, watch: Watch) -> Reply:
        """Return or raise the next answer."""
        answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
        self.calls.append(call)
        if isinstance(answer, StreamkitError):
            raise answer
        return ReplayTransport(answer, speed=self._speed).open(call, watch)


def _as_answer(answer: Answer) -> Recording | StreamkitError:
    if isinstance(answer, Recording | StreamkitError):
        return answer
    return Recording.of(answer)


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
    size = len(body)
    ways = [Chunking([body], "whole"), Chunking([b"", body, b""], "empty chunks around")]
    for piece in (1, 2, 3, 7, 64, 1024):
        if piece < size:
            chunks = [body[at : at + piece] for at in range(0, size, piece)]
            ways.append(Chunking(chunks, "bytewise" if piece == 1 else f"every {piece} bytes"))
    step = max(1, -(-(size - 1) // cuts))
    ways += [Chunking([body[:at], body[at:]], f"cut at {at}") for at in range(1, size, step)]
    return ways

"""For the tests of programs that use streamkit: answers made by hand, and a transport that gives them.

    client = Client("generic", base_url="http://fake/v1", transport=FakeTransport(chat_stream("Hel", "lo")))

Everything here yields the bytes that a server would send, so that what runs under test is the whole of
streamkit, and the types it yields are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import StreamkitError, UsageError
from .items import CustomToolCall, FunctionCall, Reasoning
from .net.mutate import corrupt_at, cut_at, drop_range, split_every, stall_at
from .net.recording import Recording, load_recording
from .playback import ReplayTransport, Speed, replay

if TYPE_CHECKING:
    from .completion import Usage
    from .net.transport import Call, Reply
    from .net.watch import Watch

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
]

Part: TypeAlias = "str | Reasoning | FunctionCall"
Answer: TypeAlias = "bytes | Iterable[bytes] | Recording | StreamkitError"


# -- what a server sends ------------------------------------------------------------------


def sse(*payloads: Any) -> bytes:
    """An event stream: one block for each payload, strings ("[DONE]") as they are, all else as JSON.

    A payload of the Responses API gets its `event:` line, as that API sends it.
    """
    return b"".join(map(_block, payloads))


def _block(payload: Any) -> bytes:
    if isinstance(payload, str):
        return b"".join(b"data: %b\n" % line for line in payload.encode().split(b"\n")) + b"\n"
    kind = payload.get("type") if isinstance(payload, Mapping) else None
    event = f"event: {kind}\n" if isinstance(kind, str) else ""
    data = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return f"{event}data: {data}\n\n".encode(errors="backslashreplace")  # half a surrogate pair: as \ud83d


def chat_stream(
    *parts: Part,
    finish_reason: str | None = None,
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "chatcmpl-fake",  # noqa: A002 - the API's own word
    done: bool = True,
) -> bytes:
    """An answer of the Chat Completions API: each string is a delta of the text.

    Reasoning comes as `reasoning_content`, a call in two pieces, name first. The finish reason is
    `tool_calls` where there are calls, else `stop`, unless it is given; `done=False` leaves `[DONE]` out.
    """
    calls = 0
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for part in parts:
        match part:
            case str():
                deltas.append({"content": part})
            case Reasoning():
                deltas.append({"reasoning_content": part.text})
            case FunctionCall():
                function = {"name": part.name, "arguments": ""}
                call = {"index": calls, "id": part.call_id, "type": "function", "function": function}
                rest = {"index": calls, "function": {"arguments": part.arguments}}
                deltas += [{"tool_calls": [call]}, {"tool_calls": [rest]}]
                calls += 1
            case _:
                raise _no_part(part)
    reason = finish_reason or ("tool_calls" if calls else "stop")
    choices: list[dict[str, Any]]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    about = {"id": id, "object": "chat.completion.chunk", "created": 0, "model": model}
    payloads: list[Any] = [{**about, "choices": [choice]} for choice in choices]
    if usage is not None:
        payloads.append(
            {**about, "choices": [], "usage": _usage(usage, "prompt_tokens", "completion_tokens")}
        )
    return sse(*payloads, *(["[DONE]"] if done else []))


def responses_stream(
    *parts: Part,
    status: str = "completed",
    usage: Usage | None = None,
    model: str = "fake-model",
    id: str = "resp_fake",  # noqa: A002 - the API's own word
) -> bytes:
    """An answer of the Responses API; strings side by side are deltas of one message.

    *status* is that of the terminal event: "completed", or "incomplete" (which says `max_output_tokens`).
    """
    events: list[dict[str, Any]] = []
    output: list[dict[str, Any]] = []
    for index, (item, deltas) in enumerate(_output_items(parts)):
        item = {"id": f"item_{index}", **item}
        events += _item_events(index, item, deltas)
        output.append(item)
    response: dict[str, Any] = {"id": id, "object": "response", "created_at": 0, "model": model}
    created = {**response, "status": "in_progress", "output": []}
    ended = {**response, "status": status, "output": output}
    if status == "incomplete":
        ended["incomplete_details"] = {"reason": "max_output_tokens"}
    if usage is not None:
        ended["usage"] = _usage(usage, "input_tokens", "output_tokens")
    events = [
        {"type": "response.created", "response": created},
        *events,
        {"type": f"response.{status}", "response": ended},
    ]
    return sse(*({**event, "sequence_number": number} for number, event in enumerate(events)))


def _output_items(parts: Iterable[Part]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Each output item as it is at its end, and the deltas that it came in."""
    texts: list[str] = []

    def message() -> tuple[dict[str, Any], list[str]]:
        content = [{"type": "output_text", "text": "".join(texts), "annotations": []}]
        return {"type": "message", "role": "assistant", "status": "completed", "content": content}, texts

    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield message()
            texts = []
        match part:
            case Reasoning():
                summary = [{"type": "summary_text", "text": part.text}]
                yield {"type": "reasoning", "summary": summary}, [part.text]
            case FunctionCall():
                call = {"type": "function_call", "status": "completed"}
                facts = {"call_id": part.call_id, "name": part.name, "arguments": part.arguments}
                yield {**call, **facts}, [part.arguments]
            case _:
                raise _no_part(part)
    if texts:
        yield message()


# By item: the events of a delta and of its end, the field with the whole text, what is empty at first.
_ITEM_EVENTS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "message": ("response.output_text", "text", {"content": []}),
    "reasoning": ("response.reasoning_summary_text", "text", {"summary": []}),
    "function_call": ("response.function_call_arguments", "arguments", {"arguments": ""}),
}


def _item_events(index: int, item: dict[str, Any], deltas: list[str]) -> Iterator[dict[str, Any]]:
    name, whole, empty = _ITEM_EVENTS[item["type"]]
    where: dict[str, Any] = {"item_id": item["id"], "output_index": index}
    if item["type"] != "function_call":
        where["content_index" if item["type"] == "message" else "summary_index"] = 0
    unfinished = {"status": "in_progress"} if "status" in item else {}
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": {**item, **empty, **unfinished},
    }
    for delta in deltas:
        yield {"type": f"{name}.delta", **where, "delta": delta}
    yield {"type": f"{name}.done", **where, whole: "".join(deltas)}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _usage(usage: Usage, tokens_in: str, tokens_out: str) -> dict[str, Any]:
    counts = {
        tokens_in: usage.input_tokens,
        tokens_out: usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _no_part(part: Any) -> UsageError:
    hint = (
        " (a custom call has no builder: write its payloads and use sse)"
        if isinstance(part, CustomToolCall)
        else ""
    )
    return UsageError(f"an answer is made of strings, Reasoning and FunctionCall, got {part!r}{hint}")


# -- a server that sends it ---------------------------------------------------------------


def refusal(status: int, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Recording:
    """A reply that says no: *body* as JSON; None stands for an error object with the status in it."""
    if body is None:
        body = {"error": {"message": f"refused with status {status}", "type": "fake_error", "code": None}}
    data = json.dumps(body).encode()
    return Recording.of(data, status=status, headers={"content-type": "application/json", **(headers or {})})


class FakeTransport:
    """Answers calls with what it is given, in order, the last one ever after: `Client(transport=...)`.

    An answer is the body's bytes, a list of chunks, a `Recording` (of `refusal`, or mutated), or an error to
    raise in place of a reply. `calls` is what was asked, `bodies` the same as decoded JSON.
    """

    def __init__(self, *answers: Answer, speed: Speed = 0) -> None:
        if not answers:
            raise UsageError("FakeTransport takes at least one answer")
        self._answers = [_as_answer(answer) for answer in answers]
        self._speed = speed
        self.calls: list[Call] = []

    @property
    def bodies(self) -> list[Any]:
        """The JSON that was sent, call by call."""
        return [json.loads(call.body) for call in self.calls]

    def open(self, call: Call, watch: Watch) -> Reply:
        """The next answer."""
        answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
        self.calls.append(call)
        if isinstance(answer, StreamkitError):
            raise answer
        return ReplayTransport(answer, speed=self._speed).open(call, watch)


def _as_answer(answer: Answer) -> Recording | StreamkitError:
    if isinstance(answer, Recording | StreamkitError):
        return answer
    return Recording.of(answer)


# -- every way to cut ---------------------------------------------------------------------


class Chunking(tuple[bytes, ...]):
    """Chunks, and in `str()` how they were cut: `pytest.mark.parametrize(..., ids=str)`."""

    how: str

    def __new__(cls, chunks: Iterable[bytes], how: str) -> Chunking:
        self = super().__new__(cls, chunks)
        self.how = how
        return self

    def __str__(self) -> str:
        return self.how


def chunkings(body: bytes, *, cuts: int = 50) -> list[Chunking]:
    """*body* in ways that a network may deliver it: whole, bytewise, in pieces, in two, among empty chunks.

    At most *cuts* two-way cuts, spread evenly: all of them where the body is that short.
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

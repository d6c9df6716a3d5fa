"""The chain on one screen: bytes of a response body -> events. Pure; no network.

    chunks -> read_lines -> read_frames -> read_payloads -> wire.read -> accumulate -> events

Each arrow is a generator that reads only as much as the next one asks for. Only `wire.read` differs between
APIs. Next to the chain there is a shorter way for events that repeat, see lane.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping
from types import GeneratorType
from typing import Any

from .._checks import FLAG, OBJECT, SIZE, Kind, check, optional
from .._interrupts import is_interrupt
from .._lazy import lazy
from ..errors import (
    APIConnectionError,
    StreamkitError,
    TruncatedStreamError,
    UsageError,
)
from ..events import Event, KeepAlive
from ..items import Origin
from ..profiles import find_profile
from ..profiles.known import GENERIC
from ..profiles.profile import Profile
from ..state.answer import AnswerState
from ..state.deltas import END, Delta, Payload, PayloadOrNote
from ..wires import WIRES, detect_wire, find_wire
from ..wires.wire import Wire
from . import frames as sse
from .accumulate import accumulate
from .body import Body
from .frames import LONG, BareFrame, ErrorFrame, Frame, LongFrame, TornFrame
from .lane import Lane, Tally, new_lane
from .lane_loop import Deltas
from .lines import DEFAULT_MAX_LINE, read_lines
from .objects import Found, Torn, read_objects, unwrapped
from .payloads import bad_frame, read_payloads

DEFAULT_MAX_EVENT = sse.DEFAULT_MAX_EVENT

# Few bodies need these two.
read_array = lazy("pipeline.arrays:read_array")
split_thinking = lazy("pipeline.think_tags:split_thinking")


_WIRE = Kind("the name of an API", lambda value: isinstance(value, str), "pass wire='auto'")
_STATE = optional(
    Kind("an AnswerState", lambda value: isinstance(value, AnswerState), "leave it out to read one answer")
)


def read_events(
    chunks: Iterable[bytes],
    *,
    wire: str = "chat",
    profile: str | Profile | None = None,
    strict: bool = False,
    max_line: int = DEFAULT_MAX_LINE,
    max_event: int = DEFAULT_MAX_EVENT,
    state: AnswerState | None = None,
) -> Iterator[Event]:
    """Yield the events of a response body; `Completed` is last.

    *chunks* is an iterable of bytes, or all of the body as one bytes object: an event stream or a plain JSON
    answer. *wire* is the API's name, or "auto" to detect it from the first payload. *max_line* and
    *max_event* are limits in bytes. Pass a *state* to read the answer so far at any moment.

    Raises a `StreamkitError` with `.partial` if the body doesn't end properly: the server's own error as
    `APIError`, else a `StreamError`. An exception of *chunks* becomes `APIConnectionError`, unless it is a
    `StreamkitError`. With *strict*, bad frames and truncated answers raise too.
    """
    check("max_line", max_line, SIZE)
    check("max_event", max_event, SIZE)
    check("state", state, _STATE)
    check("strict", strict, FLAG)
    check("wire", wire, _WIRE)
    named = None if profile is None else find_profile(profile)
    state = AnswerState() if state is None else state
    events = read_answer(
        _translated(chunks), wire, named, state, strict=strict, max_line=max_line, max_event=max_event
    )
    return each_event(events)


def read_answer(
    chunks: Iterator[bytes],
    wire: str,
    profile: Profile | None,
    state: AnswerState,
    *,
    strict: bool,
    max_line: int = DEFAULT_MAX_LINE,
    max_event: int = DEFAULT_MAX_EVENT,
    tally: Tally | None = None,
) -> Iterator[Event | Deltas]:
    """Yield what `read_events` yields, for *chunks* that are bytes and raise `StreamkitError` only.

    Deltas that the lane makes come as their generator, which the caller reads to its end; they are counted
    in *tally*.
    """
    lane = new_lane(state, min(max_line, max_event), tally)
    payloads = _read_body(chunks, wire, state, lane, strict=strict, max_line=max_line, max_event=max_event)
    deltas = _read_wire(payloads, wire, profile, state)
    events = accumulate(deltas, state, strict=strict, eof=(profile or GENERIC).eof)
    return events if lane is None else lane.run(events)


def each_event(events: Iterator[Event | Deltas]) -> Generator[Event, None, None]:
    """Yield *events*, and the deltas of each generator in their place."""
    for event in events:
        if isinstance(event, GeneratorType):
            yield from event
        else:
            yield event


def events_from_completion(
    body: Mapping[str, Any], *, wire: str = "chat", profile: str | Profile | None = None
) -> Iterator[Event]:
    """Yield the events that the stream of a plain JSON answer would have yielded.

    Raises `APIError` for an error body, and `NotAnEventStreamError` for any other object.
    """

    check("body", body, OBJECT)
    check("wire", wire, _WIRE)

    def payloads() -> Iterator[PayloadOrNote]:
        yield from _read_document([unwrapped(dict(body))], wire, strict=False)

    named = None if profile is None else find_profile(profile)
    state = AnswerState()
    return accumulate(_read_wire(payloads(), wire, named, state), state)


def _read_body(
    chunks: Iterator[bytes],
    wire: str,
    state: AnswerState,
    lane: Lane | None,
    *,
    strict: bool,
    max_line: int,
    max_event: int,
) -> Iterator[PayloadOrNote]:
    """Yield the payloads of an event stream, or of a JSON document in its place."""
    body = Body(chunks)
    if body.is_list:
        yield from _read_list(read_array(body.chunks, max_event), body, wire, strict=strict)
        return
    if body.is_document:
        yield from _read_document(body.read_objects(max_event), wire, strict=strict)
        return
    framing = sse.FrameState()
    source = body.chunks if lane is None else lane.feed(body.chunks)
    lines = read_lines(source, rest=framing.rest, max_line=max_line)
    frames = sse.read_frames(lines, framing, max_event=max_event, long=LONG)
    is_empty = True
    for payload in read_payloads(frames, strict=strict, state=state):
        is_empty = False
        yield payload
    if is_empty:
        if body.is_like_stream:
            raise TruncatedStreamError("the stream ended before its first event")
        raise body.refusal("text that isn't an event stream" if body.head else "an empty body")


def _read_document(found: list[Found], wire: str, *, strict: bool) -> Iterator[PayloadOrNote]:
    """Yield the payloads of a JSON answer; several objects are a stream without its frames."""
    payloads = [each for each in found if isinstance(each, dict)]
    if len(payloads) == 1:
        known = _wire_of(payloads[0], wire)
        _check_wire(payloads[0], known)
        yield from known.read_document(payloads[0])
    else:
        yield from payloads
    for each in found:
        if isinstance(each, Torn):
            yield bad_frame(each, strict=strict)
    if len(payloads) == 1 or END in found:
        yield END


def _read_list(texts: Iterator[str], body: Body, wire: str, *, strict: bool) -> Iterator[PayloadOrNote]:
    """Yield the payloads of a JSON list, each as it arrives. A list of one is a plain JSON answer.

    The first object waits for the second one, unless its API has the same form for both.
    """
    first: Payload | None = None
    count = 0
    for text in texts:
        for each in read_objects(text):
            if isinstance(each, Torn):
                yield bad_frame(each, strict=strict)
            elif isinstance(each, dict):
                count += 1
                if count == 1 and not _is_chunk(each, wire):
                    first = each
                    continue
                if first is not None:
                    yield first
                    first = None
                yield each
    if first is not None:
        yield from _read_document([first], wire, strict=strict)
    elif not count:
        raise body.refusal("a JSON list")


def _is_chunk(payload: Payload, wire: str) -> bool:
    known = _wire_of(payload, wire)
    return known.detect(payload) and known.read_document(payload) == [payload]


def _checked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks*; a whole body is one chunk. Raises `UsageError` for text."""
    for chunk in _several(chunks):
        yield chunk if type(chunk) is bytes else as_bytes(chunk)


def _translated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks*, checked; an exception of their source becomes a `StreamkitError`."""
    try:
        for chunk in _several(chunks):
            yield chunk if type(chunk) is bytes else as_bytes(chunk)
    except StreamkitError:
        raise
    except Exception as exc:
        if is_interrupt(exc):
            raise
        raise broken_source(exc) from exc


def broken_source(exc: Exception) -> APIConnectionError:
    """Return the error for an exception that the source of a body raised."""
    return APIConnectionError(f"reading the body failed: {type(exc).__name__}: {exc}")


def _several(chunks: Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(chunks, bytes | bytearray):
        return [bytes(chunks)]
    if isinstance(chunks, str) or not isinstance(chunks, Iterable):
        raise UsageError(f"chunks: expected an iterable of bytes, got {type(chunks).__name__}")
    return chunks


def as_bytes(chunk: Any) -> bytes:
    """Return a *chunk* that isn't `bytes` as bytes. Raises `UsageError` for text."""
    if not isinstance(chunk, (bytes, bytearray)):
        raise UsageError(f"chunks: expected bytes, got {type(chunk).__name__}; open files in binary mode")
    return bytes(chunk)


def _read_wire(
    payloads: Iterator[PayloadOrNote], wire: str, profile: Profile | None, state: AnswerState
) -> Iterator[Delta]:
    """Pass the payloads to their wire, then split tagged reasoning off if the profile asks for it."""
    if wire == "auto":
        deltas = _read_detected(payloads, profile, state)
    else:
        deltas = _read_with(find_wire(wire), payloads, profile, state)
    tags = (profile or GENERIC).thought_tags
    return deltas if tags.mode == "off" else split_thinking(deltas, tags, state)


def _read_detected(
    payloads: Iterator[PayloadOrNote], profile: Profile | None, state: AnswerState
) -> Iterator[Delta]:
    """Detect the wire from the first payload, and read all payloads with it."""
    for payload in payloads:
        if isinstance(payload, dict) or payload is END:
            wire = detect_wire(payload if isinstance(payload, dict) else {})
            yield from _read_with(wire, itertools.chain([payload], payloads), profile, state)
            return
        yield payload


def _read_with(
    wire: Wire, payloads: Iterator[PayloadOrNote], profile: Profile | None, state: AnswerState
) -> Iterator[Delta]:
    """Pass the payloads to *wire*; opaque state in the answer has this wire and profile as its origin.

    Without a profile, the bytes can be from any provider. The generic profile is a provider of its own.
    """
    state.origin = Origin(wire.name, None if profile is None else profile.name)
    checked = itertools.chain(_first_of(payloads, wire), payloads)
    return wire.read(checked, (profile or GENERIC).on(wire.name), state)


def _first_of(payloads: Iterator[PayloadOrNote], wire: Wire) -> Iterator[PayloadOrNote]:
    """Yield *payloads* up to the first object. Raises `UsageError` if that object is of another API."""
    for payload in payloads:
        if isinstance(payload, dict):
            _check_wire(payload, wire)
            yield payload
            return
        yield payload


def _check_wire(payload: Mapping[str, Any], wire: Wire) -> None:
    if wire.detect(payload) or "error" in payload or payload.get("type") == "error":
        return
    other = next((each for each in map(find_wire, WIRES) if each.detect(payload)), None)
    if other is not None:
        raise UsageError(
            f"wire: expected {other.name!r} for these bytes, got {wire.name!r}; "
            f"pass wire={other.name!r}, or wire='auto'"
        )


def _wire_of(document: Mapping[str, Any], wire: str) -> Wire:
    return detect_wire(document) if wire == "auto" else find_wire(wire)


class FrameReader:
    """An iterator of `Frame` and `KeepAlive`, by the letter of the SSE specification.

    `last_event_id` and `retry` (ms) are the last ones that the server set. `tail` is the text after the last
    blank line, which the specification discards.
    """

    def __init__(self, chunks: Iterable[bytes], *, max_line: int, max_event: int) -> None:
        self._state = sse.FrameState()
        lines = read_lines(_checked(chunks), rest=self._state.rest, max_line=max_line)
        self._frames = sse.read_frames(lines, self._state, max_event=max_event)

    def __iter__(self) -> FrameReader:
        return self

    def __next__(self) -> Frame | KeepAlive:
        for frame in self._frames:
            if not isinstance(frame, BareFrame | ErrorFrame | TornFrame | LongFrame):
                return frame
        raise StopIteration

    @property
    def last_event_id(self) -> str:
        return self._state.last_event_id

    @property
    def retry(self) -> int | None:
        return self._state.retry

    @property
    def tail(self) -> bytes:
        return self._state.tail


def read_frames(
    chunks: Iterable[bytes], *, max_line: int = DEFAULT_MAX_LINE, max_event: int = DEFAULT_MAX_EVENT
) -> FrameReader:
    """Return the server-sent events of a body, without reading their data; see `FrameReader`.

    Raises `BadFrameError` if a line or event exceeds its limit in bytes.
    """
    check("max_line", max_line, SIZE)
    check("max_event", max_event, SIZE)
    return FrameReader(chunks, max_line=max_line, max_event=max_event)

"""The chain on one screen: the bytes of a response body in, events out; no network.

    chunks -> read_lines -> read_frames -> read_payloads -> wire.normalize -> accumulate -> events

Each arrow is a generator, and nothing is read that was not asked for. Only `normalize` differs
between APIs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import APIConnectionError, StreamkitError, TruncatedStreamError, UsageError
from .events import Event, KeepAlive
from .fragments import END, Fragment, PayloadOrNote
from .frame import ErrorFrame, Frame, TornFrame
from .profiles import Profile, find_profile
from .stages import frames as sse
from .stages.accumulate import accumulate
from .stages.lines import DEFAULT_MAX_LINE, read_lines
from .stages.payloads import read_payloads
from .stages.sniff import Body
from .stages.think import split_thinking
from .turn import Turn
from .wires import Wire, find_wire

DEFAULT_MAX_EVENT = sse.DEFAULT_MAX_EVENT


def read_events(
    chunks: Iterable[bytes],
    *,
    wire: str = "chat",
    profile: str | Profile | None = None,
    strict: bool = False,
    max_line: int = DEFAULT_MAX_LINE,
    max_event: int = DEFAULT_MAX_EVENT,
    turn: Turn | None = None,
) -> Iterator[Event]:
    """Yield the events of the body in *chunks* (or all of it as one bytes object); `Completed` is last.

    *wire* is "chat", "responses", or "auto": told from the first payload. The body may also be a
    plain JSON answer. *max_line* and *max_event* are limits in bytes. Hand in a *turn* to ask for
    what has arrived at any moment.

    Raises a `StreamkitError` with `.partial` where the body does not end properly: the server's own
    error as `APIError`, else a `StreamError`. What *chunks* raises comes as `APIConnectionError`,
    unless it is a `StreamkitError`. With *strict*, bad frames and cut answers raise too.
    """
    profile = find_profile(profile)
    turn = Turn() if turn is None else turn
    payloads = _read_body(chunks, wire, strict=strict, max_line=max_line, max_event=max_event)
    fragments = _normalize(payloads, wire, profile)
    return accumulate(fragments, turn, strict=strict, eof=profile.eof)


def events_from_completion(
    body: Mapping[str, Any], *, wire: str = "chat", profile: str | Profile | None = None
) -> Iterator[Event]:
    """A plain JSON answer as the events that its stream would have given.

    Raises what an error body means as `APIError`, and `NotAnEventStreamError` for any other object.
    """

    def payloads() -> Iterator[PayloadOrNote]:
        yield from wire_of(dict(body), wire).payloads_from_body(dict(body))
        yield END

    fragments = _normalize(payloads(), wire, find_profile(profile))
    return accumulate(fragments, Turn())


def _read_body(
    chunks: Iterable[bytes], wire: str, *, strict: bool, max_line: int, max_event: int
) -> Iterator[PayloadOrNote]:
    """The payloads of an event stream, or of a JSON document in its place."""
    body = Body(_guarded(_checked(chunks)))
    if body.is_document:
        document = body.read_object(max_event)
        yield from wire_of(document, wire).payloads_from_body(document)
        yield END
        return
    state = sse.FrameState()
    lines = read_lines(body.chunks, rest=state.rest, max_line=max_line)
    frames = sse.read_frames(lines, state, max_event=max_event)
    nothing = True
    for payload in read_payloads(frames, strict=strict):
        nothing = False
        yield payload
    if nothing:
        if body.is_like_stream:
            raise TruncatedStreamError("the stream ended before its first event")
        raise body.refusal("text that is no event stream" if body.head else "an empty body")


def _checked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """*chunks*, with a word to whoever passes text; a whole body is its own one chunk."""
    if isinstance(chunks, bytes | bytearray):
        chunks = [bytes(chunks)]
    if isinstance(chunks, str) or not isinstance(chunks, Iterable):
        raise UsageError(f"chunks is an iterable of bytes, got {type(chunks).__name__}")
    rest = iter(chunks)
    for first in rest:
        if not isinstance(first, bytes | bytearray):
            kind = type(first).__name__
            raise UsageError(f"chunks of a body are bytes, got {kind}; open files in binary mode")
        yield first
        break
    yield from rest


def _guarded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """*chunks*, with what their source raises as a `StreamkitError`."""
    try:
        yield from chunks
    except StreamkitError:
        raise
    except Exception as exc:
        raise APIConnectionError(f"reading the body failed: {type(exc).__name__}: {exc}") from exc


def _normalize(payloads: Iterator[PayloadOrNote], wire: str, profile: Profile) -> Iterator[Fragment]:
    """Hand the payloads to their wire; "auto" waits for the first one to tell which that is."""
    normalize = _normalize_by_looking if wire == "auto" else find_wire(wire).normalize
    fragments = normalize(payloads, profile)
    if profile.think_tags == "off":
        return fragments
    return split_thinking(fragments, anywhere=profile.think_tags == "anywhere")


def _normalize_by_looking(payloads: Iterator[PayloadOrNote], profile: Profile) -> Iterator[Fragment]:
    for payload in payloads:
        if isinstance(payload, dict) or payload is END:
            known = wire_of(payload if isinstance(payload, dict) else {}, "auto")
            yield from known.normalize(itertools.chain([payload], payloads), profile)
            return
        yield payload


def wire_of(payload: Mapping[str, Any], wire: str) -> Wire:
    """The wire of that name; for "auto", the one that *payload* is written in."""
    if wire == "auto":
        kind = payload.get("type")
        spoken = "choices" not in payload and (
            (isinstance(kind, str) and (kind.startswith("response.") or kind == "error"))
            or payload.get("object") == "response"
        )
        wire = "responses" if spoken else "chat"
    return find_wire(wire)


class FrameReader:
    """An iterator of `Frame` and `KeepAlive` by the letter of the SSE specification.

    `last_event_id` and `retry` (ms) are what the server set last; `tail` is what came after the last
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
            if not isinstance(frame, ErrorFrame | TornFrame):
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
    """Server-sent events and nothing above them: see `FrameReader`.

    Raises `BadFrameError` where a line or event passes its limit (bytes).
    """
    return FrameReader(chunks, max_line=max_line, max_event=max_event)

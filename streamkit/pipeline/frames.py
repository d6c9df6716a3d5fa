"""Turn lines into frames.

    takes    whole lines without their ends
    yields   Frame, ErrorFrame, TornFrame, LongFrame if asked for, and KeepAlive for a comment
    raises   BadFrameError for an event that is too large

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream"; each departure from it is marked NOTE.

Rule: this file knows the fields of SSE, but not the meaning of `data`. A block is the lines up to a
blank one. There are two roads for it, with the same result (tests/test_frames.py compares them):

| road | takes | reads it with |
|---|---|---|
| `_read_plain` | `data` lines and at most one `event` line: nearly every block of these APIs | slices |
| `_read_block` | every block | sseclient-py, which costs more than the rest of the chain |

Ids, retry, comments, invalid UTF-8 and limits are handled here on both roads: sseclient-py drops them,
merges them or raises.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..errors import BadFrameError
from ..events import KeepAlive
from ..json_text import is_json
from .lines import Line, Unfinished


class Frame(NamedTuple):
    """One server-sent event. (On the hot path a named tuple takes half the time of a frozen dataclass.)

    | field | difference from the browser's MessageEvent |
    |---|---|
    | `event` | its `type`: "message" if the server sent none |
    | `data` | the same: the data lines, joined with newlines; may be "" |
    | `id` | its `lastEventId`: the last id sent, in this event or before; "" if there was none |
    | `retry` | the browser hides it: the reconnection time in ms that this event set, else None |
    """

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None


class ErrorFrame(Frame):
    """The field `error: {...}`, which llama.cpp's server sends instead of data; `event` is "error"."""

    __slots__ = ()


class BareFrame(Frame):
    """JSON without a field, which Gemini sends in the middle of a stream for an error."""

    __slots__ = ()


class TornFrame(Frame):
    """The event of a last block without its blank line."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class LongFrame:
    """An event whose only data line is long, and isn't decoded yet; the data begins at *start*."""

    event: str
    line: Line
    start: int
    id: str

    def decoded(self) -> Frame:
        """Return the frame that `read_frames` yields if it isn't asked for this class."""
        return _new(Frame, (self.event, _text(self.line[self.start :]), self.id, None))


DEFAULT_MAX_EVENT = 16 << 20  # bytes; one base64 image fits, a block that never ends doesn't
LONG = 1 << 15  # bytes of a line, so characters of a text, from which on its copies matter: known_texts.py

_COLON = ord(":")
_NAMES = (b"data:", b"event:", b"id:", b"retry:", b"error:")
_MAX_RETRY_DIGITS = 19  # fits 64 bits; int() itself refuses a few thousand digits
_GROUP = 64  # lines passed to sseclient-py at once

_new = tuple.__new__  # a NamedTuple's own __new__ is Python code: 0.36 us against 0.17


@dataclass(slots=True)
class FrameState:
    """The position of a reader of frames. Its owner passes it in, and may look at it at any time.

    `last_event_id` and `retry` (ms) are the last ones that the server set, with data or without. `rest` is
    the buffer of `read_lines`: the line whose end hasn't arrived. `block` contains the lines since the last
    blank one, without comments.
    """

    last_event_id: str = ""
    retry: int | None = None
    rest: Unfinished = field(default_factory=Unfinished)
    block: list[Line] = field(default_factory=list)

    @property
    def tail(self) -> bytes:
        """The block that no blank line has ended, with LF as its line ends; b"" if there is none."""
        return b"\n".join([*self.block, bytes(self.rest.data)])


def read_frames(
    lines: Iterable[Line],
    state: FrameState,
    *,
    max_event: int = DEFAULT_MAX_EVENT,
    long: int = sys.maxsize,
    short_cut: bool = True,
) -> Iterator[Frame | LongFrame | KeepAlive]:
    """Yield each block's frame at its blank line, and each comment as a `KeepAlive` at once.

    NOTE: the specification ignores comments; here they show that the server is alive.
    NOTE: the specification discards a last block without its blank line; here it becomes a `TornFrame`,
    because some servers end their bodies like that (llama.cpp).
    NOTE: the specification has no limit; here a block of more than *max_event* bytes raises `BadFrameError`.

    A plain block of *long* bytes becomes a `LongFrame`. `short_cut=False` sends every block over the slow
    road.
    """
    block = state.block
    size = 0
    for line in lines:
        if line:
            if line[0] == _COLON:
                yield KeepAlive(_text(line[1:].removeprefix(b" ")))
                continue
            block.append(line)
            size += len(line)
            if size > max_event:
                raise _too_large(block, max_event)
        elif block:
            read_plain = _read_plain if size < long else _read_long
            size = 0
            plain = [read_plain(block, state.last_event_id)] if short_cut else [None]
            # The block is cleared before its frame is yielded: a dispatched block isn't part of the tail.
            if plain[0] is not None:
                block.clear()
                yield plain.pop()  # type: ignore[misc]  # popped: a large frame isn't kept while the next is read
            else:
                frames = _read_block(block, state)
                block.clear()
                yield from frames
    if block or state.rest.data:
        # A retry line takes effect when it arrives; data and id only take effect at the blank line.
        state.retry = _last_retry(block, state.retry)
        torn = _read_block([*block, bytes(state.rest.data)], replace(state))
        yield from [TornFrame(*frame) for frame in torn]


def _too_large(block: list[Line], max_event: int) -> BadFrameError:
    return BadFrameError(
        f"an event is larger than {max_event} bytes; if that is intended, raise max_event",
        data=_text(block[0][:200]),
    )


def _read_plain(block: list[Line], last_event_id: str) -> Frame | None:
    """Return the frame of a block of `data` lines with at most one `event` line; None for other blocks."""
    event: Line = b""
    # The first two cases are the loop below, for the usual blocks. Comparing a slice costs 60 ns,
    # `startswith` 100.
    if len(block) == 1 and block[0][:6] == b"data: ":  # Chat Completions
        data: Line = block[0][6:]
    elif len(block) == 2 and block[0][:7] == b"event: " and block[1][:6] == b"data: ":  # Responses
        event, data = block[0][7:], block[1][6:]
    else:
        values = []
        for line in block:
            if line.startswith(b"data:"):
                values.append(line[5:].removeprefix(b" "))
            elif line.startswith(b"event:") and not event:
                event = line[6:].removeprefix(b" ")
            else:
                return None
        if not values:
            return None
        data = b"\n".join(values)
    return _new(Frame, (_text(event) if event else "message", _text(data), last_event_id, None))


def _read_long(block: list[Line], last_event_id: str) -> Frame | LongFrame | None:
    """Return the frame of a large block; a `LongFrame` if it has one `data` line, the last one."""
    *before, line = block
    names = [each[:6] for each in before]
    if line[:5] != b"data:" or names not in ([], [b"event:"]):
        return _read_plain(block, last_event_id)
    event = before[0][6:].removeprefix(b" ") if before else b""
    return LongFrame(_text(event) if event else "message", line, 5 + (line[5:6] == b" "), last_event_id)


def _read_block(block: list[Line], state: FrameState) -> list[Frame]:
    """Return the frames of any block, and set the id and the retry of *state*, even without a frame.

    `data:` alone leaves a newline in the specification's data buffer, so it dispatches an event with the
    data "". A block without any data line leaves the buffer empty and dispatches no event.

    NOTE: the specification ignores a field `error`; here it becomes an `ErrorFrame`, after the block's frame.
    NOTE: the specification ignores a line of JSON; here the JSON from such a line on becomes a `BareFrame`.
    """
    event: Line = b"event"
    data, errors = [], []
    for line in block:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(line)
        elif name == b"event":
            event = line  # the last one counts
        elif name == b"id" and b"\0" not in value:
            state.last_event_id = _text(value)
        elif name == b"error":
            errors.append(value)
    retry = _last_retry(block, None)
    if retry is not None:
        state.retry = retry
    frames = []
    if data:
        frames.append(Frame(*_read_with_sseclient(event, data), state.last_event_id, retry))
    if errors:
        frames.append(ErrorFrame("error", _text(b"\n".join(errors)), state.last_event_id, retry))
    bare = _text(b"\n".join(block[bare_lines(block)]))
    if bare and (not data or is_json(bare)):
        frames.append(BareFrame("message", bare, state.last_event_id, None))
    return frames


def bare_lines(block: Sequence[Line]) -> slice:
    """Return the place of the lines that are JSON without a field, up to the next field; may be empty."""
    start = next((n for n, line in enumerate(block) if line[:1] in (b"{", b"[")), len(block))
    rest = block[start:]
    end = next((n for n, line in enumerate(rest) if line.startswith(_NAMES)), len(rest))
    return slice(start, start + end)


def _last_retry(block: list[Line], otherwise: int | None) -> int | None:
    """Return the reconnection time in ms that *block* sets, or *otherwise*. Only ASCII digits count.

    NOTE: the specification allows any number of digits; here a value of more than 19 is ignored.
    """
    for line in reversed(block):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            return int(value)
    return otherwise


def _read_with_sseclient(event: Line, data: list[Line]) -> tuple[str, str]:
    """Return the type and the data that sseclient-py reads from one *event* line and the *data* lines.

    It gets the lines in groups, because its time grows with the square of the lines of a block. Each group
    returns its own data, and the last one the type. It gets valid UTF-8, because it decodes strictly.
    """
    from sseclient import SSEClient

    groups = [data[i : i + _GROUP] for i in range(0, len(data), _GROUP)]
    groups[-1].append(event)
    blocks = [_text(b"\n".join(group)).encode() + b"\n\n" for group in groups]
    # An iterator, not the list: sseclient-py logs the repr of its source at DEBUG, which would contain text.
    events = list(SSEClient(iter(blocks)).events())
    return events[-1].event, "\n".join(event.data for event in events)


def _text(line: Line) -> str:
    """Decode UTF-8; invalid bytes become U+FFFD. (Passing the error handler costs 35 ns, so it is last.)"""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode(errors="replace")

"""Lines -> frames: whole lines without their ends in, `Frame` and `KeepAlive` out.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream"; what goes beyond it is marked NOTE.

Rule: this file knows the fields of SSE and nothing of what `data` means. A block is the lines up to a
blank one. Blocks of `data` lines with at most one `event` line, which is all that these APIs send, take
the short cut here: the detour through sseclient-py costs more than the rest of the chain. Every other
block is cleaned and read by sseclient-py. Ids, retry, comments, bad UTF-8 and limits are handled here on
both roads, because that library drops them, merges them or dies of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..errors import BadFrameError
from ..events import KeepAlive


class Frame(NamedTuple):
    """One server-sent event. (A named tuple: half the time of a frozen dataclass, on the hot path.)

    | field | differs from the browser's MessageEvent |
    |---|---|
    | `event` | its `type`: "message" where the server named none |
    | `data` | the same: the data lines, joined with newlines; may be "" |
    | `id` | its `lastEventId`: the last id sent, in this event or before; "" where there was none |
    | `retry` | the browser hides it: the reconnection time in ms that this event set, else None |
    """

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None


class ErrorFrame(Frame):
    """The field `error: {...}`, which llama.cpp's server sends in place of data; `event` is "error"."""

    __slots__ = ()


class TornFrame(Frame):
    """What the last event would be, had the body not ended before its blank line."""

    __slots__ = ()


DEFAULT_MAX_EVENT = 16 << 20  # bytes; one base64 image fits, a block that never ends does not

_COLON = ord(":")
_MAX_RETRY_DIGITS = 19  # fits 64 bits, and int() itself refuses some thousands of digits
_GROUP = 64  # lines handed to sseclient-py at once

_new = tuple.__new__  # a NamedTuple's own __new__ is Python code: 0.22 us against 0.13


@dataclass(slots=True)
class FrameState:
    """Where a reading of frames stands. Its owner hands it in, and may look at any time.

    `last_event_id` and `retry` (ms) are the last ones that the server set, with data or without.
    `rest` is the buffer for `read_lines`: the line whose end has not come. `block` holds the lines
    since the last blank one, comments left out.
    """

    last_event_id: str = ""
    retry: int | None = None
    rest: bytearray = field(default_factory=bytearray)
    block: list[bytes] = field(default_factory=list)

    @property
    def tail(self) -> bytes:
        """The block that no blank line has ended, with LF as its line ends; b"" where there is none."""
        return b"\n".join([*self.block, bytes(self.rest)])


def read_frames(
    lines: Iterable[bytes],
    state: FrameState,
    *,
    max_event: int = DEFAULT_MAX_EVENT,
    short_cut: bool = True,
) -> Iterator[Frame | KeepAlive]:
    """Yield each block's frame at its blank line, and each comment as a `KeepAlive` at once.

    NOTE: beyond the specification an `error` field comes as an `ErrorFrame`, after its block's frame,
    and what a last block without its blank line says as a `TornFrame`.

    A block of more than *max_event* bytes raises `BadFrameError`. `short_cut=False` sends every block
    to sseclient-py: the frames are the same, at several times the cost.
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
                raise BadFrameError(
                    f"an event is larger than {max_event} bytes; if the server means it, raise max_event",
                    data=_text(block[0][:200]),
                )
        elif block:
            line = block[0]
            if short_cut and len(block) == 1 and line.startswith(b"data: "):  # what nearly always comes
                block.clear()
                size = 0
                data = line[6:].decode("utf-8", "replace")
                yield _new(Frame, ("message", data, state.last_event_id, None))
                continue
            frame = _read_plain(block, state.last_event_id) if short_cut else None
            frames = _read_block(block, state) if frame is None else ()
            block.clear()  # before the yield: what is handed over is no part of the tail
            size = 0
            if frame is not None:  # not a list of one: 0.1 us of some 1.1 an event
                yield frame
            else:
                yield from frames
    if block or state.rest:
        # Each retry line took effect as it came; data and id wait for the blank line, here in vain.
        state.retry = _last_retry(block, state.retry)
        torn = _read_block([*block, bytes(state.rest)], replace(state))
        yield from [TornFrame(*frame) for frame in torn]


def _read_plain(block: list[bytes], last_event_id: str) -> Frame | None:
    """The frame of a block of `data` lines with at most one `event` line; None for any other block."""
    if len(block) == 2 and block[0].startswith(b"event: ") and block[1].startswith(b"data: "):
        # The loop below, for what the Responses API sends.
        return _new(Frame, (_text(block[0][7:]) or "message", _text(block[1][6:]), last_event_id, None))
    event = b""
    data = []
    for line in block:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:") and not event:
            event = line[6:].removeprefix(b" ")
        else:
            return None
    if not data:
        return None
    return _new(Frame, (_text(event) or "message", _text(b"\n".join(data)), last_event_id, None))


def _read_block(block: list[bytes], state: FrameState) -> list[Frame]:
    """The frames of any block: none, one, or two where an `error` field stands beside data.

    Sets the id and the retry of *state*, also where there is no frame.
    """
    event = b"event"
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
    # `data:` alone leaves a newline in the specification's data buffer, so it dispatches an event whose
    # data is ""; a block without any data line leaves the buffer empty and dispatches nothing.
    if data:
        frames.append(Frame(*_read_with_sseclient(event, data), state.last_event_id, retry))
    if errors:
        frames.append(ErrorFrame("error", _text(b"\n".join(errors)), state.last_event_id, retry))
    return frames


def _last_retry(block: list[bytes], otherwise: int | None) -> int | None:
    """The reconnection time in ms that *block* sets, or *otherwise*: only ASCII digits count."""
    for line in reversed(block):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            return int(value)
    return otherwise


def _read_with_sseclient(event: bytes, data: list[bytes]) -> tuple[str, str]:
    """The type and the data that sseclient-py reads out of one *event* line and the *data* lines.

    It gets them in groups, as its time grows with the square of the lines of a block; each group comes
    back with its own data, and the last one with the type. It gets valid UTF-8, as it decodes strictly.
    """
    from sseclient import SSEClient

    groups = [data[i : i + _GROUP] for i in range(0, len(data), _GROUP)]
    groups[-1].append(event)
    blocks = [_text(b"\n".join(group)).encode() + b"\n\n" for group in groups]
    # An iterator, not the list: it logs the repr of its source at DEBUG, which is no place for the text.
    events = list(SSEClient(iter(blocks)).events())
    return events[-1].event, "\n".join(event.data for event in events)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")

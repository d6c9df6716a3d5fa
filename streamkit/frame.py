"""What server-sent events say: `stages/frames.py` yields these, `stages/payloads.py` reads them.

`Frame` is what the specification dispatches, and public. `ErrorFrame` and `TornFrame` it would not
dispatch; streamkit's own chain reads them, `read_frames` leaves them out.
"""

from __future__ import annotations

from typing import NamedTuple


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

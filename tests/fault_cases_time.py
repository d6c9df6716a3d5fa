"""Fault cases: servers that are silent or drip bytes, and servers that never stop sending."""

from __future__ import annotations

import gzip
from typing import Any

from attrs import evolve

from streamkit.request.options import Timeouts

from .fault_cases import CHUNKED, CLOSING, GZIPPED, HEL, HOSTILE, LONGER, PATIENT, SHORT, case, gz, sends
from .faultserver import Peer, chunked, delta, head, ok, sse

# -- timeouts -----------------------------------------------------------------------------

C = "Timeouts"


def _clocks(**short: float) -> Timeouts:
    return evolve(PATIENT, **short)


FIRED: dict[str, Any] = {"ends": "APITimeoutError"}
# Only the clock under test is short: on a busy machine the other one could fire first.
FIRST: dict[str, Any] = {**FIRED, "phase": "first_event", "text": "", "timeouts": _clocks(first_event=SHORT)}
IDLE: dict[str, Any] = {**FIRED, "phase": "idle", "text": "Hel", "timeouts": _clocks(idle=SHORT)}
sends(C, "silence from the start", then="hang", **FIRST)
sends(C, "headers, then silence", CHUNKED, then="hang", **FIRST)
sends(C, "one event, then silence", CHUNKED, chunked(HEL, end=False), then="hang", **IDLE)
sends(
    C,
    "one event, then silence, content length",
    head("200 OK", "Content-Length: 9999"),
    HEL,
    then="hang",
    **IDLE,
)
sends(C, "one event, then silence, no length", CLOSING, HEL, then="hang", **IDLE)
sends(C, "one event, then silence, gzip", GZIPPED, chunked(gz(HEL)[0], end=False), then="hang", **IDLE)
sends(C, "one event, then silence, TLS", CHUNKED, chunked(HEL, end=False), then="hang", tls=True, **IDLE)


def drips(name: str, start: bytes, drop: bytes, *, every: float = 0.05, **expected: Any) -> None:
    def script(peer: Peer) -> None:
        peer.send(start)
        peer.drip(drop, every)

    case(C, name, **expected)(script)


PING = chunked(b": ping\n\n", end=False)
drips("a drip of header bytes", b"HTTP/1.1 200 OK\r\nX: ", b"y", **FIRST)
drips("a drip of headers", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", **FIRST)
drips("a drip of comments from the start", CHUNKED, PING, **FIRST)
drips("a drip of comments after an event", CHUNKED + chunked(HEL, end=False), PING, **IDLE)
drips(
    "a drip of comments, content length", head("200 OK", "Content-Length: 9999") + HEL, b": ping\n\n", **IDLE
)
drips("a drip of comments, no length", CLOSING + HEL, b": ping\n\n", **IDLE)
drips(
    "a drip of comments, gzip",
    GZIPPED + chunked(gz(HEL)[0], end=False),
    chunked(gz(b": ping\n\n")[0][10:], end=False),
    **IDLE,
)
drips("a drip of comments, TLS", CHUNKED + chunked(HEL, end=False), PING, tls=True, **IDLE)
drips("a drip of bytes inside an event", CLOSING + HEL + b"data: ", b"x", **IDLE)
drips("a drip of bytes inside a chunk size", CHUNKED + chunked(HEL, end=False), b"0", **IDLE)
drips("a drip of bytes inside a chunk", CHUNKED + chunked(HEL, end=False) + b"ffffff\r\ndata: ", b"x", **IDLE)
drips(
    "steady events past the deadline",
    CLOSING + HEL,
    sse(delta()),
    ends="APITimeoutError",
    phase="deadline",
    text="Hel",
    timeouts=_clocks(deadline=LONGER),
)
sends(
    C,
    "one event, then silence, with a bytes timeout",
    CHUNKED,
    chunked(HEL, end=False),
    then="hang",
    ends="APITimeoutError",
    phase="bytes",
    text="Hel",
    timeouts=_clocks(bytes=LONGER),
)


# -- hostile servers -----------------------------------------------------------------------

H = HOSTILE


def floods(name: str, start: bytes, drop: bytes, **expected: Any) -> None:
    """Send *drop* forever, as fast as the client reads it."""

    def script(peer: Peer) -> None:
        peer.send(start)
        while True:
            peer.send(drop)

    case(H, name, **expected)(script)


LIMITED: dict[str, Any] = {"ends": "BadFrameError", "text": ""}
floods("a line without end", CLOSING + b"data: ", b"x" * 65536, **LIMITED)
floods("a comment without end", CLOSING + b": ", b"x" * 65536, **LIMITED)
floods("comments without end", CLOSING, b": x\n\n" * 10_000, **LIMITED)
floods("an event without end", CLOSING, b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 1500, **LIMITED)
floods(
    "a JSON document without end",
    CLOSING + b'{"choices": [',
    b'"xxxxxxxxxxxxxxxxxxxxxxxxx",' * 1500,
    ends="NotAnEventStreamError",
    text="",
)
sends(
    H,
    "a gzip bomb",
    ok(gzip.compress(b"data: " + b"\0" * (200 << 20), 9), "Content-Encoding: gzip"),
    **LIMITED,
)
sends(
    H,
    "JSON nested a hundred thousand deep",
    ok(b"data: " + b"[" * 100_000 + b"\n\n" + b"data: " + b'{"a":' * 100_000 + b"\n\n"),
    **LIMITED,
)


def _call(index: int) -> dict[str, Any]:
    call = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": ""}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


sends(H, "ten thousand tool indexes", ok(sse(*(_call(i) for i in range(10_000)))), **LIMITED)
sends(
    H,
    "ten thousand choices",
    ok(sse(*({"choices": [{"index": i, "delta": {"content": "x"}}]} for i in range(10_000)))),
    ends="BadFrameError",
    text="x",
)

"""Fault cases: complete bodies in every framing, and bodies that end too early or never."""

from __future__ import annotations

import gzip
import json
import zlib

from .fault_cases import CHUNKED, CLOSING, CUT, FINISHED, GZIPPED, HEL, case, gz, sends
from .faultserver import HELLO, USAGE, Peer, chunked, delta, head, ok, sse

# -- complete bodies ---------------------------------------------------------------------

F = "Framing"
EVENTS = [block + b"\n\n" for block in HELLO.split(b"\n\n")[:-1]]

sends(F, "content length", ok())
sends(
    F,
    "content length, one byte at a time",
    head("200 OK", f"Content-Length: {len(HELLO)}"),
    *(bytes([b]) for b in HELLO),
)
sends(F, "chunked, one event per chunk", CHUNKED, chunked(*EVENTS))
sends(
    F,
    "chunked, sent three bytes at a time",
    CHUNKED,
    *(chunked(*EVENTS)[i : i + 3] for i in range(0, 700, 3)),
)
sends(
    F,
    "chunked, one chunk, sent event by event",
    CHUNKED,
    b"%x\r\n" % len(HELLO),
    *EVENTS,
    b"\r\n0\r\n\r\n",
)
sends(
    F,
    "chunked, with extensions and trailers",
    CHUNKED,
    b"%X;name=value\r\n%b\r\n" % (len(HELLO), HELLO),
    b"0\r\nX-Sum: 1\r\n\r\n",
)
sends(F, "chunked, sizes with leading zeros", CHUNKED, b"0000%x\r\n%b\r\n000\r\n\r\n" % (len(HELLO), HELLO))
sends(F, "no length, ends when the connection closes", CLOSING, HELLO, then="close")
sends(F, "HTTP/1.0, ends when the connection closes", head(version="1.0"), HELLO, then="close")
sends(
    F,
    "HTTP/1.0 with a length and keep-alive",
    head("200 OK", "Connection: keep-alive", f"Content-Length: {len(HELLO)}", version="1.0"),
    HELLO,
)
sends(F, "100 Continue first", b"HTTP/1.1 100 Continue\r\n\r\n", ok())
sends(
    F,
    "more bytes than the content length",
    head("200 OK", f"Content-Length: {len(HELLO)}"),
    HELLO + b"HTTP/1.1 junk",
)
sends(F, "unrequested gzip, flushed after each event", GZIPPED, chunked(*gz(*EVENTS)))
sends(
    F,
    "unrequested gzip, ends when the connection closes",
    head("200 OK", "Content-Encoding: gzip"),
    *gz(*EVENTS),
    then="close",
)
sends(F, "unrequested gzip, content length", ok(gzip.compress(HELLO), "Content-Encoding: gzip"))
sends(
    F,
    "unrequested gzip, as Content-Encoding: identity, gzip",
    ok(gzip.compress(HELLO), "Content-Encoding: identity, gzip"),
)
sends(
    F,
    "gzip of two members",
    ok(gzip.compress(HELLO[:99]) + gzip.compress(HELLO[99:]), "Content-Encoding: gzip"),
)
sends(F, "unrequested deflate", ok(zlib.compress(HELLO), "Content-Encoding: deflate"))
sends(F, "Content-Encoding: gzip, but the body is plain", ok(HELLO, "Content-Encoding: gzip"))
sends(
    F,
    "Content-Encoding: gzip, but the body is plain, sent three bytes at a time",
    head("200 OK", f"Content-Length: {len(HELLO)}", "Content-Encoding: gzip"),
    *(HELLO[i : i + 3] for i in range(0, len(HELLO), 3)),
)
sends(F, "Content-Encoding: utf-8", ok(HELLO, "Content-Encoding: utf-8"))
sends(F, "Content-Encoding: lz4, but the body is plain", ok(HELLO, "Content-Encoding: lz4"))
sends(F, "over TLS, chunked", CHUNKED, chunked(*EVENTS), tls=True)
sends(F, "over TLS, ends when the connection closes", CLOSING, HELLO, then="close", tls=True)

E = "Event streams"
sends(E, "CRLF line ends", ok(HELLO.replace(b"\n", b"\r\n")))
sends(E, "CR line ends", ok(HELLO.replace(b"\n", b"\r")))
sends(E, "byte order mark", ok(b"\xef\xbb\xbf" + HELLO))
sends(E, "comments before the first event", ok(b": OPENROUTER PROCESSING\n\n" * 3 + HELLO))
sends(E, "Content-Type: text/plain", ok(HELLO, "Content-Type: text/plain"))
sends(E, "Content-Type: application/json", ok(HELLO, "Content-Type: application/json"))
sends(E, "no Content-Type", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO))
sends(E, "last event without a blank line", ok(HELLO.rstrip(b"\n")))
sends(
    E,
    "one frame in between that isn't JSON",
    ok(HEL + b"data: {oops\n\n" + sse(delta("lo"), delta(finish="stop"), "[DONE]")),
)
sends(
    E,
    "invalid UTF-8",
    ok(
        sse(delta("Hel"))
        + b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n'
        + sse(delta(finish="stop"))
    ),
    text="Hel\ufffd",
)
sends(
    E,
    "a JSON completion instead of a stream",
    ok(
        json.dumps(
            {
                "id": "c1",
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hello"},
                        "finish_reason": "stop",
                    }
                ],
            }
        ).encode(),
        "Content-Type: application/json",
    ),
)
sends(
    E,
    "a JSON completion without a content length",
    CLOSING,
    b'{"choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":"stop"}]}',
    then="close",
)

# -- endings ------------------------------------------------------------------------------

N = "Endings"
sends(N, "[DONE], but the socket stays open", CHUNKED, chunked(HELLO, end=False), then="hang")
sends(N, "finish reason, but the socket stays open", CHUNKED, chunked(FINISHED, end=False), then="hang")
sends(N, "finish reason, then the chunked body is cut", CHUNKED, chunked(FINISHED, end=False), then="close")
sends(N, "finish reason, then a reset", CHUNKED, chunked(FINISHED, end=False), then="reset")
sends(
    N,
    "finish reason, then fewer bytes than the content length",
    head("200 OK", "Content-Length: 9999"),
    FINISHED,
    then="close",
)
sends(N, "finish reason, then end of body", ok(FINISHED))
sends(N, "usage after the finish reason, then end of body", ok(FINISHED + sse(USAGE)))
sends(N, "[DONE] without a finish reason", ok(sse(delta("Hello"), "[DONE]")))


@case(N, "finish reason, then comments forever")
def _(peer: Peer) -> None:
    peer.send(CHUNKED, chunked(FINISHED, end=False))
    peer.drip(chunked(b": ping\n\n", end=False), 0.1)


sends(
    N,
    "end of body in the middle of the answer",
    CLOSING,
    HEL,
    then="close",
    ends="TruncatedStreamError",
    **CUT,
)
sends(N, "end of body in the middle of JSON", ok(HEL + HEL[:40]), ends="TruncatedStreamError", **CUT)
sends(
    N,
    "end of body in the middle of a character",
    ok(HEL + b'data: {"choices":[{"delta":{"content":"\xe2\x82'),
    ends="TruncatedStreamError",
    **CUT,
)
sends(
    N,
    "fewer bytes than the content length",
    head("200 OK", "Content-Length: 9999"),
    HEL,
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    N,
    "chunked body cut between chunks",
    CHUNKED,
    chunked(HEL, end=False),
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    N,
    "chunked body cut inside a chunk",
    CHUNKED,
    b"ffff\r\n" + HEL,
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    N,
    "reset in the middle of the answer",
    CHUNKED,
    chunked(HEL, end=False),
    then="reset",
    ends="APIConnectionError",
    **CUT,
)
sends(
    N,
    "gzip cut off",
    head("200 OK", "Content-Encoding: gzip"),
    gz(HEL)[0],
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    N,
    "TLS cut off in the middle",
    CHUNKED,
    chunked(HEL, end=False),
    then="reset",
    ends="APIConnectionError",
    tls=True,
    **CUT,
)

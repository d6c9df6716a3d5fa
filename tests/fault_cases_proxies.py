"""Fault cases: what proxies, gateways and old servers do to replies, and what an event stream may contain."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from .fault_cases import (
    CHUNKED,
    CUT,
    FINISHED,
    GZIPPED,
    HEL,
    HOSTILE,
    NOTHING,
    case,
    gz,
    sends,
)
from .faultserver import HELLO, USAGE, Peer, chunked, delta, head, ok, refusal, sse

LENGTH = f"Content-Length: {len(HELLO)}"
EVENTS = [block + b"\n\n" for block in HELLO.split(b"\n\n")[:-1]]
LO = sse(delta("lo"), delta(finish="stop"), "[DONE]")

# -- framing: RFC 9110, sections 8.4, 8.6 and 15.2; RFC 9112, sections 3, 5, 6 and 7 ---------

F = "Framing"
sends(F, "102 Processing first", b"HTTP/1.1 102 Processing\r\n\r\n", ok())
sends(F, "103 Early Hints first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", ok())
sends(F, "100, 102 and 103 first", b"".join(b"HTTP/1.1 %d X\r\n\r\n" % n for n in (100, 102, 103)), ok())
sends(F, "a status line without a reason", b"HTTP/1.1 200\r\n", ok().partition(b"\r\n")[2])
sends(F, "headers that end with LF alone", ok().replace(b"\r\n", b"\n", 5))
sends(F, "a header in Latin-1", ok(HELLO, "X-Served-By: Zürich"))
sends(F, "a header that is folded over two lines", ok(HELLO, "X-Long: a\r\n b"))
sends(F, "the same Content-Length twice", ok(HELLO, LENGTH))
sends(
    F,
    "Content-Length and chunked",
    head("200 OK", "Content-Length: 3", "Transfer-Encoding: chunked"),
    chunked(HELLO),
)
sends(F, "Transfer-Encoding: Chunked", head("200 OK", "Transfer-Encoding: Chunked"), chunked(HELLO))
sends(F, "chunked, sizes in capitals", CHUNKED, b"%X\r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO))
sends(F, "chunked, sizes padded with blanks", CHUNKED, b"%x   \r\n%b\r\n0\r\n\r\n" % (len(HELLO), HELLO))
sends(F, "chunked, lines that end with LF alone", CHUNKED, chunked(*EVENTS).replace(b"\r\n", b"\n"))
sends(F, "chunked, one byte per chunk", CHUNKED, chunked(*(bytes([b]) for b in HELLO)))
sends(F, "chunked, one byte at a time", CHUNKED, *(bytes([b]) for b in chunked(*EVENTS)))
sends(F, "Content-Encoding: GZIP", ok(gzip.compress(HELLO), "Content-Encoding: GZIP"))
sends(F, "Content-Encoding: x-gzip", ok(gzip.compress(HELLO), "Content-Encoding: x-gzip"))
sends(F, "Content-Encoding: identity", ok(HELLO, "Content-Encoding: identity"))
sends(F, "Content-Encoding without a value", ok(HELLO, "Content-Encoding: "))
sends(F, "gzip, one byte per chunk", GZIPPED, chunked(*(bytes([b]) for b in gzip.compress(HELLO))))
sends(F, "gzip, padded with zeros", ok(gzip.compress(HELLO) + b"\0" * 64, "Content-Encoding: gzip"))
sends(F, "Content-Encoding: gzip, but the body is zlib", ok(zlib.compress(HELLO), "Content-Encoding: gzip"))
sends(F, "deflate without a zlib header", ok(zlib.compress(HELLO)[2:-4], "Content-Encoding: deflate"))
sends(
    F,
    "gzip inside deflate",
    ok(zlib.compress(gzip.compress(HELLO)), "Content-Encoding: gzip, deflate"),
)
sends(F, "over TLS, content length", ok(), tls=True)
sends(F, "over TLS, one byte at a time", *(bytes([b]) for b in ok()), tls=True)
sends(F, "over TLS, gzip", GZIPPED, chunked(*gz(*EVENTS)), tls=True)

# -- event streams: the HTML standard, section 9.2; RFC 8259 ---------------------------------

E = "Event streams"
sends(
    E,
    "three kinds of line ends in one stream",
    ok(
        b"".join(
            e.replace(b"\n", end)
            for e, end in zip(EVENTS, (b"\n", b"\r", b"\r\n", b"\n", b"\r\n"), strict=True)
        )
    ),
)
sends(E, "no blank after the colon", ok(HELLO.replace(b"data: ", b"data:")))
sends(E, "JSON over several data lines", ok(HELLO.replace(b'"choices":', b'\ndata: "choices":\ndata: ')))
sends(
    E,
    "id, retry, event and unknown fields",
    ok(b"".join(b"id: 7\nretry: 10\nevent: message\nx: y\nalone\n" + e for e in EVENTS)),
)
sends(E, "blank lines before and between the events", ok(b"\n\n\n" + HELLO.replace(b"\n\n", b"\n\n\n\n")))
sends(E, "pings as events", ok(HEL + b"event: ping\ndata: {}\n\n" + LO))
sends(E, "an event with an empty data field", ok(HEL + b"data:\n\ndata\n\n" + LO))
sends(E, "null as an event", ok(HEL + b"data: null\n\n" + LO))
sends(E, "blanks around [DONE]", ok(FINISHED + b"data:  [DONE] \n\n"))
sends(E, "text after [DONE]", ok(HELLO + sse(delta("!"))))
sends(
    E,
    "Content-Type: text/event-stream; charset=latin-1",
    ok(HELLO, "Content-Type: text/event-stream; charset=latin-1"),
)
sends(
    E,
    "a line separator, U+2028, in the text",
    ok(
        'data: {"choices":[{"index":0,"delta":{"content":"a\u2028b"}}]}\n\n'.encode()
        + sse(delta(finish="stop"))
    ),
    text="a\u2028b",
)
sends(
    E,
    "a surrogate pair cut into two events",
    ok(sse(delta("\ud83d"), delta("\ude00"), delta(finish="stop"))),
    text="\U0001f600",
)
sends(
    E,
    "NaN and infinity in a payload",
    ok(
        HEL
        + sse(delta("lo")).replace(b'"id"', b'"score":NaN,"other":-Infinity,"id"')
        + sse(delta(finish="stop"))
    ),
)
sends(
    E,
    "an event of two megabytes",
    ok(sse(delta("x" * (2 << 20)), delta(finish="stop"))),
    text="x" * (2 << 20),
)

# -- endings -----------------------------------------------------------------------------------

N = "Endings"
DONE: Any = sse("[DONE]")
sends(N, "[DONE], then a reset", CHUNKED, chunked(FINISHED + DONE, end=False), then="reset")
sends(
    N,
    "[DONE], then fewer bytes than the content length",
    head("200 OK", "Content-Length: 9999"),
    FINISHED + DONE,
    then="close",
)
sends(
    N,
    "[DONE], then a chunk size that isn't a number",
    CHUNKED,
    chunked(HELLO, end=False) + b"zz\r\n",
    then="close",
)
sends(
    N, "[DONE], then gzip is cut off", head("200 OK", "Content-Encoding: gzip"), *gz(HELLO)[:1], then="close"
)
sends(N, "usage, then a reset", CHUNKED, chunked(FINISHED + sse(USAGE), end=False), then="reset")
sends(N, "finish reason, then a bad frame", ok(FINISHED + b"data: {oops\n\n"))
sends(N, "finish reason length", ok(sse(delta("Hello"), delta(finish="length"))))
sends(
    N, "finish reason over TLS, then cut off", CHUNKED, chunked(FINISHED, end=False), then="reset", tls=True
)
sends(
    N,
    "finish reason, then an error",
    ok(FINISHED + sse({"error": {"message": "no", "code": 500}})),
    ends="ServerError",
)

# -- broken HTTP -------------------------------------------------------------------------------

B = "Broken HTTP"
CUT_OFF: dict[str, Any] = {"ends": "APIConnectionError", **CUT}
LOST: dict[str, Any] = {"ends": "APIConnectionError", **NOTHING}
sends(B, "the preface of HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\0" * 18, then="close", **LOST)
sends(
    B,
    "two different Content-Lengths",
    head("200 OK", "Content-Length: 5", LENGTH),
    HELLO,
    then="close",
    **LOST,
)
sends(
    B,
    "a Content-Length that isn't a number, then the end",
    head("200 OK", "Content-Length: many"),
    HELLO,
    then="close",
)
sends(
    B,
    "a chunk that is longer than its size",
    CHUNKED + chunked(HEL, end=False) + b"3\r\n: pings\n\r\n",
    then="close",
    **CUT_OFF,
)
sends(B, "a chunked body without its last chunk", CHUNKED + chunked(HEL, end=False), then="close", **CUT_OFF)
sends(
    B,
    "two hundred trailers",
    CHUNKED + chunked(HEL, end=False) + b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    **CUT_OFF,
)
sends(
    B,
    "a second gzip member that is broken",
    ok(gzip.compress(HEL) + b"\x1f\x8b" + b"\xff" * 30, "Content-Encoding: gzip"),
    **CUT_OFF,
)


@case(B, "closed in the middle of the headers, then success", retries=2, requests=2)
def _(peer: Peer) -> None:
    if peer.number:
        peer.send(ok())
    else:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        peer.close()


# -- replies that aren't streams ---------------------------------------------------------------

P = "Replies that aren't streams"
NO_STREAM: dict[str, Any] = {"ends": "NotAnEventStreamError", **NOTHING}
sends(P, "an empty JSON object", ok(b"{}", "Content-Type: application/json"), **NO_STREAM)
sends(P, "a JSON list", ok(b"[]", "Content-Type: application/json"), **NO_STREAM)
sends(P, "only blanks", ok(b" \n\n \n"), **NO_STREAM)
sends(
    P, "a login page after a captive portal's 200", ok(b"\n\n<HTML><body>Sign in</body></HTML>"), **NO_STREAM
)

# -- errors ------------------------------------------------------------------------------------

R = "Errors by status"
for number, kind in {
    405: "BadRequestError",
    410: "BadRequestError",
    415: "BadRequestError",
    451: "BadRequestError",
}.items():
    sends(
        R,
        f"{number} with an empty body",
        refusal(f"{number} No", ""),
        ends=kind,
        status=number,
        retryable=False,
        **NOTHING,
    )
for number in (501, 504, 520, 524, 599):
    sends(
        R,
        f"{number} with an empty body",
        refusal(f"{number} No", ""),
        ends="ServerError",
        status=number,
        retryable=True,
        **NOTHING,
    )
for name, body, message in (
    (
        "Anthropic's format",
        {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}},
        "no",
    ),
    ("Gemini's format", {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, "no"),
    ("the format of AWS", {"message": "no", "__type": "ValidationException"}, "no"),
    ("a string for the error", {"error": "no"}, "no"),
    ("a string for the detail", {"detail": "no"}, "no"),
    ("a list of errors", {"errors": [{"message": "no"}]}, "no"),
):
    sends(
        R,
        f"400, {name}",
        refusal("400 X", body),
        ends="BadRequestError",
        message=message,
        body=body,
        **NOTHING,
    )
sends(
    R,
    "400, a page in gzip",
    head(
        "400 X",
        "Content-Type: application/json",
        "Content-Encoding: gzip",
        f"Content-Length: {len(gzip.compress(b'{}'))}",
    ),
    gzip.compress(b"{}"),
    ends="BadRequestError",
    **NOTHING,
)

S = "Errors inside a stream"
for name, payload, kind in (
    ("with a code of 429", {"error": {"code": 429, "message": "slow down"}}, "RateLimitError"),
    (
        "with type and error, as Anthropic sends it",
        {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        "OverloadedError",
    ),
    ("with a code of 401", {"error": {"code": 401, "message": "expired"}}, "AuthenticationError"),
    (
        "with object: error, as vLLM sends it",
        {"object": "error", "message": "no", "code": 400},
        "BadRequestError",
    ),
):
    sends(S, f"an error {name}", ok(HEL + sse(payload)), ends=kind, **CUT)
sends(
    S,
    "an error, then [DONE]",
    ok(HEL + sse({"error": {"message": "no", "code": 500}}, "[DONE]")),
    ends="ServerError",
    **CUT,
)

# -- redirects ---------------------------------------------------------------------------------

D = "Redirects"
for number in (301, 302, 303, 308):

    @case(D, f"{number} on the same host", requests=2)
    def _(peer: Peer, number: int = number) -> None:
        peer.send(
            ok() if peer.number else head(f"{number} Moved", "Location: ../v2/chat", "Content-Length: 0")
        )


for name, target in (
    ("a port that isn't a number", "http://127.0.0.1:x/"),
    ("a bracket", "http://[/"),
    ("another scheme", "file:///etc/passwd"),
):
    sends(
        D,
        f"a Location with {name}",
        head("307 Moved", f"Location: {target}", "Content-Length: 0"),
        ends="APIError",
        status=307,
        requests=1,
        **NOTHING,
    )

# -- hostile servers ---------------------------------------------------------------------------

sends(
    HOSTILE,
    "a deflate bomb",
    ok(zlib.compress(b"data: " + b"\0" * (200 << 20), 9), "Content-Encoding: deflate"),
    ends="BadFrameError",
    **NOTHING,
)
BOMB = gzip.compress(b"{" + b" " * (200 << 20), 9)
sends(
    HOSTILE,
    "an error page that is a gzip bomb",
    head("400 X", "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}"),
    BOMB,
    ends="BadRequestError",
    **NOTHING,
)
NESTED = json.dumps({"error": {"message": "no"}}).replace('"no"', "[" * 5000 + "]" * 5000)
sends(
    HOSTILE, "an error nested five thousand deep", refusal("400 X", NESTED), ends="BadRequestError", **NOTHING
)

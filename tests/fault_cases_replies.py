"""Fault cases: broken replies, replies that aren't streams, errors, retries and redirects."""

from __future__ import annotations

import gzip
from typing import Any

from .fault_cases import CHUNKED, CUT, HEL, NOTHING, QUICK, case, sends
from .faultserver import HELLO, Peer, chunked, delta, head, ok, refusal, sse

# -- broken replies ----------------------------------------------------------------------

B = "Broken HTTP"
sends(B, "closed before the status line", then="close", ends="APIConnectionError", **NOTHING)
sends(B, "reset before the status line", then="reset", ends="APIConnectionError", **NOTHING)
sends(
    B,
    "garbage instead of a status line",
    b"\x16\x03\x01 hello\r\n\r\n",
    then="close",
    ends="APIConnectionError",
    **NOTHING,
)
sends(
    B,
    "a status that isn't a number",
    b"HTTP/1.1 abc OK\r\n\r\n",
    then="close",
    ends="APIConnectionError",
    **NOTHING,
)
sends(
    B,
    "closed in the middle of the headers",
    b"HTTP/1.1 200 OK\r\nContent-Ty",
    then="close",
    ends="APIConnectionError",
    retryable=True,
    **NOTHING,
)
sends(
    B,
    "ten thousand headers",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    then="close",
    ends="APIConnectionError",
    **NOTHING,
)
sends(
    B,
    "a header of one megabyte",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n",
    then="close",
    ends="APIConnectionError",
    **NOTHING,
)
sends(
    B,
    "a chunk size that isn't a number",
    CHUNKED + chunked(HEL, end=False) + b"zz\r\n",
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    B,
    "a negative chunk size",
    CHUNKED + chunked(HEL, end=False) + b"-5\r\n",
    then="close",
    ends="APIConnectionError",
    **CUT,
)
sends(
    B,
    "a chunk size with a sign",
    CHUNKED + chunked(HEL, end=False) + b"+9\r\n: a ping\n\r\n0\r\n\r\n",
    ends="APIConnectionError",
    **CUT,
)
sends(
    B,
    "a chunk size with an underscore",
    CHUNKED + chunked(HEL, end=False) + b"0_9\r\n: a ping\n\r\n0\r\n\r\n",
    ends="APIConnectionError",
    **CUT,
)
sends(
    B,
    "a chunk size that never ends",
    CHUNKED + chunked(HEL, end=False) + b"0" * 100_000,
    then="hang",
    ends="APIConnectionError",
    **CUT,
)
sends(
    B,
    "Content-Encoding: gzip, and the gzip body is corrupt",
    ok(gzip.compress(HELLO)[:10] + b"\xff" * 40, "Content-Encoding: gzip"),
    ends="APIConnectionError",
    **NOTHING,
)
sends(
    B,
    "Content-Encoding: lz4, which wasn't asked for",  # zstd is decoded if a package for it is installed
    ok(bytes.fromhex("04224d186440a70600008064617461"), "Content-Encoding: lz4"),
    ends="APIConnectionError",
    retryable=False,
    **NOTHING,
)

P = "Replies that aren't streams"
sends(P, "empty body", ok(b""), ends="NotAnEventStreamError", **NOTHING)
sends(P, "204 No Content", b"HTTP/1.1 204 No Content\r\n\r\n", ends="NotAnEventStreamError", **NOTHING)
sends(
    P,
    "HTML",
    ok(b"<!doctype html><title>Log in</title>", "Content-Type: text/html"),
    ends="NotAnEventStreamError",
    **NOTHING,
)
sends(
    P,
    "plain text",
    ok(b"upstream says hi", "Content-Type: text/plain"),
    ends="NotAnEventStreamError",
    **NOTHING,
)
sends(
    P,
    "a JSON error with status 200",
    ok(b'{"error":{"message":"no","code":"model_not_found"}}'),
    ends="NotFoundError",
    code="model_not_found",
    **NOTHING,
)
sends(
    P,
    "a JSON error with status 200, in MiniMax's format",
    ok(b'{"id":"c1","choices":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}'),
    ends="RateLimitError",
    code=1002,
    message="rate limit",
    retryable=True,
    **NOTHING,
)
sends(P, "only comments", ok(b": hello\n\n" * 5), ends="TruncatedStreamError", **NOTHING)
sends(P, "only bad frames", ok(b"data: {oops\n\n" * 5), ends="BadFrameError", **NOTHING)

# -- errors -------------------------------------------------------------------------------

R = "Errors by status"
OPENAI_SHAPE = {
    "error": {"message": "no such thing", "type": "invalid_request_error", "code": "bad", "param": None}
}
CLOUDFLARE = "<html><title>Attention Required! | Cloudflare</title>you have been blocked</html>"
for status, kind in {
    "400 Bad Request": "BadRequestError",
    "401 Unauthorized": "AuthenticationError",
    "402 Payment Required": "PermissionDeniedError",
    "403 Forbidden": "PermissionDeniedError",
    "404 Not Found": "NotFoundError",
    "413 Too Large": "BadRequestError",
    "422 Unprocessable": "BadRequestError",
    "429 Too Many Requests": "RateLimitError",
    "498 Flex capacity": "OverloadedError",
    "500 Oops": "ServerError",
    "503 Busy": "OverloadedError",
    "529 Overloaded": "OverloadedError",
}.items():
    sends(
        R,
        f"{status[:3]}, JSON in OpenAI's format",
        refusal(status, OPENAI_SHAPE),
        ends=kind,
        status=int(status[:3]),
        message="no such thing",
        body=OPENAI_SHAPE,
        **NOTHING,
    )
OPENROUTER_SHAPE = {
    "error": {
        "code": 502,
        "message": "Provider returned error",
        "metadata": {"provider_name": "Acme", "raw": "model overheated"},
    }
}
sends(
    R,
    "502, JSON in OpenRouter's format",
    refusal("502 Bad Gateway", OPENROUTER_SHAPE),
    ends="ServerError",
    status=502,
    code=502,
    message="Provider returned error: model overheated",
    **NOTHING,
)
sends(
    R,
    "422, JSON in FastAPI's format",
    refusal("422 X", {"detail": [{"loc": ["body", "n"], "msg": "too large"}]}),
    ends="BadRequestError",
    message="body.n: too large",
    **NOTHING,
)
sends(
    R,
    "500, plain text",
    refusal("500 Oops", "out of memory"),
    ends="ServerError",
    message="out of memory",
    body="out of memory",
    **NOTHING,
)
sends(
    R,
    "502, HTML from a proxy",
    refusal("502 Bad Gateway", "<html><head><title>502 Bad Gateway</title></head></html>"),
    ends="ServerError",
    message="502 Bad Gateway",
    **NOTHING,
)
sends(
    R,
    "403, Cloudflare's block page",
    refusal("403 Forbidden", CLOUDFLARE),
    ends="PermissionDeniedError",
    message="blocked by Cloudflare; try another network or ask the gateway's operator",
    body=CLOUDFLARE,
    **NOTHING,
)
sends(
    R,
    "500, an event stream with the error (LiteLLM)",
    refusal(
        "500 Oops",
        'data: {"error": {"message": "no such thing", "type": "upstream", "code": "500"}}\n\n'
        "data: [DONE]\n\n",
    ),
    ends="ServerError",
    message="no such thing",
    code="500",
    type="upstream",
    status=500,
    **NOTHING,
)
sends(
    R,
    "503, Hugging Face while it loads the model",
    refusal("503 Busy", {"error": "Model m is currently loading", "estimated_time": 20.5}),
    ends="OverloadedError",
    message="Model m is currently loading",
    retry_after=20.5,
    retryable=True,
    **NOTHING,
)
sends(
    R,
    "429, JSON in Google's format, in a list",
    refusal(
        "429 Too Many Requests",
        [{"error": {"code": 429, "message": "quota", "details": [{"x": 1}, {"retryDelay": "1.25s"}]}}],
    ),
    ends="RateLimitError",
    message="quota",
    code=429,
    retry_after=1.25,
    **NOTHING,
)
sends(
    R,
    "400, JSON in Cloudflare's format",
    refusal("400 X", {"success": False, "errors": [{"code": 7003, "message": "no route"}], "result": None}),
    ends="BadRequestError",
    message="no route",
    code=7003,
    **NOTHING,
)
sends(
    R,
    "502, HTML of 200 kB without an end",
    refusal("502 Bad Gateway", "<html><title>" + "<" * 200_000),
    ends="ServerError",
    status=502,
    **NOTHING,
)
sends(R, "500 with an empty body", refusal("500 Oops", ""), ends="ServerError", **NOTHING)
sends(
    R,
    "500, truncated body",
    head("500 Oops", "Content-Length: 9999") + b"half a sen",
    then="close",
    ends="ServerError",
    message="half a sen",
    **NOTHING,
)
sends(
    R,
    "500, body that never ends",
    head("500 Oops", "Content-Length: 9999") + b"half a sen",
    then="hang",
    ends="ServerError",
    message="half a sen",
    timeouts=QUICK,
    **NOTHING,
)
sends(R, "400, deeply nested JSON", refusal("400 X", "[" * 100_000), ends="BadRequestError", **NOTHING)
sends(
    R,
    "418 with a body of five megabytes",
    refusal("418 Teapot", "short and stout " * 300_000),
    ends="BadRequestError",
    **NOTHING,
)
sends(
    R,
    "401 that quotes the API key",
    refusal("401 X", {"error": {"message": "wrong key sk-of-the-wire-cases"}}),
    ends="AuthenticationError",
    message="wrong key ***",
    **NOTHING,
)

S = "Errors inside a stream"
LATE = {
    "id": "c1",
    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    "error": {"code": 502, "message": "Provider disconnected"},
}
sends(
    S,
    "an error object after text",
    ok(HEL + sse(LATE)),
    ends="ServerError",
    code=502,
    message="Provider disconnected",
    **CUT,
)
sends(
    S,
    "event: error",
    ok(HEL + b'event: error\ndata: {"message": "overloaded", "type": "overloaded_error"}\n\n'),
    ends="OverloadedError",
    **CUT,
)
sends(
    S,
    "an error string",
    ok(HEL + sse({"error": "stream failed"})),
    ends="APIError",
    message="stream failed",
    **CUT,
)

# -- retries ------------------------------------------------------------------------------

T = "Retries"


def attempts(name: str, *replies: bytes, retries: int = 4, **expected: Any) -> None:
    """Answer the n-th request with the n-th reply; if a reply is empty, reset the connection."""

    def script(peer: Peer) -> None:
        reply = replies[min(peer.number, len(replies) - 1)]
        if not reply:
            peer.reset()
        else:
            peer.send(reply)

    case(T, name, retries=retries, **expected)(script)


SOON = "retry-after-ms: 10"
for status in ("408 Timeout", "409 Conflict", "429 Slow", "500 Oops", "503 Busy", "529 Overloaded"):
    attempts(f"{status[:3]}, then success", refusal(status, OPENAI_SHAPE, SOON), ok(), requests=2)
attempts("reset, then success", b"", ok(), requests=2)
attempts(
    "429 every time",
    refusal("429 Slow", OPENAI_SHAPE, SOON),
    retries=2,
    ends="RateLimitError",
    text="",
    requests=3,
    retry_after=0.01,
)
attempts(
    "429 with a Retry-After of one hour",
    refusal("429 Slow", OPENAI_SHAPE, "Retry-After: 3600"),
    ends="RateLimitError",
    text="",
    requests=1,
    retry_after=3600.0,
)
attempts(
    "429, code insufficient_quota",
    refusal("429 Slow", {"error": {"message": "no credit", "code": "insufficient_quota"}}, SOON),
    ends="RateLimitError",
    text="",
    requests=1,
)
attempts(
    "400 isn't retried", refusal("400 No", OPENAI_SHAPE, SOON), ends="BadRequestError", text="", requests=1
)
attempts(
    "402 isn't retried",
    refusal("402 Pay", OPENAI_SHAPE, SOON),
    ends="PermissionDeniedError",
    text="",
    requests=1,
)
attempts(
    "500 with x-should-retry: false",
    refusal("500 Oops", OPENAI_SHAPE, SOON, "x-should-retry: false"),
    ends="ServerError",
    text="",
    requests=1,
)
attempts(
    "an error in the stream before any output",
    ok(sse({"error": {"code": 503, "message": "busy, try again in 10ms"}})),
    ok(),
    requests=2,
)
attempts(
    "a body cut before any output", CHUNKED + chunked(sse(delta()), end=False) + b"zz\r\n", ok(), requests=2
)
attempts(
    "a body cut after output",
    CHUNKED + chunked(HEL, end=False) + b"zz\r\n",
    ok(),
    ends="APIConnectionError",
    text="Hel",
    requests=1,
)
attempts(
    "an error in the stream after output",
    ok(HEL + sse({"error": {"code": 503, "message": "busy"}})),
    ok(),
    ends="OverloadedError",
    text="Hel",
    requests=1,
)

# -- redirects ------------------------------------------------

D = "Redirects"


@case(D, "307 on the same host", requests=2)
def _(peer: Peer) -> None:
    peer.send(
        ok() if peer.number else head("307 Moved", "Location: /v2/chat/completions", "Content-Length: 0")
    )


sends(
    D,
    "to another host",
    head("308 Moved", "Location: https://evil.example/v1", "Content-Length: 0"),
    ends="APIError",
    status=308,
    requests=1,
    **NOTHING,
)
sends(
    D,
    "to another port",
    head("307 Moved", "Location: http://127.0.0.1:9/v1", "Content-Length: 0"),
    ends="APIError",
    status=307,
    requests=1,
    **NOTHING,
)
sends(
    D,
    "in a circle",
    head("302 Moved", "Location: /v1/chat/completions", "Content-Length: 0"),
    ends="APIError",
    requests=6,
    **NOTHING,
)
sends(D, "304 without a Location", head("304 Not Modified"), ends="APIError", status=304, **NOTHING)

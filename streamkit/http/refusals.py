"""A reply without a success status -> the `APIError` that is raised for it, live and in a replay.

Rule: everything that decides class, message, wait and retry of a refusal is in this file and in
error_bodies.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from .._interrupts import is_interrupt
from ..error_bodies import api_error, decode_body
from ..errors import APIConnectionError, APIError, StreamkitError
from .messages import Reply
from .ratelimits import rate_limits
from .retry import http_date, retry_after
from .scrubbing import scrub

logger = logging.getLogger("streamkit")

MAX_ERROR_BODY = 1 << 20  # bytes kept of the body of an error reply
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-generation-id", "cf-ray")


def is_success(status: int) -> bool:
    """Return True if a reply with this status contains an answer."""
    return 200 <= status < 300


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's name for the request; *headers* has lower-case names."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


def read_refusal(reply: Reply, *, now: float, secrets: tuple[str, ...] = ()) -> APIError:
    """Return the error for a reply without a success status. Any body is accepted.

    *now* is the wall-clock time of the reply, for a Retry-After with a date. The server's own Date is
    better: both are of the same clock, and a replay has it too.
    """
    body = bytearray()
    try:
        for chunk in reply.chunks:
            body += chunk[: MAX_ERROR_BODY - len(body)]
            if len(body) >= MAX_ERROR_BODY:
                break
    except Exception as exc:  # of a transport that breaks its contract, too
        is_known = isinstance(exc, StreamkitError)
        if not isinstance(exc, APIConnectionError) and (is_known or is_interrupt(exc)):
            raise
        logger.warning("the body of a reply with status %d was truncated: %s", reply.status, exc)
    sent = http_date(reply.headers.get("date"))
    moment = now if sent is None else sent
    error = api_error(
        scrub(decode_body(body.decode(errors="replace")), secrets),
        status=reply.status,
        headers=reply.headers,
        retry_after=retry_after(reply.headers, now=moment),
        request_id=request_id(reply.headers),
    )
    if error.status == 429 and error.retry_after is None:
        limits = rate_limits(reply.headers, now=moment).values()
        resets = [limit.reset for limit in limits if limit.remaining == 0 and limit.reset is not None]
        error.retry_after = max(resets, default=None)
    # OpenAI sends this header if the status alone gives the wrong advice.
    advice = reply.headers.get("x-should-retry", "").strip().lower()
    if advice in ("true", "false"):
        error.retryable = advice == "true"
    return error

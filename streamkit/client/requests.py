"""One request that isn't a stream: a call in, its reply out, after retries. Its body is still to be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import StreamkitError
from ..http.clocks import Watch
from ..http.messages import send
from ..http.refusals import is_success, read_refusal
from ..http.retry import next_wait
from ..http.secrets import redact_url
from ..request.options import RetryPolicy

if TYPE_CHECKING:
    from ..http.messages import Call, Reply, Transport


def send_request(
    transport: Transport,
    make_call: Callable[[], Call],
    watch: Watch,
    policy: RetryPolicy,
    *,
    random: Callable[[], float],
) -> Reply:
    """Return the reply. Raises `APIError` for one without success, and the transport's errors."""
    watch.begin()
    attempt = 0
    while True:
        attempt += 1
        watch.begin_attempt()
        call = make_call()
        try:
            reply = send(transport, call, watch)
            if is_success(reply.status):
                return reply
            try:
                raise read_refusal(reply, now=time.time(), secrets=call.secrets)
            finally:
                reply.close()
        except StreamkitError as error:
            error.where = error.where or f"{call.method} {redact_url(call.url)}"
            left = watch.deadline_left()
            wait = next_wait(error, attempt=attempt, policy=policy, deadline_left=left, random=random)
            if wait is None:
                raise
        watch.wait(wait)

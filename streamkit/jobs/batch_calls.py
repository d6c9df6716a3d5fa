"""The requests of a batch API -> their JSON objects, or the bytes of a file, through a client.

Rule: a request that begins a batch is sent once (`once`): batch_begin.py repeats it, after a look whether the
first one arrived. All others may be repeated by the client's policy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from attrs import evolve

from ..errors import StreamError, StreamkitError
from ..http.retry import next_wait
from ..http.secrets import hidden
from ..json_text import NotJSONError, loads
from ..request.options import RetryPolicy, Timeouts, as_retry_policy, as_timeouts
from ..wires.batch import Ask, Steps, Value

if TYPE_CHECKING:
    from ..client import Client
    from ..http.messages import Reply

_UPLOAD = 600.0  # seconds for a request with many rows: Anthropic's package waits as long
_ONCE = RetryPolicy(max_retries=0)


class Calls:
    """Sends with the client and the options of a job: extra headers, extra query, timeouts, retries."""

    def __init__(self, client: Client, options: Mapping[str, Any]) -> None:
        self._client = client
        self._headers = hidden(options.get("extra_headers") or {})
        self._query = dict(options.get("extra_query") or {})
        self._timeouts = as_timeouts(options.get("timeouts"), client.timeouts)
        self._retry = as_retry_policy(options.get("retry"), client.retry)

    def run(self, steps: Steps[Value], *, once: str = "", features: Mapping[str, str] | None = None) -> Value:
        """Return the value of *steps*. With *once*, a name for them, no request is repeated."""
        reply: dict[str, Any] | None = None
        try:
            while True:
                ask = next(steps) if reply is None else steps.send(reply)
                reply = self._object(ask, once, features)
        except StopIteration as stop:
            value: Value = stop.value
            return value

    def open_file(self, path: str) -> Reply:
        """Return the reply whose body is the content of a file; the caller closes it."""
        return self._client.request(
            "GET", self._with_query(path), headers=self._headers, timeouts=self._timeouts, retry=self._retry
        )

    def wait_after(self, error: StreamkitError, attempt: int) -> float | None:
        """Return the seconds to wait before another attempt; None if there is to be none."""
        left = float("inf")
        return next_wait(error, attempt=attempt, policy=self._retry, deadline_left=left, random=random.random)

    def pause(self, number: int) -> None:
        """Wait 1 second, then 2, then 4 ..., but never longer than the policy of retries allows."""
        self.sleep(min(2.0**number, self._retry.max_wait))

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts."""
        time.sleep(seconds)

    def _object(self, ask: Ask, once: str, features: Mapping[str, str] | None) -> dict[str, Any]:
        headers: dict[str, str | None] = {"Accept": "application/json", **self._headers}
        if ask.body:
            headers["Content-Type"] = "application/json"
        if once:
            headers["Idempotency-Key"] = f"streamkit-{once}"  # a server that knows it begins one batch only
        reply = self._client.request(
            ask.method,
            self._with_query(ask.path),
            ask.body,
            headers={**headers, **ask.headers},
            features=features,
            timeouts=self._patient() if ask.body else self._timeouts,
            retry=_ONCE if once else self._retry,
        )
        try:
            text = b"".join(reply.chunks)
        finally:
            reply.close()
        try:
            value = loads(text)
        except NotJSONError:
            value = None
        if not isinstance(value, dict):
            raise StreamError(f"{ask.method} {ask.path}: expected a JSON object, got {text[:80]!r}")
        return value

    def _patient(self) -> Timeouts:
        first = self._timeouts.first_event
        return evolve(self._timeouts, first_event=None if first is None else max(first, _UPLOAD))

    def _with_query(self, path: str) -> str:
        return f"{path}{'&' if '?' in path else '?'}{urlencode(self._query)}" if self._query else path

"""What the caller asks for, validated before anything is sent."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

_seconds: Any = validators.optional([validators.instance_of((int, float)), validators.gt(0)])


@frozen
class Timeouts:
    """The clocks of one request, in seconds; None switches a clock off.

    *connect*: until the socket (and TLS) is up. *first_event*: from sending the request to the first
    data event. *idle*: between data events, which keep-alive comments do not feed. *bytes*: between
    any bytes at all. *deadline*: for the whole call, retries included; none by default, because a
    total limit kills healthy long answers.
    """

    connect: float | None = field(default=10, validator=_seconds)
    first_event: float | None = field(default=120, validator=_seconds)
    idle: float | None = field(default=120, validator=_seconds)
    bytes: float | None = field(default=None, validator=_seconds)
    deadline: float | None = field(default=None, validator=_seconds)


@frozen
class RetryPolicy:
    """How often, and how long at most in seconds, to wait before trying again.

    Retries happen before the first output only. A server that asks for more than *max_wait* is
    raised at once, with `.retry_after`.
    """

    max_retries: int = field(default=4, validator=[validators.instance_of(int), validators.ge(0)])
    max_wait: float = field(default=60, validator=[validators.instance_of((int, float)), validators.ge(0)])

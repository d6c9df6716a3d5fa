"""The types of one HTTP call and its reply, the transport protocol between them, and the way to use one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from attrs import field, frozen

from .._interrupts import is_interrupt
from ..errors import APIConnectionError, StreamkitError
from .clocks import Watch
from .secrets import Secret, redact_sent, redact_url, secrets_in


@frozen
class Call:
    """One request. Only `credentials`, a header to `Secret` mapping, contains the key."""

    url: str = field(repr=lambda url: repr(redact_url(url)))
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    headers: Mapping[str, str] = field(factory=dict, repr=lambda headers: repr(redact_sent(headers)))
    credentials: Mapping[str, Secret] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict, repr=lambda query: repr(redact_sent(query)))

    # Secrets that a session of the caller's own adds when it sends the request.
    hidden: tuple[Secret, ...] = ()
    method: str = "POST"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret of the call, longest first, for masking those that a server quotes."""
        found = {Secret(word) for value in self.credentials.values() for word in value.split()[-1:]}
        found |= {*self.hidden, *secrets_in(self.url, {**self.headers, **self.credentials}, self.query)}
        return tuple(sorted((secret for secret in found if len(secret) > 5), key=len, reverse=True))


@frozen
class Reply:
    """The answer to a call: status, headers (lower-case names), and the body while it arrives.

    `chunks` raises `StreamkitError` only. The reading thread may call `close` more than once; it returns
    the connection to the pool if the body was read to its end, else it closes the connection.
    """

    status: int
    headers: Mapping[str, str] = field(repr=lambda headers: f"<{len(headers)}>")  # some servers quote the key
    chunks: Iterator[bytes]
    close: Callable[[], None]
    secrets: tuple[str, ...] = field(default=(), repr=lambda _: "***")  # of redirects on the way here


class Transport(Protocol):
    """The one method that sends a request, so that a fake replaces the network without patching."""

    def open(self, call: Call, watch: Watch) -> Reply:
        """Send *call* and return when its headers have arrived. Raises `StreamkitError` only."""


def send(transport: Transport, call: Call, watch: Watch) -> Reply:
    """Return the reply of *transport*; an exception that breaks its contract becomes `APIConnectionError`."""
    try:
        return transport.open(call, watch)
    except StreamkitError:
        raise
    except Exception as exc:
        if is_interrupt(exc):
            raise
        is_network = isinstance(exc, OSError)  # any other is more likely a mistake in the transport
        raise APIConnectionError(
            f"sending the request failed: {type(exc).__name__}: {exc}", retryable=is_network
        ) from exc

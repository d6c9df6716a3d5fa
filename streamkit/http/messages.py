"""The types of one HTTP call and its reply, and the transport protocol between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from attrs import field, frozen

from .clocks import Watch
from .secrets import Secret, redact


@frozen
class Call:
    """One POST. Only `credentials`, a header to `Secret` mapping, contains the key."""

    url: str
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    headers: Mapping[str, str] = field(factory=dict, repr=lambda headers: repr(redact(headers)))
    credentials: Mapping[str, Secret] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict, repr=lambda query: repr(redact(query)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys without "Bearer ", for masking them if a server quotes them."""
        return tuple(word for value in self.credentials.values() if len(word := value.split()[-1]) > 5)


@frozen
class Reply:
    """The answer to a call: status, headers (lower-case names), and the body while it arrives.

    `chunks` raises `StreamkitError` only. The reading thread may call `close` more than once; it returns
    the connection to the pool if the body was read to its end, else it closes the connection.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    close: Callable[[], None]


class Transport(Protocol):
    """The one method that sends a request, so that a fake replaces the network without patching."""

    def open(self, call: Call, watch: Watch) -> Reply:
        """Send *call* and return when its headers have arrived. Raises `StreamkitError` only."""

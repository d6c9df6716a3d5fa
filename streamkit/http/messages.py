"""One HTTP call and its reply, and the seam between them and the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from attrs import field, frozen

from .clocks import Watch
from .secrets import Secret, redact


@frozen
class Call:
    """One POST. The key is in `credentials` (header to `Secret`) and nowhere else."""

    url: str
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    headers: Mapping[str, str] = field(factory=dict, repr=lambda headers: repr(redact(headers)))
    credentials: Mapping[str, Secret] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict, repr=lambda query: repr(redact(query)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a server might quote and nobody should read: the keys without "Bearer "."""
        return tuple(word for value in self.credentials.values() if len(word := value.split()[-1]) > 5)


@frozen
class Reply:
    """What came back: status, headers (lower-case names), the body as it arrives.

    `chunks` raises `StreamkitError` only. `close` may be called more than once, by the reading thread;
    it gives the connection back to the pool where the body was read to its end.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    close: Callable[[], None]


class Transport(Protocol):
    """The seam: one method, so that a fake needs no patching."""

    def open(self, call: Call, watch: Watch) -> Reply:
        """Send *call*, return when the headers are in. Raises `StreamkitError` only."""

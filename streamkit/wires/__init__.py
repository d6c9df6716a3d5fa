"""One file per API, both directions: build a request, normalize payloads into fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from ..errors import UsageError
from ..fragments import Fragment, Payload, PayloadOrNote
from ..profiles import Profile
from . import chat


@frozen
class Wire:
    """One API: its name, where it is called, and how it is read."""

    name: str
    path: str
    normalize: Callable[[Iterable[PayloadOrNote], Profile], Iterator[Fragment]]
    payloads_from_body: Callable[[Payload], list[Payload]]


WIRES = {
    "chat": Wire("chat", "/chat/completions", chat.normalize, chat.payloads_from_body),
}


def find_wire(name: str) -> Wire:
    """The wire of that name. Raises `UsageError` where there is none."""
    try:
        return WIRES[name]
    except KeyError:
        raise UsageError(f"no wire {name!r}; known are {', '.join(WIRES)} and, for reading, auto") from None

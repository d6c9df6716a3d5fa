"""One API, both directions: a `Wire` normalizes the payloads of an answer; `building.py` makes the body.

| wire | builds | reads |
|---|---|---|
| chat | `chat_body.py` | `chat.py` |
| responses | `responses_body.py` | `responses.py` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import frozen

from ..errors import UsageError
from ..fragments import Fragment, Payload, PayloadOrNote
from ..profiles import Profile
from . import chat, responses


@frozen
class Wire:
    """One API: its name, the path it is called at, and how its answers are read."""

    name: str
    path: str
    normalize: Callable[[Iterable[PayloadOrNote], Profile], Iterator[Fragment]]
    payloads_from_body: Callable[[Payload], list[Payload]]


WIRES: Mapping[str, Wire] = {
    "chat": Wire("chat", "/chat/completions", chat.normalize, chat.payloads_from_body),
    "responses": Wire("responses", "/responses", responses.normalize, responses.payloads_from_body),
}


def find_wire(name: str) -> Wire:
    """The wire of that name. Raises `UsageError` where there is none."""
    try:
        return WIRES[name]
    except KeyError:
        raise UsageError(f"no wire {name!r}; known are {', '.join(WIRES)} and, for reading, auto") from None

"""One API, both directions: a `Wire` builds the body of a call and normalizes the payloads of its answer.

| wire | builds | reads |
|---|---|---|
| chat | `chat_body.py` | `chat.py` |
| responses | `responses_body.py` | `responses.py` |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from ..errors import UsageError
from ..fragments import Fragment, Payload, PayloadOrNote
from ..profiles import Profile
from ..request import BuildReport, PreparedRequest, Request
from . import chat, chat_body, responses, responses_body

logger = logging.getLogger("streamkit")


@frozen
class Wire:
    """One API: its name, the path it is called at, how a body for it is built, and how it is read."""

    name: str
    path: str
    build: Callable[[Request, Profile, BuildReport], dict[str, Any]]
    normalize: Callable[[Iterable[PayloadOrNote], Profile], Iterator[Fragment]]
    payloads_from_body: Callable[[Payload], list[Payload]]


WIRES: Mapping[str, Wire] = {
    "chat": Wire("chat", "/chat/completions", chat_body.build, chat.normalize, chat.payloads_from_body),
    "responses": Wire(
        "responses", "/responses", responses_body.build, responses.normalize, responses.payloads_from_body
    ),
}


def find_wire(name: str) -> Wire:
    """The wire of that name. Raises `UsageError` where there is none."""
    try:
        return WIRES[name]
    except KeyError:
        raise UsageError(f"no wire {name!r}; known are {', '.join(WIRES)} and, for reading, auto") from None


def prepare(request: Request, wire: str, profile: Profile) -> PreparedRequest:
    """*request* in the words of *wire*, as *profile* wants them, with `extra_body` merged in last.

    What had to be left out or put right is in `.report`, and logged as a warning. Raises `UsageError`
    where nothing is left to send, or a parameter has no meaning on this wire.
    """
    known = find_wire(wire)
    report = BuildReport()
    body = merge(known.build(request, profile, report), request.extra_body)
    if report:
        logger.warning("request for %s: %s", request.model, report)
    return PreparedRequest(request, wire, known.path, body, report)


def merge(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """*body* with *extra* over it: objects merge key by key, anything else is replaced (RQ-22)."""
    merged = dict(body)
    for key, value in extra.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(known, value) if both else value  # type: ignore[arg-type]
    return merged

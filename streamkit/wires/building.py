"""A validated request -> the body that a wire sends. Apart from the reading halves, which do without it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ..profiles import Profile
from ..request import BuildReport, PreparedRequest, Request
from . import chat_body, find_wire, responses_body

logger = logging.getLogger("streamkit")

_BUILDERS: Mapping[str, Callable[[Request, Profile, BuildReport], dict[str, Any]]] = {
    "chat": chat_body.build,
    "responses": responses_body.build,
}


def prepare(request: Request, wire: str, profile: Profile) -> PreparedRequest:
    """*request* in the words of *wire*, as *profile* wants them, with `extra_body` merged in last.

    What had to be left out or put right is in `.report`, and logged as a warning. Raises `UsageError`
    where nothing is left to send, or a parameter has no meaning on this wire.
    """
    known = find_wire(wire)
    report = BuildReport()
    body = merge(_BUILDERS[wire](request, profile, report), request.extra_body)
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

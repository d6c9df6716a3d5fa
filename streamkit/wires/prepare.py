"""A validated request -> the body that a wire sends. Apart from the reading halves, which do without it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from ..profiles.profile import Profile
from ..request import Request
from . import find_wire
from .report import BuildReport

logger = logging.getLogger("streamkit")


@frozen
class PreparedRequest:
    """A request in the words of one API: *body* is what goes over the network, to *path*."""

    request: Request
    wire: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    report: BuildReport

    def without(self, names: Iterable[str], reason: str) -> PreparedRequest:
        """Return the same request without those fields of its body; the report names them and the reason."""
        left = {name: value for name, value in self.body.items() if name not in names}
        dropped = [*self.report.dropped, f"{', '.join(names)}: {reason}"]
        return evolve(self, body=left, report=evolve(self.report, dropped=dropped))


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

"""A validated request -> the body that a wire sends.

Rule: this file names no API. Steps that every API needs are here: the check of origins, the merge of
`extra_body`, the report in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from ..profiles.profile import Profile
from ..request import Request
from . import find_wire
from .opaque import without_foreign_state
from .report import BuildReport

logger = logging.getLogger("streamkit")


@frozen
class PreparedRequest:
    """A request in the form of one API: *body* is the JSON object to send, to *path*."""

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
    """Return *request* in the form that *wire* and *profile* need, with its `extra_body` merged in last.

    `.report` lists the values that were dropped or repaired; they are also logged as a warning. Raises
    `UsageError` if the body would have no content, or if *wire* lacks one of the parameters.
    """
    known = find_wire(wire)
    report = BuildReport()
    sendable = without_foreign_state(request, known.name, profile, report)
    body = merge(known.build(sendable, profile, report), profile.extra_body.get(known.name, {}))
    body = merge(body, request.extra_body)
    if report:
        logger.warning("request for %s: %s", request.model, report)
    return PreparedRequest(request, known.name, known.path, body, report)


def merge(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with *extra* merged over it: objects merge key by key, other values are replaced."""
    merged = dict(body)
    for key, value in extra.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(known, value) if both else value  # type: ignore[arg-type]
    return merged

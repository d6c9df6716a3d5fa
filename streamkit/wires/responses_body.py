"""A Request -> the body of a Responses call."""

from __future__ import annotations

from typing import Any

from ..items import Message
from ..profiles import Profile
from ..request import BuildReport, Request


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """The body for `/responses`; what it leaves out or puts right goes into *report*."""
    items = [
        {"type": "message", "role": i.role, "content": i.text}
        for i in request.input
        if isinstance(i, Message)
    ]
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True}
    if request.instructions:
        body["instructions"] = request.instructions
    return body | {k: v for k, v in request.params.items() if k not in ("include_usage", "response_format")}

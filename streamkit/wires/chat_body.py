"""A Request -> the body of a Chat Completions call."""

from __future__ import annotations

from typing import Any

from ..items import Message
from ..profiles import Profile
from ..request import BuildReport, Request


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """The body for `/chat/completions`; what it leaves out or puts right goes into *report*."""
    messages: list[dict[str, Any]] = []
    if request.instructions:
        messages.append({"role": "system", "content": request.instructions})
    messages += [{"role": i.role, "content": i.text} for i in request.input if isinstance(i, Message)]
    body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
    if profile.include_usage:
        body["stream_options"] = {"include_usage": True}
    return body | {k: v for k, v in request.params.items() if k not in ("include_usage", "response_format")}

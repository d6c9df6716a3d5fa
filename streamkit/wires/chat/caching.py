"""A chat body -> the same body with cache marks: an Anthropic-style gateway caches all before a mark.

Rule: a mark is a field of a content block, because gateways overlook it in a message. Text stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..cache_marks import MARK, MOST_MARKS, count_marks
from ..report import BuildReport

_BACK = 4  # messages from the end to the mark; the next turn repeats all before it


def mark_for_caching(body: Mapping[str, Any], report: BuildReport) -> dict[str, Any]:
    """Return *body* with marks on the first system message, the last tool, and the conversation so far.

    The caller's own marks stay, and count: *report* lists the places that are over the limit.
    """
    messages = list(body["messages"])
    tools = list(body.get("tools", ()))
    left = MOST_MARKS - count_marks(body)
    places = [n for n, m in enumerate(messages) if m["role"] in ("system", "developer")][:1]
    wanted = [*places, None] if tools else places
    if len(messages) > _BACK:
        wanted = [*wanted, len(messages) - _BACK]
    if not wanted:
        report.leave_out("prompt_cache: the request has no prefix to mark: no system message and no tool")
    marked = 0
    for place in wanted:
        before = tools[-1] if place is None else messages[place]
        after = {**before, **MARK} if place is None else _marked(before)
        if after == before:
            continue
        if marked >= left:
            report.dropped.append(f"prompt_cache: a mark more than the {MOST_MARKS} that servers accept")
            break
        marked += 1
        if place is None:
            tools[-1] = after
        else:
            messages[place] = after
    return {**body, "messages": messages, **({"tools": tools} if tools else {})}


def _marked(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return *message* with a mark on its last content block, or unchanged if it has none."""
    content = message.get("content")
    if isinstance(content, str) and content:
        content = [{"type": "text", "text": content}]
    if not content:
        return dict(message)
    return {**message, "content": [*content[:-1], {**content[-1], **MARK}]}

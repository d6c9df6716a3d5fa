"""A chat body -> the same body with cache marks: an Anthropic-style gateway caches all before a mark.

Rule: a mark is a field of a content block, because gateways overlook it in a message. Text stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MARK = {"cache_control": {"type": "ephemeral"}}
_BACK = 4  # messages from the end to the mark; the next turn repeats all before it


def mark_for_caching(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* with marks on the first system message, the last tool, and the conversation so far."""
    messages = list(body["messages"])
    places = [n for n, m in enumerate(messages) if m["role"] in ("system", "developer")][:1]
    if len(messages) > _BACK:
        places.append(len(messages) - _BACK)
    for place in places:
        messages[place] = _marked(messages[place])
    tools = body.get("tools")
    marked_tools = {"tools": [*tools[:-1], {**tools[-1], **_MARK}]} if tools else {}
    return {**body, "messages": messages, **marked_tools}


def _marked(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return *message* with a mark on its last content block, or unchanged if it has none."""
    content = message["content"]
    if isinstance(content, str) and content:
        content = [{"type": "text", "text": content}]
    if not content:
        return dict(message)
    return {**message, "content": [*content[:-1], {**content[-1], **_MARK}]}

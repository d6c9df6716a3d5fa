"""Marks in a chat body that tell Anthropic-style gateways which beginnings of it to keep in their cache.

Rule: a mark is put on a content block (OQ-15), never on the message beside it, where gateways overlook it
(RL-33). Whatever is marked, the words stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MARK = {"cache_control": {"type": "ephemeral"}}
_BACK = 4  # the fourth message from the end: the next turn begins with all before it unchanged


def mark_for_caching(body: Mapping[str, Any]) -> dict[str, Any]:
    """*body* with a mark on the first system message, the last tool, and the conversation so far."""
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
    """The message with a mark on its last content block; as it is where it has none."""
    content = message["content"]
    if isinstance(content, str) and content:
        content = [{"type": "text", "text": content}]
    if not content:
        return dict(message)
    return {**message, "content": [*content[:-1], {**content[-1], **_MARK}]}

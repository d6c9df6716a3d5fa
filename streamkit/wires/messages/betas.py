"""A body of the Messages API -> the words of `anthropic-beta` that its features need.

Source: Anthropic's documentation of beta headers, as of 2026-11. Features without a field of their own, such
as the context of a million tokens, are the caller's choice: `extra_headers={"anthropic-beta": ...}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FILES = "files-api-2025-04-14"
# By the beginning of a tool's type.
_TOOLS = {
    "code_execution": "code-execution-2025-08-25",
    "web_fetch": "web-fetch-2025-09-10",
    "memory": "context-management-2025-06-27",
    "mcp_toolset": "mcp-client-2025-11-20",
    "advisor": "advisor-tool-2026-03-01",
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
}
_TOOL_FIELDS = ("input_examples", "allowed_callers", "defer_loading")
_ADVANCED_TOOLS = "advanced-tool-use-2025-11-20"
_FIELDS = {
    "mcp_servers": "mcp-client-2025-11-20",
    "context_management": "context-management-2025-06-27",
    "fallbacks": "server-side-fallback-2026-07-01",
    "fallback_credit_token": "fallback-credit-2026-07-01",
}
_THINKING = {
    "block_binding": "thinking-binding-controls-2026-08-01",
    "updates": "thinking-display-updates-2026-08-18",
}
# By the fields of a system message in the conversation, and by the kinds of its blocks.
_MESSAGE_FIELDS = {
    "output_config": "mid-conversation-output-config-2026-07-01",
    "clear_at": "mid-conversation-system-clear-at-2026-08-21",
}
_BLOCKS = {
    "container_upload": _FILES,
    "tool_addition": "mid-conversation-tool-changes-2026-07-01",
    "tool_removal": "mid-conversation-tool-changes-2026-07-01",
}
_COMPACTION = re.compile(r"compact_(\d{4})(\d\d)(\d\d)")  # the date of the word is that of the edit
_SKILLS = "skills-2025-10-02"
_FAST = "fast-mode-2026-02-01"
_TASK_BUDGETS = "task-budgets-2026-03-13"


def beta_headers(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the header for the features of *body*, or no header."""
    words = dict.fromkeys(_words(body))
    return {"anthropic-beta": ",".join(words)} if words else {}


def _words(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (word for name, word in _FIELDS.items() if body.get(name))
    thinking = _dict(body.get("thinking"))
    yield from (
        word for name, word in _THINKING.items() if thinking.get(name) or thinking.get("display") == name
    )
    for edit in _list(_dict(body.get("context_management")).get("edits")):
        if found := _COMPACTION.match(str(_dict(edit).get("type"))):
            yield f"compact-{'-'.join(found.groups())}"
    for tool in map(_dict, _list(body.get("tools"))):
        kind = str(tool.get("type", ""))
        yield from (word for start, word in _TOOLS.items() if kind.startswith(start))
        if any(tool.get(name) for name in _TOOL_FIELDS):
            yield _ADVANCED_TOOLS
    if _dict(body.get("container")).get("skills"):
        yield _SKILLS
    if body.get("speed") == "fast":
        yield _FAST
    if _dict(body.get("output_config")).get("task_budget"):
        yield _TASK_BUDGETS
    for message in map(_dict, _list(body.get("messages"))):
        yield from (word for name, word in _MESSAGE_FIELDS.items() if message.get(name))
        blocks = _list(message.get("content"))
        inner = [each for block in blocks for each in _list(_dict(block).get("content"))]
        for block in map(_dict, [*blocks, *inner]):
            if _dict(block.get("source")).get("type") == "file":
                yield _FILES
            if word := _BLOCKS.get(str(block.get("type"))):
                yield word


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

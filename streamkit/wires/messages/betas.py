"""A body of the Messages API -> the words of `anthropic-beta` that its features need.

Source: Anthropic's documentation of beta headers, as of 2026-11. Features without a field of their own, such
as the context of a million tokens, are the caller's choice: `extra_headers={"anthropic-beta": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# By the beginning of a tool's type.
_TOOLS = {
    "code_execution": "code-execution-2025-08-25",
    "web_fetch": "web-fetch-2025-09-10",
    "memory": "context-management-2025-06-27",
    "mcp_toolset": "mcp-client-2025-11-20",
    "advisor": "advisor-tool-2026-03-01",
}
_TOOL_FIELDS = ("input_examples", "allowed_callers", "defer_loading")
_ADVANCED_TOOLS = "advanced-tool-use-2025-11-20"
_FIELDS = {
    "mcp_servers": "mcp-client-2025-11-20",
    "context_management": "context-management-2025-06-27",
}
_COMPACTION = "compact-2026-01-12"
_FILES = "files-api-2025-04-14"
_SKILLS = "skills-2025-10-02"
_FAST = "fast-mode-2026-02-01"
_TASK_BUDGETS = "task-budgets-2026-03-13"


def beta_headers(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the header for the features of *body*, or no header."""
    words = dict.fromkeys(_words(body))
    return {"anthropic-beta": ",".join(words)} if words else {}


def _words(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (word for name, word in _FIELDS.items() if body.get(name))
    for edit in _list(_dict(body.get("context_management")).get("edits")):
        if str(_dict(edit).get("type")).startswith("compact"):
            yield _COMPACTION
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
    blocks = [
        block for message in _list(body.get("messages")) for block in _list(_dict(message).get("content"))
    ]
    inner = [each for block in blocks for each in _list(_dict(block).get("content"))]
    if any(_dict(_dict(block).get("source")).get("type") == "file" for block in [*blocks, *inner]):
        yield _FILES
    if any(_dict(block).get("type") == "container_upload" for block in blocks):
        yield _FILES


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

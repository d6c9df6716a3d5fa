"""Tools and tool_choice for Chat Completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool, ToolSpec
from ..report import BuildReport
from ..tool_specs import NESTED, find_choice, function_object

_HOSTED = frozenset(
    (
        "apply_patch",
        "code_interpreter",
        "computer",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "local_shell",
        "mcp",
        "shell",
        "tool_search",
        "web_search",
        "web_search_preview",
    )
)


def chat_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """`{"type": "function", "function": {...}}`, and whatever kinds the caller's mappings have."""
    written = []
    for position, tool in enumerate(tools):
        if isinstance(tool, ToolSpec):
            function = function_object(tool)
            if tool.strict is not None:
                function["strict"] = tool.strict
            written.append({"type": "function", "function": function})
        elif tool["type"] in _HOSTED:
            report.dropped.append(f"tools[{position}]: {tool['type']} is run by Responses servers only")
        elif tool["type"] in NESTED and tool["type"] not in tool:
            inner = {key: value for key, value in tool.items() if key != "type"}
            written.append({"type": tool["type"], tool["type"]: inner})
        else:
            written.append(dict(tool))
    return written


def chat_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> Any:
    """`tool_choice` for chat, from a mode, the name of a tool, or either API's object."""
    kind, name, given = find_choice(choice, tools)
    return given if name is None else {"type": kind, kind: {"name": name}}

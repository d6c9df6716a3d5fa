"""Tools and tool_choice for the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool, ToolSpec
from ..tool_specs import NESTED, find_choice, function_object


def responses_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Flat: `{"type": "function", "name": ...}`. `strict` is always said: the API's default is true,
    which turns optional parameters into required ones (PQ-09)."""
    written = []
    for tool in tools:
        if isinstance(tool, ToolSpec):
            written.append({"type": "function", **function_object(tool), "strict": bool(tool.strict)})
        elif tool["type"] in NESTED and isinstance(tool.get(tool["type"]), Mapping):
            inner = dict(tool[tool["type"]])
            if tool["type"] == "function":
                inner.setdefault("strict", False)
            written.append({"type": tool["type"], **inner})
        else:
            written.append(dict(tool))
    return written


def responses_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> Any:
    """`tool_choice` for Responses, likewise."""
    kind, name, given = find_choice(choice, tools)
    return given if name is None else {"type": kind, "name": name}

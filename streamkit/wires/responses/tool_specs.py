"""Tools and tool_choice for the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool, ToolSpec
from ..report import BuildReport
from ..tool_specs import NESTED, chosen_tool, common_choice, common_tools, function_object


def responses_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """Return the tools without nesting, as `{"type": "function", "name": ...}`.

    A function always has `strict`: the API's default is true, which would make optional parameters required.
    """
    written = []
    for tool in common_tools(tools, report):
        if isinstance(tool, ToolSpec):
            written.append({"type": "function", "strict": False, **function_object(tool, report)})
        elif tool["type"] in NESTED and isinstance(tool.get(tool["type"]), Mapping):
            inner = dict(tool[tool["type"]])
            if tool["type"] == "function":
                inner.setdefault("strict", False)
            written.append({"type": tool["type"], **inner})
        else:
            written.append(dict(tool))
    return written


def responses_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool], report: BuildReport) -> Any:
    """Return `tool_choice` for a mode, the name of a tool, or the object of any API."""
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools" and "tools" in choice:
        return dict(choice)  # in the API's own words
    choice = common_choice(choice, report)
    chosen = chosen_tool(choice, tools)
    if chosen is None:
        return choice if isinstance(choice, str) else dict(choice)
    kind, name = chosen
    return {"type": kind, "name": name}

"""Tools and tool_choice for the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool
from ..report import BuildReport
from ..tool_specs import NESTED, chosen_tool, common_choice, common_tools, grammar, is_in_flat_form

_KNOWN = frozenset(("defer_loading",))  # keys of a function next to the usual ones


def responses_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """Return the tools without nesting, as `{"type": "function", "name": ...}`.

    A tool in the API's own words is sent as the caller wrote it. Any other function has `strict`: the API's
    default is true, which would make optional parameters required.
    """
    written = []
    for position, tool in enumerate(tools):
        if isinstance(tool, Mapping) and is_in_flat_form(tool):
            written.append(dict(tool))
            continue
        for each in common_tools(tool, f"tools[{position}]", report, known=_KNOWN):
            kind = each["type"]
            if kind not in NESTED:
                written.append(each)
                continue
            default = {"strict": False} if kind == "function" else {}
            others = {name: value for name, value in each.items() if name != kind}
            written.append({**others, **default, **grammar(each[kind], is_flat=True)})
    return written


def responses_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool], report: BuildReport) -> Any:
    """Return `tool_choice` for a mode, the name of a tool, or the object of any API."""
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools" and "tools" in choice:
        return dict(choice)  # in the API's own words
    tools = list(tools)
    hosted = (tool.get("type") for tool in tools if isinstance(tool, Mapping))
    if isinstance(choice, str) and choice not in NESTED and choice in hosted:
        return {"type": choice}  # a tool that the server runs has no other name
    choice = common_choice(choice, report)
    chosen = chosen_tool(choice, tools)
    if chosen is None:
        return choice if isinstance(choice, str) else dict(choice)
    kind, name = chosen
    return {"type": kind, "name": name}

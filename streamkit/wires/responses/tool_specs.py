"""Tools and tool_choice for the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool
from ..hosted_tools import common_kind, is_anthropics
from ..report import BuildReport
from ..tool_choice import chosen_tool, common_choice
from ..tool_specs import NESTED, common_tools, grammar, is_in_flat_form

# The fields without which the server refuses a tool of its own.
_NEEDED: dict[str, dict[str, Any]] = {"code_interpreter": {"container": {"type": "auto"}}}
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
        place = f"tools[{position}]"
        for each in common_tools(tool, place, report, known=_KNOWN):
            kind = each["type"]
            if kind not in NESTED:
                written += _hosted(each, place, report)
                continue
            default = {"strict": False} if kind == "function" else {}
            others = {name: value for name, value in each.items() if name != kind}
            written.append({**others, **default, **grammar(each[kind], is_flat=True)})
    return written


def _hosted(tool: Mapping[str, Any], place: str, report: BuildReport) -> list[dict[str, Any]]:
    """Return a tool that the server runs, in a list; none if only another API has it."""
    kind = str(tool["type"])
    word = common_kind(kind) if is_anthropics(kind) else kind
    if word is None or word == "web_fetch":
        report.dropped.append(f"{place}: {kind}, which the responses API doesn't have")
        return []
    sent = {"type": word, **_NEEDED.get(word, {})}
    if word == kind:
        return [{**sent, **tool}]
    if domains := tool.get("allowed_domains"):
        sent["filters"] = {"allowed_domains": domains}
    if place_of_user := tool.get("user_location"):
        sent["user_location"] = place_of_user
    kept = ("type", "name", "user_location", "allowed_domains")
    rest = ", ".join(name for name in tool if name not in kept)
    report.repaired.append(f"{place}: {kind} is sent as {word}{f', without {rest}' if rest else ''}")
    return [sent]


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

"""Tools and tool_choice for Gemini."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool, ToolSpec
from ..report import BuildReport
from ..tool_specs import NESTED, calling_config, chosen_tool, common_choice, common_tools, function_object
from .fields import camel

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}
# The beginnings of other APIs' words for tools that Gemini's servers run too -> Gemini's word.
_HOSTED = {
    "web_search": "googleSearch",
    "code_interpreter": "codeExecution",
    "code_execution": "codeExecution",
    "web_fetch": "urlContext",
}
_FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def gemini_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """Return the tools: all functions in one entry, and one entry for each tool that the server runs."""
    functions: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for position, tool in enumerate(tools):
        if isinstance(tool, Mapping) and "type" not in tool and "input_schema" not in tool:
            others.append(dict(tool))  # in Gemini's own words
            continue
        for each in common_tools([tool], report):
            if isinstance(each, ToolSpec) or each.get("type") in NESTED:
                functions.append(_declaration(each, report))
            elif word := next((w for kind, w in _HOSTED.items() if str(each["type"]).startswith(kind)), None):
                report.repaired.append(f"tools[{position}]: {each['type']} is sent as {word}")
                others.append({word: {}})
            else:
                report.dropped.append(f"tools[{position}]: {each['type']}, which the gemini API doesn't have")
    return [*([{"functionDeclarations": functions}] if functions else []), *others]


def _declaration(tool: Tool, report: BuildReport) -> dict[str, Any]:
    if isinstance(tool, ToolSpec):
        function = function_object(tool, report)
    else:
        inner = tool.get(str(tool["type"]))
        function = dict(inner if isinstance(inner, Mapping) else tool)
        if tool["type"] == "custom":
            report.repaired.append(f"tools: {function.get('name')} takes free text; sent as an object")
            function["parameters"] = _FREE_TEXT
    parameters = function.get("parameters") or {}
    about = {name: function[name] for name in ("name", "description") if function.get(name)}
    if not parameters.get("properties"):  # older models refuse an empty object
        return about
    return {**about, "parametersJsonSchema": parameters}


def gemini_choice(
    choice: str | Mapping[str, Any], tools: Iterable[Tool], report: BuildReport
) -> dict[str, Any]:
    """Return `functionCallingConfig` for a mode, the name of a tool, or the object of any API."""
    own = calling_config(choice) if isinstance(choice, Mapping) else None
    if own is not None:
        return {camel(name): value for name, value in own.items()}
    choice = common_choice(choice, report)
    chosen = chosen_tool(choice, tools)
    if chosen is not None:
        return {"mode": "ANY", "allowedFunctionNames": [chosen[1]]}
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        # Only the modes ANY and VALIDATED have a list; VALIDATED leaves the choice between a call and text.
        mode = "ANY" if choice.get("mode") == "required" else "VALIDATED"
        return {"mode": mode, "allowedFunctionNames": [each["name"] for each in choice["tools"]]}
    return {"mode": _MODES.get(choice, choice.upper())} if isinstance(choice, str) else dict(choice)

"""Tools and tool_choice for Gemini."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool
from ...typed.subschemas import map_children
from ..report import BuildReport
from ..tool_choice import calling_config, chosen_tool, common_choice, names_of
from ..tool_specs import FREE_TEXT, NESTED, common_tools, free_text_note
from .fields import camel

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}
# The beginnings of other APIs' words for tools that Gemini's servers run too -> Gemini's word.
_HOSTED = {
    "web_search": "googleSearch",
    "code_interpreter": "codeExecution",
    "code_execution": "codeExecution",
    "web_fetch": "urlContext",
}
_KNOWN = frozenset(("behavior", "response", "responseJsonSchema"))  # keys next to the usual ones


def gemini_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """Return the tools: all functions in one entry, and one entry for each tool that the server runs."""
    functions: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for position, tool in enumerate(tools):
        if isinstance(tool, Mapping) and "type" not in tool and "input_schema" not in tool:
            others.append(dict(tool))  # in Gemini's own words
            continue
        place = f"tools[{position}]"
        for each in common_tools(tool, place, report, known=_KNOWN):
            kind = each["type"]
            if kind in NESTED:
                functions.append(_declaration(each, place, report))
            elif word := next((w for start, w in _HOSTED.items() if str(kind).startswith(start)), None):
                rest = ", ".join(name for name in each if name not in ("type", "name"))
                report.repaired.append(
                    f"{place}: {kind} is sent as {word}{f', without {rest}' if rest else ''}"
                )
                others.append({word: {}})
            else:
                report.dropped.append(f"{place}: {kind}, which the gemini API doesn't have")
    return [*([{"functionDeclarations": functions}] if functions else []), *others]


def function_name(name: str) -> str:
    """Return the name of a function as the API accepts it: it begins with a letter or an underscore."""
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def _declaration(tool: Mapping[str, Any], place: str, report: BuildReport) -> dict[str, Any]:
    kind = tool["type"]
    function = dict(tool[kind])
    if function.get("strict"):
        report.dropped.append(f"{place}: strict, which the gemini API doesn't have")
    if kind == "custom":
        report.repaired.append(free_text_note(function, place))
        function["parameters"] = FREE_TEXT
    about = {name: function[name] for name in ("name", "description") if name in function}
    if "name" in about and (name := function_name(str(about["name"]))) != about["name"]:
        report.repaired.append(f"{place}: the name {about['name']} is sent as {name}")
        about["name"] = name
    about |= {name: value for name, value in tool.items() if name not in ("type", kind)}
    if not function["parameters"].get("properties"):  # older models refuse an empty object
        return about
    return {**about, "parametersJsonSchema": with_lone_references(function["parameters"])}


def with_lone_references(schema: Any) -> Any:
    """Return *schema* with only `$` keywords next to a `$ref`, which means the same.

    "Schema.ref was set alongside unsupported fields": classes with a field of another class have them.
    """
    if not isinstance(schema, Mapping):
        return schema
    changed = map_children(schema, with_lone_references)
    is_alone = all(name.startswith("$") for name in changed)
    if not isinstance(changed.get("$ref"), str) or is_alone or "anyOf" in changed:
        return changed
    reference = {"$ref": changed.pop("$ref")}
    return {**changed, "anyOf": [reference]}


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
        return {"mode": "ANY", "allowedFunctionNames": [function_name(chosen[1])]}
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        # Only the modes ANY and VALIDATED have a list; VALIDATED leaves the choice between a call and text.
        mode = "ANY" if choice.get("mode") == "required" else "VALIDATED"
        names = [function_name(name) for name in names_of(choice)]
        return {"mode": mode, "allowedFunctionNames": names}
    return {"mode": _MODES.get(choice, choice.upper())} if isinstance(choice, str) else dict(choice)

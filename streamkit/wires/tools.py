"""The tools of a request, and which of them to use, in the words of either API.

A `ToolSpec` is a function on both. A mapping is taken as it is, or turned from the other API's shape into
this one's; what only a Responses server runs is dropped on chat, and reported (RL-05).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from ..request import BuildReport, Tool, ToolSpec
from ..schema import map_children, strict_schema

_NESTED = ("function", "custom")  # kinds that chat nests under their own name
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
_MODES = ("auto", "none", "required", "any")  # Mistral says any for required


def chat_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """`{"type": "function", "function": {...}}`, and whatever kinds the caller's mappings have."""
    written = []
    for position, tool in enumerate(tools):
        if isinstance(tool, ToolSpec):
            function = _function(tool)
            if tool.strict is not None:
                function["strict"] = tool.strict
            written.append({"type": "function", "function": function})
        elif tool["type"] in _HOSTED:
            report.dropped.append(f"tools[{position}]: {tool['type']} is run by Responses servers only")
        elif tool["type"] in _NESTED and tool["type"] not in tool:
            inner = {key: value for key, value in tool.items() if key != "type"}
            written.append({"type": tool["type"], tool["type"]: inner})
        else:
            written.append(dict(tool))
    return written


def responses_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Flat: `{"type": "function", "name": ...}`. `strict` is always said: the API's default is true,
    which turns optional parameters into required ones (PQ-09)."""
    written = []
    for tool in tools:
        if isinstance(tool, ToolSpec):
            written.append({"type": "function", **_function(tool), "strict": bool(tool.strict)})
        elif tool["type"] in _NESTED and isinstance(tool.get(tool["type"]), Mapping):
            inner = dict(tool[tool["type"]])
            if tool["type"] == "function":
                inner.setdefault("strict", False)
            written.append({"type": tool["type"], **inner})
        else:
            written.append(dict(tool))
    return written


def _function(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    parameters = {"type": "object", "properties": {}, **_complete(tool.parameters)}
    function["parameters"] = strict_schema(parameters) if tool.strict else parameters
    return function


def _complete(schema: Any) -> Any:
    """*schema* with what servers refuse to do without and MCP tools leave out (RL-35): it says the same."""
    if not isinstance(schema, Mapping):
        return {} if schema is True else schema
    complete = map_children(schema, _complete)
    if complete.get("type") == "array" and "prefixItems" not in complete:
        complete.setdefault("items", {})
    return complete


def chat_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> Any:
    """`tool_choice` for chat, from a mode, the name of a tool, or either API's object."""
    kind, name, given = _chosen(choice, tools)
    return given if name is None else {"type": kind, kind: {"name": name}}


def responses_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> Any:
    """`tool_choice` for Responses, likewise."""
    kind, name, given = _chosen(choice, tools)
    return given if name is None else {"type": kind, "name": name}


def _chosen(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> tuple[str, str | None, Any]:
    """(kind, name, None) of the one tool that is chosen, or ("", None, what to send as it is)."""
    if isinstance(choice, str):
        kinds = {_name(tool): _kind(tool) for tool in tools}
        if choice in _MODES:
            return "", None, choice
        if choice not in kinds:
            known = ", ".join(name for name in kinds if name)
            raise UsageError(
                f"tool_choice takes auto, none, required or the name of a tool ({known or 'there is none'}), "
                f"got {choice!r}"
            )
        return kinds[choice], choice, None
    kind = choice.get("type")
    if kind not in _NESTED:
        return "", None, dict(choice)
    inner = choice.get(kind)
    name = inner.get("name") if isinstance(inner, Mapping) else choice.get("name")
    return kind, name, dict(choice)


def _kind(tool: Tool) -> str:
    return "function" if isinstance(tool, ToolSpec) else str(tool["type"])


def _name(tool: Tool) -> str | None:
    if isinstance(tool, ToolSpec):
        return tool.name
    inner = tool.get(tool["type"])
    name = inner.get("name") if isinstance(inner, Mapping) else tool.get("name")
    return name if isinstance(name, str) else None

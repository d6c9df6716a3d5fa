"""Tools and tool_choice: the rules that hold for every API.

A `ToolSpec` is a function on every API. A mapping is sent as the caller wrote it, except for the kinds in
`NESTED`: an API has their fields either under the kind's own name or next to the type, so a wire moves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from ..request.options import Tool, ToolSpec
from ..typed.schema import map_children, strict_schema

NESTED = ("function", "custom")
_MODES = ("auto", "none", "required", "any")  # any: Mistral's word for required


def function_object(tool: ToolSpec) -> dict[str, Any]:
    """Return the name, description and parameters of *tool*, in the strict form if it is strict."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    parameters = {"type": "object", "properties": {}, **_complete(tool.parameters)}
    function["parameters"] = strict_schema(parameters) if tool.strict else parameters
    return function


def _complete(schema: Any) -> Any:
    """Return *schema* with the keywords that servers require and MCP tools omit; its meaning is the same."""
    if not isinstance(schema, Mapping):
        return {} if schema is True else schema
    complete = map_children(schema, _complete)
    if complete.get("type") == "array" and "prefixItems" not in complete:
        complete.setdefault("items", {})
    return complete


def chosen_tool(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> tuple[str, str] | None:
    """Return the kind and name of the one tool that *choice* stands for; None if *choice* is sent unchanged.

    Raises `UsageError` for a name that no tool has.
    """
    if not isinstance(choice, str):
        kind = choice.get("type")
        name = _name(choice) if kind in NESTED else None
        return None if kind is None or name is None else (kind, name)
    if choice in _MODES:
        return None
    kinds = {_name(tool): _kind(tool) for tool in tools}
    if choice not in kinds:
        names = ", ".join(name for name in kinds if name) or "there are none"
        raise UsageError(
            f"tool_choice: expected auto, none, required or the name of a tool ({names}), got {choice!r:.60}"
        )
    return kinds[choice], choice


def _kind(tool: Tool) -> str:
    return "function" if isinstance(tool, ToolSpec) else str(tool["type"])


def _name(tool: Tool) -> str | None:
    if isinstance(tool, ToolSpec):
        return tool.name
    inner = tool.get(tool["type"])
    name = inner.get("name") if isinstance(inner, Mapping) else tool.get("name")
    return name if isinstance(name, str) else None

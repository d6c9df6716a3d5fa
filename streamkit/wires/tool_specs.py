"""The tools of a request, and which of them to use, in the words of either API.

A `ToolSpec` is a function on both. A mapping is taken as it is, or turned from the other API's shape into
this one's; what only a Responses server runs is dropped on chat, and reported (RL-05).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from ..request.options import Tool, ToolSpec
from ..typed.schema import map_children, strict_schema

NESTED = ("function", "custom")  # kinds that chat nests under their own name
_MODES = ("auto", "none", "required", "any")  # Mistral says any for required


def function_object(tool: ToolSpec) -> dict[str, Any]:
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


def find_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> tuple[str, str | None, Any]:
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
    if kind not in NESTED:
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

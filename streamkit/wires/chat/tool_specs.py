"""Tools, calls and tool_choice for Chat Completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..._lazy import lazy
from ...items import CustomToolCall, FunctionCall, LocalShellCall
from ...profiles.profile import Profile
from ...request.options import Tool
from ..call_pairs import Entry, arguments_to_send
from ..hosted_tools import is_anthropics
from ..report import BuildReport
from ..tool_specs import common_tools, grammar, is_in_chat_form, sendable_name

if TYPE_CHECKING:
    from ..tool_choice import chosen_tool, common_choice, names_of
else:  # for the first request with a choice
    chosen_tool = lazy("wires.tool_choice:chosen_tool")
    common_choice = lazy("wires.tool_choice:common_choice")
    names_of = lazy("wires.tool_choice:names_of")

_HOSTED = frozenset(  # kinds that only servers of the Responses API run
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
        "web_fetch",
        "web_search",
        "web_search_preview",
    )
)


def chat_tools(tools: Iterable[Tool], report: BuildReport) -> list[dict[str, Any]]:
    """Return the tools as `{"type": "function", "function": {...}}`; *report* lists the hosted ones.

    A tool in the API's own words is sent as the caller wrote it.
    """
    written = []
    for position, tool in enumerate(tools):
        if isinstance(tool, Mapping) and is_in_chat_form(tool):
            written.append(dict(tool))
            continue
        for each in common_tools(tool, f"tools[{position}]", report):
            if str(each["type"]) in _HOSTED:
                report.dropped.append(
                    f"tools[{position}]: {each['type']} is run by servers of other APIs only"
                )
            elif each["type"] == "custom":
                written.append({**each, "custom": grammar(each["custom"], is_flat=False)})
            else:
                if is_anthropics(str(each["type"])):  # a gateway to Anthropic may accept it
                    report.doubtful.append(
                        f"tools[{position}]: {each['type']} is a tool of Anthropic's servers"
                    )
                written.append(each)
    return written


def chat_choice(choice: str | Mapping[str, Any], tools: Iterable[Tool], report: BuildReport) -> Any:
    """Return `tool_choice` for a mode, the name of a tool, or the object of any API."""
    if isinstance(choice, Mapping) and "allowed_tools" in choice:
        return dict(choice)  # in the API's own words
    choice = common_choice(choice, report)
    chosen = chosen_tool(choice, tools)
    if chosen is None and isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        allowed = [{"type": "function", "function": {"name": name}} for name in names_of(choice)]
        return {
            "type": choice["type"],
            choice["type"]: {"mode": choice.get("mode", "auto"), "tools": allowed},
        }
    if chosen is None:
        return choice if isinstance(choice, str) else dict(choice)
    kind, name = chosen
    return {"type": kind, kind: {"name": name}}


def written_call(entry: Entry, profile: Profile, model: str, report: BuildReport) -> dict[str, Any]:
    """Return one entry of `tool_calls`, without the fields that *model* refuses."""
    item = entry.item
    match item:
        case FunctionCall():
            function = {
                **_inner(item),
                "name": sendable_name(item.name),
                "arguments": arguments_to_send(entry, report),
            }
            fields: dict[str, Any] = {"type": "function", "function": function}
        case CustomToolCall():
            fields = {"type": "custom", "custom": {"name": item.name, "input": item.input}}
        case LocalShellCall():
            status = item.status or "completed"
            fields = {"type": item.type, "status": status, "action": dict(item.action)}
        case _:
            raise AssertionError(entry)
    is_ours = item.origin is not None or not item.id  # a call with an id and no origin is from another API
    extra = item.extra if is_ours else {}
    refused = [name for name in extra if profile.refuses(name, model)]
    if refused:
        report.dropped.append(f"{entry}: its {', '.join(refused)}: {model} refuses it")
    return {**{k: v for k, v in extra.items() if k not in refused}, "id": entry.call_id, **fields}


def _inner(item: FunctionCall) -> dict[str, Any]:
    """Return the fields of the gateway's own next to a function's name and arguments."""
    inner = item.extra.get("function")
    return dict(inner) if isinstance(inner, Mapping) else {}

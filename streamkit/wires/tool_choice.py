"""tool_choice: the rules that hold for every API.

takes    a choice in the words of any API, and the tools
returns  the choice in the words of OpenAI's Responses, which each wire writes in its own
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from .._checks import got
from ..errors import UsageError
from ..request.options import Tool
from .report import BuildReport
from .tool_specs import NESTED, kind_of, names_in, sent_names

_MODES = ("auto", "none", "required", "any")  # any: Mistral's word for required
Choice: TypeAlias = "str | Mapping[str, Any]"
# The modes of other APIs -> OpenAI's.
_COMMON_MODES: Mapping[str, str] = {"any": "required", "validated": "auto", "mode_unspecified": "auto"}


def common_choice(choice: Choice, report: BuildReport) -> Choice:
    """Return a choice in the words of any API in those of OpenAI's Responses; *report* says what is lost.

    Anthropic's `{"type": "any"}` and `{"type": "tool", "name"}`; Gemini's `functionCallingConfig`, with or
    without the `toolConfig` around it; OpenAI's list of allowed tools, as either of its APIs writes it.
    """
    if isinstance(choice, str):
        return choice
    kind = choice.get("type")
    if kind in ("auto", "any", "none", "tool"):
        if choice.get("disable_parallel_tool_use"):
            report.dropped.append("tool_choice: disable_parallel_tool_use; pass parallel_tool_calls=False")
        _report_rest(choice, ("type", "name", "disable_parallel_tool_use"), report)
        return {"type": "function", "name": choice.get("name")} if kind == "tool" else _mode(kind)
    if kind in NESTED and names_in(choice):
        inner = choice.get(kind)
        _report_rest(choice, ("type", kind, *(() if isinstance(inner, Mapping) else ("name",))), report)
        _report_rest(inner if isinstance(inner, Mapping) else {}, ("name",), report)
        return choice
    if kind == "allowed_tools":
        return _allowed_choice(choice, report)
    config = calling_config(choice)
    if config is None:
        return choice
    _report_rest(config, ("mode", "allowedFunctionNames", "allowed_function_names"), report)
    _report_rest(choice if config is not choice else {}, _CONFIGS, report)
    allowed = config.get("allowedFunctionNames") or config.get("allowed_function_names") or ()
    if not isinstance(allowed, list | tuple):
        raise UsageError(f"tool_choice: expected a list of allowed names, got {got(allowed, 60)}")
    return _allowed(_mode(config.get("mode")), [str(name) for name in allowed])


def _allowed_choice(choice: Mapping[str, Any], report: BuildReport) -> Choice:
    """Return OpenAI's list of allowed tools as its Responses API has it; only functions have names there."""
    inner = choice.get("allowed_tools")
    facts = inner if isinstance(inner, Mapping) else choice
    listed = facts.get("tools")
    entries = [
        each for each in (listed if isinstance(listed, list | tuple) else ()) if isinstance(each, Mapping)
    ]
    names = [name for each in entries for name in names_in(each)]
    if not names:
        return choice
    _report_rest(facts, ("type", "mode", "tools"), report)
    for each in entries:
        _report_rest(each, ("type", *(("name", "function", "custom") if names_in(each) else ())), report)
    return _allowed(str(facts.get("mode", "auto")), names)


def names_of(choice: Mapping[str, Any]) -> list[str]:
    """Return the names in a list of allowed tools. Raises `UsageError` if it has none."""
    listed = choice.get("tools")
    entries = listed if isinstance(listed, list | tuple) else ()
    names = [name for each in entries if isinstance(each, Mapping) for name in names_in(each)]
    if not names:
        raise UsageError(f"tool_choice.tools: expected tools with a name, got {got(listed, 60)}")
    return names


_CONFIGS = ("functionCallingConfig", "function_calling_config")


def _report_rest(facts: Mapping[str, Any], read: Iterable[str], report: BuildReport) -> None:
    """Report the keys of a choice that have no place in the words of other APIs."""
    read = tuple(read)
    if rest := ", ".join(name for name, value in facts.items() if name not in read and value is not None):
        report.dropped.append(f"tool_choice: {rest}, which this API doesn't have")


def calling_config(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return Gemini's `functionCallingConfig` in *choice*; None if there is none."""
    for name in _CONFIGS:
        if isinstance(inner := choice.get(name), Mapping):
            return inner
    return choice if "mode" in choice and "type" not in choice else None


def _mode(word: Any) -> str:
    plain = str(word or "auto").lower()
    return _COMMON_MODES.get(plain, plain)


def _allowed(mode: str, names: list[str]) -> Choice:
    if not names or mode == "none":
        return mode
    entries = [{"type": "function", "name": name} for name in names]
    if len(entries) == 1 and mode == "required":
        return entries[0]
    return {"type": "allowed_tools", "mode": mode, "tools": entries}


def chosen_tool(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> tuple[str, str] | None:
    """Return the kind and name of the one tool that *choice* stands for; None if *choice* is sent unchanged.

    Raises `UsageError` for a name that no tool has.
    """
    if not isinstance(choice, str):
        kind = choice.get("type")
        chosen = names_in(choice) if kind in NESTED else []
        return (str(kind), chosen[0]) if chosen else None
    if choice in _MODES:
        return None
    tools = list(tools)
    kinds = {name: kind_of(tool) for tool in tools for name in names_in(tool)}
    if choice not in kinds:
        names = ", ".join(kinds) or "there are none"
        raise UsageError(
            f"tool_choice: expected auto, none, required or the name of a tool ({names}), got {got(choice)}"
        )
    return kinds[choice], sent_names(tools)[choice]

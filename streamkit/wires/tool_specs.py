"""Tools: the rules that hold for every API. tool_choice.py has those of the choice between them.

A `ToolSpec` is a function on every API. A mapping is sent as the caller wrote it, except for the kinds in
`NESTED`: an API has their fields either under the kind's own name or next to the type, so a wire moves them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._checks import got
from .._lazy import lazy
from ..errors import UsageError
from ..request.options import Tool, ToolSpec
from .hosted_tools import keyed_tools
from .report import BuildReport

if TYPE_CHECKING:
    from ..typed.one_object import one_object
    from ..typed.strict import is_loose, strict_schema, unknown_formats, with_items
    from ..typed.subschemas import map_children
else:  # for the first request with tools
    one_object = lazy("typed.one_object:one_object")
    is_loose = lazy("typed.strict:is_loose")
    strict_schema = lazy("typed.strict:strict_schema")
    unknown_formats = lazy("typed.strict:unknown_formats")
    with_items = lazy("typed.strict:with_items")
    map_children = lazy("typed.subschemas:map_children")

_LONGEST = 64  # OpenAI's limit for a name
NESTED = ("function", "custom")
# The schema of a tool of free text, on APIs that have only functions.
FREE_TEXT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def function_object(tool: ToolSpec, report: BuildReport) -> dict[str, Any]:
    """Return the name, description, parameters and strictness of *tool*; `strict` is absent if not set.

    The name is one that servers accept, and a strict tool has its parameters in the strict form. *report*
    lists a name that changes, and a tool that can't be strict.
    """
    name, strict = sendable_name(tool.name), tool.strict
    if name != tool.name:
        report.repaired.append(f"tools: the name {got(tool.name, 80)} is sent as {name}")
    parameters = {"type": "object", "properties": {}, **_complete(tool.parameters)}
    parameters = _as_one_object(parameters, name, report)
    strict_form = strict_schema(parameters) if strict else parameters
    if strict and is_loose(strict_form):
        report.repaired.append(f"tools: {name} isn't sent as strict: its schema has free keys or no types")
        strict, strict_form = False, parameters
    if strict:
        report.repaired += [f"tools: {name}: {note}" for note in unknown_formats(parameters)]
    about = {"description": tool.description} if tool.description else {}
    how = {} if strict is None else {"strict": strict}
    return {"name": name, **about, "parameters": strict_form, **how}


def common_tools(
    tool: Tool, place: str, report: BuildReport, *, known: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Yield *tool*, which is at *place*, in the words of Chat Completions; a hosted tool unchanged.

    Those are `{"type": "function", "function": {...}}` and `{"type": "custom", "custom": {...}}`. Further
    keys, wherever the caller's API has them, are next to the type if they are *known*; *report* has the
    others. The tools without a type are those of Gemini's servers; see hosted_tools.py.
    """
    if isinstance(tool, ToolSpec):
        yield {"type": "function", "function": function_object(tool, report)}
    elif isinstance(declared := _declarations(tool), list | tuple):
        for each in declared:
            if isinstance(each, Mapping):
                yield _common(each, "function", place, report, known)
        rest = {name: value for name, value in tool.items() if name not in _DECLARATIONS}
        yield from keyed_tools(rest, place, report)
    elif "input_schema" in tool and tool.get("type", "custom") == "custom":
        yield _common(tool, "function", place, report, known)
    elif "type" not in tool:
        yield from keyed_tools(tool, place, report)
    elif tool["type"] in NESTED:
        inner = tool.get(tool["type"])
        outer = {name: value for name, value in tool.items() if name != tool["type"]}
        facts = {**outer, **inner} if isinstance(inner, Mapping) else tool
        yield _common(facts, tool["type"], place, report, known)
    else:
        yield dict(tool)


# The keys of the schema, in each API's own word.
_SCHEMAS = ("input_schema", "parametersJsonSchema", "parameters_json_schema", "parameters")


def _common(
    facts: Mapping[str, Any], kind: str, place: str, report: BuildReport, known: frozenset[str]
) -> dict[str, Any]:
    """Return a function, or a tool of free text, from the keys that any API has for it."""
    usual = ("name", "description", "strict", "format")[: 3 if kind == "function" else 4]
    inner = {name: facts[name] for name in usual if facts.get(name) not in (None, "")}
    words = ("type", *usual)
    if kind == "function":
        word = next((each for each in _SCHEMAS if facts.get(each)), _SCHEMAS[-1])
        schema = lower_types(facts[word]) if isinstance(facts.get(word), Mapping) else {}
        schema = {"type": "object", "properties": {}, **schema}
        inner["parameters"] = _as_one_object(schema, str(facts.get("name")), report)
        words = (*words, word)
    rest = {name: value for name, value in facts.items() if name not in words and value is not None}
    _report_keys((name for name in rest if name not in known), place, report)
    return {"type": kind, kind: inner, **{name: value for name, value in rest.items() if name in known}}


def _as_one_object(schema: dict[str, Any], name: str, report: BuildReport) -> dict[str, Any]:
    """Return the parameters of the tool *name* without a choice of schemas or types at their top."""
    kinds = schema.get("type")
    if isinstance(kinds, list | tuple) and "object" in kinds:
        schema = {**schema, "type": "object"}
        report.repaired.append(f"tools: {name}: the type of its parameters is sent as object")
    merged = one_object(schema)
    if merged is None:
        return schema
    report.repaired.append(f"tools: {name}: its choice of parameters is sent as one object")
    return merged


def is_in_chat_form(tool: Tool) -> bool:
    """Return True if the fields of *tool* are under its type, as Chat Completions has them."""
    return (
        isinstance(tool, Mapping)
        and tool.get("type") in NESTED
        and isinstance(tool.get(tool["type"]), Mapping)
    )


def is_in_flat_form(tool: Tool) -> bool:
    """Return True if the fields of *tool* are next to its type, as the Responses API has them."""
    is_typed = isinstance(tool, Mapping) and tool.get("type") in NESTED and "input_schema" not in tool
    return is_typed and not is_in_chat_form(tool)


def grammar(function: Mapping[str, Any], *, is_flat: bool) -> dict[str, Any]:
    """Return a tool of free text with its grammar next to the type if *is_flat*, else under it."""
    wanted = function.get("format")
    if not isinstance(wanted, Mapping) or wanted.get("type") != "grammar":
        return dict(function)
    inner = wanted.get("grammar")
    rules = dict(inner) if isinstance(inner, Mapping) else {k: v for k, v in wanted.items() if k != "type"}
    return {**function, "format": {"type": "grammar", **(rules if is_flat else {"grammar": rules})}}


def free_text_note(tool: Mapping[str, Any], place: str) -> str:
    """Return the sentence of the report about a *tool* of free text that is sent with `FREE_TEXT`."""
    without = ", without its format" if "format" in tool else ""
    return f"{place}: {tool.get('name')} takes free text; sent as an object with `input`{without}"


def _report_keys(names: Iterable[str], place: str, report: BuildReport) -> None:
    if listed := ", ".join(names):
        report.dropped.append(f"{place}: {listed}, which this API doesn't have")


def lower_types(schema: Any) -> Any:
    """Return *schema* with the types of JSON Schema: Gemini's own form has them in capitals."""
    if not isinstance(schema, Mapping):
        return schema
    lower = dict(map_children(schema, lower_types))
    if isinstance(lower.get("type"), str):
        lower["type"] = lower["type"].lower()
    return lower


_DECLARATIONS = ("functionDeclarations", "function_declarations")


def _declarations(tool: Mapping[str, Any]) -> Any:
    return next((tool[name] for name in _DECLARATIONS if name in tool), None)


def check_tool_names(tools: Iterable[Tool]) -> None:
    """Raise `UsageError` if two tools would be sent under the same name: the model couldn't choose."""
    sent: dict[str, str] = {}
    for name in (name for tool in tools for name in names_in(tool)):
        plain = sendable_name(name)
        if plain in sent:
            raise UsageError(
                f"tools: expected different names, got {got(sent[plain], 60)} and {got(name, 60)}, "
                f"which are both sent as {plain}; rename one"
            )
        sent[plain] = name


def sendable_name(name: str) -> str:
    """Return a tool's name as every server accepts it: letters, digits, `_` and `-`, at most 64 characters.

    The same name always becomes the same one, so a call in the conversation has the name of its tool. A long
    name ends in a hash of all of it.
    """
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_") or "tool"
    if len(plain) <= _LONGEST:
        return plain
    return f"{plain[: _LONGEST - 9]}_{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def _complete(schema: Any) -> Any:
    """Return *schema* with the keywords that servers require and MCP tools omit; its meaning is the same."""
    if not isinstance(schema, Mapping):
        return {} if schema is True else schema
    complete = map_children(schema, _complete)
    return with_items(complete) if complete.get("type") == "array" else complete


def sent_names(tools: Iterable[Tool]) -> dict[str, str]:
    """Return the name under which each tool is sent: a mapping's as the caller wrote it.

    So the calls of a conversation have the names of their tools; `sendable_name` writes all other names.
    """
    return {
        name: sendable_name(name) if isinstance(tool, ToolSpec) else name
        for tool in tools
        for name in names_in(tool)
    }


def kind_of(tool: Tool) -> str:
    """Return the `type` of a tool."""
    return "function" if isinstance(tool, ToolSpec) else str(tool.get("type", "function"))


def names_in(tool: Tool) -> list[str]:
    """Return the name of a tool; those of all functions in a list of Gemini's; none if it has no name."""
    if isinstance(tool, ToolSpec):
        return [tool.name]
    declared = _declarations(tool)
    each = declared if isinstance(declared, list | tuple) else [tool.get(str(tool.get("type"))) or tool]
    names = [one.get("name") for one in each if isinstance(one, Mapping)]
    return [name for name in names if isinstance(name, str)]

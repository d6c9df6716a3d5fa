"""Tools, tool_choice and schemas for the Messages API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...request.options import Tool
from ...typed.references import References
from ...typed.subschemas import map_children, nodes_of
from ..report import BuildReport
from ..tool_choice import chosen_tool, common_choice
from ..tool_specs import FREE_TEXT, NESTED, common_tools, free_text_note
from .content import ANSWER_TOOL
from .thinking import model_named

# The keys of a function next to the usual ones.
_KNOWN = frozenset(
    ("cache_control", "defer_loading", "input_examples", "allowed_callers", "eager_input_streaming")
)
_KEYS = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # the 400 names the pattern, for the top of a schema
_SHOWN = 3  # refused names in a report
# The words of tool_choice -> the API's.
_MODES = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
# Keywords that structured output refuses; they go into the description of their place.
_REFUSED = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
)
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)


# OpenAI's words for tools that the server runs -> the API's; and those that it has no tool for.
_HOSTED = {
    "web_search": {"type": "web_search_20250305", "name": "web_search"},
    "code_interpreter": {"type": "code_execution_20250825", "name": "code_execution"},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
}
_ELSEWHERE = frozenset(
    ("file_search", "image_generation", "mcp", "local_shell", "shell", "apply_patch", "computer_use_preview")
)
_DATED = re.compile(r".*_20\d{6}")


def messages_tools(tools: Iterable[Tool], report: BuildReport, model: str = "") -> list[dict[str, Any]]:
    """Return the tools as `{"name", "description", "input_schema"}`; those in the API's own form stay."""
    written = []
    strict = StrictSchemas()
    for position, tool in enumerate(tools):
        if isinstance(tool, Mapping) and "input_schema" in tool:
            written.append(dict(tool))
            continue
        place = f"tools[{position}]"
        for each in common_tools(tool, place, report, known=_KNOWN):
            if each["type"] in NESTED:
                written.append(_tool(each, place, report, model, strict))
            elif (hosted := _hosted(each, place, report)) is not None:
                written.append(hosted)
    return written


def _hosted(tool: Mapping[str, Any], place: str, report: BuildReport) -> dict[str, Any] | None:
    """Return a tool that the server runs; None if it is another API's, and this one has none like it."""
    kind = str(tool["type"])
    if kind in _ELSEWHERE:
        report.dropped.append(f"{place}: {kind}, which the messages API doesn't have")
        return None
    word = next((word for word in _HOSTED if kind.startswith(word)), None)
    if word is None or _DATED.fullmatch(kind):
        return dict(tool)
    kept = _search_fields(tool) if word == "web_search" else {}
    known = {"type", *kept, *(("filters",) if "allowed_domains" in kept else ())}
    rest = ", ".join(name for name in tool if name not in known)
    sent = {**_HOSTED[word], **kept}
    report.repaired.append(f"{place}: {kind} is sent as {sent['type']}{f', without {rest}' if rest else ''}")
    return sent


def _search_fields(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of OpenAI's web search that this API has too: a place, and domains in `filters`."""
    filters = tool.get("filters")
    found = {"user_location": tool.get("user_location")}
    if isinstance(filters, Mapping) and filters.keys() == {"allowed_domains"}:
        found |= filters
    return {name: value for name, value in found.items() if value}


def _tool(
    tool: Mapping[str, Any], place: str, report: BuildReport, model: str, strict: StrictSchemas
) -> dict[str, Any]:
    kind = tool["type"]
    function = {**tool[kind], **{name: value for name, value in tool.items() if name not in ("type", kind)}}
    schema = function.pop("parameters", None)
    if kind == "custom":
        schema = FREE_TEXT
        report.repaired.append(free_text_note(function, place))
        function.pop("format", None)
    _report_keys(schema, place, report)
    if function.pop("strict", None):  # false is the default, and models without it refuse the word
        if not model_named(model).takes_schema:
            report.dropped.append(f"{place}: strict, which {model} doesn't have")
        elif (reason := strict.why_not(schema)) is not None:
            report.repaired.append(f"{place}: it isn't sent as strict: the API refuses {reason}")
        else:
            function["strict"], schema = True, output_schema(schema, report, place)
    return {**function, "input_schema": schema}


def _report_keys(schema: Any, place: str, report: BuildReport) -> None:
    """Report the properties of a tool whose names the API refuses, such as `$filter`."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    names = properties if isinstance(properties, Mapping) else ()
    refused = [name for name in names if not _KEYS.fullmatch(str(name))]
    if refused:
        shown = ", ".join(map(repr, refused[:_SHOWN]))
        report.doubtful.append(f"{place}: the API may refuse properties with names such as {shown}")


def is_plain_object(schema: Mapping[str, Any]) -> bool:
    """Return True if *schema* can be that of a tool: an object, without a choice of schemas at its top."""
    return schema.get("type", "object") == "object" and schema.keys().isdisjoint(("anyOf", "oneOf", "allOf"))


def answer_tool(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the tool whose input is the answer, for models without structured output."""
    return {
        "name": ANSWER_TOOL,
        "description": "Give the answer.",
        "input_schema": {"type": "object", **(schema or {})},
    }


def messages_choice(
    choice: str | Mapping[str, Any], tools: Iterable[Tool], report: BuildReport
) -> dict[str, Any]:
    """Return `tool_choice` for a mode, the name of a tool, or the object of any API."""
    if isinstance(choice, Mapping) and choice.get("type") in ("auto", "any", "none", "tool"):
        return dict(choice)
    choice = common_choice(choice, report)
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        report.dropped.append(
            "tool_choice: its list of tools, which the messages API lacks; its mode is sent"
        )
        choice = str(choice.get("mode", "auto"))
    chosen = chosen_tool(choice, tools)
    if chosen is not None:
        return {"type": "tool", "name": chosen[1]}
    return {"type": _MODES.get(choice, choice)} if isinstance(choice, str) else dict(choice)


class StrictSchemas:
    """The schemas of one request that the server compiles, and the room that its limits leave.

    "Schemas contains too many optional parameters (25) ... (limit: 24)", and as many words about types.
    """

    def __init__(self) -> None:
        self._room = {"tools": 20, "optional properties": 24, "properties of several types": 16}

    def why_not(self, schema: Mapping[str, Any]) -> str | None:
        """Return why the server can't compile *schema* too; None if it can, and then count it."""
        reason = why_not_structured(schema)
        if reason is not None:
            return reason
        left = dict(self._room)
        for what, count in _sizes(schema).items():
            left[what] -= count
        full = next((what for what, room in left.items() if room < 0), None)
        if full is not None:
            return f"too many {full}"
        self._room = left
        return None


def _sizes(schema: Mapping[str, Any]) -> dict[str, int]:
    """Return how much of each limit *schema* takes."""
    nodes = [node for _, node in nodes_of(schema)[1:] if isinstance(node, Mapping)]
    objects = [node for node in (schema, *nodes) if isinstance(node.get("properties"), Mapping)]
    unions = [node for node in nodes if "anyOf" in node or "oneOf" in node or type(node.get("type")) is list]
    optional = sum(len(each["properties"].keys() - {*(each.get("required") or ())}) for each in objects)
    return {"tools": 1, "optional properties": optional, "properties of several types": len(unions)}


def why_not_structured(schema: Mapping[str, Any]) -> str | None:
    """Return why structured output can't express *schema*, or None: it has no free keys and no recursion."""
    nodes = [node for _, node in nodes_of(schema) if isinstance(node, Mapping)]
    if any(
        _is_object(node) and not node.get("properties") and node.get(_FREE) is not False for node in nodes
    ):
        return "an object with free keys"
    references = References(schema)
    return "a schema that contains itself" if any(_recurs(node, references) for node in nodes) else None


def _recurs(start: Mapping[str, Any], references: References) -> bool:
    """Return True if references lead from *start* back to it."""
    seen: set[int] = set()
    waiting = [target for _, target in references.targets(start)]
    while waiting:
        target = waiting.pop()
        if not isinstance(target, Mapping) or id(target) in seen:
            continue
        seen.add(id(target))
        inside = [node for _, node in nodes_of(target) if isinstance(node, Mapping)]
        if any(node is start for node in inside):
            return True
        waiting += [each for node in inside for _, each in references.targets(node)]
    return False


_FREE = "additionalProperties"


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def output_schema(schema: Any, report: BuildReport, place: str = "response_format") -> Any:
    """Return *schema*, that of *place*, as structured output and strict tools accept it.

    Objects are closed, as the API demands; limits become words, `oneOf` becomes `anyOf`.
    """
    if not isinstance(schema, Mapping):
        return schema
    changed = dict(map_children(schema, lambda child: output_schema(child, report, place)))
    if _is_object(changed):
        if changed.get(_FREE, False) is not False:
            report.repaired.append(f"{place}: {_FREE} is sent as false, because the API refuses others")
        changed[_FREE] = False
    if "oneOf" in changed and "anyOf" not in changed:
        changed["anyOf"] = changed.pop("oneOf")
    limits = [f"{name}: {changed.pop(name)}" for name in _REFUSED if name in changed]
    if isinstance(changed.get("format"), str) and changed["format"] not in _FORMATS:
        limits.append(f"format: {changed.pop('format')}")
    if limits:
        words = ", ".join(limits)
        report.repaired.append(f"{place}: {words} is in the description, because the API refuses it")
        changed["description"] = f"{changed.get('description', '')} ({words})".strip()
    return changed

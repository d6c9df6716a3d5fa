"""The format of an answer -> its fields in the body of a Messages call.

takes    the request's `response_format`, the system blocks and the messages that are sent
returns  `output_config`, or a forced tool whose input is the answer; else nothing, and a sentence is added to
         the system blocks
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..formats import lone_schema
from ..param_table import BuildContext
from .content import ANSWER_TOOL, Block
from .thinking import model_named
from .tool_specs import StrictSchemas, answer_tool, is_plain_object, output_schema

if TYPE_CHECKING:
    from ...typed.response_format import ResponseFormat


def structured_fields(
    context: BuildContext, system: list[Block], messages: list[dict[str, Any]], *, thinks: bool
) -> dict[str, Any]:
    """Return the format of the answer for `output_config`, or a forced tool whose input is the answer.

    The API has no JSON mode without a schema, and older models have none at all. A tool can't be forced next
    to the caller's tools, while the model *thinks*, or at all on a few models: then the wish is a sentence in
    the system text.
    """
    wanted: ResponseFormat | None = context.request.response_format
    if wanted is None:
        return {}
    context.report.repaired += wanted.notes
    schema = lone_schema(wanted, context.report)
    if wanted.kind == "text":
        return {}
    if schema and context.profile.json_schema and model_named(context.request.model).takes_schema:
        reason = StrictSchemas().why_not(schema)
        if reason is None:
            if any(cites(messages)):
                context.report.doubtful.append("response_format: the API refuses it next to citations")
            return {"format": {"type": "json_schema", "schema": output_schema(schema, context.report)}}
        context.report.repaired.append(f"response_format: the API refuses {reason}")
    forced = model_named(context.request.model).forced
    if not context.has_tools and not thinks and forced != "never" and is_plain_object(schema):
        named = {"type": "any"} if forced == "to any" else {"type": "tool", "name": ANSWER_TOOL}
        choice = {**named, "disable_parallel_tool_use": True}
        context.report.repaired.append(f"response_format: it is sent as the tool {ANSWER_TOOL}")
        return {"tools": [answer_tool(schema)], "tool_choice": choice}
    wish = "Answer with one JSON object, and with nothing else."
    if schema:
        schema_text = json.dumps(schema, ensure_ascii=False)
        wish = f"Answer with one JSON value that fits this JSON schema, and with nothing else:\n{schema_text}"
    context.report.repaired.append("response_format: it is sent as a sentence in the system text")
    system.append({"type": "text", "text": wish})
    return {}


def cites(messages: list[dict[str, Any]]) -> list[bool]:
    """Return for each document and search result whether it asks for citations."""
    blocks = [block for message in messages for block in message["content"]]
    inner = [each for block in blocks if type(block.get("content")) is list for each in block["content"]]
    sources = [
        each
        for each in (*blocks, *inner)
        if isinstance(each, Mapping) and each.get("type") in ("document", "search_result")
    ]
    asked = [each.get("citations") for each in sources]
    return [isinstance(each, Mapping) and bool(each.get("enabled")) for each in asked]

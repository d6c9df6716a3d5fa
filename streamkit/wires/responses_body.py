"""A Request -> the body of a Responses call.

Rules: items keep their order, and what the server itself said goes back as it came, `extra` last (a
server's reasoning without what stood beside it is refused); what comes from the other wire loses
the fields that only that one knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    LocalShellCall,
    Message,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Reasoning,
    UnknownItem,
    WebSearchCall,
)
from ..parameters import TOKEN_LIMITS
from ..profiles import Profile
from ..request import BuildReport, Request
from .pairing import CALLS, Entry, arguments_to_send, pair
from .parts import responses_parts, says_nothing
from .tools import responses_choice, responses_tools

# Those that only chat has.
_ELSEWHERE = (
    "n",
    "stop",
    "seed",
    "logit_bias",
    "prediction",
    "modalities",
    "audio",
    "web_search_options",
    "prompt_cache",
)
_SAMPLING = ("temperature", "top_p", "top_logprobs", "logprobs")  # refused by reasoning models
_ENCRYPTED = "reasoning.encrypted_content"
# OpenAI answers "Encrypted content is not supported with this model" for those that do not reason.
_NEVER_REASONS = re.compile(r"(.*/)?(gpt-3|gpt-4|chatgpt|gpt-\d[\d.]*-chat)")


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """The body for `/responses`; what it leaves out or puts right goes into *report*.

    Raises `UsageError` where nothing is left to send, or a parameter is not this API's.
    """
    params = request.params
    items = _input(request, profile, report)
    if not items and not ("prompt" in params or "previous_response_id" in params):
        raise UsageError(f"there is nothing to send; {report or 'the input is empty'}")
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True}
    if request.instructions and request.instructions.strip():
        body["instructions"] = request.instructions
    tools = responses_tools(request.tools)
    if tools:
        body["tools"] = tools
    reasons = profile.is_reasoning_model(request.model)
    effort = params.get("reasoning_effort") or params.get("reasoning", {}).get("effort")
    refused = _SAMPLING if reasons and effort != "none" else ()
    for name, value in params.items():
        if name in _ELSEWHERE:
            raise UsageError(f"{name} has no meaning on the responses wire; use wire='chat', or extra_body")
        if name in refused:
            report.dropped.append(f"{name}, which {request.model} refuses")
        elif name in ("tool_choice", "parallel_tool_calls") and not tools:
            report.dropped.append(f"{name}, since no tools are sent")
        elif name in TOKEN_LIMITS:
            body["max_output_tokens"] = value
        elif name == "tool_choice":
            body[name] = responses_choice(value, request.tools)
        elif name == "reasoning_effort":
            body["reasoning"] = {**params.get("reasoning", {}), "effort": value}
        elif name in ("verbosity", "response_format", "text"):
            body["text"] = _text_settings(params)
        elif name not in ("reasoning", "include", "include_usage", "logprobs"):
            body[name] = value
    if "reasoning" in params:
        body.setdefault("reasoning", params["reasoning"])
    if profile.default_max_tokens is not None:
        body.setdefault("max_output_tokens", profile.default_max_tokens)
    include = _include(request, logprobs="logprobs" not in refused)
    if include:
        body["include"] = include
    return body


def _text_settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """`text`: the caller's own wins over `verbosity` and `response_format` (PQ-12)."""
    text: dict[str, Any] = {}
    wanted = params.get("response_format")
    if wanted is not None:
        text["format"] = {"type": wanted.kind}
        if wanted.kind == "json_schema":
            text["format"] |= {"name": wanted.name, "strict": wanted.strict, "schema": dict(wanted.schema)}
    if "verbosity" in params:
        text["verbosity"] = params["verbosity"]
    return {**text, **params.get("text", {})}


def _include(request: Request, *, logprobs: bool) -> list[str]:
    """What the caller asked for; logprobs; and, where the server stores nothing, the reasoning itself."""
    include = list(request.params.get("include", ()))
    if logprobs and request.params.get("logprobs"):
        include.append("message.output_text.logprobs")
    if request.params.get("store") is False and not _NEVER_REASONS.match(request.model):
        include.append(_ENCRYPTED)
    return list(dict.fromkeys(include))


# -- the input ----------------------------------------------------------------------------


def _input(request: Request, profile: Profile, report: BuildReport) -> list[dict[str, Any]]:
    params = request.params
    elsewhere = "previous_response_id" in params or "conversation" in params
    written: list[dict[str, Any]] = []
    for entry in pair(request.input, report, calls_elsewhere=elsewhere):
        reason = _why_not(entry, profile, stored=params.get("store") is not False)
        item = _item(entry, report) if reason is None else {}
        if item.get("content") == [] and "id" not in item:  # nothing left of it
            reason = "says nothing"
        if reason is None:
            written.append(item)
        else:
            report.dropped.append(f"{entry} {reason}")
    return written


def _why_not(entry: Entry, profile: Profile, *, stored: bool) -> str | None:
    """Why an item cannot be sent; None where it can."""
    item = entry.item
    if isinstance(item, Message) and not item.id and says_nothing(item.content):
        return "says nothing"
    if not isinstance(item, Reasoning) or item.encrypted_content:
        return None
    if item.id:
        is_reference = not item.content and not stored
        return "is known by its id only, and nothing is stored" if is_reference else None
    if profile.reasoning_replay == "off":
        return f"comes from another API, and {profile.name} takes back its own reasoning only"
    return None if item.text else "is empty"


def _fields(item: Item, fields: dict[str, Any]) -> dict[str, Any]:
    """*fields* with the id and status that *item* came with, and its `extra`.

    A call or reasoning without them is from chat, and so is its `extra`: that stays behind.
    """
    known = {name: value for name in ("id", "status") if (value := getattr(item, name, None))}
    by_model = isinstance(item, (*CALLS, Reasoning))
    extra = {} if by_model and not known else getattr(item, "extra", {})
    return {"type": item.type, **fields, **known, **extra}


def _item(entry: Entry, report: BuildReport) -> dict[str, Any]:
    """One item in the words of Responses."""
    item = entry.item
    if isinstance(item, Message):
        return _message(item, entry, report)
    if isinstance(item, Reasoning):
        return _reasoning(item)
    if isinstance(item, FunctionCall):
        arguments = arguments_to_send(entry, report)
        return _fields(item, {"call_id": entry.call_id, "name": item.name, "arguments": arguments})
    if isinstance(item, CustomToolCall):
        return _fields(item, {"call_id": entry.call_id, "name": item.name, "input": item.input})
    if isinstance(item, LocalShellCall):
        return _fields(item, {"call_id": entry.call_id, "action": dict(item.action)})
    if isinstance(item, FunctionCallOutput | CustomToolCallOutput):
        output: Any = item.output
        if not isinstance(output, str):
            output = responses_parts(output, str(entry))
        return _fields(item, {"call_id": entry.call_id, "output": output})
    if isinstance(item, WebSearchCall):
        return _fields(item, {"action": dict(item.action)} if item.action else {})
    assert isinstance(item, UnknownItem)  # a Note went nowhere
    return dict(item.payload)


def _message(message: Message, entry: Entry, report: BuildReport) -> dict[str, Any]:
    content = list(message.content)
    if message.role == "assistant":
        said = [_as_text(part) for part in content]
        content = [part for part in said if not isinstance(part, OutputImage | OutputAudio)]
        if len(content) < len(said):
            report.dropped.append(f"{entry} holds an image or audio, which Responses does not take back")
    written = responses_parts(content, str(entry), role=message.role)
    for part in written if message.id else ():  # as the API writes it, annotations and all
        if part["type"] == "output_text":
            part.setdefault("annotations", [])
    fields = _fields(message, {"role": message.role, "content": written})
    if not message.id and fields.pop("name", None):  # the author's name, which only chat has
        report.dropped.append(f"{entry}: Responses has no name beside the role")
    return fields


def _as_text(part: Part) -> Part:
    """Speech by the model as what it said."""
    return OutputText(part.transcript) if isinstance(part, OutputAudio) and part.transcript else part


def _reasoning(item: Reasoning) -> dict[str, Any]:
    fields: dict[str, Any] = {"summary": [{"type": "summary_text", "text": s} for s in item.summary]}
    if item.content:
        fields["content"] = [{"type": "reasoning_text", "text": text} for text in item.content]
    if item.encrypted_content:
        fields["encrypted_content"] = item.encrypted_content
    return _fields(item, fields)

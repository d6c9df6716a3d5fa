"""A Request -> the body of a Responses call.

Rules: items keep their order, and what the server itself said goes back as it came, `extra` last (a
server's reasoning without what stood beside it is refused); what comes from the other wire loses
the fields that only that one knows.
"""

from __future__ import annotations

import re
from typing import Any

from ...errors import UsageError
from ...items import (
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
from ...profiles.profile import Profile
from ...request import Request
from ..call_pairs import CALLS, Entry, arguments_to_send, pair
from ..param_table import (
    UNSUPPORTED,
    BuildContext,
    ParamTable,
    copy,
    sampling,
    skip,
    with_tools,
    write_params,
)
from ..parts import says_nothing
from ..report import BuildReport
from .content import responses_parts
from .tool_specs import responses_choice, responses_tools

_ENCRYPTED = "reasoning.encrypted_content"
# OpenAI answers "Encrypted content is not supported with this model" for models that don't reason.
_NEVER_REASONS = re.compile(r"(.*/)?(gpt-3|gpt-4|chatgpt|gpt-\d[\d.]*-chat)")


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body for `/responses`; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if the request has nothing to send or a parameter that the API doesn't have.
    """
    params = request.params
    items = _input(request, profile, report)
    if not items and not ("prompt" in params or "previous_response_id" in params):
        raise UsageError(f"input: nothing to send; {report or 'it is empty'}")
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True}
    if request.instructions and request.instructions.strip():
        body["instructions"] = request.instructions
    tools = responses_tools(request.tools)
    if tools:
        body["tools"] = tools
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    body |= write_params("responses", PARAMS, context)
    if profile.default_max_tokens is not None:
        body.setdefault("max_output_tokens", profile.default_max_tokens)
    include = _include(context)
    if include:
        body["include"] = include
    return body


def _token_limit(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    return {"max_output_tokens": value}


def _tool_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    fields = with_tools(name, value, context)
    return {name: responses_choice(value, context.request.tools)} if fields else fields


def _reasoning_settings(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    settings = dict(context.params.get("reasoning", {}))
    effort = context.params.get("reasoning_effort")
    return {"reasoning": settings | ({"effort": effort} if effort else {})}


def _logprobs(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Report the parameter if the model refuses it; `_include` writes it otherwise."""
    sampling(name, value, context)
    return {}


def _text_settings(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write `text`: the caller's own fields win over `verbosity` and `response_format`."""
    params = context.params
    text: dict[str, Any] = {}
    wanted = params.get("response_format")
    if wanted is not None:
        text["format"] = {"type": wanted.kind}
        if wanted.kind == "json_schema":
            text["format"] |= {"name": wanted.name, "strict": wanted.strict, "schema": dict(wanted.schema)}
    if "verbosity" in params:
        text["verbosity"] = params["verbosity"]
    return {"text": {**text, **params.get("text", {})}}


def _include(context: BuildContext) -> list[str]:
    """Return the caller's list, with logprobs, and with encrypted reasoning if the server stores nothing."""
    params = context.params
    include = list(params.get("include", ()))
    if params.get("logprobs") and not context.refuses_sampling:
        include.append("message.output_text.logprobs")
    if params.get("store") is False and not _NEVER_REASONS.match(context.request.model):
        include.append(_ENCRYPTED)
    return list(dict.fromkeys(include))


def param_table() -> ParamTable:
    """Return the writer of every parameter."""
    return PARAMS


PARAMS: ParamTable = {
    "temperature": sampling,
    "top_p": sampling,
    "top_k": copy,
    "min_p": copy,
    "top_a": copy,
    "frequency_penalty": copy,
    "presence_penalty": copy,
    "repetition_penalty": copy,
    "logit_bias": UNSUPPORTED,
    "seed": UNSUPPORTED,
    "n": UNSUPPORTED,
    "stop": UNSUPPORTED,
    "max_tokens": _token_limit,
    "max_completion_tokens": _token_limit,
    "max_output_tokens": _token_limit,
    "logprobs": _logprobs,
    "top_logprobs": sampling,
    "response_format": _text_settings,
    "modalities": UNSUPPORTED,
    "audio": UNSUPPORTED,
    "prediction": UNSUPPORTED,
    "verbosity": _text_settings,
    "text": _text_settings,
    "include": skip,  # _include
    "include_usage": skip,  # the API always sends usage
    "stream_options": copy,
    "reasoning_effort": _reasoning_settings,
    "reasoning": _reasoning_settings,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": with_tools,
    "max_tool_calls": copy,
    "web_search_options": UNSUPPORTED,
    "previous_response_id": copy,
    "conversation": copy,
    "prompt": copy,
    "store": copy,
    "background": copy,
    "truncation": copy,
    "metadata": copy,
    "user": copy,
    "safety_identifier": copy,
    "service_tier": copy,
    "prompt_cache": UNSUPPORTED,
    "prompt_cache_key": copy,
    "prompt_cache_retention": copy,
    "provider": copy,
    "models": copy,
    "route": copy,
    "transforms": copy,
    "plugins": copy,
    "session_id": copy,
    "usage": copy,
}


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

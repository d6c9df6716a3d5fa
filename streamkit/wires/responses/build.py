"""A Request -> the body of a Responses call. `input_items.py` writes its input.

Rules: the body contains only fields that the caller asked for, `stream`, and a request for encrypted
reasoning if `store` is False; `PARAMS` lists every parameter; a value that the model refuses is dropped and
reported.
"""

from __future__ import annotations

import re
from typing import Any

from ...errors import UsageError
from ...profiles.profile import Profile
from ...request import Request
from ..formats import format_fields, report_format
from ..param_table import (
    UNSUPPORTED,
    BuildContext,
    ParamTable,
    copy,
    sampling,
    skip,
    unless_true,
    with_tools,
    write_params,
)
from ..report import BuildReport
from .input_items import build_input
from .tool_specs import responses_choice, responses_tools

_ENCRYPTED = "reasoning.encrypted_content"
# OpenAI answers "Encrypted content is not supported with this model" for models that don't reason.
_NEVER_REASONS = re.compile(r"(.*/)?(ft:)?(gpt-3|gpt-4|chatgpt|gpt-\d[\d.]*-chat)")


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body for `/responses`; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if the request has no item to send, or a parameter that the API doesn't have.
    """
    params = request.params
    items = build_input(request, profile, report)
    if not items and not ("prompt" in params or "previous_response_id" in params):
        raise UsageError(f"input: expected an item to send, got none; {report or 'it is empty'}")
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True}
    if request.instructions and request.instructions.strip():
        body["instructions"] = request.instructions
    tools = responses_tools(request.tools, report)
    if tools:
        body["tools"] = tools
    if request.response_format is not None:
        report_format(request.response_format, [body.get("instructions"), *items], report)
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    body |= write_params("responses", PARAMS, context)
    if profile.default_max_tokens is not None:
        body.setdefault("max_output_tokens", profile.default_max_tokens)
    include = _include(context)
    if include:
        body["include"] = include
    return body


def _token_limit(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    least = context.profile.least_output_tokens
    if least is not None and value < least:
        context.report.doubtful.append(
            f"{name}: {value} is less than {least}, the least that the API accepts"
        )
    return {"max_output_tokens": value}


def _tool_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    fields = with_tools(name, value, context)
    return {name: responses_choice(value, context.request.tools, context.report)} if fields else fields


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
            text["format"] |= format_fields(wanted)
        text["format"] |= wanted.extra
    if "verbosity" in params:
        text["verbosity"] = params["verbosity"]
    own = params.get("text", {})
    sources = {"format": "response_format", "verbosity": "verbosity"}
    overruled = [field for field, value in text.items() if own.get(field, value) != value]
    if name == "text":  # this writer runs for each of its parameters
        context.report.dropped += [f"{sources[field]}: text.{field} is sent instead" for field in overruled]
    return {"text": {**text, **own}}


def _include(context: BuildContext) -> list[str]:
    """Return the caller's list, with logprobs, and with encrypted reasoning if `store` is False."""
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
    "include_usage": unless_true,
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

"""A Request -> the body of a Chat Completions call. `messages.py` writes its messages.

Rules: the body contains only fields that the caller asked for, `stream`, and the request for usage;
`PARAMS` lists every parameter; a value that the model refuses is dropped and reported.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..._checks import got
from ...profiles.profile import Profile
from ...request import Request
from ...request.params import TOKEN_LIMITS
from ..cache_marks import MOST_MARKS, count_marks
from ..formats import format_fields, report_format, report_schema_in_prompt
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
from ..report import BuildReport
from .caching import mark_for_caching
from .content import join_contents
from .messages import build_messages
from .tool_specs import chat_choice, chat_tools

if TYPE_CHECKING:
    from ...typed.response_format import ResponseFormat


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body for `/chat/completions`; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if the request has no message to send, or a parameter that the API doesn't have.
    """
    role = "developer" if profile.is_reasoning_model(request.model) else "system"
    messages = build_messages(request, profile, report, system_role=role)
    wanted = request.response_format
    if wanted is not None and wanted.kind == "json_schema" and not profile.json_schema:
        messages = _with_schema(messages, wanted, role)
        report_schema_in_prompt(wanted, profile, report)
    elif wanted is not None:
        report_format(wanted, messages, report)
    body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
    tools = chat_tools(request.tools, report)
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    body |= _usage_fields(context)
    if tools:
        body["tools"] = tools
    body |= write_params("chat", PARAMS, context)
    if profile.default_max_tokens is not None and not any(name in request.params for name in TOKEN_LIMITS):
        body |= _token_limit("max_tokens", profile.default_max_tokens, context)
    if "prompt_cache" in request.params and profile.text_parts:
        body = mark_for_caching(body, report)
    elif "prompt_cache" in request.params:
        report.dropped.append(f"prompt_cache: {profile.name} reads texts as one string, without marks")
    if count_marks(body) > MOST_MARKS:
        report.doubtful.append(f"{count_marks(body)} cache_control marks; servers accept {MOST_MARKS}")
    return body


def _with_schema(messages: list[dict[str, Any]], wanted: ResponseFormat, role: str) -> list[dict[str, Any]]:
    """Return *messages* with the schema in the first system message: the gateway has no field for it.

    The word JSON must be in a prompt for json_object, else servers refuse it or the model writes blanks.
    """
    about = f", {wanted.description}" if wanted.description else ""
    schema = json.dumps(wanted.schema, ensure_ascii=False)
    wish = f"Answer with one JSON value that fits this JSON schema{about}:\n{schema}"
    place = next((n for n, message in enumerate(messages) if message["role"] == role), None)
    if place is None:
        return [{"role": role, "content": wish}, *messages]
    joined = {**messages[place], "content": join_contents([messages[place]["content"], wish])}
    return [*messages[:place], joined, *messages[place + 1 :]]


def _usage_fields(context: BuildContext) -> dict[str, Any]:
    """Ask for token counts, unless the profile or the caller switched that off."""
    params, profile = context.params, context.profile
    own = {**profile.extra_body.get("chat", {}), **context.request.extra_body}
    is_streamed = own.get("stream", True) is not False  # stream_options next to false is a 400
    is_wanted = params.get("include_usage", profile.include_usage)
    options = dict(params.get("stream_options", {}))
    if is_wanted and is_streamed:
        options.setdefault("include_usage", True)
    fields: dict[str, Any] = {"stream_options": options} if options else {}
    if is_wanted and profile.usage_accounting:
        fields["usage"] = {"include": True}
    return fields


def _token_limit(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    return {"max_completion_tokens" if context.is_reasoning_model else "max_tokens": value}


def _tool_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    fields = with_tools(name, value, context)
    return {name: chat_choice(value, context.request.tools, context.report)} if fields else fields


def _reasoning(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write the reasoning effort in the gateway's form: a string, or an object with more settings."""
    profile, report = context.profile, context.report
    settings = dict(context.params.get("reasoning", {}))
    effort = context.effort
    if profile.reasoning_param == "reasoning":
        return {"reasoning": settings | ({"effort": effort} if effort else {})}
    rest = [f"reasoning.{key}" for key in settings if key != "effort"]
    if rest and name == "reasoning":  # this writer runs once more if there is a `reasoning_effort`
        report.dropped.append(f"{', '.join(rest)}: {profile.name} accepts only an effort")
    return {"reasoning_effort": effort} if effort else {}


def _audio(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Write the voice and the format; OpenAI refuses any other than pcm16 in a stream."""
    if value.get("format") not in (None, "pcm16"):
        context.report.doubtful.append(f"audio: OpenAI streams pcm16 only, not {got(value['format'], 40)}")
    return {name: value}


def _response_format(name: str, value: ResponseFormat, context: BuildContext) -> dict[str, Any]:
    if value.kind != "json_schema":
        return {name: {"type": value.kind, **value.extra}}
    if not context.profile.json_schema:
        return {name: {"type": "json_object", **value.extra}}
    return {name: {"type": "json_schema", "json_schema": format_fields(value), **value.extra}}


def param_table() -> ParamTable:
    """Return the writer of every parameter."""
    return PARAMS


PARAMS: ParamTable = {
    "temperature": sampling,
    "top_p": sampling,
    "top_k": copy,
    "min_p": copy,
    "top_a": copy,
    "frequency_penalty": sampling,
    "presence_penalty": sampling,
    "repetition_penalty": copy,
    "logit_bias": sampling,
    "seed": copy,
    "n": copy,
    "stop": sampling,
    "max_tokens": _token_limit,
    "max_completion_tokens": copy,
    "max_output_tokens": _token_limit,
    "logprobs": sampling,
    "top_logprobs": sampling,
    "response_format": _response_format,
    "modalities": copy,
    "audio": _audio,
    "prediction": copy,
    "verbosity": copy,
    "text": UNSUPPORTED,
    "include": UNSUPPORTED,
    "include_usage": skip,  # _usage_fields
    "stream_options": skip,  # _usage_fields
    "reasoning_effort": _reasoning,
    "reasoning": _reasoning,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": with_tools,
    "max_tool_calls": UNSUPPORTED,
    "web_search_options": copy,
    "previous_response_id": UNSUPPORTED,
    "conversation": UNSUPPORTED,
    "prompt": UNSUPPORTED,
    "store": copy,
    "background": UNSUPPORTED,
    "truncation": UNSUPPORTED,
    "metadata": copy,
    "user": copy,
    "safety_identifier": copy,
    "service_tier": copy,
    "prompt_cache": skip,  # mark_for_caching
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

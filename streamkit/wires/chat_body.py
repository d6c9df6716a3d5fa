"""A Request -> the body of a Chat Completions call. `chat_messages.py` writes its messages.

Rules: nothing the caller did not ask for is sent, but for `stream` and the question for usage; a
parameter that only the other API has is a `UsageError`; one that this model refuses is dropped and
reported (RO-02).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..parameters import TOKEN_LIMITS
from ..profiles import Profile
from ..request import BuildReport, Request
from .caching import mark_for_caching
from .chat_messages import build_messages
from .tools import chat_choice, chat_tools

if TYPE_CHECKING:
    from ..schema import ResponseFormat

# Those that only the Responses API has.
_ELSEWHERE = (
    "previous_response_id",
    "conversation",
    "prompt",
    "background",
    "truncation",
    "include",
    "text",
    "max_tool_calls",
)
# What OpenAI's reasoning models refuse, unless told not to reason.
_SAMPLING = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """The body for `/chat/completions`; what it leaves out or puts right goes into *report*.

    Raises `UsageError` where no message is left to send, or a parameter is not chat's.
    """
    params = request.params
    reasons = profile.is_reasoning_model(request.model)
    messages = build_messages(request, profile, report, system_role="developer" if reasons else "system")
    body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
    body |= _usage_wanted(params, profile)
    tools = chat_tools(request.tools, report)
    if tools:
        body["tools"] = tools
    refused = _SAMPLING if reasons and _effort(params) != "none" else ()
    for name, value in params.items():
        if name in _ELSEWHERE:
            raise UsageError(f"{name} has no meaning on the chat wire; use wire='responses', or extra_body")
        if name in refused:
            report.dropped.append(f"{name}, which {request.model} refuses")
        elif name in ("tool_choice", "parallel_tool_calls") and not tools:
            report.dropped.append(f"{name}, since no tools are sent")
        elif name in ("max_tokens", "max_output_tokens"):
            body["max_completion_tokens" if reasons else "max_tokens"] = value
        elif name == "tool_choice":
            body[name] = chat_choice(value, request.tools)
        elif name == "response_format":
            body[name] = _response_format(value, profile, report)
        elif name in ("reasoning", "reasoning_effort"):
            body |= _reasoning(params, profile, report)
        elif name not in ("include_usage", "stream_options", "prompt_cache"):
            body[name] = value
    if profile.default_max_tokens is not None and not any(name in params for name in TOKEN_LIMITS):
        body["max_completion_tokens" if reasons else "max_tokens"] = profile.default_max_tokens
    return mark_for_caching(body) if "prompt_cache" in params else body


def _usage_wanted(params: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """The question for token counts, unless the profile or the caller is against it (RQ-02, X-17)."""
    wanted = params.get("include_usage", profile.include_usage)
    options = dict(params.get("stream_options", {}))
    if wanted:
        options.setdefault("include_usage", True)
    fields: dict[str, Any] = {"stream_options": options} if options else {}
    if wanted and profile.usage_accounting:
        fields["usage"] = {"include": True}
    return fields


def _effort(params: Mapping[str, Any]) -> Any:
    return params.get("reasoning_effort") or params.get("reasoning", {}).get("effort")


def _reasoning(params: Mapping[str, Any], profile: Profile, report: BuildReport) -> dict[str, Any]:
    """How much to think, in the gateway's own form, whichever form the caller used."""
    settings = dict(params.get("reasoning", {}))
    effort = _effort(params)
    if profile.reasoning_param == "reasoning":
        return {"reasoning": settings | ({"effort": effort} if effort else {})}
    rest = [f"reasoning.{key}" for key in settings if key != "effort"]
    if rest and "reasoning" in params:
        sentence = f"{', '.join(rest)}: {profile.name} takes an effort only"
        if sentence not in report.dropped:
            report.dropped.append(sentence)
    return {"reasoning_effort": effort} if effort else {}


def _response_format(wanted: ResponseFormat, profile: Profile, report: BuildReport) -> dict[str, Any]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    if not profile.json_schema:
        report.mended.append(f"response_format: {profile.name} takes no schema; asked for any JSON object")
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": wanted.name, "strict": wanted.strict, "schema": dict(wanted.schema)},
    }

"""A Request -> the body of a Gemini call. `turns.py` writes its contents.

Rules: the model and the wish for a stream are in the URL, not in the body. The body contains only fields that
the caller asked for; `PARAMS` lists every parameter; a value that the model refuses is dropped and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...profiles.profile import Profile
from ...request import Request
from ..formats import lone_schema
from ..param_table import UNSUPPORTED, BuildContext, ParamTable, absent, unless_true, write_params
from ..report import BuildReport
from ..tool_choice import calling_config
from .fields import camel
from .models import counts_alone, lacks, penalizes, thinking_fields
from .tool_specs import gemini_choice, gemini_tools, with_lone_references
from .turns import build_contents

if TYPE_CHECKING:
    from ...typed.response_format import ResponseFormat

# The fields that the writers below return for `generationConfig`; the others are of the body itself.
_GENERATION = frozenset(
    (
        *("temperature", "topP", "topK", "seed", "stopSequences", "maxOutputTokens", "candidateCount"),
        *("frequencyPenalty", "presencePenalty", "responseLogprobs", "logprobs", "responseModalities"),
        *("thinkingConfig", "responseMimeType", "responseJsonSchema", "speechConfig"),
    )
)
_SHOWS = "includeServerSideToolInvocations"
_MOST_WORDS = 5  # that stop an answer


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body for `:streamGenerateContent`; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if the request has no content to send, or a parameter that the API doesn't have.
    """
    system, contents = build_contents(request, profile, report)
    tools = gemini_tools(request.tools, report)
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if tools:
        body["tools"] = tools
    fields = write_params("gemini", PARAMS, context)
    if profile.default_max_tokens is not None:
        fields.setdefault("maxOutputTokens", profile.default_max_tokens)
    settings = {name: value for name, value in fields.items() if name in _GENERATION}
    if settings:
        body["generationConfig"] = settings
    body |= {name: value for name, value in fields.items() if name not in _GENERATION}
    if any(map(_has_functions, tools)) and any(map(_is_hosted, tools)):
        body |= _next_to_hosted(body, context)
    _report_cached(body, context)
    for name in lacks(request.model):
        if name in body or name in settings:
            report.doubtful.append(f"{name}: {request.model} refuses it")
    return body


def _has_functions(tool: Mapping[str, Any]) -> bool:
    return any(camel(name) == "functionDeclarations" for name in tool)


def _is_hosted(tool: Mapping[str, Any]) -> bool:
    """Return True if an entry of `tools` has one that the server runs."""
    return any(camel(name) != "functionDeclarations" for name in tool)


def _next_to_hosted(body: Mapping[str, Any], context: BuildContext) -> dict[str, Any]:
    """Return the field that functions need next to the server's tools: models from 3 on, not on Vertex."""
    if re.match(r"(.*/)?gemini-[12]", context.request.model):
        context.report.doubtful.append("tools: models before 3 refuse functions next to the server's tools")
    elif context.profile.marks_server_tools:
        context.report.repaired.append(
            f"toolConfig: {_SHOWS} is true, as functions next to other tools need it"
        )
        return {"toolConfig": {**body.get("toolConfig", {}), _SHOWS: True}}
    return {}


def _report_cached(body: Mapping[str, Any], context: BuildContext) -> None:
    """Report fields that the API refuses next to a cached prompt, which has its own."""
    extra = {camel(name): value for name, value in context.request.extra_body.items()}
    refused = [name for name in ("systemInstruction", "tools", "toolConfig") if body.get(name)]
    if extra.get("cachedContent") and refused:
        context.report.doubtful.append(f"cachedContent: the API refuses {' and '.join(refused)} next to it")


def _as(field: str) -> Any:
    """Return the writer of a parameter whose value stays, under the name *field*."""

    def write(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
        return {field: value}

    return write


def _stop(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    words = [value] if isinstance(value, str) else list(value)
    if len(words) > _MOST_WORDS:
        context.report.doubtful.append(f"stop: {len(words)} words, but the API takes {_MOST_WORDS}")
    return {"stopSequences": words}


def _seed(name: str, value: int, context: BuildContext) -> dict[str, Any]:
    if not -(1 << 31) <= value < 1 << 31:
        context.report.doubtful.append(f"seed: {value}, but the API takes a number of 32 bits")
    return {name: value}


# The words of OpenAI's and Anthropic's APIs -> those of this one.
_TIERS = {"default": "standard", "standard_only": "standard"}


def _service_tier(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Return the tier in the API's words. `auto` is none of them, and means that the server chooses."""
    if value == "auto":
        context.report.leave_out(f"{name}: auto, which is what the API does without one")
        return {}
    sent = _TIERS.get(value, value)
    if sent != value:
        context.report.repaired.append(f"{name}: {value} is sent as {sent}")
    return {"serviceTier": sent}


def _penalty(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if not penalizes(context.request.model):
        context.report.dropped.append(f"{name}: {context.request.model} refuses it")
        return {}
    return {camel(name): value}


def _count(name: str, value: int, context: BuildContext) -> dict[str, Any]:
    """Return the number of answers; models that give one refuse the field, whatever it says."""
    if value == 1:
        return {}
    if counts_alone(context.request.model):
        context.report.doubtful.append(f"{name}: {value}, but {context.request.model} gives one answer")
    return {"candidateCount": value}


def _logprobs(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if value and (context.profile.marks_server_tools or counts_alone(context.request.model)):
        context.report.doubtful.append(f"{name}: {context.request.model} may refuse them on this server")
    return {"responseLogprobs": value}


def _top_logprobs(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    return {"responseLogprobs": True, "logprobs": value}


def _modalities(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    return {"responseModalities": [str(each).upper() for each in value]}


def _response_format(name: str, value: ResponseFormat, context: BuildContext) -> dict[str, Any]:
    context.report.repaired += value.notes
    schema = lone_schema(value, context.report)
    if value.kind == "text":
        return {}
    fields: dict[str, Any] = {"responseMimeType": "application/json"}
    if schema:
        fields["responseJsonSchema"] = with_lone_references(schema)
    if context.has_tools and re.match(r"(.*/)?gemini-[12]", context.request.model):
        context.report.doubtful.append("response_format: models before 3 refuse it together with tools")
    return fields


def _tool_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if not context.has_tools:
        context.report.dropped.append(f"{name}: the request has no tools")
        return {}
    is_whole = isinstance(value, Mapping) and calling_config(value) is not None  # in the API's own words
    if not is_whole and not any(map(_has_functions, gemini_tools(context.request.tools, BuildReport()))):
        context.report.dropped.append(f"{name}: the request has no functions, without which it is refused")
        return {}
    config = {"functionCallingConfig": gemini_choice(value, context.request.tools, context.report)}
    if isinstance(value, Mapping) and calling_config(value) not in (None, value):  # a whole toolConfig
        config |= {camel(key): each for key, each in value.items() if camel(key) not in config}
    return {"toolConfig": config}


def param_table() -> ParamTable:
    """Return the writer of every parameter."""
    return PARAMS


PARAMS: ParamTable = {
    "temperature": _as("temperature"),
    "top_p": _as("topP"),
    "top_k": _as("topK"),
    "min_p": absent,
    "top_a": absent,
    "frequency_penalty": _penalty,
    "presence_penalty": _penalty,
    "repetition_penalty": absent,
    "logit_bias": absent,
    "seed": _seed,
    "n": _count,
    "stop": _stop,
    "max_tokens": _as("maxOutputTokens"),
    "max_completion_tokens": _as("maxOutputTokens"),
    "max_output_tokens": _as("maxOutputTokens"),
    "logprobs": _logprobs,
    "top_logprobs": _top_logprobs,
    "response_format": _response_format,
    "modalities": _modalities,
    "audio": UNSUPPORTED,
    "prediction": absent,
    "verbosity": absent,
    "text": UNSUPPORTED,
    "include": UNSUPPORTED,
    "include_usage": unless_true,
    "stream_options": absent,
    "reasoning_effort": thinking_fields,
    "reasoning": thinking_fields,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": absent,
    "max_tool_calls": UNSUPPORTED,
    "web_search_options": UNSUPPORTED,
    "previous_response_id": UNSUPPORTED,
    "conversation": UNSUPPORTED,
    "prompt": UNSUPPORTED,
    "store": _as("store"),
    "background": UNSUPPORTED,
    "truncation": UNSUPPORTED,
    "metadata": absent,
    "user": absent,
    "safety_identifier": absent,
    "service_tier": _service_tier,
    "prompt_cache": absent,
    "prompt_cache_key": absent,
    "prompt_cache_retention": absent,
    "provider": UNSUPPORTED,
    "models": UNSUPPORTED,
    "route": UNSUPPORTED,
    "transforms": UNSUPPORTED,
    "plugins": UNSUPPORTED,
    "session_id": UNSUPPORTED,
    "usage": UNSUPPORTED,
}

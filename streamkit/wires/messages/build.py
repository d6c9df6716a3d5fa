"""A Request -> the body of a Messages call. `turns.py` writes its system text and messages.

Rules: the body contains only fields that the caller asked for, `stream`, and `max_tokens`, which the API
requires; `PARAMS` lists every parameter; a value that the model refuses is dropped and reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._checks import got
from ...errors import UsageError
from ...profiles.profile import Profile
from ...request import Request
from ...request.params import TOKEN_LIMITS
from ..cache_marks import MOST_MARKS, count_marks
from ..param_table import UNSUPPORTED, BuildContext, ParamTable, absent, copy, skip, unless_true, write_params
from ..report import BuildReport
from .caching import mark_for_caching, with_fewer_marks
from .content import Block
from .structured import cites, structured_fields
from .thinking import Model, fill_thoughts, lacks_thought, model_named, thinking_fields
from .tool_specs import messages_choice, messages_tools
from .turns import build_turns

_DEFAULT_LIMIT = 32_000  # tokens of an answer, if the model's own limit isn't lower
_FORCED = ("any", "tool")  # the types of tool_choice that force a tool
_LEAST_TOP_P = 0.95  # while a model thinks
_OTHERS_LIMIT = 4096  # for models of other makers, whose limit isn't known


def build(request: Request, profile: Profile, report: BuildReport) -> dict[str, Any]:
    """Return the body for `/v1/messages`; *report* lists the parts that were dropped or repaired.

    Raises `UsageError` if the request has no message to send, or a parameter that the API doesn't have.
    """
    system, messages = build_turns(request, profile, report)
    tools = messages_tools(request.tools, report, request.model)
    context = BuildContext(request, profile, report, has_tools=bool(tools))
    model = {} if "{model}" in profile.paths.get("messages", "") else {"model": request.model}
    limit = _max_tokens(context)
    body: dict[str, Any] = {**model, "max_tokens": limit, "messages": messages, "stream": True}
    thinking = _thinking(context, limit, messages)
    structured = structured_fields(context, system, messages, thinks=_thinks(thinking))
    if system:
        body["system"] = _plain(system)
    if tools:
        body["tools"] = tools
    body |= write_params("messages", PARAMS, context) | thinking
    if "format" in structured:
        structured = {"output_config": {**thinking.get("output_config", {}), **structured}}
    body |= structured
    if "tool_choice" in body or "parallel_tool_calls" in request.params:
        body |= _tool_choice_fields(body.get("tool_choice"), context)
    _stop_thinking(body, context)
    fill_thoughts(body, context)
    _drop_sampling(body, context)
    _report_prefill(body, context)
    if len({*cites(messages)}) > 1:
        report.doubtful.append("citations: the API wants them of all documents, or of none")
    elsewhere = count_marks(request.extra_body)  # such as the mark of the whole body
    if "prompt_cache" in request.params and profile.cache_marks:
        body = mark_for_caching(body, report, elsewhere=elsewhere)
    elif "prompt_cache" in request.params:
        report.dropped.append(f"prompt_cache: {profile.name} ignores marks, and caches by itself")
    if count_marks(body) + elsewhere > MOST_MARKS:
        body = with_fewer_marks(body, report, elsewhere=elsewhere)
    return body


def _thinking(context: BuildContext, limit: int, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the fields of thinking; none if the model can't think while a tool is forced.

    A forced tool decides what the answer is, an effort only how good it is. So the tool wins. Neither can a
    model with a budget think in the middle of a turn that began without a thought.
    """
    name, report = context.request.model, context.report
    model = model_named(name)
    is_barred = _is_forced(context) and (
        model.forced == "unless it thinks" or _thinks_unless_told(context, model)
    )
    own = context.request.extra_body.get("thinking")
    if is_barred and isinstance(own, Mapping) and own.get("type") != "disabled":
        report.doubtful.append(f"tool_choice: {name} can't be forced to call a tool while it thinks")
    fields = thinking_fields(context, limit)
    if is_barred and _thinks(fields):
        reason = "while tool_choice forces a tool"
    elif fields.get("thinking", {}).get("type") == "enabled" and "claude" in name and lacks_thought(messages):
        reason = "now: the calls of this turn were made without a thought"
    else:
        return fields
    asked = "reasoning" if "reasoning" in context.params else "reasoning_effort"
    report.dropped.append(f"{asked}: {name} can't think {reason}")
    return {}


def _stop_thinking(body: dict[str, Any], context: BuildContext) -> None:
    """Switch off the thinking of a server whose models think by default, if a tool is forced.

    "Thinking mode does not support this tool_choice" (DeepSeek); Kimi words it differently.
    """
    is_forced = body.get("tool_choice", {}).get("type") in _FORCED
    is_asked = "thinking" in body or "thinking" in context.request.extra_body
    if is_forced and not is_asked and _thinks_unless_told(context, model_named(context.request.model)):
        body["thinking"] = {"type": "disabled"}
        context.report.repaired.append("thinking: it is disabled, because a tool is forced")


def _thinks_unless_told(context: BuildContext, model: Model) -> bool:
    """Return True for a model that thinks by default on this server, and that can be told not to."""
    return model.forced == "always" and model.off is not None and not context.profile.thinking_budget


def _is_forced(context: BuildContext) -> bool:
    """Return True if the caller's choice forces a tool."""
    choice = context.params.get("tool_choice")
    if choice is None or not context.has_tools:
        return False
    return messages_choice(choice, context.request.tools, BuildReport()).get("type") in _FORCED


def _thinks(fields: Mapping[str, Any]) -> bool:
    return "thinking" in fields and fields["thinking"]["type"] in ("adaptive", "enabled")


def _report_prefill(body: Mapping[str, Any], context: BuildContext) -> None:
    """Report that the model may refuse to go on with an answer; after a pause of the server's it doesn't."""
    last, name = body["messages"][-1], context.request.model
    is_prefill = last["role"] == "assistant" and last["content"][-1].get("type") == "text"
    has_format = "format" in body.get("output_config", {})
    if is_prefill and (_thinks(body) or has_format or not model_named(name).takes_prefill):
        when = " with a format of the answer" if has_format else " while it thinks"
        context.report.doubtful.append(
            f"the last message is the assistant's: {name} refuses to go on with one"
            f"{when if model_named(name).takes_prefill else ''}"
        )


def _plain(system: list[Block]) -> str | list[Block]:
    """Return one plain text as a string, which every server accepts; else the blocks."""
    return str(system[0]["text"]) if len(system) == 1 and system[0].keys() == {"type", "text"} else system


def _max_tokens(context: BuildContext) -> int:
    """Return the limit of the answer: the caller's, the profile's, or the model's own."""
    given = next((context.params[name] for name in TOKEN_LIMITS if context.params.get(name)), None)
    if given is not None:
        longest = model_named(context.request.model).longest
        if given > longest:
            context.report.doubtful.append(
                f"max_tokens: {given}, but {context.request.model} answers with at most {longest}"
            )
        return int(given)
    if context.profile.default_max_tokens is not None:
        return context.profile.default_max_tokens
    if "claude" not in context.request.model.lower():
        return _OTHERS_LIMIT
    return min(_DEFAULT_LIMIT, model_named(context.request.model).longest)


def _tool_choice_fields(choice: Any, context: BuildContext) -> dict[str, Any]:
    """Return `tool_choice` with the wish for one call at a time, which is a part of it."""
    is_parallel = context.params.get("parallel_tool_calls")
    if not context.has_tools:
        if is_parallel is not None:
            context.report.dropped.append("parallel_tool_calls: the request has no tools")
        return {}
    if choice is None and is_parallel is not False:  # true is the default
        return {}
    choice = dict(choice or {"type": "auto"})
    if is_parallel is False and choice.get("type") != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tool_choice": choice}


def _drop_sampling(body: dict[str, Any], context: BuildContext) -> None:
    """Remove the sampling parameters that the model refuses, at all or while it thinks."""
    model, name = model_named(context.request.model), context.request.model
    thinks = body.get("thinking", {}).get("type") == "enabled"
    for field in ("temperature", "top_p", "top_k"):
        is_small = field != "top_p" or body.get(field, 1) < _LEAST_TOP_P
        refused = not model.takes_sampling or (thinks and is_small)
        if field in body and refused and not (field == "temperature" and body[field] == 1):
            del body[field]
            context.report.dropped.append(f"{field}: {name} refuses it{' while it thinks' if thinks else ''}")
    if "temperature" in body and "top_p" in body and not model.takes_both:
        del body["top_p"]
        context.report.dropped.append(f"top_p: {name} refuses it next to temperature")


# -- parameters ---------------------------------------------------------------------------


def _one_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if value not in (None, 1):
        raise UsageError(f"n: expected 1, because the messages API gives one answer; got {got(value, 40)}")
    return {}


def _temperature(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if value > 1 and "claude" in context.request.model.lower():
        context.report.repaired.append(f"temperature: {value} is sent as 1, the API's limit")
        value = 1
    return {name: value}


def _stop(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    words = [value] if isinstance(value, str) else list(value)
    kept = [word for word in words if word.strip()]
    if len(kept) < len(words):
        context.report.dropped.append("stop: words of white space, which the API refuses")
    return {"stop_sequences": kept} if kept else {}


def _user(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    return {"metadata": {"user_id": value}}


def _metadata(name: str, value: Mapping[str, Any], context: BuildContext) -> dict[str, Any]:
    others = [key for key in value if key != "user_id"]
    if others:
        context.report.dropped.append(f"metadata: {', '.join(others)}; the API knows only user_id")
    return {name: {"user_id": value["user_id"]}} if "user_id" in value else {}


# The words of OpenAI's API -> the two of this one. The others name tiers that it doesn't have.
_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard": "standard_only"}


def _service_tier(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    """Return the tier in the API's words; other servers may know others."""
    if not context.profile.sends_betas or value in _TIERS.values():
        return {name: value}
    sent = _TIERS.get(value)
    if sent is None:
        context.report.dropped.append(f"{name}: {value}, which the API doesn't have")
        return {}
    context.report.repaired.append(f"{name}: {value} is sent as {sent}")
    return {name: sent}


def _tool_choice(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    if not context.has_tools:
        context.report.dropped.append(f"{name}: the request has no tools")
        return {}
    choice = messages_choice(value, context.request.tools, context.report)
    forced = model_named(context.request.model).forced
    if forced == "to any" and choice.get("type") == "tool":
        context.report.repaired.append(
            f"{name}: {context.request.model} can't be forced to one tool; sent any"
        )
        choice = _unnamed(choice, "any")
    if forced == "never" and _is_forced(context):
        context.report.dropped.append(f"{name}: {context.request.model} can't be forced to call a tool")
        choice = _unnamed(choice, "auto")
    return {name: choice}


def _unnamed(choice: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return *choice* with the type *kind*, which names no tool."""
    return {**{key: value for key, value in choice.items() if key != "name"}, "type": kind}


def _reasoning(name: str, value: Any, context: BuildContext) -> dict[str, Any]:
    rest = [key for key in value if key not in ("effort", "max_tokens")]
    if rest:
        context.report.dropped.append(
            f"reasoning: {', '.join(rest)}; the messages API knows an effort or max_tokens"
        )
    return {}


def param_table() -> ParamTable:
    """Return the writer of every parameter."""
    return PARAMS


PARAMS: ParamTable = {
    "temperature": _temperature,
    "top_p": copy,
    "top_k": copy,
    "min_p": absent,
    "top_a": absent,
    "frequency_penalty": absent,
    "presence_penalty": absent,
    "repetition_penalty": absent,
    "logit_bias": absent,
    "seed": absent,
    "n": _one_choice,
    "stop": _stop,
    "max_tokens": skip,  # _max_tokens
    "max_completion_tokens": skip,
    "max_output_tokens": skip,
    "logprobs": absent,
    "top_logprobs": absent,
    "response_format": skip,  # structured_fields
    "modalities": UNSUPPORTED,
    "audio": UNSUPPORTED,
    "prediction": absent,
    "verbosity": absent,
    "text": UNSUPPORTED,
    "include": UNSUPPORTED,
    "include_usage": unless_true,
    "stream_options": absent,
    "reasoning_effort": skip,  # thinking_fields
    "reasoning": _reasoning,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": skip,  # _tool_choice_fields
    "max_tool_calls": UNSUPPORTED,
    "web_search_options": UNSUPPORTED,
    "previous_response_id": UNSUPPORTED,
    "conversation": UNSUPPORTED,
    "prompt": UNSUPPORTED,
    "store": absent,
    "background": UNSUPPORTED,
    "truncation": UNSUPPORTED,
    "metadata": _metadata,
    "user": _user,
    "safety_identifier": _user,
    "service_tier": _service_tier,
    "prompt_cache": skip,  # mark_for_caching
    "prompt_cache_key": absent,
    "prompt_cache_retention": absent,
    "provider": copy,
    "models": copy,
    "route": copy,
    "transforms": copy,
    "plugins": copy,
    "session_id": copy,
    "usage": copy,
}

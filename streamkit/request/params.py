"""The named parameters of a request: `Params` has their types, and `CHECKS` their values and ranges.

Rules: both tables have the same names, and so has the `param_table` of every wire. This file knows only the
caller's side; a wire decides which field a parameter becomes. The ranges are from the references of OpenAI
and OpenRouter. A field without a name here goes through `extra_body`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from attrs import asdict, frozen

from .._checks import got
from .._lazy import lazy
from ..errors import UsageError


class RunParams(TypedDict, total=False):
    """All of `Params` but `conversation`, which is an agent run's word for its list of items."""

    # sampling
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    top_a: float | None
    frequency_penalty: float | None
    presence_penalty: float | None
    repetition_penalty: float | None
    logit_bias: Mapping[str, float] | None
    seed: int | None
    n: int | None
    stop: str | Sequence[str] | None
    max_tokens: int | None  # of the answer, reasoning included; each wire has its own spelling
    max_completion_tokens: int | None  # the same limit; chat sends exactly this spelling
    max_output_tokens: int | None  # the same as max_tokens
    # the answer
    logprobs: bool | None
    top_logprobs: int | None
    response_format: Any  # a class, a JSON schema, "json_object", or the API's own object
    modalities: Sequence[str] | None
    audio: Mapping[str, Any] | None
    prediction: Mapping[str, Any] | None
    verbosity: str | None
    text: Mapping[str, Any] | None
    include: Sequence[str] | None
    include_usage: bool | None  # False: don't request token counts
    stream_options: Mapping[str, Any] | None
    # thinking
    reasoning_effort: str | None
    reasoning: Mapping[str, Any] | None
    # tools
    tool_choice: str | Mapping[str, Any] | None
    parallel_tool_calls: bool | None
    max_tool_calls: int | None
    web_search_options: Mapping[str, Any] | None
    # state on the server
    previous_response_id: str | None
    prompt: Mapping[str, Any] | None
    store: bool | None
    background: bool | None
    truncation: str | None
    # bookkeeping
    metadata: Mapping[str, str] | None
    user: str | None
    safety_identifier: str | None
    service_tier: str | None
    prompt_cache: str | None  # "ephemeral": mark the prefix that Anthropic-style gateways may cache, on chat
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    # OpenRouter
    provider: ProviderPreferences | Mapping[str, Any] | None
    models: Sequence[str] | None
    route: str | None
    transforms: Sequence[str] | None
    plugins: Sequence[Mapping[str, Any]] | None
    session_id: str | None
    usage: Mapping[str, Any] | None


class Params(RunParams, total=False):
    """The API's parameters, as keywords of `client.stream(...)`. None leaves a parameter out."""

    conversation: str | Mapping[str, Any] | None  # the server's own


TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")  # three spellings of one limit


@frozen
class Check:
    """The values that a parameter accepts: in words that complete "expected ...", and as a test."""

    accepts: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(low: float, high: float) -> Check:
    return Check(f"a number from {low} to {high}", lambda v: _is_number(v) and low <= v <= high)


def _integer(low: int | None = None, high: int | None = None) -> Check:
    limits = "" if low is None else f" of at least {low}" if high is None else f" from {low} to {high}"
    return Check(
        f"an integer{limits}",
        lambda v: _is_integer(v) and (low is None or v >= low) and (high is None or v <= high),
    )


def _is_list(value: Any, of: type | tuple[type, ...]) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, of) for v in value)


_BOOL = Check("True or False", lambda v: isinstance(v, bool))
_TEXT = Check("a non-empty string", lambda v: isinstance(v, str) and bool(v))
_TEXTS = Check("a list of strings", lambda v: _is_list(v, str))
_OBJECT = Check("a mapping", lambda v: isinstance(v, Mapping))
_REASONING = Check(
    "a mapping, with a whole number as its max_tokens,",
    lambda v: isinstance(v, Mapping) and (v.get("max_tokens") is None or _is_integer(v["max_tokens"])),
)
_OBJECTS = Check("a list of mappings", lambda v: _is_list(v, Mapping))
_TEXT_OR_OBJECT = Check("a non-empty string or a mapping", lambda v: _TEXT.fits(v) or _OBJECT.fits(v))
# An int can be larger than every float, and limits are divided.
_TOKENS = Check("an integer of at least 1", lambda v: _is_integer(v) and 1 <= v < 2**53)
_ANY = Check("anything", lambda v: True)

CHECKS: Mapping[str, Check] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _integer(-1),  # vLLM: -1 switches it off
    "min_p": _number(0, 1),
    "top_a": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "repetition_penalty": _number(0, 2),
    "logit_bias": Check(
        "a mapping of token ids to numbers from -100 to 100",
        lambda v: isinstance(v, Mapping) and all(_is_number(b) and -100 <= b <= 100 for b in v.values()),
    ),
    "seed": _integer(),
    "n": _integer(1),
    "stop": Check("a string or a list of strings", lambda v: isinstance(v, str) or _is_list(v, str)),
    "max_tokens": _TOKENS,
    "max_completion_tokens": _TOKENS,
    "max_output_tokens": _TOKENS,
    "logprobs": _BOOL,
    "top_logprobs": _integer(0, 20),
    "response_format": _ANY,  # check_params converts it, which checks it
    "modalities": _TEXTS,
    "audio": _OBJECT,
    "prediction": _OBJECT,
    "verbosity": _TEXT,
    "text": _OBJECT,
    "include": _TEXTS,
    "include_usage": _BOOL,
    "stream_options": _OBJECT,
    "reasoning_effort": _TEXT,
    "reasoning": _REASONING,
    "tool_choice": _TEXT_OR_OBJECT,
    "parallel_tool_calls": _BOOL,
    "max_tool_calls": _integer(1),
    "web_search_options": _OBJECT,
    "previous_response_id": _TEXT,
    "conversation": _TEXT_OR_OBJECT,
    "prompt": _OBJECT,
    "store": _BOOL,
    "background": _BOOL,
    "truncation": _TEXT,
    "metadata": Check(
        "a mapping of strings to strings",
        lambda v: isinstance(v, Mapping) and all(isinstance(s, str) for kv in v.items() for s in kv),
    ),
    "user": _TEXT,
    "safety_identifier": _TEXT,
    "service_tier": _TEXT,
    "prompt_cache": Check("'ephemeral'", lambda v: isinstance(v, str) and v == "ephemeral"),
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": _TEXT,
    "provider": Check(
        "a ProviderPreferences or a mapping", lambda v: isinstance(v, Mapping | ProviderPreferences)
    ),
    "models": _TEXTS,
    "route": _TEXT,
    "transforms": _TEXTS,
    "plugins": _OBJECTS,
    "session_id": _TEXT,
    "usage": _OBJECT,
}


# typing's machinery costs 7 ms, which most requests don't need.
_as_response_format = lazy("typed.response_format:as_response_format")


def is_param(name: str) -> bool:
    """Return True if *name* is a parameter of an API."""
    return name in CHECKS


def check_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return *params* without those that are None, with `response_format` as a `ResponseFormat`.

    Raises `UsageError` for an unknown name, and for a value of a wrong type or out of its range.
    """
    checked: dict[str, Any] = {}
    for name, value in params.items():
        check = CHECKS.get(name)
        if check is None:
            raise UsageError(_unknown(name))
        if value is None:
            continue
        value = _number_of_python(value)
        if not check.fits(value):
            raise UsageError(f"{name}: expected {check.accepts}, got {got(value, 80)}")
        checked[name] = _plain(value)
    if "response_format" in checked:
        checked["response_format"] = _as_response_format(checked["response_format"])
    if checked.get("top_logprobs") is not None and checked.get("logprobs") is False:
        raise UsageError("top_logprobs: expected logprobs=True, got logprobs=False; leave one of them out")
    if "top_logprobs" in checked:
        checked.setdefault("logprobs", True)
    limits = [name for name in TOKEN_LIMITS if name in checked]
    if len(limits) > 1:
        raise UsageError(f"{limits[0]}: expected one token limit, got {' and '.join(limits)}; pass only one")
    return checked


def _number_of_python(value: Any) -> Any:
    """Return an int or a float for a number of another type, such as numpy's, which JSON can't express."""
    if isinstance(value, int | float | str | Mapping | list | tuple):
        return value
    from numbers import Integral, Real

    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else value


def _plain(value: Any) -> Any:
    """Return *value* as JSON data: a dict for a mapping, a list for a tuple."""
    if isinstance(value, ProviderPreferences):
        return asdict(value, filter=lambda _, v: v is not None)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


# Words of other packages, and ours for the same thing.
_ADVICE = {
    **dict.fromkeys(("system", "system_prompt", "system_message", "developer"), "use instructions="),
    **dict.fromkeys(("messages", "contents"), "pass the messages as the first argument"),
    "stream": "every answer is streamed; complete() returns the whole one",
    **dict.fromkeys(("timeout", "request_timeout"), "pass timeouts=Timeouts(...)"),
    **dict.fromkeys(("max_retries", "num_retries", "retries"), "pass retry=RetryPolicy(max_retries=...)"),
    "organization": "pass headers={'OpenAI-Organization': ...} to Client",
    "project": "pass headers={'OpenAI-Project': ...} to Client",
    "default_headers": "pass headers= to Client",
    "default_query": "pass query= to Client",
    **dict.fromkeys(("azure_endpoint", "api_base", "endpoint"), "pass base_url= to Client"),
    "api_version": "pass query={'api-version': ...} to Client",
    "http_client": "pass session=requests.Session() to Client",
    "thinking": "use reasoning_effort=, or reasoning={'max_tokens': ...} for a budget",
    "thinking_config": "use reasoning_effort=, or reasoning={'max_tokens': ...} for a budget",
    **dict.fromkeys(("stop_sequences", "stop_sequence"), "use stop="),
    **dict.fromkeys(("generation_config", "config"), "pass its fields, such as temperature=, directly"),
    "safety_settings": "pass extra_body={'safetySettings': [...]}",
    "betas": "pass extra_headers={'anthropic-beta': ...}",
    "functions": "use tools=",
    "function_call": "use tool_choice=",
    "json_mode": "use response_format='json_object'",
    "response_model": "use response_format= and parsed()",
}


def _unknown(name: str) -> str:
    import difflib

    if name in _ADVICE:
        return f"unexpected parameter {name!r}; {_ADVICE[name]}"

    near = difflib.get_close_matches(name, CHECKS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unexpected parameter {name!r}{hint}; if the server takes it, pass it in extra_body"


@frozen(kw_only=True)
class ProviderPreferences:
    """The providers that OpenRouter may route to, and its order of preference. A field of None isn't sent.

    The fields are those of the `provider` object in OpenRouter's reference. *sort* is "price", "throughput",
    "latency", or a mapping with `by` and `partition`. The two preferred limits are a number or a mapping of
    percentiles (p50, p75, p90, p99). *max_price* is in dollars per million tokens.
    """

    order: Sequence[str] | None = None
    only: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: str | None = None
    zdr: bool | None = None
    sort: str | Mapping[str, str] | None = None
    preferred_min_throughput: float | Mapping[str, float] | None = None
    preferred_max_latency: float | Mapping[str, float] | None = None
    max_price: Mapping[str, float] | None = None
    quantizations: Sequence[str] | None = None

    @classmethod
    def pinned(cls, provider: str) -> ProviderPreferences:
        """Return preferences for *provider* alone, on condition that it supports every parameter sent."""
        return cls(only=[provider], allow_fallbacks=False, require_parameters=True)

"""The named parameters of a request: their types, for editors, and their ranges, for `check_params`.

Rule: this file knows what a caller may pass; which field of which API it becomes is the wire's
business (`wires/chat_body.py`, `wires/responses_body.py`). Ranges are those of the OpenAI and OpenRouter
references. Whatever has no name here goes through `extra_body`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from attrs import asdict, frozen

from .._lazy import lazy
from ..errors import UsageError


class Params(TypedDict, total=False):
    """What `client.stream(...)` takes by name. None is the same as leaving the parameter out."""

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
    max_completion_tokens: int | None  # this very spelling, on chat
    max_output_tokens: int | None  # the same as max_tokens
    # what comes back
    logprobs: bool | None
    top_logprobs: int | None
    response_format: Any  # a class, a JSON schema, "json_object", or the API's own object
    modalities: Sequence[str] | None
    audio: Mapping[str, Any] | None
    prediction: Mapping[str, Any] | None
    verbosity: str | None
    text: Mapping[str, Any] | None
    include: Sequence[str] | None
    include_usage: bool | None  # False: do not ask for token counts
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
    conversation: str | Mapping[str, Any] | None
    prompt: Mapping[str, Any] | None
    store: bool | None
    background: bool | None
    truncation: str | None
    # bookkeeping
    metadata: Mapping[str, str] | None
    user: str | None
    safety_identifier: str | None
    service_tier: str | None
    prompt_cache: str | None  # "ephemeral": mark what Anthropic-style gateways may keep, on chat
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    # OpenRouter
    provider: Any  # ProviderPreferences, or a mapping
    models: Sequence[str] | None
    route: str | None
    transforms: Sequence[str] | None
    plugins: Sequence[Mapping[str, Any]] | None
    session_id: str | None
    usage: Mapping[str, Any] | None


TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")  # three spellings of one


@frozen
class _Kind:
    accepts: str  # completes "x takes ..."
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(low: float, high: float) -> _Kind:
    return _Kind(f"a number from {low} to {high}", lambda v: _is_number(v) and low <= v <= high)


def _integer(low: int | None = None, high: int | None = None) -> _Kind:
    limits = "" if low is None else f" of at least {low}" if high is None else f" from {low} to {high}"
    return _Kind(
        f"an integer{limits}",
        lambda v: _is_integer(v) and (low is None or v >= low) and (high is None or v <= high),
    )


def _is_list(value: Any, of: type | tuple[type, ...]) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, of) for v in value)


_BOOL = _Kind("True or False", lambda v: isinstance(v, bool))
_TEXT = _Kind("a non-empty string", lambda v: isinstance(v, str) and bool(v))
_TEXTS = _Kind("a list of strings", lambda v: _is_list(v, str))
_OBJECT = _Kind("a mapping", lambda v: isinstance(v, Mapping))
_OBJECTS = _Kind("a list of mappings", lambda v: _is_list(v, Mapping))
_TEXT_OR_OBJECT = _Kind("a non-empty string or a mapping", lambda v: _TEXT.fits(v) or _OBJECT.fits(v))
_ANY = _Kind("anything", lambda v: True)

_KINDS: Mapping[str, _Kind] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _integer(-1),  # vLLM: -1 switches it off
    "min_p": _number(0, 1),
    "top_a": _number(0, 1),
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "repetition_penalty": _number(0, 2),
    "logit_bias": _Kind(
        "a mapping of token ids to numbers from -100 to 100",
        lambda v: isinstance(v, Mapping) and all(_is_number(b) and -100 <= b <= 100 for b in v.values()),
    ),
    "seed": _integer(),
    "n": _integer(1),
    "stop": _Kind("a string or a list of strings", lambda v: isinstance(v, str) or _is_list(v, str)),
    "max_tokens": _integer(1),
    "max_completion_tokens": _integer(1),
    "max_output_tokens": _integer(1),
    "logprobs": _BOOL,
    "top_logprobs": _integer(0, 20),
    "response_format": _ANY,  # ResponseFormat.of says what it takes
    "modalities": _TEXTS,
    "audio": _OBJECT,
    "prediction": _OBJECT,
    "verbosity": _TEXT,
    "text": _OBJECT,
    "include": _TEXTS,
    "include_usage": _BOOL,
    "stream_options": _OBJECT,
    "reasoning_effort": _TEXT,
    "reasoning": _OBJECT,
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
    "metadata": _Kind(
        "a mapping of strings to strings",
        lambda v: isinstance(v, Mapping) and all(isinstance(s, str) for kv in v.items() for s in kv),
    ),
    "user": _TEXT,
    "safety_identifier": _TEXT,
    "service_tier": _TEXT,
    "prompt_cache": _Kind("'ephemeral'", lambda v: v == "ephemeral"),
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": _TEXT,
    "provider": _Kind(
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
_as_response_format = lazy("typed.schema:as_response_format")


def check_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """*params* without those that are None, each of its type and in its range.

    `response_format` becomes a `ResponseFormat`. Raises `UsageError` naming the parameter, what was
    got and what is accepted; an unknown name is told the nearest known one.
    """
    checked: dict[str, Any] = {}
    for name, value in params.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise UsageError(_unknown(name))
        if value is None:
            continue
        if not kind.fits(value):
            raise UsageError(f"{name} takes {kind.accepts}, got {value!r}")
        checked[name] = _plain(value)
    if "response_format" in checked:
        checked["response_format"] = _as_response_format(checked["response_format"])
    if checked.get("top_logprobs") is not None and checked.get("logprobs") is False:
        raise UsageError("top_logprobs needs logprobs=True, got logprobs=False")
    limits = [name for name in TOKEN_LIMITS if name in checked]
    if len(limits) > 1:
        raise UsageError(f"{' and '.join(limits)} say the same thing; pass one of them")
    return checked


def _plain(value: Any) -> Any:
    """Lists and dicts for whatever kinds of sequence and mapping the caller used."""
    if isinstance(value, ProviderPreferences):
        return asdict(value, filter=lambda _, v: v is not None)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _unknown(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, _KINDS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"no parameter {name!r}{hint}; pass it in extra_body to send it as it is"


@frozen(kw_only=True)
class ProviderPreferences:
    """Which providers OpenRouter may route to, and how it chooses; what is None is not sent.

    The fields are those of OpenRouter's reference for the `provider` object. *sort* is "price",
    "throughput", "latency" or a mapping with `by` and `partition`; the two preferred limits are a
    number or a mapping of percentiles (p50, p75, p90, p99); *max_price* is in dollars per million tokens.
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
        """That provider and no other, and only if it understands every parameter (RO-05)."""
        return cls(only=[provider], allow_fallbacks=False, require_parameters=True)

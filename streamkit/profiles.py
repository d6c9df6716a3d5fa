"""A gateway as data: where it is, how it wants the key, and the quirks that need a choice.

Reading is tolerant of every dialect always; a field about reading exists only where two gateways
need opposite treatment. Addresses and variable names are those of each gateway's own documentation,
November 2026.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, field, frozen, validators
from attrs import fields as attrs_fields

from .errors import UsageError

_maybe_text = validators.optional(validators.instance_of(str))


def _texts(value: Mapping[str, str]) -> dict[str, str]:
    texts = dict(value)
    if not all(isinstance(text, str) for text in (*texts, *texts.values())):
        raise TypeError(f"names and values are strings, got {texts!r}")
    return texts


# OpenAI's o-series, and gpt-5 on but for its chat models.
_REASONING_MODELS: str | None = r"(.*/)?(o[1-9]|gpt-([5-9]|\d\d))(?!.*chat)"


@frozen
class Profile:
    """One gateway. Derive a new one with `attrs.evolve(profile, ...)`."""

    name: str = field(validator=validators.instance_of(str))
    base_url: str | None = field(default=None, validator=_maybe_text)
    base_url_env: str | None = field(default=None, validator=_maybe_text)
    key_env: str | None = field(default=None, validator=_maybe_text)  # the variable that holds the key
    key_required: bool = True  # of no effect without key_env
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    # Paths by wire where they are not the usual ones, for a base URL that is a bare host; one with a
    # path of its own is the root of an ordinary API. {model} is the model, as Azure's deployment.
    paths: Mapping[str, str] = field(factory=dict, converter=_texts)
    headers: Mapping[str, str] = field(factory=dict, converter=_texts, repr=False)
    env_headers: Mapping[str, str] = field(factory=dict, converter=_texts)  # header to variable, if set
    query: Mapping[str, str] = field(factory=dict, converter=_texts, repr=False)
    wire: Literal["chat", "responses"] = field(
        default="chat", validator=validators.in_(("chat", "responses"))
    )
    # What an end of the body without finish reason, [DONE] or terminal event means.
    #   raise: the stream was cut. accept: this server never sends an ending.
    #   infer: this gateway leaves the terminal event out; complete if every item was closed.
    eof: Literal["raise", "accept", "infer"] = field(
        default="raise", validator=validators.in_(("raise", "accept", "infer"))
    )
    # Split <think>...</think> in the text off as reasoning: never, at the start of a message only,
    # or anywhere. Off by default, since the text may be about the tag.
    think_tags: Literal["off", "start", "anywhere"] = field(
        default="off", validator=validators.in_(("off", "start", "anywhere"))
    )
    include_usage: bool = True  # ask with stream_options; a few gateways reject the option
    usage_accounting: bool = False  # ask for cost and cache counts as well, with `usage: {include: true}`
    # The field of a chat message that takes the model's own reasoning back. off: none does, and
    # Responses takes no reasoning back but its own.
    reasoning_replay: Literal["off", "reasoning", "reasoning_content", "reasoning_details"] = field(
        default="reasoning",
        validator=validators.in_(("off", "reasoning", "reasoning_content", "reasoning_details")),
    )
    # How much to think, on chat: a string of its own, or an object with effort, max_tokens, exclude.
    reasoning_param: Literal["reasoning_effort", "reasoning"] = field(
        default="reasoning_effort", validator=validators.in_(("reasoning_effort", "reasoning"))
    )
    # Names of models that want max_completion_tokens and the developer role, and refuse sampling
    # parameters. None: the gateway sees to it.
    reasoning_models: str | None = field(default=_REASONING_MODELS, validator=_maybe_text)
    default_max_tokens: int | None = None  # sent where the caller sets no limit; a few routes demand one
    tool_output_images: bool = True  # False: images follow in a user message
    json_schema: bool = True  # False: response_format knows json_object only

    def is_reasoning_model(self, model: str) -> bool:
        """Whether *model* is one of `reasoning_models`."""
        return self.reasoning_models is not None and re.match(self.reasoning_models, model) is not None


GENERIC = Profile("generic")
OPENAI = Profile(
    "openai",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    base_url_env="OPENAI_BASE_URL",
    env_headers={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
    reasoning_replay="off",
    tool_output_images=False,
)
OPENROUTER = Profile(
    "openrouter",
    base_url="https://openrouter.ai/api/v1",
    key_env="OPENROUTER_API_KEY",
    base_url_env="OPENROUTER_BASE_URL",
    eof="infer",
    usage_accounting=True,
    reasoning_replay="reasoning_details",
    reasoning_param="reasoning",
    reasoning_models=None,
)
AZURE = Profile(
    "azure",  # base_url is the resource, https://NAME.openai.azure.com, or its .../openai/v1
    key_env="AZURE_OPENAI_API_KEY",
    base_url_env="AZURE_OPENAI_ENDPOINT",
    key_header="api-key",
    key_prefix="",
    paths={
        "chat": "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        "responses": "/openai/v1/responses",
    },
    reasoning_replay="off",
    tool_output_images=False,
)
DEEPSEEK = Profile(
    "deepseek",
    base_url="https://api.deepseek.com/v1",
    key_env="DEEPSEEK_API_KEY",
    reasoning_replay="reasoning_content",
    json_schema=False,
    tool_output_images=False,
)
GROQ = Profile(
    "groq", base_url="https://api.groq.com/openai/v1", key_env="GROQ_API_KEY", tool_output_images=False
)
MISTRAL = Profile(
    "mistral",
    base_url="https://api.mistral.ai/v1",
    key_env="MISTRAL_API_KEY",
    include_usage=False,  # the option is refused, and usage comes unasked
    reasoning_replay="off",  # unknown fields are refused
)
XAI = Profile("xai", base_url="https://api.x.ai/v1", key_env="XAI_API_KEY", reasoning_replay="off")
TOGETHER = Profile("together", base_url="https://api.together.xyz/v1", key_env="TOGETHER_API_KEY")
FIREWORKS = Profile(
    "fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_env="FIREWORKS_API_KEY",
    reasoning_replay="reasoning_content",
)
PERPLEXITY = Profile(
    "perplexity", base_url="https://api.perplexity.ai", key_env="PERPLEXITY_API_KEY", reasoning_replay="off"
)

# Local servers. 127.0.0.1 and not localhost: where that is ::1 first, every connection begins with a
# refusal. Each can be started with a key, none needs one.
OLLAMA = Profile("ollama", base_url="http://127.0.0.1:11434/v1", base_url_env="OLLAMA_BASE_URL")
LLAMACPP = Profile(
    "llamacpp",
    base_url="http://127.0.0.1:8080/v1",
    key_env="LLAMA_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
)
LMSTUDIO = Profile(
    "lmstudio",
    base_url="http://127.0.0.1:1234/v1",
    key_env="LM_API_TOKEN",
    key_required=False,
    reasoning_replay="reasoning_content",
)
VLLM = Profile("vllm", base_url="http://127.0.0.1:8000/v1", key_env="VLLM_API_KEY", key_required=False)
LITELLM = Profile(
    "litellm",
    base_url="http://127.0.0.1:4000/v1",
    base_url_env="LITELLM_PROXY_API_BASE",
    key_env="LITELLM_PROXY_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        OPENAI,
        OPENROUTER,
        AZURE,
        DEEPSEEK,
        GROQ,
        MISTRAL,
        XAI,
        TOGETHER,
        FIREWORKS,
        PERPLEXITY,
        OLLAMA,
        LLAMACPP,
        LMSTUDIO,
        VLLM,
        LITELLM,
        GENERIC,
    )
}


def find_profile(profile: str | Profile | None) -> Profile:
    """The profile of that name, the profile itself, or the generic one for None.

    Raises `UsageError` with the known names where there is none of that name.
    """
    if profile is None:
        return GENERIC
    if isinstance(profile, Profile):
        return profile
    try:
        return PROFILES[profile]
    except KeyError:
        known = ", ".join(sorted(PROFILES))
        raise UsageError(f"no profile {profile!r}; known are {known}, or pass a Profile") from None


def load_profiles(path: str | Path) -> dict[str, Profile]:
    """The profiles of a TOML or JSON file, by name: one table each, with the fields of `Profile`.

    `extends = "openai"` begins with that profile's fields in place of the defaults; it may name a profile
    of streamkit or one that stands earlier in the file. Raises `UsageError` that names the file, the
    profile and the field, and where TOML cannot be read (Python 3.10 without tomli).
    """
    path = Path(path)
    found: dict[str, Profile] = {}
    for name, table in _read_tables(path).items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name!r} is no table of profile fields")
        fields = dict(table)
        parent = fields.pop("extends", "generic")
        start = found.get(parent) or PROFILES.get(parent)
        if start is None:
            raise UsageError(f"{path}: profile {name!r} extends {parent!r}, which is neither known nor above")
        unknown = set(fields) - {f.name for f in attrs_fields(Profile)}
        if unknown:
            raise UsageError(f"{path}: profile {name!r} has unknown fields: {', '.join(sorted(unknown))}")
        try:
            found[name] = evolve(start, **{"name": name, **fields})
        except (TypeError, ValueError) as exc:
            raise UsageError(f"{path}: profile {name!r}: {exc.args[0]}") from exc
    return found


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if path.suffix == ".json" else _parse_toml(text)
    except OSError as exc:
        raise UsageError(f"cannot read profiles from {path}: {exc.strerror}") from exc
    except ValueError as exc:  # JSONDecodeError, TOMLDecodeError, UnicodeDecodeError
        if isinstance(exc, UsageError):
            raise
        raise UsageError(f"{path}: {exc}") from exc
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: profiles are one table each, by name")
    return tables


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise UsageError(
            "TOML needs Python 3.11, or pip install tomli; profiles can be JSON as well"
        ) from None
    tables: dict[str, Any] = toml.loads(text)
    return tables

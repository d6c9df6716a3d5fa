"""A gateway as data: its address, its key, and the quirks that need a choice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen, validators

from ..wires import WIRES

_maybe_text = validators.optional(validators.instance_of(str))


def _texts(value: Mapping[str, str]) -> dict[str, str]:
    texts = dict(value)
    if not all(isinstance(text, str) for text in (*texts, *texts.values())):
        raise TypeError(f"names and values are strings, got {texts!r}")
    return texts


def _known_wire(profile: Profile, attribute: Any, wire: Any) -> None:
    if wire not in WIRES:
        raise ValueError(f"wire: expected one of {', '.join(WIRES)}, got {wire!r:.40}")


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
    wire: str = field(default="chat", validator=_known_wire)
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

"""A gateway as data: where it is, how it wants the key, and the quirks that need a choice.

Reading is tolerant of every dialect always; a field about reading exists only where two gateways
need opposite treatment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen, validators

from .errors import UsageError


@frozen
class Profile:
    """One gateway. Derive a new one with `attrs.evolve(profile, ...)`."""

    name: str = field(validator=validators.instance_of(str))
    base_url: str | None = None
    key_env: str | None = None  # None: this server needs no key
    base_url_env: str | None = None
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
    headers: Mapping[str, str] = field(factory=dict, repr=False)


GENERIC = Profile("generic")
OPENAI = Profile(
    "openai",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    base_url_env="OPENAI_BASE_URL",
)
OPENROUTER = Profile(
    "openrouter",
    base_url="https://openrouter.ai/api/v1",
    key_env="OPENROUTER_API_KEY",
    base_url_env="OPENROUTER_BASE_URL",
    eof="infer",
)

PROFILES: Mapping[str, Profile] = {p.name: p for p in (GENERIC, OPENAI, OPENROUTER)}


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

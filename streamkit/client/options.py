"""The options of a client's calls, for signatures that pass them on, and the application's name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen, validators

from ..request.options import RetryPolicy, Timeouts
from ..request.params import RunParams


def _tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)  # with the built-in, attrs asks `inspect` for its signature, which takes 5 ms


@frozen
class AppInfo:
    """Your application in OpenRouter's lists: its title, its URL, at most two categories."""

    title: str | None = None
    url: str | None = None
    categories: Sequence[str] = field(default=(), converter=_tuple, validator=validators.max_len(2))

    def headers(self) -> dict[str, str]:
        """Return OpenRouter's headers for the title, URL and categories, without the empty ones."""
        named = {
            "X-OpenRouter-Title": self.title,
            "HTTP-Referer": self.url,
            "X-OpenRouter-Categories": ",".join(self.categories),
        }
        return {name: value for name, value in named.items() if value}


class RunOptions(RunParams, total=False):
    """The options that `agent.run` passes to `Client.stream`, without those that it sets itself."""

    instructions: str | None
    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str | None] | None
    extra_query: Mapping[str, str] | None
    timeouts: Timeouts | None
    retry: RetryPolicy | None
    strict: bool
    record: str | os.PathLike[str] | None
    resume: int


class StreamOptions(RunOptions, total=False):
    """The options of `Client.stream` but for model and tools, for functions that pass them on.

    Such a function takes `**options: Unpack[StreamOptions]`.
    """

    conversation: str | Mapping[str, Any] | None

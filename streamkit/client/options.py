"""The options of a client's calls, for signatures that pass them on, and the application's name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from .._checks import TEXT, Kind, check
from ..request.options import RetryPolicy, Timeouts
from ..request.params import RunParams


def _tuple(values: Any) -> Any:
    # With the built-in as the converter, attrs asks `inspect` for its signature, which takes 5 ms.
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else values


def _text(instance: Any, attribute: Any, value: Any) -> None:
    check(attribute.name, value, TEXT)


def _two_texts(instance: Any, attribute: Any, value: Any) -> None:
    check(attribute.name, value, _CATEGORIES)


_CATEGORIES = Kind(
    "a list of at most two strings",
    lambda value: (
        isinstance(value, tuple) and len(value) <= 2 and all(isinstance(each, str) for each in value)
    ),
    "pass the categories of OpenRouter's list",
)


@frozen
class AppInfo:
    """Your application in OpenRouter's lists: its title, its URL, at most two categories.

    Raises `UsageError` for anything else.
    """

    title: str | None = field(default=None, validator=_text)
    url: str | None = field(default=None, validator=_text)
    categories: Sequence[str] = field(default=(), converter=_tuple, validator=_two_texts)

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

"""`Wire`: everything that differs between APIs, in one object. Each folder next to this file defines one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from ..completion import Completion, FinishReason, Usage
    from ..errors import StreamkitError
    from ..items import FunctionCall, Item, Origin, Reasoning
    from ..profiles.profile import Profile
    from ..request import Request
    from ..state.answer import AnswerState
    from ..state.deltas import Delta, Payload, PayloadOrNote
    from .batch import BatchAPI
    from .param_table import ParamTable
    from .prepare import PreparedRequest
    from .report import BuildReport

Body: TypeAlias = dict[str, Any]
SamplePart: TypeAlias = "str | Reasoning | FunctionCall"


class Sample(Protocol):
    """Return the payloads of a stream made by hand; a string such as "[DONE]" is a frame's data."""

    def __call__(
        self,
        parts: Iterable[SamplePart],
        *,
        finish_reason: str | None,
        usage: Usage | None,
        model: str,
        id: str,  # noqa: A002 - the APIs' own word
    ) -> list[Payload | str]: ...


@frozen
class Wire:
    """One API, both directions. Every field is required; without a feature, its function has an empty result.

    | field | takes, returns |
    |---|---|
    | `name` | the name in `wire=` |
    | `path` | the path under the base URL; `{model}` stands for the model |
    | `plain_path` | the path without streaming; None if a field `stream` of the body decides |
    | `detect` | the first payload of a stream, or a document -> True if it is of this API |
    | `read` | payloads of a stream -> deltas |
    | `read_document` | a plain JSON answer -> payloads that yield the same deltas |
    | `resume_path` | the path that continues a broken stream, see client/resume.py; None without one |
    | `read_native` | a message dict in the API's own words, its place, `Origin` -> items, or None |
    | `build` | a request, without foreign opaque state -> the body; the report lists the parts it omits |
    | `headers` | the body -> headers that its features need; joined with the caller's of that name |
    | `write_document` | a Completion, and the payload that ended its stream -> a plain JSON answer |
    | `sample` | parts -> payloads of a stream, for `streamkit.testing` |
    | `params` | -> the table of parameters: each one's writer, or `UNSUPPORTED` |
    | `structure` | fields whose strings are no words of a prompt or answer: `record --mask` keeps them |
    | `stop_reasons` | the API's finish word, in lower case -> ours; an unknown word is "other" |
    | `merge_usage` | the usage so far and a usage object -> the usage now |
    | `retry_with` | an error and the request -> by field, its name in the next attempt; None leaves it out |
    | `continue_from` | parameters and a Completion -> parameters that continue on the server's copy |
    | `batch` | -> the batches of the API, see batch.py; None without them |
    """

    name: str
    path: str
    plain_path: str | None
    resume_path: str | None
    detect: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Iterable[PayloadOrNote], Profile, AnswerState], Iterator[Delta]]
    read_document: Callable[[Payload], list[Payload]]
    read_native: Callable[[Mapping[str, Any], str, Origin], list[Item] | None]
    build: Callable[[Request, Profile, BuildReport], Body]
    headers: Callable[[Mapping[str, Any]], Mapping[str, str]]
    write_document: Callable[[Completion, Payload | None], Body]
    sample: Sample
    params: Callable[[], ParamTable]
    structure: frozenset[str]
    stop_reasons: Mapping[str, FinishReason]
    merge_usage: Callable[[Usage | None, Mapping[str, Any]], Usage]
    retry_with: Callable[[StreamkitError, PreparedRequest], Mapping[str, str | None]]
    continue_from: Callable[[Mapping[str, Any], Completion], Mapping[str, Any]]
    batch: Callable[[], BatchAPI | None]

    def answers_at(self, path: str) -> bool:
        """Return True if *path*, without its query, is one of this API's paths under any base URL."""
        return any(_matches(own, path) for own in (self.path, self.plain_path) if own)

    def is_plain(self, path: str, body: Mapping[str, Any]) -> bool:
        """Return True if a request to *path* with *body* asks for a JSON document, not a stream."""
        if self.plain_path is None:
            return body.get("stream") is not True
        return _matches(self.plain_path, path) is not None

    def model_asked(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the model in *path*, or in *body* if the path has none."""
        found = _matches(self.path, path) or (self.plain_path and _matches(self.plain_path, path))
        return found["model"] if found and "model" in found.groupdict() else body.get("model")


def _matches(own: str, path: str) -> re.Match[str] | None:
    """Return the match of *own*, the path of an API, at the end of *path*."""
    ending = re.escape(own.partition("?")[0]).replace(r"\{model\}", "(?P<model>[^/]+)")
    return re.search(f"{ending}/?$", path)


def no_headers(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return no header: no feature of this API needs one."""
    return {}


def no_words_of_its_own(entry: Mapping[str, Any], place: str, origin: Origin) -> list[Item] | None:
    """Return None: request/inputs.py reads the dicts of this API."""
    return None

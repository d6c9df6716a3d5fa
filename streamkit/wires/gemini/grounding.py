"""The sources of an answer, `groundingMetadata` and `citationMetadata` -> annotations of its text.

Gemini counts in bytes of UTF-8, over the joined text of the candidate, whatever its parts. An annotation
counts in characters of its message, in the form that every API knows: `{"type": "url_citation", "url",
"title", "start_index", "end_index"}`. The whole objects are in the completion's `extras`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...state.answer import AnswerState
from ...state.deltas import Attached, Delta, Payload
from .candidates import Candidate
from .fields import get, object_in, objects_in, string_in


class Grounding:
    """The sources of one candidate so far."""

    def __init__(self, choice: int, state: AnswerState) -> None:
        self._choice = choice
        self._state = state
        self._sources: list[Payload] = []
        self._seen: set[Any] = set()

    def read(self, candidate: Payload, known: Candidate, payload: Payload) -> Iterator[Delta]:
        """Yield the annotations that *candidate* adds to the message that grows."""
        metadata = object_in(candidate, "groundingMetadata")
        sources = objects_in(metadata, "groundingChunks")
        restated = sources[: len(self._sources)] == self._sources
        self._sources = sources if restated else self._sources + sources
        found = [
            (object_in(support, "segment"), self._sources[number])
            for support in objects_in(metadata, "groundingSupports")
            for number in _list_in(support, "groundingChunkIndices")
            if type(number) is int and number < len(self._sources)
        ]
        citations = object_in(candidate, "citationMetadata")
        cited = objects_in(citations, "citationSources") + objects_in(citations, "citations")
        found += [(each, {"web": each}) for each in cited]
        if not found:
            return
        before, text = self._state.message_texts(self._choice, known.key)
        if text is None:  # the message is closed: the sources are in the extras
            return
        offset, encoded = len(before.encode(errors="replace")), text.encode(errors="replace")
        annotations = [
            annotation
            for segment, source in found
            if (annotation := self._annotation(segment, source, offset, encoded)) is not None
        ]
        if annotations:
            yield Attached(known.key, self._choice, "annotations", annotations, payload)

    def _annotation(
        self, segment: Payload, source: Payload, offset: int, encoded: bytes
    ) -> dict[str, Any] | None:
        """Return the annotation for a segment of the message's text; None if it isn't in it, or is known."""
        web = next((value for value in source.values() if isinstance(value, dict)), {})
        url = string_in(web, "uri")
        start, end = _number(segment, "startIndex") - offset, _number(segment, "endIndex") - offset
        key = (url, start + offset, end + offset)
        if url is None or key in self._seen or not 0 <= start < end <= len(encoded):
            return None
        self._seen.add(key)
        title = string_in(web, "title")
        return {
            "type": "url_citation",
            "url": url,
            **({"title": title} if title else {}),
            "start_index": len(encoded[:start].decode(errors="ignore")),
            "end_index": len(encoded[:end].decode(errors="ignore")),
        }


def _list_in(source: Payload, name: str) -> list[Any]:
    value = get(source, name)
    return value if type(value) is list else []


def _number(segment: Payload, name: str) -> int:
    value = get(segment, name)
    return value if type(value) is int else 0

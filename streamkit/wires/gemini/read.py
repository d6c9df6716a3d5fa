"""Gemini's payloads -> deltas, of the Gemini API, Vertex AI and proxies at once.

Rules:
- Every field may be missing, null, in snake_case or of another type than the reference says. candidates.py
  reads the parts of an answer, grounding.py its sources, this file the rest.
- The stream ends with the body: there is no sentinel, and `[DONE]` comes from proxies only. An answer is
  whole if each candidate has a finish reason, or the prompt was blocked. Reading goes on after a finish: code
  execution finishes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from ...completion import Usage
from ...error_bodies import api_error, is_error, is_refusal
from ...profiles.profile import Profile
from ...state.answer import AnswerState
from ...state.deltas import (
    END,
    ChoiceFinished,
    ChoiceSeen,
    Delta,
    Head,
    Leftover,
    NextTo,
    Payload,
    PayloadOrNote,
    Piece,
    ReasoningPiece,
    Repeat,
    TextPiece,
    UsageCounted,
)
from ..finish_words import finish_reason
from .candidates import Candidate
from .fields import block_reason, camel, finish_word, get, object_in, objects_in, string_in
from .grounding import Grounding
from .usage import merge_usage

# The defaults of these fields, which say nothing.
_NO_REASON = ("finish_reason_unspecified", "block_reason_unspecified", "blocked_reason_unspecified")
_TOP = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId", "createTime"))
_OWN = frozenset((*_TOP, "promptFeedback"))
# The fields of a payload that adds text and nothing else.
_PLAIN = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId"))
_PLAIN_CANDIDATE = frozenset(("content", "index"))
_PLAIN_CONTENT = frozenset(("parts", "role"))
_IN_CANDIDATE = frozenset(("index", "content", "finishReason"))


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield the deltas of each payload; notes between payloads pass through.

    Raises the `APIError` for an error in the stream, after the other deltas of its payload.
    """
    answer = _Answer(state)
    state.repeat_of = answer.repeat_of
    for payload in payloads:
        if payload is END:
            continue  # a proxy's: an answer that isn't finished may still be cut
        if isinstance(payload, dict):
            yield from answer.read(payload)
        else:
            yield payload


class _Answer:
    """The candidates of one answer, and the facts about it so far."""

    def __init__(self, state: AnswerState) -> None:
        self._state = state
        self._candidates: dict[int, Candidate] = {}
        self._grounding: dict[int, Grounding] = {}

    def read(self, payload: Payload) -> Iterator[Delta]:
        """Yield all deltas of one payload."""
        piece = self.read_piece(payload)
        if piece is not None:
            usage = payload.get("usageMetadata")
            counted = self._count(usage) if usage else None
            if counted is None:  # the piece's event is the last one
                self._state.lone = piece
            yield piece
            if counted is not None:
                self._state.lone = piece
                yield UsageCounted(counted, payload)
            return
        for delta in self._read_whole(payload):
            if isinstance(delta, TextPiece | ReasoningPiece) and delta == self.read_piece(payload):
                piece = delta
            is_last = delta is piece if not payload.get("usageMetadata") else isinstance(delta, UsageCounted)
            if piece is not None and is_last:
                self._state.lone, self._state.lone_is_first = piece, True
            yield delta

    def _read_whole(self, payload: Payload) -> Iterator[Delta]:
        if is_error(payload.get("error")) and not objects_in(payload, "candidates"):
            raise api_error(payload)
        is_foreign = _OWN.isdisjoint(payload) and _OWN.isdisjoint(map(camel, payload))
        if is_foreign and is_refusal(payload):  # a proxy's error, or one of the host's own
            raise api_error(payload)
        yield from self._head(payload)
        if _is_odd(payload):
            yield Leftover(payload, news=True)
        candidates = objects_in(payload, "candidates")
        for candidate, index in zip(candidates, _indexes(candidates), strict=True):
            yield from self._read_candidate(candidate, index, payload)
        word = block_reason(object_in(payload, "promptFeedback"))
        if word is not None and word.lower() not in _NO_REASON:
            yield ChoiceFinished(0, "content_filter", word, payload)
        usage = object_in(payload, "usageMetadata")
        if usage:
            yield from self._read_usage(usage, payload)
        if is_error(payload.get("error")):
            raise api_error(payload)

    def read_piece(self, payload: Payload) -> Piece | None:
        """Return the only delta of a payload, its usage apart; None if it needs a closer look.

        The fast path: one part of text that continues the item that grows, and no news around it.
        """
        state = self._state
        if not payload.keys() <= _PLAIN or not state.has_started:
            return None
        if (
            payload.get("responseId", state.id) != state.id
            or payload.get("modelVersion", state.model) != state.model
        ):
            return None
        usage = payload.get("usageMetadata")
        candidates = payload.get("candidates")
        if (
            (usage is not None and type(usage) is not dict)
            or type(candidates) is not list
            or len(candidates) != 1
        ):
            return None
        candidate = candidates[0]
        if type(candidate) is not dict or not candidate.keys() <= _PLAIN_CANDIDATE:
            return None
        content, index = candidate.get("content"), candidate.get("index", 0)
        known = self._candidates.get(index) if type(index) is int else None
        if known is None or type(content) is not dict or not content.keys() <= _PLAIN_CONTENT:
            return None
        parts = content.get("parts")
        if type(parts) is not list or len(parts) != 1 or type(parts[0]) is not dict:
            return None
        return known.piece(parts[0], payload)

    def repeat_of(self, piece: Delta) -> Repeat:
        """Return how the payload of *piece*, from `read_piece`, may repeat."""
        read = partial(merge_usage, self._state.usage)
        counts = NextTo(("usageMetadata",), read, is_usage=True, only_news=True)
        has_usage = bool(piece.raw.get("usageMetadata"))  # type: ignore[union-attr]
        path = ("candidates", 0, "content", "parts", 0, "text")
        return Repeat(path, next_to=counts if has_usage else None)

    def _count(self, usage: Payload) -> Usage | None:
        """Return the usage so far with *usage*; None if that is no news."""
        before = self._state.usage
        merged = merge_usage(before, usage)
        return merged if before is None or merged.raw != before.raw else None

    def _read_usage(self, usage: Payload, payload: Payload) -> Iterator[Delta]:
        counted = self._count(usage)
        yield Leftover(payload) if counted is None else UsageCounted(counted, payload)

    def _head(self, payload: Payload) -> Iterator[Delta]:
        """Yield the facts about the whole answer that are new."""
        state = self._state
        answer_id, model = string_in(payload, "responseId"), string_in(payload, "modelVersion")
        extras = {camel(k): v for k, v in payload.items() if camel(k) not in _TOP and k != "error" and v}
        is_news = (answer_id and not state.id) or (model and not state.model)
        if is_news or not state.has_started or any(state.extras.get(k) != v for k, v in extras.items()):
            created = _seconds(string_in(payload, "createTime"))
            yield Head(payload, answer_id, model, created, extras=extras)

    def _read_candidate(self, candidate: Payload, index: int, payload: Payload) -> Iterator[Delta]:
        if index not in self._candidates:
            self._candidates[index] = Candidate(index, self._state)
            self._grounding[index] = Grounding(index, self._state)
            yield ChoiceSeen(index)
        known = self._candidates[index]
        yield from known.read_parts(object_in(candidate, "content"), payload)
        yield from self._grounding[index].read(candidate, known, payload)
        extras = {
            camel(name) if index == 0 else f"{camel(name)}.{index}": value
            for name, value in candidate.items()
            if camel(name) not in _IN_CANDIDATE and value not in (None, "", [], {})
        }
        if any(self._state.extras.get(name) != value for name, value in extras.items()):
            yield Head(payload, extras=extras)
        word = finish_word(candidate)
        if (
            word is not None
            and word.lower() not in _NO_REASON
            and (reason := finish_reason(word)) is not None
        ):
            yield from known.calls.finish(payload, good=reason == "stop")
            yield ChoiceFinished(index, reason, word, payload)


def _indexes(candidates: list[Payload]) -> list[int]:
    """Return the index of each candidate: 0 if it has none, or its place if another one is at 0."""
    indexes: list[int] = []
    is_taken = False
    for place, candidate in enumerate(candidates):
        index = candidate.get("index")
        if type(index) is str and _INDEX.fullmatch(index):
            index = int(index)
        if type(index) is not int or index < 0:
            index = place if is_taken else 0
        is_taken = is_taken or index == 0
        indexes.append(index)
    return indexes


_INDEX = re.compile(r"[0-9]{1,4}")


def _is_odd(payload: Payload) -> bool:
    """Return True if a value between the payload and its parts has another type than the API says."""
    candidates = get(payload, "candidates")
    contents = [get(each, "content") for each in objects_in(payload, "candidates")]
    parts = [get(each, "parts") for each in contents if type(each) is dict]
    lists = [*parts, candidates]
    others = [
        v for each in contents if type(each) is dict for k, v in each.items() if k not in _PLAIN_CONTENT
    ]
    return (
        not all(isinstance(each, list | None) for each in lists)
        or not all(isinstance(each, dict | None) for each in [*contents, get(payload, "usageMetadata")])
        or not all(type(inner) is dict for each in lists for inner in each or ())
        or any(others)
    )


def _seconds(text: str | None) -> float | None:
    """Return the time of an RFC 3339 text in seconds since 1970."""
    if text is None:
        return None
    text = text.replace("Z", "+00:00")
    head, dot, rest = text.partition(".")
    if dot:  # nanoseconds, which Python 3.10 doesn't read
        zone = rest.lstrip("0123456789")
        text = f"{head}.{rest[: len(rest) - len(zone)][:6]:0<6}{zone}"
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def is_of_this_api(payload: Mapping[str, Any]) -> bool:
    """Return True if *payload* is one of a Gemini stream, or a whole answer."""
    if "choices" in payload or "type" in payload:
        return False
    return isinstance(get(payload, "candidates"), list) or any(
        isinstance(get(payload, name), dict) for name in ("promptFeedback", "usageMetadata")
    )

"""Responses API payloads -> deltas, in every gateway's dialect at once.

Rules:
- The `type` in a payload names the event; a table names its reader. Every field may be missing, null or of
  another type than the reference says. The events about items, texts and calls are read in item_events.py,
  text_events.py and call_events.py; those about the response here.
- A completed or incomplete response ends the stream, and nothing after it is read. `failed`, `cancelled` and
  `error` raise. `[DONE]` is no ending on this wire: some gateways send it after a truncated answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, TypeAlias

from ...error_bodies import api_error, is_error, is_refusal
from ...errors import APIError
from ...events import BadFrame
from ...profiles.profile import Profile
from ...state.answer import AnswerState
from ...state.deltas import (
    END,
    CallPiece,
    ChoiceFinished,
    Delta,
    Head,
    Leftover,
    NextTo,
    Payload,
    PayloadOrNote,
    Piece,
    ReasoningPiece,
    Repeat,
    StreamEnded,
    TextPiece,
    UsageCounted,
)
from ..fields import object_in, string_in
from ..finish_words import finish_reason
from ..usage import merge_usage
from . import call_events, item_events, text_events
from .event_places import BOOKKEEPING
from .item_slots import ItemSlots
from .usual_items import usual_output

Reader: TypeAlias = Callable[[Payload, ItemSlots], Iterator[Delta]]

# The fields of a response with a place of their own in a Completion or an error.
_PLACED = frozenset(("id", "object", "model", "created_at", "status", "output", "usage", "error"))


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield the deltas of each payload up to the terminal event; notes between payloads pass through.

    Raises the `APIError` for a failed response or an error event, after the other deltas of its payload.
    """
    slots = ItemSlots(state)
    last = _Last(slots)
    state.repeat_of = last.repeat
    for payload in payloads:
        if not isinstance(payload, dict):
            if payload is END:
                return
            yield payload
            continue
        piece = read_piece(payload, last)
        if piece is not None:
            state.lone = piece
            yield piece
            continue
        delta, count = None, 0
        for delta in _read_payload(payload, slots):
            count += 1
            yield delta
        if type(delta) is StreamEnded:
            return
        last.note(payload, count, delta)


class _Last:
    """The piece of the last payload, if that payload was one `...delta` event and a piece was all of it."""

    def __init__(self, slots: ItemSlots) -> None:
        self._slots = slots
        self.piece: Piece | None = None
        self.place: tuple[Any, ...] = ()

    def note(self, payload: Payload, deltas: int, delta: Delta | None) -> None:
        """Remember where *delta*, the last of the *deltas* of a payload, went."""
        is_piece = isinstance(delta, TextPiece | ReasoningPiece | CallPiece) and deltas == 1
        if isinstance(delta, TextPiece | ReasoningPiece):
            kind = "text" if isinstance(delta, TextPiece) else delta.kind
            is_piece = is_piece and self._slots.at(delta.key).before(kind, delta.part).is_plain
        self.piece = delta if is_piece and delta.text == payload.get("delta") else None  # type: ignore[union-attr, assignment]
        self.place = _place(payload)

    def count(self, piece: CallPiece, text: str) -> bool:
        """Note the length of a call's arguments, as `call_events.read_arguments` does; return True."""
        self._slots.at(piece.key).length += len(text)
        return True

    def repeat(self, piece: Piece) -> Repeat:
        """Return how the payload of *piece*, from `read_piece`, may repeat."""
        again = partial(self.count, piece) if isinstance(piece, CallPiece) else None
        next_to = NextTo(("logprobs",), lambda value: value) if getattr(piece, "logprobs", None) else None
        return Repeat(("delta",), (("sequence_number",), ("obfuscation",)), again, next_to=next_to)


def _place(payload: Payload) -> tuple[Any, ...]:
    get = payload.get
    names = (get("item_id"), get("output_index"), get("content_index"), get("summary_index"))
    return get("type"), *names, get("call_id"), get("name")


def read_piece(payload: Payload, last: _Last) -> Piece | None:
    """Return the piece of a delta event that goes where the last one went; None if unsure.

    The fast path: the same delta as `_read_payload`, without the search for the item.
    """
    piece = last.piece
    if piece is None or _place(payload) != last.place:
        return None
    text = payload.get("delta")
    if type(text) is not str or not text:
        return None
    if type(piece) is TextPiece:
        logprobs = text_events.logprobs_in(payload) if "logprobs" in payload else None
        return TextPiece(piece.key, 0, text, payload, logprobs, piece.part)
    if type(piece) is ReasoningPiece:
        return ReasoningPiece(piece.key, 0, text, payload, piece.kind, piece.part)
    assert type(piece) is CallPiece
    last.count(piece, text)
    return CallPiece(piece.key, 0, text, payload, piece.call_id, piece.name, piece.kind, piece.item_id)


def _read_payload(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Yield all deltas of one payload."""
    name = payload.get("type")
    reader = (_READERS.get(name) or _reader_like(name[:_LONGEST])) if type(name) is str else _read_untyped
    if slots.head is None and reader not in _ABOUT_THE_RESPONSE:
        slots.head = {}
        yield Head(payload, string_in(payload, "response_id"), string_in(payload, "model"))
    yield from reader(payload, slots)


# -- the response -------------------------------------------------------------------------


def _read_head(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read created, queued and in_progress, which echo the request."""
    response, is_wrapped = _response_in(payload)
    if outcome_of(None, response) in ("failed", "cancelled"):
        yield from _end(payload, response, slots)
    yield head_of(payload, response)
    head = {k: v for k, v in response.items() if k != "status"}  # which is also in the event's name
    repeats = head == slots.head and not (is_wrapped and payload.keys() - BOOKKEEPING - {"response"})
    if slots.head is not None and not repeats:
        yield Leftover(payload, news=True)
    slots.head = head


def head_of(payload: Payload, response: Payload) -> Head:
    created = response.get("created_at")
    return Head(
        payload,
        id=string_in(response, "id"),
        model=string_in(response, "model"),
        created=created if type(created) in (int, float) else None,
        status=string_in(response, "status"),
        extras={k: v for k, v in response.items() if k not in _PLACED and v is not None},
    )


def _read_terminal(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read an event that ends the response."""
    return _end(payload, _response_in(payload)[0], slots)


def _response_in(payload: Payload) -> tuple[Payload, bool]:
    """Return the response in an event, and True; else the event's own fields, which are those of it."""
    response = object_in(payload, "response")
    own = {k: v for k, v in payload.items() if k == "model" or k not in _NOT_OWN}
    return response or own, bool(response)


_NOT_OWN = BOOKKEEPING | {"response"}


def _end(payload: Payload, response: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Yield the news that the terminal event has about items, then the ending. Raises its error if it has
    one.

    Its `output` may be empty or incomplete; the items that arrived before stay.
    """
    outcome = outcome_of(payload.get("type"), response)
    yield head_of(payload, response)
    has_message = any(slot.kind == "message" for slot in slots)
    for item, slot in slots.match(usual_output(response, has_message=has_message)):
        yield from item_events.read_late(item, slot, payload, slots, cut=outcome != "completed")
    if outcome == "completed":
        yield from item_events.close_announced(payload, slots)
        if next(iter(slots), None) is None:
            slots.state.note_stray(payload)
    if outcome in _ENDINGS:
        yield _finish(outcome, payload, response)
    usage = object_in(response, "usage") or object_in(payload, "usage")
    if usage:
        yield UsageCounted(merge_usage(slots.state.usage, usage), payload)
    if outcome in _ENDINGS:
        yield StreamEnded(payload)
    elif outcome == "cancelled":
        raise APIError(
            "the server cancelled this response before it was complete", type="cancelled", body=payload
        )
    else:
        raise api_error(payload)


_ENDINGS = ("completed", "incomplete")
_FAILURES = ("error", "exception")  # at the end of an event's name
_TERMINAL = (*_ENDINGS, "failed", "cancelled", "canceled")


def outcome_of(name: Any, response: Payload) -> str:
    """Return completed, incomplete, failed or cancelled; queued or in_progress for a body that isn't
    finished.

    The event's name and the response's status may differ; the worse one counts.
    """
    status = (string_in(response, "status") or "").lower()
    words = {status, str(name).rpartition(".")[2]}
    if "failed" in words or is_error(response.get("error")):
        return "failed"
    if words & {"cancelled", "canceled"}:
        return "cancelled"
    if "incomplete" in words or _incomplete_reason(response):
        return "incomplete"
    if name is None and status in ("queued", "in_progress"):
        return status
    return "completed"


def _incomplete_reason(response: Payload) -> str | None:
    """Return the reason that the response is incomplete; None for a word that means a good ending.

    The reference has max_output_tokens and content_filter; gateways pass on the finish words of other APIs.
    """
    details = response.get("incomplete_details") or response.get("status_details")  # OpenAI's Realtime API
    reason = string_in(details if type(details) is dict else {"reason": details}, "reason")
    return None if reason is None or finish_reason(reason) in ("stop", "tool_calls") else reason


def _finish(outcome: str, payload: Payload, response: Payload) -> ChoiceFinished:
    """Return the finish; "stop" becomes "tool_calls" in the Completion if it contains calls."""
    raw = string_in(response, "status") or string_in(payload, "type") or outcome
    if outcome == "completed":
        return ChoiceFinished(0, "stop", raw, payload)
    raw = _incomplete_reason(response) or raw
    return ChoiceFinished(0, finish_reason(raw) or "other", raw, payload)


def is_response(body: Payload) -> bool:
    return body.get("object") == "response" or type(body.get("output")) is list


# -- everything else ----------------------------------------------------------------------


def _read_error(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    yield from ()
    raise api_error(payload)


def _read_unknown(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Keep progress of hosted tools and new events. Raises an error that has another name."""
    response = object_in(payload, "response")
    if str(response.get("status")).lower() in _TERMINAL:  # an ending under another name
        yield from _end(payload, response, slots)
        return
    about_an_item = "item_id" in payload or "output_index" in payload
    if not about_an_item and (is_error(payload.get("error")) or str(payload["type"]).endswith(_FAILURES)):
        raise api_error(payload)
    yield Leftover(payload, news=True)
    if (usage := object_in(payload, "usage")) and not about_an_item:
        yield UsageCounted(merge_usage(slots.state.usage, usage), payload)


def _read_untyped(payload: Payload, slots: ItemSlots) -> Iterator[Delta]:
    """Read a payload without a type: a response by itself, an error, or a payload of another API."""
    response = payload if is_response(payload) else object_in(payload, "response")
    if response:
        if outcome_of(None, response) in ("queued", "in_progress"):
            yield head_of(payload, response)
        else:
            yield from _end(payload, response, slots)
    elif is_refusal(payload) or "message" in payload:
        raise api_error(payload)
    else:
        text = json.dumps(payload, ensure_ascii=False)
        yield BadFrame(text, "not an event of the Responses API: the JSON object has no type", payload)


_thought = partial(text_events.read_thought, kind="text")
_summary = partial(text_events.read_thought, kind="summary")
_whole_thought = partial(text_events.read_restated, what="reasoning")
_whole_summary = partial(text_events.read_restated, what="summary")
_whole_text = partial(text_events.read_restated, what="text")
_function: Any = {"kind": "function_call"}
_custom: Any = {"kind": "custom_tool_call"}

_READERS: dict[str, Reader] = {
    "response.created": _read_head,
    "response.queued": _read_head,
    "response.in_progress": _read_head,
    "response.completed": _read_terminal,
    "response.incomplete": _read_terminal,
    "response.failed": _read_terminal,
    "response.cancelled": _read_terminal,
    "response.canceled": _read_terminal,
    "response.done": _read_terminal,  # OpenRouter's documentation; the status says how it ended
    "error": _read_error,
    "response.output_item.added": item_events.read_added,
    "response.output_item.done": item_events.read_done,
    "response.content_part.added": text_events.read_part_added,
    "response.content_part.delta": text_events.read_text,  # OpenRouter's documentation
    "response.content_part.done": text_events.read_part_done,
    "response.output_text.delta": text_events.read_text,
    "response.output_text.done": _whole_text,
    "response.output_text.annotation.added": text_events.read_annotation,
    "response.output_text_annotation.added": text_events.read_annotation,  # OpenAI's SDKs of spring 2025
    "response.refusal.delta": text_events.read_refusal,
    "response.refusal.done": partial(text_events.read_restated, what="refusal"),
    "response.function_call_arguments.delta": partial(call_events.read_arguments, **_function),
    "response.function_call_arguments.done": partial(call_events.read_arguments_done, **_function),
    "response.custom_tool_call_input.delta": partial(call_events.read_arguments, **_custom),
    "response.custom_tool_call_input.done": partial(call_events.read_arguments_done, **_custom),
    "response.reasoning_summary_part.added": partial(text_events.read_part_added, field="summary_index"),
    "response.reasoning_summary_part.done": text_events.read_part_done,
    "response.reasoning_summary_text.delta": _summary,
    "response.reasoning_summary_text.done": _whole_summary,
    "response.reasoning_summary.delta": _summary,  # the reference of spring 2025
    "response.reasoning_summary.done": _whole_summary,
    "response.reasoning_part.added": text_events.read_part_added,  # vLLM
    "response.reasoning_part.done": text_events.read_part_done,  # vLLM
    "response.reasoning_text.delta": _thought,
    "response.reasoning_text.done": _whole_thought,
    "response.reasoning.delta": _thought,  # the reference of spring 2025, OpenRouter's documentation
    "response.reasoning.done": _whole_thought,
    "response.reasoning_content.delta": _thought,  # proxies in front of Chat Completions
    "response.reasoning_content.done": _whole_thought,
}
# Names like those in the table, with `_` for each point: the readers of their deltas, and of the whole.
_LIKE: tuple[tuple[str, Reader, Reader], ...] = (
    (r"(output_)?(reasoning|thinking|thought)s?(_content|_text|_output)*", _thought, _whole_thought),
    (r"(output_)?(reasoning|thinking)_summary(_content|_text)*", _summary, _whole_summary),
    (r"(output_)?(text|message)(_content|_text)*", text_events.read_text, _whole_text),
    (
        r"(function|tool)_(call|use)(_arguments|_args|_input)?",
        partial(call_events.read_arguments, **_function),
        partial(call_events.read_arguments_done, **_function),
    ),
)


_LONGEST = 100  # characters of a name: the cache holds those of any server


@lru_cache(maxsize=64)
def _reader_like(name: str) -> Reader:
    words, _, end = name.removeprefix("response.").replace(".", "_").rpartition("_")
    for pattern, read_piece, read_whole in _LIKE:
        if end in ("delta", "done") and re.fullmatch(pattern, words):
            return read_piece if end == "delta" else read_whole
    return _read_unknown


# These read the head themselves, or raise.
_ABOUT_THE_RESPONSE = (_read_head, _read_terminal, _read_error, _read_untyped)

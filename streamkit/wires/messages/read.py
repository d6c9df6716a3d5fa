"""Messages API payloads -> deltas, in every server's dialect at once.

Rules:
- The `type` in a payload names the event; a table names its reader. Every field may be missing, null or of
  another type than the reference says. block_events.py reads the events about content blocks, this file those
  about the message.
- `message_stop` ends the stream, and nothing after it is read. A stop reason followed by the end of the body
  ends it too, or by `[DONE]`, which only gateways send. Before a stop reason that is a cut.
- Usage is cumulative: a later count replaces the one before. A stop reason may arrive in `message_start`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from ...error_bodies import api_error, is_error, is_refusal
from ...profiles.profile import Profile
from ...state.answer import AnswerState
from ...state.deltas import (
    END,
    CallPiece,
    ChoiceFinished,
    Delta,
    Head,
    Leftover,
    Payload,
    PayloadOrNote,
    ReasoningPiece,
    StreamEnded,
    TextPiece,
    UsageCounted,
)
from ..fields import has_content, object_in, string_in
from ..finish_words import finish_reason
from .block_events import (
    close_all,
    close_thoughts,
    read_delta,
    read_piece,
    read_start,
    read_stop,
    read_whole_block,
    repeat_of,
    unclosed_signatures,
)
from .blocks import Blocks
from .usage import has_counts, merge_usage

Reader: TypeAlias = Callable[[Payload, Blocks], Iterator[Delta]]

# The fields of a message with a place of their own in a Completion.
_PLACED = frozenset(("id", "type", "role", "model", "content", "stop_reason", "usage"))
_DELTA = frozenset(("type", "delta", "usage", "context_management"))
_IN_DELTA = frozenset(("stop_reason", "usage"))


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield the deltas of each payload up to `message_stop`; notes between payloads pass through.

    Raises the `APIError` for an error event.
    """
    blocks = Blocks(state)
    state.repeat_of = lambda piece: repeat_of(blocks)
    payload: PayloadOrNote
    for payload in payloads:
        if not isinstance(payload, dict):
            if payload is END:
                break
            yield payload
            continue
        piece = read_piece(payload, blocks)
        if piece is not None:
            state.lone = piece
            yield piece
            continue
        delta = None
        for delta in _read_payload(payload, blocks):
            if isinstance(delta, TextPiece | ReasoningPiece | CallPiece) and delta == read_piece(
                payload, blocks
            ):
                state.lone, state.lone_is_first = delta, True
            yield delta
        if type(delta) is StreamEnded:
            return
    yield from close_all(blocks, state.last_raw or {}) if state.has_finishes else unclosed_signatures(blocks)


def _read_payload(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Yield all deltas of one payload."""
    kind = payload.get("type")
    reader = _READERS.get(kind) if type(kind) is str else None
    if reader is None and (kind == "error" or _has_failed(payload, kind)):
        raise api_error(payload)
    if reader not in (None, _read_head, _read_whole) and not blocks.has_head:
        blocks.has_head = True
        yield Head(payload)
    yield from (reader or _read_unknown)(payload, blocks)


def _has_failed(payload: Payload, kind: Any) -> bool:
    """Return True for an error in any shape: a proxy's or a host's own has no type, or one that says so."""
    if type(kind) is str and not _FAILURE.search(kind):
        return is_error(payload.get("error"))
    return is_refusal(payload)


def _read_unknown(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    yield Leftover(payload, news=True)


def _read_head(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read message_start. The message may already be whole, with content, stop reason and usage."""
    yield from _read_message(object_in(payload, "message"), payload, blocks)
    if payload.keys() - {"type", "message"}:
        yield Leftover(payload, news=any(has_content(v) for k, v in payload.items() if k not in _START))


def _read_whole(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read the whole message, from a server that doesn't stream, or repeats the answer at its end."""
    if blocks.is_empty:
        yield from _read_message(payload, payload, blocks)
    else:
        yield Leftover(payload, news=True)
        yield from _read_end(payload, object_in(payload, "usage"), payload, blocks)


def _read_message(message: Payload, payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    message_id = message.get("id")
    is_first = not blocks.has_head
    blocks.has_head = True
    if is_first:
        yield head_of(payload, message)
    elif message_id == blocks.message_id:
        yield Leftover(payload, news=message != blocks.message)
    else:  # one more message in the same stream: its blocks count from 0 again
        yield Leftover(payload, news=True)
    if message_id != blocks.message_id:
        blocks.forget_indexes()
    if is_first or message_id != blocks.message_id:
        for block in content_of(message):
            yield from read_whole_block(block, payload, blocks)
    blocks.message_id, blocks.message = message_id, {k: v for k, v in message.items() if k != "content"}
    yield from _read_end(message, object_in(message, "usage"), payload, blocks)


_START = frozenset(("type", "message"))
_FAILURE = re.compile("(?i)error|exception")


def content_of(message: Payload) -> list[Any]:
    """Return the blocks of a message; its text as one, from servers that write a string."""
    content = message.get("content")
    if type(content) is str:
        return [{"type": "text", "text": content}] if content else []
    return content if type(content) is list else []


def head_of(payload: Payload, message: Payload) -> Head:
    """Return the facts about the whole answer that a message object has."""
    return Head(
        payload,
        id=string_in(message, "id"),
        model=string_in(message, "model"),
        extras={k: v for k, v in message.items() if k not in _PLACED and v is not None},
    )


def _read_message_delta(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read message_delta: the stop reason, facts about the whole message, and the usage."""
    delta = object_in(payload, "delta")
    edits = payload.get("context_management")
    extras = {k: v for k, v in delta.items() if k not in _IN_DELTA and v is not None}
    if edits is not None:
        extras["context_management"] = edits
    if extras:
        yield Head(payload, extras=extras)
    if payload.keys() - _DELTA:
        yield Leftover(payload, news=any(has_content(v) for k, v in payload.items() if k not in _DELTA))
    if not all(isinstance(payload.get(name), dict | None) for name in ("delta", "usage")):
        yield Leftover(payload, news=True)
    usage = object_in(payload, "usage") or object_in(delta, "usage")  # inside, from a few proxies
    yield from _read_end(delta, usage, payload, blocks)


def _read_end(facts: Payload, usage: Payload, payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Yield the finish in *facts*, and the *usage* if it has counts."""
    word = facts.get("stop_reason")
    reason = finish_reason(word) if type(word) is str else None
    if word is not None and reason is not None:
        yield from close_thoughts(blocks, payload)
        if reason == "tool_calls" and blocks.is_answered:  # by the tool of a structured answer
            reason = "stop"
        yield ChoiceFinished(0, reason, word, payload)
    elif has_content(word):
        yield Leftover(payload, news=True)
    if has_counts(usage):
        yield UsageCounted(merge_usage(blocks.state.usage, usage), payload)
    elif has_content(usage):
        yield Leftover(payload, news=True)


def _read_end_of_message(payload: Payload, blocks: Blocks) -> Iterator[Delta]:
    """Read message_stop. Bedrock adds its own measurements."""
    yield from close_all(blocks, payload)
    if any(has_content(value) for key, value in payload.items() if key != "type"):
        yield Leftover(payload, news=True)
    yield from _read_end(payload, object_in(payload, "usage"), payload, blocks)
    yield StreamEnded(payload)


_READERS: dict[str, Reader] = {
    "message": _read_whole,
    "message_start": _read_head,
    "content_block_start": read_start,
    "content_block_delta": read_delta,
    "content_block_stop": read_stop,
    "message_delta": _read_message_delta,
    "message_stop": _read_end_of_message,
}


def is_of_this_api(payload: Any) -> bool:
    """Return True if *payload* is an event of a Messages stream, or a whole message."""
    kind = payload.get("type")
    if type(kind) is not str or "choices" in payload or "candidates" in payload:
        return False
    return kind in _READERS and (kind != "message" or type(payload.get("content")) is list)

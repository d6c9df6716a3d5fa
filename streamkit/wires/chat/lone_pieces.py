"""A payload that repeats the one before it with another text -> its one piece. The fast path of read.py.

    takes    a payload, the last head, the choices so far
    returns  the piece (`read_piece`), or the piece and its detail (`read_detailed_piece`); None if unsure

Rule: the deltas are those that `read_payload` yields; tests/test_two_roads.py compares the two roads.
`repeat_of` describes such a payload to the lane.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from ...items import REASONING_FIELDS
from ...state.answer import AnswerState
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    NextTo,
    Path,
    Payload,
    Piece,
    ReasoningPiece,
    Repeat,
    TextPiece,
)
from ..usage import merge_usage
from .choices import CHOICE_FIELDS, DELTA_FIELDS, OTHER_ROLES, tokens
from .last_head import LastHead
from .open_choice import OpenChoice
from .usual_choices import FINISH_FIELDS, STOP_FIELDS

_PLAIN = frozenset(("role", "content"))
_ONLY_CALLS = _PLAIN | {"tool_calls"}
_OFTEN_NULL = ("finish_reason", "native_finish_reason", "stop_reason")
_RARE = frozenset(("message", "error", *FINISH_FIELDS, *STOP_FIELDS, *CHOICE_FIELDS)).difference(_OFTEN_NULL)


def read_piece(payload: Payload, head: LastHead, choices: dict[int, OpenChoice]) -> Piece | None:
    """Return the one piece that is all of *payload*'s news, its usage apart; None if unsure.

    The fast path: the same delta as `read_payload`, at a third of the cost.
    """
    if not head.is_repeated(payload):
        return None
    choice = _lone_choice(payload)
    if choice is None:
        return None
    index, delta = choice["index"], choice["delta"]
    memory = choices.get(index)
    if memory is None or not memory.has_deltas or memory.is_last or delta.get("role") in OTHER_ROLES:
        return None
    content = delta.get("content")
    if content:
        if (
            not memory.text.is_plain
            or type(content) is not str
            or not (delta.keys() <= _PLAIN or _is_lone(delta, "content"))
        ):
            return None
        logprobs = choice.get("logprobs")
        if logprobs is not None:
            logprobs = tokens(logprobs, "content")
        return TextPiece(index, index, content, payload, logprobs)
    if content is not None and content != "":  # the number 0
        return None
    if memory.reasoning_field and memory.thought.is_plain and not memory.detail_characters:
        field = next((name for name in REASONING_FIELDS if delta.get(name)), None)
        if field is not None:
            reasoning = delta[field]
            if type(reasoning) is not str or not _is_lone(delta, *REASONING_FIELDS):
                return None
            return ReasoningPiece(("reasoning", index), index, reasoning, payload)
    entries = delta.get("tool_calls")
    if type(entries) is list and len(entries) == 1 and delta.keys() <= _ONLY_CALLS:
        call = memory.calls.continued(entries[0])
        if call is not None:
            slot, arguments = call
            return CallPiece(slot.key, index, arguments, payload, slot.call_id, slot.name)
    return None


def read_detailed_piece(
    payload: Payload, head: LastHead, choices: dict[int, OpenChoice]
) -> tuple[Attached, ReasoningPiece] | None:
    """Return the deltas of a payload with a piece of reasoning, which a detail repeats; None if unsure.

    The fast path for OpenRouter, which sends such a detail with each piece.
    """
    choice = _lone_choice(payload) if head.is_repeated(payload) else None
    if choice is None or payload.get("usage") or not choice["delta"].get("reasoning_details"):
        return None
    delta, index = choice["delta"], choice["index"]
    memory = choices.get(index)
    if memory is None or memory.is_last or not (memory.has_other_reasoning and memory.reasoning_field):
        return None
    if memory.detail_characters or not memory.thought.is_plain or delta.get("role") in OTHER_ROLES:
        return None
    has_content = delta.get("content") not in (None, "")  # 0 and False are content
    if has_content or not _is_lone(delta, "reasoning_details", *REASONING_FIELDS):
        return None
    text = delta.get(next((name for name in REASONING_FIELDS if delta.get(name)), ""))
    details = delta["reasoning_details"]
    kind = _kind_of_lone(details)
    if kind is None or type(text) is not str:
        return None
    key = ("reasoning", index)
    attached = Attached(key, index, "details", details, payload, "reasoning")
    return attached, ReasoningPiece(key, index, text, payload, kind)


def _kind_of_lone(details: Any) -> Literal["text", "summary"] | None:
    """Return the kind of the only detail in the list *details*; None if it isn't a text without an id."""
    if type(details) is not list or len(details) != 1 or type(details[0]) is not dict:
        return None
    if details[0].get("id") is not None:
        return None
    kinds: dict[Any, Literal["text", "summary"]] = {"reasoning.text": "text", "reasoning.summary": "summary"}
    kind = details[0].get("type")
    return kinds.get(kind) if type(kind) is str else None


def repeat_of(piece: Delta, choices: dict[int, OpenChoice], state: AnswerState) -> Repeat | None:
    """Return how the payload of *piece*, from `read_piece`, may repeat."""
    if not isinstance(piece, TextPiece | ReasoningPiece | CallPiece):
        return None
    choice = piece.raw["choices"][0]
    next_to = None
    if piece.raw.get("usage"):
        next_to = NextTo(("usage",), partial(merge_usage, state.usage), is_usage=True)
    vary: list[Path] = [("created",), ("obfuscation",)]
    if state.id:  # the first one counts
        vary.append(("id",))
    vary += [("choices", 0, name) for name in choice if name not in _IN_CHOICE]
    delta = ("choices", 0, "delta")
    vary += [(*delta, name) for name in choice["delta"] if name not in _IN_DELTA]
    if isinstance(piece, TextPiece):
        if piece.logprobs is not None:
            if next_to is not None:
                return None
            next_to = NextTo(("choices", 0, "logprobs"), lambda logprobs: tokens(logprobs, "content"))
        return Repeat((*delta, "content"), tuple(vary), next_to=next_to)
    if isinstance(piece, ReasoningPiece):
        field, *others = [name for name in REASONING_FIELDS if choice["delta"].get(name)]
        vary += [(*delta, name) for name in others]
        details = choice["delta"].get("reasoning_details")
        if not details:
            return Repeat((*delta, field), tuple(vary), next_to=next_to)
        again = choices[piece.choice].detail_repeater(details[0], piece.text)
        echo = (*delta, "reasoning_details", 0, "summary" if piece.kind == "summary" else "text")
        return None if again is None else Repeat((*delta, field), tuple(vary), again, (echo,))
    again = choices[piece.choice].calls.grower(piece.key)
    return Repeat((*delta, "tool_calls", 0, "function", "arguments"), tuple(vary), again, next_to=next_to)


# The fields of a choice whose values matter to `read_piece`.
_IN_CHOICE = frozenset(("index", "delta", "logprobs", "usage", *FINISH_FIELDS, *STOP_FIELDS, *_RARE))
_IN_DELTA = DELTA_FIELDS.union(("role", *FINISH_FIELDS))


def _is_lone(delta: Payload, *fields: str) -> bool:
    """Return True if all others of the fields that are read are null or empty (`reasoning_content: null`)."""
    others = DELTA_FIELDS.intersection(delta).difference(fields)
    return not any(delta[key] or type(delta[key]) in (int, float) for key in others)


def _lone_choice(payload: Payload) -> Payload | None:
    """Return the only choice of a payload, if it contains a delta and no finish, message or usage."""
    choices = payload.get("choices")
    if type(choices) is not list or len(choices) != 1 or payload.get("x_groq"):
        return None
    usage = payload.get("usage")
    if usage and type(usage) is not dict:
        return None
    choice = choices[0]
    if (
        type(choice) is not dict
        or type(choice.get("index")) is not int
        or type(choice.get("delta")) is not dict
    ):
        return None
    if choice.get("finish_reason"):
        return None
    if "finish_reason" in choice and len(choice) == 3 + ("logprobs" in choice):
        return choice  # it has the usual keys and no others
    has_more = choice.get("native_finish_reason") or choice.get("stop_reason") or choice.get("usage")
    return choice if not has_more and choice.keys().isdisjoint(_RARE) else None

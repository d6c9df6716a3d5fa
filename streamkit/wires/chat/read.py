"""Chat Completions payloads -> deltas, for every dialect at once.

Rules:
- Nothing here asks which gateway sent a payload. A payload's content decides how it is read, and every field
  may be missing, null, or of another type than the reference says.
- Data without a delta of its own is still carried by some event's `raw`, or by an `Unknown`.
- The order within a payload: head, reasoning, text or refusal, calls by index, finish, usage, then an in-band
  error, which is raised.

What the next payload needs is kept in `OpenChoice`, one for each choice, and `LastHead`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ...error_bodies import api_error, has_error, has_failed, is_error, is_refusal
from ...profiles.profile import Profile
from ...state.answer import AnswerState
from ...state.deltas import (
    END,
    Attached,
    CallPiece,
    ChoiceFinished,
    ChoiceSeen,
    ChoicesFolded,
    Delta,
    Head,
    Leftover,
    Payload,
    PayloadOrNote,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    Withdrawn,
)
from ..fields import has_content
from ..usage import are_alike, may_have_usage, merge_usage, usage_in, usage_under
from .call_fields import BLANK
from .choices import finish_in, read_choice
from .last_head import LastHead
from .lone_pieces import read_detailed_piece, read_piece, repeat_of
from .numbered_blocks import fold_blocks, has_calls_elsewhere
from .open_choice import OpenChoice
from .usual_choices import usual_choices, with_usual_names


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield the deltas of each payload; notes between payloads pass through.

    Raises the `APIError` for an in-band error, after the other deltas of its payload.
    """
    choices: dict[int, OpenChoice] = {}
    head = LastHead()
    state.repeat_of = lambda piece: repeat_of(piece, choices, state)
    # `state.lone` is set just before the last event of its payload: see AnswerState and pipeline/lane.py.
    for payload in payloads:
        if payload is END:
            for choice in choices.values():
                yield from (Withdrawn(slot.key) for slot in choice.calls.repeats())
            yield from fold_blocks(state)
            yield StreamEnded()
            return
        if not isinstance(payload, dict):
            yield payload
            continue
        usual = with_usual_names(payload)
        if usual is not payload:
            yield from (_with_raw(delta, payload) for delta in read_payload(usual, head, choices, state))
            continue
        piece = read_piece(payload, head, choices)
        if piece is not None:
            if not (usage := payload.get("usage")):
                state.lone = piece
                yield piece
                continue
            yield piece
            before = state.usage
            counted = merge_usage(before, usage)
            if are_alike(before, counted, usage):
                state.lone = piece  # the event of its usage is the last one
            yield UsageCounted(counted, payload)
            continue
        detailed = read_detailed_piece(payload, head, choices)
        if detailed is not None:
            yield detailed[0]
            state.lone = detailed[1]
            yield detailed[1]
            continue
        piece, before = None, state.usage if payload.get("usage") else None
        for delta in read_payload(payload, head, choices, state):
            if isinstance(delta, TextPiece | ReasoningPiece) and delta == read_piece(payload, head, choices):
                piece = delta
            is_last = delta is piece
            if usage := payload.get("usage"):
                is_last = isinstance(delta, UsageCounted) and are_alike(before, delta.usage, usage)
            if piece is not None and is_last and not _goes_on(payload):
                state.lone, state.lone_is_first = piece, True
            yield delta


def _with_raw(delta: Delta, payload: Payload) -> Delta:
    """Return *delta*, which was read from a payload with other names, with *payload* as its own."""
    if isinstance(delta, Restated):
        return replace(delta, piece=replace(delta.piece, raw=payload))
    renamed: Any = delta
    return replace(renamed, raw=payload) if isinstance(getattr(delta, "raw", None), dict) else delta


def _goes_on(payload: Payload) -> bool:
    """Return True if an error or usage in another place may follow the pieces of *payload*."""
    return has_failed(payload) or any(map(may_have_usage, payload))


def read_payload(
    payload: Payload, head: LastHead, open_choices: dict[int, OpenChoice], state: AnswerState
) -> Iterator[Delta]:
    """Yield all deltas of a payload, in the order of the module's rules."""
    is_first = not head.identity
    news = head.read(payload)
    if news is not None:
        yield news
    has_event = False  # attachments and new choices make none
    failed: Payload | None = None
    choices = usual_choices(payload)
    for choice in choices:
        is_silent = True
        for delta in _read_choice(choice, open_choices, payload, state):
            is_silent = is_silent and type(delta) in (Attached, ChoiceSeen)
            if type(delta) is ChoiceFinished and delta.reason == "error":
                failed = payload if is_error(payload.get("error")) else _with_error(choice)
            yield delta
        failed = (is_silent and _with_error(choice)) or failed
        has_event = has_event or not is_silent
    usage = _find_usage(payload, choices, news)
    if usage:
        yield UsageCounted(merge_usage(state.usage, usage), payload)
    if failed is None and (not has_event or has_failed(payload)):  # next to good choices, `error` is a note
        failed = payload
    if failed is not None and has_error(failed):
        raise api_error(failed)
    if not has_event and not usage:
        if is_refusal(payload):
            raise api_error(payload)
        if not is_first:  # the first payload starts the turn, and so is carried by `Started`
            yield Leftover(payload, news=_has_news(payload, choices, news))
        elif not choices and news is not None and any(map(has_content, _objects_in(news))):
            state.note_stray(payload)


def _with_error(choice: Payload) -> Payload | None:
    """Return the object with the error of a choice: itself, its delta or its message; None if it has none."""
    places = (choice, choice.get("delta"), choice.get("message"))
    return next((each for each in places if type(each) is dict and is_error(each.get("error"))), None)


def _index_of(choice: Payload) -> int:
    """Return the number of a choice, which is a text or a fraction from a few gateways; 0 if it has none."""
    index = choice.get("index")
    if type(index) is str and index.isdecimal() and len(index) < _MAX_DIGITS:
        return int(index)
    if type(index) is float and index.is_integer() and index < 10**_MAX_DIGITS:
        return max(int(index), 0)
    return index if type(index) is int and index > 0 else 0


_MAX_DIGITS = 10


def _read_choice(
    choice: Payload, choices: dict[int, OpenChoice], payload: Payload, state: AnswerState
) -> Iterator[Delta]:
    """Yield the deltas of one choice, its finish last."""
    index = _index_of(choice)
    if index not in choices:
        choices[index] = OpenChoice(index, state)
        yield ChoiceSeen(index)
    raw_reason, reason = finish_in(choice)
    choices[index].is_last = reason is not None or state.finish_of(index) == "stop"
    if reason is None:
        yield from read_choice(choice, choices[index], payload)
        return
    with_output = False
    for delta in read_choice(choice, choices[index], payload):
        with_output = with_output or _is_output(delta, state)
        yield delta
    for slot, text in choices[index].calls.restated(reason):
        yield Restated(CallPiece(slot.key, index, text, payload, slot.call_id, slot.name), is_copy=True)
    for slot in choices[index].calls.repeats():
        yield Withdrawn(slot.key)
    if reason == "tool_calls" and index == 0 and has_calls_elsewhere(state):
        yield ChoicesFolded(payload)
    index = index if index in state.choices else 0
    yield ChoiceFinished(index, reason, raw_reason, payload, with_output)


def _is_output(delta: Delta, state: AnswerState) -> bool:
    """Return True if *delta* extends the answer; a restatement does if its item is new."""
    if isinstance(delta, Restated):
        return delta.piece.key not in state.items
    return isinstance(delta, TextPiece | RefusalPiece | ReasoningPiece | CallPiece) and delta.text != ""


# -- usage, and payloads without content --------------------------------------------------


def _find_usage(payload: Payload, choices: list[Payload], news: Head | None) -> Payload | None:
    """Return the usage object: at the top, in `x_groq`, in a choice (Moonshot), or in what that contains.

    Else it is under another name (`usage_metadata`), or in another object (`metadata`), with counts. There
    only news count, because `read_piece` takes no second look at what repeats.
    """
    if type(usage := payload.get("usage")) is dict and usage:
        return usage
    inside = (choice.get(name) for choice in choices for name in ("delta", "message"))
    for place in (payload, payload.get("x_groq"), *choices, *inside):
        if type(place) is dict and (usage := usage_in(place.get("usage"))):
            return usage
    extras = (news.extras if news is not None else None) or {}
    found = (usage_under(name, value) for name, value in extras.items() if may_have_usage(name))
    return next(filter(None, found), None)


def _objects_in(head: Head) -> list[Any]:
    """Return the objects and lists in fields that aren't of any head: choices may be among them."""
    return [value for value in (head.extras or {}).values() if type(value) in (dict, list)]


def _has_news(payload: Payload, choices: list[Payload], head: Head | None) -> bool:
    """Return True if a payload without content contains anything but empty fields and bookkeeping."""
    if head is not None and head.extras:
        return True
    if "obfuscation" in payload or payload.get("usage") not in BLANK:
        return True
    if not choices:
        return payload.get("choices") not in BLANK
    return any(_choice_has_news(choice) for choice in choices)


def _choice_has_news(choice: Payload) -> bool:
    delta = choice.get("delta")
    if type(delta) is dict:
        delta = [value for name, value in delta.items() if name != "role" and value not in BLANK]
    others = [value for name, value in choice.items() if name not in ("index", "delta")]
    return any(value not in BLANK for value in (delta, *others))

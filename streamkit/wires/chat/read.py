"""Chat Completions payloads -> fragments, for every dialect at once.

Rule: nothing here asks which gateway speaks. A dialect is read by what a payload holds, and every
field may be missing, null, or of another type than the reference says. What a payload holds that has
no fragment of its own is still carried by some event's `raw`, or by an `Unknown`.

Order within a payload: identity, reasoning, text or refusal, tool calls by index, finish, usage, then
an in-band error, which is raised. This file remembers what a later payload needs to be read right:
which call an index or id stands for, and what the head of the payloads said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...completion import FinishReason
from ...error_bodies import api_error, is_error
from ...profiles.profile import Profile
from ...state.answer import AnswerState
from ...state.deltas import (
    END,
    Attached,
    CallPiece,
    ChoiceFinished,
    ChoiceSeen,
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
from ..usage import read_usage
from .call_slots import CallSlots
from .choices import read_choice, string, tokens

# The server's spelling (lower case) -> ours; everything else is "other". Sources: the OpenAI
# reference; native_finish_reason values seen through OpenRouter; Mistral (model_length), Groq, Azure.
FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "error": "error",
}

# The keys of a payload that are no news; any other goes into the completion's `extras`. OpenAI pads
# its payloads with `obfuscation` (random, against traffic analysis).
_HEAD = frozenset(
    (
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",
    )
)
_PLAIN = frozenset(("role", "content"))
_ONLY_CALLS = _PLAIN | {"tool_calls"}
_ONLY_THOUGHT = _PLAIN | {"reasoning_content", "reasoning"}


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield what each payload says; notes between payloads pass through.

    Raises the `APIError` that an in-band error means, after the rest of its payload was yielded.
    """
    calls: dict[int, CallSlots] = {}
    head = _Head()
    for payload in payloads:
        if payload is END:
            yield StreamEnded()
            return
        if not isinstance(payload, dict):
            yield payload
            continue
        choice = _lone_choice(payload)
        first = not head.said
        news = head.read(payload) if choice is None or not head.is_known(payload) else None
        if news is not None:
            yield news
        piece = _read_piece(choice, payload, calls) if choice is not None else None
        if piece is not None:
            yield piece
        else:
            yield from _read_payload(payload, news, calls, carried=first)


def _read_piece(choice: Payload, payload: Payload, calls: dict[int, CallSlots]) -> Delta | None:
    """The one piece of text, of a thought or of a call that is all its payload says; None if it says more.

    The hot path: what `_read_payload` would say, at a third of the cost.
    """
    index, delta = choice["index"], choice["delta"]
    content = delta.get("content")
    if content:
        if type(content) is not str or not (delta.keys() <= _PLAIN or _is_lone(delta)):
            return None
        logprobs = choice.get("logprobs")
        if logprobs is not None:
            logprobs = tokens(logprobs, "content")
        return TextPiece(index, index, content, payload, logprobs)
    thought = delta.get("reasoning_content")
    if thought and type(thought) is str and delta.keys() <= _ONLY_THOUGHT:
        return ReasoningPiece(("reasoning", index), index, thought, payload)
    entries = delta.get("tool_calls")
    if type(entries) is list and len(entries) == 1 and index in calls and delta.keys() <= _ONLY_CALLS:
        call = calls[index].go_on(entries[0])
        if call is not None:
            slot, arguments = call
            return CallPiece(slot.key, index, payload, arguments, slot.call_id, slot.name)
    return None


def _is_lone(delta: Payload) -> bool:
    """Whether everything beside the content is null or empty (`reasoning_content: null` in each chunk)."""
    return not any(delta[key] for key in delta.keys() - _PLAIN)


def _lone_choice(payload: Payload) -> Payload | None:
    """The one choice of a payload that holds a delta and nothing else worth a look; else None."""
    choices = payload.get("choices")
    if type(choices) is not list or len(choices) != 1 or payload.get("usage") or payload.get("error"):
        return None
    choice = choices[0]
    if (
        type(choice) is not dict
        or type(choice.get("index")) is not int
        or type(choice.get("delta")) is not dict
    ):
        return None
    if choice.get("finish_reason") or choice.get("native_finish_reason") or "message" in choice:
        return None
    return choice


def _read_payload(
    payload: Payload, news: Head | None, calls: dict[int, CallSlots], *, carried: bool
) -> Iterator[Delta]:
    """Everything that a payload may hold, in the order of the opening words.

    *carried* says that an event has its raw already: the first payload starts the turn.
    """
    said = False  # something that makes an event: what is only attached to an item makes none
    failed = None
    choices = payload.get("choices")
    choices = [c for c in choices if type(c) is dict] if type(choices) is list else []
    for choice in choices:
        index = choice.get("index")
        index = index if type(index) is int else 0
        if index not in calls:
            calls[index] = CallSlots(index)
            yield ChoiceSeen(index)
        for fragment in read_choice(choice, index, calls[index], payload):
            said = said or type(fragment) is not Attached
            yield fragment
        reason = choice.get("finish_reason") or choice.get("native_finish_reason")
        if type(reason) is str and reason:
            said = True
            if reason == "error":
                failed = payload if is_error(payload.get("error")) else choice
            yield ChoiceFinished(index, FINISH.get(reason.lower(), "other"), reason, payload)
    usage = _find_usage(payload, choices)
    if usage:
        yield UsageCounted(read_usage(usage), payload)
    if failed is None and not said:  # beside good choices `error` is a note
        failed = payload
    if failed is not None and is_error(failed.get("error")):
        raise api_error(failed)
    if not said and not usage:
        silent = _of_nothing(payload, choices, news)
        if not carried:
            yield silent


class _Head:
    """What the payloads have said of themselves; most say the same again and again."""

    def __init__(self) -> None:
        self.said: tuple[Any, ...] = ()
        self.size = -1  # the number of keys of the last payload, if none of them was news
        self.extras: Payload = {}

    def is_known(self, payload: Payload) -> bool:
        """A quick look for the hot path: the head says the same, with as many keys around it."""
        return len(payload) == self.size and _identity(payload) == self.said

    def read(self, payload: Payload) -> Head | None:
        """What is new in the head of *payload*; always something for the first one."""
        said = _identity(payload)
        self.size = len(payload) if payload.keys() <= _HEAD else -1
        if said == self.said and self.size > 0:
            return None
        extras = {
            key: value
            for key, value in payload.items()
            if (key not in _HEAD or key in ("system_fingerprint", "service_tier"))
            and value is not None
            and not (key in self.extras and self.extras[key] == value)
        }
        if said == self.said and not extras:
            return None
        self.said = said
        self.extras.update(extras)
        created = payload.get("created")
        return Head(
            payload,
            id=string(payload.get("id")),
            model=string(payload.get("model")),
            created=created if type(created) in (int, float) else None,
            extras=extras or None,
        )


def _identity(payload: Payload) -> tuple[Any, ...]:
    get = payload.get
    return get("id"), get("model"), get("system_fingerprint"), get("service_tier")


def _find_usage(payload: Payload, choices: list[Payload]) -> Payload | None:
    """The usage object: at the top, in `x_groq`, or in a choice (Moonshot)."""
    groq = payload.get("x_groq")
    for place in (payload, *((groq,) if type(groq) is dict else ()), *choices):
        usage = place.get("usage")
        if type(usage) is dict and usage:
            return usage
    return None


def _of_nothing(payload: Payload, choices: list[Payload], news: Head | None) -> Leftover:
    """Raise what an envelope without choices means, or tell a silent payload from one with news."""
    if "choices" not in payload and "id" not in payload:
        says_no = payload.get("success") is False or "detail" in payload
        if says_no or (string(payload.get("message")) and ("code" in payload or "status" in payload)):
            raise api_error(payload)
    odd = payload.get("usage") not in _EMPTY or (not choices and payload.get("choices") not in _EMPTY)
    inside = odd or any(_has_news(choice) for choice in choices)
    return Leftover(payload, news=inside or "obfuscation" in payload or bool(news and news.extras))


def _has_news(choice: Payload) -> bool:
    """Whether a choice without content holds anything that is neither empty nor bookkeeping."""
    delta = choice.get("delta")
    if type(delta) is dict:
        delta = [v for k, v in delta.items() if k != "role" and v not in _EMPTY]
    if delta not in _EMPTY:
        return True
    return any(v not in _EMPTY for k, v in choice.items() if k not in ("index", "delta"))


_EMPTY: tuple[Any, ...] = (None, "", [], {})

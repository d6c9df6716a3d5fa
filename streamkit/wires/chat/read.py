"""Chat Completions payloads -> deltas, for every dialect at once.

Rules:
- Nothing here asks which gateway sent a payload. A payload's content decides how it is read, and every field
  may be missing, null, or of another type than the reference says.
- Data without a delta of its own is still carried by some event's `raw`, or by an `Unknown`.
- The order within a payload: head, reasoning, text or refusal, calls by index, finish, usage, then an in-band
  error, which is raised.

This file remembers what the next payload needs: which call an index or id stands for, and the last head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView
from functools import partial
from typing import Any

from ...completion import FinishReason
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
    NextTo,
    Path,
    Payload,
    PayloadOrNote,
    Piece,
    ReasoningPiece,
    RefusalPiece,
    Repeat,
    Restated,
    StreamEnded,
    TextPiece,
    UsageCounted,
    Withdrawn,
)
from ...state.open_items import OpenCall
from ..finish_words import finish_reason
from ..usage import merge_usage
from .choices import (
    CHOICE_FIELDS,
    DELTA_FIELDS,
    OTHER_ROLES,
    REASONING_FIELDS,
    OpenChoice,
    read_choice,
    string,
    tokens,
)

_FINISH_FIELDS = ("finish_reason", "finishReason", "native_finish_reason", "nativeFinishReason")

# The keys of a payload that aren't news; any other goes into the completion's `extras`. OpenAI pads its
# payloads with `obfuscation`, random text against traffic analysis.
_HEAD = frozenset(
    (
        *("id", "object", "created", "model", "choices", "usage"),
        *("system_fingerprint", "service_tier", "obfuscation"),
    )
)
_PLAIN = frozenset(("role", "content"))
_ONLY_CALLS = _PLAIN | {"tool_calls"}
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_RARE = frozenset(("message", "finishReason", "nativeFinishReason", "error", *CHOICE_FIELDS))  # in a choice


def read(payloads: Iterable[PayloadOrNote], profile: Profile, state: AnswerState) -> Iterator[Delta]:
    """Yield the deltas of each payload; notes between payloads pass through.

    Raises the `APIError` for an in-band error, after the other deltas of its payload.
    """
    choices: dict[int, OpenChoice] = {}
    head = _Head()
    state.repeat_of = lambda piece: _repeat_of(piece, choices, state)
    for payload in payloads:
        if payload is END:
            for choice in choices.values():
                yield from (Withdrawn(slot.key) for slot in choice.calls.repeats())
            yield from _fold_blocks(state)
            yield StreamEnded()
            return
        if not isinstance(payload, dict):
            yield payload
            continue
        piece = read_piece(payload, head, choices)
        if piece is not None:
            if not (usage := payload.get("usage")):
                state.lone = piece
                yield piece
                continue
            yield piece
            state.lone = piece  # the event of its usage is the last one
            yield UsageCounted(merge_usage(state.usage, usage), payload)
            continue
        detailed = read_detailed_piece(payload, head, choices)
        if detailed is not None:
            yield detailed[0]
            state.lone = detailed[1]
            yield detailed[1]
            continue
        piece = None
        for delta in _read_payload(payload, head, choices, state):
            if isinstance(delta, TextPiece | ReasoningPiece) and delta == read_piece(payload, head, choices):
                piece = delta
            is_last = delta is piece if not payload.get("usage") else isinstance(delta, UsageCounted)
            if piece is not None and is_last and not has_failed(payload):  # its error follows
                state.lone, state.lone_is_first = piece, True
            yield delta


# -- the fast path ------------------------------------------------------------------------


def read_piece(payload: Payload, head: _Head, choices: dict[int, OpenChoice]) -> Piece | None:
    """Return the one piece that is all of *payload*'s news, its usage apart; None if unsure.

    The fast path: the same delta as `_read_payload`, at a third of the cost.
    """
    if not head.is_repeated(payload):
        return None
    choice = _lone_choice(payload)
    if choice is None:
        return None
    index, delta = choice["index"], choice["delta"]
    memory = choices.get(index)
    if memory is None or not memory.has_deltas or delta.get("role") in OTHER_ROLES:
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
    if memory.reasoning_field and memory.thought.is_plain and not memory.thinking:
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
    payload: Payload, head: _Head, choices: dict[int, OpenChoice]
) -> tuple[Attached, ReasoningPiece] | None:
    """Return the deltas of a payload with a piece of reasoning, which a detail repeats; None if unsure.

    The fast path for OpenRouter, which sends such a detail with each piece.
    """
    choice = _lone_choice(payload) if head.is_repeated(payload) else None
    if choice is None or payload.get("usage") or not choice["delta"].get("reasoning_details"):
        return None
    delta, memory = choice["delta"], choices.get(choice["index"])
    field = next((name for name in REASONING_FIELDS if delta.get(name)), "")
    text, details = delta.get(field), delta["reasoning_details"]
    if memory is None or not memory.has_other_reasoning or memory.thinking or not memory.reasoning_field:
        return None
    if not memory.thought.is_plain or delta.get("role") in OTHER_ROLES:
        return None
    if (
        type(text) is not str
        or type(details) is not list
        or len(details) != 1
        or type(details[0]) is not dict
    ):
        return None
    kind = details[0].get("type")
    if kind not in ("reasoning.text", "reasoning.summary") or details[0].get("id") is not None:
        return None
    has_content = delta.get("content") not in (None, "")  # 0 and False are content
    if has_content or not _is_lone(delta, "reasoning_details", *REASONING_FIELDS):
        return None
    key, index = ("reasoning", choice["index"]), choice["index"]
    attached = Attached(key, index, "details", details, payload, "reasoning")
    return attached, ReasoningPiece(key, index, text, payload, "summary" if "summary" in kind else "text")


def _repeat_of(piece: Delta, choices: dict[int, OpenChoice], state: AnswerState) -> Repeat | None:
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
_IN_CHOICE = frozenset(("index", "delta", "logprobs", "usage", *_FINISH_FIELDS, *_RARE))
_IN_DELTA = DELTA_FIELDS.union(("role", *_FINISH_FIELDS))


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
    has_more = choice.get("native_finish_reason") or choice.get("usage")
    return choice if not has_more and choice.keys().isdisjoint(_RARE) else None


# -- the whole payload --------------------------------------------------------------------


def _read_payload(
    payload: Payload, head: _Head, open_choices: dict[int, OpenChoice], state: AnswerState
) -> Iterator[Delta]:
    """Yield all deltas of a payload, in the order of the module's rules."""
    is_first = not head.identity
    news = head.read(payload)
    if news is not None:
        yield news
    has_event = False  # attachments and new choices make none
    failed = None
    choices = _choices_in(payload)
    for choice in choices:
        is_silent = True
        for delta in _read_choice(choice, open_choices, payload, state):
            is_silent = is_silent and type(delta) in (Attached, ChoiceSeen)
            if type(delta) is ChoiceFinished and delta.raw_reason == "error":
                failed = payload if is_error(payload.get("error")) else choice
            yield delta
        if is_silent and is_error(choice.get("error")):
            failed = choice
        has_event = has_event or not is_silent
    usage = _find_usage(payload, choices)
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


def _choices_in(payload: Payload) -> list[Payload]:
    """Return the choices of a payload; a lone one may come without its list."""
    choices = payload.get("choices")
    choices = [choices] if type(choices) is dict and choices else choices
    return [choice for choice in choices if type(choice) is dict] if type(choices) is list else []


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
    raw_reason, reason = _finish_in(choice)
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
    if reason == "tool_calls" and index == 0 and _has_calls_elsewhere(state):
        yield ChoicesFolded(payload)
    index = index if index in state.choices else 0
    yield ChoiceFinished(index, reason, raw_reason, payload, with_output)


def _finish_in(choice: Payload) -> tuple[str, FinishReason | None]:
    """Return the finish word of a choice and our reason; None if the choice goes on.

    The gateway's own word counts, unless only the provider's says that the answer failed. A few gateways put
    it into the delta.
    """
    delta = choice.get("delta")
    places = (choice, delta) if type(delta) is dict else (choice,)
    words = [word for place in places for name in _FINISH_FIELDS if (word := _word(place.get(name)))]
    found = [(word, reason) for word in words if (reason := finish_reason(word)) is not None]
    failures = [each for each in found if each[1] == "error"]
    return next(iter(failures or found), ("", None))


def _word(value: Any) -> str | None:
    """Return a finish word; SGLang's own objects have it in `type`."""
    return string(value.get("type") if type(value) is dict else value)


def _is_output(delta: Delta, state: AnswerState) -> bool:
    """Return True if *delta* extends the answer; a restatement does if its item is new."""
    if isinstance(delta, Restated):
        return delta.piece.key not in state.items
    return isinstance(delta, TextPiece | RefusalPiece | ReasoningPiece | CallPiece) and delta.text != ""


# -- blocks that are numbered as choices --------------------------------------------------
#
# Some gateways (Copilot in front of Claude) number the blocks of one choice as choices: the text is choice 0,
# the calls are choices 1 and 2, and only one of them finishes. Real choices each finish, with calls of their
# own if the word is tool_calls.


def _has_calls_elsewhere(state: AnswerState) -> bool:
    """Return True if choice 0, which finishes with tool_calls, has no call, but a choice after it has one."""
    if state.finishes or len(state.choices) < 2:
        return False
    kinds = _kinds(state)
    return "call" not in kinds.get(0, ()) and _are_blocks(kinds)


def _fold_blocks(state: AnswerState) -> Iterator[Delta]:
    """Yield `ChoicesFolded` at `[DONE]` if only one of the choices finished, and they can be blocks."""
    if len(state.finishes) == 1 and len(state.choices) > 1 and _are_blocks(_kinds(state)):
        yield ChoicesFolded(state.last_raw or {})


def _kinds(state: AnswerState) -> dict[int, set[str]]:
    """Return the kinds of items in each choice that has any."""
    kinds: dict[int, set[str]] = {}
    for item in state.in_order:
        if not item.is_phantom:
            kinds.setdefault(item.choice, set()).add("call" if isinstance(item, OpenCall) else item.kind)
    return kinds


def _are_blocks(kinds: dict[int, set[str]]) -> bool:
    """Return True if one of several choices has a call, and no two have text, or reasoning."""
    names = [name for of_choice in kinds.values() for name in of_choice]
    others = [name for name in names if name != "call"]
    return len(kinds) > 1 and "call" in names and len(others) == len(set(others))


# -- usage, and payloads without content --------------------------------------------------


def _find_usage(payload: Payload, choices: list[Payload]) -> Payload | None:
    """Return the usage object: at the top, in `x_groq`, or in a choice (Moonshot)."""
    groq = payload.get("x_groq")
    for place in (payload, *((groq,) if type(groq) is dict else ()), *choices):
        usage = place.get("usage")
        if type(usage) is dict and usage:
            return usage
    return None


def _has_news(payload: Payload, choices: list[Payload], head: Head | None) -> bool:
    """Return True if a payload without content contains anything but empty fields and bookkeeping."""
    if head is not None and head.extras:
        return True
    if "obfuscation" in payload or payload.get("usage") not in _EMPTY:
        return True
    if not choices:
        return payload.get("choices") not in _EMPTY
    return any(_choice_has_news(choice) for choice in choices)


def _choice_has_news(choice: Payload) -> bool:
    delta = choice.get("delta")
    if type(delta) is dict:
        delta = [value for name, value in delta.items() if name != "role" and value not in _EMPTY]
    others = [value for name, value in choice.items() if name not in ("index", "delta")]
    return any(value not in _EMPTY for value in (delta, *others))


# -- the head -----------------------------------------------------------------------------


class _Head:
    """The head of the last payload. Most payloads repeat it."""

    def __init__(self) -> None:
        self.identity: tuple[Any, ...] = ()
        self._keys: KeysView[str] = {}.keys()  # of the last payload
        self._others: list[tuple[str, Any]] = []  # its fields that aren't part of every head
        self._extras: Payload = {}

    def is_repeated(self, payload: Payload) -> bool:
        """Return True if *payload* has the head of the one before it, with nothing new around it.

        The first id counts, so another one is no news.
        """
        get = payload.get
        return (
            payload.keys() == self._keys
            and self._is_known(get("id"))
            and (get("model"), get("system_fingerprint"), get("service_tier")) == self.identity[1:]
            and (not self._others or all(payload[name] == value for name, value in self._others))
        )

    def _is_known(self, answer_id: Any) -> bool:
        first = self.identity[0] if self.identity else None
        if type(first) is str and type(answer_id) is str and first and answer_id:
            return True
        return self.identity[:1] == (answer_id,)

    def read(self, payload: Payload) -> Head | None:
        """Return the news in the head of *payload*; None if it has none. The first always has some."""
        identity = _identity(payload)
        self._keys = payload.keys()
        self._others = [(name, value) for name, value in payload.items() if name not in _HEAD]
        extras = {
            name: value
            for name, value in (*self._others, *_named(payload, "system_fingerprint", "service_tier"))
            if value is not None and not (name in self._extras and self._extras[name] == value)
        }
        if identity == self.identity and not extras:
            return None
        self.identity = identity
        self._extras.update(extras)
        created = payload.get("created")
        return Head(
            payload,
            id=string(payload.get("id")),
            model=string(payload.get("model")),
            created=created if type(created) in (int, float) else None,
            extras=extras or None,
        )


def _named(payload: Payload, *names: str) -> list[tuple[str, Any]]:
    return [(name, payload[name]) for name in names if name in payload]


def _identity(payload: Payload) -> tuple[Any, ...]:
    get = payload.get
    return get("id"), get("model"), get("system_fingerprint"), get("service_tier")

"""One choice of a chat payload -> deltas: from its `delta`, and from a `message` or `text` next to it.

A `delta` contains pieces, a `message` restates the whole. Both are read by the same few functions, in the
order reasoning, text or refusal, attachments, tool calls.

A stream may have messages and no deltas at all. Then a message that doesn't begin with all messages before it
is an increment (Higress in front of Dify), and so are all later ones.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from ...completion import FinishReason
from ...items import REASONING_FIELDS, OutputImage, UnknownPart
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    Leftover,
    Payload,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    TextPiece,
)
from ..fields import string
from ..finish_words import finish_reason
from .call_entries import CALL_FIELDS, list_calls
from .call_fields import BLANK, CallEntry, argument_text
from .call_slots import CallSlot
from .content_parts import PIECES_OF_CALLS, Content, calls_in, content_of, image_url, number_text, objects_of
from .open_choice import OpenChoice
from .reasoning import read_reasoning
from .usual_choices import FINISH_FIELDS, STOP_FIELDS

_RARE = frozenset(("usage", "text", "output_text", "parts", "provider_specific_fields"))
# All fields of a delta that are read. The values of others are in `raw` alone.
DELTA_FIELDS = frozenset(
    (
        *("content", *REASONING_FIELDS, "thinking", "reasoning_details", "thinking_blocks"),
        *("reasoning_encrypted", "reasoning_opaque", "refusal", "annotations", "images", "audio"),
        *CALL_FIELDS,
        *FINISH_FIELDS,
        *_RARE,
    )
)
_OF_DELTAS = DELTA_FIELDS.difference(_RARE, FINISH_FIELDS)  # a choice with one of these may be the delta
# Fields of a delta that some gateways put next to it, into the choice.
CHOICE_FIELDS = ("content", *REASONING_FIELDS, "tool_calls", "function_call", "annotations")
# Roles of messages that aren't the model's: results of tools that the gateway runs itself.
OTHER_ROLES = ("tool", "function")
_CALL_FIELDS = ("type", "index", "id", "tool_use_id", "name", "input", "arguments")


def read_choice(choice: Payload, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    """Yield the deltas of one choice, of which *memory* knows the payloads before this one."""
    index = memory.index
    delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
    delta = _with_choice_fields(delta, choice)
    if type(delta) is dict:
        if not memory.has_deltas:
            memory.has_deltas = any(v not in BLANK for k, v in delta.items() if k != "role")
        yield from _read_delta(delta, choice, memory, payload)
    elif type(delta) is str and delta:
        yield from memory.fresh_part(TextPiece(index, index, delta, payload), memory.text)
    elif text := number_text(text) or string(text):  # the older completions API
        yield from memory.fresh_part(TextPiece(index, index, text, payload), memory.text)
    if type(message) is str and message:
        message = {"content": message}
    if type(message) is dict:
        yield from _read_message(message, choice, memory, payload)


def _with_choice_fields(delta: Any, choice: Payload) -> Any:
    """Return *delta* with the fields that it lacks and the choice has; the choice, if it is the delta."""
    if delta is None and "message" not in choice and not _OF_DELTAS.isdisjoint(choice):
        return choice
    if type(delta) is not dict:
        return delta
    if choice.keys().isdisjoint(CHOICE_FIELDS):
        return delta
    fields = {name: choice[name] for name in CHOICE_FIELDS if choice.get(name) not in BLANK}
    return {**fields, **{k: v for k, v in delta.items() if v not in BLANK}} if fields else delta


def _read_delta(delta: Payload, choice: Payload, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    """Yield the pieces in a `delta` of any dialect."""
    index = memory.index
    if delta.get("role") in OTHER_ROLES:
        yield Leftover(payload, news=True)
        return
    content = content_of(delta)
    yield from read_reasoning(delta, content, memory, payload)
    if content.text:
        logprobs = tokens(choice.get("logprobs"), "content")
        piece = TextPiece(index, index, content.text, payload, logprobs)
        yield from memory.fresh_part(piece, memory.text)
    refusal = delta.get("refusal") or content.refusal
    if type(refusal) is str and refusal:
        yield RefusalPiece(index, index, refusal, payload)
    yield from _read_attachments(delta, content, memory, payload)
    calls = content.calls
    if delta.get("type") in PIECES_OF_CALLS:  # Snowflake: the delta itself is a call
        calls = [{name: delta[name] for name in _CALL_FIELDS if name in delta}, *calls]
    yield from _read_calls(delta, calls, memory, payload)


def _read_attachments(
    source: Payload, content: Content, memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield annotations, images, audio, and content parts of other kinds."""
    key = index = memory.index
    if annotations := memory.unseen([*objects_of(source.get("annotations")), *content.annotations]):
        yield Attached(key, index, "annotations", annotations, payload)
    images = source.get("images")
    for part in [*memory.unseen(images if type(images) is list else []), *content.others]:
        url = image_url(part)
        if url:
            yield Attached(key, index, "part", OutputImage(url), payload)
        elif type(part) is dict:
            yield Attached(key, index, "part", UnknownPart(part), payload)
    audio = source.get("audio")
    if type(audio) is dict and audio:
        yield Attached(key, index, "audio", audio, payload)


def _calls_in(
    source: Payload, parts: list[Payload], memory: OpenChoice, payload: Payload
) -> Generator[Delta, None, list[CallEntry]]:
    """Return the calls of a delta or message; what can't be read as one becomes a warning.

    An object about a tool of the server's own is a part of the message.
    """
    unread: list[Any] = []
    entries = list_calls(source, parts, unread, memory.argument_names)
    for value in unread:
        if type(value) is dict:
            yield Attached(memory.index, memory.index, "part", UnknownPart(value), payload)
        else:
            memory.state.warnings.append(f"unread_call: {value!r:.120} isn't a tool call")
    return entries


def _read_calls(
    source: Payload, parts: list[Payload], memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield a piece for each entry of `tool_calls`."""
    for entry in (yield from _calls_in(source, parts, memory, payload)):
        slot = memory.calls.take(entry, argument_text(entry.arguments))
        yield from _read_call(entry, slot, memory, payload)


def _read_call(entry: CallEntry, slot: CallSlot, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    text = argument_text(entry.arguments)
    fresh: str | None = text
    if memory.calls.is_echo(slot, entry):
        fresh = ""
    elif entry.kind == "function_call":
        fresh = memory.calls.fresh_part(slot, text)
    call = CallPiece(slot.key, memory.index, text, payload, slot.call_id, slot.name, entry.kind)
    if fresh is None:
        yield Restated(call)
    if fresh or not _is_closed(slot, memory):
        yield replace(call, text=fresh or "")  # after a restatement, only to carry the payload
    yield from _read_call_facts(entry, slot, memory, payload)


def _is_closed(slot: CallSlot, memory: OpenChoice) -> bool:
    """Return True if the call was yielded; an entry that adds no arguments must not open it once more."""
    item = memory.state.items.get(slot.key)
    return item is not None and item.is_done


def _read_call_facts(
    entry: CallEntry, slot: CallSlot, memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield the signature of a call, the gateway's own fields in its entry, and those that can't be read."""
    index = memory.index
    if signature := memory.calls.signature_for(slot):
        yield Attached(slot.key, index, "signature", signature, payload, entry.kind)
    if entry.extra:  # Gemini: extra_content with its signature
        yield Attached(slot.key, index, "extra", entry.extra, payload, entry.kind)
    if entry.unread:
        yield Attached(slot.key, index, "unread", entry.unread, payload, entry.kind)


def _read_message(message: Payload, choice: Payload, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    """Yield the restatements in a `message`: next to deltas (Perplexity) or alone; or its increments."""
    index = memory.index
    content = content_of(message)
    for delta in read_reasoning(message, content, memory, payload, whole=True):
        if isinstance(delta, ReasoningPiece):
            delta = _restated(delta, f"reasoning {delta.part}", memory)
        yield delta
    if content.text:
        logprobs = tokens(choice.get("logprobs"), "content")
        yield _restated(TextPiece(index, index, content.text, payload, logprobs), "text", memory)
    refusal = message.get("refusal") or content.refusal
    if type(refusal) is str and refusal:
        yield _restated(RefusalPiece(index, index, refusal, payload), "refusal", memory)
    yield from _read_attachments(message, content, memory, payload)
    listed = [call for part in objects_of(message.get("content_list")) for call in calls_in(part)]
    calls = [*content.calls, *listed]  # Snowflake lists them once more
    entries = yield from _calls_in(message, calls, memory, payload)
    if not memory.has_deltas:
        for position, entry in enumerate(entries):
            yield from _read_whole_or_increment(position, entry, memory, payload)
        return
    for slot, entry in zip(memory.calls.restated_by(entries), entries, strict=True):
        text = argument_text(entry.arguments)
        if slot.is_repeat(text):
            text = memory.state.arguments(slot.key)  # they stay as they are
        elif text:
            slot.replace_arguments(text)
        yield Restated(CallPiece(slot.key, index, text, payload, slot.call_id, slot.name, entry.kind))
        yield from _read_call_facts(entry, slot, memory, payload)


def _restated(piece: TextPiece | RefusalPiece | ReasoningPiece, kind: str, memory: OpenChoice) -> Delta:
    return piece if memory.is_increment(kind, piece.text) else Restated(piece)


def _read_whole_or_increment(
    position: int, entry: CallEntry, memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield the deltas of a call in a message of a stream without deltas."""
    slots, text = memory.calls, argument_text(entry.arguments)
    entry = entry if entry.place is not None else entry._replace(place=position)
    slot = slots.take(entry, text)
    if text and text.startswith(memory.state.arguments(slot.key)):
        slot.replace_arguments(text)
        yield Restated(CallPiece(slot.key, memory.index, text, payload, slot.call_id, slot.name, entry.kind))
        yield from _read_call_facts(entry, slot, memory, payload)
    else:
        yield from _read_call(entry, slot, memory, payload)


def finish_in(choice: Payload) -> tuple[str, FinishReason | None]:
    """Return the finish word of a choice and our reason; None if the choice goes on.

    The gateway's own word counts, unless only the provider's says that the answer failed. A few gateways put
    it into the delta.
    """
    delta = choice.get("delta")
    places = (choice, delta) if type(delta) is dict else (choice,)
    words = [
        word
        for place in places
        for name in FINISH_FIELDS
        if name in place and (word := _word(place[name])) is not None
    ]
    found = [(word, reason) for word in words if (reason := finish_reason(word)) is not None]
    failures = [each for each in found if each[1] == "error"]
    if not found and not choice.keys().isdisjoint(STOP_FIELDS):
        stops = [word for name in STOP_FIELDS if (word := _word(choice.get(name)))]
        found = [(word, reason) for word in stops if (reason := finish_reason(word)) not in (None, "other")]
    return next(iter(failures or found), ("", None))


def _word(value: Any) -> str | None:
    """Return a finish word; SGLang's own objects have it in `type`, dumps of enums in `name`."""
    if type(value) is dict:
        return next((word for name in ("type", "reason", "name") if (word := string(value.get(name)))), None)
    return string(value)


def tokens(logprobs: Any, of: str) -> Any:
    """Return the token entries of `choice.logprobs`; in the older form, the object of parallel lists."""
    if type(logprobs) is dict:
        return logprobs.get(of) if "content" in logprobs or "refusal" in logprobs else logprobs
    return logprobs

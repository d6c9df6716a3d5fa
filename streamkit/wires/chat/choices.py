"""One choice of a chat payload -> deltas: from its `delta`, and from a `message` or `text` next to it.

A `delta` contains pieces, a `message` restates the whole. Both are read by the same few functions, in the
order reasoning, text or refusal, attachments, tool calls.

A stream may have messages and no deltas at all. Then a message that doesn't begin with all messages before it
is an increment (Higress in front of Dify), and so are all later ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from ...items import OutputImage, UnknownPart
from ...state.answer import AnswerState
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
from ...state.open_items import OpenMessage, OpenReasoning
from ...surrogates import characters, encodable_text, split_half
from .call_entries import list_calls
from .call_fields import CallEntry, argument_text
from .call_slots import CallSlot, CallSlots
from .cumulative import CumulativeText

_EMPTY: tuple[Any, ...] = (None, "", [], {})
_ENOUGH = 16  # characters that no model writes twice in a row, the second time in one piece
# Fields with the text of the reasoning. Some gateways send it in two of them; the first one counts.
REASONING_FIELDS = (
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thought",
    "thoughts",
    "thinking_content",
)
# All fields of a delta that are read. The values of others are in `raw` alone.
DELTA_FIELDS = frozenset(
    (
        *("content", *REASONING_FIELDS, "thinking", "reasoning_details", "thinking_blocks"),
        *("reasoning_encrypted", "reasoning_opaque", "refusal", "annotations", "images", "audio"),
        *("tool_calls", "function_call", "toolCalls", "functionCall"),
    )
)
# Fields of a delta that some gateways put next to it, into the choice.
CHOICE_FIELDS = ("tool_calls", "function_call", "annotations")
# Roles of messages that aren't the model's: results of tools that the gateway runs itself.
OTHER_ROLES = ("tool", "function")
# Types of content parts that are calls: those of other APIs, which some gateways pass on.
_CALL_PARTS = ("tool_use", "tool_call", "function_call")
_CALL_FIELDS = ("type", "index", "id", "tool_use_id", "name", "input", "arguments")
# Types of reasoning details with text. Some gateways send none.
_WITH_TEXT = ("reasoning.text", "reasoning.summary", "thinking", "text", "summary", None)


@dataclass(slots=True)
class _Content:
    """The facts in `content`: the texts in its parts, and the parts of other kinds."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    summaries: list[str] = field(default_factory=list)  # of the parts of a reasoning summary
    encrypted: str = ""
    calls: list[Payload] = field(default_factory=list)
    others: list[Payload] = field(default_factory=list)


class OpenChoice:
    """The facts about the payloads of one choice that its next payload depends on."""

    __slots__ = (
        "_sums",
        "argument_names",
        "block",
        "calls",
        "has_deltas",
        "has_increments",
        "has_other_reasoning",
        "index",
        "is_last",
        "reasoning_field",
        "seen",
        "state",
        "text",
        "thinking",
        "thought",
    )

    def __init__(self, index: int, state: AnswerState) -> None:
        self.index = index
        self.state = state
        self.calls = CallSlots(index, state)
        self.text = CumulativeText()
        self.thought = CumulativeText()  # in a field of its own
        self.argument_names: set[str] = set()  # beyond the known ones, that the calls have
        self.has_deltas = False  # with content
        self.has_increments = False  # in messages
        self.is_last = False  # the payload has the finish of this choice
        self.reasoning_field = ""  # the first one with text
        self.thinking = 0  # characters of reasoning that came from details or `thinking_blocks`
        self.has_other_reasoning = False  # from anywhere else
        self.block = 0  # those of the last block, until its signature
        self.seen: set[int] = set()  # hashes of the annotations and images
        self._sums: dict[str, tuple[int, int]] = {}  # of the messages: by kind, length and checksum

    def is_increment(self, kind: str, text: str) -> bool:
        """Return True if a message's *text* of that kind continues the messages before it."""
        length, checksum = self._sums.get(kind, (0, 0))
        data = split_half(text)[0].encode("utf-8", "surrogatepass")
        is_same = crc32(data) == checksum and len(data) == length
        if self.has_deltas or is_same:
            return False
        if not self.has_increments and crc32(data[:length]) == checksum and len(data) >= length:
            self._sums[kind] = len(data), crc32(data)
            return False
        self.has_increments = True
        self._sums[kind] = length + len(data), crc32(data, checksum)
        return True

    def unseen(self, values: list[Any]) -> list[Any]:
        """Return those of *values* that haven't arrived: some gateways repeat them in every chunk."""
        new = []
        for value in values:
            key = hash(json.dumps(value, sort_keys=True))
            if key not in self.seen:
                self.seen.add(key)
                new.append(value)
        return new

    @property
    def has_details(self) -> bool:
        """True if details of the reasoning have arrived."""
        item = self.reasoning()
        return item is not None and bool(item.attached("details"))

    def detail_repeater(self, detail: Payload, text: str) -> Callable[[str], bool] | None:
        """Return a function that attaches *detail* with another text; None if it doesn't repeat *text*."""
        item, name = self.reasoning(), "summary" if detail.get("type") == "reasoning.summary" else "text"
        if item is None or detail.get(name) != text:
            return None

        def attach(text: str) -> bool:
            item.attach("details", [{**detail, name: text}])
            return True

        return attach

    def reasoning(self) -> OpenReasoning | None:
        """Return the reasoning so far."""
        item = self.state.items.get(("reasoning", self.index))
        return item if isinstance(item, OpenReasoning) else None


def read_choice(choice: Payload, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    """Yield the deltas of one choice, of which *memory* knows the payloads before this one."""
    index = memory.index
    delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
    delta = _with_choice_fields(delta, choice)
    memory.is_last = bool(choice.get("finish_reason") or choice.get("finishReason"))
    if type(delta) is dict:
        if not memory.has_deltas:
            memory.has_deltas = any(v not in _EMPTY for k, v in delta.items() if k != "role")
        yield from _read_delta(delta, choice, memory, payload)
    elif type(delta) is str and delta:
        yield from _fresh(TextPiece(index, index, delta, payload), memory.text, memory)
    elif text := _number(text) or string(text):  # the older completions API
        yield from _fresh(TextPiece(index, index, text, payload), memory.text, memory)
    if type(message) is dict:
        yield from _read_message(message, choice, memory, payload)


def _with_choice_fields(delta: Any, choice: Payload) -> Any:
    """Return *delta* with the fields that it lacks and the choice has; the choice, if it is the delta."""
    if delta is None and "message" not in choice and not DELTA_FIELDS.isdisjoint(choice):
        return choice
    if type(delta) is not dict:
        return delta
    fields = {name: choice[name] for name in CHOICE_FIELDS if choice.get(name) not in _EMPTY}
    return {**fields, **{k: v for k, v in delta.items() if v not in _EMPTY}} if fields else delta


def _read_delta(delta: Payload, choice: Payload, memory: OpenChoice, payload: Payload) -> Iterator[Delta]:
    """Yield the pieces in a `delta` of any dialect."""
    index = memory.index
    if delta.get("role") in OTHER_ROLES:
        yield Leftover(payload, news=True)
        return
    content = _content(delta.get("content"))
    yield from _read_reasoning(delta, content, memory, payload)
    if content.text:
        logprobs = tokens(choice.get("logprobs"), "content")
        piece = TextPiece(index, index, content.text, payload, logprobs)
        yield from _fresh(piece, memory.text, memory)
    refusal = delta.get("refusal") or content.refusal
    if type(refusal) is str and refusal:
        yield RefusalPiece(index, index, refusal, payload)
    yield from _read_attachments(delta, content.others, memory, payload)
    calls = content.calls
    if delta.get("type") in _CALL_PARTS:  # Snowflake: the delta itself is a call
        calls = [{name: delta[name] for name in _CALL_FIELDS if name in delta}, *calls]
    yield from _read_calls(delta, calls, memory, payload)


def _fresh(piece: TextPiece | ReasoningPiece, before: CumulativeText, memory: OpenChoice) -> Iterator[Delta]:
    """Yield the part of *piece* that is new; before it, the correction of a text that turns out to repeat."""
    if memory.is_last and before.is_plain and _is_told_again(piece, memory):
        return
    text, was_known = piece.text, before.is_cumulative
    repeated = before.repeated(text)
    if repeated is None:
        yield Restated(piece, withdraws=True)
        yield Leftover(piece.raw, news=True)  # carries the payload
        return
    if repeated and not was_known:
        yield Restated(replace(piece, text=text[:repeated]), withdraws=True)
    if repeated < len(text):
        yield replace(piece, text=text[repeated:]) if repeated else piece


def _is_told_again(piece: TextPiece | ReasoningPiece, memory: OpenChoice) -> bool:
    """Return True if *piece*, next to a finish, is all of the text before it (Cohere behind a gateway)."""
    item = memory.state.items.get(piece.key)
    if not isinstance(item, OpenMessage | OpenReasoning) or item.is_done or len(piece.text) < _ENOUGH:
        return False
    whole = encodable_text(piece.text)
    return item.text.last_length == len(whole) and str(item.text) == whole


def _content(value: Any) -> _Content:
    """Read `content`: a string, a number, null, a part, or a list of parts."""
    content = _Content()
    for part in value if type(value) is list else (value,):
        if type(part) is dict:
            _read_part(part, content)
        elif type(part) is str:
            content.text += part
        else:
            content.text += _number(part)
    return content


def _read_part(part: Payload, content: _Content) -> None:
    kind, summary = part.get("type"), part.get("summary")
    if kind in ("thinking", "reasoning"):  # Mistral: {type: thinking, thinking: [{text}]}
        own = part.get("thinking") or part.get("text") or part.get("reasoning") or part.get("content")
        content.thinking += _plain(own)
        if type(summary) is list:
            content.summaries += [_plain(each) for each in summary]
        else:
            content.summaries += [summary] if type(summary) is str else []
        content.encrypted = string(part.get("encrypted_content")) or content.encrypted
    elif kind == "refusal":
        content.refusal += _plain(part.get("refusal"))
    elif kind in ("text", "output_text", None) and "text" in part:
        content.text += _plain(part.get("text"))
    elif kind in _CALL_PARTS:
        content.calls.append(part)
    elif part:
        content.others.append(part)


def _number(value: Any) -> str:
    """Return the text of a token such as 42 or true that a gateway decoded as JSON; "" for other values."""
    return json.dumps(value) if type(value) in (int, float, bool) else ""


def _plain(value: Any, depth: int = 8) -> str:
    """Return the text in a string, in {text | content | summary | thinking}, or in a list of these.

    A number is text, too. *depth*: of the lists and objects that are read.
    """
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return _number(value)
    if type(value) is list and depth:
        return "".join(_plain(part, depth - 1) for part in value)
    if type(value) is dict and depth:
        names = ("text", "content", "summary", "thinking")
        return _plain(next((value[name] for name in names if value.get(name) not in _EMPTY), None), depth - 1)
    return ""


def _read_reasoning(
    source: Payload, content: _Content, memory: OpenChoice, payload: Payload, *, whole: bool = False
) -> Iterator[Delta]:
    """Yield one piece of reasoning, however many spellings of it the source contains, and its details.

    *whole*: the source is a message, so that its details repeat those of the deltas.
    """
    index, key = memory.index, ("reasoning", memory.index)
    details, blocks = _list(source.get("reasoning_details")), _list(source.get("thinking_blocks"))
    texts = ((name, _plain(source.get(name))) for name in REASONING_FIELDS)
    name, text = next(((name, text) for name, text in texts if text), ("", ""))
    if text and not memory.reasoning_field:
        memory.reasoning_field = name
        yield Attached(key, index, "field_name", name, payload, "reasoning")
    text = text or content.thinking or _plain(source.get("thinking"))
    of_details = "" if text else _plain([d for d in details if d.get("type") in _WITH_TEXT])
    for entries in (details, blocks):
        if entries and not (whole and not memory.has_increments and memory.has_details):
            yield Attached(key, index, "details", entries, payload, "reasoning")
    if text or of_details:
        summary = any(d.get("type") == "reasoning.summary" for d in details)
        if not _is_repeat(text, of_details, memory):
            piece = ReasoningPiece(key, index, text or of_details, payload, "summary" if summary else "text")
            yield from _fresh(piece, memory.thought, memory) if text and not whole else (piece,)
            memory.thinking += characters(of_details)
            memory.has_other_reasoning = memory.has_other_reasoning or text != ""
    elif any(content.summaries):
        memory.has_other_reasoning = True
        for part, text in enumerate(content.summaries):
            yield ReasoningPiece(key, index, text, payload, "summary", part)
    elif text := _block_text(blocks, memory):
        yield ReasoningPiece(key, index, text, payload)
    for slot, signature in memory.calls.learn_signatures(details):
        yield Attached(slot.key, index, "signature", signature, payload, "function_call")
    encrypted = source.get("reasoning_encrypted") or source.get("reasoning_opaque") or content.encrypted
    if type(encrypted) is str and encrypted:  # OpenAI-style behind gateways, Copilot
        yield Attached(key, index, "encrypted", encrypted, payload, "reasoning")


def _list(value: Any) -> list[Payload]:
    """Return the objects in a list, or a lone one as a list."""
    return [each for each in (value if type(value) is list else [value]) if type(each) is dict and each]


def _is_repeat(text: str, of_details: str, memory: OpenChoice) -> bool:
    """Return True if a field (*text*) repeats all reasoning that came in details, or the other way round."""
    item = memory.reasoning()
    if item is None or memory.has_other_reasoning == bool(text):
        return False
    whole = encodable_text(text or of_details)
    return len(item.text) == len(whole) and str(item.text) == whole


def _block_text(blocks: list[Payload], memory: OpenChoice) -> str:
    """Return the new text in LiteLLM's `thinking_blocks`; "" if another field carries the reasoning.

    A block that arrives with its signature may repeat the text of its pieces.
    """
    item = memory.reasoning()
    fresh = ""
    if memory.has_other_reasoning:
        return fresh
    for block in blocks:
        text, is_signed = _plain(block.get("thinking")), bool(block.get("signature"))
        is_repeat = is_signed and text and characters(text) == memory.block
        if not (is_repeat and f"{item.text if item else ''}{fresh}".endswith(encodable_text(text))):
            fresh += text
            memory.block += characters(text)
        if is_signed:
            memory.block = 0
    memory.thinking += characters(fresh)
    return fresh


def _read_attachments(
    source: Payload, parts: list[Payload], memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield annotations, images, audio, and content parts of other kinds."""
    key = index = memory.index
    if annotations := memory.unseen(_list(source.get("annotations"))):
        yield Attached(key, index, "annotations", annotations, payload)
    images = source.get("images")
    for part in [*memory.unseen(images if type(images) is list else []), *parts]:
        url = _image_url(part)
        if url:
            yield Attached(key, index, "part", OutputImage(url), payload)
        elif type(part) is dict:
            yield Attached(key, index, "part", UnknownPart(part), payload)
    audio = source.get("audio")
    if type(audio) is dict and audio:
        yield Attached(key, index, "audio", audio, payload)


def _image_url(part: Any) -> str | None:
    """Return the URL of an image part. OpenRouter sends {type: image_url, image_url: {url}}."""
    image = part.get("image_url") if type(part) is dict else part
    return string(image.get("url") if type(image) is dict else image)


def _calls_in(source: Payload, parts: list[Payload], memory: OpenChoice) -> list[CallEntry]:
    """Return the calls of a delta or message; what can't be read as one becomes a warning."""
    unread: list[Any] = []
    entries = list_calls(source, parts, unread, memory.argument_names)
    memory.state.warnings += [f"unread_call: {value!r:.120} isn't a tool call" for value in unread]
    return entries


def _read_calls(
    source: Payload, parts: list[Payload], memory: OpenChoice, payload: Payload
) -> Iterator[Delta]:
    """Yield a piece for each entry of `tool_calls`."""
    for entry in _calls_in(source, parts, memory):
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
    content = _content(message.get("content"))
    for delta in _read_reasoning(message, content, memory, payload, whole=True):
        if isinstance(delta, ReasoningPiece):
            delta = _restated(delta, f"reasoning {delta.part}", memory)
        yield delta
    if content.text:
        logprobs = tokens(choice.get("logprobs"), "content")
        yield _restated(TextPiece(index, index, content.text, payload, logprobs), "text", memory)
    refusal = message.get("refusal") or content.refusal
    if type(refusal) is str and refusal:
        yield _restated(RefusalPiece(index, index, refusal, payload), "refusal", memory)
    yield from _read_attachments(message, content.others, memory, payload)
    listed = [part for part in _list(message.get("content_list")) if part.get("type") in _CALL_PARTS]
    entries = _calls_in(message, [*content.calls, *listed], memory)  # Snowflake lists them once more
    if not memory.has_deltas:
        for position, entry in enumerate(entries):
            yield from _read_whole_or_increment(position, entry, memory, payload)
        return
    for slot, entry in zip(memory.calls.restated_by(entries), entries, strict=True):
        text = argument_text(entry.arguments)
        if memory.calls.is_repeat(slot, text):
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


def tokens(logprobs: Any, of: str) -> Any:
    """Return the token entries of `choice.logprobs`; in the older form, the object of parallel lists."""
    if type(logprobs) is dict:
        return logprobs.get(of) if "content" in logprobs or "refusal" in logprobs else logprobs
    return logprobs


def string(value: Any) -> str | None:
    """Return *value* if it is a string with characters, else None."""
    return value if type(value) is str and value else None

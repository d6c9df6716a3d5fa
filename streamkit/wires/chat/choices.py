"""One choice of a chat payload -> deltas: from its `delta`, and from a `message` or `text` next to it.

A `delta` contains pieces, a `message` restates the whole. Both are read by the same few functions, in the
order reasoning, text or refusal, attachments, tool calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...items import OutputImage, UnknownPart
from ...state.deltas import (
    Attached,
    CallPiece,
    Delta,
    Payload,
    ReasoningPiece,
    RefusalPiece,
    Restated,
    TextPiece,
)
from .call_slots import CallSlots, argument_text, list_calls


def read_choice(choice: Payload, index: int, slots: CallSlots, payload: Payload) -> Iterator[Delta]:
    """Yield the deltas of one choice; *slots* are its calls so far."""
    delta, message, text = choice.get("delta"), choice.get("message"), choice.get("text")
    if type(delta) is dict:
        yield from _read_delta(delta, choice, index, slots, payload)
    elif type(delta) is str and delta:
        yield TextPiece(index, index, delta, payload)
    elif type(text) is str and text:  # the older completions API
        yield TextPiece(index, index, text, payload)
    if type(message) is dict:
        yield from _read_message(message, choice, index, slots, payload)


def _read_delta(
    delta: Payload, choice: Payload, index: int, slots: CallSlots, payload: Payload
) -> Iterator[Delta]:
    """Yield the pieces in a `delta` of any dialect."""
    texts, others = _content(delta.get("content"))
    yield from _read_reasoning(delta, texts["thinking"], index, slots, payload)
    if texts["text"]:
        logprobs = tokens(choice.get("logprobs"), "content")
        yield TextPiece(index, index, texts["text"], payload, logprobs)
    refusal = delta.get("refusal") or texts["refusal"]
    if type(refusal) is str and refusal:
        yield RefusalPiece(index, index, refusal, payload)
    yield from _read_attachments(delta, others, index, payload)
    yield from _read_calls(delta, index, slots, payload)


def _content(content: Any) -> tuple[dict[str, str], list[Payload]]:
    """Return text, thinking and refusal in `content`, and its other parts.

    `content` is a string, null, a part, or a list of parts.
    """
    texts = {"text": "", "thinking": "", "refusal": ""}
    others: list[Payload] = []
    for part in content if type(content) is list else (content,):
        if type(part) is str:
            texts["text"] += part
        elif type(part) is dict:
            kind = part.get("type")
            if kind in ("thinking", "reasoning"):  # Mistral: {type: thinking, thinking: [{text}]}
                texts["thinking"] += _plain(part.get("thinking") or part.get("text") or part.get("reasoning"))
            elif kind == "refusal":
                texts["refusal"] += _plain(part.get("refusal"))
            elif kind in ("text", "output_text", None) and "text" in part:
                texts["text"] += _plain(part.get("text"))
            elif part:
                others.append(part)
    return texts, others


def _plain(value: Any, depth: int = 8) -> str:
    """Return the text in a string, in {text | content | summary}, or in a list of these, down to *depth*."""
    if type(value) is str:
        return value
    if type(value) is list and depth:
        return "".join(_plain(part, depth - 1) for part in value)
    if type(value) is dict and depth:
        return _plain(value.get("text") or value.get("content") or value.get("summary"), depth - 1)
    return ""


def _read_reasoning(
    source: Payload, thinking: str, index: int, slots: CallSlots, payload: Payload
) -> Iterator[Delta]:
    """Yield one piece of reasoning, however many spellings of it the delta contains, and its details."""
    details = source.get("reasoning_details")
    details = [d for d in details if type(d) is dict] if type(details) is list else []
    text = (
        _plain(source.get("reasoning_content"))
        or _plain(source.get("reasoning"))
        or thinking
        or _plain(source.get("thinking"))
        or _plain([d for d in details if d.get("type") in ("reasoning.text", "reasoning.summary")])
    )
    key = ("reasoning", index)
    if text:
        summary = any(d.get("type") == "reasoning.summary" for d in details)
        yield ReasoningPiece(key, index, text, payload, "summary" if summary else "text")
    if details:
        yield Attached(key, index, "details", details, payload, "reasoning")
        for slot, signature in slots.learn_signatures(details):
            yield Attached(slot.key, index, "signature", signature, payload, "function_call")
    encrypted = source.get("reasoning_encrypted") or source.get("reasoning_opaque")
    if type(encrypted) is str and encrypted:  # OpenAI-style behind gateways, Copilot
        yield Attached(key, index, "encrypted", encrypted, payload, "reasoning")


def _read_attachments(source: Payload, parts: list[Payload], index: int, payload: Payload) -> Iterator[Delta]:
    """Yield annotations, images, audio, and content parts of other kinds."""
    key = index
    annotations = source.get("annotations")
    if type(annotations) is list and annotations:
        yield Attached(key, index, "annotations", annotations, payload)
    images = source.get("images")
    for part in [*(images if type(images) is list else ()), *parts]:
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


def _read_calls(source: Payload, index: int, slots: CallSlots, payload: Payload) -> Iterator[Delta]:
    """Yield a piece for each entry of `tool_calls`."""
    for entry in list_calls(source):
        text = argument_text(entry.arguments)
        slot = slots.take(entry.place, entry.call_id, entry.name, text)
        if entry.kind == "function_call":
            text = slots.fresh_part(slot, text)
        yield CallPiece(slot.key, index, text, payload, slot.call_id, slot.name, entry.kind)
        if signature := slots.signature_for(slot):
            yield Attached(slot.key, index, "signature", signature, payload, entry.kind)
        if entry.extra:  # Gemini: extra_content with its signature
            yield Attached(slot.key, index, "extra", entry.extra, payload, entry.kind)


def _read_message(
    message: Payload, choice: Payload, index: int, slots: CallSlots, payload: Payload
) -> Iterator[Delta]:
    """Yield restatements from a `message`: next to deltas (Perplexity), or in a plain answer."""
    texts, others = _content(message.get("content"))
    for delta in _read_reasoning(message, texts["thinking"], index, slots, payload):
        yield Restated(delta) if isinstance(delta, ReasoningPiece) else delta
    if texts["text"]:
        logprobs = tokens(choice.get("logprobs"), "content")
        yield Restated(TextPiece(index, index, texts["text"], payload, logprobs))
    refusal = message.get("refusal") or texts["refusal"]
    if type(refusal) is str and refusal:
        yield Restated(RefusalPiece(index, index, refusal, payload))
    yield from _read_attachments(message, others, index, payload)
    for position, entry in enumerate(list_calls(message)):
        slot = slots.whole(position, entry.call_id, entry.name)
        text = argument_text(entry.arguments)
        call = CallPiece(slot.key, index, text, payload, slot.call_id, slot.name, entry.kind)
        yield Restated(call)
        if signature := slots.signature_for(slot):
            yield Attached(slot.key, index, "signature", signature, payload, entry.kind)
        if entry.extra:
            yield Attached(slot.key, index, "extra", entry.extra, payload, entry.kind)


def tokens(logprobs: Any, of: str) -> Any:
    """Return the token entries of `choice.logprobs`; in the older form, the object of parallel lists."""
    if type(logprobs) is dict:
        return logprobs.get(of) if "content" in logprobs or "refusal" in logprobs else logprobs
    return logprobs


def string(value: Any) -> str | None:
    """Return *value* if it is a string with characters, else None."""
    return value if type(value) is str and value else None

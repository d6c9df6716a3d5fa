"""Reasoning in a delta or a message -> one piece of it, however many fields repeat it, and its details.

    takes    a `delta` or a `message`, and its content
    yields   ReasoningPiece; Attached for details, signatures, encrypted reasoning and the field's name

The text is in one of `items.REASONING_FIELDS`, in `thinking`, or in the parts, details or blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ...items import REASONING_FIELDS
from ...state.deltas import Attached, Delta, Payload, ReasoningPiece
from ...surrogates import characters, encodable_text
from ..fields import string
from .content_parts import Content, objects_of, plain_text
from .open_choice import OpenChoice

_FIELDS = frozenset((*REASONING_FIELDS, "thinking_blocks", "reasoning_details"))
# Types of reasoning details with text. Some gateways send none.
_WITH_TEXT = ("reasoning.text", "reasoning.summary", "thinking", "text", "summary", None)


def read_reasoning(
    source: Payload, content: Content, memory: OpenChoice, payload: Payload, *, whole: bool = False
) -> Iterator[Delta]:
    """Yield one piece of reasoning, however many spellings of it the source contains, and its details.

    *whole*: the source is a message, so that its details repeat those of the deltas.
    """
    index, key = memory.index, ("reasoning", memory.index)
    inner = source.get("provider_specific_fields")
    if type(inner) is dict and not any(map(source.get, _FIELDS)):  # LiteLLM, which mostly repeats them
        source = {**source, **{name: inner[name] for name in _FIELDS.intersection(inner)}}
    details, blocks = objects_of(source.get("reasoning_details")), objects_of(source.get("thinking_blocks"))
    texts = ((name, plain_text(source.get(name))) for name in REASONING_FIELDS)
    name, text = next(((name, text) for name, text in texts if text), ("", ""))
    if text and not memory.reasoning_field:
        memory.reasoning_field = name
        yield Attached(key, index, "field_name", name, payload, "reasoning")
    text = text or content.thinking or plain_text(source.get("thinking"))
    text = text or string(source.get("reasoning_details")) or ""
    for entries in (details, blocks):
        if entries and not (whole and not memory.has_increments and memory.has_details):
            yield Attached(key, index, "details", entries, payload, "reasoning")
    before = None if whole or any(content.summaries) else memory.thought if text else memory.detailed
    for piece, kind, part in _texts(text, details, blocks, content.summaries, memory):
        each = ReasoningPiece(key, index, piece, payload, kind, part)
        yield from (each,) if before is None else memory.fresh_part(each, before)
    if before is memory.detailed and any(block.get("signature") for block in blocks):
        memory.detailed.is_plain = True  # another block may follow
    for slot, signature in memory.calls.learn_signatures(details):
        yield Attached(slot.key, index, "signature", signature, payload, "function_call")
    encrypted = source.get("reasoning_encrypted") or source.get("reasoning_opaque") or content.encrypted
    if type(encrypted) is str and encrypted:  # OpenAI-style behind gateways, Copilot
        yield Attached(key, index, "encrypted", encrypted, payload, "reasoning")


def _texts(
    text: str, details: list[Payload], blocks: list[Payload], summaries: list[str], memory: OpenChoice
) -> Iterator[tuple[str, Literal["text", "summary"], int]]:
    """Yield each new text with its kind and part, from the first source that has one.

    The sources are *text*, that of a field; the texts in *details*; *summaries*; the texts in *blocks*.
    """
    of_details = "" if text else plain_text([d for d in details if d.get("type") in _WITH_TEXT])
    if text or of_details:
        is_summary = any(d.get("type") == "reasoning.summary" for d in details)
        if not _is_repeat(text, of_details, memory):
            yield text or of_details, "summary" if is_summary else "text", 0
            memory.detail_characters += characters(of_details)
            memory.has_other_reasoning = memory.has_other_reasoning or text != ""
    elif any(summaries):
        memory.has_other_reasoning = True
        for part, text in enumerate(summaries):
            yield text, "summary", part
    elif text := _block_text(blocks, memory):
        yield text, "text", 0


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
        text, is_signed = plain_text(block.get("thinking")), bool(block.get("signature"))
        is_repeat = is_signed and text and characters(text) == memory.block_characters
        if not (is_repeat and f"{item.text if item else ''}{fresh}".endswith(encodable_text(text))):
            fresh += text
            memory.block_characters += characters(text)
        if is_signed:
            memory.block_characters = 0
    memory.detail_characters += characters(fresh)
    return fresh

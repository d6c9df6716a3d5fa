"""Streamed pieces of structured values -> whole values: reasoning details, thinking blocks, audio."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ..items import OutputAudio
from ..surrogates import characters, encodable_text
from .cumulative import joined

# The field that grows, by the type of a reasoning detail; a detail without a type has one of the others.
_TEXT_FIELD = {"reasoning.text": "text", "reasoning.summary": "summary", "thinking": "thinking"}
_BLOCKS = ("thinking", "redacted_thinking")  # of LiteLLM's `thinking_blocks`


def join_details(details: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return streamed `reasoning_details` (OpenRouter) and `thinking_blocks` (LiteLLM) as they go back.

    Neighbouring pieces of one text or summary (same type, index and id) are joined; their signature arrives
    last, in an entry of its own. An entry of any other kind stays unchanged. Both lists may arrive in turns.
    """
    blocks: list[dict[str, Any]] = []
    texts: list[list[str]] = []  # of each block
    last: dict[bool, int] = {}  # of thinking blocks, and of other details
    for detail in details:
        is_block = detail.get("type") in _BLOCKS
        field = _text_field(detail)
        text = detail.get(field) if field else None
        place = last.get(is_block)
        if field and place is not None and _continues(blocks[place], detail):
            blocks[place].update({k: v for k, v in detail.items() if v is not None and k != field})
        else:
            place = last[is_block] = len(blocks)
            blocks.append(dict(detail))
            texts.append([])
        if isinstance(text, str) and not (detail.get("signature") and _repeats(text, texts[place])):
            texts[place].append(text)
    for block, pieces in zip(blocks, texts, strict=True):
        if pieces:
            block[_text_field(block) or "text"] = joined(pieces)
    return blocks


def split_blocks(details: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Return the reasoning details, and the thinking blocks among them; each list is a field of its own."""
    others: list[Any] = []
    blocks: list[Any] = []
    for detail in details:
        is_block = isinstance(detail, Mapping) and detail.get("type") in _BLOCKS
        (blocks if is_block else others).append(detail)
    return others, blocks


def _text_field(detail: Mapping[str, Any]) -> str | None:
    kind = detail.get("type")
    if kind is None:
        return next((name for name in _TEXT_FIELD.values() if isinstance(detail.get(name), str)), None)
    return _TEXT_FIELD.get(kind) if isinstance(kind, str) else None


def _repeats(text: str, pieces: list[str]) -> bool:
    """Return True if *text*, which arrived with the signature, is all of the block's pieces once more."""
    if not text or characters(text) != sum(map(characters, pieces)):
        return False
    return encodable_text(text) == encodable_text("".join(pieces))


def _continues(block: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Return True if *detail* is a piece of *block*. A signature ends a block."""
    if block.get("type") != detail.get("type") or block.get("signature"):
        return False
    if "type" not in block and _text_field(block) != _text_field(detail):
        return False
    return all(
        block.get(name) == detail.get(name) or block.get(name) is None or detail.get(name) is None
        for name in ("index", "id")
    )


def join_audio(pieces: Iterable[Mapping[str, Any]]) -> OutputAudio:
    """Return the audio of a message from the pieces of `delta.audio`; each `data` is base64 by itself."""
    facts: dict[str, Any] = {}
    datas: list[str] = []
    transcript: list[str] = []
    for piece in pieces:
        facts.update({name: value for name, value in piece.items() if value is not None})
        if isinstance(piece.get("data"), str):
            datas.append(piece["data"])
        if isinstance(piece.get("transcript"), str):
            transcript.append(piece["transcript"])
    return OutputAudio(
        id=facts.get("id") if isinstance(facts.get("id"), str) else None,
        data=_join_base64(datas),
        transcript="".join(transcript),
        extra={name: fact for name, fact in facts.items() if name not in ("id", "data", "transcript")},
    )


def _join_base64(pieces: list[str]) -> str:
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):  # one base64 text, cut anywhere
        return "".join(pieces)

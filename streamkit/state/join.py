"""Streamed pieces of structured values -> whole values: OpenRouter's reasoning details, audio."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ..items import OutputAudio

# The field that grows, by the type of a reasoning detail.
_TEXT_FIELD = {"reasoning.text": "text", "reasoning.summary": "summary"}


def join_details(details: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return OpenRouter's streamed `reasoning_details` as the blocks that go back to it.

    Neighbouring pieces of one text or summary (same type, index and id) are joined; their signature arrives
    last, in an entry of its own. An entry of any other kind stays unchanged.
    """
    blocks: list[dict[str, Any]] = []
    texts: list[list[str]] = []  # of each block
    for detail in details:
        field = _TEXT_FIELD.get(str(detail.get("type")))
        text = detail.get(field) if field else None
        if field and blocks and _continues(blocks[-1], detail):
            blocks[-1].update({k: v for k, v in detail.items() if v is not None and k != field})
        else:
            blocks.append(dict(detail))
            texts.append([])
        if isinstance(text, str):
            texts[-1].append(text)
    for block, pieces in zip(blocks, texts, strict=True):
        if pieces:
            block[_TEXT_FIELD[block["type"]]] = "".join(pieces)
    return blocks


def _continues(block: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Return True if *detail* is a piece of *block*. A signature ends a block."""
    if block.get("type") != detail.get("type") or block.get("signature"):
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

"""Streamed pieces joined into whole objects: reasoning details, audio."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ..items import (
    OutputAudio,
)


def join_details(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """OpenRouter's streamed `reasoning_details` as the blocks that have to be sent back.

    Pieces of one text or summary (same type, index and id) come as one entry each and are joined;
    their signature comes last, on an entry of its own. Every other kind stays as it came.
    """
    joined: list[dict[str, Any]] = []
    pieces: list[list[str]] = []
    for detail in details:
        field = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(str(detail.get("type")))
        text = detail.get(field) if field else None
        if field and joined and _continues(joined[-1], detail):
            joined[-1].update({k: v for k, v in detail.items() if v is not None and k != field})
            pieces[-1].append(text if isinstance(text, str) else "")
        else:
            joined.append(dict(detail))
            pieces.append([text] if isinstance(text, str) else [])
    for detail, texts in zip(joined, pieces, strict=True):
        field = "summary" if detail.get("type") == "reasoning.summary" else "text"
        if texts:
            detail[field] = "".join(texts)
    return joined


def _continues(block: dict[str, Any], detail: dict[str, Any]) -> bool:
    if block.get("type") != detail.get("type") or block.get("signature"):
        return False
    return all(
        block.get(k) == detail.get(k) or block.get(k) is None or detail.get(k) is None
        for k in ("index", "id")
    )


def join_audio(pieces: list[dict[str, Any]]) -> OutputAudio:
    """The pieces of `delta.audio`: each piece's data is base64 of its own."""
    known: dict[str, Any] = {}
    for piece in pieces:
        known.update({k: v for k, v in piece.items() if v is not None})
    datas = [p["data"] for p in pieces if isinstance(p.get("data"), str)]
    return OutputAudio(
        id=known.get("id") if isinstance(known.get("id"), str) else None,
        data=_join_base64(datas),
        transcript="".join(p["transcript"] for p in pieces if isinstance(p.get("transcript"), str)),
        extra={k: v for k, v in known.items() if k not in ("id", "data", "transcript")},
    )


def _join_base64(pieces: list[str]) -> str:
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):  # cut across pieces: the text itself is what was cut
        return "".join(pieces)

"""Message parts -> content parts of Chat Completions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import UsageError
from ...items import (
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Refusal,
)
from ..call_pairs import Entry
from ..parts import named_data, text_of


def content_of(parts: Iterable[Part], entry: Entry) -> str | list[dict[str, Any]]:
    """A plain string for one plain text, which every gateway takes; else a list (RQ-07)."""
    listed = parts_of(parts, entry)
    if len(listed) == 1 and listed[0].keys() == {"type", "text"}:
        return str(listed[0]["text"])
    return listed


def parts_of(parts: Iterable[Part], entry: Entry) -> list[dict[str, Any]]:
    """The parts in the words of chat. Raises `UsageError` for one that it has no words for."""
    return [_part(part, f"{entry}, part {n}") for n, part in enumerate(parts)]


def _part(part: Part, where: str) -> dict[str, Any]:
    if isinstance(part, InputText):
        return {"type": "text", "text": part.text, **part.extra}
    if isinstance(part, OutputText | Refusal):
        return {"type": "text", "text": text_of(part)}
    if isinstance(part, InputImage):
        return _image(part, where)
    if isinstance(part, OutputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    if isinstance(part, InputAudio):
        return {
            "type": "input_audio",
            "input_audio": {"data": part.data, "format": part.format},
            **part.extra,
        }
    if isinstance(part, InputFile):
        return {"type": "file", "file": _file(part, where), **part.extra}
    if isinstance(part, OutputAudio):
        raise UsageError(f"{where}: chat takes the model's own audio back in assistant messages only")
    return dict(part.payload)


def _image(part: InputImage, where: str) -> dict[str, Any]:
    if not part.image_url:
        raise UsageError(f"{where}: chat takes an image as a URL or data URL, got file_id={part.file_id!r}")
    image = {"url": part.image_url} | ({"detail": part.detail} if part.detail else {})
    return {"type": "image_url", "image_url": image, **part.extra}


def _file(part: InputFile, where: str) -> dict[str, Any]:
    if part.file_id:
        return {"file_id": part.file_id}
    if part.file_data:
        return named_data(part)
    if not part.file_url:
        raise UsageError(f"{where}: a file needs file_data, file_url or file_id")
    # OpenRouter takes a URL where OpenAI takes a data URL (OQ-05).
    is_pdf = part.file_url.split("?")[0].lower().endswith(".pdf")
    name = part.filename or ("document.pdf" if is_pdf else "document")
    return {"filename": name, "file_data": part.file_url}

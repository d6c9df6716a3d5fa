"""Message parts -> content parts of the Responses API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import UsageError
from ...items import (
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    OutputImage,
    OutputText,
    Part,
    Refusal,
    UnknownPart,
)
from ..parts import named_data


def responses_parts(parts: Iterable[Part], where: str, *, role: str = "user") -> list[dict[str, Any]]:
    """The parts in the words of Responses; *role* decides between input and output text.

    Raises `UsageError` for one that the API has no words for.
    """
    return [_responses_part(part, role, f"{where}, part {n}") for n, part in enumerate(parts)]


def _responses_part(part: Part, role: str, where: str) -> dict[str, Any]:
    if isinstance(part, InputText | OutputText):
        if role != "assistant":
            return {"type": "input_text", "text": part.text, **part.extra}
        annotations = list(getattr(part, "annotations", ()))
        fields = {"annotations": annotations} if annotations else {}
        return {"type": "output_text", "text": part.text, **fields, **part.extra}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.refusal, **part.extra}
    if isinstance(part, UnknownPart):
        return dict(part.payload)
    if role == "assistant":
        raise UsageError(f"{where}: an assistant message on Responses holds text, got {part.type}")
    if isinstance(part, InputImage | OutputImage):
        return _responses_image(part, where)
    if isinstance(part, InputAudio):
        audio = {"data": part.data, "format": part.format}
        return {"type": "input_audio", "input_audio": audio, **part.extra}
    if isinstance(part, InputFile):
        return _responses_file(part, where)
    raise UsageError(f"{where}: Responses takes no {part.type}")


def _responses_image(part: InputImage | OutputImage, where: str) -> dict[str, Any]:
    fields = {name: getattr(part, name, None) for name in ("image_url", "file_id", "detail")}
    if not fields["image_url"] and not fields["file_id"]:
        raise UsageError(f"{where}: an image needs image_url or file_id")
    return {"type": "input_image", **{k: v for k, v in fields.items() if v}, **part.extra}


def _responses_file(part: InputFile, where: str) -> dict[str, Any]:
    if part.file_id:
        fields = {"file_id": part.file_id}
    elif part.file_url:
        fields = {"file_url": part.file_url}  # no filename beside it (PQ-05)
    elif part.file_data:
        fields = named_data(part)
    else:
        raise UsageError(f"{where}: a file needs file_data, file_url or file_id")
    return {"type": "input_file", **fields, **part.extra}

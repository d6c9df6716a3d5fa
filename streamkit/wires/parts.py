"""The parts of a message, in the words of either API.

Rule: what a caller put in and the API cannot carry is a `UsageError` that names the part, before
anything is sent; a picture that silently stays away makes nonsense of the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import UsageError
from ..items import (
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Refusal,
    UnknownPart,
)
from .pairing import Entry

# What a file is called where the caller gave no name: OpenAI wants one, whatever it is (OQ-06).
_NAMES = {
    "application/pdf": "document.pdf",
    "text/plain": "document.txt",
    "text/html": "document.html",
    "text/markdown": "document.md",
    "text/csv": "document.csv",
    "application/xml": "document.xml",
    "text/xml": "document.xml",
}


def content_of(parts: Iterable[Part], entry: Entry) -> str | list[dict[str, Any]]:
    """A plain string for one plain text, which every gateway takes; else a list (RQ-07)."""
    listed = parts_of(parts, entry)
    if len(listed) == 1 and listed[0].keys() == {"type", "text"}:
        return str(listed[0]["text"])
    return listed


def parts_of(parts: Iterable[Part], entry: Entry) -> list[dict[str, Any]]:
    """The parts in the words of chat. Raises `UsageError` for one that it has no words for."""
    return [_part(part, f"{entry}, part {n}") for n, part in enumerate(parts)]


def is_text(part: Part) -> bool:
    """Whether *part* is nothing but text."""
    return isinstance(part, InputText | OutputText | Refusal)


def says_nothing(parts: Iterable[Part]) -> bool:
    """Whether there is only white space in *parts* (RL-24)."""
    return all(is_text(part) and not _text(part).strip() for part in parts)


def _text(part: Part) -> str:
    return part.refusal if isinstance(part, Refusal) else getattr(part, "text", "")


def _part(part: Part, where: str) -> dict[str, Any]:
    if isinstance(part, InputText):
        return {"type": "text", "text": part.text, **part.extra}
    if isinstance(part, OutputText | Refusal):
        return {"type": "text", "text": _text(part)}
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
        return _named_data(part)
    if not part.file_url:
        raise UsageError(f"{where}: a file needs file_data, file_url or file_id")
    # OpenRouter takes a URL where OpenAI takes a data URL (OQ-05).
    is_pdf = part.file_url.split("?")[0].lower().endswith(".pdf")
    name = part.filename or ("document.pdf" if is_pdf else "document")
    return {"filename": name, "file_data": part.file_url}


def _named_data(part: InputFile) -> dict[str, Any]:
    """The data as a data URL, PDF where the caller did not say (OQ-06), and a name for it."""
    data = part.file_data or ""
    if not data.startswith("data:"):
        data = f"data:application/pdf;base64,{data}"
    media_type = data[len("data:") :].split(",")[0].split(";")[0]
    return {"filename": part.filename or _NAMES.get(media_type, "document"), "file_data": data}


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
        fields = _named_data(part)
    else:
        raise UsageError(f"{where}: a file needs file_data, file_url or file_id")
    return {"type": "input_file", **fields, **part.extra}

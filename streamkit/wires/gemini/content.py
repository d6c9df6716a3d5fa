"""Message parts -> parts of Gemini's contents. One writer for each kind of part, by the role.

Rules: an unsigned text without characters is left out, because it says nothing; a signed one stays, with its
signature. A part without data would be refused, so none is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ...errors import UsageError
from ...items import (
    InputAudio,
    InputFile,
    InputImage,
    InputText,
    Item,
    OutputAudio,
    OutputImage,
    OutputText,
    Part,
    Refusal,
    UnknownPart,
)
from ...media_types import by_name, is_text
from ..opaque import is_native
from ..parts import bare_audio, image_url, in_base64, no_file, text_of
from ..report import BuildReport
from .fields import SIGNATURE

Fields: TypeAlias = dict[str, Any]
# The keys that a part may have next to its data.
_KNOWN = frozenset((SIGNATURE, "videoMetadata", "mediaResolution", "partMetadata", "mediaProcessing"))
_FILES = "https://generativelanguage.googleapis.com/v1beta/"
# "Unsupported MIME type" for others; Vertex AI reads no other text than text/plain.
_READ = re.compile(r"(text|audio|video)/|image/(png|jpeg|webp|heic|heif)$|application/pdf$")
_VIDEOS = ("https://www.youtube.com", "https://youtube.com", "https://m.youtube.com", "https://youtu.be")


def known_keys(item: Item) -> frozenset[str] | None:
    """Return the keys that a part of *item* may have next to its data; None if it may have any."""
    return None if is_native(item) else _KNOWN


def gemini_parts(
    parts: Iterable[Part], place: str, report: BuildReport, *, keys: frozenset[str] | None = _KNOWN
) -> list[Fields]:
    """Return Gemini's parts for *parts*, which are at *place*; *keys* are `known_keys`.

    Raises `UsageError` for a part without data.
    """
    written = []
    for number, part in enumerate(parts):
        where = f"{place}[{number}]"
        fields = _WRITERS[part.type](part, where, report)
        if fields is not None:
            written.append({**fields, **_extra(part, where, report, keys)})
    return written


def _extra(part: Part, place: str, report: BuildReport, keys: frozenset[str] | None) -> Fields:
    """Return the fields in the part's `extra` that the API has; its media type is in its data."""
    extra = {name: value for name, value in getattr(part, "extra", {}).items() if name != "mimeType"}
    return report.keep_known(extra, keys, place, "gemini")


def _text(part: InputText | OutputText | Refusal, place: str, report: BuildReport) -> Fields | None:
    text = text_of(part)
    if getattr(part, "annotations", ()):
        report.leave_out(f"{place}: its annotations, which the gemini API doesn't accept back")
    return {"text": text} if text or SIGNATURE in part.extra else None


def _image(part: InputImage | OutputImage, place: str, report: BuildReport) -> Fields:
    if getattr(part, "detail", None):
        report.leave_out(f"{place}: its detail, which the gemini API doesn't have")
    if part.image_url:
        url = part.image_url if part.image_url.startswith("data:") else image_url(part.image_url, place)
        return _data_or_uri(url, "image/jpeg", place, report)
    if getattr(part, "file_id", None):
        return _uploaded(str(part.file_id), part.extra.get("mimeType"))  # type: ignore[union-attr]
    raise UsageError(f"{place}: expected image_url or file_id, got neither; pass one")


def _audio(part: InputAudio, place: str, report: BuildReport) -> Fields:
    data, kind = bare_audio(part.data, part.format)
    return {"inlineData": {"mimeType": part.extra.get("mimeType", f"audio/{kind}"), "data": data}}


def _speech(part: OutputAudio, place: str, report: BuildReport) -> Fields | None:
    if part.data:
        return {"inlineData": {"mimeType": part.extra.get("mimeType", "audio/wav"), "data": part.data}}
    return {"text": part.transcript} if part.transcript else None


def _file(part: InputFile, place: str, report: BuildReport) -> Fields:
    given = part.extra.get("mimeType") or by_name(part.filename or part.file_url)
    media_type = given or ("video/mp4" if _is_video(part.file_url) else "application/pdf")
    if part.file_data:
        data = part.file_data
        url = data if data.startswith("data:") else f"data:{media_type};base64,{data}"
        return _data_or_uri(url, media_type, place, report)
    if part.file_url:
        return _data_or_uri(part.file_url, media_type, place, report)
    if part.file_id:
        return _uploaded(part.file_id, given)
    raise no_file(place)


def _data_or_uri(url: str, media_type: str, place: str, report: BuildReport) -> Fields:
    """Return the data of a data URL, or the address of a file that the server reads."""
    if url.startswith("data:"):
        head, _, data = in_base64(url)[len("data:") :].partition(",")
        media_type = _accepted(head.removesuffix(";base64") or media_type, place, report)
        return {"inlineData": {"mimeType": media_type, "data": "".join(data.split())}}
    if url.startswith("http") and not (url.startswith(_FILES) or _is_video(url)):
        report.doubtful.append(
            f"{place}: the Gemini API may not read a file from another host; send its data"
        )
    return {"fileData": {"mimeType": by_name(url) or media_type, "fileUri": url}}


def _accepted(media_type: str, place: str, report: BuildReport) -> str:
    """Return the type under which the API reads a file of *media_type*; a doubt if it reads none."""
    kind = media_type.split(";")[0].strip().lower()
    if kind == "image/jpg":
        return "image/jpeg"
    if kind.startswith("application/") and is_text(kind):
        report.repaired.append(f"{place}: {kind}, which the API refuses, is sent as text/plain")
        return "text/plain"
    if not _READ.match(kind):
        report.doubtful.append(
            f"{place}: the API reads pictures, sounds, videos, PDF and text, and may refuse {kind}"
        )
    return media_type


def _is_video(url: str | None) -> bool:
    """Return True for the address of a video that the server reads itself."""
    return bool(url and url.startswith(_VIDEOS))


def _uploaded(file_id: str, media_type: str | None) -> Fields:
    """Return an uploaded file. The server knows its type, so none is made up."""
    uri = file_id if "://" in file_id else _FILES + file_id
    return {"fileData": {**({"mimeType": media_type} if media_type else {}), "fileUri": uri}}


def _unknown(part: UnknownPart, place: str, report: BuildReport) -> Fields:
    return dict(part.payload)


_WRITERS: Mapping[str, Callable[[Any, str, BuildReport], Fields | None]] = {
    InputText.type: _text,
    OutputText.type: _text,
    Refusal.type: _text,
    InputImage.type: _image,
    OutputImage.type: _image,
    InputAudio.type: _audio,
    OutputAudio.type: _speech,
    InputFile.type: _file,
    UnknownPart.type: _unknown,
}

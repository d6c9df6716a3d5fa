"""Make parts of a message from pictures, speech and documents.

    Message("user", [InputText("What is this?"), image("photo.png", detail="low")])

A source is a URL, a data URL, bytes, or the path of a file.

Rule: the media type is detected from the content, then from the name. If neither decides and the caller
doesn't pass it, that's a `UsageError`, never a guess.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TypeAlias

from ._checks import PATH, TEXT, Kind, check
from .errors import UsageError
from .items import InputAudio, InputFile, InputImage, InputText
from .media_types import BY_SUFFIX, detect

Source: TypeAlias = "str | bytes | os.PathLike[str]"

_SOURCE = Kind(
    "a URL, bytes or the path of a file",
    lambda value: isinstance(value, bytes) or PATH.fits(value),
    "pass bytes(source) for other buffers",
)


def image(source: Source, *, detail: str | None = None, media_type: str | None = None) -> InputImage:
    """Return a picture. *detail* is low, high or auto. Raises `UsageError` if its kind can't be detected."""
    check("media_type", media_type, TEXT)
    if _is_url(source):
        return InputImage(str(source), detail)
    return InputImage(_data_url(source, media_type, "an image"), detail)


def audio(source: Source, *, format: str | None = None) -> InputAudio:  # noqa: A002 - the name in the API
    """Return speech. *format* is wav, mp3, ... Raises `UsageError` for a URL, which no API accepts."""
    check("format", format, TEXT)
    if _is_url(source):
        raise UsageError("source: expected bytes or a path, got a URL; download the audio first")
    data, name = _read(source)
    media_type = _media_type(data, name, f"audio/{format}" if format else None, "audio")
    return InputAudio(base64.b64encode(data).decode(), media_type.partition("/")[2])


def file(source: Source, *, filename: str | None = None, media_type: str | None = None) -> InputFile:
    """Return a document. The model sees *filename*, else the file's own name."""
    check("media_type", media_type, TEXT)
    check("filename", filename, TEXT)
    if _is_url(source):
        text = str(source)
        return (
            InputFile(filename, file_data=text)
            if text.startswith("data:")
            else InputFile(filename, file_url=text)
        )
    data_url = _data_url(source, media_type, "a document")
    own = None if isinstance(source, bytes) else Path(source).name
    return InputFile(filename or own, file_data=data_url)


_STRING = Kind("a string", lambda value: isinstance(value, str), "pass str(...)")


def document(text: str, *, id: str, **metadata: str) -> InputText:  # noqa: A002 - the usual name
    """Return a text to answer from, as a part of a user message that is marked off from the question."""
    for name, value in {"text": text, "id": id, **metadata}.items():
        check(name, value, _STRING)
    about = " ".join(f'{key}: "{value}"' for key, value in sorted(metadata.items()))
    note = f"<metadata {about} />\n" if about else ""
    return InputText(f"<file id: {id}>\n{note}{text}\n</file>\n")


def as_part(data: bytes) -> InputImage | InputFile | None:
    """Return bytes as a picture or a document if their beginning says which one; None for other bytes."""
    media_type = detect(data)
    if media_type is None or media_type.startswith("audio/"):
        return None
    return image(data) if media_type.startswith("image/") else file(data)


def _is_url(source: Source) -> bool:
    return isinstance(source, str) and source.startswith(("https://", "http://", "data:", "gs://"))


def _read(source: Source) -> tuple[bytes, str]:
    """Return the bytes and the name."""
    check("source", source, _SOURCE)
    if isinstance(source, bytes):
        return source, ""
    path = Path(source)
    try:
        return path.read_bytes(), path.name
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from exc


def _data_url(source: Source, media_type: str | None, what: str) -> str:
    data, name = _read(source)
    return f"data:{_media_type(data, name, media_type, what)};base64,{base64.b64encode(data).decode()}"


def _media_type(data: bytes, name: str, given: str | None, what: str) -> str:
    if not data:
        raise UsageError(f"source: expected {what}, got no bytes{f' in {name}' if name else ''}")
    if given:
        return given
    detected = detect(data)
    if detected is not None:
        return detected
    try:
        return BY_SUFFIX[Path(name).suffix.lower()]
    except KeyError:
        raise UsageError(
            f"can't detect the media type of {name or 'these bytes'}; pass media_type= (format= for audio)"
        ) from None

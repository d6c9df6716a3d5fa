"""Pictures, speech and documents of your own -> parts of a message.

    Message("user", [InputText("What is this?"), image("photo.png", detail="low")])

A source is a URL, a data URL, bytes, or the path of a file. Rule: the media type is read off the content,
then off the name; what is neither said nor seen is a `UsageError`, never a guess.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TypeAlias

from .errors import UsageError
from .items import InputAudio, InputFile, InputImage, InputText

Source: TypeAlias = "str | bytes | os.PathLike[str]"

# How a file of the kind begins (the second string stands at offset 8), and its media type.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF8", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
    (b"RIFF", b"WAVE", "audio/wav"),
    (b"ID3", b"", "audio/mp3"),
    (b"\xff\xfb", b"", "audio/mp3"),
    (b"fLaC", b"", "audio/flac"),
    (b"OggS", b"", "audio/ogg"),
    (b"%PDF-", b"", "application/pdf"),
)
_SUFFIXES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".mp3": "audio/mp3",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".m4a": "audio/m4a",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".json": "application/json",
}


def image(source: Source, *, detail: str | None = None, media_type: str | None = None) -> InputImage:
    """A picture. *detail* is low, high or auto. Raises `UsageError` where its kind cannot be told."""
    if _is_url(source):
        return InputImage(str(source), detail)
    return InputImage(_data_url(source, media_type, "an image"), detail)


def audio(source: Source, *, format: str | None = None) -> InputAudio:  # noqa: A002 - the API's own word
    """Speech; *format* is wav, mp3, ... Raises `UsageError` for a URL, which no API takes."""
    if _is_url(source):
        raise UsageError("audio is sent as data; download it, and pass the bytes or the path")
    data, name = _read(source)
    media_type = _media_type(data, name, f"audio/{format}" if format else None, "audio")
    return InputAudio(base64.b64encode(data).decode(), media_type.partition("/")[2])


def file(source: Source, *, filename: str | None = None, media_type: str | None = None) -> InputFile:
    """A document. The name that the model sees is *filename*, else the file's own."""
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


def document(text: str, *, id: str, **metadata: str) -> InputText:  # noqa: A002 - what it is called
    """A text to answer from, marked off from the question, as part of a user message (RQ-04)."""
    about = " ".join(f'{key}: "{value}"' for key, value in sorted(metadata.items()))
    note = f"<metadata {about} />\n" if about else ""
    return InputText(f"<file id: {id}>\n{note}{text}\n</file>\n")


def _is_url(source: Source) -> bool:
    return isinstance(source, str) and source.startswith(("https://", "http://", "data:", "gs://"))


def _read(source: Source) -> tuple[bytes, str]:
    """The bytes and the name."""
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


def _media_type(data: bytes, name: str, said: str | None, what: str) -> str:
    if not data:
        raise UsageError(f"{name or 'the source'} is empty: {what} was expected")
    if said:
        return said
    for start, at_eight, media_type in _SIGNATURES:
        if data.startswith(start) and data[8:].startswith(at_eight):
            return media_type
    try:
        return _SUFFIXES[Path(name).suffix.lower()]
    except KeyError:
        raise UsageError(f"cannot tell what kind of {what} {name or 'these bytes'} holds; say it") from None

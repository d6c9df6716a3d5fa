"""Message parts -> content parts of Chat Completions. One writer for each kind of part, in `_WRITERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

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
    UnknownPart,
)
from ..parts import image_url, named_data, no_file, text_of

_Fields: TypeAlias = dict[str, Any]


def content_of(parts: Iterable[Part], place: str) -> str | list[_Fields]:
    """Return a string if *parts* are one plain text, because some gateways accept only that; else a list."""
    listed = parts_of(parts, place)
    if len(listed) == 1 and listed[0].keys() == {"type", "text"}:
        return str(listed[0]["text"])
    return listed


def join_contents(contents: Iterable[str | list[_Fields]]) -> str | list[_Fields]:
    """Return one content for several: strings with blank lines between, or a list of all parts."""
    listed = list(contents)
    if all(isinstance(content, str) for content in listed):
        return "\n\n".join(map(str, listed))
    texts = ([{"type": "text", "text": each}] if isinstance(each, str) else each for each in listed)
    return [part for parts in texts for part in parts]


def parts_of(parts: Iterable[Part], place: str) -> list[_Fields]:
    """Return the content parts for *parts*, which are at *place*, such as `input[0].content`.

    Raises `UsageError` for a part that Chat Completions can't express.
    """
    return [_WRITERS[part.type](part, f"{place}[{n}]") for n, part in enumerate(parts)]


def _input_text(part: InputText, place: str) -> _Fields:
    return {"type": "text", "text": part.text, **part.extra}


def _output_text(part: OutputText | Refusal, place: str) -> _Fields:
    return {"type": "text", "text": text_of(part), **part.extra}


def _input_image(part: InputImage, place: str) -> _Fields:
    if not part.image_url:
        got = "file_id" if part.file_id else "neither"
        raise UsageError(f"{place}: expected image_url, got {got}; the chat API needs a URL or data URL")
    image = {"url": image_url(part.image_url, place)} | ({"detail": part.detail} if part.detail else {})
    return {"type": "image_url", "image_url": image, **part.extra}


def _output_image(part: OutputImage, place: str) -> _Fields:
    return {"type": "image_url", "image_url": {"url": part.image_url}}


def _input_audio(part: InputAudio, place: str) -> _Fields:
    audio = {"data": part.data, "format": part.format}
    return {"type": "input_audio", "input_audio": audio, **part.extra}


def _output_audio(part: OutputAudio, place: str) -> _Fields:
    raise UsageError(f"{place}: expected a part for the model, got output_audio; pass it as InputAudio")


def _file(part: InputFile, place: str) -> _Fields:
    if part.file_id:
        file = {"file_id": part.file_id}
    elif part.file_data:
        file = named_data(part)
    elif part.file_url:
        # OpenRouter accepts a URL in the field that is for a data URL.
        is_pdf = part.file_url.split("?")[0].lower().endswith(".pdf")
        name = part.filename or ("document.pdf" if is_pdf else "document")
        file = {"filename": name, "file_data": part.file_url}
    else:
        raise no_file(place)
    return {"type": "file", "file": file, **part.extra}


def _unknown(part: UnknownPart, place: str) -> _Fields:
    return dict(part.payload)


_WRITERS: Mapping[str, Callable[[Any, str], _Fields]] = {
    InputText.type: _input_text,
    OutputText.type: _output_text,
    Refusal.type: _output_text,
    InputImage.type: _input_image,
    OutputImage.type: _output_image,
    InputAudio.type: _input_audio,
    OutputAudio.type: _output_audio,
    InputFile.type: _file,
    UnknownPart.type: _unknown,
}

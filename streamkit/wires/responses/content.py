"""Message parts -> content parts of the Responses API. One writer for each kind of part, by the role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

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
from ..parts import bare_audio, image_url, named_data, no_file

_Fields: TypeAlias = dict[str, Any]
_CITATION = {"url", "title", "start_index", "end_index"}


def responses_parts(parts: Iterable[Part], place: str, *, role: str = "user") -> list[_Fields]:
    """Return the content parts for *parts*, which are at *place*; the assistant's texts are output texts.

    Raises `UsageError` for a part that the API doesn't accept from *role*.
    """
    writers = _BY_ASSISTANT if role == "assistant" else _BY_OTHERS
    return [writers.get(part.type, _refuse)(part, f"{place}[{n}]") for n, part in enumerate(parts)]


def flat_annotation(annotation: Any) -> Any:
    """Return *annotation* in this API's form, or None if it has no such form.

    Chat Completions has the fields in an object of their own, `{"type": kind, kind: {...}}`. Of those kinds,
    this API knows URL citations, and requires all their fields.
    """
    kind = annotation.get("type") if isinstance(annotation, Mapping) else None
    nested = annotation.get(kind) if isinstance(kind, str) else None
    if not isinstance(nested, Mapping):
        return annotation
    if kind != "url_citation" or not nested.keys() >= _CITATION:
        return None
    return {"type": kind, **{name: value for name, value in nested.items() if name in _CITATION}}


def _input_text(part: InputText | OutputText, place: str) -> _Fields:
    return {"type": "input_text", "text": part.text, **part.extra}


def _output_text(part: InputText | OutputText, place: str) -> _Fields:
    annotations = [flat for each in getattr(part, "annotations", ()) if (flat := flat_annotation(each))]
    fields = {"annotations": annotations} if annotations else {}
    return {"type": "output_text", "text": part.text, **fields, **part.extra}


def _refusal(part: Refusal, place: str) -> _Fields:
    return {"type": "refusal", "refusal": part.refusal, **part.extra}


def _image(part: InputImage | OutputImage, place: str) -> _Fields:
    fields = {name: getattr(part, name, None) for name in ("image_url", "file_id", "detail")}
    if not fields["image_url"] and not fields["file_id"]:
        raise UsageError(f"{place}: expected image_url or file_id, got neither; pass one")
    if fields["image_url"]:
        fields["image_url"] = image_url(fields["image_url"], place)
    return {"type": "input_image", **{name: value for name, value in fields.items() if value}, **part.extra}


def _audio(part: InputAudio, place: str) -> _Fields:
    data, kind = bare_audio(part.data, part.format)
    audio = {"data": data, "format": kind}
    return {"type": "input_audio", "input_audio": audio, **part.extra}


def _file(part: InputFile, place: str) -> _Fields:
    if part.file_id:
        fields = {"file_id": part.file_id}
    elif part.file_url:
        fields = {"file_url": part.file_url}  # the API refuses a filename next to it
    elif part.file_data:
        fields = named_data(part)
    else:
        raise no_file(place)
    return {"type": "input_file", **fields, **part.extra}


def _unknown(part: UnknownPart, place: str) -> _Fields:
    return dict(part.payload)


def _refuse(part: Part, place: str) -> _Fields:
    raise UsageError(f"{place}: expected a part that the responses API accepts here, got {part.type}")


_Writers: TypeAlias = Mapping[str, Callable[[Any, str], _Fields]]
_BY_ASSISTANT: _Writers = {
    InputText.type: _output_text,
    OutputText.type: _output_text,
    Refusal.type: _refusal,
    UnknownPart.type: _unknown,
}
_BY_OTHERS: _Writers = {
    InputText.type: _input_text,
    OutputText.type: _input_text,
    Refusal.type: _refusal,
    UnknownPart.type: _unknown,
    InputImage.type: _image,
    OutputImage.type: _image,
    InputAudio.type: _audio,
    InputFile.type: _file,
}

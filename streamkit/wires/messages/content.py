"""Message parts -> content blocks of the Messages API. One writer for each kind of part, by the role.

Rules: text blocks that are empty or blank are left out, because the API refuses them. Keys that the API
doesn't have are left out of a block, and the report names them.
"""

from __future__ import annotations

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
from ..parts import decoded, image_url, no_file, standard, text_of
from ..report import BuildReport

Block: TypeAlias = dict[str, Any]
ANSWER_TOOL = "json_answer"  # the tool of a structured answer; its input is the text
# The keys that blocks may have next to those that are written here.
_KNOWN = frozenset(("cache_control", "citations", "context", "title"))
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def known_keys(item: Item) -> frozenset[str] | None:
    """Return the keys that a block of *item* may have next to its content; None if it may have any."""
    return None if is_native(item) else _KNOWN


def user_blocks(
    parts: Iterable[Part], place: str, report: BuildReport, *, keys: frozenset[str] | None = _KNOWN
) -> list[Block]:
    """Return the blocks of a user's message, or of a tool's output, for *parts*, which are at *place*.

    *keys* are `known_keys`. Raises `UsageError` for a part that the API doesn't accept.
    """
    return _blocks(parts, place, report, _BY_USER, keys)


def assistant_blocks(
    parts: Iterable[Part], place: str, report: BuildReport, *, keys: frozenset[str] | None = _KNOWN
) -> list[Block]:
    """Return the blocks of an answer of the model. Its pictures and sounds can't go back: reported."""
    return _blocks(parts, place, report, _BY_ASSISTANT, keys)


_Writer: TypeAlias = Callable[[Any, str, BuildReport], "Block | None"]


def _blocks(
    parts: Iterable[Part],
    place: str,
    report: BuildReport,
    writers: Mapping[str, _Writer],
    keys: frozenset[str] | None,
) -> list[Block]:
    blocks = []
    for number, part in enumerate(parts):
        where = f"{place}[{number}]"
        block = writers.get(part.type, _refuse)(part, where, report)
        if block is not None:
            extra = report.keep_known(getattr(part, "extra", {}), keys, where, "messages")
            blocks.append({**block, **extra})
    return blocks


def _text(part: InputText | OutputText | Refusal, place: str, report: BuildReport) -> Block | None:
    text = text_of(part)
    return {"type": "text", "text": text} if text.strip() else None


def _output_text(part: OutputText, place: str, report: BuildReport) -> Block | None:
    block = _text(part, place, report)
    if block is None:
        return None
    citations = [each for each in part.annotations if _is_citation(each)]
    if len(citations) < len(part.annotations):
        report.leave_out(f"{place}: its annotations, which aren't citations of the messages API")
    return {**block, "citations": citations} if citations else block


def _is_citation(annotation: Any) -> bool:
    return isinstance(annotation, Mapping) and str(annotation.get("type")).endswith("_location")


def _image(part: InputImage | OutputImage, place: str, report: BuildReport) -> Block:
    if getattr(part, "detail", None):
        report.leave_out(f"{place}: its detail, which the messages API doesn't have")
    file_id = getattr(part, "file_id", None)
    if part.image_url:
        source = _source(image_url(part.image_url, place))
        if source.get("media_type", "image/png") not in _PICTURES:
            _doubt(source["media_type"], "JPEG, PNG, GIF and WebP", place, report)
        if source.get("url", "").startswith("http://"):
            _doubt("http", "addresses with https", place, report)
    elif file_id:
        source = {"type": "file", "file_id": file_id}
    else:
        raise UsageError(f"{place}: expected image_url or file_id, got neither; pass one")
    return {"type": "image", "source": source}


def _file(part: InputFile, place: str, report: BuildReport) -> Block:
    title = {"title": part.filename} if part.filename else {}
    kind = by_name(part.filename or part.file_url) or "application/pdf"
    if part.file_data:
        data = part.file_data
        data = data if data.startswith("data:") else f"data:{kind};base64,{data}"
        source = _source(data)
        kind = source["media_type"] or kind
        if is_text(kind):
            text = decoded(data, place).decode("utf-8", errors="replace")
            source = {"type": "text", "media_type": "text/plain", "data": text}
        elif kind != "application/pdf" and not kind.startswith("image/"):
            _doubt(kind, "PDF and text", place, report)
    elif part.file_url:
        source = {"type": "url", "url": part.file_url}
        if kind != "application/pdf" and not kind.startswith("image/"):
            _doubt(kind, "PDF from an address", place, report)
    elif part.file_id:
        source = {"type": "file", "file_id": part.file_id}
    else:
        raise no_file(place)
    if kind.startswith("image/") and source["type"] != "file":
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **title}


def _doubt(kind: str, accepted: str, place: str, report: BuildReport) -> None:
    report.doubtful.append(f"{place}: the API reads {accepted}, and may refuse {kind}")


def _source(url: str) -> Block:
    """Return the source of a picture or a file: its data without line breaks, or its address."""
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    head, _, data = standard(url)[len("data:") :].partition(",")
    return {"type": "base64", "media_type": head.split(";")[0], "data": "".join(data.split())}


def _unknown(part: UnknownPart, place: str, report: BuildReport) -> Block:
    return dict(part.payload)


def _speech(part: OutputAudio, place: str, report: BuildReport) -> Block | None:
    if part.transcript.strip():
        return {"type": "text", "text": part.transcript}
    report.dropped.append(f"{place}: its sound, which the messages API doesn't accept back")
    return None


def _picture_of_model(part: OutputImage, place: str, report: BuildReport) -> Block | None:
    report.dropped.append(f"{place}: its picture, which the messages API doesn't accept from the assistant")
    return None


def _refuse(part: Part, place: str, report: BuildReport) -> Block | None:
    raise UsageError(f"{place}: expected a part that the messages API accepts here, got {part.type}")


_BY_USER: Mapping[str, _Writer] = {
    InputText.type: _text,
    OutputText.type: _text,
    Refusal.type: _text,
    InputImage.type: _image,
    OutputImage.type: _image,
    InputFile.type: _file,
    OutputAudio.type: _speech,
    UnknownPart.type: _unknown,
    InputAudio.type: _refuse,
}
_BY_ASSISTANT: Mapping[str, _Writer] = {
    InputText.type: _text,
    OutputText.type: _output_text,
    Refusal.type: _text,
    OutputImage.type: _picture_of_model,
    OutputAudio.type: _speech,
    UnknownPart.type: _unknown,
}

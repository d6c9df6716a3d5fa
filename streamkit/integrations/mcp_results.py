"""The result of an MCP tool -> the output of a call: text, or parts with pictures, speech and files.

Rule: every block of the content is in the output, in its order. A link to a resource is its JSON, because
only the server's own client could follow it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ..items import InputAudio, InputFile, InputImage, InputText, Part
from ..media import document


def output_of_result(result: Any) -> str | list[Part]:
    """Return the content of a `CallToolResult`: a single text as a string, anything else as parts.

    A result with structured content alone is its JSON text.
    """
    parts = list(_parts(result.content))
    if not parts:
        structured = result.structured_content
        return "" if structured is None else json.dumps(structured, ensure_ascii=False)
    if len(parts) == 1 and isinstance(parts[0], InputText):
        return parts[0].text
    return parts


def _parts(blocks: Iterable[Any]) -> Iterable[Part]:
    for block in blocks:
        match block.type:
            case "text":
                yield InputText(block.text)
            case "image":
                yield InputImage(f"data:{block.mime_type};base64,{block.data}")
            case "audio":
                yield InputAudio(block.data, block.mime_type.partition("/")[2] or "wav")
            case "resource":
                yield _resource(block.resource)
            case _:
                yield InputText(block.model_dump_json(by_alias=True, exclude_none=True))


def _resource(resource: Any) -> Part:
    """Return an embedded resource: its text under its address, or its bytes as a picture or a file."""
    uri, kind = str(resource.uri), resource.mime_type or "application/octet-stream"
    if hasattr(resource, "text"):
        return document(resource.text, id=uri)
    data = f"data:{kind};base64,{resource.blob}"
    if kind.startswith("image/"):
        return InputImage(data)
    return InputFile(PurePosixPath(urlsplit(uri).path).name or uri, file_data=data)

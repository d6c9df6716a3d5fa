"""Check if a message part is text, and return the name and data of a file. Every wire uses this.

Rule: if an API can't express a part, its wire raises `UsageError` with the part's place before anything is
sent. A question about an image makes no sense when the image was dropped.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from ..errors import UsageError
from ..items import InputFile, InputText, OutputText, Part, Refusal
from ..media_types import detect

_SCHEME = 16  # characters of an address that contain the colon after its scheme
_STANDARD = str.maketrans("-_", "+/")

# Names for files that the caller didn't name: OpenAI requires one, and accepts any.
_NAMES = {
    "application/pdf": "document.pdf",
    "text/plain": "document.txt",
    "text/html": "document.html",
    "text/markdown": "document.md",
    "text/csv": "document.csv",
    "application/xml": "document.xml",
    "text/xml": "document.xml",
}


def is_text(part: Part) -> bool:
    """Return True if *part* contains only text."""
    return isinstance(part, InputText | OutputText | Refusal)


def is_blank(parts: Iterable[Part]) -> bool:
    """Return True if *parts* contain only white space, which servers refuse as a message."""
    return all(is_text(part) and not text_of(part).strip() for part in parts)


def text_of(part: Part) -> str:
    """Return the text of *part*; "" if it has none."""
    return part.refusal if isinstance(part, Refusal) else getattr(part, "text", "")


def named_data(part: InputFile) -> dict[str, Any]:
    """Return the file's data as a data URL, and its name. Bare base64 is taken for a PDF."""
    data = part.file_data or ""
    if not data.startswith("data:"):
        data = f"data:application/pdf;base64,{data}"
    media_type = data[len("data:") :].split(",")[0].split(";")[0]
    return {"filename": part.filename or _NAMES.get(media_type, "document"), "file_data": standard(data)}


def standard(url: str) -> str:
    """Return a data URL in base64's standard alphabet: Google's packages write the one for URLs.

    image/jpg, which isn't a media type and which servers refuse, becomes image/jpeg.
    """
    head, comma, data = url.partition(",")
    if head.startswith("data:image/jpg"):
        return standard(f"data:image/jpeg{head.removeprefix('data:image/jpg')}{comma}{data}")
    if not (head.startswith("data:") and head.endswith(";base64")) or not ("-" in data or "_" in data):
        return url
    return f"{head}{comma}{data.translate(_STANDARD)}"


def image_url(url: str, place: str) -> str:
    """Return the URL of a picture; a data URL for bare base64. Raises `UsageError` for anything else."""
    if ":" in url[:_SCHEME]:
        return standard(url)
    try:
        media_type = detect(b64decode("".join(url.split())[:64]))
    except ValueError:  # isn't base64
        media_type = None
    if media_type is None or not media_type.startswith("image/"):
        raise UsageError(
            f"{place}: expected a URL, a data URL or base64 of a picture, got text; pass media.image(path)"
        )
    return f"data:{media_type};base64,{url}"


def no_file(place: str) -> UsageError:
    """Return the error for an `InputFile` at *place* without any data."""
    return UsageError(f"{place}: expected file_data, file_url or file_id, got none of them; pass one")

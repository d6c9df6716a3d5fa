"""Check if a message part is text, and return the name and data of a file. Every wire uses this.

Rule: if an API can't express a part, its wire raises `UsageError` with the part's place before anything is
sent. A question about an image makes no sense when the image was dropped.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from ..errors import UsageError
from ..items import InputFile, InputText, OutputText, Part, Refusal
from ..media_types import detect

_SCHEME = 16  # characters of an address that contain the colon after its scheme
_STANDARD = str.maketrans("-_", "+/")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")  # the beginning of a path on Windows
_BEGINNING = 128  # characters that contain 64 of base64, with line breaks
# The subtypes of media types -> the formats of the APIs.
_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "x-m4a": "m4a", "x-flac": "flac"}

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


def in_base64(url: str) -> str:
    """Return a data URL with its data in base64; it may have escapes instead, as pictures in SVG do."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:")) or head.endswith(";base64"):
        return url
    return f"{head};base64,{b64encode(unquote_to_bytes(data)).decode()}"


def decoded(url: str, place: str) -> bytes:
    """Return the data of a data URL. Raises `UsageError` if it isn't base64."""
    try:
        return b64decode("".join(in_base64(url).partition(",")[2].split()))
    except ValueError as exc:
        raise UsageError(f"{place}: expected base64 after the comma of a data URL, got {exc}") from exc


def standard(url: str) -> str:
    """Return a data URL in base64, in its standard alphabet: Google's packages write the one for URLs.

    image/jpg, which isn't a media type and which servers refuse, becomes image/jpeg. Line breaks, as
    `base64.encodebytes` and the command base64 write them, are left out.
    """
    url = in_base64(url)
    head, comma, data = url.partition(",")
    if head.startswith("data:image/jpg"):
        return standard(f"data:image/jpeg{head.removeprefix('data:image/jpg')}{comma}{data}")
    if not (head.startswith("data:") and head.endswith(";base64")):
        return url
    whole = without_blanks(data)
    if "-" in whole or "_" in whole:
        whole = whole.translate(_STANDARD)
    return url if whole is data else f"{head}{comma}{whole}"


def without_blanks(data: str) -> str:
    """Return base64 without white space; the same string if it has none."""
    words = data.split(None, 1)
    return data if words == [data] or not data else "".join(data.split())


def image_url(url: str, place: str) -> str:
    """Return the URL of a picture; a data URL for bare base64. Raises `UsageError` for anything else.

    The media type of a data URL is that of the picture: Anthropic refuses another.
    """
    if ":" in url[:_SCHEME] and not _DRIVE.match(url):
        return _with_own_type(standard(url))
    media_type = _type_of_picture(url)
    if media_type is None:
        raise UsageError(
            f"{place}: expected a URL, a data URL or base64 of a picture, got text; pass media.image(path)"
        )
    return f"data:{media_type};base64,{without_blanks(url)}"


def _type_of_picture(data: str) -> str | None:
    """Return the media type that the beginning of *data*, which is base64, shows."""
    try:
        media_type = detect(b64decode("".join(data[:_BEGINNING].split())[:64]))
    except ValueError:  # isn't base64
        return None
    return media_type if media_type is not None and media_type.startswith("image/") else None


def _with_own_type(url: str) -> str:
    head, comma, data = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        return url
    own, declared = _type_of_picture(data), head[len("data:") :].partition(";")[0]
    return url if own in (None, declared) else f"data:{own};base64{comma}{data}"


def bare_audio(data: str, declared: str) -> tuple[str, str]:
    """Return base64 and the format of speech. A data URL has both; OpenAI and vLLM refuse one."""
    head, comma, inner = data.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return without_blanks(data), declared
    kind, _, subtype = head[len("data:") :].split(";")[0].partition("/")
    return without_blanks(inner), (kind == "audio" and _FORMATS.get(subtype, subtype)) or declared


def no_file(place: str) -> UsageError:
    """Return the error for an `InputFile` at *place* without any data."""
    return UsageError(f"{place}: expected file_data, file_url or file_id, got none of them; pass one")

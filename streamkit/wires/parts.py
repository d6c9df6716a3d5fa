"""The parts of a message, in the words of either API.

Rule: what a caller put in and the API cannot carry is a `UsageError` that names the part, before
anything is sent; a picture that silently stays away makes nonsense of the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..items import (
    InputFile,
    InputText,
    OutputText,
    Part,
    Refusal,
)

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


def is_text(part: Part) -> bool:
    """Whether *part* is nothing but text."""
    return isinstance(part, InputText | OutputText | Refusal)


def says_nothing(parts: Iterable[Part]) -> bool:
    """Whether there is only white space in *parts* (RL-24)."""
    return all(is_text(part) and not text_of(part).strip() for part in parts)


def text_of(part: Part) -> str:
    return part.refusal if isinstance(part, Refusal) else getattr(part, "text", "")


def named_data(part: InputFile) -> dict[str, Any]:
    """The data as a data URL, PDF where the caller did not say (OQ-06), and a name for it."""
    data = part.file_data or ""
    if not data.startswith("data:"):
        data = f"data:application/pdf;base64,{data}"
    media_type = data[len("data:") :].split(",")[0].split(";")[0]
    return {"filename": part.filename or _NAMES.get(media_type, "document"), "file_data": data}

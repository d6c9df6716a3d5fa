"""The beginning of a file, or the suffix of its name -> its media type. Pure tables; nothing is read."""

from __future__ import annotations

# The beginning of a file of this kind, its bytes at offset 8, and its media type.
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
BY_SUFFIX = {
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


# Types that are text, though their names don't say so.
_TEXTS = ("json", "xml", "yaml", "x-yaml", "toml", "javascript", "typescript", "x-sh", "sql", "x-ndjson")


def is_text(media_type: str) -> bool:
    """Return True if a file of that type can be read as text."""
    main, _, sub = media_type.lower().partition("/")
    return main == "text" or (main == "application" and (sub in _TEXTS or sub.endswith(("+json", "+xml"))))


def by_name(name: str | None) -> str | None:
    """Return the media type for the suffix of a file's name or address; None if the table has none."""
    path = (name or "").split("?")[0].lower()
    return next((kind for suffix, kind in BY_SUFFIX.items() if path.endswith(suffix)), None)


def detect(data: bytes) -> str | None:
    """Return the media type of a file that begins with *data*; None if it is of no kind in the table."""
    for start, at_eight, media_type in _SIGNATURES:
        if data.startswith(start) and data[8:].startswith(at_eight):
            return media_type
    return None

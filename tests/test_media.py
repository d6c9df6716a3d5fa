"""media: pictures, speech and documents from URLs, bytes and files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from streamkit import InputAudio, InputFile, InputImage, InputText, UsageError
from streamkit.media import audio, document, file, image

PNG = b"\x89PNG\r\n\x1a\n and so on"
WAVE = b"RIFF\x00\x00\x00\x00WAVEfmt "


def data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("url", ["https://x/y.png", "http://x/y", "data:image/png;base64,AA=="])
def test_urls_are_kept(url: str) -> None:
    """No URL is downloaded, and a data URL stays unchanged."""
    assert image(url, detail="low") == InputImage(url, "low")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bytes_decide_the_media_type(data: bytes, media_type: str) -> None:
    """The first bytes of a format decide; raw bytes are encoded as a data URL."""
    assert image(data) == InputImage(data_url(media_type, data))


def test_content_goes_before_the_name(tmp_path: Path) -> None:
    """A PNG with the suffix .jpg is a PNG; without a signature the name decides."""
    (tmp_path / "a.jpg").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(b"who knows")
    assert image(tmp_path / "a.jpg") == InputImage(data_url("image/png", PNG))
    assert image(str(tmp_path / "b.jpg")) == InputImage(data_url("image/jpeg", b"who knows"))


def test_the_callers_media_type_has_priority() -> None:
    """It isn't checked against the content."""
    assert image(PNG, media_type="image/x") == InputImage(data_url("image/x", PNG))


def test_speech() -> None:
    """The part contains base64 and the format, which the bytes decide."""
    assert audio(WAVE) == InputAudio(base64.b64encode(WAVE).decode(), "wav")
    assert audio(b"???", format="mp3") == InputAudio(base64.b64encode(b"???").decode(), "mp3")


def test_documents(tmp_path: Path) -> None:
    """A path has a name, a URL stays a URL, and the first bytes decide the media type."""
    (tmp_path / "notes.md").write_text("# Hi")
    assert file(tmp_path / "notes.md") == InputFile("notes.md", data_url("text/markdown", b"# Hi"))
    assert file(b"%PDF-1.7") == InputFile(None, data_url("application/pdf", b"%PDF-1.7"))
    assert file("https://x/a.pdf") == InputFile(file_url="https://x/a.pdf")
    assert file("data:text/plain,hi", filename="a.txt") == InputFile("a.txt", "data:text/plain,hi")


def test_documents_to_answer_from() -> None:
    """The text has an id, and its metadata sorted by key."""
    assert document("Fjords.", id="norway") == InputText("<file id: norway>\nFjords.\n</file>\n")
    assert document("x", id="a", year="2024", by="me") == InputText(
        '<file id: a>\n<metadata by: "me" year: "2024" />\nx\n</file>\n'
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: image(b"who knows"), "can't detect the media type of these bytes; pass media_type="),
        (lambda: image(b""), "source: expected an image, got no bytes"),
        (lambda: image("no/such.png"), "cannot read no/such.png: No such file"),
        (lambda: audio("https://x/a.mp3"), "source: expected bytes or a path, got a URL; download"),
    ],
)
def test_an_undetectable_source_is_a_usage_error(make: Any, words: str) -> None:
    """The media type is never a guess, and never empty as in `data:;base64,`."""
    with pytest.raises(UsageError, match=words):
        make()

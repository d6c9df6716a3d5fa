"""Pictures, speech and documents from wherever they are."""

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
    """Nothing is downloaded, and a data URL is one already."""
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
def test_bytes_say_what_they_are(data: bytes, media_type: str) -> None:
    """By the first bytes of each format (RQ-10: raw bytes are encoded for the user)."""
    assert image(data) == InputImage(data_url(media_type, data))


def test_content_goes_before_the_name(tmp_path: Path) -> None:
    """A PNG that is called .jpg is a PNG still; without a signature the name decides."""
    (tmp_path / "a.jpg").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(b"who knows")
    assert image(tmp_path / "a.jpg") == InputImage(data_url("image/png", PNG))
    assert image(str(tmp_path / "b.jpg")) == InputImage(data_url("image/jpeg", b"who knows"))


def test_what_the_caller_says_goes_before_all() -> None:
    """A media type of your own is not second-guessed."""
    assert image(PNG, media_type="image/x") == InputImage(data_url("image/x", PNG))


def test_speech() -> None:
    """Base64 and a format; the format is read off the bytes (RQ-11)."""
    assert audio(WAVE) == InputAudio(base64.b64encode(WAVE).decode(), "wav")
    assert audio(b"???", format="mp3") == InputAudio(base64.b64encode(b"???").decode(), "mp3")


def test_documents(tmp_path: Path) -> None:
    """A path has a name, a URL stays a URL, bytes are told by how they begin (RQ-12)."""
    (tmp_path / "notes.md").write_text("# Hi")
    assert file(tmp_path / "notes.md") == InputFile("notes.md", data_url("text/markdown", b"# Hi"))
    assert file(b"%PDF-1.7") == InputFile(None, data_url("application/pdf", b"%PDF-1.7"))
    assert file("https://x/a.pdf") == InputFile(file_url="https://x/a.pdf")
    assert file("data:text/plain,hi", filename="a.txt") == InputFile("a.txt", "data:text/plain,hi")


def test_documents_to_answer_from() -> None:
    """A text with an id, and its metadata by key (RQ-04)."""
    assert document("Fjords.", id="norway") == InputText("<file id: norway>\nFjords.\n</file>\n")
    assert document("x", id="a", year="2024", by="me") == InputText(
        '<file id: a>\n<metadata by: "me" year: "2024" />\nx\n</file>\n'
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: image(b"who knows"), "cannot tell what kind of an image these bytes holds; say it"),
        (lambda: image(b""), "the source is empty: an image was expected"),
        (lambda: image("no/such.png"), "cannot read no/such.png: No such file"),
        (lambda: audio("https://x/a.mp3"), "audio is sent as data; download it"),
    ],
)
def test_what_cannot_be_told_is_a_usage_error(make: Any, words: str) -> None:
    """Never a guess, and never `data:;base64,` (PQ-04)."""
    with pytest.raises(UsageError, match=words):
        make()

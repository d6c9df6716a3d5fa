"""Pictures, speech and files as callers write them -> the form that servers accept, on every API."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from streamkit import Profile, UsageError
from streamkit.profiles.known import GENERIC, OPENAI, OPENROUTER, PROFILES
from streamkit.request import Request
from streamkit.wires.prepare import PreparedRequest, prepare

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()
BROKEN = PNG[:76] + "\n" + PNG[76:] + "\n"  # as base64.encodebytes writes it
WAV = "UklGRg=="


def asked(part: dict[str, Any], profile: Profile = OPENAI, wire: str = "chat") -> PreparedRequest:
    return prepare(Request([{"role": "user", "content": ["?", part]}], model="m"), wire, profile)


def sent(part: dict[str, Any], profile: Profile = OPENAI, wire: str = "chat") -> Any:
    body = asked(part, profile, wire).body
    return (body["messages"] if wire == "chat" else body["input"])[0]["content"][1]


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize(
    ("url", "arrives"),
    [
        (f"data:image/png;base64,{BROKEN}", f"data:image/png;base64,{PNG}"),
        (BROKEN, f"data:image/png;base64,{PNG}"),
        (f"data:image/jpeg;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"data:application/octet-stream;base64,{PNG}", f"data:image/png;base64,{PNG}"),
        (f"data:image/jpg;base64,{BROKEN}", f"data:image/png;base64,{PNG}"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "data:image/svg+xml;base64,PHN2Zz4="),
        ("file:///srv/media/x.png", "file:///srv/media/x.png"),  # vLLM reads its own files
        ("https://x/y z.png", "https://x/y z.png"),
    ],
)
def test_a_picture_has_whole_data_and_its_own_type(wire: str, url: str, arrives: str) -> None:
    """Line breaks in base64 are refused, and so is another media type than the picture's (Anthropic)."""
    written = sent({"type": "image_url", "image_url": {"url": url}}, wire=wire)["image_url"]
    assert (written["url"] if wire == "chat" else written) == arrives


@pytest.mark.parametrize("path", ["C:\\pics\\x.png", "d:/x.png", "pics/x.png"])
def test_a_path_is_refused_with_the_way_to_read_it(path: str) -> None:
    """The drive of a path on Windows looks like the scheme of a URL."""
    with pytest.raises(UsageError, match=r"input\[0\]\.content\[1\].*media\.image\(path\)"):
        asked({"type": "image_url", "image_url": {"url": path}})


@pytest.mark.parametrize(
    ("profile", "wire", "data", "arrives"),
    [
        ("openai", "chat", f"data:audio/wav;base64,{WAV}", {"data": WAV, "format": "wav"}),
        ("vllm", "chat", f"data:;base64,{WAV}", {"data": WAV, "format": "mp3"}),
        ("openai", "chat", f"data:audio/mpeg;base64,{WAV}", {"data": WAV, "format": "mp3"}),
        ("openai", "chat", f"data:audio/x-wav;codec=pcm;base64,{WAV}", {"data": WAV, "format": "wav"}),
        ("openai", "chat", "UklG\nRg==\n", {"data": WAV, "format": "mp3"}),
        ("openai", "responses", f"data:audio/wav;base64,{WAV}", {"data": WAV, "format": "wav"}),
        ("dashscope", "chat", WAV, {"data": f"data:;base64,{WAV}", "format": "mp3"}),
        ("dashscope", "chat", f"data:audio/wav;base64,{WAV}", None),
        ("generic", "chat", f"data:audio/wav;base64,{WAV}", None),
    ],
)
def test_speech_is_base64_unless_the_gateway_wants_a_url(
    profile: str, wire: str, data: str, arrives: dict[str, str] | None
) -> None:
    """OpenAI and vLLM refuse a data URL ("Incorrect padding"); DashScope demands one; others are unknown."""
    audio = {"data": data, "format": "mp3"}
    written = sent({"type": "input_audio", "input_audio": audio}, PROFILES[profile], wire)
    assert written == {"type": "input_audio", "input_audio": audio if arrives is None else arrives}


def test_gemini_gets_speech_without_the_head_of_its_url() -> None:
    """Its `inlineData` is base64, and the media type is that of the URL."""
    part = {"type": "input_audio", "input_audio": {"data": f"data:audio/wav;base64,{WAV}", "format": "mp3"}}
    contents = asked(part, PROFILES["gemini"], "gemini").body["contents"]
    assert contents[0]["parts"][1] == {"inlineData": {"mimeType": "audio/wav", "data": WAV}}


def test_the_url_of_a_file_stays_one() -> None:
    """OpenRouter has a URL in the field for data; OpenAI reads URLs on its other API only."""
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://x/a.pdf"}}
    assert sent(part, OPENROUTER) == part
    assert sent(part, wire="responses") == {"type": "input_file", "file_url": "https://x/a.pdf"}
    with pytest.raises(UsageError, match="got its URL"):
        asked(part)


@pytest.mark.parametrize("role", ["user", "system"])
def test_an_empty_text_next_to_others_stays_out(role: str) -> None:
    """Anthropic's models behind a gateway refuse it: "text content blocks must be non-empty"."""
    content = [{"type": "text", "text": ""}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = Request([{"role": role, "content": content}, {"role": "user", "content": "q"}], model="m")
    prepared = prepare(request, "chat", GENERIC)
    assert prepared.body["messages"][0]["content"] == content[1:]
    assert "its empty text" in str(prepared.report)

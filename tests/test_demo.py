"""`streamkit demo`: each bundled recording has every kind of content, and the command shows all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import streamkit
from streamkit.cli import main
from streamkit.cli.demo import bundled_wires
from streamkit.recordings import demo
from streamkit.recordings.catalog import wire_of
from streamkit.recordings.demo import demo_recording
from streamkit.wires import WIRES

BUNDLED = sorted(path.stem for path in Path(demo.__file__).parent.glob("*.jsonl"))


def test_the_demo_offers_the_apis_that_have_a_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--wire offers every bundled recording, and no API of the registry without one."""
    monkeypatch.setitem(WIRES, "telegraph", "streamkit.wires.chat")
    assert sorted(bundled_wires()) == BUNDLED
    with pytest.raises(SystemExit) as caught:
        main(["demo", "--wire", "telegraph"])
    assert caught.value.code == 2
    assert "--wire: invalid choice: 'telegraph'" in capsys.readouterr().err


@pytest.mark.parametrize("wire", BUNDLED)
def test_recording_has_one_of_each(wire: str) -> None:
    """Each recording contains reasoning, text with Markdown, two calls and usage."""
    *_, last = streamkit.read_events([demo_recording(wire).body], wire=wire, strict=True)
    assert isinstance(last, streamkit.Completed)
    completion = last.completion
    assert completion.reasoning.startswith("One day in Lisbon, on foot or by tram.")
    assert completion.text.startswith("Both, in this order:")
    assert [(call.name, call.parsed()) for call in completion.tool_calls] == [
        ("get_forecast", {"city": "Lisbon", "day": "tomorrow"}),
        ("get_tram_status", {"line": "28E", "stop": "Graça"}),
    ]
    assert completion.usage
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (187, 149)
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("wire", BUNDLED)
def test_recording_takes_a_few_seconds(wire: str) -> None:
    """Each recording lasts 4 to 6 seconds, and belongs to the API in its name."""
    recording = demo_recording(wire)
    assert 4 <= recording.response.after + recording.ending.at <= 6
    assert wire_of(recording) == wire


@pytest.mark.parametrize("wire", BUNDLED)
def test_demo_shows_the_whole_stream(wire: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo prints the text as it arrives, then the final messages, usage and timing."""
    assert main(["demo", "--wire", wire, "--speed", "0"]) == 0
    out, err = capsys.readouterr()
    live, _, final = out.partition("The final messages, from aggregate(events):\n")
    assert "[reasoning] One day in Lisbon" in live
    assert "\nBoth, in this order:" in live
    assert "  reasoning One day in Lisbon" in final
    assert "\n  message Both, in this order:␊␊- **Down on foot.**" in final
    assert '\n  function_call get_forecast({"city": "Lisbon", "day": "tomorrow"})\n' in final
    assert '\n  function_call get_tram_status({"line": "28E", "stop": "Graça"})\n' in final
    assert "\nFinish reason: tool_calls\n" in final
    assert "\nUsage: 187 + 149 tokens (128 cached, 51 reasoning)" in final
    assert "\nTiming: first event after " in final
    assert err == ""


def test_demo_needs_no_key_and_bypasses_a_proxy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo ignores keys and proxies in the environment, since the server runs on this machine."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: no server listens
    for name in ("no_proxy", "NO_PROXY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["demo", "--speed", "0"]) == 0
    assert capsys.readouterr().err == ""

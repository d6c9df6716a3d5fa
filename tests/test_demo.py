"""`streamkit demo`: the bundled recordings are good ones, and the command shows all of each."""

from __future__ import annotations

import pytest

import streamkit
from streamkit.cli import main
from streamkit.recordings.demo import demo_recording
from streamkit.recordings.server import wire_of

WIRES = ("chat", "responses")


@pytest.mark.parametrize("wire", WIRES)
def test_recording_has_one_of_each(wire: str) -> None:
    """Reasoning, readable text, two calls, usage: what a first look at the library should show."""
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


@pytest.mark.parametrize("wire", WIRES)
def test_recording_takes_a_few_seconds(wire: str) -> None:
    """Long enough to watch, short enough to stay; and it is of the API that it says."""
    recording = demo_recording(wire)
    assert 4 <= recording.response.after + recording.ending.at <= 6
    assert wire_of(recording) == wire


@pytest.mark.parametrize("wire", WIRES)
def test_demo_shows_the_whole_stream(wire: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The text as it came, then the final messages, usage and timing."""
    assert main(["demo", "--wire", wire, "--speed", "0"]) == 0
    out, err = capsys.readouterr()
    live, _, final = out.partition("The final messages, by aggregate(events):\n")
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


def test_demo_needs_no_key_and_goes_past_a_proxy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither keys nor proxies of the environment matter: everything stays on this machine."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    for name in ("no_proxy", "NO_PROXY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["demo", "--speed", "0"]) == 0
    assert capsys.readouterr().err == ""

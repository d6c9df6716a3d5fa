"""`streamkit demo`: the bundled streams are good ones, and the command shows all of each."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

import streamkit
from streamkit.cli import main
from streamkit.client import Client
from streamkit.demo.server import PATHS, Write, bundled, demo_server, pace

WIRES = ("chat", "responses")


@pytest.mark.parametrize("wire", WIRES)
def test_bundled_stream_has_one_of_each(wire: str) -> None:
    """Reasoning, readable text, two calls, usage: what a first look at the library should show."""
    chunks = (write.text.encode() for write in bundled(wire))
    *_, last = streamkit.read_events(chunks, wire=wire, strict=True)
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
def test_bundled_stream_takes_a_few_seconds(wire: str) -> None:
    """Long enough to watch, short enough to stay."""
    times = [write.at for write in bundled(wire)]
    assert times == sorted(times)
    assert 4 <= times[-1] <= 6


@pytest.mark.parametrize(
    ("speed", "slept"),
    [
        pytest.param(1, [1.0, 0.5], id="real"),
        pytest.param(2, [0.5, 0.25], id="twice"),
        pytest.param(0, [], id="no waiting"),
    ],
)
def test_pace_waits_until_each_write_is_due(speed: float, slept: list[float]) -> None:
    """The times are those of the recording divided by the speed, whatever the writing itself takes."""
    clock, waits = [100.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    writes = [Write(0, "a"), Write(1, "b"), Write(1, "c"), Write(1.5, "d")]
    texts = list(pace(writes, speed=speed, now=lambda: clock[0], sleep=sleep))
    assert (texts, waits) == (["a", "b", "c", "d"], slept)


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


def test_server_speaks_http_to_any_client() -> None:
    """A POST to a known path is answered with the stream, another path with 404."""
    with demo_server(speed=0) as base_url:
        host = urlsplit(base_url).netloc
        for path, wire in PATHS.items():
            connection = http.client.HTTPConnection(host)
            connection.request("POST", path, b"{}")
            response = connection.getresponse()
            body = response.read()
            connection.close()
            assert (response.status, response.getheader("Content-Type")) == (200, "text/event-stream")
            assert body.decode() == "".join(write.text for write in bundled(wire))
        connection = http.client.HTTPConnection(host)
        connection.request("POST", "/v1/none-such", b"{}")
        assert connection.getresponse().status == 404
        connection.close()


def test_server_outlives_a_reader_that_leaves() -> None:
    """Somebody who stops reading half-way does not disturb the next one."""
    with demo_server(speed=0) as base_url:
        client = Client("generic", base_url=base_url)
        with client.stream("Hi", model="demo") as stream:
            next(stream)
        assert client.complete("Hi", model="demo").finish_reason == "tool_calls"
        client.close()

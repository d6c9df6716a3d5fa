"""The pytest plugin, in nested runs of pytest, against a server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

# A nested run removes the modules that it imports, and a second copy of http.cookiejar breaks requests.
import requests  # noqa: F401

from streamkit import UsageError
from streamkit.integrations.pytest_plugin import _Paths
from streamkit.testing import Recording, chat_stream

from .faultserver import FaultServer, Peer, ok

pytest_plugins = ["pytester"]

installed = pytest.mark.skipif(
    not any(e.value == "streamkit.integrations.pytest_plugin" for e in entry_points(group="pytest11")),
    reason="streamkit's entry point for pytest is not installed: pip install -e .",
)

TEST = """
def test_weather(streamkit_replay):
    client = streamkit_replay("weather")
    assert client.complete("Will it rain?", model="m").text == "It will."
"""
TWO_CALLS = """
def test_weather(streamkit_replay):
    client = streamkit_replay("weather", "generic", base_url="{url}", api_key="sk-secret-0123456789")
    texts = [client.complete(ask, model="m").text for ask in ("one", "two")]
    assert texts == ["answer 0", "answer 1"]
"""


def numbered(peer: Peer) -> None:
    peer.send(ok(chat_stream(f"answer {peer.number}")))


def keep(folder: Path, name: str, text: str) -> None:
    (folder / "recordings").mkdir(exist_ok=True)
    Recording.of(chat_stream(text)).save(folder / "recordings" / f"{name}.jsonl")


@installed
def test_a_recording_is_replayed_without_key_or_network(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replay is the default; it needs no option, key or address."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    keep(pytester.path, "weather", "It will.")
    pytester.makepyfile(TEST)
    pytester.runpytest().assert_outcomes(passed=1)


@installed
def test_a_missing_recording_fails_with_the_command_to_make_it(pytester: pytest.Pytester) -> None:
    """The failure names the missing file and the command that records it."""
    pytester.makepyfile(test_sky=TEST)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "no recording *recordings*weather.jsonl; to make it, run this with a key and network access:",
            '*pytest "test_sky.py::test_weather" --streamkit-mode=record',
        ]
    )


@installed
def test_one_call_too_many_fails(pytester: pytest.Pytester) -> None:
    """In replay, a call without a recording fails; it doesn't use the network."""
    keep(pytester.path, "weather", "answer 0")
    pytester.makepyfile(TWO_CALLS.format(url="http://127.0.0.1:9/v1"))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording *weather-2.jsonl*"])


@installed
def test_a_recorded_run_can_be_replayed(pytester: pytest.Pytester) -> None:
    """Recording makes a file for each call, without the key; a replay needs no server."""
    with FaultServer(numbered) as server:
        pytester.makepyfile(TWO_CALLS.format(url=server.url))
        result = pytester.runpytest("--streamkit-mode=record")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["streamkit: mode record, calls may use the network"])
        assert len(server.asked) == 2
    files = sorted((pytester.path / "recordings").iterdir())
    assert [file.name for file in files] == ["weather-2.jsonl", "weather.jsonl"]
    assert not any("sk-secret" in file.read_text(encoding="utf-8") for file in files)
    pytester.runpytest().assert_outcomes(passed=1)


@installed
def test_recording_again_removes_the_old_files(pytester: pytest.Pytester) -> None:
    """Files of calls that the test no longer makes are removed; other recordings stay."""
    for name in ("weather", "weather-2", "weather-3", "weather-tomorrow"):
        keep(pytester.path, name, "old")
    with FaultServer(numbered) as server:
        pytester.makepyfile(TWO_CALLS.format(url=server.url))
        pytester.runpytest("--streamkit-mode=record").assert_outcomes(passed=1)
    names = sorted(file.name for file in (pytester.path / "recordings").iterdir())
    assert names == ["weather-2.jsonl", "weather-tomorrow.jsonl", "weather.jsonl"]


@installed
def test_auto_records_what_is_missing_and_replays_the_rest(pytester: pytest.Pytester) -> None:
    """In mode auto, set in the configuration, the first run uses the server and the second one doesn't."""
    pytester.makeini("[pytest]\nstreamkit_mode = auto\n")
    with FaultServer(numbered) as server:
        pytester.makepyfile(TWO_CALLS.format(url=server.url))
        pytester.runpytest().assert_outcomes(passed=1)
        pytester.runpytest().assert_outcomes(passed=1)
        assert len(server.asked) == 2


@installed
def test_an_unknown_mode_ends_the_run(pytester: pytest.Pytester) -> None:
    """A typo in the configuration is reported before any test runs."""
    pytester.makeini("[pytest]\nstreamkit_mode = rec\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*streamkit_mode: expected replay, record, auto, got 'rec'"])


@installed
def test_a_run_with_strict_settings_is_not_disturbed(pytester: pytest.Pytester) -> None:
    """With warnings as errors and strict settings, a run that doesn't use the fixture is unaffected."""
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n")
    pytester.makepyfile("def test_nothing():\n    pass\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "streamkit: mode" not in result.stdout.str()


def test_the_plugin_imports_nothing_heavy() -> None:
    """Importing the plugin loads neither the network nor the converter, because every pytest run does it."""
    code = "import json, sys, streamkit.integrations.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert loaded.isdisjoint({"requests", "urllib3", "cattrs", "sseclient", "ssl", "http.server"})
    assert loaded.isdisjoint(
        {"streamkit.recordings.playback", "streamkit.http.transport", "streamkit.recordings.format"}
    )


def test_the_public_name_loads_as_a_plugin(pytester: pytest.Pytester) -> None:
    """`-p streamkit.pytest_plugin` gives the fixture if plugins aren't loaded automatically."""
    keep(pytester.path, "weather", "It will.")
    pytester.makepyfile(TEST)
    command = [sys.executable, "-m", "pytest", "-p", "streamkit.pytest_plugin", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=pytester.path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_a_name_stays_inside_the_folder(name: str, tmp_path: Path) -> None:
    """A recording is never read from or written to another folder than recordings/ and those inside it."""
    with pytest.raises(UsageError, match="name: expected the name of a file inside recordings/"):
        _Paths(tmp_path / "recordings", name, "test")
    inside = _Paths(tmp_path / "recordings", "weather/paris", "test").of(2)
    assert inside == tmp_path / "recordings" / "weather" / "paris-2.jsonl"

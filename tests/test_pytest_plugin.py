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


JOB = """
from concurrent.futures import ThreadPoolExecutor

def test_weather(streamkit_replay):
    client = streamkit_replay("weather", "generic", base_url="{url}", api_key="sk-secret-0123456789")
    with client.map([f"sk-secret-0123456789 row {{n}}" for n in range(8)], model="m", ordered=True) as run:
        assert [answer.text for answer in run] == [f"echo row {{n}}" for n in range(8)]
"""


def echo(peer: Peer) -> None:
    """Answer with the prompt; the later a row is, the earlier it's answered."""
    words = json.loads(peer.asked.body)["messages"][0]["content"].split()
    peer.pause(0.3 - 0.03 * int(words[-1]))
    peer.send(ok(chat_stream("echo " + " ".join(words[1:]))))


@installed
def test_a_job_is_replayed_in_any_order(pytester: pytest.Pytester) -> None:
    """Threads ask in another order in each run; each request gets its own recording."""
    with FaultServer(echo) as server:
        pytester.makepyfile(JOB.format(url=server.url))
        pytester.runpytest("--streamkit-mode=record").assert_outcomes(passed=1)
    folder = pytester.path / "recordings"
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_size)
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert len(texts) == 8
    assert "sk-secret" not in "".join(texts)
    for file, text in zip(files, reversed(texts), strict=True):  # an order that no run had
        file.write_text(text, encoding="utf-8")
    pytester.runpytest("-W", "error").assert_outcomes(passed=1)


@installed
def test_a_job_with_too_few_recordings_fails(pytester: pytest.Pytester) -> None:
    """It hung: the failure was raised in a thread of the job."""
    keep(pytester.path, "weather", "answer 0")
    pytester.makepyfile(JOB.format(url="http://127.0.0.1:9/v1"))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording *weather-*.jsonl*"])


@installed
@pytest.mark.parametrize(
    ("ask", "change"),
    [
        ('"Will it snow?", model="m"', "messages[[]0[]].content"),
        ('"Will it rain?", model="n"', "model"),
        ('"Will it rain?", model="m", temperature=0', "temperature"),
        ('"Will it rain?", model="m"', None),
    ],
)
def test_a_changed_request_is_a_warning(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ask: str, change: str | None
) -> None:
    """The answer is that of the recording, and the warning names the part that has changed."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    with FaultServer(numbered) as server:
        test = TEST.replace('"weather"', f'"weather", base_url="{server.url}"').replace(
            "It will.", "answer 0"
        )
        pytester.makepyfile(test)
        pytester.runpytest("--streamkit-mode=record").assert_outcomes(passed=1)
    pytester.makepyfile(test.replace('"Will it rain?", model="m"', ask))
    result = pytester.runpytest("-W", "default")
    result.assert_outcomes(passed=1, warnings=0 if change is None else 1)
    if change is not None:
        result.stdout.fnmatch_lines([f"*weather.jsonl is the answer to another request: {change} has*"])


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

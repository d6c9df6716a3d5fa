"""The fixture `streamkit_replay`: a client whose answers are recorded once, and replayed in later runs.

    def test_weather(streamkit_replay):
        client = streamkit_replay("weather", profile="openrouter")
        assert "rain" in client.complete("Will it rain?", model="m").text

The recording of a test's first call is `recordings/weather.jsonl`, next to the test's file; the second call's
is `weather-2.jsonl`, and so on. A call is answered by the recording of an equal request; if there is none, by
the next one, with a warning. `--streamkit-mode`, or `streamkit_mode` in pytest's configuration, selects:

| mode | a call |
|---|---|
| `replay` (default) | is answered from its recording; the network is never used |
| `record` | goes to the server, and its recording is replaced |
| `auto` | is answered from its recording if there is one, else recorded |

Rule: pytest imports this file in every run, so it imports no other module of streamkit before the fixture is
used.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .._lazy import lazy

if TYPE_CHECKING:
    import requests

    from ..client import Client
    from ..http.clocks import Watch
    from ..http.messages import Call, Reply, Transport
    from ..profiles.profile import Profile
    from ..recordings.format import Recording

MODES = ("replay", "record", "auto")


_client = lazy("client:Client")
_network = lazy("http.transport:RequestsTransport")
_record = lazy("recordings.recorder:RecordingTransport")
_replay = lazy("recordings.playback:ReplayTransport")
_load = lazy("recordings.format:load_recording")
_change_since = lazy("recordings.changes:change_since")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--streamkit-mode` and `streamkit_mode`."""
    about = "streamkit_replay: replay recordings (default), record them, or auto: record the missing ones"
    parser.getgroup("streamkit").addoption("--streamkit-mode", choices=MODES, help=about)
    parser.addini("streamkit_mode", about, default="replay")


def pytest_configure(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` if the configured mode isn't known."""
    if _mode(config) not in MODES:
        raise pytest.UsageError(f"streamkit_mode: expected {', '.join(MODES)}, got {_mode(config)!r:.40}")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return a header line if the mode allows network access."""
    mode = _mode(config)
    return None if mode == "replay" else f"streamkit: mode {mode}, calls may use the network"


def _mode(config: pytest.Config) -> str:
    return str(config.getoption("--streamkit-mode") or config.getini("streamkit_mode"))


@pytest.fixture
def streamkit_replay(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Return a function `(name, profile="openai", **options)` that makes a `Client` with recorded answers.

    *options* are those of `Client`. In replay, no key and no address is needed.
    """
    mode = _mode(request.config)
    clients: list[Client] = []

    def client(name: str, profile: str | Profile = "openai", **options: Any) -> Client:
        paths = _Paths(request.path.parent / "recordings", name, request.node.nodeid)
        if mode == "record" or (mode == "auto" and not paths.of(1).exists()):
            options["transport"] = _RecordCalls(paths, options.pop("session", None), options.get("transport"))
        else:
            options = {"api_key": "replayed", "base_url": "http://replayed.invalid/v1", **options}
            options |= {"transport": _ReplayCalls(paths), "session": None}
        clients.append(_client(profile, **options))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


class _Paths:
    """The recordings of one name: a file for each call."""

    def __init__(self, folder: Path, name: str, test: str) -> None:
        self._first = folder / f"{name}.jsonl"
        if folder.resolve() not in self._first.resolve().parents:
            from ..errors import UsageError

            raise UsageError(f"name: expected the name of a file inside {folder.name}/, got {name!r:.60}")
        self.test = test

    def of(self, number: int) -> Path:
        """Return the file of call *number*, counted from 1."""
        first = self._first
        return first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")

    def recorded(self) -> Iterator[Path]:
        """Yield the files that exist, in order."""
        number = 1
        while (path := self.of(number)).exists():
            yield path
            number += 1

    def remove(self) -> None:
        """Remove the files of an earlier run."""
        for path in list(self.recorded()):
            path.unlink()


class _ReplayCalls:
    """A transport that answers each call from a file; if there is none left, the test fails.

    Calls of several threads come in any order, so a call gets the first recording of its own request. Without
    one, it gets the next in order, with a warning that names what has changed.
    """

    def __init__(self, paths: _Paths) -> None:
        self._paths = paths
        self._number = 0
        self._left: dict[Path, Recording] | None = None
        self._lock = threading.Lock()

    def open(self, call: Call, watch: Watch) -> Reply:
        with self._lock:
            self._number += 1
            if self._left is None:
                self._left = {path: _load(path) for path in self._paths.recorded()}
            recording = self._left.pop(self._found(call, self._left))
        return _replay(recording).open(call, watch)  # type: ignore[no-any-return]

    def _found(self, call: Call, left: dict[Path, Recording]) -> Path:
        """Return the path of the recording for *call*."""
        changes = {}
        for path, recording in left.items():
            change = changes[path] = _change_since(recording, call)
            if change is None:
                return path
        if not left:
            pytest.fail(
                f"no recording {self._paths.of(self._number)}; to make it, run this with a key and network "
                f'access:\n    pytest "{self._paths.test}" --streamkit-mode=record',
                pytrace=False,
            )
        path = next(iter(left))
        warnings.warn(
            f"{path} is the answer to another request: {changes[path]} has changed since; to record it "
            "again, use --streamkit-mode=record",
            pytest.PytestWarning,
            stacklevel=1,
        )
        return path


class _RecordCalls:
    """A transport that sends each call and records the reply in its file."""

    def __init__(self, paths: _Paths, session: requests.Session | None, transport: Transport | None) -> None:
        self._paths = paths
        self._transport = transport or _network(session)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def open(self, call: Call, watch: Watch) -> Reply:
        with self._lock:  # threads may share the client
            number = next(self._numbers)
            path = self._paths.of(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            if number == 1:
                self._paths.remove()
        return _record(self._transport, path).open(call, watch)  # type: ignore[no-any-return]

    def close(self) -> None:
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()

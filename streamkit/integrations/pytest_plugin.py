"""The fixture `streamkit_replay`: a client with answers that are recorded once, and then replayed.

    def test_weather(streamkit_replay):
        client = streamkit_replay("weather", profile="openrouter")
        assert "rain" in client.complete("Will it rain?", model="m").text

The first call of a test is in `recordings/weather.jsonl` next to the test's file, its second one in
`weather-2.jsonl`, and so on. `--streamkit-mode`, or `streamkit_mode` in pytest's configuration, is the mode:

| mode | a call |
|---|---|
| `replay` (default) | is answered from its recording; the network is never used |
| `record` | goes to the server, and its recording is replaced |
| `auto` | is answered from its recording if there is one, else recorded |

Rule: pytest imports this file in every run, so it imports no other file before the fixture is used.
"""

from __future__ import annotations

import itertools
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

MODES = ("replay", "record", "auto")


# pytest imports this file in every project that has streamkit installed; these wait for the fixture.
_client = lazy("client:Client")
_network = lazy("http.transport:RequestsTransport")
_record = lazy("recordings.recorder:RecordingTransport")
_replay = lazy("recordings.playback:ReplayTransport")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--streamkit-mode` and `streamkit_mode`."""
    about = "mode of streamkit_replay: replay recordings (default), record, or auto: record missing ones"
    parser.getgroup("streamkit").addoption("--streamkit-mode", choices=MODES, help=about)
    parser.addini("streamkit_mode", about, default="replay")


def pytest_configure(config: pytest.Config) -> None:
    """End the run if the configured mode doesn't exist."""
    if _mode(config) not in MODES:
        raise pytest.UsageError(
            f"streamkit_mode: expected one of {', '.join(MODES)}, got {_mode(config)!r:.40}"
        )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return a line for pytest's header if the network may be used."""
    mode = _mode(config)
    return None if mode == "replay" else f"streamkit: mode {mode}, calls may go to the network"


def _mode(config: pytest.Config) -> str:
    return str(config.getoption("--streamkit-mode") or config.getini("streamkit_mode"))


@pytest.fixture
def streamkit_replay(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Yield `streamkit_replay(name, profile="openai", **options)`, which returns a `Client`.

    The client answers from recordings. *options* are those of `Client`; a replay needs no key and no address.
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
    """The paths of the recordings of one name: a file for each call."""

    def __init__(self, folder: Path, name: str, test: str) -> None:
        self._first = folder / f"{name}.jsonl"
        self.test = test

    def of(self, number: int) -> Path:
        """Return the file of call *number*, from 1."""
        first = self._first
        return first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")

    def remove_from(self, number: int) -> None:
        """Remove the files of call *number* and later ones, left by an earlier recording."""
        while (path := self.of(number)).exists():
            path.unlink()
            number += 1


class _ReplayCalls:
    """A transport that answers each call from its file, and fails the test if there is none."""

    def __init__(self, paths: _Paths) -> None:
        self._paths = paths
        self._numbers = itertools.count(1)

    def open(self, call: Call, watch: Watch) -> Reply:
        path = self._paths.of(next(self._numbers))
        if not path.exists():
            pytest.fail(
                f"there is no recording {path}; to make it, run with a key and a network\n"
                f'    pytest "{self._paths.test}" --streamkit-mode=record',
                pytrace=False,
            )
        return _replay(path).open(call, watch)  # type: ignore[no-any-return]


class _RecordCalls:
    """A transport that sends each call, and records the reply in its file."""

    def __init__(self, paths: _Paths, session: requests.Session | None, transport: Transport | None) -> None:
        self._paths = paths
        self._transport = transport or _network(session)
        self._numbers = itertools.count(1)

    def open(self, call: Call, watch: Watch) -> Reply:
        number = next(self._numbers)
        path = self._paths.of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._paths.remove_from(number)
        return _record(self._transport, path).open(call, watch)  # type: ignore[no-any-return]

    def close(self) -> None:
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()

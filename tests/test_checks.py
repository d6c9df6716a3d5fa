"""An argument of a wrong type is a `UsageError` with its name, before anything is sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from streamkit import (
    Client,
    UsageError,
    agent,
    events_from_completion,
    history,
    load_profiles,
    media,
    read_events,
    read_frames,
    replay,
    tools,
)
from streamkit.recordings.format import Recording
from streamkit.recordings.server import serve

KEY = "sk-very-secret"
URL = "http://127.0.0.1:9/v1"


def _client(**options: Any) -> Client:
    return Client("generic", base_url=URL, **options)


def _stream(**options: Any) -> Any:
    return _client().stream("hi", model="m", **options)


def _run(**options: Any) -> Any:
    return agent.run(_client(), "hi", model="m", **options)


WRONG: list[tuple[str, Callable[[], Any]]] = [
    ("api_key: expected a string, .*, got int; pass", lambda: _client(api_key=5)),
    ("api_key: .* got list", lambda: _client(api_key=[KEY])),
    ("api_key\\(\\): expected a string or None, got bytes", lambda: _call_key(lambda: KEY.encode())),
    ("base_url: expected a string or None, got int", lambda: Client("generic", base_url=5)),  # type: ignore[arg-type]
    ("headers: expected a mapping .*, got int; pass", lambda: _client(headers=5)),
    ("headers: expected a mapping .*, got list", lambda: _client(headers=[("Authorization", KEY)])),
    ("headers: .* got dict that contains bytes", lambda: _client(headers={"Authorization": KEY.encode()})),
    ("query: expected a mapping .*, got str", lambda: _client(query="a=1")),
    ("query: .* got dict that contains int", lambda: _client(query={1: "a"})),
    ("app: expected an AppInfo or None, got str", lambda: _client(app="my app")),
    ("observers: expected a list of observers, got function", lambda: _client(observers=print_fact)),
    ("observers\\[1\\]: expected a function, got int", lambda: _client(observers=[print_fact, 5])),
    ("extra_headers: expected a mapping .*, got int", lambda: _stream(extra_headers=1)),
    ("extra_headers: .* contains int", lambda: _stream(extra_headers={"X-A": 1})),
    ("extra_query: expected a mapping .*, got int", lambda: _stream(extra_query=5)),
    ("record: expected the path of a file or None, got StringIO", lambda: _stream(record=io.StringIO())),
    ("client: expected a Client, got int", lambda: agent.run(5, "hi", model="m")),  # type: ignore[arg-type]
    ("approve: expected a function or None, got bool", lambda: _run(approve=True)),
    ("executor: expected an executor or None, got int", lambda: _run(executor=4)),
    ("path: expected the path of a file, got int", lambda: history.load(5)),  # type: ignore[arg-type]
    ("path: expected the path of a file, got None", lambda: history.save(None, "hi")),  # type: ignore[arg-type]
    ("source: expected a Recording or .*, got int", lambda: replay(5)),  # type: ignore[arg-type]
    ("source: .* got bytes; pass Recording.of", lambda: replay(b"data: 1\n\n")),  # type: ignore[arg-type]
    ("source: expected a Recording or .*, got int", lambda: serve(5)),  # type: ignore[arg-type]
    ("body: expected a mapping with strings as keys, got int", lambda: events_from_completion(5)),  # type: ignore[arg-type]
    ("max_line: expected a number .*, got str", lambda: read_events([], max_line="x")),  # type: ignore[arg-type]
    ("max_event: expected a number .*, got 0; pass", lambda: read_events([], max_event=0)),
    ("max_line: expected a number .*, got str", lambda: read_frames([], max_line="x")),  # type: ignore[arg-type]
    ("path: expected the path of a file, got int", lambda: load_profiles(5)),  # type: ignore[arg-type]
    ("port: expected a number, got str", lambda: serve(Recording(), port="80")),  # type: ignore[arg-type]
    ("speed: expected .*, got None", lambda: list(replay(Recording(), speed=None))),  # type: ignore[arg-type]
    ("source: expected a URL, bytes or .*, got int", lambda: media.image(5)),  # type: ignore[arg-type]
    ("source: .* got bytearray; pass bytes", lambda: media.file(bytearray(b"%PDF-"))),  # type: ignore[arg-type]
    ("tool: expected module:function .*, got 5", lambda: tools.load(5)),  # type: ignore[arg-type]
]


def print_fact(operation: object, fact: object) -> None:
    """Do nothing: an observer for these tests."""


def _call_key(key: Callable[[], Any]) -> Any:
    return next(_client(api_key=key).stream("hi", model="m"))


@pytest.mark.parametrize(("message", "make"), WRONG, ids=[message[:40] for message, _ in WRONG])
def test_a_wrong_argument_is_named(message: str, make: Callable[[], Any]) -> None:
    """The error says which argument, the type that was expected and the one that came."""
    with pytest.raises(UsageError, match=f"^{message}") as caught:
        make()
    assert KEY not in str(caught.value)

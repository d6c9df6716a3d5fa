"""Recordings by name, model and API -> the one that answers a request.

    takes    the API that a request speaks, and the model that it asks for
    returns  a recording, translated if no recording is of that API

Rules: a recording answers if the model is its name (the file's, without suffixes) or the model that was
recorded. If the model matches none, the recordings of the API take turns; if there are none of that API,
those of other APIs are translated. A recorded error isn't.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..events import Completed, KeepAlive
from ..json_text import NotJSONError, loads
from ..pipeline import read_frames
from ..wires import WIRES, detect_wire, find_wire
from .format import Recording
from .playback import replay
from .translate import translated


class Catalog:
    """Recordings by name, model and API. Thread-safe."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.by_name: dict[str, Recording] = {}
        for recording in recordings:
            name = recording.name or "recording"
            names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
            self.by_name[next(name for name in names if name not in self.by_name)] = recording
        self._kinds = [(wire_of(recording), _model_of(recording), recording) for recording in recordings]
        self._turns = {name: itertools.count() for name in WIRES}

    def find(self, wire: str, model: Any) -> Recording:
        """Return the recording for *model*, else the next one of that API, or of any API in its form.

        Raises the error of a recording that can't be translated.
        """
        named = self.by_name.get(model) if isinstance(model, str) else None
        own = [kind for kind in self._kinds if kind[0] == wire]
        known = [kind for kind in self._kinds if kind[2] is named] or own or self._kinds
        known = [kind for kind in known if kind[1] == model is not None] or known
        spoken, _, recording = known[next(self._turns[wire]) % len(known)]
        is_known = spoken == wire or not is_whole_stream(recording)
        return recording if is_known else translated(recording, spoken, wire)


def wire_of(recording: Recording) -> str:
    """Return the API of *recording*, by the recorded address, else by the body's first payload."""
    request = recording.header.request
    if request is not None and request.url:
        wire = wire_at(request.url.partition("?")[0])
        if wire is not None:
            return wire
    return detect_wire(next(_payloads(recording.body), {})).name


def wire_at(path: str) -> str | None:
    """Return the API that is called at *path* (without its query), or None."""
    return next((name for name in WIRES if find_wire(name).answers_at(path)), None)


def _payloads(body: bytes) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects in *body*, a document or an event stream."""
    texts = [body.decode(errors="replace")] if body.lstrip()[:1] == b"{" else _data(body)
    for text in texts:
        with suppress(NotJSONError):
            payload = loads(text)
            if isinstance(payload, dict):
                yield payload


def _data(body: bytes) -> Iterator[str]:
    return (frame.data for frame in read_frames([body + b"\n\n"]) if not isinstance(frame, KeepAlive))


def _model_of(recording: Recording) -> str | None:
    """Return the model in the request, else the one in the answer."""
    request = recording.header.request
    asked = request.body if request and isinstance(request.body, dict) else {}
    answered = (payload.get("response", payload) for payload in _payloads(recording.body))
    models = (about.get("model") for about in itertools.chain([asked], answered) if isinstance(about, dict))
    return next((model for model in models if isinstance(model, str)), None)


def is_whole_stream(recording: Recording) -> bool:
    """Return True if the recording is an event stream with a success status, not a document or an error."""
    is_document = recording.body.lstrip()[:1] == b"{"
    return 200 <= recording.response.status < 300 and recording.ending.how != "no reply" and not is_document


def document_of(recording: Recording, wire: str) -> dict[str, Any]:
    """Return the answer as one object. Raises every error of its events."""
    last = deque(replay(recording, wire=wire), maxlen=1).pop()
    assert isinstance(last, Completed)  # a stream ends in it, or raises
    return find_wire(wire).write_document(last.completion, last.raw)

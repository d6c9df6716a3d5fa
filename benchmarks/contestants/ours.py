"""streamkit: the client over HTTP or over a transport in memory, and the pipeline without the client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from streamkit import Completed, Completion, Event, TextDelta, read_events
from streamkit.client import Client
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call, Reply

from . import KEY, MODEL, PROMPT, Answer, Source


class MemoryTransport:
    """A transport that answers every call with the same chunks."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def open(self, call: Call, watch: Watch) -> Reply:
        return Reply(200, {"content-type": "text/event-stream"}, iter(self._chunks), lambda: None)


class StreamkitClient:
    def __init__(self, source: Source) -> None:
        wire: Any = source.api
        transport = None if source.chunks is None else MemoryTransport(source.chunks)
        self._client = Client("openai", api_key=KEY, base_url=source.base_url, wire=wire, transport=transport)

    def answer(self) -> Answer:
        with self._client.stream(PROMPT, model=MODEL) as stream:
            return _take(stream)

    def events(self) -> Iterable[Event]:
        """Return the stream, for a measurement without the final message."""
        return self._client.stream(PROMPT, model=MODEL)

    def texts(self) -> Iterator[str]:
        with self._client.stream(PROMPT, model=MODEL) as stream:
            yield from stream.text_stream


class ReadEvents:
    def __init__(self, source: Source) -> None:
        if source.chunks is None:
            raise ValueError("it reads from memory only")
        self._chunks = source.chunks
        self._wire = source.api

    def answer(self) -> Answer:
        return _take(self.events())

    def events(self) -> Iterable[Event]:
        """Return the events."""
        return read_events(self._chunks, wire=self._wire)

    def texts(self) -> Iterator[str]:
        events = read_events(self._chunks, wire=self._wire)
        return (event.text for event in events if type(event) is TextDelta)


def _take(stream: Iterable[Event]) -> Answer:
    events = 0
    completion = Completion()
    for event in stream:
        events += 1
        if type(event) is Completed:
            completion = event.completion
    arguments = [getattr(call, "arguments", "") for call in completion.tool_calls]
    return Answer(events, completion.text or "", completion.reasoning or "", arguments)

"""requests + sseclient-py + json.loads, as in tutorials."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import requests
import sseclient
import urllib3

from . import KEY, MODEL, PROMPT, Answer, Source


class ByHand:
    def __init__(self, source: Source) -> None:
        self._session = requests.Session()
        if source.chunks is not None:
            self._session.mount("http://", _MemoryAdapter(source.chunks))
        self._url, self._body = request(source)

    def _payloads(self) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {KEY}"}
        with self._session.post(self._url, json=self._body, headers=headers, stream=True) as response:
            for event in sseclient.SSEClient(response).events():
                if event.data == "[DONE]":
                    return
                yield json.loads(event.data)

    def answer(self) -> Answer:
        return join(self._payloads())

    def texts(self) -> Iterator[str]:
        return pieces(self._payloads())


def request(source: Source) -> tuple[str, dict[str, Any]]:
    """Return the URL and the body of a streaming request."""
    if source.api == "responses":
        return f"{source.base_url}/responses", {"model": MODEL, "input": PROMPT, "stream": True}
    messages = [{"role": "user", "content": PROMPT}]
    usage = {"include_usage": True}
    body = {"model": MODEL, "messages": messages, "stream": True, "stream_options": usage}
    return f"{source.base_url}/chat/completions", body


def join(payloads: Iterable[dict[str, Any]]) -> Answer:
    """Return the final message; the text is in local variables, to which CPython appends in place."""
    events = 0
    text = reasoning = ""
    arguments: dict[int, str] = {}
    for payload in payloads:
        events += 1
        if payload.get("type") == "response.output_text.delta":
            text += payload["delta"]
        for choice in payload.get("choices", ()):
            delta = choice["delta"]
            text += delta.get("content") or ""
            reasoning += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls", ()):
                n = call["index"]
                arguments[n] = arguments.get(n, "") + call["function"]["arguments"]
    return Answer(events, text, reasoning, [arguments[n] for n in sorted(arguments)])


def pieces(payloads: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the pieces of text in chat payloads."""
    for payload in payloads:
        for choice in payload["choices"]:
            if text := choice["delta"].get("content"):
                yield text


class _MemoryAdapter(requests.adapters.HTTPAdapter):
    """Answers every request with *chunks*, one for each read, as a socket does."""

    def __init__(self, chunks: list[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        body = io.BufferedReader(_Chunks(self._chunks), 64 * 1024)
        raw = urllib3.HTTPResponse(body=body, status=200, preload_content=False)
        return self.build_response(request, raw)


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._chunks, b"")
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        self._rest = data[size:]
        return size

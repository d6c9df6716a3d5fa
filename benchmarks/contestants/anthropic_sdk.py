"""anthropic: the raw stream and the stream helper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx

from . import KEY, PROMPT, Answer, Source

ASK: Any = {"model": "claude", "max_tokens": 100_000, "messages": [{"role": "user", "content": PROMPT}]}


def new_client(source: Source) -> anthropic.Anthropic:
    """Return a client for *source*."""
    http = None
    if source.chunks is not None:
        chunks = source.chunks

        class Body(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                return iter(chunks)

        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

        http = httpx.Client(transport=httpx.MockTransport(reply))
    base = source.base_url.removesuffix("/v1")
    return anthropic.Anthropic(api_key=KEY, base_url=base, max_retries=0, http_client=http)


class Create:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def answer(self) -> Answer:
        events = 0
        text: list[str] = []
        thoughts: list[str] = []
        for event in self._client.messages.create(stream=True, **ASK):
            events += 1
            if event.type == "content_block_delta":
                if event.delta.type == "text_delta":
                    text.append(event.delta.text)
                elif event.delta.type == "thinking_delta":
                    thoughts.append(event.delta.thinking)
        return Answer(events, "".join(text), "".join(thoughts))

    def texts(self) -> Iterator[str]:
        for event in self._client.messages.create(stream=True, **ASK):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text


class StreamHelper:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def answer(self) -> Answer:
        with self._client.messages.stream(**ASK) as stream:
            events = sum(1 for _ in stream)
            blocks = stream.get_final_message().content
        text = "".join(block.text for block in blocks if block.type == "text")
        return Answer(events, text, "".join(block.thinking for block in blocks if block.type == "thinking"))

    def texts(self) -> Iterator[str]:
        with self._client.messages.stream(**ASK) as stream:
            yield from stream.text_stream

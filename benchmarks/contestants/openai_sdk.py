"""openai: the raw stream and the stream helper of both APIs."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import openai

from . import KEY, MODEL, PROMPT, Answer, Source

MESSAGES: Any = [{"role": "user", "content": PROMPT}]


def http_library() -> Any:
    """Return the HTTP library of the installed openai: httpx2 from version 3 on, httpx before."""
    return importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")


def over_httpx(chunks: list[bytes], *, asynchronous: bool = False) -> Any:
    """Return a client of that library that answers every request with *chunks*."""
    httpx = http_library()

    class Body(httpx.SyncByteStream, httpx.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            return iter(chunks)

        async def __aiter__(self) -> Any:
            for chunk in chunks:
                yield chunk

    def reply(request: Any) -> Any:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

    transport = httpx.MockTransport(reply)
    return httpx.AsyncClient(transport=transport) if asynchronous else httpx.Client(transport=transport)


def new_client(source: Source) -> openai.OpenAI:
    """Return a client for *source*."""
    http = None if source.chunks is None else over_httpx(source.chunks)
    return openai.OpenAI(api_key=KEY, base_url=source.base_url, max_retries=0, http_client=http)


def new_async_client(source: Source) -> openai.AsyncOpenAI:
    """Return an asynchronous client for *source*, for libraries that need one."""
    http = None if source.chunks is None else over_httpx(source.chunks, asynchronous=True)
    return openai.AsyncOpenAI(api_key=KEY, base_url=source.base_url, max_retries=0, http_client=http)


def join(chunks: Iterable[Any]) -> Answer:
    """Join chunks with the attributes of openai's, as users of openai do."""
    events = 0
    text: list[str] = []
    reasoning: list[str] = []
    arguments: dict[int, list[str]] = {}
    for chunk in chunks:
        events += 1
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta
        if delta.content:
            text.append(delta.content)
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if thought:
            reasoning.append(thought if isinstance(thought, str) else thought.content)
        for call in delta.tool_calls or ():
            arguments.setdefault(call.index, []).append(call.function.arguments or "")
    calls = ["".join(arguments[n]) for n in sorted(arguments)]
    return Answer(events, "".join(text), "".join(reasoning), calls)


def pieces(chunks: Iterable[Any]) -> Iterator[str]:
    """Yield the pieces of text in such chunks."""
    for chunk in chunks:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            yield text


class Create:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def _chunks(self) -> Iterable[Any]:
        return self._client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )

    def answer(self) -> Answer:
        return join(self._chunks())

    def texts(self) -> Iterator[str]:
        return pieces(self._chunks())


class StreamHelper:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def _stream(self) -> Any:
        return self._client.chat.completions.stream(
            model=MODEL, messages=MESSAGES, stream_options={"include_usage": True}
        )

    def answer(self) -> Answer:
        with self._stream() as stream:
            events = sum(1 for _ in stream)
            message = stream.get_final_completion().choices[0].message
        arguments = [call.function.arguments for call in message.tool_calls or ()]
        return Answer(events, message.content or "", getattr(message, "reasoning_content", None), arguments)

    def texts(self) -> Iterator[str]:
        with self._stream() as stream:
            for event in stream:
                if event.type == "content.delta":
                    yield event.delta


class ResponsesCreate:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def answer(self) -> Answer:
        events, text = 0, None
        for event in self._client.responses.create(model=MODEL, input=PROMPT, stream=True):
            events += 1
            if event.type == "response.completed":
                text = event.response.output_text
        return Answer(events, text)

    def texts(self) -> Iterator[str]:
        for event in self._client.responses.create(model=MODEL, input=PROMPT, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta


class ResponsesHelper:
    def __init__(self, source: Source) -> None:
        self._client = new_client(source)

    def answer(self) -> Answer:
        with self._client.responses.stream(model=MODEL, input=PROMPT) as stream:
            events = sum(1 for _ in stream)
            return Answer(events, stream.get_final_response().output_text)

    def texts(self) -> Iterator[str]:
        with self._client.responses.stream(model=MODEL, input=PROMPT) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    yield event.delta

"""The events of a stream or of an agent's run -> the body of a web page's reply, in one of four forms.

    return Response(openai_chunks(client.stream(...)), headers=SSE_HEADERS)

Rules: each function returns pieces of text that WSGI and ASGI frameworks take. When the browser leaves, the
stream behind them is closed. An error becomes the protocol's own error, with the server's message or the kind
of the error: never a traceback, an address or a key.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any

from ._checks import EVENTS, FLAG, SECONDS, check
from .codec import event_to_jsonable
from .completion import Completion
from .errors import APIError, StreamkitError
from .events import (
    Completed,
    Event,
    ItemDone,
    KeepAlive,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
)
from .items import CustomToolCall, FunctionCall, Item
from .reader_thread import END, ReaderThread
from .text_stream import Pieces, close_source, texts_of
from .ui_input import read_messages
from .ui_parts import UIParts
from .wires.chat.document import write_document

SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx
}
UI_HEADERS = {**SSE_HEADERS, "x-vercel-ai-ui-message-stream": "v1"}

_REASONS = ("stop", "length", "tool_calls", "content_filter")  # OpenAI's own
_DONE = "data: [DONE]\n\n"
_COMMENT = ": keep-alive\n\n"  # readers of event streams skip it


def keep_alive(events: Iterable[Event], *, every: float = 15.0) -> Pieces[Event]:
    """Yield *events*, and a `KeepAlive` for each *every* seconds in which the model was silent.

    While a model loads or thinks, a program that asks for the next event is blocked. With this one
    it can look whether its reader has left; and its own page isn't silent, because proxies cut those that
    are. The events are read in a thread, each one when it is asked for. The result is an async iterable, too.
    """
    check("events", events, EVENTS)
    check("every", every, SECONDS)
    return Pieces(_keep_alive(events, every), events)


def _keep_alive(events: Iterable[Event], every: float) -> Generator[Event, None, None]:
    reader = ReaderThread(iter(events), events)
    try:
        while (event := (yield from _silences(reader.ask(), every))) is not END:
            yield event
    except StreamkitError as error:
        raise error.with_traceback(None)  # noqa: B904 - the same error, without the frames of the thread
    finally:
        reader.close()


def _silences(asked: Future[Any], every: float) -> Generator[Event, None, Any]:
    """Yield a `KeepAlive` each time that *every* seconds pass, and return what was *asked* for."""
    while not asked.done():
        with suppress(FutureTimeout):
            return asked.result(every)
        if not asked.done():
            yield KeepAlive()
    return asked.result()


def plain_text(events: Iterable[Event]) -> Pieces[str]:
    """Yield the text of the first choice. An error is a line at the end, in brackets."""
    check("events", events, EVENTS)
    return Pieces(_plain_text(events), events)


def _plain_text(events: Iterable[Event]) -> Generator[str, None, None]:
    try:
        yield from texts_of(events)
    except StreamkitError as error:
        yield f"\n[{_words(error)}]"
    finally:
        close_source(events)


def openai_chunks(events: Iterable[Event], *, include_usage: bool = True) -> Pieces[str]:
    """Yield a Chat Completions stream that OpenAI's clients read. The usage is in a chunk before `[DONE]`.

    Calls by the model are in it, also those that an agent runs. An error is an object that OpenAI's clients
    raise.
    """
    check("events", events, EVENTS)
    check("include_usage", include_usage, FLAG)
    return Pieces(_openai_chunks(events, include_usage), events)


def _openai_chunks(events: Iterable[Event], include_usage: bool) -> Generator[str, None, None]:
    writer = _Chunks()
    try:
        for event in events:
            if type(event) is KeepAlive:
                yield _COMMENT
            yield from map(_data, writer.write(event))
        yield from map(_data, writer.end(include_usage=include_usage))
        yield _DONE
    except StreamkitError as error:
        yield _data({"error": {"message": _words(error), "type": type(error).__name__, "code": _code(error)}})
    finally:
        close_source(events)


def ui_messages(events: Iterable[Event]) -> Pieces[str]:
    """Yield the UI message stream of the Vercel AI SDK (versions 5 and 6), for `useChat`; send `UI_HEADERS`.

    Each turn of an agent is a step; outputs of its tools are in it. Citations of URLs become sources,
    pictures become files. A call whose arguments were cut off ends in an error of its input.
    """
    check("events", events, EVENTS)
    return Pieces(_ui_messages(events), events)


def _ui_messages(events: Iterable[Event]) -> Generator[str, None, None]:
    writer = UIParts()
    try:
        for event in events:
            if type(event) is KeepAlive:
                yield _COMMENT
            yield from map(_data, writer.write(event))
        yield from map(_data, writer.end())
    except StreamkitError as error:
        yield from map(_data, writer.close_parts())
        yield _data({"type": "error", "errorText": _words(error)})
    finally:
        close_source(events)
    yield _DONE


def read_ui_messages(messages: list[Any]) -> list[Item]:
    """Return the conversation in the `messages` that `useChat` posts: the input of the next stream.

    A tool part becomes the call and its output; steps, sources and `data-...` parts are only the page's. A
    browser sends the list, so it may contain anything: raises `UsageError` with the place of a wrong part.
    Instructions are safer in `instructions=` than in a message that a browser can write.
    """
    return read_messages(messages)


def sse(events: Iterable[Event]) -> Pieces[str]:
    """Yield the events themselves as named server-sent events; a keep-alive is a comment.

    The data is that of `codec.event_to_jsonable`. An error is an event called `error`, with `error` and
    `message`.
    """
    check("events", events, EVENTS)
    return Pieces(_sse(events), events)


def _sse(events: Iterable[Event]) -> Generator[str, None, None]:
    try:
        for event in events:
            if isinstance(event, KeepAlive):
                yield _COMMENT
            else:
                yield f"event: {type(event).__name__}\n{_data(event_to_jsonable(event))}"
    except StreamkitError as error:
        yield f"event: error\n{_data({'error': type(error).__name__, 'message': _words(error)})}"
    finally:
        close_source(events)


def _data(value: Any) -> str:
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"


def _words(error: StreamkitError) -> str:
    """Return the words for the browser: the model server's own message, or the kind of the error."""
    return error.message if isinstance(error, APIError) else f"the answer failed: {type(error).__name__}"


def _code(error: StreamkitError) -> Any:
    return getattr(error, "code", None)


class _Chunks:
    """Writes events as chunks. Calls get numbers in the order in which they appear in a choice."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {"id": "chatcmpl-streamkit", "created": 0, "model": ""}
        self._choices: set[int] = set()
        self._calls: dict[tuple[int, int], int] = {}
        self._turns = 0  # each turn of an agent numbers its slots from 0
        self._completion: Completion | None = None

    def write(self, event: Event) -> Iterator[dict[str, Any]]:
        match event:
            case Started():
                known = {"id": event.id, "created": event.created, "model": event.model}
                self._head |= {name: value for name, value in known.items() if value is not None}
            case TextDelta():
                yield from self._delta(event.choice, {"content": event.text})
            case RefusalDelta():
                yield from self._delta(event.choice, {"refusal": event.text})
            case ReasoningDelta():
                yield from self._delta(event.choice, {"reasoning_content": event.text})
            case ToolCallDelta():
                yield from self._call(event, event.call_id, event.name, event.arguments)
            case ItemDone(item=FunctionCall() | CustomToolCall() as call):
                if self._key(event) not in self._calls:  # without a delta
                    text = call.arguments if isinstance(call, FunctionCall) else call.input
                    yield from self._call(event, call.call_id, call.name, text)
            case Completed():
                self._completion = event.completion
                self._turns += 1

    def end(self, *, include_usage: bool) -> Iterator[dict[str, Any]]:
        """Yield the finish of each choice, and the usage."""
        done = self._completion
        for choice in done.choices if done else ():
            reason = choice.finish_reason if choice.finish_reason in _REASONS else choice.raw_finish_reason
            yield self._chunk([{"index": choice.index, "delta": {}, "finish_reason": reason or "stop"}])
        if done is not None and include_usage and done.usage is not None:
            yield {**self._chunk([]), "usage": write_document(done)["usage"]}

    def _key(self, event: Any) -> tuple[int, int]:
        return (self._turns, event.slot)

    def _call(
        self, event: Any, call_id: str | None, name: str | None, arguments: str
    ) -> Iterator[dict[str, Any]]:
        is_new = self._key(event) not in self._calls
        index = self._calls.setdefault(self._key(event), len(self._calls))
        entry: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
        if is_new:
            entry |= {"id": call_id or f"call_{index}", "type": "function"}
            entry["function"] = {"name": name or "", "arguments": arguments}
        yield from self._delta(event.choice, {"tool_calls": [entry]})

    def _delta(self, choice: int, delta: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if choice not in self._choices:
            self._choices.add(choice)
            delta = {"role": "assistant", **delta}
        yield self._chunk([{"index": choice, "delta": delta, "finish_reason": None}])

    def _chunk(self, choices: list[Any]) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk", "choices": choices}

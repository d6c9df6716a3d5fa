"""web: events as the body of a page's reply, in the protocols that browsers' clients read."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from streamkit import (
    Client,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    ItemDone,
    Message,
    OutputText,
    Reasoning,
    StreamkitError,
    TruncatedStreamError,
    Usage,
    UsageError,
    agent,
    read_events,
    tool,
)
from streamkit.events import Event, KeepAlive, TextDelta
from streamkit.items import OutputImage
from streamkit.testing import FakeReply, FakeTransport, chat_stream
from streamkit.testing import sse as body_of
from streamkit.web import (
    SSE_HEADERS,
    UI_HEADERS,
    keep_alive,
    openai_chunks,
    plain_text,
    read_ui_messages,
    sse,
    ui_messages,
)

from .faultserver import FaultServer, Peer, chunked, delta, head

CALL = FunctionCall("c1", "f", '{"a": 1}')
CUT = chat_stream("Hel", done=False)[:-80]
REFUSED = FakeReply([b'{"error":{"message":"no credit","code":"quota"}}'], 402)


@tool
def f(a: int) -> dict[str, int]:
    return {"r": a}


def client(*answers: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    return Client("generic", base_url="http://h/v1", transport=transport, model="m"), transport


def payloads(lines: Iterator[str]) -> list[Any]:
    text = "".join(lines)
    found = [block.partition("data: ")[2] for block in text.split("\n\n") if "data: " in block]
    return [each if each == "[DONE]" else json.loads(each) for each in found]


# -- OpenAI's chunks ----------------------------------------------------------------------


def test_our_own_reader_reads_the_chunks() -> None:
    """Text, reasoning, calls, finish, usage and head come out as they went in."""
    own, _ = client(
        chat_stream(Reasoning(content="hm"), "Hi", CALL, usage=Usage(1, 2, 3), model="m1", id="i1")
    )
    stream = own.stream("q")
    lines = list(openai_chunks(stream))
    *_, completed = read_events([line.encode() for line in lines])
    before, after = stream.result(), completed.completion  # type: ignore[union-attr]
    assert (after.text, after.reasoning, after.tool_calls) == (
        before.text,
        before.reasoning,
        before.tool_calls,
    )
    assert (after.id, after.model, after.finish_reason) == ("i1", "m1", "tool_calls")
    assert (after.usage.input_tokens, after.usage.output_tokens) == (1, 2)
    assert lines[-1] == "data: [DONE]\n\n"


def test_the_form_of_the_chunks() -> None:
    """The role is in the first delta only; a call has its id once."""
    own, _ = client(chat_stream("Hi", CALL))
    *chunks, done = payloads(openai_chunks(own.stream("q"), include_usage=False))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert done == "[DONE]"
    assert deltas[0] == {"role": "assistant", "content": "Hi"}
    assert deltas[1]["tool_calls"][0] == {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert deltas[2]["tool_calls"][0] == {"index": 0, "function": {"arguments": '{"a": 1}'}}
    assert chunks[-1]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(
            CUT,
            {
                "message": "the answer failed: TruncatedStreamError",
                "type": "TruncatedStreamError",
                "code": None,
            },
            id="cut",
        ),
        pytest.param(
            REFUSED, {"message": "no credit", "type": "PermissionDeniedError", "code": "quota"}, id="refused"
        ),
    ],
)
def test_an_error_is_the_protocols(answer: Any, error: dict[str, Any]) -> None:
    """Without [DONE], and without the address; the three protocols have it in their own form."""
    own, transport = client(answer)
    assert payloads(openai_chunks(own.stream("q")))[-1] == {"error": error}
    *_, part, done = payloads(ui_messages(own.stream("q")))
    assert (part, done) == ({"type": "error", "errorText": error["message"]}, "[DONE]")
    *_, last = list(sse(own.stream("q")))
    assert last.startswith("event: error\n")
    assert json.loads(last.partition("data: ")[2]) == {"error": error["type"], "message": error["message"]}
    assert "http://h" not in last
    assert transport.closed == len(transport.calls)


# -- UI messages --------------------------------------------------------------------------


def test_an_agents_run_is_a_ui_message() -> None:
    """Each turn is a step; outputs of its tools are in it. The order is that of the AI SDK's protocol."""
    own, _ = client(chat_stream(Reasoning(content="hm"), "Look", CALL), chat_stream("done"))
    *parts, done = payloads(ui_messages(agent.run(own, "q", [f])))
    assert done == "[DONE]"
    assert parts == [
        {"type": "start"},
        {"type": "start-step"},
        {"type": "reasoning-start", "id": "part-1"},
        {"type": "reasoning-delta", "id": "part-1", "delta": "hm"},
        {"type": "text-start", "id": "part-2"},
        {"type": "text-delta", "id": "part-2", "delta": "Look"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "f"},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"a": 1}'},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "f", "input": {"a": 1}},
        {"type": "tool-output-available", "toolCallId": "c1", "output": '{"r": 1}'},
        {"type": "reasoning-end", "id": "part-1"},
        {"type": "text-end", "id": "part-2"},
        {"type": "finish-step"},
        {"type": "start-step"},
        {"type": "text-start", "id": "part-3"},
        {"type": "text-delta", "id": "part-3", "delta": "done"},
        {"type": "text-end", "id": "part-3"},
        {"type": "finish-step"},
        {"type": "finish"},
    ]
    assert UI_HEADERS["x-vercel-ai-ui-message-stream"] == "v1"


def test_a_failed_tool_is_an_output_error() -> None:
    """The page shows it; the run goes on."""
    own, _ = client(chat_stream(FunctionCall("c1", "f", '{"a": "x"}')), chat_stream("done"))
    parts = payloads(ui_messages(agent.run(own, "q", [f])))
    (failed,) = [part for part in parts if isinstance(part, dict) and part["type"] == "tool-output-error"]
    assert failed["toolCallId"] == "c1"
    assert "expected integer" in failed["errorText"]


def test_every_call_comes_to_its_end() -> None:
    """Free text is a string; arguments that were cut off are an error of the input, with the pieces."""
    free = ItemDone(slot=0, item=CustomToolCall("c1", "g", "free text"))
    *_, given, _, _ = payloads(ui_messages([free]))[:-1]
    assert given == {
        "type": "tool-input-available",
        "toolCallId": "c1",
        "toolName": "g",
        "input": "free text",
    }
    cut = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a": '}}
    own, _ = client(body_of({"choices": [{"index": 0, "delta": {"tool_calls": [cut]}}]}))
    *_, lost, error, _ = payloads(ui_messages(own.stream("q")))
    assert lost == {
        "type": "tool-input-error",
        "toolCallId": "c1",
        "toolName": "f",
        "input": '{"a": ',
        "errorText": "the arguments of this call were cut off",
    }
    assert error["type"] == "error"


def test_sources_and_pictures_are_parts() -> None:
    """A URL once, in either form of a citation; a picture with its media type."""
    flat = {"type": "url_citation", "url": "https://x"}
    nested = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}
    parts = [OutputText("Hi", [flat, nested, {"type": "file_citation"}, 7]), OutputImage("https://p/a.png")]
    assert payloads(ui_messages([ItemDone(slot=0, item=Message("assistant", parts))]))[2:-3] == [
        {"type": "source-url", "sourceId": "source-1", "url": "https://x"},
        {"type": "file", "url": "https://p/a.png", "mediaType": "image/png"},
    ]


def test_a_custom_call_without_a_delta_is_a_chunk() -> None:
    """OpenAI's chunks have its text as arguments."""
    free = ItemDone(slot=0, item=CustomToolCall("c1", "g", "free text"))
    chunk, _ = payloads(openai_chunks([free]))
    assert chunk["choices"][0]["delta"]["tool_calls"][0]["function"] == {
        "name": "g",
        "arguments": "free text",
    }


def test_an_empty_answer_is_a_whole_message() -> None:
    """It has a start and an end."""
    own, _ = client(chat_stream())
    kinds = [part["type"] for part in payloads(ui_messages(own.stream("q")))[:-1]]
    assert kinds == ["start", "start-step", "finish-step", "finish"]


# -- the messages that useChat posts --------------------------------------------------------


def test_ui_messages_are_a_conversation() -> None:
    """Outputs follow all calls of their step; a failed tool is an error; parts of the page are left out."""
    ran = {"toolCallId": "c1", "state": "output-available", "input": {"a": 1}, "output": {"r": 1}}
    failed = {"toolCallId": "c2", "state": "output-error", "rawInput": '{"a": "x', "errorText": "cut off"}
    free = {"toolCallId": "c3", "state": "output-available", "input": "free text", "output": "ok"}
    open_ = {"toolCallId": "c4", "state": "input-available", "input": {}}
    pdf = {"type": "file", "mediaType": "application/pdf", "url": "data:,x", "filename": "a.pdf"}
    parts = [
        {"type": "step-start"},
        {"type": "reasoning", "text": "hm"},
        {"type": "tool-f", **ran},
        {"type": "tool-f", **failed},
        {"type": "dynamic-tool", "toolName": "g", **free},
        {"type": "step-start"},
        {"type": "source-url", "url": "https://x", "sourceId": "s"},
        {"type": "data-weather", "data": {}},
        {"type": "text", "text": "done"},
        {"type": "file", "mediaType": "image/png", "url": "https://x/p"},
        {"type": "tool-f", **open_},
    ]
    sent = [
        {"id": "1", "role": "system", "parts": [{"type": "text", "text": "s"}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "text": "q"},
                {"type": "file", "mediaType": "image/png", "url": "https://x/a"},
                pdf,
                {"type": "file", "mediaType": "text/plain", "url": "https://x/b"},
            ],
        },
        {"id": "2", "role": "assistant", "parts": parts, "metadata": {}},
        {"id": "3", "role": "user", "parts": []},
    ]
    assert read_ui_messages(sent) == [
        Message("system", "s"),
        Message(
            "user",
            [
                InputText("q"),
                InputImage("https://x/a"),
                InputFile("a.pdf", file_data="data:,x"),
                InputFile(file_url="https://x/b"),
            ],
        ),
        Reasoning(content="hm"),
        CALL,
        FunctionCall("c2", "f", '{"a": "x'),
        CustomToolCall("c3", "g", "free text"),
        FunctionCallOutput("c1", '{"r": 1}'),
        FunctionCallOutput("c2", "cut off", is_error=True),
        CustomToolCallOutput("c3", "ok"),
        Message("assistant", "done"),
        Message("assistant", [OutputImage("https://x/p")]),
        FunctionCall("c4", "f", "{}"),
    ]


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ("hi", "^the messages: expected a list, got 'hi'"),
        ([7], r"messages\[0\]: expected an object"),
        ([{"role": "tool", "parts": []}], r"messages\[0\]\.role: expected system or user or assistant"),
        ([{"role": "user", "content": "q"}], r"messages\[0\]\.parts: expected a list, got None"),
        ([{"role": "user", "parts": ["q"]}], r"messages\[0\]\.parts\[0\]: expected an object"),
        ([{"role": "user", "parts": [{"type": 7}]}], r"parts\[0\]\.type: expected a string"),
        ([{"role": "user", "parts": [{"type": "text"}]}], r"parts\[0\]\.text: expected a string"),
        ([{"role": "user", "parts": [{"type": "tool-f"}]}], r"parts\[0\]\.type: expected text or file"),
        (
            [{"role": "assistant", "parts": [{"type": "tool-f"}]}],
            r"parts\[0\]\.toolCallId: expected a string",
        ),
        ([{"role": "assistant", "parts": [{"type": "x"}]}], r"parts\[0\]\.type: expected text, reasoning"),
    ],
)
def test_a_browser_may_post_anything(sent: Any, place: str) -> None:
    """The error names the place; its beginning of the value is short."""
    with pytest.raises(UsageError, match=place):
        read_ui_messages(sent)


# -- our own events -----------------------------------------------------------------------


def test_events_are_named() -> None:
    """A keep-alive is a comment."""
    own, _ = client(b": ping\n\n" + chat_stream("Hi"))
    lines = list(sse(own.stream("q")))
    assert ": keep-alive\n\n" in lines
    (text,) = [line for line in lines if line.startswith("event: TextDelta")]
    assert json.loads(text.partition("data: ")[2])["text"] == "Hi"
    assert lines[-1].startswith("event: Completed\n")


# -- plain text ----------------------------------------------------------------------------


@pytest.mark.usefixtures("short_waits")
def test_plain_text_ends_with_its_error() -> None:
    """The server's own message, or the kind of the error."""
    own, _ = client(chat_stream("Hi"), body_of({"error": {"message": "slow down", "code": 429}}))
    assert list(plain_text(own.stream("q"))) == ["Hi"]
    assert list(plain_text(own.stream("q"))) == ["\n[slow down]"]


# -- leaving ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [openai_chunks, ui_messages, sse, plain_text])
def test_closing_the_body_closes_the_stream(protocol: Callable[[Any], Any]) -> None:
    """A server does that when the browser leaves."""
    own, transport = client(FakeReply([chat_stream("Hello")[:200], chat_stream("Hello")[200:]]))
    lines = protocol(own.stream("q"))
    next(lines)
    assert transport.closed == 0
    lines.close()
    assert transport.closed == 1


@pytest.mark.parametrize("protocol", [openai_chunks, ui_messages, sse, plain_text])
def test_an_async_server_reads_the_same_pieces(protocol: Callable[[Any], Any]) -> None:
    """In a thread of the body's own."""
    own, transport = client(chat_stream("Hello"))

    async def read() -> list[str]:
        return [piece async for piece in protocol(own.stream("q"))]

    assert asyncio.run(read()) == list(protocol(own.stream("q")))
    assert transport.closed == 2


def test_cancelling_an_async_body_cancels_a_read_that_waits() -> None:
    """As ASGI servers do when the browser leaves."""
    waits = threading.Event()

    def chunks(peer: Peer) -> None:
        peer.send(head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
        peer.send(chunked(chat_stream("Hel", done=False)[:-100], end=False))
        waits.set()
        peer.hang()

    with FaultServer(chunks) as server:
        own = Client("generic", base_url=server.url, model="m")
        stream = own.stream("q")

        async def read() -> None:
            body = stream.text_stream
            task = asyncio.ensure_future(_all(body))
            while not waits.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(read())
        assert server.left.wait(5)
        own.close()
    with pytest.raises(StreamkitError):
        next(stream)


async def _all(body: Any) -> list[str]:
    return [piece async for piece in body]


def _waiting() -> tuple[Client, threading.Event]:
    """Return a client whose answer stops after its first piece until the event is set."""
    go_on = threading.Event()
    whole = chat_stream("Hel", "lo")
    middle = whole.index(b"lo") - 40

    def chunks() -> Iterator[bytes]:
        yield whole[:middle]
        assert go_on.wait(30)
        yield whole[middle:]

    return client(FakeReply(chunks()))[0], go_on


def test_a_silent_model_gives_keep_alives() -> None:
    """As many as the caller asks for, and no event of the stream is lost behind them."""
    own, go_on = _waiting()
    silences = 0
    texts = []
    for event in keep_alive(own.stream("q"), every=0.01):
        match event:
            case KeepAlive():
                silences += 1
                if silences == 3:
                    go_on.set()
            case TextDelta():
                texts.append((event.text, silences >= 3))
    assert texts == [("Hel", False), ("lo", True)]


def test_an_answer_without_silence_has_no_keep_alives() -> None:
    """The events are those of the stream, one each time that one is asked for."""
    own, transport = client(chat_stream("Hel", "lo"), chat_stream("Hel", "lo"))
    assert list(keep_alive(own.stream("q"))) == list(own.stream("q"))
    with own.stream("q") as stream:
        events = keep_alive(stream)
        next(events)
        assert stream.stats.events == 0  # `Opened` alone
    assert transport.closed == 3


@pytest.mark.parametrize("protocol", [openai_chunks, ui_messages, sse])
def test_a_page_writes_keep_alives_as_comments(protocol: Callable[[Any], Any]) -> None:
    """Every reader of event streams skips them."""
    own, go_on = _waiting()
    spoken, comments = [], []
    for line in protocol(keep_alive(own.stream("q"), every=0.01)):
        if line.startswith(":"):
            go_on.set()
        (comments if line.startswith(":") else spoken).append(line)
    assert set(comments) == {": keep-alive\n\n"}
    assert spoken == list(protocol(client(chat_stream("Hel", "lo"))[0].stream("q")))


def test_leaving_during_a_silence_closes_the_stream() -> None:
    """A loop that ends at a `KeepAlive` doesn't wait for the model."""
    with FaultServer(_silent_after_a_piece) as server:
        own = Client("generic", base_url=server.url, model="m")
        with own.stream("q") as stream:
            for event in keep_alive(stream, every=0.01):
                if type(event) is KeepAlive:
                    break
        assert server.left.wait(5)
        own.close()


def _silent_after_a_piece(peer: Peer) -> None:
    peer.send(head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
    peer.send(chunked(body_of(delta("Hel")), end=False))
    peer.hang()


@pytest.mark.parametrize("leave", ["drops", "closes the page of"])
def test_who_leaves_keep_alive_leaves_no_thread(leave: str) -> None:
    """Its thread ends with it, in the middle of a silence, too."""
    with FaultServer(_silent_after_a_piece) as server:
        own = Client("generic", base_url=server.url, model="m")
        lines = openai_chunks(keep_alive(own.stream("q"), every=0.01))
        while next(lines)[0] != ":":
            pass
        (reader,) = [thread for thread in threading.enumerate() if thread.name == "streamkit-reader"]
        if leave == "drops":
            del lines
        else:
            lines.close()
        reader.join(10)
        assert not reader.is_alive()
        assert server.left.wait(5)
        own.close()


ENDS_IN_A_SILENCE = """
import sys
from streamkit import Client, KeepAlive
from streamkit.web import keep_alive
events = keep_alive(Client("generic", base_url=sys.argv[1], model="m").stream("q"), every=0.01)
for event in events:
    if type(event) is KeepAlive:
        print("ends", flush=True)
        break
"""


def test_a_program_that_ends_waits_for_no_model() -> None:
    """Even if it never closed the stream, whose idle clock has two minutes."""
    with FaultServer(_silent_after_a_piece) as server:
        command = [sys.executable, "-c", ENDS_IN_A_SILENCE, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")


def test_a_program_without_threads_left_gets_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A StreamkitError, like everything that leaves a public call; the stream is closed."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    own, transport = client(chat_stream("Hi"))
    with own.stream("q") as stream:
        next(stream)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StreamkitError, match="can't start new thread"):
            next(keep_alive(stream))
    assert transport.closed == 1


def test_an_error_of_the_stream_passes_through_keep_alive() -> None:
    """With its partial answer."""
    own, _ = client(CUT)
    with pytest.raises(TruncatedStreamError) as raised:
        list(keep_alive(own.stream("q")))
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Hel"


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), "1", True, None], ids=repr)
def test_keep_alive_refuses_other_times(every: Any) -> None:
    """Zero would never wait."""
    with pytest.raises(UsageError, match="every: expected a number of seconds above 0"):
        keep_alive([], every=every)


SPAN: ContextVar[str] = ContextVar("SPAN", default="none")


@pytest.mark.parametrize("read", [openai_chunks, keep_alive], ids=["page", "keep_alive"])
def test_a_thread_reads_in_the_context_of_its_reader(read: Callable[[Any], Any]) -> None:
    """Spans of OpenTelemetry, and what tools look up, are the same as in a plain loop."""
    seen = []

    def events() -> Iterator[Event]:
        seen.append(SPAN.get())
        yield from read_events([chat_stream("Hi")])

    async def page() -> None:
        SPAN.set("request")
        async for _ in read(events()):
            pass

    asyncio.run(page())
    SPAN.set("loop")
    list(keep_alive(events()))
    SPAN.set("none")
    assert seen == ["request", "loop"]


def test_leaving_a_generator_around_a_stream_raises_nothing() -> None:
    """It can't be closed while it waits for the model; then it is closed at the next piece."""
    waits, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def filtered() -> Iterator[Event]:
        try:
            waits.set()
            assert go_on.wait(30)
            yield KeepAlive()
        finally:
            closed.set()

    async def page() -> None:
        task = asyncio.ensure_future(_all(sse(filtered())))
        while not waits.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(page())
    assert closed.wait(5)


def test_any_iterable_of_events_is_a_source() -> None:
    """For example those of a recording."""
    events: list[Event] = list(read_events([chat_stream("Hi")]))
    assert payloads(openai_chunks(events))[-1] == "[DONE]"


# -- the official client ------------------------------------------------------------------


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        pass


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[str]:
    """The base URL of a WSGI page that answers with the chunks of a fresh stream."""
    own, _ = client(request.param)

    def page(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(SSE_HEADERS.items()))
        return (line.encode() for line in openai_chunks(own.stream("q")))

    server = make_server("127.0.0.1", 0, page, handler_class=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.interop
@pytest.mark.parametrize(
    "served", [chat_stream("Hi", CALL, usage=Usage(1, 2, 3))], indirect=True, ids=["whole"]
)
def test_openais_client_reads_a_page(served: str) -> None:
    """Its stream helper joins text, call and usage."""
    openai = pytest.importorskip("openai")
    own = openai.OpenAI(api_key="k", base_url=served, max_retries=0)
    asked = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    chunks = list(own.chat.completions.create(**asked, stream=True))
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == "Hi"
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert (calls[0].function.name, "".join(call.function.arguments for call in calls)) == ("f", '{"a": 1}')
    assert chunks[-1].usage.total_tokens == 3


@pytest.mark.interop
@pytest.mark.parametrize(
    "served", [body_of({"choices": [{"index": 0, "delta": {"content": "Hel"}}]})], indirect=True, ids=["cut"]
)
def test_openais_client_raises_our_error(served: str) -> None:
    """After the text that arrived."""
    openai = pytest.importorskip("openai")
    own = openai.OpenAI(api_key="k", base_url=served, max_retries=0)
    chunks = own.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}], stream=True)
    assert next(iter(chunks)).choices[0].delta.content == "Hel"
    with pytest.raises(openai.APIError, match="TruncatedStreamError"):
        list(chunks)


@pytest.mark.interop
@pytest.mark.timeout(90)
def test_readers_who_leave_a_page_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty at once on FastAPI and uvicorn: half leave, and their answers end at the model's server."""
    pytest.importorskip("fastapi", reason="needs fastapi: install the extra interop")
    uvicorn = pytest.importorskip("uvicorn", reason="needs uvicorn: install the extra interop")
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    page = import_module("fastapi_page")
    left = threading.Event()  # by everyone who will
    broken = threading.Semaphore(0)  # once for each answer that its client left

    def answer(peer: Peer) -> None:
        first = chunked(body_of(delta("Hel")), end=False)
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), first)
        try:
            while not left.is_set() or not is_patient(peer):
                peer.pause(0.02)
                peer.send(chunked(b": wait\n\n", end=False))
        except OSError:
            broken.release()
            raise
        peer.send(chunked(body_of(delta("lo"), delta(finish="stop"), "[DONE]")))

    def is_patient(peer: Peer) -> bool:
        return "stays" in json.loads(peer.asked.body)["messages"][0]["content"]

    texts: list[str] = []

    def read(port: int, who: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", f"/ask?q={who}")
        reply = connection.getresponse()
        if who == "stays":
            texts.append(reply.read().decode())
        else:
            assert reply.read1(3) == b"Hel"
        reply.close()
        connection.close()

    with FaultServer(answer) as model:
        own = Client("generic", base_url=model.url, model="m")
        server = uvicorn.Server(uvicorn.Config(page.make_app(own), port=0, log_level="error"))
        listener = socket.create_server(("127.0.0.1", 0))
        running = threading.Thread(target=server.run, args=([listener],))
        running.start()
        port = listener.getsockname()[1]
        stay, leave = (
            [threading.Thread(target=read, args=(port, who)) for _ in range(25)]
            for who in ("stays", "leaves")
        )
        for thread in (*stay, *leave):
            thread.start()
        for thread in leave:
            thread.join()
        for _ in leave:
            assert broken.acquire(timeout=10)
        left.set()
        for thread in stay:
            thread.join()
        server.should_exit = True
        running.join()
        listener.close()
        own.close()
    assert texts == ["Hello"] * 25

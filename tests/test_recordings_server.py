"""serve: recordings as a loopback server, with streamkit, curl, openai and raw sockets as clients."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from streamkit import (
    APIConnectionError,
    Client,
    Completed,
    FunctionCall,
    RateLimitError,
    Reasoning,
    RetryPolicy,
    TextDelta,
    Usage,
    UsageError,
    read_events,
)
from streamkit.recordings.catalog import wire_of
from streamkit.recordings.faults import cut_at, stall_at
from streamkit.recordings.format import (
    Ending,
    Header,
    RecordedRequest,
    RecordedResponse,
    Recording,
    TimedChunk,
)
from streamkit.recordings.server import ReplayServer, serve
from streamkit.recordings.translate import translated
from streamkit.testing import chat_stream, refusal, responses_stream, sse, stream_of
from streamkit.wires import WIRES, find_wire

CALL = FunctionCall(call_id="call_1", name="f", arguments='{"a": 1}')
POEM = Recording.of(chat_stream("Roses ", "are", CALL, usage=Usage(1, 2, 3), model="m-poem"), name="poem")
JOKE = Recording.of(chat_stream("Knock, knock"), name="joke")
ESSAY = Recording.of(responses_stream("Wir ", "sind", usage=Usage(1, 2, 3), model="m-essay"), name="essay")
NEVER = Recording(ending=Ending("no reply", 0.0, "refused"), name="never")

ASKED_RESPONSES = Recording(Header(request=RecordedRequest(url="http://h/v1/responses?x=1")))
FACTS: Any = {"finish_reason": None, "usage": None, "model": "m", "id": "i"}
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with serve(POEM, JOKE, ESSAY, speed=0) as running:
        yield running


def ask(server: ReplayServer, path: str = "/chat/completions", **body: Any) -> requests.Response:
    """Send a request without keep-alive, so that no connection stays open."""
    return requests.post(f"{server.url}{path}", json=body, headers={"Connection": "close"}, timeout=10)


def client(server: ReplayServer, **options: Any) -> Client:
    return Client("generic", base_url=server.url, **options)


# -- streams ------------------------------------------------------------------------------


def test_a_stream_is_the_recorded_bytes(server: ReplayServer) -> None:
    """Body and content type are the recorded ones, in HTTP chunks."""
    answer = ask(server, model="poem", stream=True)
    assert answer.content == POEM.body
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(("wire", "recording"), [("chat", POEM), ("responses", ESSAY)], ids=str)
def test_streamkit_streams_from_it(server: ReplayServer, wire: Any, recording: Recording) -> None:
    """A client of either API gets the events of the recording."""
    with client(server, wire=wire) as c:
        events = list(c.stream("hi", model=recording.name))
    assert events[1:] == list(read_events([recording.body], wire=wire))


def test_addresses_without_v1_are_answered_too(server: ReplayServer) -> None:
    """Any prefix may precede the API's own path."""
    root = server.url.removesuffix("/v1")
    body = {"model": "poem", "stream": True}
    for prefix in ("", "/v1", "/openai/deployments/poem"):
        answer = requests.post(
            f"{root}{prefix}/chat/completions?api-version=1",
            json=body,
            headers={"Connection": "close"},
            timeout=10,
        )
        assert answer.content == POEM.body


def test_every_recorded_read_is_a_chunk_on_the_wire() -> None:
    """Each recorded read is sent as one HTTP chunk at once; the connection is kept afterwards."""
    recording = Recording.of([b"data: 1\n\n", b"data: 2", b"\n\n"], name="r")
    request = POST + b'Host: localhost\r\nContent-Length: 15\r\n\r\n{"stream":true}'
    expected = b"9\r\ndata: 1\n\n\r\n7\r\ndata: 2\r\n2\r\n\n\n\r\n0\r\n\r\n"
    with serve(recording, speed=0) as server, closing(raw(server)) as sock, sock.makefile("rb") as file:
        for _ in range(2):
            sock.sendall(request)
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            while file.readline() != b"\r\n":
                pass
            assert file.read(len(expected)) == expected


def test_http_1_0_gets_the_body_and_the_end() -> None:
    """nginx asks like that by default: there are no chunks, and closing the connection ends the body."""
    with serve(POEM, speed=0) as server, closing(raw(server)) as sock, sock.makefile("rb") as file:
        sock.sendall(b'POST /chat/completions HTTP/1.0\r\nContent-Length: 15\r\n\r\n{"stream":true}')
        head, _, body = file.read().partition(b"\r\n\r\n")
        assert body == POEM.body
        assert b"chunked" not in head


def raw(server: ReplayServer) -> socket.socket:
    host, _, port = server.url.removesuffix("/v1").rpartition("//")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_the_first_chunk_is_there_before_the_last_one_is_due() -> None:
    """The first chunk is readable while the rest is an hour away; closing the server ends its threads."""
    before = set(threading.enumerate())
    first, rest = sse({"choices": [{"index": 0, "delta": {"content": "Hi"}}]}), chat_stream("later")
    slow = Recording(chunks=(TimedChunk(0.0, first), TimedChunk(3600.0, rest)), name="slow")
    with serve(slow) as server, client(server, retry=RetryPolicy(max_retries=0)) as c:
        stream = c.stream("hi", model="slow")
        assert next(event.text for event in stream if isinstance(event, TextDelta)) == "Hi"
        server.close()
        with pytest.raises(APIConnectionError):
            list(stream)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_a_stall_is_a_stall_at_its_speed() -> None:
    """At a thousand times the speed a pause of a minute is short; the events are the same."""
    with serve(stall_at(POEM, 10, 60), speed=1e6) as server, client(server) as c:
        assert c.complete("hi", model="poem").text == "Roses are"


# -- which recording ----------------------------------------------------------------------


def texts(server: ReplayServer, *models: str, wire: Any = "chat") -> list[str]:
    with client(server, wire=wire) as c:
        return [c.complete("hi", model=model).text for model in models]


def test_a_recording_is_chosen_by_its_name_or_its_model(server: ReplayServer) -> None:
    """The file name is compared first, then the model that answered."""
    assert texts(server, "joke", "joke", "m-poem", "poem") == ["Knock, knock"] * 2 + ["Roses are"] * 2


def test_recordings_take_turns_if_no_name_matches(server: ReplayServer) -> None:
    """Those of the requested API answer in order."""
    seen = texts(server, "gpt-9", "gpt-9", "gpt-9", "gpt-9")
    assert sorted(seen[:2]) == ["Knock, knock", "Roses are"]
    assert seen[:2] == seen[2:]
    assert texts(server, "gpt-9", "gpt-9", wire="responses") == ["Wir sind"] * 2


def test_recordings_of_the_same_name_get_numbers() -> None:
    """Two files in two folders may have the same name."""
    other = Recording.of(chat_stream("other"), name="poem")
    with serve(POEM, other, speed=0) as server:
        assert server.names == ["poem", "poem-2"]
        assert texts(server, "poem-2", "poem") == ["other", "Roses are"]


@pytest.mark.parametrize(
    ("recording", "wire"),
    [
        pytest.param(POEM, "chat", id="chat by its payloads"),
        pytest.param(ESSAY, "responses", id="responses by its payloads"),
        pytest.param(Recording.of(b'{"object": "response"}'), "responses", id="a document"),
        pytest.param(Recording.of(b": nothing\n\n"), "chat", id="a comment alone"),
        pytest.param(
            Recording(Header(request=RecordedRequest(url="http://h/v1/responses?x=1"))),
            "responses",
            id="address",
        ),
    ],
)
def test_the_api_of_a_recording_is_detected(recording: Recording, wire: str) -> None:
    """The recorded address decides, else the first payload."""
    assert wire_of(recording) == wire


def test_models_are_the_recordings(server: ReplayServer) -> None:
    """`GET /v1/models` lists them in the API's shape."""
    answer = requests.get(f"{server.url}/models", headers={"Connection": "close"}, timeout=10).json()
    assert answer["object"] == "list"
    assert [model["id"] for model in answer["data"]] == ["poem", "joke", "essay"]


# -- documents ----------------------------------------------------------------------------


def test_a_chat_answer_without_stream_is_one_document(server: ReplayServer) -> None:
    """The document has the content of the stream."""
    assert ask(server, model="poem").json() == {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 0,
        "model": "m-poem",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Roses are",
                    "refusal": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"a": 1}'},
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_a_response_without_stream_is_that_of_the_terminal_event(server: ReplayServer) -> None:
    """It's the Responses API's own object, as the server sent it."""
    answer = ask(server, "/responses", model="essay").json()
    assert (answer["object"], answer["status"], answer["model"]) == ("response", "completed", "m-essay")
    assert answer["output"][0]["content"][0]["text"] == "Wir sind"


def test_a_recorded_document_is_served_unchanged() -> None:
    """A plain JSON answer is the same with and without `stream`."""
    body = b'{"id": "c", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}'
    with serve(Recording.of(body, name="doc"), speed=0) as server:
        assert ask(server, model="doc").content == body
        assert ask(server, model="doc", stream=True).content == body


# -- what goes wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_is_refused_with_its_status_and_headers(stream: bool) -> None:
    """429 stays 429; masked headers and headers of the recorded connection are left out."""
    headers = {"retry-after": "7", "connection": "keep-alive", "set-cookie": "***", "x-token": "***"}
    no = refusal(429, {"error": {"message": "slow down"}}, headers=headers)
    with serve(no, speed=0) as server:
        answer = ask(server, model="m", stream=stream)
        assert answer.status_code == 429
        assert answer.json() == {"error": {"message": "slow down"}}
        assert answer.headers["retry-after"] == "7"
        assert not {"set-cookie", "x-token"} & set(answer.headers)
        with client(server, retry=RetryPolicy(max_retries=0)) as c, pytest.raises(RateLimitError) as caught:
            c.complete("hi", model="m")
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(cut_at(POEM, 300, end="reset"), id="reset"),
        pytest.param(cut_at(POEM, 300, end="timeout"), id="timeout"),
        pytest.param(NEVER, id="no reply"),
    ],
)
def test_a_truncated_body_is_truncated_again(broken: Recording) -> None:
    """Without the last HTTP chunk the client sees a lost connection, not the end of the body."""
    with (
        serve(broken, speed=0) as server,
        client(server, retry=RetryPolicy(max_retries=0)) as c,
        pytest.raises(APIConnectionError),
    ):
        c.complete("hi", model="m")


def test_a_failed_stream_is_an_error_document_without_stream() -> None:
    """An error in the stream keeps its status; a truncation is a 502."""
    error = Recording.of(sse({"error": {"message": "overloaded", "code": 503}}), name="error")
    with serve(error, cut_at(POEM, 300), speed=0) as server:
        answer = ask(server, model="error")
        assert answer.status_code == 503
        assert answer.json()["error"]["message"] == "overloaded"
        answer = ask(server, model="poem")
        assert answer.status_code == 502
        assert "the recording has no whole answer" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        pytest.param(POST + b"Content-Length: 3\r\n\r\nabc", 400, id="not JSON"),
        pytest.param(POST + b"Content-Length: 2\r\n\r\n[]", 400, id="not an object"),
        pytest.param(POST + b"\r\n", 411, id="no length"),
        pytest.param(POST + b"Content-Length: 99999999999\r\n\r\n", 413, id="too long"),
        pytest.param(b"POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 404, id="another API"),
        pytest.param(b"GET /v1/files HTTP/1.1\r\n\r\n", 404, id="another page"),
    ],
)
def test_an_unanswerable_request_gets_an_error_object(
    server: ReplayServer, request_text: bytes, status: int
) -> None:
    """Every fault is reported in the API's shape, with a message."""
    with closing(raw(server)) as sock, sock.makefile("rb") as file:
        sock.sendall(request_text)
        assert int(file.readline().split()[1]) == status
        length = 0
        while (line := file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert json.loads(file.read(length))["error"]["message"]


@pytest.mark.parametrize("target", WIRES)
@pytest.mark.parametrize("source", WIRES)
def test_a_recording_plays_as_any_api(source: str, target: str) -> None:
    """Text, reasoning, calls, finish and usage are the same, streamed and as a document."""
    parts = (Reasoning(content=("hm",)), "Hel", "lo", FunctionCall("c1", "f", '{"a":1}'))
    body = stream_of(source, *parts, usage=Usage(7, 5), model="m1")
    path = find_wire(target).path.replace("{model}", "m1")
    plain = (find_wire(target).plain_path or path).replace("{model}", "m1")
    with serve(Recording.of(body, name="talk"), speed=0) as server:
        root = server.url.removesuffix("/v1") if path.startswith("/v1") else server.url
        streamed = requests.post(root + path, json={"model": "m1", "stream": True}, timeout=10)
        document = requests.post(root + plain, json={"model": "m1"}, timeout=10)
    for answer in (streamed.content, document.content):
        *_, last = read_events([answer], wire=target)
        assert isinstance(last, Completed)
        done = last.completion
        call = done.tool_calls[0]
        assert (done.text, done.reasoning, done.finish_reason) == ("Hello", "hm", "tool_calls")
        assert (call.call_id, call.name, call.parsed()) == ("c1", "f", {"a": 1})
        assert done.usage is not None
        assert (done.usage.input_tokens, done.usage.output_tokens) == (7, 5)


@pytest.mark.parametrize("parts", [("one", "two", "three"), (Reasoning(content=("one", "two")), "three")])
@pytest.mark.parametrize("target", WIRES)
@pytest.mark.parametrize("source", WIRES)
def test_a_translated_recording_keeps_the_gaps(source: str, target: str, parts: Any) -> None:
    """Each text arrives at its second in the recording, however many payloads an API has around it.

    So does each piece of a long thought.
    """
    body = [sse(payload) for payload in find_wire(source).sample(parts, **FACTS)]
    seconds = {"one": 1.0, "two": 90.0, "three": 91.0}
    chunks, now = [], 0.0
    for block in body:
        named = [word for word in seconds if json.dumps(word).encode() in block]
        now = max(now, seconds[named[0]]) if len(named) == 1 else now
        chunks.append(TimedChunk(now, block))
    chunks[-1] = TimedChunk(95.0, body[-1])
    there = translated(Recording(Header(), tuple(chunks), Ending("eof", 99.0)), source, target)
    times = [chunk.at for chunk in there.chunks]
    assert times == sorted(times)
    assert times[-1] == 95.0
    *_, last = read_events([chunk.data for chunk in there.chunks], wire=target)
    assert isinstance(last, Completed)
    assert last.completion.reasoning + last.completion.text == "onetwothree"
    for word, second in seconds.items():
        assert next(each.at for each in there.chunks if word.encode() in each.data) == second


def test_a_translated_recording_has_the_first_choice_only() -> None:
    """The texts of several choices aren't mixed into one."""
    delta = [{"index": n, "delta": {"content": text}} for n, text in ((0, "a"), (1, "X"), (0, "b"))]
    ends = [{"index": n, "delta": {}, "finish_reason": "stop"} for n in (0, 1)]
    body = b"".join(sse({"id": "c", "choices": [each]}) for each in delta + ends) + sse("[DONE]")
    there = translated(Recording.of(body), "chat", "gemini")
    *_, last = read_events([chunk.data for chunk in there.chunks], wire="gemini")
    assert isinstance(last, Completed)
    assert last.completion.text == "ab"


def test_a_recording_without_a_whole_answer_is_not_translated() -> None:
    """The error says what the recording lacks."""
    cut = sse({"type": "message_start", "message": {"id": "m", "content": []}})
    with serve(Recording.of(cut, name="cut"), speed=0) as server:
        answer = ask(server, "/responses", model="cut", stream=True)
    assert answer.status_code == 502
    assert "the recording has no whole answer" in answer.json()["error"]["message"]


def test_a_client_that_leaves_is_ignored(capfd: pytest.CaptureFixture[str]) -> None:
    """The server prints no traceback, and answers the next client."""
    big = Recording.of([b"data: " + b"x" * 100_000 + b"\n\n"] * 100, name="big")
    with serve(big, POEM, speed=0) as server:
        sock = raw(server)
        sock.sendall(
            b'POST /chat/completions HTTP/1.1\r\nContent-Length: 30\r\n\r\n{"stream":true, "model":"big" }'
        )
        sock.recv(1)
        sock.close()
        assert texts(server, "poem") == ["Roses are"]
    assert capfd.readouterr() == ("", "")


def test_impossible_arguments_are_usage_errors(server: ReplayServer, tmp_path: Path) -> None:
    """`UsageError` for no recording, a missing file, an invalid speed, or a port in use."""
    with pytest.raises(UsageError, match="at least one recording"):
        serve()
    with pytest.raises(UsageError, match="cannot read the recording"):
        serve(tmp_path / "gone.jsonl")
    with pytest.raises(UsageError, match="speed: expected"):
        serve(POEM, speed=-1)
    port = int(server.url.removesuffix("/v1").rpartition(":")[2])
    with pytest.raises(UsageError, match=f"cannot serve on 127.0.0.1:{port}"):
        serve(POEM, port=port)


def test_waiting_ends_when_the_server_is_closed() -> None:
    """`wait` blocks a program that only serves; closing twice is harmless."""
    server = serve(POEM)
    waiting = threading.Thread(target=server.wait)
    waiting.start()
    server.close()
    server.close()
    waiting.join(10)
    assert not waiting.is_alive()


# -- other people's clients ---------------------------------------------------------------


def exchange(server: ReplayServer, request: bytes) -> bytes:
    """Send these bytes, and return everything that the server answers until it closes."""
    with closing(raw(server)) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", b"200"),
        ("127.0.0.1:8080", b"200"),
        ("LOCALHOST:1", b"200"),
        ("[::1]:8080", b"200"),
        ("app.localhost", b"200"),
        ("127.9.9.9", b"200"),
        ("attacker.example", b"403"),
        ("attacker.example:8080", b"403"),
        ("127.0.0.1.attacker.example", b"403"),
        ("localhost.attacker.example", b"403"),
        ("192.168.0.7", b"403"),
        ("", b"403"),
        ("127.0.0.1@attacker.example", b"403"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_for_another_host_is_refused(
    method: str, host: str, status: bytes, server: ReplayServer
) -> None:
    """DNS rebinding: a page's own name can lead to 127.0.0.1, and is in `Host`."""
    path = "/v1/models" if method == "GET" else "/v1/chat/completions"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Length: 2", "", "{}"]
    answer = exchange(server, "\r\n".join(lines).encode())
    assert answer.split(b" ", 2)[1] == status
    assert (b"choices" in answer or b"poem" in answer) == (status == b"200")


def test_without_the_header_no_browser_asks(server: ReplayServer) -> None:
    assert exchange(server, b"GET /v1/models HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_recorded_header_cant_split_the_answer() -> None:
    """A recording is a file, and may be anybody's."""
    headers = {"x-good": "a b", "x-split": "a\r\nset-cookie: b=1\r\n\r\n<html>", "x bad": "1", "": "2"}
    recording = Recording(
        Header(response=RecordedResponse(200, headers)), (TimedChunk(0.0, b"data: [DONE]\n\n"),)
    )
    with serve(recording, speed=0) as running:
        answer = exchange(running, POST + b'Connection: close\r\nContent-Length: 15\r\n\r\n{"stream":true}')
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"x-good: a b" in head
    assert b"set-cookie" not in answer
    assert b"<html>" not in answer
    assert b"x bad" not in head


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than allowed is answered with 503, and another one after a client left is served."""
    monkeypatch.setattr("streamkit.recordings.server.MAX_CONNECTIONS", 3)
    with serve(POEM, speed=0) as running:
        idle = [raw(running) for _ in range(3)]
        for connection in idle:
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert exchange(running, b"").startswith(b"HTTP/1.1 503 ")
        for connection in idle:
            connection.close()
        deadline = 100
        while exchange(running, b"GET /v1/models HTTP/1.0\r\n\r\n")[9:12] != b"200" and deadline:
            deadline -= 1
            threading.Event().wait(0.05)
        assert deadline


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_streams_from_it(server: ReplayServer) -> None:
    """`curl -N` prints the recorded bytes."""
    done = subprocess.run(
        [
            "curl",
            "-sSN",
            "--max-time",
            "10",
            f"{server.url}/chat/completions",
            "-d",
            '{"stream": true, "model": "poem"}',
        ],
        capture_output=True,
        check=True,
    )
    assert done.stdout == POEM.body


@pytest.mark.interop
def test_the_openai_package_streams_from_it(server: ReplayServer) -> None:
    """Its client works with both APIs, with and without a stream."""
    openai = pytest.importorskip("openai", reason="the openai package is not installed")
    with openai.OpenAI(base_url=server.url, api_key="any") as theirs:
        asked: Any = {"model": "poem", "messages": [{"role": "user", "content": "hi"}]}
        with theirs.chat.completions.create(**asked, stream=True) as chunks:
            pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
        assert "".join(piece or "" for piece in pieces) == "Roses are"
        whole = theirs.chat.completions.create(**asked)
        assert whole.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'
        with theirs.responses.create(model="essay", input="hi", stream=True) as events:
            seen = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert seen == ["Wir ", "sind"]
        assert theirs.responses.create(model="essay", input="hi").output_text == "Wir sind"
        assert [model.id for model in theirs.models.list()] == ["poem", "joke", "essay"]


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore")  # of the package's own
def test_the_anthropic_package_streams_from_it(server: ReplayServer) -> None:
    """Its client accumulates a chat recording as a message, and gets the same message without a stream."""
    anthropic = pytest.importorskip("anthropic", reason="the anthropic package is not installed")
    root = server.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=root, api_key="any") as theirs:
        asked: Any = {"model": "poem", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        with theirs.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == "Roses are"
            streamed = stream.get_final_message()
        for message in (streamed, theirs.messages.create(**asked)):
            assert message.stop_reason == "tool_use"
            text, call = message.content
            assert (text.text, call.id, call.name, call.input) == ("Roses are", "call_1", "f", {"a": 1})
            assert (message.usage.input_tokens, message.usage.output_tokens) == (1, 2)


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore")  # of the package's own
def test_the_google_genai_package_streams_from_it(server: ReplayServer) -> None:
    """Its client reads a chat recording as candidates, with and without a stream."""
    genai = pytest.importorskip("google.genai", reason="the google-genai package is not installed")
    root = server.url.removesuffix("/v1")
    theirs = genai.Client(api_key="any", http_options={"base_url": root, "api_version": "v1beta"})
    chunks = [*theirs.models.generate_content_stream(model="poem", contents="hi")]
    contents = [chunk.candidates[0].content for chunk in chunks]
    parts = [part for content in contents if content for part in content.parts]
    assert "".join(part.text or "" for part in parts) == "Roses are"
    assert [dict(part.function_call.args) for part in parts if part.function_call] == [{"a": 1}]
    assert chunks[-1].candidates[0].finish_reason.value == "STOP"
    whole = theirs.models.generate_content(model="poem", contents="hi")
    assert whole.usage_metadata.prompt_token_count == 1
    assert whole.function_calls[0].name == "f"


_NPM = """
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
const root = process.argv[2];
const chat = new OpenAI({ baseURL: root + "/v1", apiKey: "any" });
let text = "";
const asked = { model: "poem", messages: [{ role: "user", content: "hi" }] };
for await (const chunk of await chat.chat.completions.create({ ...asked, stream: true }))
  text += chunk.choices[0]?.delta?.content ?? "";
console.log(text);
const theirs = new Anthropic({ baseURL: root, apiKey: "any" });
const message = await theirs.messages.stream({ ...asked, max_tokens: 9 }).finalMessage();
console.log(message.content.map((b) => b.text ?? JSON.stringify(b.input)).join("|"));
const google = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: root } });
text = "";
for await (const chunk of await google.models.generateContentStream({ model: "poem", contents: "hi" }))
  for (const part of chunk.candidates?.[0]?.content?.parts ?? [])
    text += part.text ?? JSON.stringify(part.functionCall.args);
console.log(text);
"""


@pytest.mark.interop
@pytest.mark.timeout(300)
def test_the_npm_packages_stream_from_it(server: ReplayServer, tmp_path: Path) -> None:
    """openai, @anthropic-ai/sdk and @google/genai read the same recording."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "ask.js").write_text(_NPM)
    packages = ["openai", "@anthropic-ai/sdk", "@google/genai"]
    quiet = ["--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", *quiet, *packages], cwd=tmp_path, check=True, timeout=240)
    root = server.url.removesuffix("/v1")
    done = subprocess.run(
        ["node", "ask.js", root], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["Roses are", 'Roses are|{"a":1}', 'Roses are{"a":1}']

"""Failures of real servers: before a stream, in its middle, after a kill, while frozen."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from attrs import evolve

from streamkit import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    Client,
    NotFoundError,
    RateLimitError,
    Retrying,
    RetryPolicy,
    ServerError,
    Stream,
    StreamCancelledError,
    StreamkitError,
    TextDelta,
    Timeouts,
    TruncatedStreamError,
)
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call, Reply
from streamkit.http.transport import RequestsTransport

from .conftest import Start, client_of
from .servers import Server

ENDLESS = {"input": "on and on", "model": "tiny", "max_tokens": 30_000}  # a stream of many seconds


def begin(stream: Stream) -> str:
    """Read five pieces of text, and return them joined."""
    texts = stream.text_stream
    return "".join(next(texts) for _ in range(5))


# -- before a stream ------------------------------------------------------------------------


def test_a_rate_limit_has_the_delay(aimock: Server) -> None:
    """A 429 with Retry-After raises RateLimitError with the code and the seconds."""
    with pytest.raises(RateLimitError) as caught:
        client_of(aimock).complete("busy", model="m")
    error = caught.value
    assert (error.status, error.code, error.message) == (429, "rate_limit_exceeded", "Slow down")
    assert error.retry_after is not None
    assert error.retry_after > 0


def test_a_refused_key(aimock: Server) -> None:
    """A 401 raises AuthenticationError without a retry."""
    with pytest.raises(AuthenticationError, match="Bad key"):
        client_of(aimock, retry=RetryPolicy(max_retries=3)).complete("locked", model="m")


def test_an_overloaded_server_is_retried(aimock: Server) -> None:
    """A 503 followed by an answer gives one Retrying event and the answer."""
    events = list(client_of(aimock, retry=RetryPolicy(max_retries=2)).stream("one bad moment", model="m"))
    assert [event.attempt for event in events if isinstance(event, Retrying)] == [1]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "better now"


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_a_request_that_llama_refuses(llama: Server, wire: str) -> None:
    """A 400 raises BadRequestError with the message of llama.cpp's error object, without a retry."""
    with pytest.raises(BadRequestError) as caught:
        client_of(llama, wire=wire).complete("hi", model="tiny", extra_body={"grammar": "root ::= oops("})
    assert caught.value.status == 400
    assert caught.value.message


def test_an_unknown_address(mlx: Server) -> None:
    """A 404 over HTTP/1.0 with a body that isn't JSON raises NotFoundError."""
    with pytest.raises(NotFoundError):
        client_of(mlx, wire="responses").complete("hi", model="tiny")


def test_a_proxy_without_upstream(nginx: Server) -> None:
    """A 502 with nginx's HTML page raises ServerError; the title is its message, the page its body."""
    with pytest.raises(ServerError) as caught:
        client_of(nginx, path="/nothing/v1").complete("hi", model="tiny")
    assert (caught.value.status, caught.value.message) == (502, "502 Bad Gateway")
    assert "nginx" in caught.value.body


def test_a_request_that_a_proxy_finds_too_large(nginx: Server) -> None:
    """A 413 with nginx's HTML page raises an error that isn't retryable."""
    with pytest.raises(BadRequestError) as caught:
        client_of(nginx, path="/small/v1").complete("hi " * 1000, model="tiny")
    assert (caught.value.status, caught.value.retryable) == (413, False)


def test_a_closed_port(start: Start) -> None:
    """If no server listens, the connection error is raised at once."""
    server = start("aimock")
    server.stop()
    with pytest.raises(APIConnectionError, match="refused"):
        client_of(server).complete("greet", model="m")


# -- in the middle --------------------------------------------------------------------------


def test_an_error_in_the_middle_of_a_stream(start: Start) -> None:
    """If four streams overflow their shared context, llama.cpp's error is raised with the text so far."""
    server = start("llama", "512")
    client = client_of(server)
    streams = [client.stream("on and on", model="tiny", max_tokens=400) for _ in "1234"]
    errors: list[StreamkitError] = []

    def read(stream: Stream) -> None:
        try:
            stream.until_done()
        except StreamkitError as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cut = [error for error in errors if error.partial and error.partial.text]
    assert cut
    assert {type(error) for error in cut} == {ServerError}


def test_a_connection_lost_in_the_middle(aimock: Server) -> None:
    """If aimock drops the connection, a connection error is raised with the text so far in `.partial`."""
    with pytest.raises(APIConnectionError) as caught:
        client_of(aimock).complete("drop", model="m")
    assert caught.value.partial is not None
    assert "this answer loses its connection after".startswith(caught.value.partial.text)
    assert caught.value.partial.text


def test_a_killed_server_of_chunked_bodies(start: Start) -> None:
    """If llama.cpp is killed, the connection error is raised at once, with the text so far."""
    server = start("llama")
    with client_of(server).stream(**ENDLESS) as stream:
        text = begin(stream)
        server.send(signal.SIGKILL)
        with pytest.raises(APIConnectionError) as caught:
            stream.until_done()
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith(text)


def test_a_killed_server_of_bodies_without_length(start: Start) -> None:
    """If mlx-lm is killed, the body ends normally, and only the missing finish reason shows the cut."""
    server = start("mlx")
    with client_of(server).stream(**ENDLESS) as stream:
        text = begin(stream)
        server.send(signal.SIGKILL)
        with pytest.raises(TruncatedStreamError) as caught:
            stream.until_done()
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith(text)


@pytest.mark.parametrize("name", ["llama", "aimock"])
def test_a_hung_server_ends_with_the_idle_clock(name: str, start: Start) -> None:
    """A frozen server keeps its sockets open and sends no bytes; the error names the idle clock."""
    server = start(name)
    client = client_of(server, timeouts=Timeouts(first_event=60, idle=1))
    options = ENDLESS if name == "llama" else {"input": "trickle", "model": "m"}
    with client.stream(**options) as stream:
        text = begin(stream)
        server.send(signal.SIGSTOP)
        with pytest.raises(APITimeoutError) as caught:
            stream.until_done()
        assert (caught.value.phase, caught.value.seconds) == ("idle", 1)
        assert stream.partial.text.startswith(text)
        server.send(signal.SIGCONT)


def test_cancel_ends_a_read_from_a_hung_server(start: Start) -> None:
    """cancel() from another thread ends a read that a frozen server blocks."""
    server = start("aimock")
    with client_of(server).stream("trickle", model="m") as stream:
        begin(stream)
        server.send(signal.SIGSTOP)
        cancelled: list[float] = []

        def cancel() -> None:
            cancelled.append(time.monotonic())
            stream.cancel()

        timer = threading.Timer(0.3, cancel)
        timer.start()
        with pytest.raises(StreamCancelledError):
            stream.until_done()
        timer.join()
        server.send(signal.SIGCONT)
    assert stream.partial.text.startswith("one")


def test_a_proxy_that_gives_up_on_its_upstream(start: Start) -> None:
    """If nginx ends the body because its upstream froze, an error is raised, not a short answer."""
    upstream = start("aimock")
    proxy = start("nginx", f"127.0.0.1:{upstream.port}")
    client = client_of(proxy, path="/hasty/v1")
    with client.stream("trickle", model="m") as stream:
        begin(stream)
        upstream.send(signal.SIGSTOP)
        with pytest.raises((APIConnectionError, TruncatedStreamError)) as caught:
            stream.until_done()
        upstream.send(signal.SIGCONT)
    assert not isinstance(caught.value, APITimeoutError)
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("one")


# -- through a proxy ------------------------------------------------------------------------


def test_gzip_by_a_proxy_does_not_delay_events(start: Start) -> None:
    """If nginx compresses the events of a slow answer one by one, they are read one by one."""
    upstream = start("aimock")
    proxy = start("nginx", f"127.0.0.1:{upstream.port}")
    stream = client_of(proxy, path="/gzip/v1").stream(
        "trickle", model="m", extra_headers={"Accept-Encoding": "gzip"}
    )
    stream.until_done()
    assert stream.headers is not None
    assert stream.headers["content-encoding"] == "gzip"
    assert stream.stats.data_chunks > 5
    assert stream.result().text.startswith("one two three")


def test_compression_is_not_requested(nginx: Server) -> None:
    """streamkit accepts identity only, so the same proxy sends plain text, and can't delay events."""
    stream = client_of(nginx, path="/gzip/v1").stream("hi", model="tiny", max_tokens=20)
    stream.until_done()
    assert stream.headers is not None
    assert "content-encoding" not in stream.headers


def test_a_proxy_with_default_settings(nginx: Server) -> None:
    """With nginx's buffering and HTTP/1.0 to the upstream, the answer is complete."""
    assert (
        client_of(nginx, path="/plain/v1").complete("hi", model="tiny", max_tokens=400).finish_reason
        == "stop"
    )


# -- broken answers that go on ----------------------------------------------------------------


class Breaking:
    """A transport whose first reply loses its connection after *size* bytes, for real."""

    def __init__(self, size: int) -> None:
        self._inner = RequestsTransport()
        self._size = size
        self.methods: list[str] = []

    def open(self, call: Call, watch: Watch) -> Reply:
        reply = self._inner.open(call, watch)
        self.methods.append(call.method)
        return evolve(reply, chunks=self._cut(reply)) if len(self.methods) == 1 else reply

    def _cut(self, reply: Reply) -> Iterator[bytes]:
        left = self._size
        for chunk in reply.chunks:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                reply.close()
                raise APIConnectionError("the connection was cut by the test")


@pytest.mark.parametrize("size", [300, 1111, 2500])
def test_llama_continues_a_broken_answer(llama: Server, size: int) -> None:
    """The server keeps its bytes: the deltas and the answer are whole, after one new connection."""
    transport = Breaking(size)
    client = Client("llamacpp", base_url=llama.url, transport=transport)
    stream = client.stream("on and on", model="tiny", max_tokens=60, seed=3, temperature=0.0, resume=2)
    events = list(stream)
    assert transport.methods == ["POST", "GET"]
    assert [event.resumed for event in events if isinstance(event, Retrying)] == [True]
    whole = client_of(llama).complete("on and on", model="tiny", max_tokens=60, seed=3, temperature=0.0)
    assert stream.partial.text == whole.text
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == whole.text

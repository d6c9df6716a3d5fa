"""RequestsTransport against raw sockets: pooling, proxies, TLS, netrc, redirects, threads, forks."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import os
import pickle
import queue
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import requests
import responses
from attrs import evolve
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection

from streamkit import Client, TextDelta
from streamkit.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    StreamCancelledError,
    UsageError,
)
from streamkit.http import connecting
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call, Reply
from streamkit.http.secrets import Secret
from streamkit.http.session import HEAD, _HTTPPool, _Response
from streamkit.http.transport import RequestsTransport
from streamkit.request.options import Timeouts

from .faultserver import HELLO, TLS, FaultServer, Peer, chunked, delta, head, ok, sse

KEY = Secret("Bearer sk-very-secret")


def call_to(server: FaultServer, **more: Any) -> Call:
    return Call(f"{server.url}/chat/completions", b'{"a":1}', {"X-Mine": "1"}, {"Authorization": KEY}, **more)


def fetch(transport: RequestsTransport, call: Call, watch: Watch | None = None) -> tuple[Reply, bytes]:
    """Return the reply and its whole body, and release the connection."""
    reply = transport.open(call, watch or Watch(Timeouts(connect=2, first_event=5)))
    try:
        return reply, b"".join(reply.chunks)
    finally:
        reply.close()


# -- one request, one reply ---------------------------------------------------------------


def test_one_post_is_sent_as_the_call_describes() -> None:
    """Body, headers, key and encoded query are sent; the reply has header names in lower case."""
    with FaultServer(lambda peer: peer.send(ok())) as server:
        reply, body = fetch(RequestsTransport(), call_to(server, query={"api-version": "1 &"}))
    asked = server.asked[0]
    assert asked.line == "POST /v1/chat/completions?api-version=1+%26 HTTP/1.1"
    assert (asked.body, asked.headers["x-mine"]) == (b'{"a":1}', "1")
    assert asked.headers["authorization"] == "Bearer sk-very-secret"
    assert (reply.status, reply.headers["content-type"], body) == (200, "text/event-stream", HELLO)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_body_read_to_its_end_releases_its_connection(tls: bool) -> None:
    """Three calls share one connection, with a length and chunked."""

    def script(peer: Peer) -> None:
        if peer.number % 2:
            peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(HELLO))
        else:
            peer.send(ok())

    session = requests.Session() if tls else None
    if session is not None:
        session.verify = str(TLS / "cert.pem")
    with FaultServer(script, tls=tls) as server:
        transport = RequestsTransport(session)
        for _ in range(3):
            assert fetch(transport, call_to(server))[1] == HELLO
        assert server.connections == 1
        transport.close()


def test_leaving_a_body_closes_its_connection() -> None:
    """A connection with a half-read body can't be reused, so it must not stay open."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(HELLO, end=False))
        peer.hang()

    with FaultServer(script) as server:
        reply = RequestsTransport().open(call_to(server), Watch(Timeouts()))
        assert next(reply.chunks) == HELLO
        reply.close()
        reply.close()
        assert server.left.wait(5)


@pytest.mark.parametrize("goodbye", ["close", "reset"])
def test_a_request_to_a_connection_that_the_server_closes_is_sent_again(goodbye: str) -> None:
    """llama.cpp closes a kept connection after a stream, sometimes just when the next request is sent.

    If a new connection ends like that, it's an error: the server may have read the request.
    """

    def script(peer: Peer) -> None:
        if peer.number in (1, 3):
            getattr(peer, goodbye)()
        else:
            peer.send(ok())

    with FaultServer(script) as server:
        transport = RequestsTransport()
        for _ in range(2):
            assert fetch(transport, call_to(server))[1] == HELLO
        assert (len(server.asked), server.connections) == (3, 2)
        transport.close()
        with pytest.raises(APIConnectionError):
            fetch(transport, call_to(server))
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(head("200 OK", "Transfer-Encoding: chunked") + b"ffff\r\n", id="one chunk"),
        pytest.param(head("200 OK", "Content-Length: 9999"), id="length"),
        pytest.param(head("200 OK", "Connection: close"), id="close"),
        pytest.param(head("200 OK", version="1.0"), id="HTTP/1.0"),
    ],
)
def test_the_first_event_arrives_before_the_rest_is_sent(start: bytes) -> None:
    """An event doesn't wait for a buffer to fill or for its chunk to be whole."""
    read = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(start, b"data: 1\n\n")
        if read.wait(5):
            peer.send(b"data: 2\n\n")
        peer.close()

    with FaultServer(script) as server:
        reply = RequestsTransport().open(call_to(server), Watch(Timeouts(first_event=4)))
        assert next(reply.chunks) == b"data: 1\n\n"
        read.set()
        assert next(reply.chunks) == b"data: 2\n\n"
        reply.close()


@pytest.mark.parametrize("start", [b"", head("200 OK", "Transfer-Encoding: chunked")], ids=["head", "body"])
def test_cancel_wakes_a_read_that_is_blocked(start: bytes) -> None:
    """`cancel()` from another thread wakes a wait for the headers or for the body."""
    blocked = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(start)
        blocked.set()
        peer.hang()

    with FaultServer(script) as server:
        watch = Watch(Timeouts(first_event=30))
        threading.Thread(target=lambda: blocked.wait(5) and watch.cancel()).start()
        with pytest.raises(StreamCancelledError):
            fetch(RequestsTransport(), call_to(server), watch)
        assert server.left.wait(5)


@pytest.mark.parametrize(
    "coding",
    [
        "gzip",
        "x-gzip",
        "GZIP",
        "identity, gzip",
        "gzip, identity",
        " , gzip,",
        "identity",
        "identity, identity",
    ],
)
def test_the_list_of_content_codings_is_understood(coding: str) -> None:
    """`identity` changes nothing (RFC 9110, section 8.4), so gzip is undone next to it in the list."""
    body = gzip.compress(HELLO) if "gzip" in coding.lower() else HELLO
    with FaultServer(
        lambda peer: peer.send(
            head("200 OK", f"Content-Encoding: {coding}", f"Content-Length: {len(body)}"), body
        )
    ) as server:
        assert fetch(RequestsTransport(), call_to(server))[1] == HELLO


def _without_socks(*args: Any, **options: Any) -> Any:
    raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")


def test_an_open_reply_holds_little() -> None:
    """The request and the headers are dropped."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Content-Length: 20000", "X-Long: " + "y" * 3000), b"x" * 20_000)

    with FaultServer(script) as server:
        call = call_to(server)
        reply = RequestsTransport().open(call, Watch(Timeouts(connect=2, first_event=5)))
        held = [each for each in gc.get_objects() if type(each) is requests.PreparedRequest]
        try:
            assert [each.url for each in held if each.url == call.url] == []
            assert b"".join(reply.chunks) == b"x" * 20_000
            assert reply.headers["x-long"] == "y" * 3000
        finally:
            reply.close()


def test_status_line_and_headers_are_read_through_a_small_buffer() -> None:
    class Socket:
        def makefile(self, mode: str, buffering: int = -1) -> Any:
            sizes.append(buffering)
            return io.BytesIO(b"HTTP/1.1 200 OK\r\n\r\n")

    sizes: list[int] = []
    _Response(Socket()).begin()
    assert sizes == [HEAD]


def test_a_pool_takes_the_last_connection_first() -> None:
    """Its queue is `queue.LifoQueue` without the locks of those who wait."""
    ours, usual = _HTTPPool("a", maxsize=2).pool, queue.LifoQueue[Any](2)
    for each in (ours, usual):
        assert [each.get(block=False) for _ in range(each.qsize())] == [None] * each.qsize()
        each.put(1)
        each.put(2, block=False)
        with pytest.raises(queue.Full):
            each.put(3, block=False)
        assert (each.qsize(), each.get(), each.get(timeout=1)) == (2, 2, 1)
        with pytest.raises(queue.Empty):
            each.get(block=False)


# -- uploads ------------------------------------------------------------------------------


def upload(*, pause: float, connect: float, deadline: float | None = None, cancel: bool = False) -> bytes:
    """Post 24 MiB to a server that reads 256 KiB at a time, with *pause* seconds in between."""
    body = b"x" * (24 << 20)  # a system's own buffer may hold four of them
    watch = Watch(Timeouts(connect=connect, first_event=30, deadline=deadline))
    watch.begin()
    taken = threading.Event()

    def serve() -> None:
        sock, _ = listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        got = 0
        with sock, contextlib.suppress(OSError):
            while got < len(body) and (data := sock.recv(1 << 18)):
                got += len(data)
                taken.set()
                stopped.wait(pause)
            sock.sendall(ok())
            stopped.wait(5)

    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=serve)]
        if cancel:
            threads.append(threading.Thread(target=lambda: taken.wait(5) and watch.cancel()))
        for thread in threads:
            thread.start()
        call = Call(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", body, {}, {})
        try:
            return fetch(RequestsTransport(), call, watch)[1]
        finally:
            stopped.set()
            for thread in threads:
                thread.join()


def test_a_large_body_may_take_longer_than_connecting() -> None:
    """A slow line isn't a dead one: each piece has the connect clock's time, not all of them together."""
    assert upload(pause=0.008, connect=1.2) == HELLO  # some 2.5 s in all


def test_a_large_body_does_not_outlast_the_deadline() -> None:
    """The deadline counts while the body is sent, too."""
    with pytest.raises(APITimeoutError) as caught:
        upload(pause=0.2, connect=30, deadline=0.4)
    assert caught.value.phase == "deadline"


def test_cancel_ends_a_large_upload() -> None:
    """`cancel()` takes effect between two pieces of the body."""
    with pytest.raises(StreamCancelledError):
        upload(pause=0.2, connect=30, cancel=True)


# -- keys and cookies ---------------------------------------------------------------------


def test_the_key_does_not_follow_a_redirect_to_another_host() -> None:
    """No request reaches the other server."""
    with FaultServer(lambda peer: peer.send(ok())) as other:
        moved = head("307 Moved", f"Location: {other.url}/chat/completions", "Content-Length: 0")
        with FaultServer(lambda peer: peer.send(moved)) as server, pytest.raises(APIError) as caught:
            fetch(RequestsTransport(), call_to(server))
        assert other.asked == []
        assert caught.value.status == 307
        assert other.url.removesuffix("/v1") in str(caught.value)


def test_netrc_does_not_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry for the host must not replace the key (psf/requests#3929); without a key it's used."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with FaultServer(lambda peer: peer.send(ok())) as server:
        fetch(RequestsTransport(), call_to(server))
        fetch(RequestsTransport(), Call(server.url, b"{}"))
    assert server.asked[0].headers["authorization"] == "Bearer sk-very-secret"
    assert server.asked[1].headers["authorization"].startswith("Basic ")


def test_a_servers_cookie_is_not_sent_back() -> None:
    """Requests of different users must not be tied to each other; a session of the caller's own keeps its."""
    with FaultServer(lambda peer: peer.send(ok(HELLO, "Set-Cookie: who=me; Path=/"))) as server:
        for session in (None, requests.Session()):
            client = Client("generic", base_url=server.url, session=session)
            for _ in range(2):
                assert client.complete("hi", model="m").text == "Hello"
        assert [each.headers.get("cookie") for each in server.asked] == [None, None, None, "who=me"]


# -- addresses, proxies, TLS --------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("nonsense", UsageError),
        ("ftp://host/x", UsageError),
        ("http://", UsageError),
        ("http://127.0.0.1:1/x?key=sk-query", APIConnectionError),
        ("http://nowhere.invalid/x", APIConnectionError),
    ],
)
def test_an_unreachable_address_is_a_streamkit_error(url: str, error: type[Exception]) -> None:
    """The exception of requests is the `__cause__`, and no message contains the query."""
    session = requests.Session()
    session.trust_env = False
    with pytest.raises(error) as caught:
        fetch(RequestsTransport(session), Call(url, b"{}"))
    assert caught.value.__cause__ is not None
    assert "sk-query" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_never_accepts_ends_with_the_connect_clock() -> None:
    """Connecting has a clock of its own. (A full backlog leaves SYNs unanswered.)"""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(APITimeoutError) as caught:
            fetch(RequestsTransport(), Call(f"http://127.0.0.1:{port}/", b"{}"), Watch(Timeouts(connect=0.2)))
        for one in crowd:
            one.close()
    assert (caught.value.phase, caught.value.seconds, caught.value.retryable) == ("connect", 0.2, True)


def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY works as in requests; the proxy gets the absolute URL."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with FaultServer(lambda peer: peer.send(ok())) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        _, body = fetch(RequestsTransport(), Call("http://gateway.example/v1/x", b"{}"))
    assert body == HELLO
    assert proxy.asked[0].line == "POST http://gateway.example/v1/x HTTP/1.1"


def test_clocks_hold_through_a_connect_proxy() -> None:
    """The idle clock also fires for a TLS server behind a tunnel, while the server drips comments."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(b"data: 1\n\n", end=False))
        peer.drip(chunked(b": ping\n\n", end=False), 0.05)

    with FaultServer(script, tls=True) as server:
        with FaultServer(lambda peer: tunnel(peer, server.port)) as proxy:
            session = requests.Session()
            session.verify = str(TLS / "cert.pem")
            session.proxies = {"https": proxy.url.removesuffix("/v1")}
            session.trust_env = False
            watch = Watch(Timeouts(idle=0.3))
            reply = RequestsTransport(session).open(call_to(server), watch)
            assert next(reply.chunks) == b"data: 1\n\n"
            watch.data_arrived()
            with pytest.raises(APITimeoutError) as caught:
                list(reply.chunks)
            reply.close()
        assert proxy.asked[0].line.startswith("CONNECT 127.0.0.1")
    assert caught.value.phase == "idle"


def test_a_socks_proxy_without_its_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests says "Missing dependencies for SOCKS support", and neither whose nor what to install."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", _without_socks)
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"reach gateway\.example.* SOCKS proxy.*requests\[socks\]"):
        fetch(RequestsTransport(), Call("http://gateway.example/v1", b"{}"))


def tunnel(peer: Peer, port: int) -> None:
    """Forward bytes in both directions, as a proxy does after CONNECT, until either side closes."""
    peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=pump, args=(far, peer.sock))
        back.start()
        pump(peer.sock, far)
        back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def test_a_certificate_that_fails_verification_is_refused_with_a_hint() -> None:
    """The error names the variable to set, and isn't retryable."""
    with FaultServer(lambda peer: peer.send(ok()), tls=True) as server:
        session = requests.Session()
        session.trust_env = False
        with pytest.raises(APIConnectionError, match="REQUESTS_CA_BUNDLE") as caught:
            fetch(RequestsTransport(session), call_to(server))
    assert not caught.value.retryable
    assert server.asked == []


def test_a_silent_handshake_is_the_connect_clocks() -> None:
    """TLS to a server that speaks plain HTTP never begins: the error names the clock that fired."""
    with FaultServer(lambda peer: None) as server:
        call = Call(server.url.replace("http://", "https://"), b"{}")
        with pytest.raises(APITimeoutError) as caught:
            RequestsTransport().open(call, Watch(Timeouts(connect=0.2)))
    error = caught.value
    assert (error.phase, error.seconds, error.retryable) == ("connect", 0.2, True)
    assert error.message.startswith("connect: no connection within 0.2 s; ")
    assert error.message.endswith(" speak TLS, or is it http://?")


# -- threads and processes ----------------------------------------------------------------


def test_each_thread_has_a_session_unless_the_caller_passes_one() -> None:
    """The sessions of requests aren't thread-safe, so threads don't share one of ours."""
    transport = RequestsTransport()
    sessions: list[requests.Session] = [transport.session]
    thread = threading.Thread(target=lambda: sessions.append(transport.session))
    thread.start()
    thread.join()
    assert sessions[0] is transport.session
    assert sessions[0] is not sessions[1]
    own = requests.Session()
    assert RequestsTransport(own).session is own


def test_a_host_is_looked_up_without_a_thread_if_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup that never began would stay in the table, and every later one would wait for it."""

    def no_more(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with FaultServer(lambda peer: peer.send(ok())) as server:
        call = evolve(call_to(server), url=server.url.replace("127.0.0.1", "localhost"))
        with monkeypatch.context() as patched:
            patched.setattr(connecting.threading.Thread, "start", no_more)
            assert connecting.look_up("localhost", 80, Watch(Timeouts(connect=5)))
        assert connecting._lookups == {}
        assert fetch(RequestsTransport(), call)[1] == HELLO


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_gets_connections_of_its_own() -> None:
    """Two processes that write to one socket would mix their requests."""
    with FaultServer(lambda peer: peer.send(ok())) as server:
        transport = RequestsTransport()
        fetch(transport, call_to(server))
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if fetch(transport, call_to(server))[1] == HELLO else 2
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        fetch(transport, call_to(server))
        assert server.connections == 2
        transport.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forked_during_a_lookup_can_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that looks up isn't in the child, and so could never end what the child waits for."""
    children = []
    start = threading.Thread.start

    def fork_and_start(thread: threading.Thread) -> None:
        monkeypatch.undo()
        children.append(child := os.fork())
        if child == 0:
            status = 1
            try:
                signal.alarm(10)  # ends a child that waits for ever
                status = 0 if connecting.look_up("localhost", 80, Watch(Timeouts(connect=5))) else 2
            finally:
                os._exit(status)
        start(thread)

    monkeypatch.setattr(connecting.threading.Thread, "start", fork_and_start)
    assert connecting.look_up("localhost", 80, Watch(Timeouts(connect=5)))
    assert [os.waitpid(child, 0)[1] for child in children] == [0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("how", ["read", "cancel", "close", "cancel all"])
def test_a_forked_process_leaves_its_parents_streams_alone(how: str) -> None:
    """In the child, reading one is an error, and cancelling or closing it doesn't end it in the parent."""
    forked = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(sse(delta("Hel")), end=False))
        forked.wait(20)
        peer.send(chunked(sse(delta("lo"), delta(finish="stop"), "[DONE]")))

    with FaultServer(script) as server:
        client = Client("generic", base_url=server.url, model="m")
        stream = client.stream("Hi")
        texts = iter(stream.text_stream)
        assert next(texts) == "Hel"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if how == "read":
                    with pytest.raises(APIConnectionError, match="belongs to the parent process"):
                        next(texts)
                elif how == "cancel":
                    stream.cancel()
                elif how == "close":
                    stream.close()
                else:
                    client.close(cancel=True)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        forked.set()
        assert "".join(texts) == "lo"


def test_a_transport_pickles_without_its_connections() -> None:
    """The copy makes connections of its own."""
    transport = RequestsTransport()
    session = transport.session
    assert pickle.loads(pickle.dumps(transport)).session is not session


# -- packages that replace the network ----------------------------------------------------


@responses.activate
def test_a_mocked_requests_works_as_usual() -> None:
    """The `responses` package replaces the sockets; requests reads such a body."""
    responses.post("http://gateway.example/v1", body=HELLO, headers={"x-request-id": "r1"})
    reply, body = fetch(RequestsTransport(), Call("http://gateway.example/v1", b"{}", {}, {"api-key": KEY}))
    assert (reply.status, reply.headers["x-request-id"], body) == (200, "r1", HELLO)
    assert responses.calls[0].request.headers["api-key"] == str(KEY)


class _Counted(io.BytesIO):
    """A body that refuses to be read for ever."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        assert self.reads < 10
        return super().read(size)


def test_a_fake_body_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 reads a file for ever if it is asked for everything, as in pook's fakes."""

    def send(session: requests.Session, request: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url = 200, request.url
        response.raw = HTTPResponse(_Counted(HELLO), preload_content=False)
        return response

    monkeypatch.setattr(requests.Session, "send", send)
    _, body = fetch(RequestsTransport(), Call("http://gateway.example/v1", b"{}"))
    assert body == HELLO


def test_other_packages_may_record_and_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """vcrpy puts its class in the place of urllib3's. It gets the key as a plain string, to save it."""
    made: list[Any] = []

    class Recording(HTTPConnection):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            made.append(type(kwargs["headers"]["Authorization"]))
            return super().request(*args, **kwargs)

    transport = RequestsTransport()
    with FaultServer(lambda peer: peer.send(ok())) as server:
        with monkeypatch.context() as patch:
            patch.setattr(HTTPConnectionPool, "ConnectionCls", Recording)
            assert fetch(RequestsTransport(), call_to(server))[1] == HELLO
        assert made == [str]
        assert fetch(transport, call_to(server))[1] == HELLO
    assert made == [str]


@pytest.mark.interop
def test_vcrpy_replays_a_stream(tmp_path: Path) -> None:
    """The second run needs no server."""
    vcr = pytest.importorskip("vcr", reason="needs vcrpy: install the extra interop")
    with FaultServer(lambda peer: peer.send(ok())) as server:
        for _ in range(2):
            with vcr.use_cassette(str(tmp_path / "tape.yaml"), filter_headers=["authorization"]):
                own = Client("generic", base_url=server.url, api_key="sk-very-secret", model="m")
                assert list(own.stream("q").text_stream)
    assert len(server.asked) == 1
    assert "sk-very-secret" not in (tmp_path / "tape.yaml").read_text()


# -- a session of the caller's own that connects elsewhere ---------------------------------


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class _UnixAdapter(requests.adapters.HTTPAdapter):
    """What requests-unixsocket2 does: the host of the URL is the path of a socket."""

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        path = unquote(urlsplit(request.url).netloc)
        pool = HTTPConnectionPool("localhost")
        pool._new_conn = lambda: _UnixConnection(path)  # type: ignore[method-assign]
        return pool


@pytest.mark.skipif(os.name == "nt", reason="needs Unix sockets")
def test_a_session_reaches_a_unix_socket() -> None:
    """The clocks of the body, and `cancel()`, work there too."""
    place = tempfile.mkdtemp()  # a short path: a socket's has 107 bytes at most
    path = f"{place}/s"
    left = threading.Event()

    def serve(listener: socket.socket) -> None:
        for reply in (ok(), head("200 OK") + sse(delta("Hel"))):
            peer, _ = listener.accept()
            with peer:
                asked = b""
                while not asked.endswith(b"}"):
                    asked += peer.recv(65536)
                peer.sendall(reply)
                if reply != ok():
                    while peer.recv(65536):
                        pass
                    left.set()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        session = requests.Session()
        session.mount("http+unix://", _UnixAdapter())
        url = f"http+unix://{quote(path, safe='')}/v1"
        client = Client("generic", base_url=url, session=session, model="m")
        assert client.complete("q").text == "Hello"
        with client.stream("q") as stream:
            with pytest.raises(StreamCancelledError):
                for event in stream:
                    if isinstance(event, TextDelta):
                        threading.Timer(0.05, stream.cancel).start()
            assert stream.partial.text == "Hel"
        assert left.wait(5)
        thread.join(5)
    shutil.rmtree(place)

"""Exceptions of signal handlers and other threads: they leave unchanged, and nothing is retried."""

from __future__ import annotations

import ctypes
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streamkit import APIConnectionError, Client, Ended, FunctionCall, read_events
from streamkit._interrupts import is_interrupt
from streamkit.agent import run
from streamkit.testing import FakeTransport, chat_stream
from tests.faultserver import HELLO, FaultServer, Peer, chunked, delta, head, sse

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals between threads")

MAIN = threading.main_thread().ident


class OutOfTimeError(Exception):
    """Like SoftTimeLimitExceeded of Celery, and JobTimeoutException of RQ."""


class LateError(TimeoutError):
    """What many programs raise in a handler: an error that the network raises, too."""


@contextmanager
def handling(error: type[Exception], wrap: Callable[[Any], Any] = lambda handler: handler) -> Iterator[None]:
    """Let SIGUSR1 raise *error*."""

    def handler(number: int, frame: object) -> None:
        raise error("out of time")

    before = signal.signal(signal.SIGUSR1, wrap(handler))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt() -> None:
    assert MAIN is not None
    signal.pthread_kill(MAIN, signal.SIGUSR1)


def silent(*begin: bytes) -> Callable[[Peer], None]:
    """Return a script that sends *begin*, interrupts the main thread when that waits, and sends no more."""

    def script(peer: Peer) -> None:
        peer.send(*begin)
        peer.pause(0.2)
        interrupt()
        peer.hang()

    return script


HEADERS = head("200 OK", "Transfer-Encoding: chunked")
BEGUN = chunked(sse(delta("Hel")), end=False)


def texts(client: Client) -> Any:
    return "".join(client.stream("Hi").text_stream)


def completed(client: Client) -> Any:
    return client.complete("Hi").text


def agent(client: Client) -> Any:
    return run(client, "Hi", []).result().text


@pytest.mark.parametrize("error", [OutOfTimeError, LateError, ConnectionResetError], ids=lambda e: e.__name__)
@pytest.mark.parametrize("begin", [(), (HEADERS,), (HEADERS, BEGUN)], ids=["headers", "body", "text"])
@pytest.mark.parametrize("ask", [texts, completed, agent], ids=lambda f: f.__name__)
def test_the_exception_of_a_signal_handler_leaves_unchanged(
    ask: Callable[[Client], Any], begin: tuple[bytes, ...], error: type[Exception]
) -> None:
    """Whatever its class is; the request isn't sent again, and the connection is closed."""
    ends: list[Ended] = []
    client_of = functools.partial(Client, "generic", model="m", observers=[_collect(ends)])
    with FaultServer(silent(*begin)) as server, handling(error):
        with pytest.raises(error, match=r"^out of time$") as raised:
            ask(client_of(base_url=server.url))
        assert type(raised.value) is error
        assert len(server.asked) == 1
        assert server.left.wait(5)
    assert [end.how for end in ends] == ["interrupted"]


def _collect(ends: list[Ended]) -> Callable[[Any, Any], None]:
    def observe(operation: object, fact: object) -> None:
        if isinstance(fact, Ended):
            ends.append(fact)

    return observe


class Handler:
    """A handler that is an object; its method is one, too."""

    def __init__(self, handler: Callable[[int, object], None]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: object) -> None:
        self.handler(number, frame)

    def method(self, number: int, frame: object) -> None:
        self.handler(number, frame)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(Handler, id="object"),
        pytest.param(lambda handler: Handler(handler).method, id="method"),
        pytest.param(functools.partial, id="partial"),
    ],
)
def test_handlers_of_every_kind_are_known(wrap: Callable[[Any], Any]) -> None:
    """By their code, not by their name."""
    with (
        FaultServer(silent(HEADERS, BEGUN)) as server,
        handling(LateError, wrap),
        pytest.raises(LateError),
    ):
        Client("generic", base_url=server.url, model="m").complete("Hi")


def test_a_tool_that_is_interrupted_ends_the_run() -> None:
    """The model isn't told about a limit of the program."""

    def wait() -> str:
        """Wait."""
        interrupt()
        threading.Event().wait(5)
        return "done"

    calls = chat_stream(FunctionCall("c1", "wait", "{}"))
    client = Client("generic", base_url="http://f/v1", model="m", transport=FakeTransport(calls))
    with handling(OutOfTimeError), pytest.raises(OutOfTimeError):
        run(client, "Hi", [wait]).result()


def test_an_observer_that_is_interrupted_ends_the_call() -> None:
    """An observer's own exceptions are logged, and the stream continues."""
    client = Client(
        "generic",
        base_url="http://f/v1",
        model="m",
        transport=FakeTransport(chat_stream("Hello")),
        observers=[lambda operation, fact: interrupt()],
    )
    with handling(OutOfTimeError), pytest.raises(OutOfTimeError):
        client.complete("Hi")


def test_an_exception_that_another_thread_raises_leaves_unchanged() -> None:
    """RQ's TimerDeathPenalty and Dramatiq end a job in a thread so."""
    ids: list[int] = []
    raised: list[BaseException] = []

    def script(peer: Peer) -> None:
        peer.send(HEADERS, BEGUN)
        peer.pause(0.2)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ids[0]), ctypes.py_object(OutOfTimeError))
        peer.send(chunked(HELLO))  # ends the wait of the thread, which then sees the exception
        peer.hang()

    def work() -> None:
        ids.append(threading.get_ident())
        try:
            Client("generic", base_url=server.url, model="m").complete("Hi")
        except BaseException as exc:  # noqa: BLE001 - looked at below
            raised.append(exc)

    with FaultServer(script) as server:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
        assert [type(each) for each in raised] == [OutOfTimeError]
        assert len(server.asked) == 1


def test_the_error_of_a_source_is_no_interrupt() -> None:
    """A class of the source's own becomes an error of streamkit, as before."""

    def source() -> Iterator[bytes]:
        yield HELLO[:20]
        raise OutOfTimeError("the disk is gone")

    with pytest.raises(APIConnectionError, match="OutOfTimeError: the disk is gone"):
        list(read_events(source(), wire="chat"))
    with pytest.raises(OutOfTimeError) as raised:
        list(source())
    assert not is_interrupt(raised.value)

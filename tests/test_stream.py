"""Stream: attempts, leaving, cancelling, threads, secrets and statistics, on scripted replies."""

from __future__ import annotations

import gc
import json
import logging
import pickle
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
from attrs import evolve

from streamkit.client import Client, counting
from streamkit.client.observers import Observation, Operation
from streamkit.client.run import Run
from streamkit.client.stream import Stream
from streamkit.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadFrameError,
    BadRequestError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamCancelledError,
    StreamkitError,
    TruncatedStreamError,
    UsageError,
)
from streamkit.events import Completed, ItemDone, KeepAlive, Opened, Retrying, TextDelta, Unknown
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call, Reply
from streamkit.http.secrets import Secret
from streamkit.profiles.known import OPENAI
from streamkit.request.options import Limits, RetryPolicy, Timeouts
from streamkit.testing import FakeClock, FakeReply, FakeTransport

from .faultserver import HELLO, FaultServer, Peer, chunked, delta, head, ok, refusal, sse

KEY = "sk-this-is-the-key"


def good(*chunks: bytes | BaseException, **headers: str) -> FakeReply:
    return FakeReply(chunks or [HELLO], headers=headers)


def bad(status: int, body: bytes = b'{"error":{"message":"no"}}', **headers: str) -> FakeReply:
    return FakeReply([body], status, {name.replace("_", "-"): value for name, value in headers.items()})


def stream_of(
    transport: Any, *, clock: FakeClock | None = None, deadline: float | None = None, **policy: Any
) -> Stream:
    clock = clock or FakeClock()
    call = Call("http://h/v1/chat/completions", b"{}", {}, {"Authorization": Secret(f"Bearer {KEY}")})
    return timed(transport, clock, Timeouts(deadline=deadline), RetryPolicy(**policy), call)


def timed(
    transport: Any,
    clock: FakeClock,
    timeouts: Timeouts,
    retry: RetryPolicy | None = None,
    call: Call | None = None,
) -> Stream:
    """A stream whose clocks read *clock*."""
    call = call or Call("http://h/v1", b"{}")
    run = Run(
        transport,
        lambda: call,
        watch=Watch(timeouts, now=clock.now, sleep=clock.sleep),
        retry=retry or RetryPolicy(),
        wire="chat",
        profile=OPENAI,
        observation=Observation(Operation("chat", "openai", "")),
        random=lambda: 0.5,
    )
    return Stream(run)


# -- events -------------------------------------------------------------------------------


def test_opened_comes_first_and_completed_last() -> None:
    """The events are in order, with the server's ids and rate limits."""
    transport = FakeTransport(good(**{"x-request-id": "r1", "x-ratelimit-remaining-requests": "9"}))
    stream = stream_of(transport)
    assert (stream.status, stream.headers, stream.request_id, stream.rate_limits) == (None, None, None, {})
    events = list(stream)
    opened = events[0]
    assert isinstance(opened, Opened)
    assert (opened.status, opened.request_id) == (200, "r1")
    assert isinstance(events[-1], Completed)
    assert (stream.status, stream.request_id) == (200, "r1")
    assert stream.rate_limits["requests"].remaining == 9
    assert transport.closed == 1
    assert list(stream) == []


def test_lenses() -> None:
    """text_stream, aggregate, result and until_done are four ways to read one stream."""
    assert list(stream_of(FakeTransport(good())).text_stream) == ["Hel", "lo"]
    final = list(stream_of(FakeTransport(good())).aggregate())
    assert [type(event) for event in final if type(event) in (ItemDone, Completed, TextDelta)] == [
        ItemDone,
        Completed,
    ]
    stream = stream_of(FakeTransport(good()))
    next(stream)
    assert stream.until_done() is stream
    assert stream.result() == stream.partial
    assert stream.result().text == "Hello"


def test_text_stream_is_the_text_of_one_choice() -> None:
    """Law 7: with n=2, the text of one choice has no text of the other."""
    other = delta("XX")
    other["choices"][0]["index"] = 1
    body = sse(delta("a"), other, delta("b"), delta(finish="stop"), "[DONE]")
    assert "".join(stream_of(FakeTransport(good(body))).text_stream) == "ab"


# -- attempts -----------------------------------------------------------------------------


def test_each_retry_is_an_event_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each retry sends the same call, so the same idempotency key; the waits match the events."""
    clock = FakeClock()
    transport = FakeTransport(APIConnectionError("refused"), bad(429, retry_after="3"), bad(503), good())
    stream = stream_of(transport, clock=clock)
    with caplog.at_level(logging.WARNING, "streamkit"):
        events = list(stream)
    retrying = [event for event in events if isinstance(event, Retrying)]
    assert [(e.attempt, e.delay, type(e.error)) for e in retrying] == [
        (1, 0.5, APIConnectionError),
        (2, 3.0, RateLimitError),
        (3, 2.0, OverloadedError),
    ]
    assert sum(clock.naps) == 5.5
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 3
    for number, (reason, wait) in enumerate([("refused", "0.5"), ("no", "3.0"), ("no", "2.0")]):
        assert f"attempt {number + 1} failed" in warnings[number]
        assert f"{reason}); retrying in {wait} s" in warnings[number]
    assert isinstance(events[-1], Completed)
    assert (transport.closed, stream.stats.attempts) == (3, 4)


def test_a_client_sends_the_same_idempotency_key_on_every_attempt() -> None:
    """A server that knows the header bills once; the next stream has another key."""
    transport = FakeTransport(bad(500, retry_after_ms="0"), good(), good())
    client = Client(api_key=KEY, transport=transport)
    client.complete("hi", model="m")
    client.complete("hi", model="m")
    keys = [call.headers["Idempotency-Key"] for call in transport.calls]
    assert keys[0] == keys[1] != keys[2]


def refuses_usage(message: str = "Unknown parameter: 'stream_options'.") -> Any:
    return bad(400, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode())


def test_a_gateway_that_refuses_to_count_tokens_is_asked_again_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """streamkit added the option, so it removes it: once, with a report, whatever max_retries is."""
    transport = FakeTransport(refuses_usage(), good())
    stream = Client(api_key=KEY, transport=transport, retry=RetryPolicy(max_retries=0)).stream(
        "hi", model="m"
    )
    events = list(stream)
    bodies = [json.loads(call.body) for call in transport.calls]
    assert bodies[0].pop("stream_options") == {"include_usage": True}
    assert bodies[1] == bodies[0]
    assert [event.delay for event in events if isinstance(event, Retrying)] == [0.0]
    assert "stream_options" in caplog.text
    assert any("stream_options" in line for line in stream.request.report.dropped)
    # Another body is another request: a gateway that keeps its answers by this key would refuse it again.
    keys = {call.headers["Idempotency-Key"] for call in transport.calls}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        (refuses_usage("no such model"), {}),
        (refuses_usage(), {"include_usage": True}),
        (refuses_usage(), {"extra_body": {"stream_options": {"include_usage": True}}}),
    ],
    ids=["another reason", "asked for", "asked for in extra_body"],
)
def test_what_the_caller_asked_for_is_not_taken_away(reply: Any, options: dict[str, Any]) -> None:
    """A 400 for another reason, or for an option that the caller set, is raised."""
    transport = FakeTransport(reply)
    with pytest.raises(BadRequestError):
        Client(api_key=KEY, transport=transport).complete("hi", model="m", **options)
    assert len(transport.calls) == 1


def test_a_gateway_is_asked_without_the_option_only_once() -> None:
    """A second refusal is raised."""
    transport = FakeTransport(refuses_usage(), refuses_usage())
    with pytest.raises(BadRequestError):
        Client(api_key=KEY, transport=transport).complete("hi", model="m")
    assert len(transport.calls) == 2


REASONS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)


def test_a_limit_is_spelled_as_the_server_says() -> None:
    """The name of a deployment doesn't show that its model reasons (vercel/ai#6410)."""
    transport = FakeTransport(refuses_usage(REASONS), good())
    client = Client("azure", base_url="http://fake", api_key=KEY, transport=transport)
    stream = client.stream("hi", model="prod", max_tokens=9)
    assert stream.result().text
    bodies = [json.loads(call.body) for call in transport.calls]
    assert bodies[1] == {
        "max_completion_tokens" if name == "max_tokens" else name: value for name, value in bodies[0].items()
    }
    assert stream.request.report.repaired == ["max_tokens is sent as max_completion_tokens: azure refuses it"]


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("max_tokens: at most 4096", {"max_tokens": 9999}),
        (REASONS, {"extra_body": {"max_tokens": 9}}),
        (REASONS, {}),
    ],
    ids=["another reason", "the caller's own spelling", "no limit"],
)
def test_a_limit_is_spelled_again_for_that_reason_only(message: str, options: dict[str, Any]) -> None:
    """Any other refusal is raised."""
    transport = FakeTransport(refuses_usage(message))
    with pytest.raises(BadRequestError):
        Client(api_key=KEY, transport=transport).complete("hi", model="m", **options)
    assert len(transport.calls) == 1


def test_the_deadline_runs_from_the_first_event_that_is_asked_for() -> None:
    """The deadline begins with the first event that the caller asks for, not with the stream."""
    clock = FakeClock()
    stream = stream_of(FakeTransport(good()), clock=clock, deadline=20)
    clock.sleep(1000)
    assert stream.result().text == "Hello"


@pytest.mark.parametrize(
    "sign",
    [b": ping\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b'data: {"type":"keepalive"}\n\n'],
    ids=["comment", "ping", "keepalive"],
)
def test_signs_of_life_do_not_feed_the_idle_clock(sign: bytes) -> None:
    """A server that sends nothing else has stalled, whatever form its signs of life have."""
    clock = FakeClock()
    steps = [(1.0, sse(delta("Hel"))), *[(1.0, sign)] * 9, (1.0, sse(delta("lo"), delta(finish="stop")))]
    stream = timed(FakeTransport(FakeReply(ticking(clock, *steps))), clock, Timeouts(first_event=5, idle=5))
    with pytest.raises(APITimeoutError) as caught:
        stream.until_done()
    assert (caught.value.phase, stream.partial.text) == ("idle", "Hel")


def test_the_callers_time_over_a_comment_is_not_the_servers_silence() -> None:
    """Time that the caller spends on a comment or on Opened doesn't count as the server's silence."""
    clock = FakeClock()

    def slow(_call: Call) -> FakeReply:
        """Each chunk takes a second to arrive, through the watch."""
        clock.sleep(1)
        return FakeReply(ticking(clock, (1, b": ping\n\n"), (1, HELLO)))

    stream = timed(FakeTransport(slow), clock, Timeouts(first_event=5, idle=5))
    for event in stream:
        if isinstance(event, Opened | KeepAlive):
            clock.sleep(3600)
    assert stream.partial.text == "Hello"


def test_an_attempt_that_got_no_reply_has_no_request_id() -> None:
    """The id of an earlier attempt would be misleading."""
    stream = stream_of(
        FakeTransport(bad(500, x_request_id="r1"), APIConnectionError("refused")), max_retries=1
    )
    with pytest.raises(APIConnectionError) as caught:
        stream.until_done()
    assert caught.value.request_id is None


def test_the_last_failure_keeps_all_that_the_server_said() -> None:
    """The error has body, headers and id of the last attempt."""
    body = b'{"error":{"message":"slow down","code":"rate_limit_exceeded","type":"requests"}}'
    last = bad(429, body, retry_after="2", x_request_id="r2")
    stream = stream_of(FakeTransport(bad(500), last), max_retries=1)
    with pytest.raises(RateLimitError) as caught:
        stream.until_done()
    error = caught.value
    assert (error.status, error.code, error.type, error.retry_after) == (
        429,
        "rate_limit_exceeded",
        "requests",
        2.0,
    )
    assert (error.request_id, error.headers["retry-after"]) == ("r2", "2")
    assert error.body["error"]["message"] == "slow down"
    assert error.partial is not None
    assert error.partial.choices == ()


def test_a_wait_past_the_deadline_raises_at_once() -> None:
    """The error is raised at once, with the wait that the server asked for."""
    clock = FakeClock()
    stream = stream_of(FakeTransport(bad(429, retry_after="30")), clock=clock, deadline=20)
    with pytest.raises(RateLimitError) as caught:
        stream.until_done()
    assert (caught.value.retry_after, clock.now()) == (30.0, 0)


@pytest.mark.parametrize(
    "prelude",
    [b": OPENROUTER PROCESSING\n\n", sse(delta()), b"data: {oops\n\n"],
    ids=["comment", "role", "bad frame"],
)
def test_what_carries_no_output_does_not_end_the_right_to_retry(prelude: bytes) -> None:
    """Law 11: events without output still allow a retry."""
    transport = FakeTransport(good(prelude, APIConnectionError("reset")), good())
    assert stream_of(transport).result().text == "Hello"


def test_a_payload_of_an_unknown_kind_does_not_end_the_right_to_retry() -> None:
    """Law 11: an `Unknown` event holds no output, so the attempt may be repeated after it."""
    padding = sse(delta(), {"choices": [], "obfuscation": "x"})
    transport = FakeTransport(good(padding, APIConnectionError("reset")), good())
    events = list(stream_of(transport))
    kinds = [type(event) for event in events if isinstance(event, Unknown | Retrying | Completed)]
    assert kinds == [Unknown, Retrying, Completed]


@pytest.mark.parametrize(
    "output", [delta("x"), {"choices": [], "usage": {"total_tokens": 1}}], ids=["text", "usage"]
)
def test_nothing_is_repeated_after_output(output: Any) -> None:
    """Law 11: a retry after output would repeat the text and the cost."""
    transport = FakeTransport(good(sse(output), APIConnectionError("reset")), good())
    with pytest.raises(APIConnectionError):
        stream_of(transport).until_done()
    assert len(transport.calls) == 1


def test_partial_is_of_the_last_attempt() -> None:
    """The items of a failed attempt aren't mixed into the next one."""
    transport = FakeTransport(
        good(sse(delta()), APIConnectionError("reset")), good(sse(delta("b")), b"data: ")
    )
    stream = stream_of(transport)
    with pytest.raises(TruncatedStreamError) as caught:
        stream.until_done()
    assert caught.value.partial == stream.partial
    assert stream.partial.text == "b"


def test_the_same_error_comes_again() -> None:
    """Law 1: every read after a failure raises again."""
    stream = stream_of(FakeTransport(bad(400)))
    for _ in range(2):
        with pytest.raises(APIError):
            next(stream)
    with pytest.raises(APIError):
        stream.result()


# -- leaving ------------------------------------------------------------------------------


def leave_by_break(stream: Stream) -> None:
    for event in stream:
        if isinstance(event, TextDelta):
            break
    stream.close()


def leave_by_with(stream: Stream) -> None:
    with stream:
        next(stream)


def leave_by_exception(stream: Stream) -> None:
    with pytest.raises(ZeroDivisionError), stream:
        for _ in stream:
            1 / 0


def leave_by_interrupt(stream: Stream) -> None:
    with pytest.raises(KeyboardInterrupt), stream:
        for _ in stream:
            raise KeyboardInterrupt


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_with, leave_by_exception, leave_by_interrupt])
def test_leaving_closes_the_reply(leave: Callable[[Stream], None]) -> None:
    """Law 9: the reply is closed, partial stays readable, and another read is an error."""
    transport = FakeTransport(good(sse(delta("Hel")), sse(delta("lo"))))
    stream = stream_of(transport)
    leave(stream)
    assert transport.closed == 1
    assert ("interrupted" if leave is leave_by_interrupt else "closed") in repr(stream)
    assert stream.partial.text in ("", "Hel")
    stream.close()
    with pytest.raises(UsageError, match="closed") as caught:
        next(stream)
    assert caught.value.partial is not None


def test_dropping_a_stream_closes_it_without_the_garbage_collector() -> None:
    """No reference cycle keeps the connection open."""
    transport = FakeTransport(good(sse(delta("Hel")), sse(delta("lo"))))
    gc.disable()
    try:
        for event in stream_of(transport):
            if isinstance(event, TextDelta):
                break
        del event
        assert transport.closed == 1
    finally:
        gc.enable()


def test_a_forgotten_stream_in_a_cycle_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector closes the buffers of its texts before it ends the stream, in some orders."""
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    transport = FakeTransport(good(sse(delta("Hel")), sse(delta("lo"))))

    def forget() -> None:
        stream = stream_of(transport)
        next(stream)
        next(stream)
        gc.collect(0)  # moves the buffers, which are new, before the generator
        next(stream)
        cycle: list[object] = [stream]
        cycle.append(cycle)

    gc.disable()
    try:
        forget()
        gc.collect()
    finally:
        gc.enable()
    assert ignored == []
    assert transport.closed == 1


def test_a_stream_that_was_never_read_sent_nothing() -> None:
    """Law 9: a stream that isn't read opens no connection."""
    transport = FakeTransport(good())
    with stream_of(transport):
        pass
    assert transport.calls == []


def test_an_interrupt_inside_a_read_closes_the_reply() -> None:
    """Ctrl-C during a read closes the reply, and partial is readable."""
    transport = FakeTransport(FakeReply([sse(delta("Hel")), KeyboardInterrupt()]))
    stream = stream_of(transport)
    with pytest.raises(KeyboardInterrupt):
        stream.until_done()
    assert transport.closed == 1
    assert stream.partial.text == "Hel"


# -- cancelling, threads ------------------------------------------------------------------


def hanging(peer: Peer) -> None:
    peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(sse(delta("Hel")), end=False))
    peer.hang()


def test_cancel_from_another_thread_raises_with_partial() -> None:
    """The blocked read ends with an error of its own class."""
    with FaultServer(hanging) as server, Client(api_key=KEY, base_url=server.url) as client:
        stream = client.stream("hi", model="m")
        with pytest.raises(StreamCancelledError) as caught:
            for event in stream:
                if isinstance(event, TextDelta):
                    threading.Timer(0.05, stream.cancel).start()
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"
        assert server.left.wait(5)


def test_close_from_another_thread_cancels() -> None:
    """A running generator can't be closed from outside, so the read is cancelled."""
    with FaultServer(hanging) as server, Client(api_key=KEY, base_url=server.url) as client:
        stream = client.stream("hi", model="m")
        threading.Timer(0.1, stream.close).start()
        with pytest.raises(StreamCancelledError):
            stream.until_done()
        assert server.left.wait(5)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_cancel_from_a_signal_handler() -> None:
    """A signal handler runs on the thread that is blocked in the read."""
    with FaultServer(hanging) as server, Client(api_key=KEY, base_url=server.url) as client:
        stream = client.stream("hi", model="m")
        before = signal.signal(signal.SIGALRM, lambda *_: stream.cancel())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(StreamCancelledError):
                stream.until_done()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert stream.partial.text == "Hel"


def test_cancel_before_the_first_event_sends_nothing() -> None:
    """A cancelled stream does not begin."""
    with FaultServer(hanging) as server, Client(api_key=KEY, base_url=server.url) as client:
        stream = client.stream("hi", model="m")
        stream.cancel()
        with pytest.raises(StreamCancelledError):
            next(stream)
        assert server.asked == []


def test_cancel_while_waiting_for_a_retry() -> None:
    """Cancelling ends the wait; the failure before it is the cause."""
    clock = FakeClock()
    stream = stream_of(FakeTransport(bad(429, retry_after="30"), good()), clock=clock)
    assert isinstance(next(stream), Retrying)
    stream.cancel()
    with pytest.raises(StreamCancelledError) as caught:
        next(stream)
    assert isinstance(caught.value.__cause__, RateLimitError)
    assert clock.naps == []


def test_no_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting, reading, retrying and closing all happen in the calling thread."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_and_tell(thread: threading.Thread) -> None:
        if threading.current_thread() is threading.main_thread():
            started.append(thread)
        start(thread)

    def script(peer: Peer) -> None:
        peer.send(refusal("503 No", "busy", "Retry-After: 0") if peer.number == 0 else ok())

    with FaultServer(script) as server:
        monkeypatch.setattr(threading.Thread, "start", start_and_tell)
        client = Client(api_key=KEY, base_url=server.url)
        assert client.complete("hi", model="m").text == "Hello"
        client.close()
    assert started == []


def test_any_thread_may_take_the_next_event() -> None:
    """Web servers step one iterator on changing threads of a pool."""
    stream = stream_of(FakeTransport(good()))
    texts: list[str] = []
    while True:
        with ThreadPoolExecutor(1) as a_new_thread:
            event = a_new_thread.submit(next, stream, None).result()
        if event is None:
            break
        texts += [event.text] if isinstance(event, TextDelta) else []
    assert "".join(texts) == "Hello" == stream.partial.text


def test_two_threads_may_not_read_at_once() -> None:
    """The second reader gets an error; the first one continues to read."""
    entered, leave = threading.Event(), threading.Event()

    def blocks(call: Call) -> bytes:
        entered.set()
        leave.wait(10)
        return HELLO

    stream = stream_of(FakeTransport(blocks))
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(stream.result)
        assert entered.wait(10)
        with pytest.raises(UsageError, match=r"this stream is being read already"):
            next(stream)
        leave.set()
        assert answer.result().text == "Hello"


def test_closing_the_texts_closes_the_stream() -> None:
    """A WSGI server calls `close()` on the iterable when the browser leaves."""
    transport = FakeTransport(good())
    stream = stream_of(transport)
    texts = stream.text_stream
    assert "Hello".startswith(next(iter(texts)))
    assert transport.closed == 0
    texts.close()
    assert transport.closed == 1
    with pytest.raises(UsageError, match="closed before its end"):
        next(stream)


# -- secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        APIConnectionError("refused"),
        bad(401, f'{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}'.encode()),
        bad(500, f"<html>Authorization: Bearer {KEY}</html>".encode()),
        good(sse({"error": {"message": f"key {KEY} is blocked", "code": 403}})),
        good(sse({"error": {"message": "blocked", "code": 403, "metadata": {"key": KEY}}})),
        good(b"data: {oops\n\n"),
    ],
    ids=["connection", "json", "html", "in the stream", "in the stream's details", "bad frames"],
)
def test_the_key_is_in_no_error_log_or_traceback(script: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Law 12: the key is masked even if the server quotes it.

    The locals that some tools print don't have it either, unless the server sent it.
    """
    with caplog.at_level(logging.DEBUG):
        stream = stream_of(FakeTransport(script, script), max_retries=1)
        with pytest.raises(StreamkitError) as caught:
            stream.until_done()
    error = caught.value
    trace = traceback.TracebackException.from_exception(error, capture_locals=KEY not in repr(script))
    shown = "".join([*trace.format(), caplog.text, repr(stream), repr(error), str(error), repr(vars(error))])
    assert KEY not in shown


def test_the_key_is_in_no_log_of_a_real_request(caplog: pytest.LogCaptureFixture) -> None:
    """Law 12: true for urllib3 and streamkit at DEBUG, and for the locals of every frame."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked", "Set-Cookie: session=sk-cookie"), b"zz\r\n")

    with caplog.at_level(logging.DEBUG), FaultServer(script) as server:
        client = Client(api_key=KEY, base_url=server.url, retry=RetryPolicy(max_retries=0))
        stream = client.stream("hi", model="m")
        with pytest.raises(StreamkitError) as caught:
            stream.until_done()
        client.close()
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join([*trace.format(), caplog.text, repr(stream.headers), repr(client), repr(stream.request)])
    assert KEY not in shown.replace(f"KEY = '{KEY}'", "")
    assert "sk-cookie" not in shown


def test_errors_of_a_stream_pickle() -> None:
    """Law 8: errors pickle with partial and attributes, for process pools."""
    stream = stream_of(FakeTransport(bad(429, retry_after="2")), max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        stream.until_done()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.retry_after, copy.partial) == (
        RateLimitError,
        "no",
        2.0,
        caught.value.partial,
    )


# -- limits and statistics ----------------------------------------------------------------


def test_an_answer_without_end_meets_a_limit() -> None:
    """Memory is bounded: an endless answer raises at a limit, which the client sets."""
    endless = FakeTransport(FakeReply(sse(delta("x" * 1000)) for _ in iter(int, 1)))
    client = Client(api_key="k", transport=endless, max_body=100_000)
    stream = client.stream("hi", model="m")
    with pytest.raises(StreamkitError, match=r"more than 100000 bytes; the limit is Client\(max_body=...\)"):
        stream.until_done()
    assert 80_000 < len(stream.partial.text) <= 100_000


def test_a_million_deltas_pass_with_a_higher_limit() -> None:
    """An answer of more bytes than the default limit arrives whole if the caller allows it."""
    padded = {"choices": [{"index": 0, "delta": {"content": "word "}}], "padding": "x" * 300}
    event, last, count = sse(padded), sse(delta(finish="stop"), "[DONE]"), 1_000_000

    def chunks() -> Iterator[bytes]:
        for _ in range(count // 100):
            yield event * 100
        yield last

    client = Client(api_key="k", transport=FakeTransport(FakeReply(chunks())), max_body=1 << 30)
    stream = client.stream("hi", model="m")
    assert sum(1 for event in stream if isinstance(event, TextDelta)) == count
    assert stream.stats.bytes > 256 << 20
    assert stream.partial.text == "word " * count


@pytest.mark.parametrize(("after", "tokens"), [(1.5, 9), (4, None)])
def test_usage_is_awaited_for_a_moment_however_long_the_answer_was(after: float, tokens: int | None) -> None:
    """The grace period begins with the finish, also if only comments came for long before it."""
    clock = FakeClock(1000)
    usage = {"choices": [], "usage": {"completion_tokens": 9}}
    steps = [
        (0, sse(delta("a"))),
        *[(4, b": ping\n\n")] * 3,
        (0, sse(delta(finish="stop"))),
        (after, sse(usage)),
    ]

    def ticking() -> Iterator[bytes]:
        for seconds, chunk in steps:
            clock.sleep(seconds)
            yield chunk

    stream = timed(FakeTransport(FakeReply(ticking())), clock, Timeouts())
    assert stream.result().text == "a"
    assert (stream.partial.usage.output_tokens if stream.partial.usage else None) == tokens
    assert [each.partition(":")[0] for each in stream.partial.warnings] == ([] if tokens else ["grace"])


def test_comments_are_limited_in_a_row_and_not_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow answer may have any number of comments, as long as data comes between them."""
    monkeypatch.setattr(counting, "MAX_COMMENTS", 3)
    row = b": wait\n\n" * 3
    long = good(row, sse(delta("Hel")), row, sse(delta("lo")), row, sse(delta(finish="stop"), "[DONE]"))
    assert stream_of(FakeTransport(long)).result().text == "Hello"
    flood = good(sse(delta("Hel")), row, b": wait\n\n", sse(delta("lo")))
    with pytest.raises(BadFrameError, match="more than 3 comments") as caught:
        stream_of(FakeTransport(flood)).until_done()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"


def ticking(clock: FakeClock, *steps: tuple[float, bytes]) -> Iterator[bytes]:
    for seconds, chunk in steps:
        clock.sleep(seconds)
        yield chunk


def test_statistics_of_a_paced_stream() -> None:
    """Times count from the request: first event 2 s, first text 3 s, a gap of 4 s, 2 tokens in 5 s."""
    clock = FakeClock()
    chunks = ticking(
        clock,
        (1, b": hello\n\n"),
        (1, sse(delta())),
        (1, sse(delta("Hel"))),
        (1, b": still here\n\n"),
        (3, sse(delta("lo"), delta(finish="stop")) + HELLO[-200:]),
    )
    stream = stream_of(FakeTransport(FakeReply(chunks)), clock=clock)
    comments = [event for event in stream if isinstance(event, KeepAlive)]
    stats = stream.stats
    assert (stats.first_event, stats.first_text, stats.last_event, stats.longest_gap) == (2, 3, 7, 4)
    assert (stats.comments, stats.chunks, stats.data_chunks) == (len(comments), 5, 3) == (2, 5, 3)
    assert (stats.output_tokens, stats.tokens_per_second) == (2, 0.4)
    assert not stats.suspected_buffering


def test_chunks_of_one_read_arrive_together() -> None:
    """The time that the caller takes over an event isn't a gap between chunks that had arrived."""
    clock = FakeClock()

    class TwoReads:
        def open(self, call: Call, watch: Watch) -> Reply:
            watch.arrived = 1  # the head

            def read(at: float, *chunks: bytes) -> Iterator[bytes]:
                watch.reads += 1  # as `Watch.recv_into` does
                watch.arrived = at
                yield from chunks

            first = read(2, *(sse(delta(word)) for word in "abcde"))
            last = read(6, sse(delta("f")), sse(delta(finish="stop")), b"data: [DONE]\n\n")
            return Reply(200, {}, chain(first, last), lambda: None)

    stream = timed(TwoReads(), clock, Timeouts())
    for _ in stream:
        clock.sleep(10)
    assert (stream.stats.first_event, stream.stats.last_event, stream.stats.longest_gap) == (2, 6, 4)
    assert (stream.stats.chunks, stream.stats.data_chunks) == (8, 7)  # the finish waits for the end


@pytest.mark.parametrize(("seconds", "expected"), [(5.0, True), (0.1, False)])
def test_many_events_in_one_late_lump_look_like_buffering(seconds: float, expected: bool) -> None:
    """Sixty deltas in one read after five seconds mean buffering; after 0.1 s, a fast server."""
    clock = FakeClock()
    lump = sse(*(delta("x") for _ in range(60))) + HELLO
    stream = stream_of(FakeTransport(FakeReply(ticking(clock, (seconds, lump)))), clock=clock)
    stream.until_done()
    assert stream.stats.suspected_buffering is expected


def test_a_timeout_says_which_clock_and_how_long() -> None:
    """The error names the clock, its setting, and the event it waited for."""
    with FaultServer(lambda peer: peer.hang()) as server:
        client = Client(api_key=KEY, base_url=server.url, timeouts=Timeouts(first_event=0.1))
        with pytest.raises(APITimeoutError) as caught:
            client.complete("hi", model="m")
    assert (caught.value.phase, caught.value.seconds) == ("first_event", 0.1)
    assert str(caught.value).startswith(
        "first_event: waited 0.1 s for the first data event; 0 bytes had arrived"
    )


def test_a_kept_stream_holds_its_answer_and_no_more() -> None:
    """The items as they arrived, and the payloads of their wire, are dropped when the answer is complete."""
    stream = stream_of(FakeTransport(good()))
    while not isinstance(next(stream), TextDelta):
        pass
    state = weakref.ref(stream._run.state)
    text = "".join(stream.text_stream)
    gc.collect()
    assert state() is None
    assert stream.partial.text.endswith(text)
    assert stream.result() is stream.partial


def test_a_stream_that_failed_keeps_the_part_that_arrived() -> None:
    """Only a complete answer takes the place of the state."""
    stream = stream_of(FakeTransport(good(sse(delta("Hel")), ConnectionResetError())), max_retries=0)
    with pytest.raises(APIConnectionError):
        list(stream)
    assert stream.partial.text == "Hel"


# -- transports that break their contract -------------------------------------------------


class Odd:
    """A transport that calls *reply*; closing that reply calls *close*."""

    def __init__(self, reply: Callable[[], Reply], close: Callable[[], None] = lambda: None) -> None:
        self._reply, self._close = reply, close
        self.calls = 0

    def open(self, call: Call, watch: Watch) -> Reply:
        self.calls += 1
        return evolve(self._reply(), close=self._close)


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


def whole() -> Reply:
    return Reply(200, {}, iter([HELLO]), lambda: None)


@pytest.mark.parametrize(
    ("error", "requests"),
    [(OSError(28, "no space"), 3), (ValueError("v"), 1), (StopIteration(), 1), (RecursionError("r"), 1)],
    ids=repr,
)
def test_any_exception_of_a_transport_is_an_error_of_ours(error: Exception, requests: int) -> None:
    """Those of the system are retried; any other is a mistake, and would be made again."""
    transport = Odd(raising(error))
    with pytest.raises(APIConnectionError, match=type(error).__name__) as caught:
        stream_of(transport, max_retries=2).result()
    assert caught.value.__cause__ is error
    assert caught.value.partial is not None
    assert transport.calls == requests


@pytest.mark.parametrize("status", [200, 500])
def test_any_exception_of_a_body_is_an_error_of_ours(status: int) -> None:
    """Of the body of a refusal, too: the refusal counts."""

    def chunks() -> Iterator[bytes]:
        yield b"oops"
        raise KeyError("k")

    stream = stream_of(Odd(lambda: Reply(status, {}, chunks(), lambda: None)), max_retries=0)
    with pytest.raises(ServerError if status == 500 else APIConnectionError):
        stream.result()


@pytest.mark.parametrize("error", [OSError("o"), UsageError("u"), StopIteration()], ids=repr)
def test_a_reply_that_cannot_be_closed_loses_no_answer(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor hides the error of the stream. The log has the reason, without the key."""
    error.args = (f"{error} {KEY}",)
    assert stream_of(Odd(whole, raising(error))).result().text == "Hello"
    with pytest.raises(ServerError):
        stream_of(
            Odd(lambda: Reply(500, {}, iter([b"x"]), lambda: None), raising(error)), max_retries=0
        ).result()
    lines = [record.getMessage() for record in caplog.records if "closing" in record.getMessage()]
    assert len(lines) == 2
    assert type(error).__name__ in lines[0]
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "error",
    [KeyError("k"), BadFrameError("b"), APIConnectionError("c"), None],
    ids=["foreign", "ours", "lost", "cancel"],
)
def test_nothing_after_the_answer_is_an_error(error: Exception | None) -> None:
    """Law 1: `Completed`, or an error. `cancel()` may come between `[DONE]` and the end of the body."""

    def chunks() -> Iterator[bytes]:
        yield HELLO
        stream._run.watch.check_cancelled()
        if error is not None:
            raise error
        yield b"more"

    stream = stream_of(Odd(lambda: Reply(200, {}, chunks(), lambda: None)))
    for event in stream:
        if isinstance(event, Completed) and error is None:
            stream.cancel()
    assert isinstance(event, Completed)
    assert stream.result().text == "Hello"


def test_an_interrupt_while_a_reply_is_closed_gives_its_place_free() -> None:
    transport = Odd(whole, raising(KeyboardInterrupt()))
    client = Client(
        "generic", base_url="http://h/v1", model="m", transport=transport, limits=Limits(concurrency=1)
    )
    for _ in range(2):  # the second one would wait for the first
        with pytest.raises(KeyboardInterrupt):
            client.complete("hi")

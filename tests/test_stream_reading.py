"""Stream: loops, `next()`, errors, threads and ends while the lane makes the deltas."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamkit.client import Client
from streamkit.client.stream import Stream
from streamkit.errors import APIConnectionError, StreamCancelledError, UsageError
from streamkit.events import Completed, Event, TextDelta
from streamkit.testing import FakeReply, FakeTransport

from .faultserver import FaultServer, Peer, chunked, delta, head, sse

WORDS = [f"word{number} " for number in range(12)]  # the lane makes the deltas from the third one on
DELTAS = [sse(delta(word)) for word in WORDS]
END = sse(delta(finish="stop")) + b"data: [DONE]\n\n"


def stream_of(*chunks: bytes | BaseException) -> tuple[Stream, FakeTransport]:
    transport = FakeTransport(FakeReply(chunks))
    return Client(api_key="k", transport=transport).stream("hi", model="m"), transport


def words(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


def up_to(stream: Iterator[Event] | Stream, count: int) -> list[Event]:
    """Return the events of a loop that is left after so many deltas."""
    events: list[Event] = []
    for event in stream:
        events.append(event)
        if len(words(events)) == count:
            break
    return events


def test_a_loop_that_was_left_goes_on() -> None:
    """No event is lost or comes twice, whether a loop, `next` or an iterator that was kept goes on."""
    stream, _ = stream_of(b"".join(DELTAS), END)
    kept = iter(stream)
    events = [*up_to(stream, 6), next(stream), next(kept), *up_to(stream, 2), next(kept), *stream]
    assert words(events) == WORDS
    assert [type(event) for event in events].count(Completed) == 1
    assert list(stream) == list(kept) == []
    assert stream.stats.events == len(events) - 1  # `Opened` isn't an event of the answer


@pytest.mark.parametrize("count", range(1, 13))
def test_the_counts_are_those_of_the_events_so_far(count: int) -> None:
    stream, _ = stream_of(*DELTAS, END)
    events = up_to(stream, count)
    assert stream.stats.events == len(events) - 1
    assert stream.partial.text == "".join(WORDS[:count])


def test_the_same_error_comes_at_each_read() -> None:
    stream, _ = stream_of(*DELTAS, APIConnectionError("reset"))
    kept = iter(stream)
    seen: list[Event] = []
    with pytest.raises(APIConnectionError, match="reset") as first:
        seen.extend(iter(lambda: next(kept), None))
    assert first.value.partial is not None
    assert first.value.partial.text == "".join(WORDS)
    for read in (lambda: next(kept), lambda: next(stream), lambda: list(stream), stream.result) * 2:
        with pytest.raises(APIConnectionError) as again:
            read()
        assert again.value is first.value


def test_a_second_reader_is_refused_and_the_first_goes_on() -> None:
    entered, leave = threading.Event(), threading.Event()

    def waiting() -> Iterator[bytes]:
        yield from DELTAS
        entered.set()
        leave.wait(10)
        yield END

    transport = FakeTransport(FakeReply(waiting()))
    stream = Client(api_key="k", transport=transport).stream("hi", model="m")
    kept = iter(stream)
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(list, stream)
        assert entered.wait(10)
        for read in (lambda: next(stream), lambda: list(stream), lambda: next(kept), stream.result):
            with pytest.raises(UsageError, match="this stream is being read already"):
                read()
        leave.set()
        assert words(answer.result()) == WORDS
    assert stream.partial.text == "".join(WORDS)
    assert transport.closed == 1


def test_an_interrupt_ends_the_attempt() -> None:
    """Ctrl-C inside of the lane closes the reply at once, as it does inside of the chain."""
    stream, transport = stream_of(*DELTAS, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        stream.until_done()
    assert transport.closed == 1
    assert "interrupted" in repr(stream)
    assert stream.partial.text == "".join(WORDS)
    with pytest.raises(UsageError, match="closed before its end"):
        next(stream)


def by_close(stream: Stream) -> None:
    up_to(stream, 8)
    stream.close()


def by_with(stream: Stream) -> None:
    with stream:
        up_to(stream, 8)


def by_the_texts(stream: Stream) -> None:
    texts = stream.text_stream
    assert [next(texts) for _ in range(8)] == WORDS[:8]
    texts.close()


def by_a_generator(stream: Stream) -> None:
    def passed_on() -> Iterator[Event]:
        yield from stream

    events = passed_on()
    up_to(events, 8)
    events.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("leave", [by_close, by_with, by_the_texts, by_a_generator])
def test_nothing_comes_after_the_stream_is_closed(leave: Callable[[Stream], None]) -> None:
    stream, transport = stream_of(b"".join(DELTAS), END)
    leave(stream)
    assert transport.closed == 1
    for read in (lambda: next(stream), lambda: list(stream)):
        with pytest.raises(UsageError, match="closed before its end"):
            read()
    assert stream.partial.text == "".join(WORDS[:8])


@pytest.mark.parametrize("read", [iter, lambda stream: stream.text_stream], ids=["events", "texts"])
def test_a_dropped_stream_is_closed_without_the_garbage_collector(read: Callable[[Stream], Any]) -> None:
    stream, transport = stream_of(b"".join(DELTAS), END)
    gc.disable()
    try:
        iterator = read(stream)
        for _ in range(8):
            next(iterator)
        del stream
        assert transport.closed == 0
        del iterator
        assert transport.closed == 1
    finally:
        gc.enable()


@pytest.mark.parametrize("leave", [Stream.close, Stream.cancel])
def test_another_thread_wakes_a_read_of_the_lane(leave: Callable[[Stream], None]) -> None:
    """A generator that is running can't be closed, so the read is cancelled."""

    def hanging(peer: Peer) -> None:
        peer.send(
            head("200 OK", "Transfer-Encoding: chunked"), *(chunked(each, end=False) for each in DELTAS)
        )
        peer.hang()

    with FaultServer(hanging) as server, Client(api_key="k", base_url=server.url) as client:
        stream = client.stream("hi", model="m")
        up_to(stream, 8)
        threading.Timer(0.1, leave, [stream]).start()
        with pytest.raises(StreamCancelledError) as caught:
            stream.until_done()
        assert caught.value.partial is not None
        assert caught.value.partial.text == "".join(WORDS)
        assert server.left.wait(5)

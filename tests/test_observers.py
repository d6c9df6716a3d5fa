"""Observers: the facts they get about a stream, however it ends; an observer can't break a stream."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    Completion,
    RateLimitError,
    Retrying,
    RetryPolicy,
    Started,
    StreamCancelledError,
    TextDelta,
    TruncatedStreamError,
)
from streamkit.client.observers import AttemptStarted, Ended, Fact, Observation, Operation
from streamkit.client.stats import Stats
from streamkit.client.stream import Stream
from streamkit.testing import FakeReply, FakeTransport, chat_stream, refusal

OPERATION = Operation("chat", "openai", "gpt-x", "api.openai.com", 443)
FACTS: list[Fact] = [
    AttemptStarted(1),
    Started("id-1", "gpt-x"),
    TextDelta("Hi"),
    Completed(Completion()),
    Ended("completed", Completion(), Stats(), 0.5),
]


def tell_all(observation: Observation) -> None:
    for fact in FACTS:
        observation.tell(fact)


def test_every_observer_gets_every_fact_in_order():
    """Two observers get the same operation and the same facts."""
    first: list[object] = []
    second: list[object] = []
    tell_all(Observation(OPERATION, [lambda *told: first.append(told), lambda *told: second.append(told)]))
    assert first == second == [(OPERATION, fact) for fact in FACTS]


def test_an_observer_that_raises_is_logged_once_and_told_on(caplog: pytest.LogCaptureFixture):
    """The stream and the other observers continue; the broken observer still gets every fact."""
    heard: list[Fact] = []
    others: list[Fact] = []

    def broken(_operation: Operation, fact: Fact) -> None:
        heard.append(fact)
        raise ZeroDivisionError("observer's own bug")

    with caplog.at_level(logging.ERROR, "streamkit"):
        tell_all(Observation(OPERATION, [broken, lambda _operation, fact: others.append(fact)]))
    assert heard == others == FACTS
    assert len(caplog.records) == 1
    assert "observer's own bug" in caplog.text


def test_ctrl_c_in_an_observer_is_no_bug_of_the_observer():
    """KeyboardInterrupt is raised: only an `Exception` of an observer is kept from the stream."""

    def interrupted(_operation: Operation, _fact: Fact) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observation(OPERATION, [interrupted]).tell(AttemptStarted())


def test_an_observation_without_observers_is_false():
    """A stream uses this to skip the calls on its hot path."""
    assert not Observation(OPERATION)
    assert Observation(OPERATION, [print])


def test_operations_are_numbered_apart():
    """Two equal requests are two operations: an observer may keep its state by operation."""
    again = Operation("chat", "openai", "gpt-x", "api.openai.com", 443)
    assert again != OPERATION
    assert len({again, OPERATION}) == 2


def test_the_request_stays_out_of_repr():
    """`print` is a useful observer, so it must not print whole conversations."""
    operation = Operation("chat", "openai", "gpt-x", request="secret prompt")  # type: ignore[arg-type]
    assert "secret" not in repr(operation)


def test_a_program_without_logging_sees_nothing():
    """A warning isn't written to stderr unless the program configures logging."""
    code = "import streamkit, logging; logging.getLogger('streamkit.sse').warning('bad frame')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# -- what a stream tells ------------------------------------------------------------------

ANSWER = chat_stream("Hel", "lo")


class Watched:
    """A client on a fake network, with all facts that its observer got."""

    def __init__(self, *answers: Any) -> None:
        self.told: list[tuple[Operation, Fact]] = []
        self.client = Client(
            "generic",
            base_url="https://fake.example/v1",
            transport=FakeTransport(*answers),
            retry=RetryPolicy(max_retries=1, max_wait=0),
            observers=[lambda operation, fact: self.told.append((operation, fact))],
        )

    def stream(self) -> Stream:
        return self.client.stream("Hi", model="m")

    @property
    def facts(self) -> list[Fact]:
        return [fact for _, fact in self.told]

    @property
    def end(self) -> Ended:
        """The one `Ended`, which is the last fact."""
        *before, last = self.facts
        assert isinstance(last, Ended)
        assert not any(isinstance(fact, Ended) for fact in before)
        return last


def test_a_stream_tells_its_events_between_beginning_and_end():
    """The facts are AttemptStarted, exactly the caller's events, and Ended, all of one operation."""
    watched = Watched(ANSWER)
    events = list(watched.stream())
    assert watched.facts[0] == AttemptStarted(1)
    assert watched.facts[1:-1] == events
    (operation,) = {operation for operation, _ in watched.told}
    assert (operation.wire, operation.profile, operation.model) == ("chat", "generic", "m")
    assert (operation.host, operation.port) == ("fake.example", 443)
    assert operation.request is not None
    assert operation.request.model == "m"
    assert (watched.end.how, watched.end.completion.text, watched.end.status) == ("completed", "Hello", 200)


def test_a_fact_comes_before_its_event():
    """The observer gets an event before the caller does."""
    watched = Watched(ANSWER)
    known = [(event, watched.facts[-1]) for event in watched.stream()]
    assert len(known) >= 5
    assert all(event is fact for event, fact in known)


def test_a_stream_that_nobody_reads_tells_nothing():
    """A stream that isn't read sends no request, so there is no operation."""
    watched = Watched(ANSWER)
    watched.stream().close()
    assert watched.told == []


def test_attempts_of_one_stream_are_one_operation():
    """The refusal, the wait and the second attempt are facts in this order."""
    watched = Watched(refusal(429), ANSWER)
    watched.stream().until_done()
    kinds = [type(fact) for fact in watched.facts[:4]]
    assert kinds[:3] == [AttemptStarted, Retrying, AttemptStarted]
    assert [fact for fact in watched.facts if isinstance(fact, AttemptStarted)] == [
        AttemptStarted(1),
        AttemptStarted(2),
    ]
    assert len({operation.number for operation, _ in watched.told}) == 1
    assert (watched.end.how, watched.end.stats.attempts) == ("completed", 2)


def test_a_refusal_ends_as_failed():
    """Ended has the error that is raised, and its status."""
    watched = Watched(refusal(429))
    with pytest.raises(RateLimitError) as raised:
        watched.stream().result()
    assert (watched.end.how, watched.end.error, watched.end.status) == ("failed", raised.value, 429)


def test_a_cut_stream_ends_as_failed_with_what_arrived():
    """Ended has the partial answer."""
    watched = Watched(chat_stream("Hel", "lo")[:-150])
    with pytest.raises(TruncatedStreamError):
        watched.stream().result()
    assert (watched.end.how, watched.end.completion.text) == ("failed", "Hello")


def read_one(stream: Stream) -> None:
    for event in stream:
        if isinstance(event, TextDelta):
            return


def closed(stream: Stream) -> None:
    with stream:
        read_one(stream)


def interrupted(stream: Stream) -> None:
    with pytest.raises(KeyboardInterrupt), stream:
        read_one(stream)
        raise KeyboardInterrupt


def failed_outside(stream: Stream) -> None:
    with pytest.raises(ZeroDivisionError), stream:
        read_one(stream)
        raise ZeroDivisionError


def cancelled(stream: Stream) -> None:
    read_one(stream)
    stream.cancel()
    with pytest.raises(StreamCancelledError):
        next(stream)


def left_after_the_end(stream: Stream) -> None:
    for event in stream:
        if isinstance(event, Completed):
            break
    stream.close()


@pytest.mark.parametrize(
    ("leave", "how"),
    [
        (closed, "closed"),
        (failed_outside, "closed"),
        (interrupted, "interrupted"),
        (cancelled, "cancelled"),
        (left_after_the_end, "completed"),
    ],
)
def test_every_way_out_is_told(leave: Any, how: str):
    """`Ended` is sent once, with the way the stream was left and the text so far."""
    watched = Watched([ANSWER[:-300], ANSWER[-300:]])
    leave(watched.stream())
    assert watched.end.how == how
    assert watched.end.completion.text.startswith("Hel")


def test_a_dropped_stream_is_abandoned():
    """A stream that is dropped without being closed still ends, so that an observer's span ends."""
    watched = Watched(ANSWER)
    read_one(watched.stream())
    gc.collect()  # for an interpreter that does not count references
    assert watched.end.how == "abandoned"


def test_ctrl_c_while_reading_is_an_interrupt():
    """The exception was raised in the network's read, not by the caller."""
    told: list[Fact] = []
    client = Client(
        "generic",
        base_url="https://fake.example/v1",
        transport=FakeTransport(FakeReply([ANSWER[:300], KeyboardInterrupt()])),
        observers=[lambda _operation, fact: told.append(fact)],
    )
    with pytest.raises(KeyboardInterrupt):
        client.stream("Hi", model="m").until_done()
    end = told[-1]
    assert isinstance(end, Ended)
    assert (end.how, type(end.error)) == ("interrupted", KeyboardInterrupt)


def test_a_broken_observer_changes_nothing(caplog: pytest.LogCaptureFixture):
    """A broken observer doesn't change the events or the answer."""

    def broken(_operation: Operation, _fact: Fact) -> None:
        raise ZeroDivisionError

    client = Client(
        "generic", base_url="https://fake/v1", transport=FakeTransport(ANSWER), observers=[broken]
    )
    assert client.complete("Hi", model="m").text == "Hello"
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


def test_one_log_line_a_stream(caplog: pytest.LogCaptureFixture):
    """Each stream logs one line, without observers and without content."""
    client = Client("generic", base_url="https://fake/v1", transport=FakeTransport(ANSWER))
    with caplog.at_level(logging.INFO, "streamkit"):
        client.complete("Hi", model="m")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("streamkit", "INFO")
    assert record.getMessage().startswith("m (generic): 200 stop, ")

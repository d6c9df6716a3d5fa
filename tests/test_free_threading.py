"""Many threads share what may be shared: a client, its pace, an observer, events, a stream's answer so far.

The threads are switched after each few instructions; on a build of Python without the GIL they run at once.
Shared state without a lock would give a wrong count, a number twice, or another stream's text.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from streamkit import (
    Client,
    Completed,
    Ended,
    Limits,
    Message,
    RetryPolicy,
    TextDelta,
    Usage,
    UsageReport,
    read_events,
)
from streamkit.client.run import Run
from streamkit.http.messages import Call
from streamkit.state.answer import AnswerState
from streamkit.testing import FakeTransport, refusal, sse

THREADS = 8


@pytest.fixture(autouse=True)
def _often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], None]) -> None:
    """Run *work* in each thread with its number, all at once; raise the first error."""
    barrier, errors = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def words(seed: str, count: int = 30) -> list[str]:
    chance = random.Random(seed)
    return [f"{chance.choice(['a', 'é', '北', '👍', ' x'])}{seed}{number} " for number in range(count)]


def chunk(text: str, **more: Any) -> dict[str, Any]:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}], **more}


def answer(pieces: list[str]) -> bytes:
    """A stream with usage next to each piece."""
    payloads = [chunk(each, usage={"completion_tokens": n}) for n, each in enumerate(pieces, 1)]
    end = {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return sse(*payloads, end, "[DONE]")


def test_one_client_gives_every_thread_its_own_answer() -> None:
    """Some requests are refused first. Each answer is the one to its own prompt, and nothing is left open."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    def reply(call: Call) -> Any:
        prompt = json.loads(call.body)["messages"][0]["content"]
        with lock:
            asked[prompt] += 1
            is_refused = prompt.endswith("3") and asked[prompt] == 1
        if is_refused:
            return refusal(429, headers={"retry-after": "0"})
        return answer(words(prompt))

    ended: list[Any] = []

    def observe(operation: Any, fact: Any) -> None:
        if isinstance(fact, Ended):
            ended.append((operation, fact))

    transport = FakeTransport(reply)
    client = Client(
        api_key="k",
        transport=transport,
        observers=[observe],
        retry=RetryPolicy(2, 1.0),
        limits=Limits(concurrency=THREADS),
        model="m",
    )

    def work(number: int) -> None:
        for turn in range(12):
            prompt = f"{number}-{turn}"
            stream = client.stream(prompt)
            assert "".join(e.text for e in stream if isinstance(e, TextDelta)) == "".join(words(prompt))
            assert stream.partial.usage is not None
            assert stream.partial.usage.output_tokens == 30
            assert stream.stats.attempts == 1 + prompt.endswith("3")

    in_threads(work)
    streams = THREADS * 12
    numbers = {operation.number for operation, _ in ended}
    assert (len(ended), len(numbers)) == (streams, streams)
    assert {fact.how for _, fact in ended} == {"completed"}
    assert (
        len(transport.calls) == transport.closed == streams + sum(f"{n}-3" in asked for n in range(THREADS))
    )


def test_the_answer_so_far_may_be_read_while_a_thread_reads() -> None:
    """Each look is a beginning of the text, and no shorter than the one before."""
    pieces = words("s", 3000)
    whole = "".join(pieces)
    client = Client(api_key="k", transport=FakeTransport(answer(pieces)), model="m")
    stream = client.stream("hi")
    done, half_way = threading.Event(), threading.Barrier(THREADS, timeout=30)

    def work(number: int) -> None:
        if number == 0:
            for count, _ in enumerate(stream):
                if count == 3000:  # of 6,000 deltas and reports
                    half_way.wait()
            done.set()
            return
        before, has_waited = 0, False
        while not done.is_set():
            text, usage = stream.partial.text or "", stream.partial.usage
            assert whole.startswith(text)
            assert len(text) >= before
            assert usage is None or 0 < usage.output_tokens <= 3000
            before = len(text)
            if not has_waited:  # so each thread has looked at least once before the end
                has_waited = True
                half_way.wait()

    in_threads(work)
    assert stream.partial.text == whole


def test_a_look_keeps_the_answer_that_completes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is dropped at the end, maybe between the two steps of a look by another thread."""
    stream = Client(api_key="k", transport=FakeTransport(answer(["a", "b"])), model="m").stream("hi")
    while not (isinstance(event := next(stream), TextDelta) and event.text == "b"):
        pass

    def completes_after_this(run: Run) -> None:
        run.state = AnswerState()

    monkeypatch.setattr(Run, "completion", property(completes_after_this))
    assert stream.partial.text == "ab"


def test_a_look_keeps_the_usage_that_arrives_meanwhile() -> None:
    """While one thread decodes the usage of a moment, the reading thread may set a later one."""
    state, earlier, later = AnswerState(), Usage(output_tokens=1), Usage(output_tokens=2)

    def read(counts: Any) -> Usage:
        assert counts == {"completion_tokens": 1}
        state.counted = later  # as the other thread does
        return earlier

    state.counted = read, '{"completion_tokens": 1}'
    assert state.usage == earlier
    assert state.usage == later


def meanwhile(look: Callable[[], Any], events: Iterator[Any], every: int) -> Any:
    """Return what *look* does, while an event arrives after each *every* of its instructions."""
    steps = itertools.count(1)

    def trace(frame: FrameType, what: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        if what == "opcode" and next(steps) % every == 0:
            next(events, None)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return look()
    finally:
        sys.settrace(before)


def parts_with_annotations() -> bytes:
    place = [{"item_id": "m", "output_index": 0, "content_index": number} for number in range(100)]
    kind = "response.output_text"
    annotation = {"type": "url_citation", "url": "u"}
    payloads: list[Any] = [{"type": "response.created", "response": {"id": "r"}}]
    for each in place:
        payloads += [
            {"type": f"{kind}.delta", **each, "delta": "abc"},
            {"type": f"{kind}.annotation.added", **each, "annotation": annotation},
            {"type": f"{kind}.done", **each, "text": "other"},
        ]
    return sse(*payloads, {"type": "response.completed", "response": {"id": "r", "status": "completed"}})


def choices_with_attachments() -> bytes:
    payloads = [
        {"choices": [{"index": 0, "delta": {"content": "a", name: [{"type": "x", "n": number}]}}]}
        for number in range(60)
        for name in ("annotations", "images", "reasoning_details", "thinking_blocks")
    ]
    return sse(*payloads, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]")


def blocks_with_citations() -> bytes:
    payloads: list[Any] = [{"type": "message_start", "message": {"id": "m", "content": []}}]
    for number in range(100):
        place = {"type": "content_block_delta", "index": number}
        text = {"type": "text", "text": "a"}
        payloads += [
            {"type": "content_block_start", "index": number, "content_block": text},
            {**place, "delta": {"type": "citations_delta", "citation": {"type": "x", "n": number}}},
        ]
    payloads.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    return sse(*payloads, {"type": "message_stop"})


@pytest.mark.parametrize("every", [61, 101, 199])
@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("responses", parts_with_annotations()),
        ("chat", choices_with_attachments()),
        ("messages", blocks_with_citations()),
    ],
)
def test_events_may_arrive_between_any_two_steps_of_a_look(wire: str, body: bytes, every: int) -> None:
    """Law 1: building the answer so far never fails, and it has what was there when the look began."""
    state = AnswerState()
    events = read_events(body, wire=wire, state=state)
    looks = 0
    while next(events, None) is not None:
        before = sum(len(each.content) for each in state.completion().items if isinstance(each, Message))
        answer = meanwhile(state.completion, events, every)
        assert sum(len(each.content) for each in answer.items if isinstance(each, Message)) >= before
        looks += 1
    assert looks > 1


def test_threads_may_share_events() -> None:
    """Values that are built when they are read are the same for every thread."""
    pieces = words("e", 200)
    *events, last = read_events(answer(pieces))
    assert isinstance(last, Completed)
    expected = iter(pieces)
    deltas = [(event, next(expected)) for event in events if isinstance(event, TextDelta)]
    reports = [event for event in events if isinstance(event, UsageReport)]

    def work(number: int) -> None:
        said = ""
        for event, piece in deltas:
            said += piece
            assert event.text == piece
            assert event.snapshot == said
            assert event.raw is not None
            assert event.raw["choices"][0]["delta"] == {"content": piece}
        assert [report.usage.output_tokens for report in reports] == [*range(1, 201)]

    in_threads(work)

"""playback: recordings as events and as replies, at their pace and under the stream's clocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    Client,
    Completed,
    Event,
    Opened,
    RateLimitError,
    Retrying,
    RetryPolicy,
    StreamCancelledError,
    StreamkitError,
    TextDelta,
    Timeouts,
    TruncatedStreamError,
    UsageError,
    read_events,
)
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call
from streamkit.recordings.faults import corrupt_at, cut_at, drop_range, split_every, stall_at
from streamkit.recordings.format import (
    Ending,
    Header,
    RecordedResponse,
    Recording,
    TimedChunk,
    load_recording,
)
from streamkit.recordings.playback import ReplayTransport, replay
from streamkit.testing import FakeClock

from .faultserver import HELLO, FaultServer, Peer, chunked, delta, head, sse
from .recorded import Recorded, fixtures


def paced(*chunks: tuple[float, bytes], ending: Ending | None = None, after: float = 0.0) -> Recording:
    header = Header(response=RecordedResponse(200, {"content-type": "text/event-stream"}, after))
    timed = tuple(TimedChunk(at, data) for at, data in chunks)
    return Recording(header, timed, ending or Ending("eof", timed[-1].at))


SLOW = paced((1.0, sse(delta("Hel"))), (3.0, sse(delta("lo"))), (3.5, sse(delta(finish="stop"), "[DONE]")))
REFUSED = Recording.of(b'{"error": {"message": "slow down"}}', status=429, headers={"retry-after": "0"})


def outcome(events: Any) -> tuple[list[Event], StreamkitError | None]:
    seen: list[Event] = []
    try:
        seen.extend(events)
    except StreamkitError as error:
        return seen, error
    return seen, None


# -- replay -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", fixtures(), ids=lambda s: s.name)
def test_a_recording_gives_the_events_of_its_bytes(stream: Recorded, tmp_path: Path) -> None:
    """A fixture and a recording of it yield the same events and the same error."""
    path = tmp_path / "run.jsonl"
    split_every(Recording.of(stream.body), 50).save(path)
    events, error = stream.events()
    again, same = outcome(replay(path, wire=stream.wire, profile=stream.profile))
    assert again == events
    assert (type(same), str(same)) == (type(error), str(error))


def test_a_body_alone_is_replayed(tmp_path: Path) -> None:
    """The first payload of an `.sse` file decides its API."""
    path = tmp_path / "hello.sse"
    path.write_bytes(HELLO)
    assert list(replay(path)) == list(read_events([HELLO]))


@pytest.mark.parametrize(
    ("speed", "times"),
    [
        pytest.param("recorded", [1.0, 3.0], id="recorded"),
        pytest.param(1, [1.0, 3.0], id="1"),
        pytest.param(2, [0.5, 1.5], id="twice as fast"),
        pytest.param(0.5, [2.0, 6.0], id="half as fast"),
        pytest.param(0, [0.0, 0.0], id="no waiting"),
    ],
)
def test_events_arrive_at_their_time(speed: Any, times: list[float]) -> None:
    """Each event arrives at the time of its bytes, divided by the speed."""
    clock = FakeClock()
    events = replay(SLOW, speed=speed, now=clock.now, sleep=clock.sleep)
    assert [clock.now() for event in events if isinstance(event, TextDelta)] == times


def test_the_readers_own_time_counts() -> None:
    """As on a network, bytes that arrived while the reader was busy are there at once."""
    clock = FakeClock()
    events = replay(SLOW, speed=1, now=clock.now, sleep=clock.sleep)
    next(event for event in events if isinstance(event, TextDelta))
    clock.advance(10)
    before = len(clock.naps)
    assert isinstance(list(events)[-1], Completed)
    assert len(clock.naps) == before


def test_speed_0_never_sleeps() -> None:
    """Speed 0 is the default."""
    clock = FakeClock()
    assert len(list(replay(SLOW, now=clock.now, sleep=clock.sleep))) > 0
    assert clock.naps == []


@pytest.mark.parametrize("speed", [-1, "fast", True, float("nan")], ids=str)
def test_an_invalid_speed_is_refused(speed: Any) -> None:
    """`UsageError` lists the possible values."""
    with pytest.raises(UsageError, match="speed: expected"):
        list(replay(SLOW, speed=speed))


@pytest.mark.parametrize(
    ("ending", "error", "phase"),
    [
        pytest.param(Ending("eof"), TruncatedStreamError, None, id="eof"),
        pytest.param(Ending("closed by us"), TruncatedStreamError, None, id="closed by us"),
        pytest.param(Ending("cancelled"), TruncatedStreamError, None, id="cancelled"),
        pytest.param(Ending(None), TruncatedStreamError, None, id="the recording was truncated"),
        pytest.param(Ending("reset", 0, "by peer"), APIConnectionError, None, id="reset"),
        pytest.param(Ending("timeout", 0, "idle", "idle", 9.0), APITimeoutError, "idle", id="timeout"),
        pytest.param(Ending("no reply", 0, "x", "connect", 9.0), APITimeoutError, "connect", id="no reply"),
    ],
)
def test_a_body_ends_as_recorded(ending: Ending, error: type[StreamkitError], phase: str | None) -> None:
    """The recorded kind of error is raised, with the text so far."""
    _, raised = outcome(replay(paced((0, sse(delta("Hel"))), ending=ending)))
    assert type(raised) is error
    assert getattr(raised, "phase", None) == phase
    assert raised is not None
    assert raised.partial is not None
    assert raised.partial.text == "Hel"


# -- a client without a network -----------------------------------------------------------


def client(*sources: Any, **options: Any) -> tuple[Client, ReplayTransport]:
    transport = ReplayTransport(*sources)
    return Client("generic", base_url="http://replayed.invalid/v1", transport=transport, **options), transport


def test_a_client_answers_from_a_recording() -> None:
    """Status, headers and events are the recorded ones; `calls` contains the request."""
    replayed, transport = client(SLOW)
    events = list(replayed.stream("hi", model="m"))
    assert isinstance(events[0], Opened)
    assert events[0].headers == {"content-type": "text/event-stream"}
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["Hel", "lo"]
    assert transport.calls[0].url == "http://replayed.invalid/v1/chat/completions"


def test_recordings_answer_in_order_and_the_last_one_stays() -> None:
    """A recorded refusal is retried like a real one; the last recording answers every later call."""
    replayed, transport = client(REFUSED, SLOW)
    first = replayed.stream("hi", model="m")
    assert isinstance(next(first), Retrying)
    assert first.result().text == "Hello"
    assert replayed.complete("hi", model="m").text == "Hello"
    assert len(transport.calls) == 3


REFUSALS: list[tuple[int, dict[str, str], bytes]] = [
    (
        429,
        {"retry-after": "7", "x-request-id": "req_1"},
        b'{"error": {"message": "slow", "code": "rate_limit"}}',
    ),
    (429, {"Retry-After-Ms": "250", "CF-Ray": "ray_1"}, b'{"error": {"code": "insufficient_quota"}}'),
    (503, {}, b'{"error": "Model m is currently loading", "estimated_time": 20.0}'),
    (500, {}, b'data: {"error": {"message": "boom", "type": "t", "code": "500"}}\n\ndata: [DONE]\n\n'),
    (502, {"request-id": "r"}, b"<html><title>502 Bad Gateway</title></html>"),
    (400, {"x-should-retry": "true"}, b'{"detail": [{"loc": ["body"], "msg": "missing"}]}'),
    (404, {}, b""),
    (401, {}, b"Unauthorized"),
    (418, {}, sse(delta("Hel"), delta("lo"), delta(finish="stop"), "[DONE]")),
    (
        503,
        {"date": "Sat, 21 Nov 2026 10:00:00 GMT", "retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"},
        b'{"error": {"message": "busy"}}',
    ),
    (302, {}, b""),
]


def facts(error: StreamkitError) -> dict[str, Any]:
    known_to_the_client = dict.fromkeys(("where", "hint"), "")  # a recording doesn't name the profile
    return {"class": type(error), "args": error.args, **vars(error), **known_to_the_client}


@pytest.mark.parametrize(("status", "headers", "body"), REFUSALS, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize("wire", ["auto", "chat", "responses"])
def test_a_replay_raises_the_error_of_the_live_client(
    status: int, headers: dict[str, str], body: bytes, wire: str
) -> None:
    """Every fact of a refusal is the same, whether it is streamed or replayed: one function reads both."""
    recording = Recording.of(body, status=status, headers=headers)
    live, _ = client(recording, retry=RetryPolicy(max_retries=0))
    events, expected = outcome(live.stream("hi", model="m"))
    assert isinstance(expected, APIError)
    assert expected.status == status
    replayed, error = outcome(replay(recording, wire=wire))
    assert replayed == events == []
    assert error is not None
    assert facts(error) == facts(expected)


def test_a_replay_counts_a_date_from_the_time_of_the_recording() -> None:
    """Retry-After may be a date; without the server's own date, the recording's counts, not today's."""
    headers = {"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}
    response = RecordedResponse(503, headers, after=10.0)
    recording = Recording(Header(response=response, recorded_at="2026-11-21T10:00:00+00:00"))
    _, error = outcome(replay(recording))
    assert isinstance(error, APIError)
    assert error.retry_after == 20.0


def test_a_replay_gives_errors_of_a_stream_their_request_id() -> None:
    """An error after a success status has the id from the recorded headers, as a live one has."""
    recording = Recording.of(sse(delta("Hel")), headers={"x-request-id": "req_1"})
    _, error = outcome(replay(recording, wire="chat"))
    assert isinstance(error, TruncatedStreamError)
    assert error.request_id == "req_1"


def test_a_recorded_refusal_is_raised() -> None:
    """Without retries the recorded error is raised."""
    replayed, _ = client(REFUSED, retry=RetryPolicy(max_retries=0))
    with pytest.raises(RateLimitError, match="slow down"):
        replayed.complete("hi", model="m")


def test_a_failed_connection_fails_again() -> None:
    """`no reply` is raised by `open`."""
    replayed, _ = client(
        Recording(ending=Ending("no reply", 1.0, "refused")), retry=RetryPolicy(max_retries=0)
    )
    with pytest.raises(APIConnectionError, match="refused"):
        replayed.complete("hi", model="m")


@pytest.mark.parametrize(
    ("timeouts", "phase", "at"),
    [
        pytest.param(Timeouts(idle=30), "idle", 31.0, id="idle"),
        pytest.param(Timeouts(first_event=0.5), "first_event", 0.5, id="first event"),
        pytest.param(Timeouts(bytes=5), "bytes", 6.0, id="bytes"),
        pytest.param(Timeouts(deadline=20), "deadline", 20.0, id="deadline"),
    ],
)
def test_a_recorded_stall_makes_the_clocks_fire(timeouts: Timeouts, phase: str, at: float) -> None:
    """The clock fires at its own second, with the text so far; the test waits for no real time."""
    clock = FakeClock()
    watch = Watch(timeouts, now=clock.now, sleep=clock.sleep)
    stalled = stall_at(SLOW, len(SLOW.chunks[0].data), 1000)
    reply = ReplayTransport(stalled, speed=1).open(Call("http://h", b"{}"), watch)

    def chunks() -> Any:
        for chunk in reply.chunks:
            yield chunk
            watch.data_arrived()

    with pytest.raises(APITimeoutError) as caught:
        list(read_events(chunks()))
    assert caught.value.phase == phase
    assert clock.now() == pytest.approx(at)


def test_cancelling_ends_a_wait() -> None:
    """`cancel()` takes effect in the middle of a recorded pause."""
    clock = FakeClock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now() > 2:
            watch.cancel()

    watch = Watch(Timeouts(), now=clock.now, sleep=sleep)
    reply = ReplayTransport(SLOW, speed=1).open(Call("http://h", b"{}"), watch)
    with pytest.raises(StreamCancelledError):
        list(reply.chunks)
    assert clock.now() < 3


def test_headers_arrive_at_their_time() -> None:
    """`after` passes before `open` returns."""
    clock = FakeClock()
    watch = Watch(Timeouts(), now=clock.now, sleep=clock.sleep)
    ReplayTransport(paced((0, HELLO), after=4.0), speed=1).open(Call("http://h", b"{}"), watch)
    assert clock.now() == pytest.approx(4.0)


def test_a_transport_needs_a_recording() -> None:
    """Without a recording it raises `UsageError`."""
    with pytest.raises(UsageError, match="at least one"):
        ReplayTransport()


# -- the show of issue 7 ------------------------------------------------------------------


LIVE = [
    sse(delta("Grüße, "), delta("w" * 300)),
    sse(delta("elt"))[:40],
    sse(delta("elt"))[40:],
    b": keep-alive\n\n",
    sse({"id": "c1", "choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": '{"a": [1, 2, 3], '}}]}}]}),
    sse({"id": "c1", "choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "function": {"arguments": '"b": "' + "y" * 200 + '"}'}}]}}]}),
    sse(delta(finish="tool_calls"), "[DONE]"),
]  # fmt: skip


def test_a_live_stream_recorded_replayed_and_cut_keeps_the_laws(tmp_path: Path) -> None:
    """A recorded live stream is replayed byte for byte; damaged, it still ends in Completed or an error."""
    path = tmp_path / "live.jsonl"

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"))
        for piece in LIVE:
            peer.send(chunked(piece, end=False))
        peer.send(b"0\r\n\r\n")

    with FaultServer(script) as server, Client("generic", base_url=server.url) as live:
        events = list(live.stream("hi", model="m", record=path))
    recording = load_recording(path)
    assert recording.body == b"".join(LIVE)
    assert list(replay(path)) == events[1:]  # all but Opened, which is the client's own
    assert list(replay(split_every(recording, 1))) == events[1:]
    for end in range(0, len(recording.body), 100):
        for mutated in (
            cut_at(recording, end),
            cut_at(recording, end, end="reset"),
            drop_range(recording, end, min(end + 30, len(recording.body))),
            corrupt_at(recording, end),
        ):
            assert_law_1(*outcome(replay(mutated)))


def assert_law_1(events: list[Event], error: StreamkitError | None) -> None:
    """Check that Completed is last, or that an error's `.partial` has the text of the deltas."""
    completed = [event for event in events if isinstance(event, Completed)]
    if error is None:
        assert completed == events[-1:]
        return
    assert completed == []
    assert error.partial is not None
    assert error.partial.text == "".join(e.text for e in events if isinstance(e, TextDelta))

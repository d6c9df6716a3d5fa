"""Recording: what is kept of a live stream, when, and what never is."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streamkit import (
    APIConnectionError,
    APITimeoutError,
    Client,
    RateLimitError,
    RetryPolicy,
    StreamCancelledError,
    StreamkitError,
    TextDelta,
    Timeouts,
    UsageError,
)
from streamkit.http.clocks import Watch
from streamkit.http.messages import Call, Reply
from streamkit.http.secrets import Secret
from streamkit.recordings.format import Ending, TimedChunk, load_recording
from streamkit.recordings.recorder import RecordingTransport
from streamkit.testing import FakeClock, FakeReply, FakeTransport

from .faultserver import HELLO, FaultServer, Peer, chunked, delta, head, ok, refusal, sse

KEY = "sk-secret-0123456789"


class Paced(NamedTuple):
    """A fake server and the clock that its reply moves."""

    transport: FakeTransport
    clock: FakeClock


def paced(*steps: tuple[float, bytes | StreamkitError], headers: dict[str, str] | None = None) -> Paced:
    """Answer after half a second with *steps*: seconds to wait, then bytes or an error."""
    clock = FakeClock(100)

    def chunks() -> Iterator[bytes | BaseException]:
        for seconds, step in steps:
            clock.sleep(seconds)
            yield step

    def answer(_call: Call) -> FakeReply:
        clock.sleep(0.5)
        return FakeReply(chunks(), headers=headers or {})

    return Paced(FakeTransport(answer), clock)


def refusing() -> Paced:
    """Fail to connect, after three seconds."""
    clock = FakeClock(100)

    def answer(_call: Call) -> APIConnectionError:
        clock.sleep(3)
        return APIConnectionError(f"refused, and {KEY} is quoted")

    return Paced(FakeTransport(answer), clock)


def call(**more: Any) -> Call:
    given: dict[str, Any] = {"url": "http://host/v1/chat/completions", "body": b'{"model": "m"}'}
    return Call(**(given | more))


def record(fake: Paced, path: Path, the_call: Call | None = None, *, mask: bool = False) -> Reply:
    transport = RecordingTransport(
        fake.transport, path, mask=mask, now_utc=lambda: datetime(2026, 11, 21, 10, tzinfo=timezone.utc)
    )
    return transport.open(the_call or call(), Watch(Timeouts(), now=fake.clock.now, sleep=fake.clock.sleep))


def drain(reply: Reply) -> list[bytes]:
    try:
        return list(reply.chunks)
    finally:
        reply.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


# -- what is written, and when ------------------------------------------------------------


def test_reads_are_kept_with_their_times(path: Path) -> None:
    """Status, headers, how long they took, each read with its second, the end; the bytes pass unchanged."""
    fake = paced((0.25, b"data: 1\n\n"), (1.5, b"\xff"), headers={"x-request-id": "r-1"})
    assert drain(record(fake, path)) == [b"data: 1\n\n", b"\xff"]
    recording = load_recording(path)
    assert recording.chunks == (TimedChunk(0.25, b"data: 1\n\n"), TimedChunk(1.75, b"\xff"))
    assert recording.ending == Ending("eof", 1.75)
    assert recording.response.headers == {"x-request-id": "r-1"}
    assert recording.response.after == 0.5
    assert recording.header.recorded_at == "2026-11-21T10:00:00+00:00"
    assert recording.header.request is not None
    assert recording.header.request.body == {"model": "m"}


def test_every_line_is_on_disk_before_its_bytes_are_handed_on(path: Path) -> None:
    """A program that is killed between two reads leaves a recording of all that it saw."""
    reply = record(paced((0, b"one"), (0, b"two")), path)
    assert len(path.read_bytes().splitlines()) == 1
    next(reply.chunks)
    assert load_recording(path).body == b"one"
    assert load_recording(path).ending.how is None
    next(reply.chunks)
    assert load_recording(path).body == b"onetwo"
    reply.close()


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        pytest.param(APIConnectionError("reset by peer"), Ending("reset", 2.0, "reset by peer"), id="reset"),
        pytest.param(
            APITimeoutError("idle: waited", phase="idle", seconds=120),
            Ending("timeout", 2.0, "idle: waited", "idle", 120),
            id="a clock",
        ),
        pytest.param(
            APITimeoutError("", phase="grace", seconds=2), Ending("closed by us", 2.0), id="after the finish"
        ),
        pytest.param(StreamCancelledError("cancelled"), Ending("cancelled", 2.0), id="cancelled"),
    ],
)
def test_the_end_is_kept_in_words(path: Path, error: StreamkitError, ending: Ending) -> None:
    """What broke the body off is its last line, and is raised all the same."""
    with pytest.raises(type(error)):
        drain(record(paced((2.0, error)), path))
    assert load_recording(path).ending == ending


def test_a_stream_that_is_left_is_closed_by_us(path: Path) -> None:
    """Closing early ends the recording once, and closes the reply."""
    fake = paced((1.0, b"one"), (1.0, b"two"))
    reply = record(fake, path)
    next(reply.chunks)
    reply.close()
    reply.close()
    recording = load_recording(path)
    assert recording.body == b"one"
    assert recording.ending == Ending("closed by us", 1.0)
    assert fake.transport.closed == 1


def test_a_connection_that_never_was_is_recorded(path: Path) -> None:
    """The request is kept, the response is null, and the error (without the key) is the end."""
    with pytest.raises(APIConnectionError):
        record(refusing(), path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")}))
    recording = load_recording(path)
    assert recording.header.response is None
    assert recording.header.request is not None
    assert recording.ending == Ending("no reply", 3.0, "refused, and *** is quoted")


def test_a_path_that_cannot_be_written_stops_the_call_before_it_is_sent(tmp_path: Path) -> None:
    """`UsageError`, and nothing was sent."""
    fake = paced()
    with pytest.raises(UsageError, match="cannot write the recording"):
        record(fake, tmp_path / "no such folder" / "run.jsonl")
    assert fake.clock.now() == 100


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_ends_the_recording_and_not_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """Every byte arrives; the log says once that the recording is broken off."""
    with caplog.at_level(logging.WARNING, "streamkit"):
        assert drain(record(paced((0, b"one"), (0, b"two")), Path("/dev/full"))) == [b"one", b"two"]
    assert [record.getMessage() for record in caplog.records] == [
        "the recording /dev/full is broken off: [Errno 28] No space left on device"
    ]


# -- what is not written ------------------------------------------------------------------


def test_no_key_and_no_cookie_is_in_a_recording(path: Path) -> None:
    """P32: wherever a secret stands in a call or a reply, its value is not in the file."""
    secrets = [KEY, "hunter2", "pass-in-url", "key-in-query", "sid=1", "mcp-token", "org-7", "azure-sig"]
    the_call = call(
        url="http://user:pass-in-url@host/v1/chat/completions?key=key-in-query&api-version=2024-10-21",
        query={"sig": "azure-sig"},
        headers={"X-Gateway-Pass": "hunter2", "Content-Type": "application/json", "User-Agent": f"me {KEY}"},
        credentials={"Authorization": Secret(f"Bearer {KEY}"), "Cookie": Secret("sid=1")},
        body=json.dumps(
            {
                "model": "m",
                "max_tokens": 5,
                "messages": [{"role": "user", "content": f"is {KEY} my key?"}],
                "tools": [{"type": "mcp", "authorization": "mcp-token"}],
            }
        ).encode(),
    )
    headers = {"set-cookie": "sid=1; Path=/", "x-echo": KEY, "openai-organization": "org-7", "x-ok": "yes"}
    fake = paced((0, f'data: {{"content": "it is {KEY}"}}\n\n'.encode()), headers=headers)
    assert KEY.encode() in drain(record(fake, path, the_call))[0]
    text = path.read_text(encoding="utf-8")
    assert [secret for secret in secrets if secret in text] == []
    recording = load_recording(path)
    request = recording.header.request
    assert request is not None
    assert request.url == "http://host/v1/chat/completions?key=***&api-version=2024-10-21&sig=***"
    assert request.headers == {
        "X-Gateway-Pass": "***",
        "Content-Type": "application/json",
        "User-Agent": "me ***",
        "Authorization": "***",
        "Cookie": "***",
    }
    assert request.body["max_tokens"] == 5
    assert recording.response.headers["x-ok"] == "yes"
    assert recording.body == b'data: {"content": "it is ' + b"*" * len(KEY) + b'"}\n\n'


@pytest.mark.parametrize("place", range(len(KEY) + 1))
def test_a_key_that_is_cut_by_the_network_is_blotted_out(path: Path, place: int) -> None:
    """A key quoted across two reads is hidden in both; reads keep their sizes and times."""
    body = f"data: {KEY}\n\n".encode()
    cut = len("data: ") + place
    fake = paced((1.0, body[:cut]), (1.0, body[cut:]))
    drain(record(fake, path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")})))
    hidden = b"data: " + b"*" * len(KEY) + b"\n\n"
    assert load_recording(path).chunks == (TimedChunk(1.0, hidden[:cut]), TimedChunk(2.0, hidden[cut:]))


def test_the_beginning_of_a_key_at_the_very_end_is_kept(path: Path) -> None:
    """What only looked like the beginning of a key is written when nothing more comes."""
    fake = paced((1.0, b"data: sk-sec"))
    drain(record(fake, path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")})))
    assert load_recording(path).body == b"data: sk-sec"


def test_a_masked_recording_holds_no_word_of_anybody(path: Path) -> None:
    """With mask, what was asked and answered is xxx wherever the reads were cut; sizes and times stay."""
    body = sse(delta("Meet Bob"), "[DONE]")
    steps = [(0.5, body[at : at + 7]) for at in range(0, len(body), 7)]
    asked = call(body=b'{"model": "m", "messages": [{"role": "user", "content": "Who is Alice?"}]}')
    drain(record(paced(*steps), path, asked, mask=True))
    text = path.read_text(encoding="utf-8")
    assert "Bob" not in text
    assert "Alice" not in text
    recording = load_recording(path)
    assert recording.body == body.replace(b"Meet Bob", b"xxxx xxx")
    assert [len(chunk.data) for chunk in recording.chunks] == [len(data) for _, data in steps]
    assert [chunk.at for chunk in recording.chunks] == [0.5 * n for n in range(1, len(steps) + 1)]
    assert recording.header.request is not None
    assert recording.header.request.body["messages"][0]["content"] == "xxx xx xxxxx?"


# -- live ---------------------------------------------------------------------------------


def client(server: FaultServer, **options: Any) -> Client:
    return Client("generic", base_url=server.url, api_key=KEY, **options)


def test_client_stream_records(path: Path) -> None:
    """`client.stream(..., record=path)`: the body byte for byte, and the request without its key."""
    pieces = [HELLO[:100], HELLO[100:]]

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked", "Set-Cookie: sid=hush"), chunked(*pieces))

    with FaultServer(script) as server, client(server) as c:
        url = f"{server.url}/chat/completions"
        c.stream("hi", model="m", record=path).until_done()
    recording = load_recording(path)
    assert recording.body == HELLO
    assert recording.ending.how == "eof"
    assert recording.header.request is not None
    assert recording.header.request.url == url
    assert recording.header.request.body["messages"] == [{"role": "user", "content": "hi"}]
    text = path.read_text(encoding="utf-8")
    assert KEY not in text
    assert "hush" not in text


def test_a_stream_that_is_broken_off_by_its_reader_is_recorded(path: Path) -> None:
    """Leaving the loop ends the recording with what had arrived."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(sse(delta("Hel")), end=False))
        peer.hang()

    with FaultServer(script) as server, client(server) as c, c.stream("hi", model="m", record=path) as stream:
        assert next(e.text for e in stream if isinstance(e, TextDelta)) == "Hel"
    recording = load_recording(path)
    assert recording.body == sse(delta("Hel"))
    assert recording.ending.how == "closed by us"


def test_the_last_attempt_is_the_one_that_stays(path: Path) -> None:
    """A refusal that is retried is overwritten by what came of it; one that is raised stays."""

    def always(peer: Peer) -> None:
        peer.send(refusal("429 Too Many", {"error": {"message": "slow"}}, "Retry-After: 0"))

    def once(peer: Peer) -> None:
        peer.send(ok() if peer.number else refusal("429 Too Many", {}, "Retry-After: 0"))

    with FaultServer(always) as server, client(server, retry=RetryPolicy(max_retries=0)) as c:
        with pytest.raises(RateLimitError):
            c.complete("hi", model="m", record=path)
        refused = load_recording(path)
    assert refused.response.status == 429
    assert json.loads(refused.body) == {"error": {"message": "slow"}}

    with FaultServer(once) as server, client(server) as c:
        assert c.complete("hi", model="m", record=path).text == "Hello"
    assert load_recording(path).body == HELLO

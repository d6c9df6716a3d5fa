"""Recorder: the contents of a recording, when they are written, and the secrets that never are."""

from __future__ import annotations

import json
import logging
import os
import stat
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
    """A transport with a clock of its own; each step of its reply is (seconds, bytes or an error)."""

    transport: FakeTransport
    clock: FakeClock


def paced(*steps: tuple[float, bytes | StreamkitError], headers: dict[str, str] | None = None) -> Paced:
    """A transport without a connection."""
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


# -- the contents, and when they are written ----------------------------------------------


def test_reads_are_recorded_with_their_times(path: Path) -> None:
    """Status, headers, their time, each read with its time, and the end; the bytes pass unchanged."""
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


def test_every_line_is_on_disk_before_its_bytes_are_yielded(path: Path) -> None:
    """A program that is killed between two reads leaves a recording of all bytes that it received."""
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
def test_the_end_is_recorded(path: Path, error: StreamkitError, ending: Ending) -> None:
    """The last line states the error that ended the body; the error is raised too."""
    with pytest.raises(type(error)):
        drain(record(paced((2.0, error)), path))
    assert load_recording(path).ending == ending


def test_leaving_a_stream_is_recorded_as_closed_by_us(path: Path) -> None:
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


def test_a_failed_connection_is_recorded(path: Path) -> None:
    """The request is recorded, the response is null, and the error (without the key) is the end."""
    with pytest.raises(APIConnectionError):
        record(refusing(), path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")}))
    recording = load_recording(path)
    assert recording.header.response is None
    assert recording.header.request is not None
    assert recording.ending == Ending("no reply", 3.0, "refused, and *** is quoted")


def test_an_unwritable_path_stops_the_call_before_it_is_sent(tmp_path: Path) -> None:
    """`UsageError` is raised, and the transport isn't used."""
    fake = paced()
    with pytest.raises(UsageError, match="cannot write the recording"):
        record(fake, tmp_path / "no such folder" / "run.jsonl")
    assert fake.clock.now() == 100


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_ends_the_recording_and_not_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """Every byte arrives; one warning is logged."""
    with caplog.at_level(logging.WARNING, "streamkit"):
        assert drain(record(paced((0, b"one"), (0, b"two")), Path("/dev/full"))) == [b"one", b"two"]
    assert [record.getMessage() for record in caplog.records] == [
        "the recording /dev/full ends here, because writing failed: [Errno 28] No space left on device"
    ]


# -- secrets and masking ------------------------------------------------------------------


def test_no_key_and_no_cookie_is_in_a_recording(path: Path) -> None:
    """The file doesn't contain the value of a secret from any place of a call or a reply."""
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
def test_a_key_that_is_cut_by_the_network_is_masked(path: Path, place: int) -> None:
    """A key quoted across two reads is masked in both; reads keep their sizes and times."""
    body = f"data: {KEY}\n\n".encode()
    cut = len("data: ") + place
    fake = paced((1.0, body[:cut]), (1.0, body[cut:]))
    drain(record(fake, path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")})))
    hidden = b"data: " + b"*" * len(KEY) + b"\n\n"
    assert load_recording(path).chunks == (TimedChunk(1.0, hidden[:cut]), TimedChunk(2.0, hidden[cut:]))


def test_the_beginning_of_a_key_at_the_very_end_is_written(path: Path) -> None:
    """Bytes that could become a key are written if the body ends there."""
    fake = paced((1.0, b"data: sk-sec"))
    drain(record(fake, path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")})))
    assert load_recording(path).body == b"data: sk-sec"


def test_a_masked_recording_contains_no_words(path: Path) -> None:
    """With mask, prompt and answer are xxx in every cutting; a frame has the time of its last byte."""
    body = sse(delta("Meet Bob"), "[DONE]")
    steps = [(0.5, body[at : at + 7]) for at in range(0, len(body), 7)]
    asked = call(body=b'{"model": "m", "messages": [{"role": "user", "content": "Who is Alice?"}]}')
    drain(record(paced(*steps), path, asked, mask=True))
    text = path.read_text(encoding="utf-8")
    assert "Bob" not in text
    assert "Alice" not in text
    recording = load_recording(path)
    first = sse(delta("xxxx xxx"))
    assert recording.chunks == (
        TimedChunk(0.5 * -(-len(first) // 7), first),  # 7 bytes in each read, 0.5 s apart
        TimedChunk(0.5 * len(steps), b"data: [DONE]\n\n"),
    )
    assert recording.header.request is not None
    assert recording.header.request.body["messages"][0]["content"] == "xxx xx xxxxx?"


def test_a_masked_recording_is_written_while_it_is_read(path: Path) -> None:
    """Each frame is on disk before its last bytes are yielded; only an unfinished one waits for the end."""
    steps = [(1.0, b'data: {"a":"Bo'), (1.0, b'b"}\n\ndata: {"a":"Al"}'), (1.0, b"\n\ndata: to")]
    reply = record(paced(*steps), path, mask=True)
    written = []
    for _ in steps:
        next(reply.chunks)
        written.append(load_recording(path).body)
    assert written == [b"", b'data: {"a":"xxx"}\n\n', b'data: {"a":"xxx"}\n\ndata: {"a":"xx"}\n\n']
    reply.close()
    recording = load_recording(path)
    assert recording.chunks[2:] == (TimedChunk(3.0, b"data: xx"),)
    assert recording.ending == Ending("closed by us", 3.0)


def test_a_key_in_a_masked_recording_is_masked(path: Path) -> None:
    """A key may be in a field whose value masking would keep, and may be cut by the network."""
    body = f'data: {{"id":"{KEY}","model":"m"}}\n\n'.encode()
    steps = [(1.0, body[:20]), (1.0, body[20:])]
    drain(
        record(paced(*steps), path, call(credentials={"Authorization": Secret(f"Bearer {KEY}")}), mask=True)
    )
    hidden = b'data: {"id":"' + b"*" * len(KEY) + b'","model":"m"}\n\n'
    assert load_recording(path).chunks == (TimedChunk(2.0, hidden),)


def test_a_lone_surrogate_in_a_request_is_recorded(path: Path) -> None:
    """It isn't valid UTF-8, so the file contains it as an escape; recording must not fail because of it."""
    drain(record(paced((1.0, b"data: 1\n\n")), path, call(body=b'{"model": "m", "user": "\\ud83d"}')))
    recording = load_recording(path)
    assert recording.header.request is not None
    assert recording.header.request.body == {"model": "m", "user": "\ud83d"}
    assert b"\\ud83d" in path.read_bytes()


# -- live ---------------------------------------------------------------------------------


def client(server: FaultServer, **options: Any) -> Client:
    return Client("generic", base_url=server.url, api_key=KEY, **options)


def test_client_stream_records(path: Path) -> None:
    """`client.stream(..., record=path)` records the body byte for byte, and the request without its key."""
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


def test_leaving_the_loop_ends_the_recording(path: Path) -> None:
    """The recording contains the bytes that had arrived."""

    def script(peer: Peer) -> None:
        peer.send(head("200 OK", "Transfer-Encoding: chunked"), chunked(sse(delta("Hel")), end=False))
        peer.hang()

    with FaultServer(script) as server, client(server) as c, c.stream("hi", model="m", record=path) as stream:
        assert next(e.text for e in stream if isinstance(e, TextDelta)) == "Hel"
    recording = load_recording(path)
    assert recording.body == sse(delta("Hel"))
    assert recording.ending.how == "closed by us"


def test_the_last_attempt_is_the_one_that_stays(path: Path) -> None:
    """A retry overwrites the refusal before it; a refusal that is raised stays."""

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


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX modes")
def test_a_new_recording_is_its_owners(path: Path) -> None:
    """Prompts and answers are private: other users can't read the file. An existing file keeps its mode."""
    for before in (None, 0o644):
        if before:
            path.chmod(before)
        drain(record(paced((0.1, HELLO)), path))
        assert stat.S_IMODE(path.stat().st_mode) == (before or 0o600)

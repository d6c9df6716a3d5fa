"""Programs at the limits of their system, which containers set low: no thread, or no file, is left."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from streamkit import Client, FunctionCall, StreamkitError, _lazy, agent, tool
from streamkit.recordings.server import serve
from streamkit.testing import FakeTransport, Recording, chat_stream

CALL = chat_stream(FunctionCall("c1", "echo", '{"text": "a"}'))


def client(*answers: bytes) -> Client:
    return Client("generic", base_url="http://h/v1", transport=FakeTransport(*answers), model="m")


@tool
def echo(text: str) -> str:
    """Return the text."""
    return text


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that lets the program start so many threads, and no more."""
    start = threading.Thread.start

    def allow(number: int) -> None:
        started = []

        def limited(thread: threading.Thread) -> None:
            if len(started) == number:
                raise RuntimeError("can't start new thread")
            started.append(thread)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)

    return allow


@pytest.mark.parametrize("number", [1, 3])
def test_a_job_goes_on_with_fewer_threads(
    threads: Callable[[int], None], caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """Every row is asked, and a warning has the number of threads."""
    threads(number)
    caplog.set_level(logging.WARNING, "streamkit")
    with client(chat_stream("Hi")).map(list("abcdefgh"), workers=6) as run:
        assert sorted((answer.row, answer.text) for answer in run) == [(row, "Hi") for row in "abcdefgh"]
    assert [record.getMessage().partition(":")[2] for record in caplog.records] == [
        f" {number} threads ask the rows: can't start new thread: the system's limit of threads is reached; "
        "raise it, or use fewer workers and streams"
    ]


def test_without_a_thread_the_error_is_ours(threads: Callable[[int], None]) -> None:
    """Also those of a job, of a tool with a time limit and of a server."""
    threads(0)
    with pytest.raises(StreamkitError, match="limit of threads"), client(chat_stream("Hi")).map(["a"]) as run:
        list(run)
    with pytest.raises(StreamkitError, match="limit of threads"):
        agent.run(client(CALL, chat_stream("b")), "q", [echo], tool_timeout=5).result()
    with pytest.raises(StreamkitError, match="limit of threads"):
        serve(Recording.of(chat_stream("Hi")))


# A first call leaves an idle connection; then the program opens files until it can't.
NO_FILE_LEFT = """
import resource, sys
from streamkit import Client, RetryPolicy, StreamkitError
from tests.faultserver import HELLO, FaultServer, delta, head, ok, refusal, sse
answers = {
    "connection": None,
    "refusal": refusal("400 Bad", {"error": {"message": "no such field"}}),
    "limit": refusal("429 Busy", {"error": {"message": "slow down"}}),
    "cut": ok(sse(delta("Hel"))),
    "document": ok(b'{"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}',
                   "Content-Type: application/json"),
}
answer, *earlier = (answers[name] for name in reversed(sys.argv[1:]))
replies = iter([ok(), *earlier, answer])
with FaultServer(lambda peer: peer.send(next(replies))) as server:
    client = Client("generic", base_url=server.url, model="m", retry=RetryPolicy(max_retries=0))
    client.complete("q")
    for _ in earlier:
        try:
            client.complete("q")
        except StreamkitError:
            pass
    if answer is None:
        client.close()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    files = []
    try:
        while True:
            files.append(open("/dev/null"))
    except OSError:
        pass
    try:
        client.stream("q").result()
    except StreamkitError as error:
        caught = error
    for file in files:
        file.close()
    print(type(caught).__name__, caught.retryable, repr(caught.partial.text), caught)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX's limits")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("connection", "APIConnectionError True '' the connection to 127.0.0.1:"),
        ("limit refusal", "BadRequestError False '' 400 from POST "),
        ("refusal limit", "RateLimitError True '' 429 from POST "),
        ("limit", "StreamkitError True '' streamkit.error_"),  # its tables are loaded with the first refusal
        ("cut", "TruncatedStreamError False 'Hel' the stream ended without a finish reason"),
        ("document", "StreamkitError True '' streamkit."),
    ],
)
def test_a_program_without_files_left_gets_its_own_error(answers: str, expected: str) -> None:
    """An import in the way of an error raised OSError in its place. The last of *answers* meets the limit."""
    done = subprocess.run(
        [sys.executable, "-c", NO_FILE_LEFT, *answers.split()],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith(expected), done.stdout + done.stderr


def test_a_module_that_cannot_be_read_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cause is the system's."""

    def refuse(module: str) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(_lazy, "import_module", refuse)
    with pytest.raises(StreamkitError, match=r"streamkit\.media can't be loaded: .*Too many") as raised:
        _lazy.find("media:image")
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.retryable

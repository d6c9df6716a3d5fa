"""Client(cache=...): the same request is answered from the file, a different one isn't, tools never."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    Cache,
    Client,
    FunctionCall,
    FunctionCallOutput,
    Limits,
    StreamkitError,
    UsageError,
    replay,
    tool,
)
from streamkit.testing import FakeReply, FakeTransport, chat_stream, refusal, responses_stream, sse


def client(path: Any, *answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    return Client(
        "generic", base_url="http://h/v1", model="m", transport=transport, cache=path, **options
    ), transport


def test_the_same_request_is_answered_from_the_file(tmp_path: Path) -> None:
    """With the same events, in another client, too; the header of the reply says so."""
    path = tmp_path / "answers.sqlite"
    own, transport = client(path, chat_stream("Hel", "lo"))
    first = list(own.stream("hi"))
    again = own.stream("hi")
    second = list(again)
    other, unused = client(path, refusal(500))
    assert [type(e) for e in first] == [type(e) for e in second]
    assert first[1:] == second[1:]
    assert again.headers is not None
    assert again.headers["x-streamkit-cache"] == "0"
    assert other.complete("hi").text == "Hello"
    assert (len(transport.calls), len(unused.calls)) == (1, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_loses_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer isn't kept, and nothing else fails: neither with a full database nor without a folder."""
    path = tmp_path / "answers.sqlite"
    cache = Cache(path)
    own, transport = client(cache, chat_stream("Hel", "lo"))
    pages = cache._run("pragma page_count")[0][0]
    cache._run(f"pragma max_page_count = {pages}")
    assert own.complete("hi " * 5000).text == "Hello"
    monkeypatch.setattr(tempfile, "TemporaryDirectory", no_space)
    assert own.complete("ho").text == "Hello"
    assert (len(transport.calls), len(cache)) == (2, 0)


def no_space(*args: Any, **options: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "other",
    [
        {"input": "ho"},
        {"model": "n"},
        {"temperature": 0},
        {"instructions": "Be brief."},
        {"extra_headers": {"X-Beta": "1"}},
        {"extra_query": {"a": "1"}},
    ],
    ids=str,
)
def test_a_different_request_is_sent(tmp_path: Path, other: dict[str, Any]) -> None:
    """Everything that the server sees counts."""
    own, transport = client(tmp_path / "c", chat_stream("a"))
    own.complete("hi")
    own.complete(**{"input": "hi", **other})
    own.complete(**{"input": "hi", **other})
    assert len(transport.calls) == 2


def test_another_key_or_gateway_is_another_answer(tmp_path: Path) -> None:
    """And neither key is in the file."""
    path = tmp_path / "c"
    for key in ("key-of-mine-1", "key-of-mine-2"):
        own, transport = client(
            path,
            sse({"choices": [{"index": 0, "delta": {"content": key}, "finish_reason": "stop"}]}),
            api_key=key,
        )
        own.complete("hi")
        assert len(transport.calls) == 1
    other = Client(
        "generic", base_url="http://other/v1", transport=FakeTransport(chat_stream("b")), cache=path
    )
    assert other.complete("hi", model="m").text == "b"
    assert len(Cache(path)) == 3
    assert b"key-of-mine" not in path.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"input": [FunctionCall("c", "f", "{}"), FunctionCallOutput("c", "ok")]},
        {"input": "hi", "tools": [{"type": "web_search"}]},
        {"input": "hi", "store": True},
        {"input": "hi", "previous_response_id": "resp_1"},
    ],
    ids=["a tool ran", "a hosted tool", "store", "a conversation on the server"],
)
def test_requests_with_effects_are_never_cached(tmp_path: Path, options: dict[str, Any]) -> None:
    """They are sent each time, and nothing is kept."""
    transport = FakeTransport(responses_stream("a"))
    own = Client("openai", api_key="k", wire="responses", transport=transport, cache=tmp_path / "c")
    own.complete(model="m", **options)
    own.complete(model="m", **options)
    assert len(transport.calls) == 2
    assert len(Cache(tmp_path / "c")) == 0


def test_a_call_is_cached_and_its_output_is_not(tmp_path: Path) -> None:
    """The first turn of a tool comes from the file; the tool itself runs again."""

    @tool
    def tide(port: str) -> str:
        """Return the tide."""
        return "high"

    own, transport = client(tmp_path / "c", chat_stream(FunctionCall("c", "tide", '{"port": "Brest"}')))
    for _ in range(2):
        assert own.complete("hi", tools=[tide]).tool_calls[0].name == "tide"
    assert len(transport.calls) == 1


@pytest.mark.parametrize(
    "broken",
    [chat_stream("a", "b")[:150], refusal(400), FakeReply([b"<html>"]), sse({"error": {"message": "no"}})],
    ids=["cut", "refused", "a page", "an error in the stream"],
)
def test_only_whole_answers_are_kept(tmp_path: Path, broken: Any) -> None:
    """A failure is asked again."""
    own, transport = client(tmp_path / "c", broken, chat_stream("fine"))
    with pytest.raises(StreamkitError):
        own.stream("hi").result()
    assert own.complete("hi").text == "fine"
    assert own.complete("hi").text == "fine"
    assert len(transport.calls) == 2


def test_a_stream_that_was_left_isnt_kept(tmp_path: Path) -> None:
    """Half an answer would be given for a whole one."""
    reply = FakeReply([block + b"\n\n" for block in chat_stream("a", "b").split(b"\n\n")])
    own, _ = client(tmp_path / "c", reply)
    with own.stream("hi") as stream:
        next(stream)
        next(stream)
    assert len(Cache(tmp_path / "c")) == 0


def test_old_answers_are_asked_again(tmp_path: Path) -> None:
    """After ttl seconds by the clock."""
    now = [1000.0]
    cache = Cache(tmp_path / "c", ttl=60, now=lambda: now[0])
    own, transport = client(cache, chat_stream("old"), chat_stream("new"))
    assert own.complete("hi").text == "old"
    now[0] += 59
    assert own.complete("hi").text == "old"
    now[0] += 2
    assert own.complete("hi").text == "new"
    assert len(cache) == 1
    assert len(transport.calls) == 2


def test_the_cache_can_be_seen_and_cleared(tmp_path: Path) -> None:
    """Entries with model, address and size; one as a recording; some or all of them deleted."""
    now = [1000.0]
    cache = Cache(tmp_path / "c", now=lambda: now[0])
    own, _ = client(cache, chat_stream("first"), chat_stream("second"))
    own.complete("1")
    now[0] += 100
    own.complete("2")
    old, new = cache.entries()
    assert (old.model, old.wire, old.url, old.at) == ("m", "chat", "http://h/v1/chat/completions", 1000.0)
    assert new.size > 100
    assert [e.text for e in replay(cache.recording(old.key)) if hasattr(e, "text")] == ["first"]
    with pytest.raises(UsageError, match=r"^key: expected the key of an entry"):
        cache.recording("zzz")
    assert cache.clear(older_than=50) == 1
    assert [entry.key for entry in cache.entries()] == [new.key]
    assert cache.clear() == 1
    assert cache.entries() == []


def test_hits_need_no_pace(tmp_path: Path) -> None:
    """An answer from the file waits for no limit."""
    own, transport = client(tmp_path / "c", chat_stream("a"), limits=Limits(tokens=1))
    own.complete("hi")
    own.pace.spent_tokens = 100
    assert own.complete("hi").text == "a"
    assert len(transport.calls) == 1


def test_rows_of_a_job_arent_cached(tmp_path: Path) -> None:
    """Equal rows are samples."""
    own, transport = client(tmp_path / "c", chat_stream("a"))
    with own.map(["same"] * 3) as run:
        list(run)
    assert len(transport.calls) == 3


@pytest.mark.parametrize("wrong", [5, b"path", ["a"]], ids=repr)
def test_wrong_caches_are_named(wrong: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=r"^cache: expected the path of a file"):
        client(wrong, chat_stream("a"))


def test_a_file_that_isnt_a_cache(tmp_path: Path) -> None:
    """It stays unchanged."""
    path = tmp_path / "notes.txt"
    path.write_text("hello " * 100)
    with pytest.raises(UsageError, match=r"^cache: can't use '.*notes\.txt"):
        client(path, chat_stream("a"))
    with pytest.raises(UsageError, match=r"^cache: can't use"):
        client(tmp_path / "missing" / "c", chat_stream("a"))
    assert path.read_text() == "hello " * 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_cache_pickles_and_survives_a_fork(tmp_path: Path) -> None:
    """Other processes open the file themselves."""
    own, _ = client(tmp_path / "c", chat_stream("a"))
    own.complete("hi")
    cache = Cache(tmp_path / "c", ttl=60)
    assert pickle.loads(pickle.dumps(cache)).ttl == 60
    child = os.fork()
    if not child:
        os._exit(0 if len(cache) == 1 and own.complete("hi").text == "a" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""client.batches: rows in, the provider's batches, the same answers and journal as client.map."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from streamkit import (
    APIError,
    AuthenticationError,
    BadRequestError,
    Client,
    Completion,
    NotFoundError,
    RetryPolicy,
    ServerError,
    StreamError,
    UsageError,
    read_journal,
)
from streamkit.jobs import batches as module
from streamkit.jobs.batch_files import read_output
from streamkit.testing import FakeReply, FakeTransport, chat_stream, refusal
from tests.batch_provider import Provider


def client(provider: Any, **options: Any) -> Client:
    transport = FakeTransport(provider)
    return Client("openai", api_key="k", base_url="http://h/v1", model="m", transport=transport, **options)


def finished(batch: Any) -> Any:
    return batch.wait(sleep=lambda seconds: None)


ROWS = [{"id": 5, "q": "a"}, {"id": "5", "q": "b"}, {"id": "#5", "q": "c bad"}, {"id": 5, "q": "a"}]
BY: dict[str, Any] = {"to_input": lambda row: row["q"], "key": lambda row: row["id"]}


def test_a_batch_answers_every_row() -> None:
    """Keys of every kind, a refused row, a duplicate; bodies without their streams."""
    provider = Provider()
    batch = client(provider).batches.submit(ROWS, **BY, temperature=0)
    assert batch.ids == ("batch_0",)
    assert batch.status == "in_progress"
    answers = sorted(finished(batch).results(), key=lambda answer: answer.index)
    assert [(a.key, a.text, a.source) for a in answers] == [
        (5, "echo: a", "asked"),
        ("5", "echo: b", "asked"),
        ("#5", "", "asked"),
        (5, "echo: a", "duplicate"),
    ]
    error = answers[2].error
    assert isinstance(error, BadRequestError)
    assert (error.message, error.code, error.request_id) == ("that is bad", "bad_input", "req_2")
    assert answers[0].completion is not None
    assert answers[0].completion.usage is not None
    assert answers[0].completion.usage.total_tokens == 15
    assert batch.counts == {"total": 3, "completed": 2, "failed": 1}
    (file,) = [f for name, f in provider.files.items() if name == "file-0"]
    body = json.loads(file.splitlines()[0])["body"]
    assert body == {"model": "m", "messages": [{"role": "user", "content": "a"}], "temperature": 0}


@pytest.mark.parametrize("ends", ["expired", "cancelled"])
def test_rows_that_expired_go_on_with_map(ends: str, tmp_path: Path) -> None:
    """The journal has the answers of the batch; map with it asks only the rest."""
    path = tmp_path / "answers.jsonl"
    rows = [f"row {n}" for n in range(5)]
    answers = list(finished(client(Provider(ends=ends)).batches.submit(rows, journal=path)).results())
    assert sum(a.ok for a in answers) == 2
    failed = [a for a in answers if not a.ok]
    assert all(isinstance(a.error, APIError) and a.error.retryable for a in failed)
    assert len(list(read_journal(path))) == 5
    with client(chat_stream("from map")).map(rows, journal=path) as run:
        later = list(run)
    assert sorted(a.source for a in later) == ["asked"] * 3 + ["journal"] * 2
    assert sum(a.text == "from map" for a in later) == 3


def test_rows_of_the_journal_arent_submitted(tmp_path: Path) -> None:
    """A batch after a map, and a batch without anything to do."""
    path = tmp_path / "answers.jsonl"
    with client(chat_stream("from map")).map(["a", "b"], journal=path) as run:
        list(run)
    provider = Provider()
    batch = client(provider).batches.submit(["a", "b", "c"], journal=path)
    assert len(provider.files["file-0"].splitlines()) == 1
    assert sorted(a.text for a in finished(batch).results()) == ["echo: c", "from map", "from map"]
    nothing = client(provider).batches.submit(["a"], journal=path)
    assert (nothing.ids, nothing.id, nothing.status) == ((), "", "completed")
    assert [a.text for a in finished(nothing).results()] == ["from map"]


def test_another_process_goes_on(tmp_path: Path) -> None:
    """By the id and the same rows."""
    provider = Provider()
    name = client(provider).batches.submit(ROWS, **BY).id
    batch = client(provider).batches.get(name, ROWS, **BY)
    assert len(list(finished(batch).results())) == 4
    with pytest.raises(NotFoundError, match="no such batch"):
        finished(client(provider).batches.get("batch_9", ROWS, **BY))


def test_many_rows_become_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by size; results are of all of them."""
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    provider = Provider()
    batch = client(provider).batches.submit([f"row {n}" for n in range(8)])
    assert len(batch.ids) == 3
    assert sorted(a.index for a in finished(batch).results()) == list(range(8))
    assert batch.counts["total"] == 8
    monkeypatch.setattr(module, "MAX_BYTES", 300)
    assert len(client(Provider()).batches.submit(["x" * 100] * 4).ids) == 4


def test_a_batch_that_fails_gives_its_reason_to_every_row() -> None:
    """A file that the provider refuses."""
    answers = list(finished(client(Provider(ends="failed")).batches.submit(["a", "b"])).results())
    assert [str(a.error) for a in answers] == ["the batch failed: line 1 is invalid"] * 2


def test_results_before_the_end_are_refused() -> None:
    """With the name of the batch, and the way."""
    batch = client(Provider()).batches.submit(["a"])
    with pytest.raises(UsageError, match=r"^batch batch_0 isn't over; call wait\(\) first"):
        list(batch.results())


def test_wait_has_a_limit() -> None:
    """TimeoutError; the batch itself goes on."""
    batch = client(Provider()).batches.submit(["a"])
    clock = iter(range(0, 1000, 40))
    with pytest.raises(TimeoutError, match="batch_0 is in_progress after 60 s"):
        batch.wait(timeout=60, now=lambda: next(clock), sleep=lambda seconds: None)
    assert finished(batch).status == "completed"


def test_wait_survives_an_outage() -> None:
    """A batch takes a day: looks that fail are repeated for an hour, refusals aren't."""
    provider = Provider()
    outages: list[Any] = [refusal(502), FakeReply([b"<html>"], headers={"content-type": "text/html"})]

    def answer(call: Any) -> Any:
        if "/batches/" in call.url and outages:
            return outages.pop(0)
        return provider(call)

    own = client(answer, retry=RetryPolicy(max_retries=0))
    batch = own.batches.submit(["a"])
    clock = iter(range(0, 10_000_000, 100))
    assert batch.wait(now=lambda: next(clock), sleep=lambda seconds: None).status == "completed"
    outages = [refusal(502)] * 1000
    with pytest.raises(ServerError, match="502 from GET"):
        own.batches.get("batch_0", ["a"]).wait(now=lambda: next(clock), sleep=lambda seconds: None)
    assert 1000 - len(outages) == 37  # the clock moves 100 s with each look
    outages = [refusal(401)]
    with pytest.raises(AuthenticationError):
        own.batches.get("batch_0", ["a"]).wait(sleep=lambda seconds: None)


def test_batches_that_have_begun_arent_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three files is refused: the first batch runs, and its id is in the error."""
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    provider = Provider()
    rows = [f"row {n}" for n in range(6)]

    def answer(call: Any) -> Any:
        return refusal(400) if provider.batches and call.url.endswith("/batches") else provider(call)

    own = client(answer)
    with pytest.raises(BadRequestError, match=r"have begun: batch_0; pass their ids to client\.batches\.get"):
        own.batches.submit(rows)
    answers = list(finished(own.batches.get("batch_0", rows)).results())
    assert [a.index for a in answers if a.ok] == [1, 0]
    assert all(a.error is not None and a.error.retryable for a in answers if not a.ok)


def test_a_repeated_post_is_one_batch() -> None:
    """The provider knows the second request by its key."""
    provider = Provider()
    lost = [refusal(500)]
    keys: list[str] = []

    def answer(call: Any) -> Any:
        if call.url.endswith("/batches"):
            keys.append(call.headers["Idempotency-Key"])
        return lost.pop() if lost and call.url.endswith("/batches") else provider(call)

    own = client(answer, retry=RetryPolicy(max_retries=1, max_wait=0))
    assert own.batches.submit(["a"]).ids == ("batch_0",)
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "line",
    [b"{nope", b"[]", b'{"response": {}}', b'{"custom_id": 5}', b'{"custom_id": "x', b"\xff\xfe"],
    ids=repr,
)
def test_a_line_that_cant_be_read_costs_its_row_only(line: bytes, tmp_path: Path) -> None:
    """The other rows have answers, the row can be asked again, and its error quotes the line."""
    path = tmp_path / "answers.jsonl"
    provider = Provider()
    batch = client(provider).batches.submit(["a", "b", "c"], journal=path)
    finished(batch)
    name = "file-batch_0-output"
    lines = provider.files[name].splitlines()
    provider.files[name] = b"\n".join([lines[0], line, lines[2]])
    answers = {a.index: a for a in batch.results()}
    assert [answers[n].text for n in (0, 2)] == ["echo: a", "echo: c"]
    error = answers[1].error
    assert isinstance(error, StreamError)
    assert repr(line) in str(error)
    with client(chat_stream("from map")).map(["a", "b", "c"], journal=path) as run:
        assert sorted(a.text for a in run) == ["echo: a", "echo: c", "from map"]


@pytest.mark.parametrize("status", [200, "200", 201, None], ids=repr)
def test_an_answer_without_the_usual_status_is_one(status: Any) -> None:
    """Gateways with the same endpoints write other statuses, or none."""
    body = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    line = {"custom_id": "k", "response": {"status_code": status, "body": body}}
    answer = read_output(line, "chat", Client("openai").profile, None)
    assert isinstance(answer, Completion)
    assert answer.text == "hi"


def test_cancel_keeps_what_is_done() -> None:
    """Cancelling twice does no harm."""
    batch = client(Provider()).batches.submit([f"row {n}" for n in range(4)])
    batch.cancel()
    assert finished(batch).status == "cancelled"
    batch.cancel()
    assert sum(a.ok for a in batch.results()) == 2


def test_a_row_that_isnt_a_request_has_its_error() -> None:
    """It isn't submitted."""
    provider = Provider()
    batch = client(provider).batches.submit([{"q": "a"}, {"z": 1}], to_input=lambda row: row["q"])
    answers = {a.index: a for a in finished(batch).results()}
    assert answers[0].ok
    assert "to_input: the function raised KeyError" in str(answers[1].error)
    assert len(provider.files["file-0"].splitlines()) == 1


def test_formats_are_parsed() -> None:
    """As objects, and a wrong answer is an error of its row."""

    @dataclasses.dataclass
    class Echo:
        echo: str

    (answer,) = finished(client(Provider()).batches.submit(["a"], response_format=Echo)).results()
    assert "isn't JSON" in str(answer.error)
    assert answer.text == "echo: a"


@pytest.mark.parametrize("wire", ["messages", "gemini"])
def test_other_apis_are_refused(wire: str) -> None:
    """Their batches have another shape."""
    own = Client("generic", base_url="http://h/v1", wire=wire, transport=FakeTransport(chat_stream("a")))
    with pytest.raises(UsageError, match=r"^batches: expected a client on chat or responses"):
        own.batches.submit(["a"], model="m")


@pytest.mark.parametrize(
    "option", [{"record": "answers.jsonl"}, {"timeouts": "soon"}, {"retry": 3}, {"model": 5}], ids=str
)
def test_options_are_checked_as_those_of_map(option: dict[str, Any]) -> None:
    provider = Provider()
    (name,) = option
    with pytest.raises(UsageError, match=f"^{name}: expected"):
        client(provider).batches.submit(["Hi"], **option)
    assert provider.calls == []


def test_a_refused_upload_is_raised() -> None:
    """With its place, and after the retries of the policy."""
    with pytest.raises(APIError, match=r"401 from POST http://h/v1/files: "):
        client(refusal(401)).batches.submit(["a"])


def test_request_reaches_any_path() -> None:
    """A reply of another part of the API, with key and retries."""
    transport = FakeTransport(
        refusal(500), FakeReply([b'{"data": []}'], headers={"content-type": "application/json"})
    )
    own = Client("openai", api_key="secret-key", base_url="http://h/v1", transport=transport)
    reply = own.request("GET", "/models?limit=5")
    assert b"".join(reply.chunks) == b'{"data": []}'
    reply.close()
    call = transport.calls[-1]
    assert (call.method, call.url, call.query, call.body) == (
        "GET",
        "http://h/v1/models",
        {"limit": "5"},
        b"",
    )
    assert call.credentials["Authorization"] == "Bearer secret-key"

"""client.batches on every API that has them: rows in, the provider's batches, the answers of client.map.

`FakeBatches` is the provider; tests/test_interop_batches.py lets the official packages read it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import traceback
from pathlib import Path
from typing import Any

import pytest

import streamkit
from streamkit import (
    APIError,
    AuthenticationError,
    BadRequestError,
    Client,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    StreamError,
    UsageError,
    read_journal,
)
from streamkit.errors import APIConnectionError
from streamkit.jobs.batch_results import is_final, read_result
from streamkit.recordings.batches import desk
from streamkit.request import Request
from streamkit.testing import FakeBatches, FakeReply, FakeTransport, chat_stream, refusal, stream_of
from streamkit.wires.batch import status_code, whole
from streamkit.wires.chat.batch import result as openai_result
from streamkit.wires.gemini.batch import _result as gemini_result
from tests.batch_clients import APIS, client_of, every_api, finished

ROWS = [{"id": 5, "q": "a"}, {"id": "5", "q": "b"}, {"id": "#5", "q": "c bad"}, {"id": 5, "q": "a"}]
BY: dict[str, Any] = {"to_input": lambda row: row["q"], "key": lambda row: row["id"]}


def refusing(prompt: str) -> Any:
    """An answer, or a refusal of a prompt with "bad"."""
    if "bad" in prompt:
        return BadRequestError("that is bad", status=400, type="invalid_request_error")
    return f"echo: {prompt}"


def rows_of(provider: FakeBatches) -> list[Any]:
    return [row for kept in provider.desk.batches.values() for row in kept.rows]


@every_api
def test_a_batch_answers_every_row(api: str) -> None:
    """Keys of every kind, a refused row, a duplicate; bodies without their streams; results in any order."""
    provider = FakeBatches(refusing)
    batch = client_of(api, provider).batches.submit(ROWS, **BY, temperature=0)
    assert len(batch.ids) == 1
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
    assert error.message == "that is bad"
    assert answers[0].completion is not None
    assert answers[0].completion.usage is not None
    assert answers[0].completion.usage.total_tokens == 15
    assert batch.counts == {"total": 3, "completed": 2, "failed": 1}
    assert provider.asked == ["a", "b", "c bad"]
    assert all(not {"stream", "stream_options"} & set(row.body) for row in rows_of(provider))


BODIES = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "a"}], "temperature": 0},
    "messages": {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        "temperature": 0,
        "max_tokens": 9,
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "a"}]}],
        "generationConfig": {"temperature": 0, "maxOutputTokens": 9},
    },
}


@pytest.mark.parametrize("api", BODIES)
def test_a_row_has_the_body_of_the_api(api: str) -> None:
    """As the documentation of each API writes it."""
    provider = FakeBatches()
    limit = {} if api == "chat" else {"max_tokens": 9}
    client_of(api, provider).batches.submit(["a"], temperature=0, **limit)
    assert [row.body for row in rows_of(provider)] == [BODIES[api]]


@every_api
def test_names_are_accepted_by_every_api(api: str) -> None:
    """At most 64 letters, digits, hyphens and underscores; different keys have different names."""
    keys = ["é" * 99, "a b", "a-b", "", "../x", 7, "7", -7, 10**40, "x" * 64, "\ud83d", "#7"]
    provider = FakeBatches()
    batch = client_of(api, provider).batches.submit(
        keys, to_input=lambda key: f"prompt {keys.index(key)}", key=lambda key: key or "empty"
    )
    names = [row.name for row in rows_of(provider)]
    assert len(set(names)) == len(keys)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    answers = list(finished(batch).results())
    assert {a.key: a.text for a in answers} == {
        key or "empty": f"echo: prompt {n}" for n, key in enumerate(keys)
    }


@every_api
@pytest.mark.parametrize("ends", ["expired", "cancelled"])
def test_rows_that_expired_go_on_with_map(api: str, ends: Any, tmp_path: Path) -> None:
    """The journal has the answers of the batch; map with it asks only the rest."""
    path = tmp_path / "answers.jsonl"
    rows = [f"row {n}" for n in range(5)]
    batch = finished(client_of(api, FakeBatches(ends=ends, done=2)).batches.submit(rows, journal=path))
    assert batch.status == ends
    answers = list(batch.results())
    assert sum(a.ok for a in answers) == 2
    failed = [a for a in answers if not a.ok]
    assert all(isinstance(a.error, APIError) and not isinstance(a.error, BadRequestError) for a in failed)
    assert len(list(read_journal(path))) == 5
    with client_of(api, stream_of(APIS[api][1], "from map")).map(rows, journal=path) as run:
        later = list(run)
    assert sorted(a.source for a in later) == ["asked"] * 3 + ["journal"] * 2
    assert sum(a.text == "from map" for a in later) == 3


@every_api
def test_rows_that_expired_go_on_with_submit(api: str, tmp_path: Path) -> None:
    """A second batch has only the rows without answers."""
    path = tmp_path / "answers.jsonl"
    rows = [f"row {n}" for n in range(5)]
    provider = FakeBatches(ends="expired", done=2)
    own = client_of(api, provider)
    list(finished(own.batches.submit(rows, journal=path)).results())
    provider.ends = "completed"
    batch = own.batches.submit(rows, journal=path)
    assert provider.asked[5:] == ["row 2", "row 3", "row 4"]
    answers = sorted(finished(batch).results(), key=lambda answer: answer.index)
    assert [a.text for a in answers] == [f"echo: row {n}" for n in range(5)]
    assert sorted(a.source for a in answers) == ["asked"] * 3 + ["journal"] * 2


@every_api
def test_rows_of_the_journal_arent_submitted(api: str, tmp_path: Path) -> None:
    """A batch after a map, and a batch without anything to do."""
    path = tmp_path / "answers.jsonl"
    with client_of(api, stream_of(APIS[api][1], "from map")).map(["a", "b"], journal=path) as run:
        list(run)
    provider = FakeBatches()
    batch = client_of(api, provider).batches.submit(["a", "b", "c"], journal=path)
    assert provider.asked == ["c"]
    assert sorted(a.text for a in finished(batch).results()) == ["echo: c", "from map", "from map"]
    nothing = client_of(api, provider).batches.submit(["a"], journal=path)
    assert (nothing.ids, nothing.id, nothing.status) == ((), "", "completed")
    assert [a.text for a in finished(nothing).results()] == ["from map"]


@every_api
def test_another_process_goes_on_by_id(api: str) -> None:
    """Without a journal: by the id and the same rows."""
    provider = FakeBatches()
    name = client_of(api, provider).batches.submit(ROWS, **BY).id
    batch = client_of(api, provider).batches.get(name, ROWS, **BY)
    assert len(list(finished(batch).results())) == 4
    assert batch.counts["completed"] == 3
    missing = {"chat": "batch_9", "responses": "batch_9", "messages": "x9", "gemini": "g9", "mistral": "x9"}[
        api
    ]
    with pytest.raises(NotFoundError, match="no such batch"):
        finished(client_of(api, provider).batches.get(missing, ROWS, **BY))


@every_api
def test_many_rows_become_several_batches(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, by size and by model; results are of all of them."""
    provider = FakeBatches()
    own = limited(client_of(api, provider), monkeypatch, max_rows=3)
    batch = own.batches.submit([f"row {n}" for n in range(8)])
    assert [len(kept.rows) for kept in provider.desk.batches.values()] == [3, 3, 2]
    assert sorted(a.index for a in finished(batch).results()) == list(range(8))
    assert batch.counts["total"] == 8
    provider = FakeBatches()
    own = limited(client_of(api, provider), monkeypatch, max_bytes=500)
    assert len(own.batches.submit(["x" * 100] * 4).ids) in (2, 4)
    assert all(sum(len(str(row.body)) for row in kept.rows) < 500 for kept in provider.desk.batches.values())
    provider = FakeBatches()
    rows = [Request("a", model="m1"), Request("b", model="m2"), Request("c", model="m1")]
    batch = client_of(api, provider).batches.submit(rows)
    assert [[row.model for row in kept.rows] for kept in provider.desk.batches.values()] == [
        ["m1", "m1"],
        ["m2"],
    ]
    assert {a.index: a.text for a in finished(batch).results()} == {0: "echo: a", 1: "echo: b", 2: "echo: c"}


def limited(own: Client, monkeypatch: pytest.MonkeyPatch, **limits: int) -> Client:
    """Return *own* with other limits of a batch."""
    from attrs import evolve

    from streamkit.jobs import batch_rows

    real = batch_rows.batch_api_of(own)
    monkeypatch.setattr(batch_rows, "batch_api_of", lambda client: evolve(real, **limits))
    return own


@every_api
def test_the_limits_are_those_of_the_documentation(api: str) -> None:
    """50,000 rows and 200 MB of OpenAI; 100,000 and 256 MB of Anthropic; 2 GB of Gemini."""
    from streamkit.jobs.batch_rows import batch_api_of

    limits = batch_api_of(client_of(api, FakeBatches()))
    assert limits.max_rows == (100_000 if api == "messages" else 50_000)
    assert limits.max_bytes < (256 * 10**6 if api == "messages" else 200 * 10**6)


@every_api
def test_a_row_beyond_the_limit_costs_only_itself(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch could hold it; the others are sent."""
    provider = FakeBatches()
    own = limited(client_of(api, provider), monkeypatch, max_bytes=500)
    answers = {a.index: a for a in finished(own.batches.submit(["a", "x" * 600, "b"])).results()}
    assert provider.asked == ["a", "b"]
    assert answers[0].ok
    assert answers[2].ok
    assert isinstance(answers[1].error, UsageError)
    assert "row: expected at most 500 bytes" in str(answers[1].error)


@pytest.mark.parametrize("api", ["chat", "responses", "gemini", "mistral"])
def test_a_batch_that_fails_gives_its_reason_to_every_row(api: str, tmp_path: Path) -> None:
    """A file that the provider refuses. (A batch on Anthropic's API can't fail as a whole.)"""
    path = tmp_path / "answers.jsonl"
    provider = FakeBatches(ends="failed")
    own = client_of(api, provider)
    batch = finished(own.batches.submit(["a", "b"], journal=path))
    assert batch.status == "failed"
    answers = list(batch.results())
    assert [str(a.error) for a in answers] == ["the batch failed: the input file can't be read"] * 2
    provider.ends = "completed"
    assert all(a.ok for a in finished(own.batches.submit(["a", "b"], journal=path)).results())


@every_api
def test_results_before_the_end_are_refused(api: str) -> None:
    """With the name of the batch, and the way."""
    batch = client_of(api, FakeBatches()).batches.submit(["a"])
    with pytest.raises(UsageError, match=rf"^batch {batch.id} isn't over; call wait\(\) first"):
        list(batch.results())


def test_wait_has_a_limit() -> None:
    """TimeoutError; the batch itself goes on."""
    batch = client_of("chat", FakeBatches()).batches.submit(["a"])
    clock = iter(range(0, 1000, 40))
    with pytest.raises(TimeoutError, match=r"batch_\d is in_progress after 60 s"):
        batch.wait(timeout=60, now=lambda: next(clock), sleep=lambda seconds: None)
    assert finished(batch).status == "completed"


@every_api
def test_wait_survives_an_outage(api: str) -> None:
    """A batch takes a day: looks that fail are repeated for an hour, refusals aren't."""
    provider = FakeBatches()
    outages: list[Any] = []

    def answer(call: Any) -> Any:
        return outages.pop(0) if outages else provider(call)

    own = client_of(api, answer, retry=RetryPolicy(max_retries=0))
    batch = own.batches.submit(["a"])
    outages = [refusal(502), FakeReply([b"<html>"], headers={"content-type": "text/html"})]
    clock = iter(range(0, 10_000_000, 100))
    assert batch.wait(now=lambda: next(clock), sleep=lambda seconds: None).status == "completed"
    outages = [refusal(502)] * 1000
    with pytest.raises(ServerError, match="502 from GET"):
        own.batches.get(batch.id, ["a"]).wait(now=lambda: next(clock), sleep=lambda seconds: None)
    assert 1000 - len(outages) == 37  # the clock moves 100 s with each look
    outages = [refusal(401)]
    with pytest.raises(AuthenticationError):
        own.batches.get(batch.id, ["a"]).wait(sleep=lambda seconds: None)


@every_api
def test_batches_that_have_begun_arent_lost(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three is refused: the first runs, and its id is in the error."""
    provider = FakeBatches()
    rows = [f"row {n}" for n in range(6)]

    def answer(call: Any) -> Any:
        is_begin = call.method == "POST" and "files" not in call.url
        return refusal(400) if provider.desk.batches and is_begin else provider(call)

    own = limited(client_of(api, answer), monkeypatch, max_rows=2)
    with pytest.raises(BadRequestError, match=r"have begun: \S+; pass their ids to client\.batches\.get"):
        own.batches.submit(rows)
    (name,) = provider.desk.batches
    answers = list(finished(client_of(api, provider).batches.get(name, rows)).results())
    assert sorted(a.index for a in answers if a.ok) == [0, 1]
    assert all(a.error is not None and a.error.retryable for a in answers if not a.ok)


@every_api
@pytest.mark.parametrize(
    "line",
    [
        b"{nope",
        b"[]",
        b'{"response": {}}',
        b'{"custom_id": 5, "key": 5}',
        b'{"custom_id": "x',
        b"\xff\xfe",
        b"7",
    ],
    ids=repr,
)
def test_a_line_that_cant_be_read_costs_its_row_only(api: str, line: bytes, tmp_path: Path) -> None:
    """The other rows have answers, the row can be asked again, and its error quotes the line."""
    path = tmp_path / "answers.jsonl"
    provider = FakeBatches()

    def answer(call: Any) -> Any:
        reply = provider(call)
        is_file = call.method == "GET" and reply.headers["content-type"] != "application/json"
        lines = b"".join(reply.chunks).splitlines() if is_file else []
        return FakeReply([b"\n".join([lines[0], line, lines[2]])]) if lines else reply

    own = client_of(api, answer)
    batch = finished(own.batches.submit(["a", "b", "c"], journal=path))
    answers = {a.index: a for a in batch.results()}
    assert [answers[n].text for n in (0, 2)] == ["echo: a", "echo: c"]
    error = answers[1].error
    assert isinstance(error, StreamError)
    assert "1 of its lines can't be read" in str(error)
    with client_of(api, stream_of(APIS[api][1], "from map")).map(["a", "b", "c"], journal=path) as run:
        assert sorted(a.text for a in run) == ["echo: a", "echo: c", "from map"]


@every_api
def test_an_answer_wins_over_an_error_of_the_same_row(api: str, tmp_path: Path) -> None:
    """Whichever comes first; a second answer, and those of unknown rows, are left out."""
    for order in (1, -1):
        provider = FakeBatches(ends="expired", done=2)

        def answer(call: Any, provider: FakeBatches = provider, order: int = order) -> Any:
            reply = provider(call)
            if call.method == "GET" and reply.headers["content-type"] != "application/json":
                return FakeReply([b"\n".join(doubled(b"".join(reply.chunks))[::order])])
            return reply

        batch = finished(client_of(api, answer).batches.submit(["a", "b"]))
        assert sorted((a.index, a.text) for a in batch.results()) == [(0, "echo: a"), (1, "echo: b")]


def doubled(lines: bytes) -> list[bytes]:
    """Return each line twice, with an error of the same row, and a line about another row."""
    added = []
    for line in lines.splitlines():
        name = json.loads(line).get("custom_id") or json.loads(line)["key"]
        unseen: dict[str, Any] = {"custom_id": name, "response": None, "error": {"code": "batch_expired"}}
        added.append({**unseen, "result": {"type": "expired"}, "key": name})
        added.append({**unseen, "result": {"type": "expired"}, "key": f"{name}x", "custom_id": f"{name}x"})
    return [*(json.dumps(each).encode() for each in added), *lines.splitlines(), *lines.splitlines()]


@every_api
def test_a_broken_download_is_read_again(api: str, tmp_path: Path) -> None:
    """From the start; each answer is yielded, and written, once."""
    path = tmp_path / "answers.jsonl"
    provider = FakeBatches()
    cuts = [10, 300]

    def answer(call: Any) -> Any:
        reply = provider(call)
        if cuts and call.method == "GET" and reply.headers["content-type"] != "application/json":
            content = b"".join(reply.chunks)
            return FakeReply([content[: cuts.pop()], APIConnectionError("reset", retryable=True)])
        return reply

    batch = finished(client_of(api, answer).batches.submit([f"row {n}" for n in range(9)], journal=path))
    assert sorted(a.index for a in batch.results()) == list(range(9))
    assert cuts == []
    assert len(path.read_bytes().splitlines()) == 12  # the header, two lines of the batch, nine answers


@every_api
def test_cancel_keeps_what_is_done(api: str) -> None:
    """Cancelling twice does no harm, nor does a batch that ends in the meantime."""
    provider = FakeBatches(done=2)
    batch = client_of(api, provider).batches.submit([f"row {n}" for n in range(4)])
    batch.cancel()
    assert finished(batch).status == "cancelled"
    batch.cancel()
    assert sum(a.ok for a in batch.results()) == 2
    provider = FakeBatches()

    def late(call: Any) -> Any:
        if call.method == "POST" and "cancel" in call.url:
            for kept in provider.desk.batches.values():
                provider.desk._step(kept)
                provider.desk._step(kept)
        return provider(call)

    batch = client_of(api, late).batches.submit(["a"])
    batch.cancel()
    assert batch.status == "completed"


def test_a_row_that_isnt_a_request_has_its_error() -> None:
    """It isn't submitted."""
    provider = FakeBatches()
    batch = client_of("chat", provider).batches.submit([{"q": "a"}, {"z": 1}], to_input=lambda row: row["q"])
    answers = {a.index: a for a in finished(batch).results()}
    assert answers[0].ok
    assert "to_input: the function raised KeyError" in str(answers[1].error)
    assert provider.asked == ["a"]


@every_api
def test_formats_are_parsed(api: str) -> None:
    """As objects, and a wrong answer is an error of its row."""

    @dataclasses.dataclass
    class Echo:
        echo: str

    provider = FakeBatches(lambda prompt: '{"echo": "x"}' if prompt == "a" else prompt)
    batch = finished(client_of(api, provider).batches.submit(["a", "b"], response_format=Echo))
    good, wrong = sorted(batch.results(), key=lambda answer: answer.index)
    assert good.parsed() == Echo("x")
    assert "isn't JSON" in str(wrong.error)
    assert wrong.text == "b"


@pytest.mark.parametrize(("profile", "wire"), [("vertex", "messages"), ("vertex-gemini", "gemini")])
def test_gateways_without_batches_are_refused(profile: str, wire: str) -> None:
    """Their batches read and write a store of the cloud."""
    own = Client(
        profile, base_url="http://h/v1", wire=wire, api_key="k", transport=FakeTransport(chat_stream("a"))
    )
    with pytest.raises(
        UsageError, match=rf"^batches: expected a gateway with batches, got {profile} on {wire}"
    ):
        own.batches.submit(["a"], model="m")


@pytest.mark.parametrize(
    "option",
    [
        *({"record": "answers.jsonl"}, {"timeouts": "soon"}, {"retry": 3}, {"model": 5}, {"metadata": "x"}),
        *({"metadata": {"a": 5}}, {"journal": 5}, {"strict": True}, {"resume": 2}),
    ],
    ids=str,
)
def test_options_are_checked_as_those_of_map(option: dict[str, Any]) -> None:
    provider = FakeBatches()
    (name,) = option
    with pytest.raises(UsageError, match=f"^{name}: expected"):
        client_of("chat", provider).batches.submit(["Hi"], **option)
    assert provider.calls == []


@pytest.mark.parametrize("name", [5, None, "", [5], [""], b"x"], ids=repr)
def test_ids_are_checked(name: Any) -> None:
    """Nothing is sent. An empty list is that of a job whose rows were all in the journal."""
    provider = FakeBatches()
    with pytest.raises(UsageError, match=r"^id: expected"):
        client_of("chat", provider).batches.get(name, ["a"])
    assert provider.calls == []
    assert client_of("chat", provider).batches.get([], ["a"]).status == "completed"


@pytest.mark.parametrize("argument", [{"every": "x"}, {"every": -1}, {"timeout": float("nan")}], ids=str)
def test_seconds_are_checked(argument: dict[str, Any]) -> None:
    (name,) = argument
    with pytest.raises(UsageError, match=f"^{name}: expected a number of seconds"):
        client_of("chat", FakeBatches()).batches.submit(["a"]).wait(**argument)


# What a row's error is on each API, and whether another batch asks the row again.
FAILURES = [
    pytest.param(BadRequestError("x", status=400, type="invalid_request_error"), BadRequestError, id="400"),
    pytest.param(APIError("x", status=429, type="rate_limit_error"), RateLimitError, id="429"),
    pytest.param(APIError("x", status=503, type="overloaded_error"), APIError, id="503"),
    pytest.param(APIError("x", status=500, type="api_error"), ServerError, id="500"),
]


@every_api
@pytest.mark.parametrize(("error", "kind"), FAILURES)
def test_errors_of_rows_are_final_or_not(api: str, error: APIError, kind: type, tmp_path: Path) -> None:
    """A refusal of the row stays; a failure of the server is asked again by the next batch."""
    path = tmp_path / "answers.jsonl"
    failing = [True]
    provider = FakeBatches(lambda prompt: error if failing else "good")
    own = client_of(api, provider)
    (answer,) = finished(own.batches.submit(["a"], journal=path)).results()
    assert isinstance(answer.error, kind)
    assert isinstance(answer.error, BadRequestError) == (kind is BadRequestError)
    failing.clear()
    (again,) = finished(own.batches.submit(["a"], journal=path)).results()
    assert (again.source, again.ok) == (("journal", False) if kind is BadRequestError else ("asked", True))


DIGITS = "9" * 5000  # more than int() reads


@pytest.mark.parametrize(
    "value", [DIGITS, int("9" * 4000), "²", "-5", 1.5, True, None, [], "x" * 9], ids=lambda v: repr(v)[:9]
)
def test_no_number_of_a_provider_breaks_the_reading(value: Any) -> None:
    """Statuses of rows, counts, and times."""
    assert status_code(value) is None
    assert whole(value) in (0, value)


def test_an_absurd_status_is_none() -> None:
    """So the body tells that it is an answer."""
    body = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    provider = FakeBatches()

    def answer(call: Any) -> Any:
        reply = provider(call)
        if "content" not in call.url:
            return reply
        (line,) = map(json.loads, b"".join(reply.chunks).splitlines())
        line["response"] = {"status_code": DIGITS, "body": body}
        return FakeReply([json.dumps(line).encode()])

    (found,) = finished(client_of("chat", answer).batches.submit(["a"])).results()
    assert found.text == "hi"


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("COMPLETED", "completed"),
        ("canceled", "cancelled"),
        ("canceling", "cancelling"),
        ("queued", "in_progress"),
    ],
)
def test_words_of_other_gateways(word: str, ours: str) -> None:
    """With the same endpoints; a word that isn't documented is that of a batch under way."""
    provider = FakeBatches()

    def answer(call: Any) -> Any:
        reply = provider(call)
        if call.method == "POST":
            return reply
        return FakeReply([json.dumps({"id": "x", "status": word}).encode()], headers=reply.headers)

    batch = client_of("chat", answer).batches.submit(["a"])
    assert (batch.status, batch.raw_status) == (ours, (word,))


@pytest.mark.parametrize("status", [200, "200", 201, None], ids=repr)
def test_an_answer_without_the_usual_status_is_one(status: Any) -> None:
    """Gateways with the same endpoints write other statuses, or none."""
    line = {"custom_id": "k", "response": {"status_code": status, "body": {"choices": []}}}
    found = openai_result(line)
    assert found is not None
    assert not found.is_error


def test_a_key_that_no_journal_can_hold_costs_its_row_only() -> None:
    """Python doesn't write a number of more than 4300 digits."""
    provider = FakeBatches()
    batch = client_of("chat", provider).batches.submit(
        ["a", "b"], key=lambda row: 10**5000 if row == "a" else 1
    )
    answers = {a.index: a for a in finished(batch).results()}
    assert answers[1].text == "echo: b"
    assert "key: expected a string or a whole number" in str(answers[0].error)


def test_the_fake_keeps_no_more_than_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a server on this machine can't be filled by a client."""
    monkeypatch.setattr(desk, "MAX_KEPT", 2000)
    own = client_of("chat", FakeBatches())
    own.batches.submit(["a"])
    with pytest.raises(APIError, match="keeps at most 2000 bytes of rows"):
        own.batches.submit(["x" * 2000])
    own.batches.submit(["b"])


@every_api
def test_metadata_is_kept_or_refused(api: str) -> None:
    """Never dropped in silence."""
    provider = FakeBatches()
    own = client_of(api, provider)
    if api in ("messages", "gemini"):
        with pytest.raises(UsageError, match=rf"^metadata: the {api} API keeps none for a batch"):
            own.batches.submit(["a"], metadata={"team": "x"})
        assert provider.calls == []
    else:
        own.batches.submit(["a"], metadata={"team": "x"})
        assert [kept.facts["metadata"] for kept in provider.desk.batches.values()] == [{"team": "x"}]


@every_api
def test_headers_and_query_of_the_call_are_sent(api: str) -> None:
    """With each request; the API's own query stays."""
    provider = FakeBatches()
    seen: list[Any] = []

    def answer(call: Any) -> Any:
        seen.append(call)
        return provider(call)

    own = client_of(api, answer)
    options: dict[str, Any] = {"extra_headers": {"x-team": "y"}, "extra_query": {"trace": "1"}}
    list(finished(own.batches.submit(["a"], **options)).results())
    assert len(seen) > 4
    assert all(call.headers["x-team"] == "y" and call.query["trace"] == "1" for call in seen)
    if api == "gemini":
        assert seen[-1].query["alt"] == "media"


def test_headers_of_the_call_are_in_no_traceback() -> None:
    """Also not in one that shows the locals of streamkit's frames."""
    value = "-".join(("sk", "very", "private"))
    own = client_of("chat", FakeReply([b"<html>"], headers={"content-type": "text/html"}))
    with pytest.raises(StreamError) as caught:
        own.batches.submit(["a"], extra_headers={"x-api-key": value})
    found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    package = Path(streamkit.__file__).parent
    frames = [frame for frame in found.stack if Path(frame.filename).is_relative_to(package)]
    assert frames
    assert all(value not in text for frame in frames for text in (frame.locals or {}).values())


def test_features_of_rows_are_headers_of_their_batch() -> None:
    """The words of all its rows, next to the client's own."""
    provider = FakeBatches()
    seen: list[str] = []

    def answer(call: Any) -> Any:
        if call.method == "POST":
            seen.append(call.headers.get("anthropic-beta", ""))
        return provider(call)

    own = client_of("messages", answer, headers={"anthropic-beta": "own-1"})
    rows = [
        Request("a", model="m", extra_body={"speed": "fast"}),
        Request("b", model="m", extra_body={"container": {"skills": ["x"]}}),
    ]
    own.batches.submit(rows)
    assert sorted(seen[0].split(",")) == ["fast-mode-2026-02-01", "own-1", "skills-2025-10-02"]


def test_the_key_goes_to_the_clients_own_address_only() -> None:
    """Although Anthropic's reply has a whole URL for the results."""
    provider = FakeBatches()
    seen: list[Any] = []

    def answer(call: Any) -> Any:
        seen.append(call)
        return provider(call)

    list(finished(client_of("messages", answer).batches.submit(["a"])).results())
    assert {call.url.split("/v1/")[0] for call in seen} == {"http://h"}
    assert all(call.credentials["x-api-key"] == "k" for call in seen)


def test_inlined_responses_are_read_by_their_keys() -> None:
    """Of a Gemini batch with its rows in the request, in any order; one without a key isn't guessed."""
    provider = FakeBatches()
    own = client_of("gemini", provider)
    batch = own.batches.submit(["a", "b", "c"])
    (kept,) = provider.desk.batches.values()
    kept.facts["file"] = None  # so its results are in the operation
    finished(batch)
    lines = kept.facts["output"]["inlinedResponses"]["inlinedResponses"]
    assert len(lines) == 3
    del lines[0]["metadata"]
    kept.facts["output"]["inlinedResponses"]["inlinedResponses"] = [lines[2], lines[0], lines[1]]
    again = finished(own.batches.get(batch.id, ["a", "b", "c"]))
    answers = {a.index: a for a in again.results()}
    assert (answers[0].text, answers[1].text) == ("echo: a", "echo: b")
    assert isinstance(answers[2].error, StreamError)


@pytest.mark.parametrize("ends", ["expired", "cancelled"])
def test_a_gemini_batch_that_ends_early_may_have_no_results(ends: Any, tmp_path: Path) -> None:
    """Then every row can be asked again."""
    path = tmp_path / "answers.jsonl"
    provider = FakeBatches(ends=ends, done=1)
    own = client_of("gemini", provider)
    batch = finished(own.batches.submit(["a", "b"], journal=path))
    (kept,) = provider.desk.batches.values()
    del kept.facts["output"]
    batch = own.batches.submit(["a", "b"], journal=path)
    assert batch.status == ends
    assert all(not a.ok and a.error.retryable for a in batch.results())
    provider.ends = "completed"
    assert all(a.ok for a in finished(own.batches.submit(["a", "b"], journal=path)).results())


# google.rpc.Code: google/rpc/code.proto. Those that say that the row itself is wrong are final.
FINAL_CODES = {3, 6, 9, 11}


@pytest.mark.parametrize("code", range(1, 17))
def test_codes_of_google_are_final_or_not(code: int) -> None:
    """A row that was aborted, or that came too late, is asked again; a wrong one isn't."""
    result = gemini_result({"key": "k", "error": {"code": code, "message": "some words"}})
    assert result is not None
    error = read_result(result, "gemini", Client("gemini").profile, None)
    assert isinstance(error, APIError)
    assert is_final(error) == (code in FINAL_CODES)


@every_api
def test_a_refused_upload_is_raised(api: str) -> None:
    """With its place, and after the retries of the policy."""
    with pytest.raises(APIError, match=r"401 from (GET|POST) http://h/"):
        client_of(api, refusal(401)).batches.submit(["a"])


@every_api
def test_a_busy_provider_is_asked_again(api: str, tmp_path: Path) -> None:
    """A 429 isn't a lost reply: the batch surely didn't begin. After the last one, nothing is under way."""
    path = tmp_path / "answers.jsonl"
    provider = FakeBatches()
    busy: list[Any] = [refusal(429)] * 2

    def answer(call: Any) -> Any:
        is_begin = call.method == "POST" and "files" not in call.url
        return busy.pop() if busy and is_begin else provider(call)

    own = client_of(api, answer)
    assert len(own.batches.submit(["a"]).ids) == 1
    busy = [refusal(429)] * 9
    with pytest.raises(RateLimitError):
        own.batches.submit(["b"], journal=path)
    with client_of(api, stream_of(APIS[api][1], "from map")).map(["b"], journal=path) as run:
        assert [a.text for a in run] == ["from map"]


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
    with pytest.raises(ServerError):
        own = Client("openai", api_key="k", base_url="http://h/v1", transport=FakeTransport(refusal(500)))
        own.request("GET", "/models", retry=RetryPolicy(max_retries=0))

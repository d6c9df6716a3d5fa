"""Batches and a crash at every step: nothing is lost, and no row is sent twice.

Each test counts the rows that the provider took in: `FakeBatches.asked` has a prompt once for each batch that
contains it, and a batch is billed once it has begun.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    Client,
    RetryPolicy,
    ServerError,
    StreamError,
    StreamkitError,
    UsageError,
    read_journal,
)
from streamkit.errors import APIConnectionError, APITimeoutError
from streamkit.jobs import batch_rows, journal
from streamkit.recordings.server import serve
from streamkit.testing import FakeBatches, FakeReply, refusal, stream_of
from tests.batch_clients import APIS, client_of, every_api, finished

ROWS = [f"row {n}" for n in range(5)]
STEPS = 40  # more than a run has; a test fails if it has more


class KilledError(BaseException):
    """The process ends here: nothing of streamkit runs after it but `finally`."""


@pytest.fixture(autouse=True)
def two_rows_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let five rows be three batches."""
    real = batch_rows.batch_api_of
    monkeypatch.setattr(batch_rows, "batch_api_of", lambda client: evolve(real(client), max_rows=2))


def whole_run(api: str, provider: Any, path: Path) -> list[Any]:
    """Run the program that a user runs again after a crash."""
    batch = client_of(api, provider).batches.submit(ROWS, journal=path)
    return list(finished(batch).results())


def check_end(provider: FakeBatches, answers: list[Any], path: Path) -> None:
    """Each row was asked once, and has its answer, in this run and in the journal."""
    assert sorted(provider.asked) == ROWS
    assert sorted((a.index, a.text) for a in answers) == [(n, f"echo: row {n}") for n in range(5)]
    assert sorted(a.text for a in read_journal(path)) == [f"echo: row {n}" for n in range(5)]


def killing(provider: FakeBatches, step: int, when: str) -> tuple[Callable[[Any], Any], list[int]]:
    """Return a transport that ends the process at request number *step*, and the requests so far."""
    seen: list[int] = []

    def answer(call: Any) -> Any:
        seen.append(len(seen))
        if seen[-1] != step:
            return provider(call)
        if when == "before":
            raise KilledError
        reply = provider(call)
        if when == "after":
            raise KilledError
        content = b"".join(reply.chunks)
        return FakeReply([content[: len(content) // 2], KilledError()], reply.status, reply.headers)

    return answer, seen


@every_api
@pytest.mark.parametrize("when", ["before", "after", "within"])
def test_killed_at_each_request(api: str, when: str, tmp_path: Path) -> None:
    """Before the provider has the request, after it, and in the middle of its reply."""
    for step in range(STEPS):
        provider, path = FakeBatches(), tmp_path / f"{step}.jsonl"
        transport, seen = killing(provider, step, when)
        try:
            whole_run(api, transport, path)
        except KilledError:
            check_end(provider, whole_run(api, provider, path), path)
        else:
            assert len(seen) == step > 10
            return
    raise AssertionError("a run has more steps")


def broken_writes(monkeypatch: pytest.MonkeyPatch, step: int, part: float) -> None:
    """Let the process end at write number *step* to the journal, after a *part* of the line."""
    real, count = os.write, iter(range(10_000))

    def write(file: int, data: bytes) -> int:
        if next(count) != step:
            return real(file, data)
        real(file, data[: int(len(data) * part)])
        raise KilledError

    monkeypatch.setattr(journal.os, "write", write)


@every_api
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_killed_at_each_line_of_the_journal(
    api: str, part: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the line, in its middle, after it."""
    for step in range(STEPS):
        provider, path = FakeBatches(), tmp_path / f"{step}.jsonl"
        with monkeypatch.context() as patch:
            broken_writes(patch, step, part)
            try:
                whole_run(api, provider, path)
            except KilledError:
                is_over = False
            else:
                is_over = True
        if is_over:
            assert step == 1 + 2 * 3 + 5  # the header, two lines a batch, the answers
            return
        check_end(provider, whole_run(api, provider, path), path)
    raise AssertionError("a run has more lines")


@every_api
def test_killed_at_each_answer(api: str, tmp_path: Path) -> None:
    """The program that takes the answers ends."""
    for step in range(5):
        provider, path = FakeBatches(), tmp_path / f"{step}.jsonl"
        batch = finished(client_of(api, provider).batches.submit(ROWS, journal=path))
        results = batch.results()
        for _ in range(step + 1):
            next(results)
        results.close()
        check_end(provider, whole_run(api, provider, path), path)


@every_api
def test_killed_again_and_again(api: str, tmp_path: Path) -> None:
    """Each run ends one request later than the one before."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    for step in range(STEPS):
        transport, _ = killing(provider, step, ("before", "after", "within")[step % 3])
        try:
            answers = whole_run(api, transport, path)
        except KilledError:
            continue
        check_end(provider, answers, path)
        return
    raise AssertionError("the job never ended")


LOST = {
    "500": lambda: refusal(500),
    "504": lambda: refusal(504),
    "409": lambda: refusal(409),
    "reset": lambda: APIConnectionError("reset", retryable=True),
    "timeout": lambda: APITimeoutError("no reply", phase="first_event"),
    "html": lambda: FakeReply([b"<html>"], headers={"content-type": "text/html"}),
    "no id": lambda: FakeReply([b"{}"], headers={"content-type": "application/json"}),
}


@every_api
@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("has_journal", [True, False], ids=["journal", "no journal"])
def test_a_lost_reply_begins_one_batch(api: str, kind: str, has_journal: bool, tmp_path: Path) -> None:
    """Whatever arrives in place of the reply that the provider sent."""
    provider = FakeBatches()
    lost = [True]

    def answer(call: Any) -> Any:
        reply = provider(call)
        return LOST[kind]() if is_begin(call) and lost and lost.pop() else reply

    path = tmp_path / "answers.jsonl" if has_journal else None
    batch = client_of(api, answer).batches.submit(ROWS, journal=path)
    assert sorted(provider.asked) == ROWS
    assert sorted(a.text for a in finished(batch).results()) == [f"echo: row {n}" for n in range(5)]


def is_begin(call: Any) -> bool:
    """Return True for the request that begins a batch."""
    return call.method == "POST" and not call.url.endswith(("/files", "cancel"))


@every_api
def test_a_request_that_never_arrived_is_repeated(api: str) -> None:
    """The provider is asked first, and has no such batch."""
    provider = FakeBatches()
    failures: list[Any] = [APIConnectionError("reset", retryable=True), refusal(503)]

    def answer(call: Any) -> Any:
        if is_begin(call) and failures:
            return failures.pop()
        return provider(call)

    client_of(api, answer).batches.submit(ROWS)
    assert sorted(provider.asked) == ROWS
    assert len(provider.desk.batches) == 3


@every_api
@pytest.mark.parametrize("kind", ["504", "timeout"])
def test_a_slow_provider_isnt_sent_a_second_batch(api: str, kind: str, tmp_path: Path) -> None:
    """A proxy, or a clock, lost its patience; the batch begins minutes later. The next run finds it."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    late: list[Any] = []

    def answer(call: Any) -> Any:
        if not is_begin(call):
            return provider(call)
        late.append(call)
        return LOST[kind]()

    with pytest.raises((ServerError, APITimeoutError), match="it isn't known whether"):
        client_of(api, answer).batches.submit(ROWS[:2], journal=path)
    (call,) = late
    provider(call)
    batch = client_of(api, provider).batches.submit(ROWS[:2], journal=path)
    assert provider.asked == ROWS[:2]
    assert len(list(finished(batch).results())) == 2


@every_api
def test_a_provider_that_lists_late_is_looked_at_again(api: str, tmp_path: Path) -> None:
    """Its list shows a batch only some seconds after the batch began."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    transport, _ = killing(provider, 1, "after")
    with pytest.raises(KilledError):
        client_of(api, transport).batches.submit(ROWS[:2], journal=path)
    hidden = [dict(provider.desk.batches)] * 2

    def answer(call: Any) -> Any:
        if not hidden or call.method == "POST":
            return provider(call)
        batches = hidden.pop()
        provider.desk.batches.clear()
        reply = provider(call)
        provider.desk.batches.update(batches)
        return reply

    assert len(client_of(api, answer).batches.submit(ROWS[:2], journal=path).ids) == 1
    assert provider.asked == ROWS[:2]


@every_api
def test_nothing_is_repeated_while_the_provider_cant_be_asked(api: str, tmp_path: Path) -> None:
    """The error says so; map is refused; the next run asks, and goes on."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    is_down: list[bool] = []

    def answer(call: Any) -> Any:
        if is_down:
            return refusal(500)
        reply = provider(call)
        if is_begin(call):
            is_down.append(True)
        return refusal(502) if is_down else reply

    own = client_of(api, answer)
    with pytest.raises(
        ServerError, match="it isn't known whether the provider began a batch: call submit again"
    ):
        own.batches.submit(ROWS, journal=path)
    assert len(provider.asked) == 2
    with pytest.raises(ServerError):  # it can't be asked yet
        own.batches.submit(ROWS, journal=path)
    with pytest.raises(UsageError, match=r"has rows in batches that weren't read \(not known by id\)"):
        own.map(ROWS, journal=path)
    check_end(provider, whole_run(api, provider, path), path)


@pytest.mark.parametrize("others", [["x", "y"], ROWS[:2]], ids=["other rows", "the same rows"])
def test_a_batch_in_doubt_that_is_another_programs(others: list[str], tmp_path: Path) -> None:
    """Anthropic's API keeps no name of ours. Rows wait for the results, then they are sent."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    other = client_of("messages", provider)

    def answer(call: Any) -> Any:
        if not is_begin(call):
            return provider(call)
        other.batches.submit(others)  # at the same moment, with as many rows
        raise KilledError

    with pytest.raises(KilledError):
        client_of("messages", answer).batches.submit(ROWS[:2], journal=path)
    own = client_of("messages", provider)
    batch = own.batches.submit(ROWS[:2], journal=path)
    assert provider.asked == others
    batch.cancel()
    assert finished(batch).status == "completed"  # it wasn't cancelled: it isn't certain whose it is
    assert all(not a.ok and a.error.retryable for a in batch.results())
    answers = list(finished(own.batches.submit(ROWS[:2], journal=path)).results())
    assert sorted(a.text for a in answers) == ["echo: row 0", "echo: row 1"]
    assert provider.asked == [*others, *ROWS[:2]]


def test_other_batches_dont_delay_a_lost_one(tmp_path: Path) -> None:
    """Those that were there before, and those with another number of rows, aren't it."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    other = client_of("messages", provider)
    other.batches.submit(["x", "y"])

    def answer(call: Any) -> Any:
        if not is_begin(call):
            return provider(call)
        other.batches.submit(["z"])
        raise KilledError

    with pytest.raises(KilledError):
        client_of("messages", answer).batches.submit(ROWS[:2], journal=path)
    batch = client_of("messages", provider).batches.submit(ROWS[:2], journal=path)
    assert provider.asked == ["x", "y", "z", "row 0", "row 1"]
    assert len(batch.ids) == 1


def test_a_batch_of_the_journal_isnt_another_ones(tmp_path: Path) -> None:
    """Although it has as many rows, and the one before the lost one was deleted at the provider."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    rows = [*ROWS, "row 5"]
    begun: list[Any] = []

    def answer(call: Any) -> Any:
        if is_begin(call):
            begun.append(call)
            if len(begun) == 3:
                raise KilledError
        return provider(call)

    with pytest.raises(KilledError):
        client_of("messages", answer).batches.submit(rows, journal=path)
    first, second = provider.desk.batches
    del provider.desk.batches[second]
    batch = client_of("messages", provider).batches.submit(rows, journal=path)
    assert provider.asked == ["row 0", "row 1", "row 4", "row 5"]
    assert (batch.ids[:2], len(batch.ids)) == ((first, second), 3)


@every_api
def test_many_batches_are_looked_through(api: str, tmp_path: Path) -> None:
    """The lost one is on the third page."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    transport, _ = killing(provider, 1, "after")
    with pytest.raises(KilledError):
        client_of(api, transport).batches.submit(ROWS[:2], journal=path)
    first = next(iter(provider.desk.batches.values()))
    for number in range(220):
        facts = {**first.facts, "input_file_id": "x", "input_files": ["x"], "file": "x", "display": "x"}
        name = f"{first.id}{number:03}"
        provider.desk.batches[name] = evolve(first, id=name, facts=facts, rows=first.rows[:1])
    batch = client_of(api, provider).batches.submit(ROWS[:2], journal=path)
    assert batch.ids == (first.id,)
    assert [a.text for a in finished(batch).results()] == ["echo: row 1", "echo: row 0"]


@every_api
def test_a_list_without_an_end_begins_nothing(api: str, tmp_path: Path) -> None:
    """A provider that repeats its first page: the error is raised, and nothing is sent."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    transport, _ = killing(provider, 1, "after")
    with pytest.raises(KilledError):
        client_of(api, transport).batches.submit(ROWS[:2], journal=path)
    other = {"id": "x", "name": "x", "request_counts": {"processing": 9}}

    def answer(call: Any) -> Any:
        page = {"data": [other] * 100, "operations": [other], "has_more": True, "nextPageToken": "1"}
        return FakeReply([json.dumps(page).encode()], headers={"content-type": "application/json"})

    with pytest.raises(StreamError, match="has more than 1000 pages"):
        client_of(api, answer).batches.submit(ROWS[:2], journal=path)
    assert provider.asked == ROWS[:2]


# -- any reply ----------------------------------------------------------------------------

JUNK: list[Any] = [
    *(
        None,
        5,
        -1,
        1.5,
        True,
        "",
        "x",
        "9" * 5000,
        [],
        {},
        [[]],
        [{}],
        {"id": 5},
        {"a": {"b": [1]}},
        "\ud800",
    ),
    *("é/../?&#", 10**30, ["x"], {"inlinedResponses": [5, {"response": 5}, {"metadata": 5}]}),
]


def changed(value: Any, random: Random, depth: int = 0) -> Any:
    """Return a reply in which some values are others, and some fields are missing."""
    if not isinstance(value, dict | list) or random.random() < 0.1:
        return random.choice(JUNK) if random.random() < (0.25 if depth else 0.05) else value
    if isinstance(value, list):
        return [changed(each, random, depth + 1) for each in value]
    return {k: changed(v, random, depth + 1) for k, v in value.items() if random.random() > 0.06}


@every_api
def test_any_reply_is_survived(api: str) -> None:
    """Each row has an answer, or a `StreamkitError` is raised."""
    whole = 0
    for seed in range(60):
        random, provider = Random(seed), FakeBatches(ends=("completed", "expired")[seed % 2], done=1)

        def answer(call: Any, random: Random = random, provider: FakeBatches = provider) -> Any:
            reply = provider(call)
            content = b"".join(reply.chunks)
            if random.random() < 0.3:
                lines = content.splitlines() if call.method == "GET" else [content]
                content = b"\n".join(json.dumps(changed(json.loads(line), random)).encode() for line in lines)
            return FakeReply([content], 500 if random.random() < 0.05 else reply.status, reply.headers)

        looks = iter(range(30))
        try:
            batch = client_of(api, answer).batches.submit([*ROWS, ROWS[0]], key=str)
            batch.wait(sleep=lambda seconds, looks=looks: next(looks))
            assert set(batch.counts) == {"total", "completed", "failed"}
            assert len(list(batch.results())) == 6
            whole += 1
        except (StreamkitError, StopIteration):
            continue
    assert whole > 10


# -- the journal of batches ---------------------------------------------------------------


@every_api
def test_the_same_call_goes_on(api: str, tmp_path: Path) -> None:
    """Another process finds the batches in the journal; rows that are new since are sent."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    first = own.batches.submit(ROWS[:4], journal=path)
    again = own.batches.submit(ROWS[:4], journal=path)
    assert again.ids == first.ids
    more = own.batches.submit(ROWS, journal=path)
    assert more.ids[:2] == first.ids
    assert len(more.ids) == 3
    few = own.batches.submit(ROWS[2:4], journal=path)
    assert few.ids == first.ids[1:]
    check_end(provider, list(finished(more).results()), path)
    assert own.batches.submit(ROWS, journal=path).ids == ()


@every_api
def test_a_changed_row_is_another_one(api: str, tmp_path: Path) -> None:
    """Its old answer isn't taken for the new question, and isn't asked again if the row changes back."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    by: dict[str, Any] = {"key": lambda row: "k", "journal": path}
    old = own.batches.submit(["old"], **by)
    new = own.batches.submit(["new"], **by)
    assert set(old.ids).isdisjoint(new.ids)
    assert [a.text for a in finished(new).results()] == ["echo: new"]
    back = own.batches.submit(["old"], **by)
    assert back.ids == old.ids
    assert [a.text for a in finished(back).results()] == ["echo: old"]
    assert provider.asked == ["old", "new"]


@every_api
def test_map_doesnt_ask_rows_that_a_batch_has(api: str, tmp_path: Path) -> None:
    """It names the batches and the way; after the results it goes on."""
    provider, path = FakeBatches(ends="expired", done=1), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    batch = own.batches.submit(ROWS[:2], journal=path)
    mapping = client_of(api, stream_of(APIS[api][1], "from map"))
    with pytest.raises(UsageError, match=r"^journal: .* has rows in batches that weren't read \(") as caught:
        mapping.map(ROWS[:2], journal=path)
    assert batch.id in str(caught.value)
    list(finished(batch).results())
    with mapping.map(ROWS[:2], journal=path) as run:
        assert sorted(a.text for a in run) == ["echo: row 0", "from map"]


@every_api
def test_abandoned_rows_are_free(api: str, tmp_path: Path) -> None:
    """For a batch that was deleted: the only way on, and only if the caller says so."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    batch = own.batches.submit(ROWS[:2], journal=path)
    provider.desk.batches.clear()
    with pytest.raises(Exception, match="no such batch"):
        finished(own.batches.submit(ROWS[:2], journal=path))
    assert own.batches.abandon(path) == batch.ids
    assert own.batches.abandon(path) == ()
    answers = list(finished(own.batches.submit(ROWS[:2], journal=path)).results())
    assert sorted(a.text for a in answers) == ["echo: row 0", "echo: row 1"]


@every_api
def test_one_of_several_batches_is_abandoned(
    api: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answers of the others are read, and aren't asked again."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    batch = own.batches.submit(ROWS, journal=path)
    del provider.desk.batches[batch.ids[1]]
    assert own.batches.abandon(path, "unknown") == ()
    assert own.batches.abandon(path, batch.ids[1]) == batch.ids[1:2]
    answers = list(finished(own.batches.submit(ROWS, journal=path)).results())
    assert sorted(a.text for a in answers) == [f"echo: row {n}" for n in range(5)]
    assert provider.asked == ["row 0", "row 1", "row 4", "row 2", "row 3"]


def test_batches_of_other_rows_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A changed argument makes other rows of them: their answers would be paid for, and never read."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of("chat", provider)
    batch = own.batches.submit(["a", "b"], key=lambda row: row, journal=path)
    own.batches.submit(["a!", "b!"], key=lambda row: row[0], journal=path)
    assert f"{batch.id} of the journal have none of these rows" in caplog.text


@every_api
def test_a_batch_of_other_rows_is_refused(api: str, tmp_path: Path) -> None:
    """So that nothing seems to be missing, and nothing is written to the journal."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    name = own.batches.submit(ROWS[:2]).id
    other = finished(own.batches.get(name, ROWS[:2], temperature=1, journal=path))
    with pytest.raises(UsageError, match=r"^rows: expected those of batch \S+, got others"):
        list(other.results())
    assert list(read_journal(path)) == []
    assert len(list(finished(own.batches.get(name, ROWS[:2], journal=tmp_path / "b.jsonl")).results())) == 2


@every_api
def test_a_batch_whose_rows_the_journal_has_is_one_of_them(api: str, tmp_path: Path) -> None:
    """By its id, after a crash between the results of two batches."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    own = client_of(api, provider)
    ids = own.batches.submit(ROWS[:4]).ids
    results = finished(own.batches.get(ids, ROWS[:4], journal=path)).results()
    for _ in range(2):
        next(results)
    results.close()
    again = finished(own.batches.get(ids, ROWS[:4], journal=path))
    assert sorted((a.text, a.source) for a in again.results()) == [
        ("echo: row 0", "journal"),
        ("echo: row 1", "journal"),
        ("echo: row 2", "asked"),
        ("echo: row 3", "asked"),
    ]


@every_api
@pytest.mark.parametrize("kept", [0, 1])
def test_results_that_come_late_arent_missing(api: str, kept: int, tmp_path: Path) -> None:
    """The provider counts more answers than its file has: the rest is neither an error nor asked again."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    is_late = [True]

    def answer(call: Any) -> Any:
        reply = provider(call)
        if is_late and call.method == "GET" and reply.headers["content-type"] != "application/json":
            return FakeReply([b"\n".join(b"".join(reply.chunks).splitlines()[:kept])])
        return reply

    own = client_of(api, answer)
    batch = finished(own.batches.submit(ROWS[:2], journal=path))
    with pytest.raises(StreamError, match=rf"has 2 answers, and its results have {kept} lines"):
        list(batch.results())
    assert len(list(read_journal(path))) == kept
    is_late.clear()
    answers = list(finished(own.batches.submit(ROWS[:2], journal=path)).results())
    assert sorted(a.text for a in answers) == ["echo: row 0", "echo: row 1"]
    assert provider.asked == ROWS[:2]


def test_an_answer_that_left_the_journal(tmp_path: Path) -> None:
    """Between submit and results; the row has an error, and the next run asks it."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    whole_run("chat", provider, path)
    batch = client_of("chat", provider).batches.submit(ROWS, journal=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b'"text": "echo: row 3"' not in line))
    answers = {a.index: a for a in batch.results()}
    assert sum(a.ok for a in answers.values()) == 4
    assert "the journal was changed since" in str(answers[3].error)


def test_abandon_wants_a_journal(tmp_path: Path) -> None:
    own = client_of("chat", FakeBatches())
    with pytest.raises(UsageError, match=r"^journal: cannot read"):
        own.batches.abandon(tmp_path / "none.jsonl")
    (tmp_path / "x.jsonl").write_text('{"rows": 1}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"^journal: expected a journal"):
        own.batches.abandon(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        {"batch": 5, "state": "sent", "rows": 5, "staged": 7},
        {"batch": "t", "state": "begun", "ids": [["x"], 5, ["y", 1, 2]]},
        {"batch": None},
        {"batch": ["x"], "state": ["sent"]},
    ],
    ids=str,
)
def test_lines_of_batches_that_were_changed_are_survived(line: dict[str, Any], tmp_path: Path) -> None:
    """They say nothing about a row."""
    provider, path = FakeBatches(), tmp_path / "answers.jsonl"
    whole_run("chat", provider, path)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    check_end(provider, whole_run("chat", provider, path), path)


# -- a process of its own -----------------------------------------------------------------

PROGRAM = """
import os, sys
sys.path.insert(0, {root!r})
from streamkit import Client
from streamkit.http.transport import RequestsTransport
from streamkit.jobs import journal

class Dying(RequestsTransport):
    left = {step}
    def open(self, call, watch):
        reply = super().open(call, watch)
        type(self).left -= 1
        if type(self).left < 0:
            os._exit(9)
        return reply

own = Client({profile!r}, wire={wire!r}, api_key="k", base_url={url!r}, model="m", transport=Dying(None))
batch = own.batches.submit(["a", "b"], key=str, journal={path!r})
list(batch.wait(0).results())
"""


@pytest.mark.parametrize("api", ["chat", "messages", "gemini"])
def test_a_process_that_ends_at_each_request(api: str, tmp_path: Path) -> None:
    """A real one, over a real connection, without any `finally`."""
    profile, wire, _ = APIS[api]
    body = stream_of("chat", "from the server")
    (tmp_path / "one.sse").write_bytes(body)
    root = str(Path(__file__).parent.parent)
    for step in range(STEPS):
        path = str(tmp_path / f"{step}.jsonl")
        with serve(tmp_path / "one.sse") as server:
            facts = {"profile": profile, "wire": wire, "url": server.url, "path": path, "root": root}
            first = subprocess.run(
                [sys.executable, "-c", PROGRAM.format(step=step, **facts)], timeout=60, check=False
            )
            if first.returncode == 0:
                assert step > 4
                return
            assert first.returncode == 9
            own = Client(
                profile, wire=wire, api_key="k", base_url=server.url, model="m", retry=RetryPolicy(max_wait=0)
            )
            batch = own.batches.submit(["a", "b"], key=str, journal=path)
            answers = list(batch.wait(0).results())
            assert sorted((a.key, a.text) for a in answers) == [
                ("a", "from the server"),
                ("b", "from the server"),
            ]
            rows = [row.name for kept in server._http.desk.batches.values() for row in kept.rows]
            assert len(rows) == 2
    raise AssertionError("a run has more steps")

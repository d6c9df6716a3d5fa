"""client.map: every row ends in exactly one answer; order, keys, faults, budgets, endings."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from streamkit import (
    PROFILES,
    Answer,
    AnswerError,
    AuthenticationError,
    BadRequestError,
    Client,
    LimitError,
    Limits,
    MapReport,
    Message,
    NotFoundError,
    ServerError,
    StreamCancelledError,
    Timeouts,
    TruncatedStreamError,
    UsageError,
    read_journal,
)
from streamkit.completion import Usage
from streamkit.jobs.answer import Outcome
from streamkit.jobs.report import Tally
from streamkit.request import Request
from streamkit.testing import FakeTransport, chat_stream, refusal, sse
from tests.jobserver import JobServer, job_server

pytestmark = pytest.mark.usefixtures("short_waits")


def client(server: JobServer, **options: Any) -> Client:
    return Client("generic", base_url=server.url, model="m", **options)


def fake(*answers: Any, **options: Any) -> tuple[Client, FakeTransport]:
    transport = FakeTransport(*answers)
    return Client("generic", base_url="http://h/v1", model="m", transport=transport, **options), transport


def prompts(count: int) -> list[str]:
    return [f"row {number}" for number in range(count)]


# -- answers ------------------------------------------------------------------------------


def test_every_row_gets_one_answer(server: JobServer) -> None:
    """Each answer has its row, its key and its number; no row is asked twice."""
    rows = prompts(100)
    with client(server).map(rows, workers=8) as run:
        answers = list(run)
    assert sorted(a.index for a in answers) == list(range(100))
    assert {a.row: a.text for a in answers} == {row: f"echo: {row}" for row in rows}
    assert all(a.ok and a.source == "asked" and a.attempts == 1 for a in answers)
    assert set(server.asked.values()) == {1}
    assert run.counts["done"] == 100
    report = run.report()
    assert (report.input_tokens, report.output_tokens, report.cost) == (1000, 500, None)
    assert str(report).startswith("100 done; 0 failed; 100 requests, 0 refused; 1000 tokens in, 500 out; ")


def test_ordered_keeps_the_order(server: JobServer) -> None:
    """Also when early rows are slow."""
    rows = [f"slow 500x{3 if n % 10 == 0 else 0} {n}" for n in range(60)]
    with client(server).map(rows, workers=8, ordered=True) as run:
        assert [a.row for a in run] == rows


def test_rows_of_every_kind(server: JobServer) -> None:
    """A string, a list of messages, an item, a Request, and anything with to_input."""
    rows: list[Any] = [
        "one",
        [{"role": "user", "content": "two"}],
        Message("user", "three"),
        Request("four", model="other", params={"temperature": 0}),
    ]
    with client(server).map(rows, ordered=True) as run:
        assert [a.text for a in run] == ["echo: one", "echo: two", "echo: three", "echo: four"]
    with client(server).map([{"q": "five"}], to_input=lambda row: row["q"]) as run:
        assert next(run).text == "echo: five"


def test_a_request_keeps_its_own_model_and_parameters() -> None:
    """The call's parameters are defaults for those that the request doesn't set."""
    own, transport = fake(chat_stream("a"))
    row = Request("four", model="other", params={"temperature": 0})
    with own.map([row], temperature=1, seed=7, instructions="Be brief.") as run:
        list(run)
    body = json.loads(transport.calls[0].body)
    assert (body["model"], body["temperature"], body["seed"]) == ("other", 0, 7)
    assert body["messages"][0]["content"] == "Be brief."


def test_rows_are_pulled_as_needed(server: JobServer) -> None:
    """At most twice the workers ahead of the answers that were handed out; a generator of any length."""
    pulled = itertools.count()
    ahead: list[int] = []

    def rows() -> Iterator[str]:
        while True:
            yield f"row {next(pulled)}"

    with client(server).map(rows(), workers=4) as run:
        for taken, _ in enumerate(itertools.islice(run, 100), 1):
            ahead.append(next(pulled) - taken)
    assert max(ahead) <= 8 + 1 + 100  # next() itself counts, once for each answer
    assert next(pulled) < 100 + 100 + 12


def test_equal_keys_are_asked_once(server: JobServer) -> None:
    """Under way, done, or failed: the later row gets the same answer."""
    rows = [{"id": 1, "q": "a"}, {"id": 1, "q": "a"}, {"id": 2, "q": "b 400x9"}, {"id": 2, "q": "b 400x9"}]
    rows += [{"id": n, "q": f"r{n}"} for n in range(3, 40)] + [{"id": 1, "q": "a"}, {"id": 2, "q": "b 400x9"}]
    with client(server).map(rows, to_input=lambda r: r["q"], key=lambda r: r["id"], workers=2) as run:
        answers = list(run)
    assert len(answers) == len(rows)
    ones = [a for a in answers if a.key == 1]
    assert [a.text for a in ones] == ["echo: a"] * 3
    assert sorted(a.source for a in ones) == ["asked", "duplicate", "duplicate"]
    errors = [a.error for a in answers if a.key == 2]
    assert [(type(error), getattr(error, "status", None)) for error in errors] == [(BadRequestError, 400)] * 3
    assert server.asked["a"] == server.asked["b 400x9"] == 1
    assert run.counts["duplicates"] == 4


def test_without_keys_equal_rows_are_samples(server: JobServer) -> None:
    """The same prompt ten times is ten requests, with ten keys."""
    with client(server).map(["again"] * 10) as run:
        keys = {a.key for a in run}
    assert len(keys) == 10
    assert server.asked["again"] == 10


@pytest.mark.parametrize("key", [None, 1.5, True, "", ["a"]], ids=repr)
def test_a_wrong_key_is_an_error_of_its_row(key: Any) -> None:
    """The other rows go on."""
    own, _ = fake(chat_stream("a"))
    with own.map(["x", "y"], key=lambda row: key if row == "x" else row) as run:
        answers = {a.row: a for a in run}
    assert isinstance(answers["x"].error, UsageError)
    assert str(answers["x"].error).startswith("key: expected a string or a whole number")
    assert answers["y"].ok


def test_a_row_that_isnt_a_request_fails_alone(server: JobServer) -> None:
    """Its error names the function that raised, or to_input."""
    rows = [{"q": "a"}, {"nothing": 1}, {"q": "b"}]
    with client(server).map(rows, to_input=lambda r: r["q"], ordered=True) as run:
        answers = list(run)
    assert [a.ok for a in answers] == [True, False, True]
    assert "to_input: the function raised KeyError: 'q'" in str(answers[1].error)
    with client(server).map([{"q": "a"}]) as run:
        assert "pass to_input=" in str(next(run).error)


# -- faults -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "529", "408", "cut", "html", "429"])
def test_a_fault_that_passes_is_repeated(server: JobServer, fault: str) -> None:
    """The row has its answer, after as many requests as it took, with one idempotency key."""
    with client(server).map([f"{fault}x2 please"]) as run:
        answer = next(run)
    assert answer.text == f"echo: {fault}x2 please"
    assert answer.attempts == 3
    assert len(set(server.keys)) == 1


class _Leaving(FakeTransport):
    """A transport that ends the program at its third call."""

    def open(self, call: Any, watch: Any) -> Any:
        if len(self.calls) == 2:
            raise SystemExit(3)
        return super().open(call, watch)


@pytest.mark.parametrize("own", [False, True], ids=["threads", "pool"])
def test_an_exception_for_the_program_ends_the_run(own: bool, tmp_path: Path) -> None:
    """SystemExit and `pytest.fail` in a worker reach the caller; answers are kept."""
    path = tmp_path / "answers.jsonl"
    leaving = Client("generic", base_url="http://f/v1", model="m", transport=_Leaving(chat_stream("Hi")))
    with ThreadPoolExecutor(1) as pool:
        options: dict[str, Any] = {"executor": pool} if own else {"workers": 1}
        with leaving.map(["a", "b", "c", "d"], journal=path, **options) as run, pytest.raises(SystemExit):
            list(run)
    assert len(list(read_journal(path))) == 2


def test_a_stalled_answer_is_repeated(server: JobServer) -> None:
    """A stream that goes silent is one of the attempts."""
    with client(server, timeouts=Timeouts(idle=0.2)).map(["stallx1 please"]) as run:
        assert next(run).attempts == 2


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        ("500x99", ServerError, 3),
        ("cutx99", TruncatedStreamError, 3),
        ("400x99", BadRequestError, 1),
    ],
)
def test_a_fault_that_stays_is_the_rows_error(
    server: JobServer, fault: str, error: type[Exception], attempts: int
) -> None:
    """With what had arrived; and only that row's."""
    with client(server).map([f"{fault} x", "fine"], attempts=3) as run:
        answers = {a.row: a for a in run}
    failed = answers[f"{fault} x"]
    assert type(failed.error) is error
    assert failed.attempts == attempts
    assert answers["fine"].ok
    assert run.failed == (failed,)
    with pytest.raises(error):
        failed.parsed()
    if fault.startswith("cut"):
        assert failed.text == "echo: cutx99 x"


def test_refusals_arent_attempts(server: JobServer) -> None:
    """A row that a limit refused five times was never seen by the model."""
    with client(server).map(["429x5 please"], attempts=1) as run:
        answer = next(run)
    assert answer.ok
    assert answer.attempts == 6
    assert run.report().refusals == 5


def test_an_answer_with_hosted_tools_isnt_repeated(server: JobServer) -> None:
    """The server may have acted already."""
    with client(server).map(["cutx1 please"], tools=[{"type": "web_search"}]) as run:
        assert isinstance(next(run).error, TruncatedStreamError)
    assert server.asked["cutx1 please"] == 1


def test_every_row_is_in_one_state(server: JobServer) -> None:
    """A job with every fault: the counts add up, and no row is lost or doubled."""
    faults = ["500x1", "429x2", "cutx1", "htmlx1", "400x9", "500x99", "401x9", ""]
    rows = [f"{faults[n % len(faults)]} n{n}" for n in range(160)]
    with client(server).map(rows, workers=8, attempts=3) as run:
        answers = list(run)
    assert sorted(a.row for a in answers) == sorted(rows)
    failing = {"400x9", "500x99", "401x9"}
    assert {a.row for a in answers if not a.ok} == {r for r in rows if r.split()[0] in failing}
    assert run.counts["done"] == 100
    assert run.counts["failed"] == 60


# -- the end of a run ---------------------------------------------------------------------


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (404, NotFoundError)])
def test_a_refusal_of_every_row_ends_the_run(server: JobServer, status: int, error: type[Exception]) -> None:
    """After three rows; the untouched ones stay untouched."""
    rows = [f"{status}x9 {n}" for n in range(1000)]
    run = client(server).map(rows, workers=2)
    answers = []
    with pytest.raises(error), run:
        for answer in run:
            answers.append(answer)
    assert 3 <= len(answers) <= 8
    assert sum(server.asked.values()) <= 8
    assert run.report().stopped


def test_refusals_after_an_answer_end_the_run_later(server: JobServer) -> None:
    """A key that is revoked in the middle: not every remaining row is sent."""

    def rows() -> Iterator[str]:
        yield "fine"
        while not server.answered:  # no refusal may come before the answer
            time.sleep(0.01)
        yield from (f"402x9 {n}" for n in range(1000))

    with pytest.raises(Exception, match="402"), client(server).map(rows(), workers=2) as run:
        list(run)
    assert 6 <= sum(server.asked.values()) <= 14


def test_moderation_is_about_its_row() -> None:
    """403 with a reason in the content doesn't end the run."""
    moderated = refusal(403, {"error": {"message": "input was flagged by moderation", "code": 403}})
    own, _ = fake(*[moderated] * 5, chat_stream("a"))
    with own.map(prompts(6), workers=1) as run:
        assert [a.ok for a in run] == [False] * 5 + [True]


def test_a_budget_ends_the_run(server: JobServer) -> None:
    """After at most the workers' answers more; the error has the report."""
    run = client(server).map(prompts(500), workers=4, limits=Limits(tokens=300))
    with pytest.raises(LimitError, match=r"^limits\.tokens") as caught, run:
        list(run)
    report = caught.value.result
    assert isinstance(report, MapReport)
    assert 300 <= report.input_tokens + report.output_tokens <= 300 + 4 * 15
    assert report.done == sum(server.answered.values())


def test_failures_end_the_run(server: JobServer) -> None:
    """Failed rows count, not failed requests."""
    rows = [f"500x2 {n}" for n in range(20)] + [f"400x9 {n}" for n in range(200)]
    run = client(server).map(rows, workers=2, limits=Limits(failures=5))
    with pytest.raises(LimitError, match=r"^limits\.failures"), run:
        list(run)
    assert 5 <= run.counts["failed"] <= 9
    assert run.counts["done"] >= 18  # the last ones may have waited for their next try


def test_an_error_of_the_rows_comes_last(server: JobServer) -> None:
    """The answers under way are handed out before it."""

    def rows() -> Iterator[str]:
        yield from prompts(5)
        raise ZeroDivisionError("the database is gone")

    texts = []
    with pytest.raises(ZeroDivisionError), client(server).map(rows()) as run:
        for answer in run:
            texts.append(answer.text)
    assert len(texts) == 5


def test_stop_hands_out_what_is_under_way(server: JobServer) -> None:
    """No row is read after it, and the iterator ends without an error."""
    with client(server).map((f"row {n}" for n in itertools.count()), workers=4) as run:
        answers = []
        for answer in run:
            answers.append(answer)
            if len(answers) == 10:
                run.stop()
    assert 10 <= len(answers) <= 10 + 8
    assert len(answers) == sum(server.asked.values())
    assert run.report().stopped == "stop() was called"


def test_leaving_cancels_at_once() -> None:
    """The end of the block doesn't wait for slow answers, and closes their connections."""
    with job_server() as server:
        server.stall = 30
        own = client(server)
        with own.map(["quick", *(f"stallx9 {n}" for n in range(20))], workers=4) as run:
            assert next(run).text == "echo: quick"
        assert (server.stalled_out, own.pace._open) == (0, 0)


def test_closing_the_client_ends_a_run() -> None:
    """close(cancel=True) in another thread raises in the one that iterates."""
    with job_server(delay=3) as server:
        own = client(server)
        timer = threading.Timer(0.3, lambda: own.close(cancel=True))
        timer.start()
        with pytest.raises(StreamCancelledError), own.map(prompts(50), workers=4) as run:
            list(run)
        timer.join()
        assert sum(server.asked.values()) <= 4


def test_ctrl_c_gives_control_back() -> None:
    """Before any answer, with KeyboardInterrupt, and every thread gone or cancelled."""
    program = """
        import os, signal, sys, threading
        from streamkit import Client
        from tests.jobserver import job_server
        with job_server(delay=20) as server:
            client = Client("generic", base_url=server.url, model="m")
            threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            try:
                with client.map([str(n) for n in range(100)], workers=8) as run:
                    list(run)
            except KeyboardInterrupt:
                print("interrupted", dict(server.answered), client.pace._open)
            os._exit(0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.split() == ["interrupted", "{}", "0"], done.stderr


# -- formats ------------------------------------------------------------------------------


@dataclasses.dataclass
class Tide:
    hour: int


def test_answers_are_parsed() -> None:
    """As objects of the response_format."""
    own, _ = fake(chat_stream('{"hour": 6}'))
    with own.map(["Brest"], response_format=Tide) as run:
        assert next(run).parsed() == Tide(6)


def test_a_wrong_answer_is_asked_again_with_the_reasons() -> None:
    """At most *ask_again* times; the requests add up."""
    own, transport = fake(chat_stream("six"), chat_stream('{"hour": "six"}'), chat_stream('{"hour": 6}'))
    with own.map(["Brest"], response_format=Tide, ask_again=2) as run:
        answer = next(run)
    assert answer.parsed() == Tide(6)
    assert answer.attempts == 3
    assert b"Answer once more" in transport.calls[1].body


def test_a_wrong_answer_without_ask_again_is_the_rows_error() -> None:
    """The check happens in the worker, so that `ok` means parsed() works."""
    own, _ = fake(chat_stream("six"))
    with own.map(["Brest"], response_format=Tide) as run:
        answer = next(run)
    assert isinstance(answer.error, AnswerError)
    assert answer.text == "six"


# -- arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": 0}, "workers: expected a whole number above 0"),
        ({"workers": "many"}, "workers: expected"),
        ({"chunk": True}, "chunk: expected"),
        ({"attempts": 0}, "attempts: expected"),
        ({"ask_again": -1}, "ask_again: expected"),
        ({"ask_again": 1}, "ask_again: expected a response_format"),
        ({"key": "id"}, "key: expected a function"),
        ({"to_input": 5}, "to_input: expected a function"),
        ({"journal": 5}, "journal: expected the path"),
        ({"ordered": 1}, "ordered: expected True or False"),
        ({"executor": 7}, r"executor: expected an object with submit"),
        ({"limits": 3}, "limits: expected Limits"),
        ({"temperature": "hot"}, "temperature: expected"),
        ({"retry": 3}, "retry: expected RetryPolicy"),
        ({"rows": "prompt"}, "rows: expected an iterable of rows"),
        ({"rows": None}, "rows: expected an iterable of rows"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], message: str) -> None:
    """Before any row is read or sent."""
    own, transport = fake(chat_stream("a"))
    arguments = {"rows": ["x"], **wrong}
    with pytest.raises(UsageError, match=f"^{message}"):
        own.map(**arguments)
    assert not transport.calls


def test_a_missing_model_is_an_error_of_the_run() -> None:
    """Not of every row."""
    own = Client("generic", base_url="http://h/v1", transport=FakeTransport(chat_stream("a")))
    with pytest.raises(UsageError, match=r"^model: expected the name of a model"), own.map(prompts(9)) as run:
        list(run)
    with own.map([Request("x", model="m")]) as run:
        assert next(run).ok


def test_a_thread_pool_of_the_callers(server: JobServer) -> None:
    """It's used, and stays open."""
    with ThreadPoolExecutor(3) as pool:
        with client(server).map(prompts(30), executor=pool) as run:
            assert sum(a.ok for a in run) == 30
        assert pool.submit(lambda: 1).result() == 1
    assert server.most_busy <= 3


def test_map_uses_the_clients_limits(server: JobServer) -> None:
    """And the call's win, field by field."""
    own = client(server, limits=Limits(concurrency=2, tokens=10**6))
    with own.map(prompts(40), workers=8) as run:
        assert sum(a.ok for a in run) == 40
    assert server.most_busy <= 2
    with pytest.raises(LimitError), own.map(prompts(40), workers=8, limits=Limits(tokens=1)) as run:
        list(run)
    assert server.most_busy <= 2


def test_costs_are_summed_exactly() -> None:
    """0.1 ten times is 1.0."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.1}
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    profile = evolve(PROFILES["generic"], usage_accounting=True, base_url="http://h/v1")
    transport = FakeTransport(sse({"choices": [choice], "usage": usage}))
    with Client(profile, model="m", transport=transport).map(prompts(10)) as run:
        list(run)
    assert run.report().cost == 1.0


def test_any_order_gives_the_same_report() -> None:
    """The report is a sum; only the seconds differ."""
    own, _ = fake(chat_stream("a"))
    completion = own.complete("x")
    outcomes = [
        Outcome(n, evolve(completion, usage=Usage(n, 1, cost=0.1 * n)), None, 1 + n % 2, n % 2)
        for n in range(6)
    ]
    reports = set()
    for order in itertools.permutations(outcomes):
        tally = Tally()
        for outcome in order:
            tally.worked(outcome)
            tally.answered(Answer(outcome.index, outcome.index, None, outcome.completion))
        reports.add(tally.report(0.0))
    assert len(reports) == 1


# -- progress -----------------------------------------------------------------------------


def test_progress_is_a_line_without_tqdm(
    server: JobServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error; standard output is the caller's."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with client(server).map(prompts(20), progress=True) as run:
        list(run)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("20/20 rows, 0 failed, ")

"""The journal of client.map: what a later run finds, torn lines, locks, full disks, other jobs."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from streamkit import AnswerError, BadRequestError, Client, ServerError, UsageError, read_journal, tool
from streamkit.jobs import journal
from streamkit.jobs.answer import Answer
from streamkit.jobs.journal import Journal
from streamkit.jobs.rows import Row
from streamkit.testing import FakeTransport, chat_stream
from tests.jobserver import JobServer, job_server

pytestmark = pytest.mark.usefixtures("short_waits")


def run(server: JobServer, path: Path, rows: list[Any], **options: Any) -> list[Answer]:
    with Client("generic", base_url=server.url, model="m").map(rows, journal=path, **options) as run:
        return sorted(run, key=lambda answer: answer.index)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_second_run_asks_the_rest(server: JobServer, tmp_path: Path) -> None:
    """Answers come from the file, whole and parsed alike; only new rows are sent."""
    path = tmp_path / "answers.jsonl"
    first = run(server, path, ["a", "b"])
    second = run(server, path, ["b", "c", "a"])
    assert [a.source for a in second] == ["journal", "asked", "journal"]
    assert [a.text for a in second] == ["echo: b", "echo: c", "echo: a"]
    assert second[2].completion == first[0].completion
    assert (second[2].attempts, second[2].row) == (1, "a")
    assert set(server.asked.values()) == {1}
    assert len(lines(path)) == 1 + 3


def test_samples_resume(server: JobServer, tmp_path: Path) -> None:
    """Five of the same prompt, then eight: three more are asked."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["same"] * 5)
    answers = run(server, path, ["same"] * 8)
    assert sum(a.source == "journal" for a in answers) == 5
    assert server.asked["same"] == 8


def test_a_row_that_changed_is_asked_again(
    server: JobServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its key is the same, its body isn't; the later line wins, and the count says so."""
    path = tmp_path / "answers.jsonl"
    options: dict[str, Any] = {"key": lambda row: row[0], "to_input": lambda row: row[1]}
    run(server, path, [("k", "old")], **options)
    assert [a.text for a in run(server, path, [("k", "new")], **options)] == ["echo: new"]
    assert "'k' has changed since the journal" in caplog.text
    assert [a.text for a in read_journal(path)] == ["echo: new"]
    assert run(server, path, [("k", "new")], **options)[0].source == "journal"


def test_a_line_has_columns_for_other_programs(server: JobServer, tmp_path: Path) -> None:
    """Flat fields that DuckDB and pandas read without knowing streamkit."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["a", "400x9 b"])
    header, *rest = lines(path)
    assert header["streamkit_journal"] == 1
    assert (header["profile"], header["wire"], header["model"]) == ("generic", "chat", "m")
    done, failed = sorted(rest, key=lambda line: line["index"])
    assert {name: done[name] for name in ("status", "text", "finish_reason", "input_tokens", "attempts")} == {
        "status": "done",
        "text": "echo: a",
        "finish_reason": "stop",
        "input_tokens": 10,
        "attempts": 1,
    }
    assert (failed["status"], failed["final"]) == ("failed", True)
    assert (failed["error"]["type"], failed["error"]["status"]) == ("BadRequestError", 400)


def test_the_file_is_private_and_has_no_key(tmp_path: Path) -> None:
    """Answers are the caller's; the key, in a header or a callable, is in none of its lines."""
    path = tmp_path / "answers.jsonl"
    own = Client(
        "generic",
        base_url="http://h/v1",
        api_key="sk-very-secret-1",
        headers={"X-Token": "very-secret-2"},
        transport=FakeTransport(chat_stream("a")),
    )
    with own.map(["x"], model="m", journal=path, extra_headers={"X-Key": "very-secret-3"}) as run:
        assert next(run).ok
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"very-secret" not in path.read_bytes()


# -- failures -----------------------------------------------------------------------------


def test_failures_of_the_row_stay(server: JobServer, tmp_path: Path) -> None:
    """A refusal of the request itself comes from the journal, unless retry_failed asks again."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["400x1 a"])
    again = run(server, path, ["400x1 a"])[0]
    assert again.source == "journal"
    assert isinstance(again.error, BadRequestError)
    assert (again.error.status, "fault 400" in str(again.error)) == (400, True)
    assert server.asked["400x1 a"] == 1
    assert run(server, path, ["400x1 a"], retry_failed=True)[0].ok


@pytest.mark.parametrize("status", [500, 401, 402, 404])
def test_failures_of_the_server_are_asked_again(server: JobServer, tmp_path: Path, status: int) -> None:
    """The row isn't to blame: a later run asks it, without being told to."""
    path = tmp_path / "answers.jsonl"
    failed = run(server, path, [f"{status}x1 a"], attempts=1)[0]
    assert not failed.ok
    assert lines(path)[1]["final"] is False
    assert run(server, path, [f"{status}x1 a"])[0].ok


def test_a_wrong_answer_is_final(tmp_path: Path) -> None:
    """With the reasons and the answer that didn't fit."""

    @dataclasses.dataclass
    class Tide:
        hour: int

    path = tmp_path / "answers.jsonl"
    own = Client("generic", base_url="http://h/v1", transport=FakeTransport(chat_stream("six")))
    for source in ("asked", "journal"):
        with own.map(["x"], model="m", journal=path, response_format=Tide) as answers:
            answer = next(answers)
        assert answer.source == source
        assert isinstance(answer.error, AnswerError)
        assert answer.text == "six"


def test_parsed_answers_come_back(tmp_path: Path) -> None:
    """parsed() works on an answer from the journal, as the class of this run."""

    @dataclasses.dataclass
    class Tide:
        hour: int

    path = tmp_path / "answers.jsonl"
    own = Client("generic", base_url="http://h/v1", transport=FakeTransport(chat_stream('{"hour": 6}')))
    for _ in range(2):
        with own.map(["x"], model="m", journal=path, response_format=Tide) as answers:
            assert next(answers).parsed() == Tide(6)


# -- the file -----------------------------------------------------------------------------


def test_a_torn_line_is_skipped(server: JobServer, tmp_path: Path) -> None:
    """Cut at every byte of the last line, the file is read, and the next line is whole."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["a", "b"], workers=1)
    whole = path.read_bytes()
    last = len(whole) - len(whole.splitlines(keepends=True)[-1])
    for cut in (*range(last + 1, last + 40), len(whole) - 2):
        path.write_bytes(whole[:cut])
        assert [a.text for a in run(server, path, ["a", "b"])] == ["echo: a", "echo: b"]
        assert [a.text for a in read_journal(path)] == ["echo: a", "echo: b"]
    path.write_bytes(whole[:-1])  # only the line break is missing
    assert [a.source for a in run(server, path, ["a", "b", "c"])] == ["journal", "journal", "asked"]
    assert len(list(read_journal(path))) == 3


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ({"temperature": 0}, {"temperature": 1}, "temperature"),
        ({}, {"instructions": "Be brief."}, "instructions"),
        ({"model": "n"}, {"model": "m"}, "model"),
        ({"response_format": "json_object"}, {}, "response_format"),
        ({"tools": []}, {"tools": [{"type": "web_search"}]}, "tools"),
        ({"extra_body": {"a": 1}}, {"extra_body": {"a": 2}}, "extra_body"),
    ],
    ids=str,
)
def test_a_journal_of_another_job_is_refused(
    server: JobServer, tmp_path: Path, before: dict[str, Any], after: dict[str, Any], name: str
) -> None:
    """By the name of the argument that differs; the file stays unchanged."""
    path = tmp_path / "answers.jsonl"
    run(server, path, [], **before)
    content = path.read_bytes()
    with pytest.raises(UsageError, match=f"^journal: .* has answers for {name}="):
        run(server, path, ["a"], **after)
    assert path.read_bytes() == content
    assert run(server, path, [], **before) == []


def test_tools_are_known_by_their_schema(server: JobServer, tmp_path: Path) -> None:
    """Another process has another function object, and the same tool."""
    path = tmp_path / "answers.jsonl"

    def tide(city: str) -> str:
        """Return the tide."""
        return city

    run(server, path, ["a"], tools=[tool(tide)])
    assert run(server, path, ["a"], tools=[tool(tide)])[0].source == "journal"


@pytest.mark.parametrize(
    "content", [b"hello\n", b'{"a": 1}\n', b"[1]\n", b"\xff\xfe\n", b'{"streamkit_recording": 1}\n']
)
def test_a_foreign_file_is_refused(server: JobServer, tmp_path: Path, content: bytes) -> None:
    """And isn't changed."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"^journal: expected a journal or a new file"):
        run(server, path, ["a"])
    assert path.read_bytes() == content
    with pytest.raises(UsageError, match=r"^path: expected a journal"):
        list(read_journal(path))


def test_two_runs_cant_share_a_journal(server: JobServer, tmp_path: Path) -> None:
    """The second is refused at once; after the first, it may."""
    path = tmp_path / "answers.jsonl"
    own = Client("generic", base_url=server.url, model="m")
    with own.map(["a"], journal=path) as first:
        with pytest.raises(UsageError, match="is in use by another run"):
            own.map(["a"], journal=path)
        assert next(first).ok
    assert run(server, path, ["a"])[0].source == "journal"


@pytest.mark.parametrize("where", ["missing/answers.jsonl", "."])
def test_a_path_that_cant_be_written(server: JobServer, tmp_path: Path, where: str) -> None:
    """Before the first request."""
    with pytest.raises(UsageError, match=r"^journal: cannot open"):
        run(server, tmp_path / where, ["a"])
    assert not server.asked


def test_a_full_disk_ends_the_run(server: JobServer, tmp_path: Path) -> None:
    """The answer that couldn't be written is in the error; the lines before it are whole."""
    path = tmp_path / "answers.jsonl"
    program = f"""
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        from streamkit import Client, UsageError
        client = Client("generic", base_url={server.url!r}, model="m")
        try:
            with client.map((f"row {{n}}" for n in range(1000)), journal={str(path)!r}, workers=2) as run:
                count = sum(1 for answer in run)
        except UsageError as error:
            print("cannot write" in str(error), error.partial.text[:5], run.report().done)
    """
    done = subprocess.run(
        # -B: the limit is for every file, and Python 3.12 would leave .pyc files of 4000 bytes
        [sys.executable, "-B", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    said = done.stdout.split()
    assert said[:2] == ["True", "echo:"], done.stderr
    kept = list(read_journal(path))
    assert 1 <= len(kept) <= int(said[2])
    assert path.read_bytes().endswith(b"\n")
    assert path.stat().st_size <= 4000


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_loses_nothing(tmp_path: Path) -> None:
    """Killed with -9 several times: all rows in the end, few asked twice, no line torn for readers."""
    path = tmp_path / "answers.jsonl"
    rows, workers, kills = 150, 4, 0
    with job_server(delay=0.02) as server:
        program = f"""
            from streamkit import Client
            client = Client("generic", base_url={server.url!r}, model="m")
            rows = (f"row {{n}}" for n in range({rows}))
            with client.map(rows, journal={str(path)!r}, workers={workers}) as run:
                print(sum(answer.ok for answer in run))
        """
        while True:
            child = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
            )
            before = sum(server.asked.values())
            if kills < 3:
                while child.poll() is None and sum(server.asked.values()) < before + 30:
                    os.sched_yield()
                child.kill()
                kills += 1
                child.communicate()
                continue
            out, _ = child.communicate(timeout=60)
            break
        assert out.strip() == str(rows)
        assert {a.key for a in read_journal(path)} == {line["key"] for line in lines_of(path)}
        assert len(server.asked) == rows
        assert sum(server.asked.values()) - rows <= workers * kills


def lines_of(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_bytes().splitlines()[1:]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # torn by a kill
    return found


def test_errors_come_back_as_their_class(server: JobServer, tmp_path: Path) -> None:
    """With message, status and what had arrived."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["500x9 a"], attempts=1)
    (answer,) = read_journal(path)
    assert isinstance(answer.error, ServerError)
    assert answer.error.status == 500
    assert answer.row is None
    with pytest.raises(ServerError, match="fault 500"):
        answer.raise_for_error()


def test_a_run_that_wasnt_begun_frees_its_journal(server: JobServer, tmp_path: Path) -> None:
    """An empty `with` block, and a run that is dropped, leave the file to the next run."""
    path = tmp_path / "answers.jsonl"
    with Client("generic", base_url=server.url, model="m").map(["a"], journal=path):
        pass
    Client("generic", base_url=server.url, model="m").map(["a"], journal=path)
    assert [answer.source for answer in run(server, path, ["a"])] == ["asked"]


def test_a_late_answer_writes_to_no_other_file(server: JobServer, tmp_path: Path) -> None:
    """After `close`, the number of the journal's file may be that of another file."""
    (answer,) = run(server, tmp_path / "answers.jsonl", ["a"])
    journal = Journal(tmp_path / "other.jsonl", {"parameters": {}})
    journal.close()
    other = os.open(tmp_path / "precious", os.O_RDWR | os.O_CREAT)
    assert other == journal._file
    journal.add(answer, Row(0, "a", "a"))
    journal.close()
    os.close(other)
    assert (tmp_path / "precious").read_bytes() == b""


def test_a_torn_header_begins_again(server: JobServer, tmp_path: Path) -> None:
    """A crash in the first line leaves a file without answers, which the next run uses."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["a"])
    header = path.read_bytes().splitlines()[0]
    for length in range(len(header) + 1):
        path.write_bytes(header[:length])
        assert [answer.source for answer in run(server, path, ["a"])] == ["asked"]
        assert len(lines(path)) == 2


def test_joined_journals_are_one(server: JobServer, tmp_path: Path) -> None:
    """`cat a b` has a second header, which isn't an answer."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    run(server, one, ["a"])
    run(server, two, ["b"])
    one.write_bytes(one.read_bytes() + two.read_bytes())
    assert [answer.source for answer in run(server, one, ["a", "b"])] == ["journal", "journal"]
    assert len(list(read_journal(one))) == 2


@pytest.mark.parametrize(
    "change", [{"completion": 5}, {"completion": None}, {"status": "failed", "error": 5}]
)
def test_a_line_that_was_edited_is_asked_again(
    server: JobServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    """A line whose answer can't be read never ends the run."""
    path = tmp_path / "answers.jsonl"
    run(server, path, ["a"])
    header, line = lines(path)
    path.write_text(f"{json.dumps(header)}\n{json.dumps({**line, **change})}\n")
    assert [(answer.source, answer.ok) for answer in run(server, path, ["a"])] == [("asked", True)]


@pytest.mark.skipif(os.name != "posix", reason="Windows can't delete an open file")
def test_a_deleted_journal_ends_the_run(server: JobServer, tmp_path: Path) -> None:
    """Answers that nobody could find again aren't paid for."""
    path = tmp_path / "answers.jsonl"
    rows = (f"row {number}" for number in range(200))
    with Client("generic", base_url=server.url, model="m").map(rows, journal=path, workers=2) as job:
        next(job)
        path.unlink()
        with pytest.raises(UsageError, match="deleted during the run"):
            list(job)
    assert len(server.asked) < 200


def test_a_line_that_cant_be_written_ends_the_run(
    server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop doesn't wait for ever: Python writes no number of 5000 digits."""
    monkeypatch.setattr(journal, "line_of", lambda answer, row, is_final: {"key": 10**5000})
    with pytest.raises(UsageError, match="cannot write row 0"):
        run(server, tmp_path / "answers.jsonl", ["a"])


def test_a_key_that_cant_be_written_is_an_error_of_its_row(server: JobServer, tmp_path: Path) -> None:
    """Before it is asked; the other rows have their answers."""
    answers = run(
        server, tmp_path / "answers.jsonl", ["a", "b"], key=lambda row: 10**5000 if row == "a" else row
    )
    assert sorted(answer.ok for answer in answers) == [False, True]
    assert len(server.asked) == 1


@pytest.mark.parametrize("wrong", [{"timeouts": 5}, {"extra_query": 7}, {"record": "x"}, {"resume": "x"}])
def test_a_wrong_option_isnt_a_failure_of_every_row(
    server: JobServer, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """It raises before the journal is made, as a missing key does; no row gets a final error."""
    path = tmp_path / "answers.jsonl"
    with pytest.raises(UsageError, match=next(iter(wrong))):
        run(server, path, ["a"], **wrong)
    assert not path.exists()


def test_a_missing_key_is_an_error_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key set, the next run asks every row."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UsageError, match="api_key"):
        Client("openai", model="m").map(["a"], journal=tmp_path / "answers.jsonl")
    assert not (tmp_path / "answers.jsonl").exists()

"""`streamkit map`: rows of every kind of file, resume, exit status, limits, executors."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from streamkit import read_journal
from streamkit.cli import main
from tests.jobserver import JobServer

pytestmark = pytest.mark.usefixtures("short_waits")


def run(server: JobServer, tmp_path: Path, *words: str) -> int:
    out = str(tmp_path / "answers.jsonl")
    return main(["map", *words, "-o", out, "--model", "m", "--base-url", server.url])


def texts(tmp_path: Path) -> dict[Any, str]:
    return {answer.key: answer.text for answer in read_journal(tmp_path / "answers.jsonl")}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.txt", "one\n\ntwo\n", []),
        ("rows.jsonl", '"one"\n"two"\n', []),
        ("rows.jsonl", '{"q": "one"}\n{"q": "two"}\n', ["--input-field", "q"]),
        ("rows.json", '{"role": "user", "content": "one"}\n[{"role": "user", "content": "two"}]\n', []),
        ("rows.ndjson", '{"messages": [{"role": "user", "content": "one"}]}\n"two"', []),
        ("rows.csv", "id,q\r\n1,one\r\n2,two\r\n", ["--input-field", "q"]),
        ("rows.CSV", '\ufeffid,q\n1,"one"\n2,"two"\n', ["--input-field", "q"]),
    ],
)
def test_rows_of_every_file(
    server: JobServer, tmp_path: Path, name: str, content: str, words: list[str]
) -> None:
    """Each row is asked; the answers are in the journal."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    assert run(server, tmp_path, str(path), *words) == 0
    assert sorted(texts(tmp_path).values()) == ["echo: one", "echo: two"]


@pytest.mark.parametrize(
    ("content", "failed"),
    [
        (
            "id,q\n1,Hello, world\n2,two\n",
            "--input-field: expected a row with as many fields as the first line",
        ),
        ("id,q\n1\n2,two\n", "--input-field: expected a row with a value of 'q', got none"),
        ("id;q\n1;one\n2;two\n", "--input-field: expected a row with 'q', got id;q"),
        ("id,q\n1,one,\n2,two,,\n", None),
        (f"id,q\n1,{'x' * 200_000}\n2,two\n", None),
    ],
    ids=["a comma in a text", "a short row", "semicolons", "commas at the end", "a long text"],
)
def test_rows_of_csv_that_do_not_fit_the_first_line(
    server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, failed: str | None
) -> None:
    """No text is sent in part; such a row has an error, and the others are asked."""
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    assert run(server, tmp_path, str(path), "--input-field", "q") == (0 if failed is None else 1)
    err = capsys.readouterr().err
    assert failed is None or f"UsageError: {failed}" in err
    assert "x" * 1000 not in err
    assert ("echo: two" in texts(tmp_path).values()) == ("id,q" in content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("q,q\none,two\n", "--input-field: expected one field 'q' in {path}, got several"),
        ('q\none\n"two\nthree\n', "FILE: the row at line 3 of {path} isn't CSV: unexpected end of data"),
    ],
    ids=["two fields of one name", "an open quotation mark"],
)
def test_a_file_that_is_no_table(
    server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, expected: str
) -> None:
    """The run ends with its place."""
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    assert run(server, tmp_path, str(path), "--input-field", "q") == 2
    assert f"streamkit: {expected.format(path=path)}\n" in capsys.readouterr().err


def test_prompts_that_begin_like_json_are_text(server: JobServer, tmp_path: Path) -> None:
    """A first line that isn't JSON makes the file text."""
    path = tmp_path / "rows.txt"
    path.write_text('"Ciao" means?\n[INST] hi\n{"a": 1}\n', encoding="utf-8")
    assert run(server, tmp_path, str(path)) == 0
    assert sorted(texts(tmp_path).values()) == ['echo: "Ciao" means?', "echo: [INST] hi", 'echo: {"a": 1}']


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--workers 0", "--workers: expected a whole number above 0, got 0; pass the number"),
        ("--attempts -1", "--attempts: expected a whole number above 0, got -1; pass the number"),
        ("--ask-again -2", "--ask-again: expected a whole number, 0 or more, got -2; pass the number"),
        ("--ask-again 1", "--ask-again: expected --json-schema, to check the answers against"),
        ("--rpm 0", "--rpm: expected a number above 0, got 0.0"),
        ("--tpm -1", "--tpm: expected a number above 0, got -1.0"),
        ("--max-cost -3", "--max-cost: expected a number above 0, got -3.0"),
        ("--max-failures 0", "--max-failures: expected a whole number above 0, got 0"),
        ("-o .", "--output: cannot open .: Is a directory"),
    ],
)
def test_errors_name_the_options(
    server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, expected: str
) -> None:
    """In the words of the command line, with the value that was given."""
    rows = tmp_path / "rows.txt"
    rows.write_text("one\n", encoding="utf-8")
    argv = ["map", str(rows), "-o", str(tmp_path / "a.jsonl"), "-m", "m", "--base-url", server.url]
    assert main([*argv, *words.split()]) == 2
    assert capsys.readouterr().err == f"streamkit: {expected}\n"


def test_standard_input(server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert run(server, tmp_path, "-") == 0
    assert len(texts(tmp_path)) == 2


def test_a_second_run_goes_on(server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same command asks only the rows without an answer; --retry-failed asks those that failed, too."""
    path = tmp_path / "rows.csv"
    path.write_text("id,q\n1,fine\n2,400x2 bad\n3,500x9 down\n")
    words = [str(path), "--input-field", "q", "--key-field", "id", "--attempts", "2"]
    assert run(server, tmp_path, *words) == 1
    err = capsys.readouterr().err
    assert "row 2: BadRequestError: 400 from POST" in err
    assert "1 done; 2 failed" in err
    assert run(server, tmp_path, *words) == 1
    assert server.asked == {"fine": 1, "400x2 bad": 1, "500x9 down": 4}
    assert run(server, tmp_path, *words, "--retry-failed") == 1
    assert server.asked["400x2 bad"] == 2
    assert run(server, tmp_path, *words, "--retry-failed", "--attempts", "9") == 0
    assert texts(tmp_path) == {"1": "echo: fine", "2": "echo: 400x2 bad", "3": "echo: 500x9 down"}


def test_json_prints_the_report(
    server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object on standard output, and no progress."""
    path = tmp_path / "rows.txt"
    path.write_text("one\ntwo\n")
    assert run(server, tmp_path, str(path), "--json") == 0
    out, err = capsys.readouterr()
    assert {**json.loads(out), "seconds": 0} == {
        **dict.fromkeys(("failed", "from_journal", "duplicates", "changed", "refusals", "seconds"), 0),
        **dict.fromkeys(("rows", "done", "asked", "attempts"), 2),
        "input_tokens": 20,
        "output_tokens": 10,
        "cost": None,
        "stopped": "",
    }
    assert err == ""


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ('{"q": 1}\n', [], "--input-field: expected the name of a field, got none; the row has q"),
        ('{"q": "a"}\n', ["--input-field", "z"], "--input-field: expected a row with 'z', got q"),
        ('{"q": "a"}\n', ["--input-field", "q", "--key-field", "z"], "--key-field: expected a row with 'z'"),
    ],
)
def test_a_row_without_its_field_fails(
    server: JobServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    words: list[str],
    message: str,
) -> None:
    """In the words of the command line, and only that row."""
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    assert run(server, tmp_path, str(path), *words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (None, [], "FILE: can't read"),
        ("{\n", [], "FILE: line 1 of"),
        ('"a"\n', ["--workers", "0"], "--workers: expected a whole number above 0"),
        ('"a"\n', ["--rpm", "-1"], "--rpm: expected a number above 0"),
        ('"a"\n', ["--max-cost", "5"], "--max-cost: expected a gateway that reports costs"),
        ('"a"\n', ["--executor", "magic"], "--executor: expected processes:N or dask://HOST:PORT"),
        ('"a"\n', ["--executor", "processes:x"], "--executor: expected processes:N, got"),
    ],
)
def test_wrong_usage_is_status_2(
    server: JobServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    words: list[str],
    message: str,
) -> None:
    """With one line that names the option; nothing is sent."""
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_text(content)
    assert run(server, tmp_path, str(path), *words) == 2
    assert message in capsys.readouterr().err
    assert not server.asked


def test_a_budget_is_status_1(server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report says why the run stopped."""
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"row {n}\n" for n in range(100)))
    assert run(server, tmp_path, str(path), "--max-tokens", "150", "--workers", "2") == 1
    err = capsys.readouterr().err
    assert "--max-tokens: the budget of 150 is spent" in err
    assert "stopped: " in err


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(server: JobServer, tmp_path: Path) -> None:
    """--executor processes:2 asks in two other processes."""
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"row {n}\n" for n in range(60)))
    assert run(server, tmp_path, str(path), "--executor", "processes:2", "--workers", "4") == 0
    assert len(texts(tmp_path)) == 60

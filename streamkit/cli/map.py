"""`streamkit map FILE -o ANSWERS`: ask a model about every row of a file; a later run asks only the rest."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from attrs import asdict

from ..errors import UsageError
from ..jobs.answer import Answer
from ..jobs.map import MapRun
from ..json_text import NotJSONError, loads
from ..request.options import Limits
from .arguments import add_request, set_help
from .chat import client_of, options_of
from .output import error_text, one_line, print_json

_LONGEST_FIELD = 2**31 - 1  # characters of a CSV field; Python's own limit is 131072
_SHOWN = 5  # failed rows that are named at the end


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `map`."""
    set_help(
        parser,
        "Ask a model about every row of FILE, many at once, and write an answer for each to ANSWERS. If the "
        "run stops, for whatever reason, run the same command again: it asks only the rows without an "
        "answer. A row is a line of text, of JSON, or of a .csv file. The exit status is 0 only "
        "if every row has an answer.",
        "streamkit map prompts.txt -o answers.jsonl --model gpt-5-mini",
        "streamkit map rows.csv -o answers.jsonl --input-field text --key-field id --max-cost 5 "
        "--model deepseek/deepseek-chat --profile openrouter",
    )
    add = parser.add_argument
    add("file", metavar="FILE", help=".jsonl, .csv, or text with a prompt on each line; - reads text or JSON")
    add("-o", "--output", metavar="ANSWERS", required=True, help="the journal: JSON lines, made or continued")
    add("--input-field", metavar="NAME", help="the field that holds the prompt or the messages")
    add("--key-field", metavar="NAME", help="the field that names a row (default: a hash of its request)")
    add("--workers", metavar="N", type=int, default=16, help="requests at once (default: %(default)s)")
    add("--attempts", metavar="N", type=int, default=6, help="requests for a row (default: %(default)s)")
    add("--ask-again", metavar="N", type=int, default=0, help="more tries if an answer doesn't fit")
    add("--rpm", metavar="N", type=float, help="requests per minute (default: what the server allows)")
    add("--tpm", metavar="N", type=float, help="tokens per minute")
    add("--max-cost", metavar="X", type=float, help="stop when the answers have cost this much")
    add("--max-tokens", metavar="N", type=int, help="stop when the answers have used so many tokens")
    add("--max-failures", metavar="N", type=int, help="stop when so many rows have failed")
    add("--retry-failed", action="store_true", help="ask the rows again that failed in an earlier run")
    add("--executor", metavar="E", help="processes:N, or dask://HOST:PORT (default: threads)")
    add_request(parser)


def run(args: argparse.Namespace) -> int:
    """Ask every row; show the progress, the first failures and the counts on standard error."""
    field, key = args.input_field, args.key_field
    limits = Limits(
        requests_per_minute=args.rpm,
        tokens_per_minute=args.tpm,
        cost=args.max_cost,
        tokens=args.max_tokens,
        failures=args.max_failures,
    )
    used = {"--input-field": field, "--key-field": key}
    with _rows(args.file, used) as rows, _executor(args.executor) as executor, client_of(args) as client:
        answers = client.map(
            rows,
            to_input=lambda row: _input(row, field),
            key=None if key is None else lambda row: _value(row, key, "--key-field"),
            workers=args.workers,
            executor=executor,
            journal=args.output,
            retry_failed=args.retry_failed,
            limits=limits,
            attempts=args.attempts,
            ask_again=args.ask_again,
            progress=not args.quiet and not args.json,
            **options_of(args),
        )
        return _watch(answers, args.json)


def _watch(answers: MapRun, as_json: bool) -> int:
    failed: list[Answer] = []
    try:
        with answers:
            for answer in answers:
                if not answer.ok and len(failed) < _SHOWN:
                    failed.append(answer)
    finally:
        report = answers.report()
        for answer in failed:
            assert answer.error is not None
            text = one_line(error_text(answer.error))
            print(f"streamkit: row {answer.key}: {type(answer.error).__name__}: {text}", file=sys.stderr)
        if as_json:
            print_json(asdict(report))
        else:
            print(f"streamkit: {one_line(str(report))}", file=sys.stderr)
    return 1 if report.failed else 0


# -- rows ---------------------------------------------------------------------------------


@contextmanager
def _rows(name: str, used: Mapping[str, str | None]) -> Iterator[Iterator[Any]]:
    """Open a file of rows, and close it at the end. Raises `UsageError` if it can't be read.

    *used* are the fields that are used, by their options.
    """
    if name == "-":
        yield _lines(sys.stdin, "standard input")
        return
    path = Path(name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield _table(file, path, used) if path.suffix.lower() == ".csv" else _lines(file, name)
    except OSError as exc:
        if exc.filename != str(path):
            raise
        raise UsageError(f"FILE: can't read {path}: {exc.strerror}") from exc


def _table(file: TextIO, path: Path, used: Mapping[str, str | None]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    table = csv.DictReader(file, strict=True)
    try:
        for option, field in used.items():
            if field and list(table.fieldnames or ()).count(field) > 1:
                raise UsageError(f"{option}: expected one field {field!r} in {path}, got several")
        yield from table
    except csv.Error as exc:
        raise UsageError(f"FILE: the row at line {table.line_num + 1} of {path} isn't CSV: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"FILE: {path} isn't CSV in UTF-8: {exc}") from exc


def _lines(file: TextIO, name: str) -> Iterator[Any]:
    """Yield a value for each line that isn't blank: JSON if the file or its first line is, else its text."""
    is_json: bool | None = None
    try:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if not text:
                continue
            if is_json is None:
                is_json = name.endswith((".jsonl", ".ndjson")) or _is_json(text)
            try:
                yield loads(text) if is_json else text
            except NotJSONError as exc:
                raise UsageError(f"FILE: line {number} of {name} isn't JSON: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"FILE: expected UTF-8 text in {name}, got other bytes") from exc


def _is_json(text: str) -> bool:
    """Return True for a line that is JSON; a prompt may begin with a bracket or a quotation mark."""
    try:
        return text[0] in '{["' and isinstance(loads(text), dict | list | str)
    except NotJSONError:
        return False


def _input(row: Any, field: str | None) -> Any:
    if field is not None:
        return _value(row, field, "--input-field")
    if isinstance(row, dict) and "role" not in row:
        if "messages" in row:
            return row["messages"]
        names = ", ".join(map(str, row))
        raise UsageError(f"--input-field: expected the name of a field, got none; the row has {names:.200}")
    return row


def _value(row: Any, field: str, option: str) -> Any:
    if isinstance(row, dict) and any(row.get(None, ())):  # csv puts there what comes after the last name
        raise UsageError(
            f"{option}: expected a row with as many fields as the first line has names, got more; "
            "put a text with a comma in quotation marks"
        )
    if isinstance(row, dict) and row.get(field) is not None:
        return row[field]
    if isinstance(row, dict) and field in row:
        raise UsageError(f"{option}: expected a row with a value of {field!r}, got none")
    names = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
    raise UsageError(f"{option}: expected a row with {field!r}, got {names:.200}")


# -- executors ----------------------------------------------------------------------------


@contextmanager
def _executor(name: str | None) -> Iterator[Any]:
    """Start the executor that *name* describes, and end it. Raises `UsageError` for an unknown one."""
    kind, _, rest = (name or "").partition(":")
    if not kind:
        yield None
    elif kind == "processes":
        from concurrent.futures import ProcessPoolExecutor

        if not rest.isdigit() or not int(rest):
            raise UsageError(f"--executor: expected processes:N, got {name!r:.60}")
        with ProcessPoolExecutor(int(rest)) as pool:
            yield pool
    elif kind == "dask":
        try:
            import distributed
        except ImportError as exc:
            raise UsageError("--executor: dask needs the extra streamkit-llm[dask]") from exc
        try:
            new_client: Any = distributed.Client
            dask = new_client(f"tcp:{rest}", timeout=10)
        except (OSError, ValueError) as exc:
            raise UsageError(f"--executor: no Dask scheduler answers at {rest:.80}: {exc}") from exc
        with dask, dask.get_executor() as executor:
            yield executor
    else:
        raise UsageError(f"--executor: expected processes:N or dask://HOST:PORT, got {name!r:.60}")

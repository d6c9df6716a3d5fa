"""`client.batches`: rows in, jobs that the provider runs within a day at half the price, `Answer`s out.

    batch = client.batches.submit(rows, to_input=..., key=..., model="gpt-5-mini", journal="answers.jsonl")
    for answer in batch.wait().results(): ...

Rules: rows, keys, journal and answers are those of `client.map`. So rows that are in the journal aren't
submitted, and `client.map` with the same journal asks the rows that expired. A batch is known by its id:
another process goes on with `client.batches.get(id, rows, ...)`.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .._checks import FUNCTION, check, optional
from ..completion import Completion
from ..errors import APIConnectionError, APIError, StreamError, StreamkitError, UsageError
from ..json_text import NotJSONError, encode, loads
from ..wires import find_wire
from .answer import Answer
from .batch_files import MAX_BYTES, MAX_ROWS, input_line, multipart, output_lines, read_output
from .journal import Journal
from .map import ROWS
from .question import question_of
from .rows import Row, read_rows

if TYPE_CHECKING:
    from ..client import Client

OVER = ("completed", "failed", "expired", "cancelled")
_ENDPOINTS = ("chat", "responses")  # the APIs whose gateways have the Batch API
EVERY = 60.0  # seconds between two looks at a batch
OUTAGE = 3600.0  # seconds without a look that succeeds

logger = logging.getLogger("streamkit")


class Batches:
    """Submits rows to the provider's Batch API, and finds batches again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(
        self,
        rows: Iterable[Any],
        *,
        to_input: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        model: str | None = None,
        journal: Any = None,
        metadata: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Batch:
        """Upload the rows that *journal* has no answer for, start a batch, and return it.

        Takes the arguments of `client.map` that say what is asked. More than 50,000 rows, or 190 MB, become
        several batches, which the returned `Batch` holds together. A row that isn't a request has its error
        among the results. Raises `UsageError` for a wrong argument, and `APIError` if the provider refuses;
        the error names the batches that had begun.
        """
        job = _Job(self._client, rows, to_input, key, {**options, "model": model}, journal)
        ids: list[str] = []
        try:
            for lines in job.files():
                ids.append(self._start(lines, job.url, metadata))
        except Exception as error:
            if ids:
                _tell_begun(error, ids)
            raise
        return Batch(self._client, job, ids)

    def get(
        self,
        id: str | Iterable[str],  # noqa: A002 - the provider's word
        rows: Iterable[Any],
        *,
        to_input: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        model: str | None = None,
        journal: Any = None,
        **options: Any,
    ) -> Batch:
        """Return a batch that was submitted before, with the same rows and arguments as then."""
        job = _Job(self._client, rows, to_input, key, {**options, "model": model}, journal)
        for _ in job.files():
            pass  # only the rows' names are needed
        return Batch(self._client, job, [id] if isinstance(id, str) else list(id))

    def _start(self, lines: bytes, url: str, metadata: Mapping[str, str] | None) -> str:
        body, kind = multipart("rows.jsonl", lines)
        file = _json(self._client, "POST", "/files", body, kind)
        wish = {"input_file_id": file.get("id"), "endpoint": url, "completion_window": "24h"}
        if metadata:
            wish["metadata"] = dict(metadata)
        return str(_json(self._client, "POST", "/batches", encode(wish))["id"])


def _tell_begun(error: Exception, ids: list[str]) -> None:
    """Name the batches that have begun: they run, and cost, although `submit` fails."""
    words = f"these batches have begun: {', '.join(ids)}; pass their ids to client.batches.get"
    logger.warning("batches: %s", words)
    if isinstance(error, StreamkitError):
        error.message = f"{error.message}; {words}"
        error.args = (error.message,)


class _Job:
    """The rows of a batch by their `custom_id`, and their place in the journal."""

    def __init__(
        self,
        client: Client,
        rows: Iterable[Any],
        to_input: Callable[[Any], Any] | None,
        key: Callable[[Any], Any] | None,
        options: Mapping[str, Any],
        journal: Any,
    ) -> None:
        check("rows", rows, ROWS)
        check("to_input", to_input, optional(FUNCTION))
        check("key", key, optional(FUNCTION))
        wire = client.profile.wire
        if wire not in _ENDPOINTS:
            raise UsageError(
                f"batches: expected a client on {' or '.join(_ENDPOINTS)}, got {wire}; use client.map, or a "
                "gateway with OpenAI's Batch API"
            )
        question = question_of(client, options)
        self.client = client
        self.url = f"/v1{find_wire(wire).path.removeprefix('/v1')}"
        self.rows: dict[str, list[Row]] = {}
        self.known: list[Answer] = []  # from the journal, or errors of rows that aren't requests
        self.wanted = question.wanted
        self.header = question.header
        self.journal_path = journal
        self._reader = read_rows(rows, client, to_input=to_input, key=key, options=question.options)

    def open_journal(self) -> Journal | None:
        """Open the journal, if there is one; it is locked until it is closed."""
        return None if self.journal_path is None else Journal(self.journal_path, self.header)

    def files(self) -> Iterator[bytes]:
        """Yield the content of each input file, and remember the rows."""
        journal = self.open_journal()
        lines: list[bytes] = []
        size = 0
        try:
            for row in self._reader:
                if row.request is None:
                    self.known.append(Answer(row.key, row.index, row.value, error=row.error))
                    continue
                known = self._in_journal(journal, row)
                if known is not None:
                    self.known.append(known)
                    continue
                name = _custom_id(row.key)
                self.rows.setdefault(name, []).append(row)
                if len(self.rows[name]) > 1:
                    continue  # equal keys are asked once
                line = input_line(row, name, self.url)
                if lines and (len(lines) >= MAX_ROWS or size + len(line) > MAX_BYTES):
                    yield b"".join(lines)
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
        finally:
            if journal is not None:
                journal.close()
        if lines:
            yield b"".join(lines)

    def _in_journal(self, journal: Journal | None, row: Row) -> Answer | None:
        """Return the answer that the journal has for *row*, unless a later run would ask it again."""
        entry = journal.find(row.key) if journal is not None else None
        if journal is None or entry is None or not entry.is_final or entry.digest != row.digest:
            return None
        return journal.answer(entry, row, self.wanted)


class Batch:
    """One or more batches of the provider that hold the rows of one job; `ids` are the provider's names."""

    def __init__(self, client: Client, job: _Job, ids: list[str]) -> None:
        self._client = client
        self._job = job
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._unread: list[bytes] = []  # the beginnings of lines of the output that aren't an answer
        self.ids = tuple(ids)

    @property
    def id(self) -> str:
        """The name of the first batch; an empty string if every row was in the journal."""
        return self.ids[0] if self.ids else ""

    @property
    def status(self) -> str:
        """The provider's word: of several batches, that of the first which isn't over."""
        words = [str(self._fact(name, fresh=True).get("status")) for name in self.ids]
        return next((word for word in words if word not in OVER), words[-1] if words else "completed")

    @property
    def counts(self) -> dict[str, int]:
        """The provider's counts of rows when `status` was read last: total, completed, failed."""
        sums = dict.fromkeys(("total", "completed", "failed"), 0)
        for name in self.ids:
            counts = self._fact(name).get("request_counts")
            if isinstance(counts, Mapping):
                sums = {kind: number + int(counts.get(kind) or 0) for kind, number in sums.items()}
        return sums

    def wait(
        self,
        every: float = EVERY,
        *,
        timeout: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Batch:
        """Look at the batch *every* so many seconds until it is over, and return it.

        A look that fails for a reason which may pass is repeated, for up to an hour; then it's raised.
        Raises TimeoutError after *timeout* seconds; the batch goes on.
        """
        began = seen = now()
        while True:
            try:
                word = self.status
                seen = now()
            except StreamkitError as error:
                if not _may_pass(error) or now() - seen > OUTAGE:
                    raise
                logger.warning("batches: a look at %s failed, and is repeated: %s", self.id, error)
                word = "out of reach"
            if word in OVER:
                return self
            if timeout is not None and now() - began + every > timeout:
                raise TimeoutError(f"batch {self.id} is {word} after {timeout:g} s; call wait() again")
            sleep(every)

    def cancel(self) -> None:
        """Ask the provider to stop; rows that have answers keep them."""
        for name in self.ids:
            if self._fact(name, fresh=True).get("status") not in OVER:
                _json(self._client, "POST", f"/batches/{name}/cancel")

    def results(self) -> Iterator[Answer]:
        """Yield an answer for every row, and write each one to the journal before that.

        A row that expired or was cancelled, or whose line can't be read, has an error that isn't final:
        `client.map` with the same journal asks it. Raises `UsageError` if the batch isn't over.
        """
        waiting = [name for name in self.ids if self._fact(name, fresh=True).get("status") not in OVER]
        if waiting:
            raise UsageError(f"batch {waiting[0]} isn't over; call wait() first")
        yield from self._job.known
        journal = self._job.open_journal()
        left = dict(self._job.rows)
        self._unread.clear()
        try:
            for line in self._lines():
                for position, row in enumerate(left.pop(line["custom_id"], ())):
                    found = read_output(
                        line, self._client.profile.wire, self._client.profile, self._job.wanted
                    )
                    yield self._answer(row, found, position, journal)
            for rows in left.values():
                for position, row in enumerate(rows):
                    yield self._answer(row, self._missing(), position, journal)
        finally:
            if journal is not None:
                journal.close()

    def _answer(
        self, row: Row, found: Completion | StreamkitError, position: int, journal: Journal | None
    ) -> Answer:
        completion, error = (None, found) if isinstance(found, StreamkitError) else (found, None)
        answer = Answer(row.key, row.index, row.value, completion, error, attempts=1)
        if position:
            return evolve(answer, source="duplicate")
        if journal is not None:
            journal.add(answer, row)
        return answer

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        for name in self.ids:
            fact = self._fact(name)
            for file in (fact.get("output_file_id"), fact.get("error_file_id")):
                if file:
                    reply = self._client.request("GET", f"/files/{file}/content")
                    try:
                        yield from output_lines(reply.chunks, self._unread)
                    finally:
                        reply.close()

    def _missing(self) -> StreamkitError:
        """Return the error of a row that no output file has."""
        for name in self.ids:
            fact = self._fact(name)
            errors = fact.get("errors")
            data = errors.get("data") if isinstance(errors, Mapping) else None
            if fact.get("status") == "failed" and isinstance(data, list) and data:
                first = data[0] if isinstance(data[0], Mapping) else {}
                return APIError(
                    f"the batch failed: {first.get('message')}", code=first.get("code"), body=fact
                )
        if self._unread:
            return StreamError(
                f"the batch has no answer for this row; {len(self._unread)} of its lines can't be read, "
                f"such as {self._unread[0]!r}"
            )
        words = ", ".join(sorted({str(self._fact(name).get("status")) for name in self.ids}))
        return APIError(f"the batch is {words}, and has no answer for this row", retryable=True)

    def _fact(self, name: str, *, fresh: bool = False) -> Mapping[str, Any]:
        if name not in self._facts or (fresh and self._facts[name].get("status") not in OVER):
            self._facts[name] = _json(self._client, "GET", f"/batches/{name}")
        return self._facts[name]

    def __repr__(self) -> str:
        return f"<Batch {', '.join(self.ids) or 'without rows'}>"


def _may_pass(error: StreamkitError) -> bool:
    """Return True for a failure of the network or the server, which a look at a batch survives."""
    if isinstance(error, APIError):
        return error.retryable
    return isinstance(error, APIConnectionError | StreamError)


def _json(
    client: Client, method: str, path: str, body: bytes = b"", kind: str = "application/json"
) -> Mapping[str, Any]:
    """Return the JSON object of a reply."""
    headers: dict[str, str | None] = {"Accept": "application/json"}
    if body:
        headers["Content-Type"] = kind
    if method == "POST":
        headers["Idempotency-Key"] = f"streamkit-{uuid.uuid4()}"  # a repeat must not begin a second batch
    reply = client.request(method, path, body, headers=headers)
    try:
        text = b"".join(reply.chunks)
    finally:
        reply.close()
    try:
        value = loads(text)
    except NotJSONError:
        value = None
    if not isinstance(value, dict):
        raise StreamError(f"{method} {path}: expected a JSON object, got {text[:80]!r}")
    return value


def _custom_id(key: str | int) -> str:
    """Return the name of a row in the files: the numbers 5 and the string "5" must differ."""
    is_plain = isinstance(key, str) and not key.startswith("#")
    return str(key) if is_plain else f"#{key!r}"

"""The rows of a batch job -> `Portion`s, one for each batch to begin; the rows are kept by their names.

Rules: rows, keys and journal are those of `client.map`. Equal keys are asked once. A row that a batch of the
journal has isn't in a portion. All rows of a portion are of one model, and within the limits of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from .._checks import FUNCTION, PATH, check, optional
from ..errors import UsageError
from ..wires import find_batch_api, find_wire
from ..wires.batch import BatchAPI
from .answer import Answer
from .batch_calls import Calls
from .batch_log import KeptBatch, new_tag, row_name
from .journal import Journal
from .map import ROWS
from .question import question_of
from .rows import Row, read_rows

if TYPE_CHECKING:
    from ..client import Client

_OF_STREAMS = ("strict", "resume")  # options of `stream` that would have no effect


@define
class Portion:
    """The rows of one batch in the form of the API, and their names, which end in *tag* there.

    *features* are the headers that the rows need.
    """

    model: str
    tag: str = field(factory=new_tag)
    names: list[str] = field(factory=list)
    rows: list[bytes] = field(factory=list, repr=False)
    size: int = 0
    features: dict[str, str] = field(factory=dict)


class BatchJob:
    """What is asked, of whom, and the rows so far: *rows* by name, *answered* those that the journal has.

    *kept* are the batches of the journal that have some of the rows. Raises `UsageError` for a wrong
    argument, and for a gateway without batches.
    """

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
        check("journal", journal, optional(PATH))
        for name in _OF_STREAMS:
            if options.get(name):
                raise UsageError(f"{name}: expected no {name}, because a batch has no streams; leave it out")
        self.client = client
        self.api = batch_api_of(client)
        question = question_of(client, options)
        self.calls = Calls(client, question.sending)
        self.rows: dict[str, list[Row]] = {}
        self.answered: list[Row] = []  # in the journal
        self.wrong: list[Answer] = []  # the errors of rows that aren't requests
        self.kept: dict[str, KeptBatch] = {}
        self.wanted = question.wanted
        self._header = question.header
        self._journal_path = journal
        self._names: dict[str | int, str] = {}  # by key
        self._answered_names: set[str] | None = None
        self._reader = read_rows(rows, client, to_input=to_input, key=key, options=question.options)

    def open_journal(self) -> Journal | None:
        """Open the journal, if there is one; it is locked until it is closed."""
        return None if self._journal_path is None else Journal(self._journal_path, self._header)

    def portions(self, journal: Journal | None) -> Iterator[Portion]:
        """Read all rows, and yield those to send as soon as a batch is full."""
        open_portions: dict[str, Portion] = {}
        for row, name in self._to_ask(journal):
            kept = journal.batches.holder(name) if journal is not None else None
            if kept is not None:
                self.kept[kept.tag] = kept
                continue
            assert row.request is not None
            model = row.request.request.model
            portion = open_portions.setdefault(model, Portion(model))
            line = self.api.row(f"{name}-{portion.tag}", row.request.body)
            if len(line) > self.api.max_bytes:
                self._refuse(row, name, len(line))
                continue
            if len(portion.rows) >= self.api.max_rows or portion.size + len(line) > self.api.max_bytes:
                yield portion
                portion = open_portions[model] = Portion(model)
                line = self.api.row(f"{name}-{portion.tag}", row.request.body)
            portion.names.append(name)
            portion.rows.append(line)
            portion.size += len(line) + 1
            self._add_features(portion, row)
        yield from (portion for portion in open_portions.values() if portion.rows)

    def read(self, journal: Journal | None) -> None:
        """Read all rows only for their names."""
        for _ in self._to_ask(journal):
            pass

    def _to_ask(self, journal: Journal | None) -> Iterator[tuple[Row, str]]:
        """Yield each row without an answer, and its name; a row of the same key only once."""
        for row in self._reader:
            if row.request is None:
                self.wrong.append(Answer(row.key, row.index, row.value, error=row.error))
                continue
            if journal is not None and self.answer_in(journal, row) is not None:
                self.answered.append(evolve(row, request=None))
                continue
            name = self._names.setdefault(row.key, row_name(row.key, row.digest))
            same = self.rows.setdefault(name, [])
            same.append(evolve(row, request=None))  # the bodies of all rows don't stay in memory
            if len(same) == 1:
                yield row, name

    def has(self, name: str) -> bool:
        """Return True if *name* is that of a row, also of one that the journal has."""
        if self._answered_names is None:
            self._answered_names = {row_name(row.key, row.digest) for row in self.answered}
        return name in self.rows or name in self._answered_names

    def answer_in(self, journal: Journal, row: Row) -> Answer | None:
        """Return the answer that the journal has for *row*, unless a later run would ask it again."""
        entry = journal.find(row.key)
        if entry is None or not entry.is_final or entry.digest != row.digest:
            return None
        return journal.answer(entry, row, self.wanted)

    def _refuse(self, row: Row, name: str, size: int) -> None:
        for each in self.rows.pop(name):
            error = UsageError(
                f"row: expected at most {self.api.max_bytes} bytes, got {size}, which no batch can hold; use "
                "client.map for it"
            )
            self.wrong.append(Answer(each.key, each.index, each.value, error=error))

    def _add_features(self, portion: Portion, row: Row) -> None:
        assert row.request is not None
        if self.client.profile.sends_betas:
            for header, words in find_wire(row.request.wire).headers(row.request.body).items():
                known = portion.features.get(header, "").split(",")
                portion.features[header] = ",".join(filter(None, dict.fromkeys([*known, *words.split(",")])))


def batch_api_of(client: Client) -> BatchAPI:
    """Return the batches that the client's gateway has for its API. Raises `UsageError` without them."""
    profile = client.profile
    api = find_batch_api(profile.wire, profile.batch_api)
    if api is None:
        raise UsageError(
            f"batches: expected a gateway with batches, got {profile.name} on {profile.wire}; use client.map"
        )
    return api

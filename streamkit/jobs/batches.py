"""`client.batches`: rows in, jobs that the provider runs within a day at half the price, `Answer`s out.

    batch = client.batches.submit(rows, to_input=..., key=..., model="gpt-5-mini", journal="answers.jsonl")
    for answer in batch.wait().results(): ...

Rules: rows, keys, journal and answers are those of `client.map`. So rows that are in the journal aren't
submitted, and `client.map` with the same journal asks the rows that expired. With a journal, the same call
goes on after a crash: rows that a batch has aren't sent again. Without one, a batch is known by its id.
What differs between APIs is in `BatchAPI` (wires/batch.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._checks import HEADERS, PATH, Kind, check, got, optional
from ..errors import StreamkitError, UsageError
from ..http.secrets import hidden
from .batch_begin import Part, Sender, parts_of
from .batch_log import dropped_line
from .batch_rows import BatchJob
from .batch_run import Batch
from .journal import Journal, read_header

if TYPE_CHECKING:
    from ..client import Client

_METADATA = optional(
    Kind("a mapping of strings to strings", lambda value: _is_texts(value), 'pass {"name": "text"}')
)

logger = logging.getLogger("streamkit")


class Batches:
    """Submits rows to the provider's batches, and finds batches again."""

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
        """Send the rows that neither *journal* nor a batch in it has, in new batches, and return them all.

        Takes the arguments of `client.map` that say what is asked. Rows of several models, or beyond the
        limits of the API, become several batches, which the returned `Batch` holds together: 50,000 rows or
        190 MB each (100,000 or 240 MB on Anthropic's API). A row that isn't a request has its error
        among the results. *metadata* is kept with a batch by OpenAI and Mistral.

        With a journal, the same call goes on after a crash: no row is sent twice. Raises `UsageError` for a
        wrong argument and for a gateway without batches, and the provider's error; that names the batches
        that had begun.
        """
        check("metadata", metadata, _METADATA)
        options = _with_hidden_headers(options)
        job = BatchJob(self._client, rows, to_input, key, {**options, "model": model}, journal)
        if metadata and not job.api.takes_metadata:
            wire = self._client.profile.wire
            raise UsageError(f"metadata: the {wire} API keeps none for a batch; leave it out")
        opened = job.open_journal()
        begun: list[Part] = []
        try:
            sender = Sender(job.calls, job.api, opened, metadata)
            sender.find_lost()
            for portion in job.portions(opened):
                begun += sender.begin(portion)
            if opened is not None:
                _tell_others(opened, {*job.kept, *(part.tag for part in begun)})
        except BaseException as error:
            if begun:
                _tell_begun(error, begun, has_journal=opened is not None)
            raise
        finally:
            if opened is not None:
                opened.close()
        kept = [part for batch in job.kept.values() for part in parts_of(batch.tag, batch.found)]
        return Batch(job, [*kept, *begun])

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
        """Return batches that were submitted before, with the same rows and arguments as then.

        Raises `UsageError` for a wrong argument. The provider isn't asked yet.
        """
        ids = _ids(id)
        options = _with_hidden_headers(options)
        job = BatchJob(self._client, rows, to_input, key, {**options, "model": model}, journal)
        opened = job.open_journal()
        try:
            job.read(opened)
        finally:
            if opened is not None:
                opened.close()
        return Batch(job, [Part(each) for each in ids])

    def abandon(
        self,
        journal: Any,
        id: str | Iterable[str] | None = None,  # noqa: A002 - the provider's word
    ) -> tuple[str, ...]:
        """Forget the batches of *journal* whose results weren't read, all or those of *id*; return their ids.

        A later run asks their rows again; the provider may run, and bill, them all the same. It's for
        batches that can't be read any more, such as deleted ones. Raises `UsageError` if the file isn't a
        journal.
        """
        check("journal", journal, PATH)
        chosen = None if id is None else set(_ids(id))
        opened = Journal(journal, read_header(journal))
        try:
            batches = [
                batch
                for batch in opened.batches.open()
                if chosen is None or chosen & {found.id for found in batch.found}
            ]
            for batch in batches:
                opened.note_batch(dropped_line(batch.tag))
        finally:
            opened.close()
        return tuple(found.id for batch in batches for found in batch.found)


def _with_hidden_headers(options: dict[str, Any]) -> dict[str, Any]:
    """Return *options* with headers that tracebacks with locals don't show."""
    check("extra_headers", options.get("extra_headers"), HEADERS)
    return {**options, "extra_headers": hidden(options.get("extra_headers") or {})}


def _tell_others(journal: Journal, ours: set[str | None]) -> None:
    """Name the batches of the journal that have other rows: a row or an argument may have changed."""
    others = [found.id for batch in journal.batches.open() if batch.tag not in ours for found in batch.found]
    if others:
        logger.warning(
            "batches: %s of the journal have none of these rows, and aren't read", ", ".join(others)
        )


def _ids(value: Any) -> list[str]:
    """Return the ids in an argument. Raises `UsageError` for anything else."""
    ids: list[Any] = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not all(isinstance(each, str) and each for each in ids):
        raise UsageError(
            f"id: expected the id of a batch, or a list of ids, got {got(value)}; pass batch.ids"
        )
    return ids


def _tell_begun(error: BaseException, begun: list[Part], *, has_journal: bool) -> None:
    """Name the batches that have begun: they run, and cost, although `submit` fails."""
    way = "call submit again with the same journal" if has_journal else "pass their ids to client.batches.get"
    words = f"these batches have begun: {', '.join(part.id for part in begun)}; {way}"
    logger.warning("batches: %s", words)
    if isinstance(error, StreamkitError):
        error.message = f"{error.message}; {words}"
        error.args = (error.message,)


def _is_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(text, str) for pair in value.items() for text in pair
    )

"""`BatchAPI`: everything that differs between the batches of APIs, in one object. Each wire has a `batch.py`.

In come the rows as bodies and names, and the JSON replies of the provider. Out go the requests to send, as
generators, and for each row its `Result`: the answer as the API writes it without a stream, or its error.

Rule: these files send nothing and keep nothing. jobs/ sends their requests, repeats them, writes the journal,
and decides what is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import quote

from attrs import field, frozen

from ..errors import StreamError

Status: TypeAlias = Literal[
    "validating", "in_progress", "finalizing", "cancelling", "completed", "failed", "expired", "cancelled"
]
OVER: tuple[Status, ...] = ("completed", "failed", "expired", "cancelled")


@frozen
class Ask:
    """One request to the provider, under the base URL; *path* may have a query."""

    method: str
    path: str
    body: bytes = field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    headers: Mapping[str, str] = field(factory=dict)


Value = TypeVar("Value")
# Yields requests, gets the JSON object of each reply, returns a value. Raises `StreamError` for a reply
# without a field that it needs.
Steps: TypeAlias = Generator[Ask, dict[str, Any], Value]


@frozen
class Submission:
    """One batch that begins: *tag* is our name for it, *rows* are its rows in the form of the API.

    All rows are of one *model*; OpenAI, Gemini and Mistral need that. *staged* is the result of
    `BatchAPI.stage`. After a crash, *rows* is empty, and *count* is still the number of rows.
    """

    tag: str
    model: str
    count: int
    rows: list[bytes] = field(factory=list, repr=False)
    metadata: Mapping[str, str] = field(factory=dict)
    staged: Mapping[str, str] = field(factory=dict)


@frozen
class Found:
    """A batch that a lost request may have begun. It isn't *certain* if the API keeps no name of ours."""

    id: str
    is_certain: bool = True


@frozen
class Look:
    """The state of a batch: *status* in our words, *raw_status* in the provider's; *raw* is the object.

    *counts* has total, completed and failed. *problem* is the error of a batch that failed as a whole.
    """

    status: Status
    raw_status: str
    counts: Mapping[str, int]
    raw: Mapping[str, Any] = field(repr=False)
    problem: Mapping[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """True if the provider works on no row of it any more."""
        return self.status in OVER


@frozen
class Result:
    """The outcome of one row; *name* is the one that was sent with it.

    *body* is the answer, or an error's body if *is_error*. *is_unseen*: the model didn't see the row, because
    the batch expired or was cancelled.
    """

    name: str
    body: Any = field(default=None, repr=False)
    is_error: bool = False
    is_unseen: bool = False
    status: int | None = None
    request_id: str | None = None


@frozen
class BatchAPI:
    """The batches of one API. Every field is required.

    | field | takes, returns |
    |---|---|
    | `max_rows`, `max_bytes` | the limits of one batch; bytes a little below the provider's |
    | `takes_metadata` | True if a batch keeps pairs of the caller |
    | `row` | a name of at most 64 letters, digits, `_`, `-`, and a body -> the row as it is sent |
    | `stage` | a submission -> facts for `begin` and `find`; it may be repeated, and begins nothing |
    | `begin` | a submission -> the provider's id of the batch |
    | `find` | a submission whose reply was lost -> the batches that it may have begun |
    | `look` | an id -> `Look` |
    | `cancel` | an id -> None |
    | `sources` | an id, and a look at the end -> paths of JSON lines, and lists of results |
    | `result` | an object of a source -> `Result`; None if it isn't one |
    """

    max_rows: int
    max_bytes: int
    takes_metadata: bool
    row: Callable[[str, Mapping[str, Any]], bytes]
    stage: Callable[[Submission], Steps[dict[str, str]]]
    begin: Callable[[Submission], Steps[str]]
    find: Callable[[Submission], Steps[list[Found]]]
    look: Callable[[str], Steps[Look]]
    cancel: Callable[[str], Steps[None]]
    sources: Callable[[str, Look], list[str | list[Any]]]
    result: Callable[[Mapping[str, Any]], Result | None]


def no_batches() -> BatchAPI | None:
    """Return None: this API has no batches."""
    return None


# -- for the files that define one --------------------------------------------------------

_STREAM_FIELDS = ("stream", "stream_options")


def without_stream(body: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """Return *body* without the fields that ask for a stream, and without *others*."""
    return {name: value for name, value in body.items() if name not in (*_STREAM_FIELDS, *others)}


def text_in(reply: Mapping[str, Any], name: str) -> str:
    """Return the string *name* of a reply. Raises `StreamError` without one."""
    value = reply.get(name)
    if not isinstance(value, str) or not value:
        raise StreamError(f"batches: expected {name} in the provider's reply, got {str(dict(reply))[:200]}")
    return value


def object_in(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object *name*, or an empty one."""
    value = source.get(name)
    return value if isinstance(value, Mapping) else {}


def objects_in(source: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list *name*."""
    value = source.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def whole(value: Any) -> int:
    """Return a count: a number, or its digits as Google writes them; 0 for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 15:
        return int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15
    return value if is_count else 0


def status_code(value: Any) -> int | None:
    """Return the HTTP status of a row's answer; None if there is none, and the body tells what it is."""
    number = whole(value)
    return number if 100 <= number <= 999 else None


PAGES = 1000  # of a provider's list


def no_end() -> StreamError:
    """Return the error of a list that has no end: it may have the batch or not."""
    return StreamError(f"batches: the provider's list of batches has more than {PAGES} pages")


def segment(text: str) -> str:
    """Return *text* as one part of a path, or as a value of a query."""
    return quote(text, safe="", errors="replace")


def multipart(kind: str, tag: str, parts: Iterable[tuple[str, bytes]]) -> tuple[bytes, str]:
    """Return the body and the content type of an upload; a part is its headers and its content.

    The boundary is made of *tag*. No JSON has it: there, a line break is followed by two hyphens in no place.
    """
    boundary = f"streamkit-{tag}"
    pieces = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
    return b"".join((*pieces, f"--{boundary}--\r\n".encode())), f"multipart/{kind}; boundary={boundary}"

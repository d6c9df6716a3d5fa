"""`Form`: the documents of one API's batches: a request -> its `Row`s; batches and outcomes -> documents.

Rule: requests are refused as the API refuses them, so that a mistake is found here. Sources: those of each
`batch.py` in wires/, and the official packages, which read these documents (tests/test_interop_batches.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import define, field, frozen

from ...json_text import NotJSONError, encode, loads
from ...wires import WIRES, find_wire
from ...wires.batch import OVER

TIME = "2026-01-01T00:00:00Z"
SECONDS = 1767225600  # the same


Routes: TypeAlias = tuple[tuple[str, str, str], ...]


class RefusedError(Exception):
    """A request that the provider refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@frozen
class Asked:
    """One request; *query* has lists of values."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the body's object. Raises `RefusedError` for another body."""
        try:
            value = loads(self.body)
        except NotJSONError:
            value = None
        if not isinstance(value, dict):
            raise RefusedError(400, "the body isn't a JSON object")
        return value

    def first(self, name: str) -> str:
        """Return the first value of *name* in the query, or an empty string."""
        return self.query.get(name, [""])[0]

    def number(self, name: str, default: int) -> int:
        """Return the number called *name* in the query."""
        text = self.first(name)
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else default

    def header(self, name: str) -> str:
        """Return the header called *name*, in lower case, or an empty string."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")

    def parts(self) -> list[bytes]:
        """Return the contents of a multipart body."""
        found = re.search(r'boundary="?([^";]+)', self.header("content-type"))
        if not found:
            raise RefusedError(400, "the body isn't multipart")
        pieces = self.body.split(b"--" + found[1].encode())[1:-1]
        return [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]


@frozen
class Row:
    """One row: *url* is the path that OpenAI's rows have."""

    name: str
    model: str
    body: Mapping[str, Any] = field(repr=False)
    url: str = ""


@frozen
class Outcome:
    """The end of a row: *unseen* is the state that ended the batch before the row."""

    row: Row
    status: int = 0
    document: Any = None
    unseen: str = ""

    @property
    def is_answer(self) -> bool:
        """True if there is an answer."""
        return 200 <= self.status < 300


@define
class Kept:
    """One batch."""

    id: str
    form: Form
    rows: list[Row]
    facts: dict[str, Any]
    state: str = "validating"
    is_cancelled: bool = False
    problem: dict[str, Any] | None = None
    outcomes: list[Outcome] = field(factory=list)

    @property
    def is_over(self) -> bool:
        """True after the last state."""
        return self.state in OVER

    def count(self) -> tuple[int, int]:
        """Return the numbers of rows with an answer, and of those without."""
        good = sum(outcome.is_answer for outcome in self.outcomes)
        return good, len(self.outcomes) - good


class Form:
    """The documents of one API. A route is a method, the end of a path, and the action of the desk."""

    routes: ClassVar[Routes] = ()
    late = 400  # the status of a cancel after the end

    def error(self, refused: RefusedError) -> dict[str, Any]:
        kind = "not_found_error" if refused.status == 404 else "invalid_request_error"
        return {"error": {"message": refused.message, "type": kind, "param": None, "code": None}}

    def file_name(self, number: int) -> str:
        return f"file-{number}"

    def content(self, asked: Asked) -> bytes:
        return asked.parts()[-1]

    def file(self, name: str, size: int) -> dict[str, Any]:
        raise NotImplementedError

    def begin(self, asked: Asked, places: tuple[str, ...], files: Mapping[str, bytes], number: int) -> Kept:
        raise NotImplementedError

    def describe(self, kept: Kept) -> dict[str, Any]:
        raise NotImplementedError

    def page(self, batches: list[Kept], asked: Asked) -> dict[str, Any]:
        raise NotImplementedError

    def cancelled(self, kept: Kept) -> dict[str, Any]:
        return self.describe(kept)

    def lines(self, outcomes: Iterable[Outcome]) -> bytes:
        return b"".join(encode(self.line(outcome)) + b"\n" for outcome in outcomes)

    def line(self, outcome: Outcome) -> dict[str, Any]:
        raise NotImplementedError

    def store(self, kept: Kept, files: dict[str, bytes]) -> None:
        """Put the results into *files*, if the API has them there."""

    def wire_of(self, row: Row) -> str:
        raise NotImplementedError


def read_lines(content: bytes, *needed: str) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines. Raises `RefusedError` for another file."""
    lines = []
    for number, text in enumerate(filter(bytes.strip, content.split(b"\n")), 1):
        try:
            line = loads(text)
        except NotJSONError:
            line = None
        if not isinstance(line, dict) or any(name not in line for name in needed):
            raise RefusedError(400, f"line {number}: expected an object with {', '.join(needed)}")
        lines.append(line)
    return lines


def after(batches: list[Kept], name: str, size: int) -> tuple[list[Kept], bool]:
    """Return a page of *batches*, those behind the one called *name*, and whether there are more."""
    ids = [kept.id for kept in batches]
    begin = ids.index(name) + 1 if name in ids else 0
    return batches[begin : begin + size], begin + size < len(batches)


def wire_at(path: str) -> str:
    """Return the API that is called at *path*. Raises `RefusedError` for another path."""
    for name in WIRES:
        if find_wire(name).answers_at(path):
            return name
    raise RefusedError(400, f"no API at {path}")

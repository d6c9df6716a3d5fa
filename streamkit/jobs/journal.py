"""The journal of a job: a file of JSON lines, one for each answer, from which a later run goes on.

    {"streamkit_journal": 1, "profile": "openai", "wire": "chat", "model": "m", "parameters": {...}, ...}
    {"key": "a", "index": 0, "body": "9f2c...", "status": "done", "text": "...", "completion": {...}, ...}
    {"key": "b", "index": 1, "body": "77ab...", "status": "failed", "final": true, "error": {...}, ...}

Rules: one process writes, and holds a lock on the file. A line is written with one call, before its answer is
yielded. A line that a crash cut off is skipped, and the next one begins on a line of its own. The last
line of a key counts. A failure is *final* if it is about the row: the model's answer, or a refusal of the
request itself. Only those count as answered in a later run. Lines about batches of the provider are those of
batch_log.py.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from attrs import evolve, frozen

from .._checks import PATH, check
from .._version import __version__
from ..errors import UsageError
from ..json_text import NotJSONError, encode, loads
from ..typed.response_format import ResponseFormat
from .answer import Answer
from .batch_log import BatchLog
from .journal_lines import answer_of, check_header, is_about_row, is_torn_header, line_of, read_line
from .rows import Row


@frozen
class Entry:
    """The place of a key's last line: its offset in the file, the hash of its body, whether it counts."""

    offset: int
    digest: str
    is_done: bool
    is_final: bool


class Journal:
    """The journal of one run. Raises `UsageError` if the file can't be used; nothing in it is changed then.

    *header* contains all that the answers depend on, but for the rows: a journal with another header is
    refused. `began` is the offset from which this run writes. A temporary journal is deleted by `close`, with
    its folder.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Mapping[str, Any], *, is_temporary: bool = False
    ) -> None:
        self.path = Path(path)
        self._is_temporary = is_temporary
        self._lock = threading.Lock()
        self._entries: dict[str | int, Entry] = {}
        self.batches = BatchLog()
        self._process = os.getpid()
        self._is_closed = False
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o600)
        except (OSError, ValueError) as exc:  # ValueError: a null character
            reason = getattr(exc, "strerror", None) or exc
            raise UsageError(f"journal: cannot open {self.path}: {reason}") from exc
        try:
            _lock(self._file, self.path)
            self._end = os.fstat(self._file).st_size
            if self._end:
                self._read(header)
            if not self._end:
                self._write(encode({"streamkit_journal": 1, "streamkit": __version__, **header}) + b"\n")
        except BaseException:
            os.close(self._file)
            raise
        self.began = self._end
        _open.add(self)

    # -- reading --------------------------------------------------------------------------

    def find(self, key: str | int) -> Entry | None:
        """Return the entry of *key*, or None."""
        return self._entries.get(key)

    def answer(self, entry: Entry, row: Row, wanted: ResponseFormat | None) -> Answer | None:
        """Return the answer of an entry, for *row*; *wanted* is the format to parse it as.

        Returns None if the line was changed since, and can't be read.
        """
        with self._lock, self._reader() as file:  # not by its path: the file may have been renamed
            file.seek(entry.offset)
            line = file.readline()
        try:
            answer = answer_of(loads(line), row.value, wanted)
        except (NotJSONError, UsageError):
            return None
        return evolve(answer, index=row.index, source="journal")

    def _reader(self) -> BinaryIO:
        """Return the open file for reading; lines are appended, so its position doesn't matter to writers."""
        file = os.fdopen(os.dup(self._file), "rb")
        file.seek(0)
        return file

    def _read(self, header: Mapping[str, Any]) -> None:
        offset, first, last = 0, True, b"\n"
        with self._reader() as file:
            for line in file:
                data = read_line(line)
                if first and data is None and is_torn_header(line):
                    os.ftruncate(self._file, 0)  # a crash cut off the first line: the file had no answer
                    self._end = 0
                    return
                if first:
                    check_header(data, header, self.path)
                    first = False
                elif data is not None and "key" in data:
                    failed = data["status"] == "failed"
                    entry = Entry(
                        offset, str(data.get("body", "")), not failed, not failed or bool(data.get("final"))
                    )
                    self._entries[data["key"]] = entry
                    self.batches.settle(data["key"], entry.digest)
                elif data is not None and "batch" in data:
                    self.batches.apply(data)
                offset, last = offset + len(line), line
        if not last.endswith(b"\n"):
            self._write(b"\n")

    # -- writing --------------------------------------------------------------------------

    def add(self, answer: Answer, row: Row) -> None:
        """Append the line of *answer*; any thread may. Raises `UsageError`, with `.partial`, if it can't."""
        is_final = answer.error is None or is_about_row(answer.error)
        line = encode(line_of(answer, row, is_final)) + b"\n"
        with self._lock:
            if self._is_closed:
                return  # a late answer: another file may have the number of ours now
            entry = Entry(self._end, row.digest, answer.ok, is_final)
            try:
                self._write(line)
            except UsageError as error:
                error.partial = answer.completion
                raise
            self._entries[row.key] = entry

    def note_batch(self, line: Mapping[str, Any]) -> None:
        """Append a line of a batch, and take it in. Raises `UsageError` if it can't be written."""
        with self._lock:
            self._write(encode(line) + b"\n")
            with suppress(OSError):  # not every file can
                os.fsync(
                    self._file
                )  # the provider will know of it, so a crash of the machine mustn't lose it
            self.batches.apply(line)

    def close(self) -> None:
        """Close the file, which releases the lock. Answers that come later aren't written."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            _open.discard(self)
            if self._process != os.getpid():
                return  # the parent's; the file was closed after the fork
            os.close(self._file)
        if self._is_temporary:
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def _write(self, line: bytes) -> None:
        try:
            if os.name == "posix" and not os.fstat(self._file).st_nlink:
                raise UsageError(
                    f"journal: {self.path} was deleted during the run; nothing more is asked, because its "
                    "answers would be lost"
                )
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as exc:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)  # a full disk took the half of a line
            raise UsageError(
                f"journal: cannot write {self.path}: {exc.strerror}; its lines so far are whole"
            ) from exc
        self._end += len(line)


def read_journal(path: str | os.PathLike[str]) -> Iterator[Answer]:
    """Yield the answers in a journal, the last one of each key, in the order of the file.

    The rows aren't in the journal, so `.row` is None. Raises `UsageError` if the file isn't a journal.
    """
    check("path", path, PATH)
    path = Path(path)
    last: dict[str | int, int] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file):
                data = read_line(line)
                if number == 0 and (data is None or "streamkit_journal" not in data):
                    raise UsageError(f"path: expected a journal of client.map, got {path}")
                if number and data is not None and "key" in data:
                    last[data["key"]] = number
            file.seek(0)
            for number, line in enumerate(file):
                data = read_line(line) if number else None
                if data is not None and last.get(data.get("key", "")) == number:
                    yield answer_of(data, None, None)
    except OSError as exc:
        raise UsageError(f"path: cannot read {path}: {exc.strerror}") from exc


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the first line of a journal. Raises `UsageError` if the file isn't one."""
    try:
        with Path(path).open("rb") as file:
            data = read_line(file.readline())
    except (OSError, ValueError) as exc:  # ValueError: a null character
        raise UsageError(f"journal: cannot read {path}: {getattr(exc, 'strerror', None) or exc}") from exc
    if data is None or "streamkit_journal" not in data or not isinstance(data.get("parameters"), dict):
        raise UsageError(f"journal: expected a journal, got {path}, which is something else")
    return data


# -- the lock -----------------------------------------------------------------------------

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write \r\n


def _lock(file: int, path: Path) -> None:
    """Lock the file until it is closed. Raises `UsageError` if another run holds the lock."""
    try:
        try:
            import fcntl
        except ImportError:
            import msvcrt  # Windows

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise UsageError(
            f"journal: {path} is in use by another run; wait for it, or use another file"
        ) from exc


_open: weakref.WeakSet[Journal] = weakref.WeakSet()


def _close_in_child() -> None:
    """Close the journals of the parent: a forked process, which may live longer, would hold their locks."""
    for journal in list(_open):
        os.close(journal._file)
        journal._is_closed = True
        journal._lock = threading.Lock()  # a thread of the parent may have held it
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)

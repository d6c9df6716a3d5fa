"""A cache of answers for development loops and notebooks: a call in, the recorded reply of the same call out.

    client = Client("openai", cache="answers.sqlite")

Strategy. An answer is kept as a recording, without secrets, in a SQLite file. Its key is a hash of the API,
the URL, the headers, the key and the body. A hit plays the recording at once, so a cached stream yields the
same events.

Rules: only whole answers are kept. A request isn't cached if the server runs tools for it or keeps its
conversation, or if it has the outputs of tools that ran. Threads and processes can share the file.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from .._checks import PATH, Kind, check, optional
from .._files import open_private
from ..errors import StreamkitError, UsageError
from ..events import Completed
from ..http.refusals import is_success
from ..http.secrets import redact_url
from ..items import CustomToolCallOutput, FunctionCallOutput
from ..json_text import NotJSONError
from .format import Recording, recording_in
from .playback import ReplayTransport, replay
from .recorder import RecordingTransport

if TYPE_CHECKING:
    from ..http.clocks import Watch
    from ..http.messages import Call, Reply, Transport
    from ..request import Request

logger = logging.getLogger("streamkit")

HIT = "x-streamkit-cache"  # the header of a cached reply, with the age in seconds
_VOLATILE = ("idempotency-key", "user-agent", "x-conversation-id")
_SECONDS = optional(
    Kind(
        "seconds above 0",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value > 0,
        "pass a number",
        is_number=True,
    )
)
_TABLE = """
create table if not exists answers (
    key text primary key, at real not null, wire text not null, model text not null, url text not null,
    recording blob not null)
"""


@frozen
class CacheEntry:
    """One answer in a cache, stored *at* so many seconds after 1970; *size* is in bytes."""

    key: str
    at: float
    wire: str
    model: str
    url: str
    size: int


class Cache:
    """Answers in the file *path*, which is made if there is none; those older than *ttl* seconds don't count.

    Raises `UsageError` if the file can't be used, or isn't a cache.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, ttl: float | None = None, now: Callable[[], float] = time.time
    ) -> None:
        check("path", path, PATH)
        check("ttl", ttl, _SECONDS)
        self.path = Path(path)
        self.ttl = ttl
        self._now = now
        self._connect()

    def _connect(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        try:
            if not self.path.exists():
                open_private(self.path, "a+b").close()
            self._file = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
            weakref.finalize(self, self._file.close)  # also if the next line raises: not a cache
            self._file.execute(_TABLE)
        except (OSError, ValueError, sqlite3.Error) as exc:  # ValueError: a path with NUL or half a character
            raise UsageError(f"cache: can't use {str(self.path)!r:.100}: {exc}") from exc

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "ttl": self.ttl}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["path"], ttl=state["ttl"])  # type: ignore[misc]

    # -- for people -------------------------------------------------------------------------

    def entries(self) -> list[CacheEntry]:
        """Return the answers in the file, the oldest first; those past their *ttl*, too."""
        columns = "key, at, wire, model, url, length(recording)"
        return [CacheEntry(*row) for row in self._run(f"select {columns} from answers order by at")]

    def recording(self, key: str) -> Recording:
        """Return one answer; `streamkit.replay` reads it. Raises `UsageError` for an unknown key."""
        found = self._find(key, None)
        if found is None:
            raise UsageError(f"key: expected the key of an entry, got {key!r:.60}; see entries()")
        return found[0]

    def clear(self, *, older_than: float = 0.0) -> int:
        """Delete the answers that are older than so many seconds, by default all; return their number."""
        before = self._now() - older_than
        with self._lock:
            count = len(self._run("select 1 from answers where at <= ?", before))
            self._run("delete from answers where at <= ?", before)
            self._run("vacuum")
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return int(self._run("select count(*) from answers")[0][0])

    # -- for the client ---------------------------------------------------------------------

    def has(self, call: Call, wire: str) -> bool:
        """Return True if the answer to *call* is there, and not too old."""
        query = "select 1 from answers where key = ? and at > ?"
        return bool(self._run(query, key_of(call, wire), self._oldest(self.ttl)))

    def transport(self, inner: Transport, wire: str, model: str) -> Transport:
        """Return a transport that answers from here, else through *inner*, and keeps what that answers."""
        return _CachingTransport(self, inner, wire, model)

    def _find(self, key: str, ttl: float | None) -> tuple[Recording, float] | None:
        query = "select recording, at from answers where key = ? and at > ?"
        rows = self._run(query, key, self._oldest(ttl))
        if not rows:
            return None
        return recording_in(rows[0][0], self.path), self._now() - rows[0][1]

    def _oldest(self, ttl: float | None) -> float:
        return -1.0 if ttl is None else self._now() - ttl

    def _keep(self, key: str, call: Call, wire: str, model: str, lines: bytes) -> None:
        row = (key, self._now(), wire, model, redact_url(call.url), lines)
        self._run("insert or replace into answers values (?, ?, ?, ?, ?, ?)", *row)

    def _run(self, statement: str, *values: Any) -> list[Any]:
        if os.getpid() != self._process:
            self._connect()  # a connection must not be used after a fork
        with self._lock:
            try:
                return self._file.execute(statement, values).fetchall()
            except sqlite3.Error as exc:
                raise UsageError(f"cache: can't use {self.path}: {exc}") from exc


class _CachingTransport:
    def __init__(self, cache: Cache, inner: Transport, wire: str, model: str) -> None:
        self._cache = cache
        self._inner = inner
        self._wire = wire
        self._model = model

    def open(self, call: Call, watch: Watch) -> Reply:
        """Return the kept reply, or the one of the inner transport."""
        key = key_of(call, self._wire)
        found = self._cache._find(key, self._cache.ttl)
        if found is not None:
            recording, age = found
            reply = ReplayTransport(recording).open(call, watch)
            return evolve(reply, headers={**reply.headers, HIT: f"{age:.0f}"})
        try:
            folder = tempfile.TemporaryDirectory(prefix="streamkit-cache-")
        except OSError as exc:  # such as a full disk, which is no reason to lose an answer
            logger.warning("the cache %s doesn't keep this answer: %s", self._cache.path, exc)
            return self._inner.open(call, watch)
        path = Path(folder.name, "answer.jsonl")
        try:
            reply = RecordingTransport(self._inner, path).open(call, watch)
        except BaseException:
            folder.cleanup()
            raise

        def close() -> None:
            try:
                reply.close()
                if path.exists() and is_success(reply.status) and _is_whole(path, self._wire):
                    self._cache._keep(key, call, self._wire, self._model, path.read_bytes())
            finally:
                folder.cleanup()

        return evolve(reply, close=close)


def covers(request: Request, *, may_repeat: bool) -> bool:
    """Return True if the answer to *request* may come from a cache: nothing but text depends on it."""
    return may_repeat and not any(
        isinstance(item, FunctionCallOutput | CustomToolCallOutput) for item in request.input
    )


def key_of(call: Call, wire: str) -> str:
    """Return the name of a call: a hash of everything that the server sees, but for names of one request."""
    headers = {**call.headers, **call.credentials}
    kept = sorted(
        (name.lower(), str(value)) for name, value in headers.items() if name.lower() not in _VOLATILE
    )
    parts = repr((wire, call.method, call.url, sorted(call.query.items()), kept, call.hidden)).encode()
    return hashlib.sha256(parts + call.body).hexdigest()


def _is_whole(path: Path, wire: str) -> bool:
    """Return True if the recorded body is a whole answer, which another reading confirms."""
    try:
        return any(isinstance(event, Completed) for event in replay(path, wire=wire))
    except (StreamkitError, NotJSONError):
        return False


def as_cache(value: Cache | str | os.PathLike[str] | None) -> Cache | None:
    """Return *value* as a cache. Raises `UsageError` for anything but a path or a cache."""
    if value is None or isinstance(value, Cache):
        return value
    check("cache", value, PATH)
    return Cache(value)

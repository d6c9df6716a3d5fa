"""Continue an answer whose connection broke: the chunks of a reply in, those of the whole answer out.

A server that keeps generating lets a client come back for the rest. Its path is a template:

| in the path | stands for | server |
|---|---|---|
| `{id}`, `{sequence}` | the answer's id, the number of the last event | Responses, background=True |
| `{conversation}`, `{bytes}` | our own id, from a header, and the bytes received | llama.cpp |

Strategy. The chain behind this file sees one body. With `{bytes}` every byte is passed on. With `{sequence}`
the server repeats whole events, so only whole blocks are passed on, and the rest of a broken one is dropped.

Rules: no text arrives twice. If the server refuses to continue, the error of the break is raised. Only a
broken connection, a body that ends too early, and a silent server are reasons to resume.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    StreamCancelledError,
    StreamkitError,
    TruncatedStreamError,
    UsageError,
)
from ..events import Retrying
from ..http.messages import send
from ..http.refusals import is_success, read_refusal
from ..http.retry import backoff

if TYPE_CHECKING:
    from ..http.messages import Call, Reply
    from .run import Run

_SEQUENCE = re.compile(rb'"sequence_number"\s*:\s*(\d+)')
_ID = re.compile(rb'"response"\s*:\s*\{[^{}]*?"id"\s*:\s*"([^"]+)"')
_BLOCK_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_SILENT = ("first_event", "idle", "bytes")  # clocks of a server from which nothing arrives


class Position:
    """How far an answer has arrived: bytes, or whole blocks with their numbers."""

    def __init__(self, template: str, conversation: str) -> None:
        self._template = template
        self._conversation = conversation
        self._holds = "{sequence}" in template
        self._held = bytearray()  # the beginning of a block; a `bytes` would be copied for each chunk
        self._bytes = 0
        self._id = self._sequence = b""

    def take(self, chunk: bytes) -> bytes:
        """Return the bytes of *chunk* that can be passed on now."""
        self._bytes += len(chunk)
        if not self._holds:
            return chunk
        begin = max(len(self._held) - 3, 0)  # an end of a block may have begun in the last chunk
        self._held += chunk
        end = max((found.end() for found in _BLOCK_END.finditer(self._held, begin)), default=0)
        ready = bytes(self._held[:end])
        del self._held[:end]
        for found in _SEQUENCE.finditer(ready):
            self._sequence = found[1]
        if not self._id and (named := _ID.search(ready)):
            self._id = named[1]
        return ready

    def rest(self) -> bytes:
        """Return the bytes that wait for their block's end, at the end of the body."""
        held = bytes(self._held)
        self._held.clear()
        return held

    def path(self) -> str | None:
        """Return the path that continues here; None if the server hasn't named the answer yet."""
        self._held.clear()
        if self._holds and not (self._id and self._sequence):
            return None
        values = {
            "id": quote(self._id.decode(errors="replace"), safe=""),
            "sequence": self._sequence.decode(),
            "conversation": self._conversation,
            "bytes": str(self._bytes),
        }
        return re.sub(r"\{(\w+)\}", lambda name: values[name[1]], self._template)


class Resumption:
    """The replies of one attempt: the first one, and those that continue it. `close` closes the latest."""

    def __init__(
        self, reply: Reply, run: Run, position: Position, continue_at: Callable[[str], Call], times: int
    ) -> None:
        self._reply = reply
        self._run = run
        self._position = position
        self._continue_at = continue_at
        self._left = times

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the whole answer."""
        run, used = self._run, 0
        while True:
            try:
                for chunk in self._reply.chunks:
                    if ready := self._position.take(chunk):
                        used = 0
                        yield ready
                if run.state.is_finished or not self._left:
                    yield self._position.rest()
                    return
                broken: StreamkitError = TruncatedStreamError("the body ended before the answer")
            except APIConnectionError as error:
                if not self._left or not _may_resume(error, run):
                    raise
                broken = error
            while True:
                used += 1
                self._left -= 1
                try:
                    self._open_again(broken, used)
                    break
                except APIConnectionError as error:
                    if not self._left or not _may_resume(error, run):
                        raise
                    broken = error

    def close(self) -> None:
        """Close the connection of the latest reply."""
        self._reply.close()

    def _open_again(self, broken: StreamkitError, attempt: int) -> None:
        """Replace the reply by one that goes on; raises *broken* if the server refuses that."""
        run = self._run
        path = self._position.path()
        if path is None:
            raise broken
        self._reply.close()
        wait = min(backoff(attempt, run.random), run.retry.max_wait)
        run.resumed.append(Retrying(attempt, wait, broken, None, True))
        run.watch.wait(wait)
        run.watch.begin_attempt()
        call = self._continue_at(path)
        self._reply = send(run.transport, call, run.watch)
        if is_success(self._reply.status):
            return
        try:
            raise read_refusal(self._reply, now=0.0, secrets=call.secrets)
        except StreamCancelledError:
            raise
        except APIError as refusal:
            self._left = 0
            raise broken from refusal


def new_position(template: str | None, conversation: str, *, is_kept: bool) -> Position:
    """Return the beginning of an answer. Raises `UsageError` if the server can't continue one.

    *is_kept* is True if the request asks the server to go on without its client.
    """
    if template is None:
        raise UsageError(
            "resume: expected a server that continues broken streams, which are the Responses API with "
            "background=True and llama.cpp; leave resume out"
        )
    if "{sequence}" in template and not is_kept:
        raise UsageError("resume: expected background=True, without which the server stops; pass it, too")
    return Position(template, conversation)


def _may_resume(error: APIConnectionError, run: Run) -> bool:
    if run.watch.fired is not None and run.watch.fired[0] == "grace":
        return False
    return not isinstance(error, APITimeoutError) or error.phase in _SILENT

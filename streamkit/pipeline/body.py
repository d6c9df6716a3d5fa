"""Look at the first bytes of a body to find its kind; pass all of its chunks on.

Rule: the first bytes decide, never a header alone. Servers label event streams as text/plain, and send
error pages with status 200.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from ..errors import NotAnEventStreamError
from ..state.deltas import END
from .objects import Found, Torn, read_objects

SHOWN = 500  # bytes of a body that isn't an event stream, for the error
_MAX_MARKS = 16  # chunks that end in [DONE]: each one costs reading the body so far
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")


class Body:
    """A body with its first bytes in `head`; `chunks` yields all of its chunks, once.

    `head` starts after the byte order mark and leading white space.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._rest = iter(chunks)
        self._first: list[bytes] = []
        self.head = b""
        for chunk in self._rest:
            self._first.append(chunk)
            if self._extend_head(chunk):
                break

    def _extend_head(self, chunk: bytes) -> bool:
        """Add *chunk* to the head. Return True if the head contains a byte that decides.

        Leading white space doesn't decide: gateways send it to keep a connection open. Neither does a bracket
        alone, which begins a list or `[DONE]`.
        """
        self.head = (self.head + chunk).removeprefix(_BOM).lstrip()[:SHOWN]
        return len(self.head) >= SHOWN or self.head.rstrip() not in (b"", _BOM[:1], _BOM[:2], b"[")

    @property
    def chunks(self) -> Iterator[bytes]:
        """All chunks of the body. The head keeps growing up to `SHOWN` bytes while they pass."""
        return itertools.chain(self._shown(), self._rest)

    def _shown(self) -> Iterator[bytes]:
        first = self._first[::-1]
        self._first.clear()
        while first:
            yield first.pop()
        for chunk in self._rest:
            self._extend_head(chunk)
            yield chunk
            if len(self.head) >= SHOWN:
                break

    @property
    def is_document(self) -> bool:
        """True for JSON, also as a text, or markup: no field of an event stream starts like that."""
        return self.head[:1] in (b"{", b"[", b"<", b'"')

    @property
    def is_list(self) -> bool:
        """True for a JSON list, and not for a lone `[DONE]`."""
        return self.head[:1] == b"[" and not b"[DONE]".startswith(self.head[:6].rstrip())

    @property
    def is_like_stream(self) -> bool:
        """True if the head is the beginning of an event stream, or may still become one."""
        return bool(self.head) and any(self.head.startswith(f) or f.startswith(self.head) for f in _FIELDS)

    def read_objects(self, limit: int) -> list[Found]:
        """Return the JSON objects of the whole body: one, or several and `END` if a gateway sends lines.

        Nothing is read after `data: [DONE]`. Raises `NotAnEventStreamError` with the beginning of the body if
        it doesn't begin with an object, or is longer than *limit* bytes.
        """
        body = bytearray()
        marks = 0
        for chunk in self.chunks:
            body += chunk
            if len(body) > limit:
                raise self.refusal(f"a JSON document of more than {limit} bytes")
            if marks < _MAX_MARKS and body[-20:].rstrip().endswith(b"[DONE]"):
                marks += 1
                found = _objects_in(body)
                if found[-1] is END and all(isinstance(each, dict) for each in found[:-1]):
                    break  # else the mark was in a text of the answer
        else:
            found = _objects_in(body)
        if not found or not isinstance(found[0], dict):
            raise self.refusal(self._kind(found))
        return found

    def _kind(self, found: list[Found]) -> str:
        """Return the kind of a document that isn't an object."""
        if self.head[:1] == b"<":
            return "an HTML page"
        kind = found[0].kind if found and isinstance(found[0], Torn) else None
        return f"a JSON {kind}" if kind else "broken JSON"

    def refusal(self, what: str) -> NotAnEventStreamError:
        """Return the error for a body that is *what*, such as "an HTML page"."""
        text = self.head.decode(errors="replace")
        shown = f": {text[:120]!r}" if text else ""
        return NotAnEventStreamError(f"expected an event stream, got {what}{shown}", body=text)


def _objects_in(body: bytearray) -> list[Found]:
    return read_objects(body.decode(errors="replace").removeprefix("\ufeff"))

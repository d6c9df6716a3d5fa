"""Chunks of a body -> what kind of body it is, and the same chunks again.

Rule: decide by looking at the first bytes, never by a header alone: event streams come labelled
text/plain, and error pages come with status 200 (pains P3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ..errors import NotAnEventStreamError
from ..state.deltas import Payload

SHOWN = 500  # bytes of a body that is no event stream, for the error
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")


class Body:
    """A body whose first bytes were looked at: its `head` and, once, all its `chunks`.

    `head` has no byte order mark and no white space before it.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._rest = iter(chunks)
        self._first: list[bytes] = []
        self.head = b""
        for chunk in self._rest:
            self._first.append(chunk)
            if self._see(chunk):
                break

    def _see(self, chunk: bytes) -> bool:
        """Add *chunk* to the head; whether there is something in it to decide by.

        White space before it does not count: gateways send that to keep a connection open.
        """
        self.head = (self.head + chunk).removeprefix(_BOM).lstrip()[:SHOWN]
        return self.head not in (b"", _BOM[:1], _BOM[:2])

    @property
    def chunks(self) -> Iterator[bytes]:
        """All chunks of the body; the head goes on to grow as they pass."""
        yield from self._first
        for chunk in self._rest:
            self._see(chunk)
            yield chunk
            if len(self.head) >= SHOWN:
                break
        yield from self._rest

    @property
    def is_document(self) -> bool:
        """JSON or markup: no field of an event stream begins so."""
        return self.head[:1] in (b"{", b"[", b"<")

    @property
    def is_like_stream(self) -> bool:
        """Whether it begins as an event stream does, as far as it goes."""
        return bool(self.head) and any(self.head.startswith(f) or f.startswith(self.head) for f in _FIELDS)

    def read_object(self, limit: int) -> Payload:
        """The whole body as one JSON object.

        Raises `NotAnEventStreamError` with the body's beginning where it is anything else, or longer
        than *limit* bytes.
        """
        body = bytearray()
        for chunk in self.chunks:
            body += chunk
            if len(body) > limit:
                raise self.refusal(f"a JSON document of more than {limit} bytes")
        try:
            value = json.loads(bytes(body).removeprefix(_BOM).decode(errors="replace"), strict=False)
        except (ValueError, RecursionError) as exc:
            kind = "an HTML page" if self.head[:1] == b"<" else "broken JSON"
            raise self.refusal(kind) from exc
        if not isinstance(value, dict):
            raise self.refusal(f"a JSON {type(value).__name__}")
        return value

    def refusal(self, what: str) -> NotAnEventStreamError:
        """The error for a body that is *what* and no event stream."""
        text = self.head.decode(errors="replace")
        shown = f": {text[:120]!r}" if text else ""
        return NotAnEventStreamError(f"expected an event stream, got {what}{shown}", body=text)

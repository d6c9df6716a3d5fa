"""Look at the first bytes of a body to find its kind; pass all of its chunks on.

Rule: the first bytes decide, never a header alone. Servers label event streams as text/plain, and send
error pages with status 200.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import NotAnEventStreamError
from ..json_text import NotJSONError, loads
from ..state.deltas import Payload

SHOWN = 500  # bytes of a body that isn't an event stream, for the error
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

        Leading white space doesn't decide: gateways send it to keep a connection open.
        """
        self.head = (self.head + chunk).removeprefix(_BOM).lstrip()[:SHOWN]
        return self.head not in (b"", _BOM[:1], _BOM[:2])

    @property
    def chunks(self) -> Iterator[bytes]:
        """All chunks of the body. The head keeps growing up to `SHOWN` bytes while they pass."""
        yield from self._first
        for chunk in self._rest:
            self._extend_head(chunk)
            yield chunk
            if len(self.head) >= SHOWN:
                break
        yield from self._rest

    @property
    def is_document(self) -> bool:
        """True for JSON or markup: no field of an event stream starts like that."""
        return self.head[:1] in (b"{", b"[", b"<")

    @property
    def is_like_stream(self) -> bool:
        """True if the head is the beginning of an event stream, or may still become one."""
        return bool(self.head) and any(self.head.startswith(f) or f.startswith(self.head) for f in _FIELDS)

    def read_object(self, limit: int) -> Payload:
        """Return the whole body as one JSON object.

        Raises `NotAnEventStreamError` with the beginning of the body if it isn't an object, or is longer
        than *limit* bytes.
        """
        body = bytearray()
        for chunk in self.chunks:
            body += chunk
            if len(body) > limit:
                raise self.refusal(f"a JSON document of more than {limit} bytes")
        try:
            value = loads(body.decode(errors="replace").removeprefix("\ufeff"))
        except NotJSONError as exc:
            raise self.refusal("an HTML page" if self.head[:1] == b"<" else "broken JSON") from exc
        if not isinstance(value, dict):
            raise self.refusal(f"a JSON {type(value).__name__}")
        return value

    def refusal(self, what: str) -> NotAnEventStreamError:
        """Return the error for a body that is *what*, such as "an HTML page"."""
        text = self.head.decode(errors="replace")
        shown = f": {text[:120]!r}" if text else ""
        return NotAnEventStreamError(f"expected an event stream, got {what}{shown}", body=text)

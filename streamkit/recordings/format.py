"""Read and write recordings: one reply with the times of its bytes, as lines of JSON in a file.

    {"streamkit_recording": 1, "request": {"method": "POST", "url": ..., "headers": {...}, "body": {...}},
     "response": {"status": 200, "headers": {...}, "after": 0.412}, "streamkit": "0.1.0", "recorded_at": ...}
    {"t": 0.0, "text": "data: {\"id\": ...}\\n\\n"}
    {"t": 0.081, "b64": "w6k="}
    {"t": 0.09, "end": "eof"}

The header is one line. Each read from the network is another: `t` is seconds since the response's headers
arrived (`after` is seconds until then). If the bytes aren't UTF-8 by themselves, they are in `b64`. The last
line states the ending:

| end | the body | replayed as |
|---|---|---|
| `eof` | was read to its end | the end |
| `closed by us` | was closed by the program, or by streamkit when the answer was whole | the end |
| `cancelled` | was closed by `cancel()` | the end |
| `reset` | was cut by the network: `message` | `APIConnectionError` |
| `timeout` | ran into a clock: `phase`, after `seconds`; `message` | `APITimeoutError` |
| `no reply` | never began: `response` is null, the error as above | that error |

Rules: readers ignore unknown keys; a change that old readers would misread gets a new number. A file is
read as far as it goes if its writer was killed.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeGuard

from attrs import field, frozen

from .._checks import PATH, Kind, check
from .._version import __version__
from ..codec import from_jsonable
from ..errors import UsageError
from ..json_text import NotJSONError, dumps, encode_compact, loads

VERSION = 1

End: TypeAlias = Literal["eof", "closed by us", "cancelled", "reset", "timeout", "no reply"]
Source: TypeAlias = "str | os.PathLike[str] | Recording"

# A block of an event stream with the blank line after it, or the rest at the end.
_BLOCK = re.compile(rb".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", re.DOTALL)


@frozen
class TimedChunk:
    """The bytes of one read, and their time: seconds since the response's headers."""

    at: float
    data: bytes


@frozen
class Ending:
    """How and when the body ended; `how` is None if the recording itself was truncated."""

    how: End | None = "eof"
    at: float = 0.0
    message: str = ""
    phase: str | None = None
    seconds: float | None = None


@frozen
class RecordedRequest:
    """The request without secrets: the body decoded, or as text if it isn't JSON."""

    method: str = "POST"
    url: str = ""
    headers: Mapping[str, str] = field(factory=dict)
    body: Any = None


@frozen
class RecordedResponse:
    """Status and headers of the reply; `after` is seconds from sending the request to the headers."""

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    after: float = 0.0


@frozen
class Header:
    """The first line of a recording."""

    streamkit_recording: int = VERSION
    request: RecordedRequest | None = None
    response: RecordedResponse | None = None
    streamkit: str = __version__
    recorded_at: str | None = None  # ISO 8601, UTC


@frozen
class Recording:
    """One reply. `name` is the file's name without directory and suffixes."""

    header: Header = field(factory=Header)
    chunks: tuple[TimedChunk, ...] = field(default=(), repr=lambda chunks: f"<{len(chunks)} chunks>")
    ending: Ending = field(factory=Ending)
    name: str = field(default="", eq=False)

    @classmethod
    def of(
        cls,
        body: bytes | Iterable[bytes],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        name: str = "",
    ) -> Recording:
        """Return a recording of a body that was never on the network: every chunk is at second 0.

        *body* is a list of chunks, or bytes; of bytes, every block of an event stream is a chunk. Without
        *headers*, the body's first byte decides the content type.
        """
        data = body if isinstance(body, bytes) else b"".join(body := tuple(body))
        document = data.lstrip()[:1] in (b"{", b"[")
        if isinstance(body, bytes):
            body = [body] if document else _BLOCK.findall(body)
        if headers is None:
            headers = {"content-type": "application/json" if document else "text/event-stream"}
        response = RecordedResponse(status, dict(headers))
        return cls(Header(response=response), tuple(TimedChunk(0.0, piece) for piece in body), name=name)

    @property
    def body(self) -> bytes:
        """All bytes of the reply's body."""
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def response(self) -> RecordedResponse:
        """Status and headers; an empty 200 if no reply arrived (`ending.how` is "no reply")."""
        return self.header.response or RecordedResponse()

    def lines(self) -> Iterator[str]:
        """Serialize this recording: yield the lines of its file format, with line ends."""
        yield header_line(self.header)
        for chunk in self.chunks:
            yield chunk_line(chunk)
        if self.ending.how is not None:
            yield ending_line(self.ending)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to a file."""
        Path(path).write_bytes("".join(self.lines()).encode())


# -- writing ------------------------------------------------------------------------------


def header_line(header: Header) -> str:
    """Return the first line of a recording's file."""
    request, response = header.request, header.response
    return _line(
        {
            "streamkit_recording": header.streamkit_recording,
            "request": request
            and {
                "method": request.method,
                "url": request.url,
                "headers": dict(request.headers),
                "body": request.body,
            },
            "response": response
            and {
                "status": response.status,
                "headers": dict(response.headers),
                "after": round(response.after, 6),
            },
            "streamkit": header.streamkit,
            "recorded_at": header.recorded_at,
        }
    )


def chunk_line(chunk: TimedChunk) -> str:
    """Return the line of one read."""
    try:
        content = {"text": chunk.data.decode()}
    except UnicodeDecodeError:
        content = {"b64": base64.b64encode(chunk.data).decode()}
    return _line({"t": round(chunk.at, 6), **content})


def ending_line(ending: Ending) -> str:
    """Return the last line of a recording's file."""
    facts = {"message": ending.message, "phase": ending.phase, "seconds": ending.seconds}
    known = {name: fact for name, fact in facts.items() if fact not in (None, "")}
    return _line({"t": round(ending.at, 6), "end": ending.how, **known})


def _line(data: Mapping[str, Any]) -> str:
    return dumps(data) + "\n"


# -- reading ------------------------------------------------------------------------------


_SOURCE = Kind("a Recording or the path of a file", PATH.fits, "pass Recording.of(body) for bytes")


def load_recording(source: Source) -> Recording:
    """Return the recording in a file, or in a file that contains a body alone (`.sse`, a JSON answer).

    A body alone has no times: every block of it is at second 0. Raises `UsageError` if the file can't be
    read, or with the line number if a recording is invalid.
    """
    if isinstance(source, Recording):
        return source
    check("source", source, _SOURCE)
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise UsageError(f"cannot read the recording {path}: {exc.strerror}") from exc
    return recording_in(data, path)


def recording_in(data: bytes, path: Path) -> Recording:
    """Return the recording that *data*, the content of the file *path*, is. Raises as `load_recording`."""
    name = path.name.split(".")[0]
    first = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if not (first.lstrip().startswith(b"{") and b'"streamkit_recording"' in first):
        return Recording.of(data, name=name)
    return _parse(data.removeprefix(b"\xef\xbb\xbf"), path, name)


def _parse(data: bytes, path: Path, name: str) -> Recording:
    lines = data.split(b"\n")  # not splitlines(), which also splits at a CR
    header = _read_header(_decode(lines[0], path, 1), path)
    chunks: list[TimedChunk] = []
    ending = None
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        if ending is not None:
            raise UsageError(f"{path}, line {number}: the recording ended above; a file contains only one")
        try:
            fields = _decode(line, path, number)
        except UsageError:
            if number == len(lines):  # without a line end: its writer was killed
                break
            raise
        at = fields.get("t")
        if not _is_time(at):
            raise UsageError(f"{path}, line {number}: t: expected seconds since the headers, got {at!r:.40}")
        if "end" in fields:
            ending = _read_ending(fields, path, number)
        else:
            chunks.append(TimedChunk(at, _read_bytes(fields, path, number)))
    last = chunks[-1].at if chunks else 0.0
    return Recording(header, tuple(chunks), ending or Ending(None, last), name)


def _decode(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        fields = loads(line)
    except NotJSONError as exc:
        raise UsageError(f"{path}, line {number}: expected JSON, got {line[:40]!r} ({exc})") from exc
    if not isinstance(fields, dict):
        raise UsageError(f"{path}, line {number}: expected an object, got {line[:40]!r}")
    return fields


def _is_time(value: Any) -> TypeGuard[float]:
    """Return True for seconds that a player can wait: a clock counts no further than 1e9 of them."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _read_header(fields: dict[str, Any], path: Path) -> Header:
    version = fields.get("streamkit_recording")
    if version != VERSION:
        raise UsageError(
            f"{path}, line 1: streamkit_recording: expected {VERSION}, got {version!r:.40}; "
            f"upgrade streamkit ({__version__})"
        )
    try:
        header: Header = from_jsonable(fields, Header)
    except UsageError as exc:
        raise UsageError(f"{path}, line 1: {exc}") from exc
    if header.response is not None and not _is_time(header.response.after):
        got = repr(header.response.after)[:40]
        raise UsageError(f"{path}, line 1: response.after: expected seconds since the request, got {got}")
    return header


def _read_ending(fields: dict[str, Any], path: Path, number: int) -> Ending:
    known = {name: fields[name] for name in ("message", "phase", "seconds") if name in fields}
    try:
        return from_jsonable({"how": fields["end"], "at": fields["t"], **known}, Ending)
    except UsageError as exc:
        raise UsageError(f"{path}, line {number}: {exc}") from exc


def _read_bytes(fields: dict[str, Any], path: Path, number: int) -> bytes:
    text, b64 = fields.get("text"), fields.get("b64")
    if isinstance(text, str) and b64 is None:
        try:
            return text.encode()
        except UnicodeEncodeError as exc:
            raise UsageError(f"{path}, line {number}: text: {exc.reason}; use b64") from exc
    if isinstance(b64, str) and text is None:
        try:
            return base64.b64decode(b64, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise UsageError(f"{path}, line {number}: b64: expected base64: {exc}") from exc
    raise UsageError(
        f"{path}, line {number}: expected text, b64 or end, got {', '.join(fields)[:80] or 'no key'}"
    )


def event_block(payload: Any) -> bytes:
    """Return the block of an event stream for *payload*: a string unchanged, anything else as JSON.

    A payload with a `type`, as in the Responses API, gets its `event:` line.
    """
    if isinstance(payload, str):
        return b"".join(b"data: %b\n" % line for line in payload.encode().split(b"\n")) + b"\n"
    kind = payload.get("type") if isinstance(payload, Mapping) else None
    event = f"event: {kind}\n" if isinstance(kind, str) else ""
    return b"%bdata: %b\n\n" % (event.encode(), encode_compact(payload))

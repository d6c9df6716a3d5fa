"""Record the replies of a transport: the file is written while the reply is read.

Rules: a recording is safe to share. Request headers and query parameters keep their values only if they are
known to be harmless. Reply headers keep theirs unless they are secret. The key is masked wherever a
server or a prompt quotes it. Every line is flushed as soon as it is complete. A full disk ends the
recording, never the stream.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import evolve

from .._files import open_private
from ..errors import (
    APITimeoutError,
    StreamCancelledError,
    StreamkitError,
    UsageError,
)
from ..http.scrubbing import HIDDEN, scrub, scrubber
from ..http.secrets import is_secret
from ..json_text import NotJSONError, loads
from .format import (
    Ending,
    Header,
    RecordedRequest,
    RecordedResponse,
    TimedChunk,
    chunk_line,
    ending_line,
    header_line,
)
from .masking import Masker, mask_object

if TYPE_CHECKING:
    from ..http.clocks import Watch
    from ..http.messages import Call, Reply, Transport

logger = logging.getLogger("streamkit")

# A gateway inside a company may take its password in a header of any name, so only these keep their values.
_HARMLESS_HEADERS = {
    *("accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"),
    *("anthropic-version", "openai-beta", "idempotency-key"),
    *("http-referer", "x-title", "x-openrouter-title", "x-openrouter-categories"),
}
_HARMLESS_QUERY = {"api-version", "beta", "version"}
_ACCOUNT_HEADERS = {"openai-organization", "openai-project"}


class RecordingTransport:
    """Send calls through *transport* and record each reply in the file *path*; the last one stays.

    The file is opened before a request is sent; `UsageError` if that fails. With *mask*, the words of the
    prompt and the answer become `xxx`, and the structure stays; see masking.py. *now_utc* is the date and
    time; seconds are those of the call's watch.
    """

    def __init__(
        self,
        transport: Transport,
        path: str | os.PathLike[str],
        *,
        mask: bool = False,
        now_utc: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._transport = transport
        self._path = Path(path)
        self._mask = mask
        self._now_utc = now_utc

    def open(self, call: Call, watch: Watch) -> Reply:
        """Return or raise the result of the transport's own `open`, recorded."""
        try:
            file = open_private(self._path, "wb")
        except OSError as exc:
            raise UsageError(f"cannot write the recording {self._path}: {exc.strerror}") from exc
        header = Header(
            request=recorded_request(call, mask=self._mask),
            recorded_at=self._now_utc().isoformat(timespec="seconds"),
        )
        writer = _Writer(file, call.secrets, mask=self._mask)
        asked = watch.now()
        try:
            reply = self._transport.open(call, watch)
        except StreamkitError as error:
            writer.begin(header)
            writer.end(_ending(error, watch.now() - asked, answered=False))
            raise
        except BaseException:
            file.close()
            raise
        headers = _shown(reply.headers, (*call.secrets, *reply.secrets))
        writer.learn(reply.secrets)
        writer.begin(evolve(header, response=RecordedResponse(reply.status, headers, watch.now() - asked)))
        return _recorded(reply, writer, watch.now)


def _recorded(reply: Reply, writer: _Writer, now: Callable[[], float]) -> Reply:
    """Return *reply* with its bytes copied to *writer* while they pass."""
    began = now()

    def chunks() -> Iterator[bytes]:
        try:
            for chunk in reply.chunks:
                writer.add(TimedChunk(now() - began, chunk))
                yield chunk
        except StreamkitError as error:
            writer.end(_ending(error, now() - began, answered=True))
            raise
        writer.end(Ending("eof", now() - began))

    def close() -> None:
        try:
            writer.end(Ending("closed by us", now() - began))
        finally:
            reply.close()

    return evolve(reply, chunks=chunks(), close=close)


def _ending(error: StreamkitError, at: float, *, answered: bool) -> Ending:
    """Return the last line for the failure *error*."""
    if isinstance(error, StreamCancelledError):
        return Ending("cancelled", at)
    if not isinstance(error, APITimeoutError):
        return Ending("reset" if answered else "no reply", at, error.message)
    if error.phase == "grace":  # the answer was whole; waiting for more was our own decision
        return Ending("closed by us", at)
    return Ending("timeout" if answered else "no reply", at, error.message, error.phase, error.seconds)


class _Writer:
    """Writes a recording's file, line by line. `end` may be called more than once."""

    def __init__(self, file: BinaryIO, secrets: Iterable[str], *, mask: bool) -> None:
        self._file = file
        self._secrets = tuple(secrets)
        self._blotter = _Blotter(self._secrets)
        self._masker = Masker() if mask else None

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask *secrets*, too. For the time before the first chunk."""
        self._secrets = (*self._secrets, *secrets)
        self._blotter = _Blotter(self._secrets)

    def begin(self, header: Header) -> None:
        self._write(header_line(header))

    def add(self, chunk: TimedChunk) -> None:
        """Write everything that *chunk* completes: bytes without masking, frames with it."""
        for blotted in self._blotter.add(chunk):
            self._write_chunk(blotted)

    def end(self, ending: Ending) -> None:
        if self._file.closed:
            return
        for blotted in self._blotter.finish():
            self._write_chunk(blotted)
        for masked in self._masker.finish() if self._masker else ():
            self._write(chunk_line(masked))
        self._write(ending_line(evolve(ending, message=scrub(ending.message, self._secrets))))
        with suppress(OSError):  # a full disk; the write has already logged it
            self._file.close()

    def _write_chunk(self, chunk: TimedChunk) -> None:
        for written in self._masker.add(chunk) if self._masker else (chunk,):
            self._write(chunk_line(written))

    def _write(self, line: str) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(line.encode())
            self._file.flush()
        except OSError as exc:
            logger.warning("the recording %s ends here, because writing failed: %s", self._file.name, exc)
            with suppress(OSError):
                self._file.close()


class _Blotter:
    """Replaces secrets by asterisks, even if a secret is cut across chunks.

    A replacement is as long as the secret, so chunks keep their sizes and times.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # A body is searched as Latin-1, one character a byte, so a secret has to be read the same way.
        self._scrubber = scrubber(tuple(secret.encode().decode("latin-1") for secret in secrets))
        self._longest = 2 * self._scrubber.longest  # a secret may be broken over lines
        self._held: list[TimedChunk] = []
        self._tail = b""

    def add(self, chunk: TimedChunk) -> Iterator[TimedChunk]:
        """Yield the chunks so far, unless they end with the beginning of a secret."""
        self._held.append(chunk)
        self._tail = (self._tail + chunk.data)[-self._longest :] if self._longest else b""
        if not self._scrubber.ends_inside(self._tail.decode("latin-1")):
            yield from self.finish()

    def finish(self) -> Iterator[TimedChunk]:
        """Yield all chunks that were held back."""
        body = b"".join(chunk.data for chunk in self._held)
        if spans := self._scrubber.spans(body.decode("latin-1")):
            blotted = bytearray(body)
            for begin, end in spans:
                blotted[begin:end] = b"*" * (end - begin)
            body = bytes(blotted)
        at = 0
        for chunk in self._held:
            yield TimedChunk(chunk.at, body[at : at + len(chunk.data)])
            at += len(chunk.data)
        self._held.clear()


# -- the parts of a request that are safe to show ---------------------------------------------


def recorded_request(call: Call, *, mask: bool) -> RecordedRequest:
    """Return the parts of *call* that a recording keeps."""
    shown = {
        name: value if name.lower() in _HARMLESS_HEADERS else HIDDEN for name, value in call.headers.items()
    }
    headers = {**scrub(shown, call.secrets), **dict.fromkeys(call.credentials, HIDDEN)}
    try:
        body = _without_credentials(loads(call.body))
        body = mask_object(body) if mask else body
    except (NotJSONError, RecursionError):
        body = HIDDEN if mask else call.body.decode(errors="replace")
    return RecordedRequest("POST", _url(call), headers, scrub(body, call.secrets))


def _url(call: Call) -> str:
    """Return the address without user and password, and with only harmless values in the query."""
    parts = urlsplit(call.url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *call.query.items()]
    query = [(name, value if name.lower() in _HARMLESS_QUERY else HIDDEN) for name, value in pairs]
    host = parts.netloc.rpartition("@")[2]
    path = scrub(parts.path, call.secrets)
    return str(urlunsplit((parts.scheme, host, path, urlencode(query, safe="*"), "")))


def _shown(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Return a reply's headers with cookies, tokens and the names of accounts masked."""
    shown = {
        name: HIDDEN if is_secret(name) or name.lower() in _ACCOUNT_HEADERS else value
        for name, value in headers.items()
    }
    return scrub(shown, secrets)  # type: ignore[no-any-return]


def _without_credentials(value: Any) -> Any:
    """Return a request's body with strings under names like `authorization` masked (MCP tools have one)."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if isinstance(inner, str) and is_secret(name) else _without_credentials(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_credentials(inner) for inner in value]
    return value

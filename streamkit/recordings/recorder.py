"""A transport in, the same transport out, with a file that is written while its replies are read.

Rules: what is written is safe to hand on: of the request only headers and query parameters that are known
to be harmless keep their values, of the reply all but the secret ones, and the key is blotted out wherever a
server or a prompt quotes it. Every line is flushed as its bytes pass. A disk that fills up ends the
recording, never the stream.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from attrs import evolve

from ..errors import (
    APITimeoutError,
    StreamCancelledError,
    StreamkitError,
    UsageError,
)
from ..http.secrets import HIDDEN, is_secret, scrub
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

# A gateway inside a company takes its password in a header of any name, so these alone are shown.
_HARMLESS_HEADERS = {
    *("accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"),
    *("anthropic-version", "openai-beta", "idempotency-key"),
    *("http-referer", "x-title", "x-openrouter-title", "x-openrouter-categories"),
}
_HARMLESS_QUERY = {"api-version", "beta", "version"}
_WHOSE_ACCOUNT = {"openai-organization", "openai-project"}


class RecordingTransport:
    """Sends calls through *transport* and keeps each reply in the file *path*; the last one stays.

    The file is opened before anything is sent: `UsageError` where it cannot be. With *mask*, what people
    and the model wrote becomes `xxx` of the same length, and the structure stays. *now_utc* is the
    calendar's time; seconds are those of the call's watch.
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
        """What the transport's own `open` returns or raises, recorded."""
        try:
            file = self._path.open("wb")
        except OSError as exc:
            raise UsageError(f"cannot write the recording {self._path}: {exc.strerror}") from exc
        header = Header(
            request=_request(call, mask=self._mask), recorded_at=self._now_utc().isoformat(timespec="seconds")
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
        headers = _shown(reply.headers, call.secrets)
        writer.begin(evolve(header, response=RecordedResponse(reply.status, headers, watch.now() - asked)))
        return _recorded(reply, writer, watch.now)


def _recorded(reply: Reply, writer: _Writer, now: Callable[[], float]) -> Reply:
    """*reply*, with its bytes going to *writer* as they pass."""
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
    """The last line for what *error* says about the network."""
    if isinstance(error, StreamCancelledError):
        return Ending("cancelled", at)
    if not isinstance(error, APITimeoutError):
        return Ending("reset" if answered else "no reply", at, error.message)
    if error.phase == "grace":  # the answer was whole, and waiting for more was our own idea
        return Ending("closed by us", at)
    return Ending("timeout" if answered else "no reply", at, error.message, error.phase, error.seconds)


class _Writer:
    """A recording's file, line by line. Idempotent at its end."""

    def __init__(self, file: BinaryIO, secrets: Iterable[str], *, mask: bool) -> None:
        self._file = file
        self._secrets = tuple(secrets)
        self._blots = [(secret.encode(), b"*" * len(secret.encode())) for secret in self._secrets]
        self._masker = Masker() if mask else None
        self._held: list[TimedChunk] = []
        self._tail = b""

    def begin(self, header: Header) -> None:
        self._write(header_line(header))

    def add(self, chunk: TimedChunk) -> None:
        """Write *chunk*, unless what it ends with can only be judged with the next one."""
        self._held.append(chunk)
        longest = max((len(secret) for secret, _ in self._blots), default=1)
        self._tail = (self._tail + chunk.data)[-longest:]
        may_stop = self._masker is None or self._masker.may_stop(chunk.data)
        if may_stop and not self._may_be_cut_in_a_secret():
            self._settle()

    def end(self, ending: Ending) -> None:
        if self._file.closed:
            return
        self._settle()
        self._write(ending_line(evolve(ending, message=scrub(ending.message, self._secrets))))
        with suppress(OSError):  # a full disk; the write has already said so
            self._file.close()

    def _may_be_cut_in_a_secret(self) -> bool:
        return any(
            self._tail.endswith(secret[:size]) for secret, _ in self._blots for size in range(1, len(secret))
        )

    def _settle(self) -> None:
        """Write all that was held, cut where it was cut: every replacement has the length of the original."""
        body = b"".join(chunk.data for chunk in self._held)
        for secret, blot in self._blots:
            body = body.replace(secret, blot)
        if self._masker:
            body = self._masker.mask(body)
        at = 0
        for chunk in self._held:
            self._write(chunk_line(TimedChunk(chunk.at, body[at : at + len(chunk.data)])))
            at += len(chunk.data)
        self._held.clear()

    def _write(self, line: str) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(line.encode())
            self._file.flush()
        except OSError as exc:
            logger.warning("the recording %s is broken off: %s", self._file.name, exc)
            with suppress(OSError):
                self._file.close()


# -- what may be seen of a request ------------------------------------------------------------


def _request(call: Call, *, mask: bool) -> RecordedRequest:
    shown = {
        name: value if name.lower() in _HARMLESS_HEADERS else HIDDEN for name, value in call.headers.items()
    }
    headers = {**scrub(shown, call.secrets), **dict.fromkeys(call.credentials, HIDDEN)}
    try:
        body = _without_credentials(json.loads(call.body))
        body = mask_object(body) if mask else body
    except (ValueError, RecursionError):
        body = HIDDEN if mask else call.body.decode(errors="replace")
    return RecordedRequest("POST", _url(call), headers, scrub(body, call.secrets))


def _url(call: Call) -> str:
    """The address without user and password, and of the query only what is known to be harmless."""
    parts = urlsplit(call.url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *call.query.items()]
    query = [(name, value if name.lower() in _HARMLESS_QUERY else HIDDEN) for name, value in pairs]
    host = parts.netloc.rpartition("@")[2]
    path = scrub(parts.path, [*call.secrets, *(quote(secret, safe="") for secret in call.secrets)])
    return str(urlunsplit((parts.scheme, host, path, urlencode(query, safe="*"), "")))


def _shown(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """A reply's headers: all are worth seeing but for cookies, tokens and whose account it is."""
    shown = {
        name: HIDDEN if is_secret(name) or name.lower() in _WHOSE_ACCOUNT else value
        for name, value in headers.items()
    }
    return scrub(shown, secrets)  # type: ignore[no-any-return]


def _without_credentials(value: Any) -> Any:
    """A request's body without the strings under names like `authorization` (MCP tools carry one)."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if isinstance(inner, str) and is_secret(name) else _without_credentials(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_credentials(inner) for inner in value]
    return value

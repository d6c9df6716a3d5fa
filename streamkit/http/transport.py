"""One Call out, one Reply in: the only file that sends a request, and the one map of foreign errors.

Strategy. requests makes the connection (proxies, certificates, netrc, pooling), and its session reads
the headers. The body is read below requests, one `recv` at a time, from http.client's own buffer, so
that an event is handed on when its bytes arrive; the framing is undone in `body.py`, and every wait
passes through the call's `Watch`. A body read to its end gives its connection back to the pool; any
other is closed.

Rules: what leaves this file is a `StreamkitError`, the foreign one is its `__cause__`; a key never goes to
another host; nothing here knows SSE or JSON.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import (
    ConnectTimeout,
    InvalidHeader,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    RequestException,
    SSLError,
)
from urllib3.exceptions import HTTPError, MaxRetryError

from ..errors import APIConnectionError, APIError, StreamkitError, UsageError
from .clocks import Watch
from .framing import READ, dechunk, gunzip, take
from .messages import Call, Reply
from .secrets import redact, redact_url
from .session import KeyAuth, new_session, watching

MAX_REDIRECTS = 5
LARGE = 128 * 1024  # bytes of a request body that the socket's own buffer may not hold
_HUNG_UP = (ConnectionResetError, BrokenPipeError)  # RemoteDisconnected is a ConnectionResetError
FOREIGN = (RequestException, HTTPError, HTTPException, OSError, UnicodeError)


class RequestsTransport:
    """HTTP through requests: a session for each thread, made anew after a fork, or the caller's own."""

    def __init__(self, session: requests.Session | None = None) -> None:
        self._own = session
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def __getstate__(self) -> dict[str, Any]:
        return {"session": self._own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["session"])  # type: ignore[misc]

    @property
    def session(self) -> requests.Session:
        """The session of this thread and process."""
        if self._own is not None:
            return self._own
        if self._pid != os.getpid():
            self._reset()  # the parent's sockets are the parent's
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is None:
            lease = self._local.lease = _Lease()
            self._sessions.add(lease.session)
        return lease.session

    def close(self) -> None:
        """Close the idle connections of every thread's session; the caller's own stays open."""
        for session in list(self._sessions):
            session.close()

    def open(self, call: Call, watch: Watch) -> Reply:
        """Send *call* and follow redirects on the same host.

        Raises `APIConnectionError`, `APITimeoutError`, `StreamCancelledError`, `UsageError` for a URL or
        header that cannot be sent, and `APIError` for a redirect to another host.
        """
        url = call.url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, call, watch)
            target = response.headers.get("location") if 300 <= response.status_code < 400 else None
            if target is None:
                return _reply(response, watch)
            response.close()
            watch.release()
            url = _follow(url, target, response.status_code)
        raise APIError(f"more than {MAX_REDIRECTS} redirects, the last one to {redact_url(url)}", status=310)

    def _send(self, url: str, call: Call, watch: Watch) -> requests.Response:
        """The response to one POST, sent again where it met a connection that the server was closing.

        Some servers end a connection without a word after they let it be kept (llama.cpp after every
        stream): a request that crosses their goodbye was read by nobody. As Go's net/http does, it goes
        out again at once where the connection came from the pool and not a byte had come back.
        """
        while True:
            watch.check_cancelled()
            watch.connected, received = False, watch.bytes
            try:
                with watching(watch):
                    return self._post(url, call, watch)
            except FOREIGN as exc:
                watch.release()
                cause = _innermost(exc)
                from_pool = self._own is None and not watch.connected
                if from_pool and watch.bytes == received and isinstance(cause, _HUNG_UP):
                    continue
                raise _translate(exc, cause, url, watch) from cause

    def _post(self, url: str, call: Call, watch: Watch) -> requests.Response:
        session = self.session
        return session.post(
            url,
            data=_Upload(call.body, watch) if len(call.body) > LARGE else call.body,
            headers=dict(call.headers),
            params=dict(call.query),
            auth=KeyAuth(call.credentials) if call.credentials else None,
            stream=True,
            # Said again, for else REQUESTS_CA_BUNDLE would win over it (psf/requests#3829).
            verify=None if session.verify is True else session.verify,
            timeout=(watch.connect_timeout(), watch.read_timeout()),
            allow_redirects=False,
        )


class _Upload(io.BytesIO):
    """A large body, read by http.client in pieces: each has the connect clock's time to go out.

    In one piece all of it would have to (a page of images, a slow line), and `cancel()` would wait for it.
    """

    def __init__(self, body: bytes, watch: Watch) -> None:
        super().__init__(body)
        self._watch = watch

    def read(self, size: int | None = -1, /) -> bytes:
        self._watch.check_cancelled()
        self._watch.connect_timeout()  # raises when the deadline has passed
        return super().read(size)


class _Lease:
    """A thread's hold on its session: when the thread ends, or the transport goes, the session is closed."""

    def __init__(self) -> None:
        self.session = new_session()
        weakref.finalize(self, self.session.close)


def _follow(url: str, target: str, status: int) -> str:
    """Where a redirect leads. Raises `APIError` where that is another host: the key stays at home.

    A POST stays a POST whatever the status: nothing else makes sense at these addresses.
    """
    new = urljoin(url, target)
    old_parts, new_parts = urlsplit(url), urlsplit(new)
    same = (old_parts.scheme, old_parts.netloc) == (new_parts.scheme, new_parts.netloc)
    upgraded = (
        old_parts.hostname == new_parts.hostname
        and (old_parts.scheme, old_parts.port or 80) == ("http", 80)
        and (new_parts.scheme, new_parts.port or 443) == ("https", 443)
    )
    if same or upgraded:
        return new
    raise APIError(
        f"{redact_url(url)} redirects to another host, {redact_url(new)}; the key is not sent there: "
        "set base_url to it if you trust it",
        status=status,
    )


def _reply(response: requests.Response, watch: Watch) -> Reply:
    original = getattr(response.raw, "_original_response", None)
    reader = getattr(original, "fp", None)
    watch.guard(reader)
    if watch.request_sent is None:  # a session of the caller's own
        watch.request_sent = watch.now()
    done = False

    def chunks() -> Iterator[bytes]:
        nonlocal done
        try:
            yield from _body(response, original, reader)
        except FOREIGN as exc:
            cause = _innermost(exc)
            raise _translate(exc, cause, response.url or "", watch) from cause
        watch.check_cancelled()
        done = True

    def close() -> None:
        watch.release()
        if done and original is not None and reader is not None:
            original.close()  # http.client's response only; the connection stays open
            response.raw.release_conn()
        else:
            response.close()

    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, redact(headers), chunks(), close)


def _body(response: requests.Response, original: Any, reader: Any) -> Iterator[bytes]:
    """The body's bytes as they arrive.

    A response that is not http.client's (a fake's), and a coding we did not ask for and requests may
    know (br, zstd), is left to requests.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if reader is None or not hasattr(reader, "read1") or coding not in ("", "identity", "gzip", "x-gzip"):
        return response.iter_content(None)
    reads: Iterable[bytes] = iter(lambda: reader.read1(READ), b"")
    if original.chunked:
        reads = dechunk(reads)
    elif original.length is not None:
        reads = take(reads, original.length)
    return gunzip(reads) if "gzip" in coding else iter(reads)


# -- the map of foreign errors ------------------------------------------------------------


def _innermost(exc: BaseException) -> BaseException:
    """The reason inside requests' and urllib3's wrappers, whose texts hold the whole URL with its query."""
    while True:
        inner: Any = exc.reason if isinstance(exc, MaxRetryError) else None
        if inner is None and isinstance(exc, RequestException | HTTPError):
            inner = next((arg for arg in reversed(exc.args) if isinstance(arg, Exception)), None)
        if inner is None and isinstance(exc, HTTPError):
            inner = exc.__cause__
        if not isinstance(inner, BaseException):
            return exc
        exc = inner


def _translate(exc: BaseException, cause: BaseException, url: str, watch: Watch) -> StreamkitError:
    """The error of ours that *exc*, met while talking to *url*, means."""
    try:
        watch.check_cancelled()
    except StreamkitError as cancelled:
        return cancelled
    where = urlsplit(redact_url(url)).netloc or redact_url(url)
    if isinstance(exc, InvalidURL | MissingSchema | InvalidSchema | InvalidHeader | UnicodeError):
        return UsageError(f"cannot send to {redact_url(url)!r}: {_reason(cause)}")
    if watch.fired:
        return watch.error()
    if isinstance(exc, ConnectTimeout):
        return watch.connect_error()
    if isinstance(exc, requests.Timeout) or isinstance(cause, TimeoutError):
        sent = watch.request_sent is not None or isinstance(exc, requests.ReadTimeout)
        return watch.error() if sent else watch.connect_error()
    if isinstance(exc, SSLError):
        return APIConnectionError(
            f"TLS to {where} failed: {_reason(cause)}; a company's own certificate authority is made known "
            "with REQUESTS_CA_BUNDLE or session.verify",
            retryable="CERTIFICATE_VERIFY_FAILED" not in str(cause),
        )
    if isinstance(exc, ProxyError):
        return APIConnectionError(f"the proxy on the way to {where} failed: {_reason(cause)}")
    return APIConnectionError(f"the connection to {where} failed: {_reason(cause)}")


def _reason(cause: BaseException) -> str:
    text = str(cause).strip()
    return (text if text.isprintable() else repr(text)) or type(cause).__name__

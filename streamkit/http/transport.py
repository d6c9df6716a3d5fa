"""Send one Call and return its Reply: the only file that sends requests, and the one map of foreign errors.

Strategy. requests makes the connection (proxies, certificates, netrc, pooling), and its session reads the
headers. The body is read below requests, one `recv` at a time, from http.client's own buffer: an event is
passed on when its bytes arrive. framing.py undoes the framing, and every wait passes through the
call's `Watch`. If a body was read to its end, its connection returns to the pool, else it is closed.

Rules: this file raises only `StreamkitError`, with the foreign exception as its `__cause__`, and passes on an
exception that interrupts the program. A key never goes to another host. This file knows neither SSE nor JSON.
"""

from __future__ import annotations

import io
import os
import threading
import traceback
import weakref
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from attrs import evolve
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
from urllib3.exceptions import InvalidHeader as InvalidReplyHeader

from .._interrupts import is_interrupt
from ..errors import APIConnectionError, APIError, StreamkitError, UsageError
from .clocks import Watch
from .framing import DEFLATED, MAX_CODINGS, READ, dechunk, inflate, plain_only, take
from .log_masking import masker, masking_logs
from .messages import Call, Reply
from .scrubbing import scrub
from .secrets import Secret, redact, redact_url, secrets_in
from .session import KeyAuth, new_session, watching

MAX_REDIRECTS = 5
LARGE = 128 * 1024  # bytes of a request body; above this, the socket's own buffer may be too small
_HUNG_UP = (ConnectionResetError, BrokenPipeError)  # RemoteDisconnected is a ConnectionResetError
FOREIGN = (RequestException, HTTPError, HTTPException, OSError, ValueError)  # also UnicodeError


class RequestsTransport:
    """HTTP through requests, with a session for each thread and process, or with the caller's own session."""

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
            self._reset()  # the sockets belong to the parent process
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
        """Send *call*, and follow redirects on the same host.

        Raises `APIConnectionError`, `APITimeoutError` and `StreamCancelledError`. Raises `UsageError` for a
        URL or header that can't be sent, and `APIError` for a redirect to another host.
        """
        url = call.url
        found: tuple[Secret, ...] = ()  # in the redirects
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, call, watch)
            target = response.headers.get("location") if 300 <= response.status_code < 400 else None
            if target is None:
                return _reply(response, call, watch, found, is_own=self._own is None)
            response.close()
            watch.release()
            url = _follow(url, target, response.status_code)
            more = tuple(secrets_in(url, {}, dict(parse_qsl(urlsplit(url).query))))
            found, call = (*found, *more), evolve(call, hidden=(*call.hidden, *more))
        raise APIError(f"more than {MAX_REDIRECTS} redirects, the last one to {redact_url(url)}", status=310)

    def _send(self, url: str, call: Call, watch: Watch) -> requests.Response:
        """Return the response to one POST; send it again if the server was closing a pooled connection.

        Some servers allow keep-alive and then close the connection silently (llama.cpp after every stream),
        so they never read a request that arrives at that moment. If the connection is from the pool and no
        byte was received, the request is sent again at once, as Go's net/http does.
        """
        while True:
            watch.check_cancelled()
            watch.connected, received = False, watch.bytes
            watch.connecting = False
            try:
                with watching(watch), masking_logs(masker(call.secrets)):
                    return self._post(url, call, watch)
            except FOREIGN as exc:
                watch.release()
                cause = _innermost(exc)
                if is_interrupt(cause):
                    raise cause from None
                from_pool = self._own is None and not watch.connected
                if from_pool and watch.bytes == received and isinstance(cause, _HUNG_UP):
                    continue
                failure = _translate(exc, cause, url, watch)
            # Raised out here, the error has no context; the frames of the libraries hold the key.
            raise failure from _bare(cause, call.secrets)

    def _post(self, url: str, call: Call, watch: Watch) -> requests.Response:
        session = self.session
        return session.request(
            call.method,
            url,
            data=_Upload(call.body, watch) if len(call.body) > LARGE else call.body,
            headers=dict(call.headers),
            params=dict(call.query),
            auth=KeyAuth(call.credentials) if call.credentials else None,
            stream=True,
            # Passed explicitly, because REQUESTS_CA_BUNDLE overrides session.verify (psf/requests#3829).
            verify=None if session.verify is True else session.verify,
            timeout=(watch.connect_timeout(), watch.read_timeout()),
            allow_redirects=False,
        )


class _Upload(io.BytesIO):
    """A large request body. http.client sends it in pieces; the connect timeout applies to each piece.

    As one piece, a page of images on a slow line would have to be sent within that time. `cancel()` would
    wait for all of it.
    """

    def __init__(self, body: bytes, watch: Watch) -> None:
        super().__init__(body)
        self._watch = watch

    def read(self, size: int | None = -1, /) -> bytes:
        self._watch.check_cancelled()
        self._watch.connect_timeout()  # raises if the deadline has passed
        return super().read(size)


class _Lease:
    """A thread's reference to its session: the session is closed when the thread or the transport is gone."""

    def __init__(self) -> None:
        self.session = new_session()
        weakref.finalize(self, self.session.close)


def _follow(url: str, target: str, status: int) -> str:
    """Return the target of a redirect. Raises `APIError` for another host, which must not get the key.

    A POST stays a POST for every status, because these addresses accept no other method.
    """
    try:
        new = urljoin(url, target)
        old_parts, new_parts = urlsplit(url), urlsplit(new)
        new_parts.port  # noqa: B018 - raises for one that isn't a number
    except ValueError:
        raise APIError(f"{redact_url(url)} redirects to an address that isn't valid", status=status) from None
    same = (old_parts.scheme, old_parts.netloc) == (new_parts.scheme, new_parts.netloc)
    upgraded = (
        old_parts.hostname == new_parts.hostname
        and (old_parts.scheme, old_parts.port or 80) == ("http", 80)
        and (new_parts.scheme, new_parts.port or 443) == ("https", 443)
    )
    if same or upgraded:
        return new
    raise APIError(
        f"{redact_url(url)} redirects to another host, {redact_url(new)}; the key wasn't sent there: "
        "if you trust that host, set base_url to it",
        status=status,
    )


def _reply(
    response: requests.Response, call: Call, watch: Watch, found: tuple[Secret, ...], *, is_own: bool
) -> Reply:
    """Return the reply to *call*. *found* are the secrets of the redirects that led to it.

    With *is_own*, only this call knows the response.
    """
    original = getattr(response.raw, "_original_response", None)
    reader = getattr(original, "fp", None)
    watch.guard(reader)
    if watch.request_sent is None:  # a session of the caller's own
        watch.request_sent = watch.now()
    done = False
    headers = redact({name.lower(): value for name, value in response.headers.items()})
    body = _body(response, original, reader)
    if is_own and reader is not None:
        _strip(response, original)

    def chunks() -> Iterator[bytes]:
        nonlocal done
        try:
            yield from body
        except FOREIGN as exc:
            cause = _innermost(exc)
            if is_interrupt(cause):
                raise cause from None
            failure = _translate(exc, cause, response.url or "", watch)
        else:
            watch.check_cancelled()
            done = True
            return
        raise failure from _bare(cause, call.secrets)

    def close() -> None:
        watch.release()
        if done and original is not None and reader is not None:
            original.close()  # http.client's response only; the connection stays open
            response.raw.release_conn()
        else:
            response.close()

    return Reply(response.status_code, headers, chunks(), close, found)


def _strip(response: requests.Response, original: Any) -> None:
    """Drop the request and the headers, which are held three times, while the body is read."""
    unused: Any = None
    response.request = response.headers = response.cookies = unused
    original.headers = original.msg = unused


def _body(response: requests.Response, original: Any, reader: Any) -> Iterator[bytes]:
    """Return the body's bytes as they arrive.

    Left to requests and urllib3: a response that isn't http.client's (a fake), and a coding that urllib3
    knows (br and zstd, if their packages are installed). From 2.6 on, it bounds what a piece may inflate to.
    """
    header = response.headers.get("content-encoding", "").lower()
    codings = [coding for each in header.split(",") if (coding := each.strip()) not in ("", "identity")]
    known = getattr(response.raw, "CONTENT_DECODERS", ())
    if reader is None or not hasattr(reader, "read1"):
        return response.iter_content(READ)  # with None, the end of some fakes (pook) is never seen
    is_deflated = len(codings) <= MAX_CODINGS and all(coding in DEFLATED for coding in codings)
    if codings and not is_deflated and all(coding in known for coding in codings):
        return iter(lambda: response.raw.read1(READ, decode_content=True), b"")
    reads: Iterable[bytes] = iter(lambda: reader.read1(READ), b"")
    if original.chunked:
        reads = dechunk(reads)
    elif original.length is not None:
        reads = take(reads, original.length)
    if is_deflated:
        for coding in reversed(codings):
            reads = inflate(reads, raw=coding == "deflate")
        return iter(reads)
    return plain_only(reads, header.strip()) if codings else iter(reads)


# -- the map of foreign errors ------------------------------------------------------------


def _innermost(exc: BaseException) -> BaseException:
    """Return the cause inside requests' and urllib3's wrappers; their texts contain the whole URL."""
    while True:
        inner: Any = exc.reason if isinstance(exc, MaxRetryError) else None
        if inner is None and isinstance(exc, RequestException | HTTPError):
            inner = next((arg for arg in reversed(exc.args) if isinstance(arg, Exception)), None)
        if inner is None and isinstance(exc, HTTPError):
            inner = exc.__cause__
        if not isinstance(inner, BaseException):
            return exc
        exc = inner


def _bare(cause: BaseException, secrets: tuple[str, ...]) -> BaseException:
    """Return *cause* without request, further causes and variables of its frames: they hold the key."""
    traceback.clear_frames(cause.__traceback__)
    cause.__cause__ = cause.__context__ = None
    for name in {"request", "response", "pool", "conn"} & vars(cause).keys():
        setattr(cause, name, None)
    if not isinstance(cause, OSError) or isinstance(cause, RequestException):
        cause.args = tuple(scrub(arg, secrets) if isinstance(arg, str) else repr(arg) for arg in cause.args)
    return cause


def _translate(exc: BaseException, cause: BaseException, url: str, watch: Watch) -> StreamkitError:
    """Return the `StreamkitError` for *exc*, which was raised by a request to *url*."""
    try:
        watch.check_cancelled()
    except StreamkitError as cancelled:
        return cancelled
    where = urlsplit(redact_url(url)).netloc or redact_url(url)
    is_unsendable = isinstance(exc, InvalidURL | MissingSchema | InvalidSchema | InvalidHeader | UnicodeError)
    if isinstance(exc, InvalidSchema) and "SOCKS" in str(exc):
        return UsageError(
            f"cannot reach {where}: the environment, or the session, names a SOCKS proxy, which needs the "
            "package PySocks; install requests[socks]"
        )
    if is_unsendable and not isinstance(cause, InvalidReplyHeader):
        return UsageError(f"cannot send to {redact_url(url)!r}: {_reason(cause)}")
    if watch.fired:
        return watch.error()
    if isinstance(exc, ConnectTimeout):
        return watch.connect_error()
    is_timeout = isinstance(exc, requests.Timeout) or isinstance(cause, TimeoutError)
    if is_timeout and watch.connecting:  # requests calls a silent TLS handshake a read timeout
        return watch.connect_error(f"; does {where} speak TLS, or is it http://?" if _is_tls(url) else "")
    if is_timeout:
        sent = watch.request_sent is not None or isinstance(exc, requests.ReadTimeout)
        return watch.error() if sent else watch.send_error()
    if isinstance(exc, SSLError):
        return APIConnectionError(
            f"TLS to {where} failed: {_reason(cause)}; set REQUESTS_CA_BUNDLE or session.verify to add your "
            "company's certificate authority",
            retryable="CERTIFICATE_VERIFY_FAILED" not in str(cause),
        )
    if isinstance(exc, ProxyError):
        return APIConnectionError(f"the proxy on the way to {where} failed: {_reason(cause)}")
    return APIConnectionError(f"the connection to {where} failed: {_reason(cause)}")


def _is_tls(url: str) -> bool:
    return url[:6].lower() == "https:"


def _reason(cause: BaseException) -> str:
    text = str(cause).strip()
    return (text if text.isprintable() else repr(text)) or type(cause).__name__

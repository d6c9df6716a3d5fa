"""A requests session with connections that read status line and headers through the caller's watch.

A session of the caller's own (`Client(session=...)`) is used unchanged. Then the watch covers the body from
its first byte, and only requests' read timeout covers the headers.
"""

from __future__ import annotations

import http.client
import queue
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager

# vcrpy replaces these classes in urllib3.connection, maybe before this file is imported; not here.
from urllib3.connectionpool import HTTPConnection, HTTPSConnection  # type: ignore[attr-defined]
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from .clocks import NEVER, ConnectingSocket, Watch
from .connecting import open_socket
from .secrets import Secret
from .uploading import SMALL, upload

HEAD = 1024  # bytes of status line and headers that are read at once

_here = threading.local()  # the watch of the request that this thread is making


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Read the responses that begin in this thread through *watch*."""
    _here.watch = watch
    try:
        yield
    finally:
        _here.watch = None


def new_session() -> requests.Session:
    """Return a session with streamkit's adapter for http and https, which keeps no cookies of servers.

    A cookie would tie the requests of different users of one client to each other.
    """
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = _Adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _SmallReader:
    """A socket whose reader has a small buffer.

    http.client's own takes 8 KiB as long as the response is open, and the beginning of the body waits in it.
    The buffer is only for status line and headers: the body is read past it.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> Any:
        return self._sock.makefile(mode, HEAD)


class _Response(http.client.HTTPResponse):
    """A response: http.client makes one after the request was sent and before it reads the first byte."""

    def __init__(
        self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(_SmallReader(sock), debuglevel, method=method, url=url)  # type: ignore[arg-type]
        watch: Watch | None = getattr(_here, "watch", None)
        if watch is None:
            return
        if watch.connecting:  # a proxy's answer to CONNECT
            raw: Any = self.fp.raw
            raw._sock = ConnectingSocket(raw._sock, watch)
        else:
            if watch.request_sent is None:
                watch.request_sent = watch.now()
            watch.guard(self.fp)

    def begin(self) -> None:
        """Read status line and headers. http.client takes the end of the connection for the end of both."""
        if self.fp is not None:
            reader: Any = self.fp
            self.fp = _WholeLines(reader)  # type: ignore[assignment]
            try:
                super().begin()
            finally:
                if self.fp is not None:
                    self.fp = reader

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line. http.client skips 100 only; RFC 9110, section 15.2, has others."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        is_informational = 100 < status < 200 and status != http.client.SWITCHING_PROTOCOLS
        return version, http.client.CONTINUE if is_informational else status, reason


class _WholeLines:
    """The reader of a response; a line that the end of the connection cuts raises RemoteDisconnected."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._reader.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.RemoteDisconnected(
                "the server closed the connection in the middle of the headers"
            )
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _Watched:
    """What both kinds of connections add: the connect clock, the cancel switch, early answers."""

    response_class = _Response
    sock: Any
    _spare: socket.socket | None = None  # of the connection that is being made
    _was_cut = False  # True if the server answered before it had read the whole request

    def connect(self) -> None:
        watch: Watch | None = getattr(_here, "watch", None)
        if watch is None:
            super().connect()  # type: ignore[misc]
            return
        self._was_cut = False
        watch.begin_connect()
        try:
            super().connect()  # type: ignore[misc]
            watch.hold(self.sock)
        finally:
            self._release_spare()
        watch.connecting = False

    def _new_conn(self) -> Any:
        """Return a connected socket. `cancel()` keeps a duplicate of it, because TLS takes this one over."""
        watch: Watch | None = getattr(_here, "watch", None)
        if watch is None:
            return super()._new_conn()  # type: ignore[misc]
        here: Any = self
        try:
            sock = open_socket(
                here._dns_host,
                here.port,
                watch,
                source=here.source_address,
                options=here.socket_options or (),
            )
        except socket.gaierror as exc:
            raise NameResolutionError(here.host, here, exc) from exc
        except TimeoutError as exc:
            raise ConnectTimeoutError(here, f"connecting to {here.host} timed out") from exc
        except OSError as exc:
            raise NewConnectionError(here, f"Failed to establish a new connection: {exc}") from exc
        try:
            self._spare = sock.dup()
            watch.hold(self._spare)  # raises after cancel()
            sys.audit("http.client.connect", self, here.host, here.port)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]
        watch: Watch | None = getattr(_here, "watch", None)
        if watch is not None and self.sock is not None:
            left = watch.connect_left()
            self.sock.settimeout(None if left == NEVER else max(left, 0.001))  # the rest, for TLS

    def _release_spare(self) -> None:
        spare = self._spare
        if spare is not None:
            self._spare = None
            spare.close()

    def request(self, *args: Any, **kwargs: Any) -> None:
        watch: Watch | None = getattr(_here, "watch", None)
        if watch is not None and self.sock is not None:
            watch.hold(self.sock)
            watch.begin_send()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        watch: Watch | None = getattr(_here, "watch", None)
        is_large = isinstance(data, bytes | bytearray | memoryview) and len(data) >= SMALL
        if watch is None or not is_large or self.sock is None:
            super().send(data)  # type: ignore[misc]
            return
        try:
            upload(self.sock, data, watch, self.sock.gettimeout())
        except OSError:
            self._was_cut = True
            raise

    @property
    def is_connected(self) -> bool:
        """False for a connection that carries half a request, so that the pool discards it."""
        return not self._was_cut and bool(super().is_connected)  # type: ignore[misc]


class _HTTPConnection(_Watched, HTTPConnection):  # type: ignore[misc]
    pass


class _HTTPSConnection(_Watched, HTTPSConnection):  # type: ignore[misc]
    pass


class _Own:
    """The class of a pool's connections: ours, unless another package has put its own in urllib3's place.

    vcrpy does, to record and replay. Its connections have urllib3's own clocks only.
    """

    def __init__(self, pool: Any, own: type, usual: type) -> None:
        self._pool, self._own, self._usual = pool, own, usual

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        current = self._pool.ConnectionCls
        return self._own if current is self._usual else current


class _Idle(list[Any]):
    """The idle connections of a pool, as a LIFO queue that nobody waits for. queue.LifoQueue takes 4 kB."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self._most = maxsize

    def put(self, connection: Any, block: bool = True) -> None:
        if len(self) >= self._most > 0:
            raise queue.Full
        self.append(connection)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self)


class _HTTPPool(HTTPConnectionPool):
    QueueCls: Any = _Idle
    ConnectionCls: Any = _Own(HTTPConnectionPool, _HTTPConnection, HTTPConnection)


class _HTTPSPool(HTTPSConnectionPool):
    QueueCls: Any = _Idle
    ConnectionCls: Any = _Own(HTTPSConnectionPool, _HTTPSConnection, HTTPSConnection)


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Session(requests.Session):
    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield nothing: transport.py follows redirects. requests would parse the address, and may fail."""
        return iter(())


class _Adapter(HTTPAdapter):
    def close(self) -> None:
        """Close idle connections now; requests only drops its references to their pools."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - not a dict; can't be iterated
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if type(manager) is ProxyManager:  # a SOCKS proxy makes its connections in another way
            manager.pool_classes_by_scheme = _POOLS
        return manager


class KeyAuth(AuthBase):
    """Set the key's headers last.

    As `auth=` it also prevents requests from reading ~/.netrc: an entry for the host would silently replace
    the Authorization header (psf/requests#3929).
    """

    def __init__(self, credentials: Mapping[str, Secret]) -> None:
        self._credentials = dict(credentials)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        credentials: Mapping[str, str] = self._credentials
        if _HTTPPool.ConnectionCls is not _HTTPConnection:  # another package's: it may save them, as strings
            credentials = {name: str(value) for name, value in credentials.items()}
        request.headers.update(credentials)
        return request

    def __repr__(self) -> str:
        return f"KeyAuth({', '.join(self._credentials)})"

"""A requests session with connections that read status line and headers through the caller's watch.

A session of the caller's own (`Client(session=...)`) is used unchanged. Then the watch covers the body from
its first byte, and only requests' read timeout covers the headers.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from .clocks import Watch
from .secrets import Secret

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
    """Return a session with streamkit's adapter for http and https."""
    session = requests.Session()
    adapter = _Adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Response(http.client.HTTPResponse):
    """A response: http.client makes one after the request was sent and before it reads the first byte."""

    def __init__(
        self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method=method, url=url)
        watch: Watch | None = getattr(_here, "watch", None)
        # Without a method it's a proxy's answer to CONNECT, which is part of connecting.
        if watch is not None and method == "POST":
            if watch.request_sent is None:
                watch.request_sent = watch.now()
            watch.guard(self.fp)


def _note_new_connection() -> None:
    watch: Watch | None = getattr(_here, "watch", None)
    if watch is not None:
        watch.connected = watch.connecting = True


def _note_open_connection() -> None:
    watch: Watch | None = getattr(_here, "watch", None)
    if watch is not None:
        watch.connecting = False


class _HTTPConnection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        _note_new_connection()
        super().connect()
        _note_open_connection()


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response

    def connect(self) -> None:
        _note_new_connection()
        super().connect()
        _note_open_connection()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


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
        request.headers.update(self._credentials)
        return request

    def __repr__(self) -> str:
        return f"KeyAuth({', '.join(self._credentials)})"

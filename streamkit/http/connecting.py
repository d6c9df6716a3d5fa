"""A host and a port -> a connected socket, limited by the connect clock and the cancel switch of a watch.

Strategy. The clock covers everything up to an open channel: lookup, each address in turn, a proxy's answer,
TLS. Each step gets the time that is left, not the whole again. A lookup can't be interrupted, so another
thread does it: the caller waits in short naps, and leaves the thread behind if the clock runs out. Callers
that ask for the same host at the same time share one lookup, so a dead resolver costs one thread a host.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._interrupts import is_interrupt
from .clocks import NAP, NEVER, Watch

if TYPE_CHECKING:
    from concurrent.futures import Future

Addresses = Sequence[tuple[Any, ...]]
_lookups: dict[tuple[int, str, int], Future[Addresses]] = {}


def open_socket(
    host: str, port: int, watch: Watch, *, source: Any = None, options: Sequence[tuple[Any, ...]] = ()
) -> socket.socket:
    """Return a socket that is connected to the first address that accepts.

    Raises OSError as `socket.create_connection` does: `gaierror` for an unknown host, and TimeoutError if
    the clock runs out. Raises ConnectionAbortedError after `cancel()`.
    """
    failure: OSError = OSError(errno.EADDRNOTAVAIL, f"no address for {host}")
    for family, kind, protocol, _, address in look_up(host.strip("[]"), port, watch):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            if source:
                sock.bind(source)
            _connect(sock, address, watch)
        except TimeoutError:
            sock.close()
            raise
        except OSError as exc:
            sock.close()
            if is_interrupt(exc):
                raise
            watch.check_open()
            failure = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def look_up(host: str, port: int, watch: Watch) -> Addresses:
    """Return the addresses of *host*, as `getaddrinfo` does. Raises like `open_socket`."""
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name
    from concurrent.futures import TimeoutError as NotDone  # takes 1 ms, which an IP address doesn't need

    lookup = _started(host, port)
    while True:
        watch.check_open()
        left = watch.connect_left()
        if left <= 0:
            raise TimeoutError(f"the lookup of {host} took too long")
        try:
            return lookup.result(min(left, NAP / 2))
        except NotDone as exc:
            if lookup.done() or is_interrupt(exc):  # a TimeoutError of the lookup itself, or of a signal
                raise


def _started(host: str, port: int) -> Future[Addresses]:
    from concurrent.futures import Future

    key = (os.getpid(), host, port)  # a fork keeps the dict, but not the thread
    # Without a lock, which a fork could leave locked for ever: one thread's lookup gets the place.
    mine: Future[Addresses] = Future()
    lookup = _lookups.setdefault(key, mine)
    if lookup is mine:
        thread = threading.Thread(target=_look_up, args=(key, lookup), daemon=True, name="streamkit-dns")
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: better without a clock than never
            _look_up(key, lookup)
    return lookup


def _look_up(key: tuple[int, str, int], lookup: Future[Addresses]) -> None:
    try:
        found = socket.getaddrinfo(key[1], key[2], 0, socket.SOCK_STREAM)
    except BaseException as exc:  # noqa: BLE001 - the caller's thread raises it
        _lookups.pop(key, None)
        lookup.set_exception(exc)
    else:
        _lookups.pop(key, None)  # resolvers cache; a client must see a changed address
        lookup.set_result(found)


def _connect(sock: socket.socket, address: Any, watch: Watch) -> None:
    """Connect *sock*; then its timeout is the rest of the connect clock."""
    sock.setblocking(False)
    result = sock.connect_ex(address)
    if result not in (0, errno.EISCONN):
        if result not in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY):
            raise OSError(result, os.strerror(result))
        if not wait_until_ready(sock, watch, watch.connect_left, write=True):
            raise TimeoutError("timed out")
        if result := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(result, os.strerror(result))
    left = watch.connect_left()
    if left <= 0:
        raise TimeoutError("timed out")
    sock.settimeout(None if left == NEVER else left)


def wait_until_ready(
    sock: Any, watch: Watch, left: Callable[[], float], *, read: bool = False, write: bool = False
) -> bool:
    """Wait until *sock* can be read or written; False after the seconds that *left* returns have passed.

    Raises ConnectionAbortedError soon after `cancel()`.
    """
    while True:
        watch.check_open()
        seconds = left()
        if _is_ready(sock, read, write, max(0.0, min(seconds, NAP / 2))):
            return True
        if seconds <= 0:
            return False


def _is_ready(sock: Any, read: bool, write: bool, seconds: float) -> bool:
    if hasattr(select, "poll"):  # select() can't watch descriptors above 1023
        poll = select.poll()
        poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
        return bool(poll.poll(seconds * 1000))
    wanted = [sock]
    ready = select.select(wanted if read else [], wanted if write else [], wanted, seconds)
    return any(ready)

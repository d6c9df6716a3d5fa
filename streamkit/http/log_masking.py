"""Mask the secrets of a request in the log lines that other libraries write while they send it.

urllib3 logs each path with its query at DEBUG, httpx2 each URL at INFO. Rule: only lines of the thread inside
`masking_logs` change, so a program's own requests are logged as always.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .scrubbing import scrubber

_here = threading.local()  # the function that masks, in a thread that sends a request
LOGGERS = (
    "urllib3.connectionpool",
    "urllib3.util.retry",
    "requests",
    "httpx2",
    *(f"httpcore2.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")),
    *(f"mcp.client.{name}" for name in ("streamable_http", "session", "stdio", "client")),
    "mcp.shared.jsonrpc_dispatcher",
    "client",  # the name that the SDK of MCP gives to one of its loggers
)


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks *secrets* in a text, as they are and as a URL contains them."""
    return scrubber(tuple(secrets)).mask


@contextmanager
def masking_logs(mask: Callable[[str], str]) -> Iterator[None]:
    """Pass the lines that this thread logs during the block through *mask*."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_filter)  # does nothing if it is there
    before = getattr(_here, "mask", None)
    _here.mask = mask
    try:
        yield
    finally:
        _here.mask = before


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        mask = getattr(_here, "mask", None)
        if mask is not None:
            record.msg, record.args = mask(record.getMessage()), None
            if record.exc_info and record.exc_info[0] is not None:
                record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
        return True


_filter = _Masking()

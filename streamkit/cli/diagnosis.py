"""Explain why a request failed in words that a person can act on: the host, the port, the certificate.

Rule: no name of an exception and no errno. An error that isn't known keeps its own message.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..errors import APIConnectionError, APIError, APITimeoutError, AuthenticationError, StreamkitError
from ..http.secrets import redact_url
from .output import error_text

_PLAIN_HTTP = ("WRONG_VERSION_NUMBER", "record layer failure", "RECORD_LAYER_FAILURE")


def explain(error: BaseException, url: str) -> str:
    """Return one sentence about *error*, which was raised by a request to *url*."""
    parts = urlsplit(redact_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    place = f"{parts.hostname}:{port}"
    chain = list(_chain(error))
    text = " ".join(map(str, chain))
    is_local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if any(isinstance(each, ConnectionRefusedError) for each in chain) or "Connection refused" in text:
        return f"nothing listens at {place}; {'is the server running?' if is_local else 'check the port'}"
    if any(isinstance(each, socket.gaierror) for each in chain) or "Failed to resolve" in text:
        return f"no host is called {parts.hostname}; check the spelling, and the network"
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return f"the certificate of {place} isn't trusted; set REQUESTS_CA_BUNDLE to your authority's file"
    if any(word in text for word in _PLAIN_HTTP):
        return f"{place} doesn't speak TLS; write http:// in place of https://"
    if isinstance(error, APITimeoutError) and error.phase == "connect" and parts.scheme == "https":
        return f"{place} doesn't begin TLS; if it speaks plain HTTP, write http://"
    if isinstance(error, APITimeoutError) and error.phase in ("idle", "bytes"):
        return f"{place} sent nothing more for {error.seconds:g} s; chat --timeout S waits longer"
    if isinstance(error, APITimeoutError) or any(isinstance(each, TimeoutError) for each in chain):
        return f"{place} didn't answer in time; is the model still loading? chat --timeout S waits longer"
    if any(isinstance(each, ConnectionError) for each in chain):
        hint = "" if parts.scheme == "https" else "; does it need https://?"
        return f"{place} closed the connection without an answer{hint}"
    if isinstance(error, AuthenticationError):
        return f"the server refuses the key: {error_text(error)}"
    if isinstance(error, APIError) and error.status is not None:
        return f"refused with status {error.status}: {error.message}"
    if isinstance(error, APIConnectionError):
        return error_text(error)
    return f"{type(error).__name__}: {error_text(error)}" if isinstance(error, StreamkitError) else str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and everything inside it: causes, contexts, and exceptions that are arguments."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]

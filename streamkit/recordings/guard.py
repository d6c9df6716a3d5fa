"""What a server on this machine refuses: requests for another host, and headers that HTTP can't carry.

A page in a browser can lead a name of its own to 127.0.0.1 (DNS rebinding) and then read what a local server
answers. The request has that name in `Host`, so a server on loopback answers loopback's own names only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.1
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5


def answers_to(host: str | None, bound: str) -> bool:
    """Return True if a server that is bound to the address *bound* answers a request with that `Host`.

    Without the header, no browser sent the request. A server that isn't on loopback answers any name.
    """
    if host is None or not is_loopback(bound):
        return True
    name = re.sub(r":\d*$", "", host.strip()).removeprefix("[").removesuffix("]").rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Return True for an address, or a name, of this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are one line each, whatever a recording contains."""
    return {
        name: value
        for name, value in headers.items()
        if _NAME.fullmatch(name) and _VALUE.fullmatch(str(value))
    }

"""The APIs by name. A row names the module that defines `WIRE`, which is imported at first use.

Rule: this table is the only list of APIs. To add one, add a folder with a `WIRE` and a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .._checks import got
from .._lazy import load
from ..errors import UsageError
from ..items import Origin

if TYPE_CHECKING:
    from ..items import Item
    from .batch import BatchAPI
    from .wire import Wire

WIRES: dict[str, str] = {
    "chat": "streamkit.wires.chat",
    "responses": "streamkit.wires.responses",
    "messages": "streamkit.wires.messages",
    "gemini": "streamkit.wires.gemini",
}
# Batches that aren't those of the API itself; a profile names them in `batch_api`.
BATCHES: dict[str, str] = {"mistral": "streamkit.wires.chat.mistral_batch"}


def find_wire(name: str) -> Wire:
    """Return the wire called *name*. Raises `UsageError` if the table has none."""
    if not isinstance(name, str) or name not in WIRES:
        raise UsageError(f"wire: expected {' or '.join(WIRES)}, got {got(name, 40)}")
    return cast("Wire", load(WIRES[name]).WIRE)


def find_batch_api(wire: str, kind: str) -> BatchAPI | None:
    """Return the batches of *wire*, or those of *kind*, a profile's `batch_api`; None without any."""
    if kind == "own":
        return find_wire(wire).batch()
    return cast("BatchAPI", load(BATCHES[kind]).batch()) if kind in BATCHES else None


def detect_wire(payload: Mapping[str, Any]) -> Wire:
    """Return the wire of *payload*, a stream's first one or a document; the first row if none fits."""
    wires = [find_wire(name) for name in WIRES]
    return next((wire for wire in wires if wire.detect(payload)), wires[0])


def read_native(entry: Mapping[str, Any], place: str) -> list[Item] | None:
    """Return the items of a message dict in the words of the first API that knows them; None if none does.

    Raises `UsageError` for a part of it that is wrong.
    """
    for name in WIRES:
        items = find_wire(name).read_native(entry, place, Origin(name))
        if items is not None:
            return items
    return None

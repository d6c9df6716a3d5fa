"""A conversation as a file: one item a line, as JSON, so that a turn is kept by appending to it.

Rule: what can be read is read. A line that cannot (cut off by a crash, edited by hand) is named with its
number, and kept verbatim as a `Note`, which is never sent and is written back as it was.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .codec import item_from_jsonable, to_jsonable
from .errors import UsageError
from .items import Item, Note
from .request.inputs import as_items

logger = logging.getLogger("streamkit")

_UNREADABLE = "unreadable"  # in a Note's extra: it stands for a line of the file


def save(path: str | os.PathLike[str], conversation: Any, *, append: bool = False) -> None:
    """Write a conversation (whatever `client.stream` takes as input) to *path*, or behind what is there.

    The whole file is replaced in one step, so that a crash leaves the old one or the new one. Raises
    `UsageError` where the file cannot be written.
    """
    path = Path(path)
    data = b"".join(_line(item) for item in as_items(conversation))
    try:
        if append:
            _append(path, data)
            return
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as exc:
        raise UsageError(f"cannot write the history {path}: {exc.strerror}") from exc


def _append(path: Path, data: bytes) -> None:
    """Behind whole lines only: what a crash left without its newline gets one first."""
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                data = b"\n" + data
        file.write(data)


def load(path: str | os.PathLike[str], *, missing_ok: bool = False) -> list[Item]:
    """The conversation in *path*; an empty one where there is no such file and *missing_ok*.

    Lines that are no items are logged as warnings, with their numbers, and come as `Note`s. Raises
    `UsageError` where the file cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as exc:
        if missing_ok:
            return []
        raise UsageError(f"there is no history {path}") from exc
    except OSError as exc:
        raise UsageError(f"cannot read the history {path}: {exc.strerror}") from exc
    items: list[Item] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            items += _items(line, f"{path}, line {number}")
    return items


def _line(item: Item) -> bytes:
    if isinstance(item, Note) and _UNREADABLE in item.extra:
        return f"{item.text}\n".encode(errors="surrogateescape")
    text = json.dumps(to_jsonable(item), ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")  # half a surrogate pair: as \ud83d, which is JSON


def _items(line: str, where: str) -> Sequence[Item]:
    """One item; those of a message, where the line is as another program or a person would write it."""
    try:
        data = json.loads(line)
        if isinstance(data, dict) and ("type" not in data or isinstance(data.get("content"), str)):
            return as_items(data)
        return [item_from_jsonable(data)]
    except (ValueError, RecursionError) as exc:  # JSONDecodeError and UsageError are both of the first
        logger.warning("%s is no item, and is kept as a note: %s", where, exc)
        return [Note(line, extra={_UNREADABLE: f"{where}: {exc}"})]

"""Save a conversation to a file and load it: one item per line, as JSON, so that a turn is appended.

Rule: every readable line is read. A line that isn't an item, because a crash cut it off or a person edited
it, is logged with its number. It becomes a `Note`, which is never sent and is written back byte for byte.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._checks import FLAG, PATH, check
from ._files import open_private, replace_file
from .codec import item_from_jsonable, to_jsonable
from .errors import UsageError
from .items import Item, Note
from .json_text import encode, loads
from .request.inputs import as_items

logger = logging.getLogger("streamkit")

_UNREADABLE = "unreadable"  # key in a Note's extra: the note stands for a line of the file


def save(path: str | os.PathLike[str], conversation: Any, *, append: bool = False) -> None:
    """Write a conversation (any input of `client.stream`) to *path*, or append it to the file.

    The whole file is replaced in one step, so a crash leaves the old file or the new one, and threads may
    save at once. An existing file keeps its mode; only its owner can read a new one. Raises `UsageError` if
    the file can't be written.
    """
    check("path", path, PATH)
    check("append", append, FLAG)
    path = Path(path)
    items = as_items(conversation, "conversation")
    try:
        data = b"".join(map(_line, items))
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(f"conversation: expected values that JSON can express: {exc}") from exc
    try:
        if append:
            _append(path, data)
            return
        replace_file(path, data)
    except OSError as exc:
        raise UsageError(f"cannot write the history {path}: {exc.strerror}") from exc


def _append(path: Path, data: bytes) -> None:
    """Append *data* on a line of its own: a line that a crash cut off is ended first."""
    with open_private(path, "a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                data = b"\n" + data
        file.write(data)


def load(path: str | os.PathLike[str], *, missing_ok: bool = False) -> list[Item]:
    """Return the conversation in *path*, or an empty one if *missing_ok* and there is no such file.

    Lines that aren't items are logged as warnings, with their numbers, and returned as `Note`s. Raises
    `UsageError` if the file can't be read.
    """
    check("path", path, PATH)
    check("missing_ok", missing_ok, FLAG)
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as exc:
        if missing_ok:
            return []
        raise UsageError(f"cannot read the history {path}: the file doesn't exist") from exc
    except OSError as exc:
        raise UsageError(f"cannot read the history {path}: {exc.strerror}") from exc
    items: list[Item] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            items += _items(line, f"{path}, line {number}")
    return items


def unreadable(items: Sequence[Item]) -> list[str]:
    """Return place and reason of each line that `load` couldn't read as an item."""
    return [
        str(item.extra[_UNREADABLE]) for item in items if isinstance(item, Note) and _UNREADABLE in item.extra
    ]


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `UsageError` if `save` can't write *path*; a program calls this before it pays for an answer."""
    check("path", path, PATH)
    path = Path(path)
    folder = path.parent
    if path.is_dir():
        reason = "it is a directory"
    elif not folder.is_dir():
        reason = f"there is no directory {folder}"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = "permission denied"
    else:
        return
    raise UsageError(f"cannot write the history {path}: {reason}")


def _line(item: Item) -> bytes:
    if isinstance(item, Note) and _UNREADABLE in item.extra:
        return f"{item.text}\n".encode(errors="surrogateescape")
    return encode(to_jsonable(item)) + b"\n"


def _items(line: str, where: str) -> Sequence[Item]:
    """Return the line's item, or the items of a message as a person or another program writes it."""
    try:
        data = loads(line)
        if isinstance(data, dict) and ("type" not in data or isinstance(data.get("content"), str)):
            return as_items(data)
        return [item_from_jsonable(data)]
    except (ValueError, RecursionError) as exc:  # NotJSONError and UsageError are ValueErrors
        logger.warning("%s isn't an item; it is kept as a note: %s", where, exc)
        return [Note(line, extra={_UNREADABLE: f"{where}: {exc}"})]
